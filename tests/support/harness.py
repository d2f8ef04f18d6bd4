"""Starts the built server and talks to it: processes, HTTP by the standard library, raw sockets, event streams."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

PATIENCE = 10.0  # seconds for one answer
STARTING = 30.0  # for a start; sanitizers and busy machines are slow
STOPPING = 20.0


class Answer:
    """An HTTP answer: status, headers (one value each, without regard to case), body."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:2000]!r}>"


class Client:
    """One keep-alive connection to a server. Not for several threads: each takes a client of its own."""

    def __init__(self, url, **headers):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)

    def request(self, method, path, body=None, *, form=None, headers=None, **more):
        """Sends `body` (JSON unless it is bytes) or `form` (urlencoded); more headers as keywords, _ for -."""
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in more.items()}, **(headers or {})}
        if form is not None:
            body = urllib.parse.urlencode(form).encode()
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        elif body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except BaseException:
            self.connection.close()  # the next request begins on a new connection
            raise

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def head(self, path, **more):
        return self.request("HEAD", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def put(self, path, body=None, **more):
        return self.request("PUT", path, body, **more)

    def patch(self, path, body=None, **more):
        return self.request("PATCH", path, body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def options(self, path, **more):
        return self.request("OPTIONS", path, **more)

    def close(self):
        self.connection.close()


class SharedReader:
    """Gives HTTPResponse a connection's one buffered reader and keeps it from closing it."""

    def __init__(self, reader):
        self.reader = reader

    def makefile(self, _mode):
        return self

    def __getattr__(self, name):
        return getattr(self.reader, name)

    def close(self):
        pass


class Raw:
    """A bare TCP connection, for what no HTTP library would send."""

    def __init__(self, url, timeout=PATIENCE):
        parts = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=timeout)
        self.reader = self.socket.makefile("rb")

    def send(self, *texts):
        for text in texts:
            self.socket.sendall(text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode())
        return self

    def read_all(self, limit=1_000_000):
        """All bytes until the server closes; a reset counts as a close."""
        received = b""
        try:
            while len(received) < limit and (more := self.socket.recv(65536)):
                received += more
        except ConnectionResetError:
            pass
        return received

    def read_answer(self, method="GET"):
        """The next answer on this connection, parsed. One reader serves all of them: it may hold the
        beginning of the next."""
        answer = http.client.HTTPResponse(SharedReader(self.reader), method=method)
        answer.begin()
        return Answer(answer.status, answer.headers, answer.read())

    def read_until(self, mark):
        received = b""
        while mark not in received:
            more = self.socket.recv(65536)
            assert more, f"the connection ended before {mark!r}: {received!r}"
            received += more
        return received

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Events:
    """A text/event-stream, read event by event: each a dict of its fields."""

    def __init__(self, url, path, **headers):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request("GET", path, headers={"Accept": "text/event-stream", **sent})
        self.answer = self.connection.getresponse()
        self.status, self.headers = self.answer.status, self.answer.headers

    def next(self):
        """The next event that is no comment and carries data."""
        event = {}
        while True:
            line = self.answer.readline()
            assert line, "the event stream ended"
            line = line.decode("utf-8").rstrip("\r\n")
            if not line:
                if "data" in event:
                    return event
                event = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                event[name] = event[name] + "\n" + value if name in event else value

    def close(self):
        # Python's response keeps the socket of a stream without end.
        self.answer.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def tests_postgres():
    """Whether this run of the tests is for servers on PostgreSQL."""
    return os.environ.get("MINGA_TEST_ENGINE") == "postgres"


def binary():
    path = os.environ.get("MINGA_BINARY")
    assert path, "MINGA_BINARY names the server to test"
    return pathlib.Path(path)


def environment(**more):
    """What the server sees: nothing of the tester's own settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MINGA_") and name not in ("PORT", "BIND_PORT", "DATABASE_URL")
    }
    return {**kept, **more}


def run(*arguments, input=None, cwd=None, timeout=60, **more):
    """Runs a command of the binary to its end; text in and out."""
    return subprocess.run(
        [binary(), *map(str, arguments)], input=input, capture_output=True, text=True, cwd=cwd, timeout=timeout,
        env=environment(**more), check=False,
    )  # fmt: skip


def place(position):
    """Where a position stands in the change log: a number, on PostgreSQL one within a transaction."""
    return tuple(map(int, position.rsplit("-", 1)[1].split(".")))


class Server:
    """`minga serve` on a port that the kernel chose, with a data folder of its own, and the database in it or the one
    that `database_of` gives for the folder. `runner` is what stands before its command line."""

    database_of = None

    def __init__(self, folder, *arguments, listen="127.0.0.1:0", runner=(), **more):
        self.data = pathlib.Path(folder) / "data"
        self.log_path = pathlib.Path(folder) / f"log-{time.monotonic_ns()}"
        self.runner = runner
        self.arguments = ["serve", "--data", str(self.data), *map(str, arguments)]
        if listen:
            self.arguments += ["--listen", listen]
        if Server.database_of:
            more = {"DATABASE_URL": Server.database_of(self.data), **more}
        self.more = more
        self.process = None
        self.url = None
        self.clients = []

    def start(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*self.runner, binary(), *self.arguments], stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True,
                env=environment(**self.more), cwd=self.data.parent, start_new_session=True,
            )  # fmt: skip
        # A start that says nothing is ended, which ends the wait for its first line.
        watch = threading.Timer(STARTING, self.process.kill)
        watch.start()
        self.url = self.process.stdout.readline().strip()
        watch.cancel()
        assert self.url.startswith(("http://", "https://")), f"no URL, but {self.url!r}; log:\n{self.log()}"
        return self

    def client(self, **headers):
        client = Client(self.url, **headers)
        self.clients.append(client)
        return client

    def raw(self, **options):
        return Raw(self.url, **options)

    def events(self, path, **headers):
        return Events(self.url, path, **headers)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def running(self):
        return self.process is not None and self.process.poll() is None

    def terminate(self):
        """SIGTERM, and the proof that it ended as it should: exit 0, in time, nothing left of it."""
        for client in self.clients:
            client.close()
        self.process.send_signal(signal.SIGTERM)
        await_end(self, STOPPING)
        assert not self.left_over(), "a process of the server outlived it"

    def kill(self):
        """SIGKILL: as a power cut is to the process."""
        for client in self.clients:
            client.close()
        if self.running():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def left_over(self):
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


def await_end(owner, seconds):
    """Of the owner's process, which was sent SIGTERM: in time and with status 0. One that does not end is killed."""
    try:
        status = owner.process.wait(seconds)
    except subprocess.TimeoutExpired:
        owner.kill()
        raise AssertionError(f"still running {seconds} s after SIGTERM; log:\n{owner.log()}") from None
    owner.process.stdout.close()
    assert status == 0, f"exit status {status}; log:\n{owner.log()}"


@contextlib.contextmanager
def paused(pids):
    """The processes run no further meanwhile, as on a machine that hangs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def wait_for(condition, seconds=PATIENCE, every=0.02):
    """The condition's first true value, within the time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {condition}"
        time.sleep(every)
    return value
