"""Start, stop and crash: what was acknowledged is there, what runs is finished, nothing is left."""

import http.client
import signal
import threading

import harness
import pytest

TASKS = "/api/collections/tasks/records"


def begin_task(raw, length):
    """Sends a request's head, until the server asks for the body: the request runs."""
    raw.send(f"POST {TASKS} HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: {length}\n")
    raw.send("Expect: 100-continue\n\n")
    assert raw.reader.readline() == b"HTTP/1.1 100 Continue\r\n" and raw.reader.readline() == b"\r\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly(make_server, number):
    server = make_server()
    server.client().post(TASKS, {"title": "a", "description": "b"})
    server.process.send_signal(number)
    assert server.process.wait(harness.STOPPING) == 0
    assert not server.left_over()


def test_finishes_what_runs(make_server):
    server = make_server()
    body = b'{"title":"half","description":"way"}'
    with server.raw() as raw:
        begin_task(raw, len(body))
        raw.send(body[:10])
        server.process.send_signal(signal.SIGTERM)
        raw.send(body[10:])
        answer = raw.read_answer("POST")
    assert answer.status in (200, 503), answer
    assert server.process.wait(harness.STOPPING) == 0
    stored = make_server().client().get(TASKS).json()["totalItems"]
    assert stored == (1 if answer.status == 200 else 0)


@pytest.fixture
def half_sent(make_server):
    """A server with a request that runs: of its body the end is still to come."""
    server = make_server()
    with server.raw() as raw:
        begin_task(raw, 2)
        yield server, raw


def test_tells_who_is_not_finished_in_time(make_server):
    server = make_server("--drain-timeout", "300")
    with server.raw() as raw:
        begin_task(raw, 2)
        server.process.send_signal(signal.SIGTERM)
        answer = raw.read_answer("POST")
    assert answer.status == 503 and answer.headers["Retry-After"], answer
    assert "is stopping" in answer.json()["message"]
    assert server.process.wait(harness.STOPPING) == 0
    assert " error " not in server.log()


def test_two_signals_at_once_are_one(half_sent):
    """As timeout(1) sends them: the second must not end what the first lets finish."""
    server, raw = half_sent
    server.process.send_signal(signal.SIGTERM)
    harness.wait_for(lambda: "finishing what runs" in server.log())
    server.process.send_signal(signal.SIGTERM)
    raw.send(b"{}")
    assert raw.read_answer("POST").status in (400, 503)
    assert server.process.wait(harness.STOPPING) == 0


def test_a_later_signal_ends_at_once(half_sent):
    server, _ = half_sent

    def ended():
        server.process.send_signal(signal.SIGTERM)
        return server.process.poll() is not None

    harness.wait_for(ended)
    assert server.process.returncode == -signal.SIGTERM


def test_every_answer_under_a_stop_is_true(make_server):
    """Writers run into a SIGTERM: what was acknowledged is stored, nothing else is but what was in doubt."""
    server = make_server()
    acknowledged, unknown, stop = [], [], threading.Event()

    def write(number):
        own, n = server.client(), 0
        while not stop.is_set():
            title = f"w{number}-{n}"
            n += 1
            try:
                if own.post(TASKS, {"title": title, "description": "d"}).status == 200:
                    acknowledged.append(title)
            except (OSError, http.client.HTTPException):  # the connection ended before an answer
                unknown.append(title)
            if not server.running():
                return

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    harness.wait_for(lambda: len(acknowledged) > 50)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(harness.STOPPING) == 0
    stop.set()
    for thread in threads:
        thread.join()
    client = make_server().client()
    stored, page = set(), 1
    while items := client.get(f"{TASKS}?perPage=1000&page={page}").json()["items"]:
        stored |= {item["title"] for item in items}
        page += 1
    assert set(acknowledged) <= stored
    assert stored <= set(acknowledged) | set(unknown)


def test_starts_again_on_its_data(make_server):
    first = make_server()
    id = first.client().post(TASKS, {"title": "kept", "description": "d"}).json()["id"]
    first.terminate()
    second = make_server()
    assert second.client().get(f"{TASKS}/{id}").json()["title"] == "kept"


@pytest.mark.skipif(harness.tests_postgres(), reason="the embedded engine's file")
def test_the_data_is_for_its_owner_alone(make_server):
    """The database holds the signing secret."""
    server = make_server()
    assert server.data.stat().st_mode & 0o077 == 0
