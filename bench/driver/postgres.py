"""A PostgreSQL of its own in a folder of its own, as durable as by default, with a standby when asked for."""

import os
import pathlib
import pwd
import shutil
import subprocess
import time

from . import machine

LOG_SEGMENTS = 32  # of 16 MiB: more than one measurement writes
PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")


class Postgres:
    """Reached by its socket file. Its settings are the server's own, but for what is said here."""

    def __init__(self, folder, copy_of=None):
        self.folder = folder / ("standby" if copy_of else "postgres")
        self.folder.mkdir(parents=True)
        # initdb refuses root, so root becomes the postgres user of Debian's package.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.as_user:
            folder.chmod(0o755)
            shutil.chown(self.folder, "postgres", "postgres")
        self.url = f"postgresql://{self.user}@/postgres?host={self.folder}"
        self.data = self.folder / "data"
        if copy_of:
            self.run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "-d", copy_of.url)
        else:
            self.run("initdb", "-D", self.data, "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8")
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=on -c synchronous_commit=on"
        options += f" -c min_wal_size={LOG_SEGMENTS * 16}MB"
        self.run("pg_ctl", "-D", self.data, "-o", options, "-l", self.folder / "log", "-w", "start")
        self.pid = int((self.data / "postmaster.pid").read_text().split()[0])
        for pid in machine.descendants(self.pid):
            os.sched_setaffinity(pid, machine.cores())

        if not copy_of:
            self.run_in()

    def run_in(self):
        """As a server that has been at work for a while: the files of its log are there and used again. To fill a new
        one with zeros takes a server longer than a hundred commits."""
        for _ in range(LOG_SEGMENTS):
            self.sql("SELECT pg_logical_emit_message(false, 'bench', ''), pg_switch_wal()")
        self.sql("CHECKPOINT")

    def run(self, program, *arguments):
        done = subprocess.run(
            [*self.as_user, PROGRAMS / program, *arguments], cwd="/", capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")

    def psql(self, *arguments):
        command = [PROGRAMS / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def sql(self, text):
        return self.psql("-c", text)

    def durability(self):
        shown = {name: self.sql(f"SHOW {name}") for name in ("fsync", "synchronous_commit", "wal_sync_method")}
        confirmed = self.sql("SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')")
        settings = ", ".join(f"{name}={value}" for name, value in shown.items())
        return f"PostgreSQL 15, {settings}, synchronous standbys: {confirmed}"

    def confirm_by(self, standbys):
        """Whose flush of the log each commit waits for: '*', or '' for none. Returns when it holds."""
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{standbys}'")
        self.sql("SELECT pg_reload_conf()")
        state = "sync" if standbys else "async"
        end = time.monotonic() + 20
        while self.sql("SELECT sync_state FROM pg_stat_replication") != state:
            if time.monotonic() > end:
                raise RuntimeError(f"no standby became {state}")
            time.sleep(0.05)

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")
