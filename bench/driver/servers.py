"""What is measured: minga, and the peer. Each is started, with a PostgreSQL where it needs one, and surely stopped."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.request

from . import machine
from .postgres import Postgres

HERE = pathlib.Path(__file__).resolve().parent.parent


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


class Peer:
    """Flask under gunicorn: two workers, synchronous or with threads."""

    paths = {"create": "/add", "read": "/tasks/{id}", "list": "/", "hits": "/hits"}

    def __init__(self, folder, kind):
        self.name = {"sync": "Flask, 2 sync workers", "gthread": "Flask, 2 workers of 8 threads"}[kind]
        self.postgres = Postgres(folder)
        try:
            self.postgres.psql("-f", str(HERE / "peer" / "schema.sql"))
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

    def parts(self):
        return {"server": self.process.pid, "database": self.postgres.pid}

    def stop(self):
        stop(self.process)
        self.postgres.stop()


class Minga:
    paths = {
        "create": "/tasks/add",
        "read": "/api/collections/tasks/records/{id}",
        "list": "/tasks/",
        "hits": "/hits/",
    }

    def __init__(self, folder, binary, postgres=None):
        """On the file of its own, or on that server, which it stops in the end."""
        self.folder = folder / "minga"
        self.postgres = postgres
        self.standby = None
        self.name = f"minga on {'PostgreSQL' if postgres else 'SQLite'}"
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--data", self.folder, "--log-level", "warning"]
        environment = dict(os.environ, DATABASE_URL=postgres.url) if postgres else None
        self.process = subprocess.Popen(pinned(command), stdout=subprocess.PIPE, text=True, env=environment)
        self.url = self.process.stdout.readline().strip().rstrip("/")
        if not self.url:
            self.stop()
            raise RuntimeError(f"{binary} printed no URL")

    def ready(self):
        wait_until_answers(self.url + "/tasks/", self.process)

    def durability(self):
        if self.postgres:
            return self.postgres.durability()
        return "SQLite, journal_mode=WAL, synchronous=FULL, group commit"

    def parts(self):
        """The processes, each with all below it, that do the work."""
        found = {"server": self.process.pid}
        for name, database in (("database", self.postgres), ("standby", self.standby)):
            if database:
                found[name] = database.pid
        return found

    def metric(self, name):
        """What minga has counted of its database."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return float(re.search(rf"^minga_postgres_{name}_total (.*)$", text, re.M)[1])

    def stop(self):
        stop(self.process)
        self.process.stdout.close()
        if self.postgres:
            self.postgres.stop()
