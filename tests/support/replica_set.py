"""Starts real replica sets on loopback: minga replica with PostgreSQL, Patroni and etcd, one folder for each member."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import harness

STARTING = 90.0  # a first start makes a database; busy machines are slow
STOPPING = 120.0  # it has 90 s of patience with Patroni itself
FAILOVER = 40.0
SETTLING = 60.0
BACKUP = 120.0


def processes():
    """{pid: parent} of all processes that run."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except (OSError, ValueError):
                continue  # it ended meanwhile
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def tree(root):
    """The process and all below it."""
    parents = processes()
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        if pid in parents:
            found.append(pid)
            waiting += [child for child, parent in parents.items() if parent == pid]
    return found


def below(folder):
    """Processes whose command line names the folder: {pid: command line}."""
    found = {}
    for pid in processes():
        try:
            line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found[pid] = line
    return found


class Member:
    """One `minga replica` with a folder of its own and, unless it listens elsewhere, ports that the kernel chose.
    `runner` is what stands before its command line, as to run it on a machine of its own."""

    def __init__(self, folder, set_name="test", *options, listen="127.0.0.1:0", runner=()):
        self.data = folder
        self.token = folder.parent / f"{folder.name}.token"
        self.log_path = folder.parent / f"{folder.name}.log"
        self.runner = runner
        self.options = ["--set", set_name, "--data", folder, "--listen", listen,
                        "--postgres", "shared_buffers=16MB", *options]  # fmt: skip
        self.process = None
        self.lines = []

    def start(self, join=None):
        """Until it has printed that it is of use."""
        self.launch(join)
        return self.wait()

    def launch(self, join=None):
        if join is not None:
            shutil.copy(join.data / "join-token", self.token)
            self.token.chmod(0o600)
            self.options += ["--join", join.name, "--join-token", self.token]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.runner, harness.binary(), "replica", *map(str, self.options)], stdout=subprocess.PIPE, stderr=log,
                stdin=subprocess.DEVNULL, text=True, env=harness.environment(), cwd="/", start_new_session=True,
            )  # fmt: skip
        return self

    def wait(self):
        watch = threading.Timer(STARTING, self.process.kill)
        watch.start()
        self.lines = [self.process.stdout.readline().strip() for _ in range(3)]
        watch.cancel()
        assert self.lines[0].startswith("postgresql://"), f"{self.lines}; log:\n{self.log()}"
        return self

    @property
    def address(self):
        return json.loads((self.data / "member.json").read_text())

    @property
    def name(self):
        return f"{self.address['host']}:{self.address['port']}"

    @property
    def url(self):
        """For applications: of all members it knew when it started."""
        return self.lines[0]

    def log(self, lines=60):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def terminate(self):
        """SIGTERM, and the proof that all of it ended as it should."""
        self.end(self.ask_to_end())

    def ask_to_end(self):
        ours = tree(self.process.pid)
        self.signal(signal.SIGTERM)  # a second one would end it at once
        return ours

    def end(self, ours):
        harness.await_end(self, STOPPING)
        left = set(ours) & set(processes())
        assert not left, f"processes outlived it: {left}"

    def kill(self):
        """SIGKILL of it and everything below it: a machine that is gone."""
        ours = tree(self.process.pid)
        for pid in ours:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process.stdout.close()
        harness.wait_for(lambda: not set(ours) & set(processes()), STOPPING)


class ReplicaSet:
    """Members that are stopped, and whose folders go, at the end."""

    def __init__(self, prefix="minga-set-"):
        # Readable for the user whom root becomes: pytest's own folders are not.
        self.root = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
        self.root.chmod(0o711)
        self.members = []

    def member(self, *options, set_name="test", **more):
        member = Member(self.root / f"m{len(self.members) + 1}", set_name, *options, **more)
        self.members.append(member)
        return member

    def log(self):
        return "\n".join(f"--- {member.data.name}\n{member.log()}" for member in self.members)

    def close(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.root)

    def stop(self):
        running = {member: member.ask_to_end() for member in self.members if member.running()}
        try:
            for member, ours in running.items():
                member.end(ours)
            left = below(self.root)
            assert not left, f"left behind: {left}"
        finally:
            for member in running:
                if member.running():
                    member.kill()


def replicas(member, *arguments):
    """A command for operators, by the member's join token."""
    return harness.run("replicas", *arguments, "--data", member.data, timeout=BACKUP)


def status(member):
    done = replicas(member, "status", "--json")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def database_url(member):
    """With all members that the member knows."""
    done = replicas(member, "config", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["databaseUrl"]


def wait_healthy(member, count):
    """Until the set is of that many members, all of them well; its status then."""

    def healthy():
        seen = status(member)
        is_whole = len(seen["members"]) == seen["voters"] == count and seen["strict"] == (count > 2)
        return seen if seen["healthy"] and is_whole else None

    return harness.wait_for(healthy, 2 * SETTLING, every=0.3)


def psql(url, *statements, timeout=30):
    """Runs the statements as an application would; what they print. Raises when they fail."""
    arguments = [part for statement in statements for part in ("-c", statement)]
    done = subprocess.run(
        ["/usr/lib/postgresql/15/bin/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *arguments, f"{url}&connect_timeout=3"],
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise OSError(done.stderr)
    return done.stdout.strip()


def psql_until(url, *statements, seconds=FAILOVER):
    """The first time that they succeed: failovers end all connections."""
    end = time.monotonic() + seconds
    while True:
        try:
            return psql(url, *statements)
        except (OSError, subprocess.TimeoutExpired) as error:
            assert time.monotonic() < end, error
            time.sleep(0.05)
