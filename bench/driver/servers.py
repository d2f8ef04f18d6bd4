"""What is measured: minga, and the peer over a PostgreSQL of its own. Each is started, and surely stopped again."""

import json
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

from . import machine

HERE = pathlib.Path(__file__).resolve().parent.parent
POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")


def pinned(command):
    return ["taskset", "-c", ",".join(map(str, machine.cores())), *map(str, command)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, data=None):
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    body = None if data is None else json.dumps(data).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
        return json.load(answer)


def wait_until_answers(url, process, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            return fetch(url)
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{process.args} did not answer at {url}") from None
            time.sleep(0.05)


def stop(process, seconds=20):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Postgres:
    """A server of its own in a folder of its own, reached by its socket file, durable as by default."""

    def __init__(self, folder):
        self.folder = folder / "postgres"
        self.folder.mkdir()
        # initdb refuses root, so root becomes the postgres user of Debian's package.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.as_user:
            folder.chmod(0o755)
            shutil.chown(self.folder, "postgres", "postgres")
        self.url = f"postgresql://{self.user}@/postgres?host={self.folder}"
        self.run("initdb", "-D", self.folder / "data", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8")
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=on -c synchronous_commit=on"
        self.run("pg_ctl", "-D", self.folder / "data", "-o", options, "-l", self.folder / "log", "-w", "start")
        self.pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        for pid in machine.descendants(self.pid):
            os.sched_setaffinity(pid, machine.cores())
        self.psql("-f", str(HERE / "peer" / "schema.sql"))

    def run(self, program, *arguments):
        done = subprocess.run(
            [*self.as_user, POSTGRES / program, *arguments], cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")

    def psql(self, *arguments):
        command = [POSTGRES / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def durability(self):
        shown = {name: self.psql("-c", f"SHOW {name}") for name in ("fsync", "synchronous_commit", "wal_sync_method")}
        return "PostgreSQL 15, " + ", ".join(f"{name}={value}" for name, value in shown.items())

    def stop(self):
        self.run("pg_ctl", "-D", self.folder / "data", "-m", "fast", "-w", "stop")


class Peer:
    """Flask under gunicorn: two workers, synchronous or with threads."""

    paths = {"create": "/add", "read": "/tasks/{id}", "list": "/", "hits": "/hits"}

    def __init__(self, folder, kind):
        self.name = {"sync": "Flask, 2 sync workers", "gthread": "Flask, 2 workers of 8 threads"}[kind]
        self.postgres = Postgres(folder)
        try:
            port = free_port()
            self.url = f"http://127.0.0.1:{port}"
            environment = dict(os.environ, DATABASE_URL=self.postgres.url, PEER_POOL="1" if kind == "sync" else "8")
            command = [
                "/usr/bin/python3", "-m", "gunicorn", "--chdir", HERE / "peer", "--bind", f"127.0.0.1:{port}",
                "--workers", "2", "--worker-class", kind, "--log-level", "warning",
                "--pythonpath", HERE / "peer", "app:app",
            ]  # fmt: skip
            if kind == "gthread":
                command[-1:-1] = ["--threads", "8"]
            self.process = subprocess.Popen(
                pinned(command), env=dict(environment, PYTHONDONTWRITEBYTECODE="1"), stdout=sys.stderr
            )
        except BaseException:
            self.postgres.stop()
            raise

    def ready(self):
        wait_until_answers(self.url + "/", self.process)

    def durability(self):
        return self.postgres.durability()

    def memory_mib(self):
        return machine.resident_mib(machine.descendants(self.process.pid) + machine.descendants(self.postgres.pid))

    def stop(self):
        stop(self.process)
        self.postgres.stop()


class Minga:
    name = "minga"
    paths = {
        "create": "/tasks/add",
        "read": "/api/collections/tasks/records/{id}",
        "list": "/tasks/",
        "hits": "/hits/",
    }

    def __init__(self, folder, binary):
        self.folder = folder / "minga"
        self.process = subprocess.Popen(
            pinned([binary, "serve", "--listen", "127.0.0.1:0", "--data", self.folder, "--log-level", "warning"]),
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.process.stdout.readline().strip().rstrip("/")
        if not self.url:
            stop(self.process)
            raise RuntimeError(f"{binary} printed no URL")

    def ready(self):
        wait_until_answers(self.url + "/tasks/", self.process)

    def durability(self):
        return "SQLite, journal_mode=WAL, synchronous=FULL, group commit"

    def memory_mib(self):
        return machine.resident_mib(machine.descendants(self.process.pid))

    def stop(self):
        stop(self.process)
        self.process.stdout.close()
