"""A real PostgreSQL server for tests."""

import contextlib
import ctypes
import itertools
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile

import harness


class Postgres:
    """A PostgreSQL server in a temporary folder, on a port that the kernel chose, user "postgres" without a password.

    It ends with this process, however that ends: run as `postgres` when that is root, for it refuses root. fsync is off
    unless `settings` (lines of postgresql.conf) turn it on.
    """

    programs = pathlib.Path("/usr/lib/postgresql/15/bin")
    end_with_parent = 1  # PR_SET_PDEATHSIG

    def __init__(self, *settings, standby_of=None):
        """`standby_of`: another server that this one is to be a streaming standby of, with its settings."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="minga-postgres-"))
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.data = self.folder / "data"
        self.libc = ctypes.CDLL(None)  # before any fork
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        if standby_of:
            self.clone(standby_of, settings)
        else:
            self.initialize(settings)
        self.process = None
        self.names = (f"test_{number}" for number in itertools.count(1))
        self.start()

    def initialize(self, settings):
        initdb = ["initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8", "-N"]
        assert self.launch(*initdb).wait() == 0, self.log()
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            lines = ["listen_addresses = '127.0.0.1'", f"unix_socket_directories = '{self.folder}'", "fsync = off"]
            lines += ["shared_buffers = 16MB", "log_checkpoints = off", "timezone = UTC", *settings]
            file.write("\n".join(lines) + "\n")

    def clone(self, primary, settings):
        source = ["-h", primary.folder, "-p", primary.port, "-U", "postgres", "-R", "-X", "stream", "-c", "fast"]
        assert self.launch("pg_basebackup", "-D", self.data, *source, "--no-sync").wait() == 0, self.log()
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write("\n".join([f"unix_socket_directories = '{self.folder}'", *settings]) + "\n")

    def launch(self, program, *arguments):
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen(
                [self.programs / program, *map(str, arguments)], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                cwd="/", preexec_fn=self.become,
            )  # fmt: skip

    def become(self):
        """In the child: the server's user, and the wish to end with the parent, which a change of user takes back."""
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        self.libc.prctl(self.end_with_parent, signal.SIGQUIT)

    def start(self):
        self.process = self.launch("postgres", "-D", self.data, "-p", self.port)
        harness.wait_for(self.answers, seconds=60)

    def answers(self):
        assert self.process.poll() is None, f"PostgreSQL did not start:\n{self.log()}"
        return self.psql("SELECT 1", check=False).returncode == 0

    def psql(self, text, database="postgres", check=True):
        command = [self.programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url(database)]
        return subprocess.run([*command, "-c", text], capture_output=True, text=True, check=check)

    def sql(self, text, database="postgres"):
        """The rows, columns separated by |."""
        return self.psql(text, database).stdout.splitlines()

    def url(self, database="postgres"):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self):
        """A fresh database's URL."""
        name = next(self.names)
        self.sql(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def log(self):
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    @contextlib.contextmanager
    def paused(self):
        """Connections stay, nothing is answered."""
        first = self.process.pid
        with harness.paused([first]):  # it starts no others then
            others = pathlib.Path(f"/proc/{first}/task/{first}/children").read_text(encoding="ascii").split()
            with harness.paused([int(other) for other in others]):
                yield

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Session:
    """Someone else in a PostgreSQL database, whose transaction goes on, with what it has locked, until he goes."""

    def __init__(self, postgres, url, sql):
        self.process = subprocess.Popen(
            [postgres.programs / "psql", "-X", "-q", "-t", "-A", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        self.process.stdin.write(f"BEGIN; {sql}; SELECT 'done';\n")
        self.process.stdin.flush()
        while self.process.stdout.readline().strip() != "done":
            assert self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()
