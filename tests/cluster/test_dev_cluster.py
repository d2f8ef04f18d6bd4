"""./dev cluster as a person uses it: breaks it, watches it, ends it; nothing of it is left."""

import contextlib
import json
import os
import pathlib
import pty
import signal
import subprocess
import threading

import harness
import pytest
from replica_set import FAILOVER, below

DEV = pathlib.Path(__file__).resolve().parents[2] / "dev"
STARTING = 240.0
ENDING = 90.0
TASKS = "/api/collections/tasks/records"


class Terminal:
    """One ./dev cluster."""

    def __init__(self, folder):
        try:
            self.screen, self.view = pty.openpty()
        except OSError as error:  # as in a container without /dev/pts
            pytest.skip(f"this machine has no terminal to give: {error}")
        self.state = folder / "state"
        self.environment = harness.environment(
            MINGA_BINARY=str(harness.binary()), MINGA_CLUSTER=str(self.state), TERM="xterm", NO_COLOR=""
        )
        self.process, self.log = None, open(folder / "log", "ab")
        self.reading = threading.Thread(target=self.read, daemon=True)
        self.reading.start()

    def read(self):
        """What the view draws goes to the log, until nobody has the terminal."""
        with contextlib.suppress(OSError):
            while True:
                self.log.write(os.read(self.screen, 65_536))

    def close(self):
        os.close(self.view)
        self.reading.join()
        os.close(self.screen)
        self.log.close()

    def start(self):
        self.process = subprocess.Popen(
            [DEV, "cluster"], stdout=subprocess.PIPE, stderr=self.view, stdin=subprocess.DEVNULL, text=True,
            env=self.environment, start_new_session=True,
        )  # fmt: skip
        watch = threading.Timer(STARTING, self.process.terminate)
        watch.start()
        urls = [self.process.stdout.readline().strip() for _ in range(2)]
        watch.cancel()
        assert all(url.startswith("http://127.0.0.1:") for url in urls), self.said()
        return urls

    def tell(self, *command):
        return subprocess.run(
            [DEV, "cluster", *command], env=self.environment, capture_output=True, text=True, timeout=STARTING, check=False
        )  # fmt: skip

    @property
    def root(self):
        return pathlib.Path(json.loads((self.state / "state.json").read_text())["root"])

    def end(self, number):
        """By a signal: how it ended."""
        self.process.send_signal(number)
        status = self.process.wait(ENDING)
        self.process.stdout.close()
        return status

    def said(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text(errors="replace")


@pytest.fixture
def terminal(tmp_path):
    made = Terminal(tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.end(signal.SIGINT)
    made.close()


def test_a_failover_in_a_terminal(terminal):
    urls = terminal.start()
    one, two = (harness.Client(url) for url in urls)
    made = one.post(TASKS, {"title": "before", "description": "d"})
    assert made.status == 200, made
    again = terminal.tell()
    assert again.returncode == 1 and "runs already" in again.stderr, again
    wrong = terminal.tell("kill", "nobody")
    assert wrong.returncode == 1 and "There is no 'nobody'" in wrong.stderr, wrong

    done = terminal.tell("kill", "primary")
    assert done.returncode == 0 and done.stdout == "killed m1\n", done
    id = made.json()["id"]

    def is_there():
        try:
            return two.get(f"{TASKS}/{id}").status == 200
        except OSError:
            return False  # it waits for the next primary longer than the client

    harness.wait_for(is_there, FAILOVER)
    harness.wait_for(lambda: "m1" in terminal.tell("status").stdout)
    assert "\033[" not in terminal.tell("status").stdout, "a pipe takes no colours"
    assert "\033[32ma write is on 2 of 3 members" in terminal.said(), "the terminal does"
    done = terminal.tell("kill", "n1")
    assert done.stdout == "killed n1\n", done
    done = terminal.tell("heal")
    assert done.returncode == 0, (done, terminal.said())
    assert harness.Client(urls[0]).get(f"{TASKS}/{id}").status == 200, "a node returns where it was"

    root = terminal.root
    assert below(root)
    assert terminal.end(signal.SIGINT) == 0, terminal.said()
    assert not below(root) and not root.exists()
    assert terminal.tell("status").returncode == 1


def test_what_a_killed_one_left_is_cleared_away(terminal):
    terminal.start()
    root = terminal.root
    os.kill(json.loads((terminal.state / "state.json").read_text())["pid"], signal.SIGKILL)
    terminal.process.wait(ENDING)
    assert below(root) and root.exists()
    terminal.start()
    assert not below(root) and not root.exists()
    root = terminal.root
    assert terminal.end(signal.SIGTERM) == 0, terminal.said()
    assert not below(root) and not root.exists()
