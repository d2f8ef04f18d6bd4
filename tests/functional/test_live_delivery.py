"""Live updates to many: everyone sees every change once and in order; who cannot follow is told or let go."""

import json
import queue
import threading

import harness
import pytest

TASKS = "/api/collections/tasks/records"
TOPIC = "/api/events?topic=tasks%2F*"


def data(event):
    return json.loads(event["data"])


def add(client, title):
    answer = client.post(TASKS, {"title": title, "description": "d"})
    assert answer.status == 200, answer
    return answer.headers["Minga-Position"]


def in_threads(tasks):
    """Runs all at once; the first failure is raised here."""
    failures = queue.Queue()

    def guarded(task):
        try:
            task()
        except BaseException as failure:  # handed to the test
            failures.put(failure)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not failures.empty():
        raise failures.get()


def test_every_subscriber_sees_every_change_once_and_in_order(server):
    subscribers, writers, each = 40, 4, 50
    streams = [server.events(TOPIC) for _ in range(subscribers)]
    seen = [[] for _ in streams]

    def write(own):
        client = server.client()
        for n in range(each):
            record = client.post(TASKS, {"title": f"w{own}-{n}", "description": "d"}).json()
            if n % 5 == 0:
                assert client.patch(f"{TASKS}/{record['id']}", {"done": True}).status == 200
            if n % 10 == 0:
                assert client.delete(f"{TASKS}/{record['id']}").status == 204

    changes = writers * (each + each // 5 + each // 10)

    def read(own):
        for _ in range(changes):
            event = streams[own].next()
            seen[own].append((event["id"], data(event)["action"], data(event)["record"]["id"]))

    try:
        in_threads(
            [lambda own=own: read(own) for own in range(subscribers)]
            + [lambda own=own: write(own) for own in range(writers)]
        )
    finally:
        for stream in streams:
            stream.close()
    assert all(events == seen[0] for events in seen)
    numbers = [harness.place(position) for position, _, _ in seen[0]]
    assert numbers == sorted(set(numbers))
    for id in {id for _, _, id in seen[0]}:
        actions = [action for _, action, of in seen[0] if of == id]
        assert actions in (["create"], ["create", "update"], ["create", "update", "delete"])


def test_a_reader_that_comes_and_goes_misses_nothing(server):
    """Reconnects all the time, under writers, with the last position it saw."""
    total, wanted = 200, {f"hop-{n}" for n in range(200)}
    client = server.client()
    position = add(client, "hop-first")
    seen = []

    def write():
        own = server.client()
        for n in range(total):
            add(own, f"hop-{n}")

    def hop():
        last = position
        while len(seen) < total:
            with server.events(TOPIC, Last_Event_ID=last) as stream:
                for _ in range(min(7, total - len(seen))):
                    event = stream.next()
                    last = event["id"]
                    seen.append(data(event)["record"]["title"])

    in_threads([write, hop])
    assert sorted(seen) == sorted(wanted)
    assert seen == [f"hop-{n}" for n in range(total)]


def test_the_position_of_a_write_is_a_place_to_go_on_from(server, client):
    before = add(client, "own write")
    with server.events(f"{TOPIC}&since={before}") as stream:
        add(client, "next write")
        # While another transaction runs, of autovacuum say, the place is before the write's own change and names it.
        own = (before.rpartition("-")[2].split(".") + ["0", "0"])[2]
        titles = ["next write"] if own == "0" else ["own write", "next write"]
        assert [data(stream.next())["record"]["title"] for _ in titles] == titles


class TestResync:
    def asks(self, server, position):
        with server.events(TOPIC, Last_Event_ID=position) as stream:
            event = data(stream.next())
            assert event["action"] == "resync" and event["record"] == {}
            add(server.client(), "after the resync")
            following = stream.next()
            assert data(following)["record"]["title"] == "after the resync"
            assert harness.place(following["id"]) > harness.place(event["position"])

    @pytest.mark.parametrize("position", ["unknown-5", "noposition", "-", "5", "x" * 300])
    def test_unknown_positions(self, server, position):
        self.asks(server, position)

    def test_a_position_adds_no_lines_to_the_stream(self, server):
        with server.raw() as raw:
            raw.send(f"GET {TOPIC}&since=a%0Adata%3A%20forged%0A%0A-5 HTTP/1.1\nHost: a\n\n")
            assert b"forged" not in raw.read_until(b"resync")

    def test_a_position_that_lies_ahead(self, server, client):
        epoch = add(client, "now").rsplit("-", 1)[0]
        self.asks(server, f"{epoch}-99999999")
        self.asks(server, f"{epoch}-9223372036854775807")
        self.asks(server, f"{epoch}-92233720368547758079")

    def test_every_topic_is_told(self, server, client):
        one = client.post(TASKS, {"title": "a", "description": "b"}).json()["id"]
        with server.events(f"{TOPIC}&topic=tasks%2F{one}", Last_Event_ID="unknown-1") as stream:
            assert {stream.next()["event"] for _ in range(2)} == {"tasks/*", f"tasks/{one}"}

    def test_more_changes_than_are_replayed(self, make_server):
        server = make_server()
        client = server.client()
        first = client.post("/items/items", {"name": "first"})
        assert first.status == 201

        def end():
            with server.events("/api/events?topic=items", Last_Event_ID="unknown-1") as stream:
                return stream.next()["id"]

        start = end()

        def grow(count):
            lines = b"".join(b'{"name":"n%d"}\n' % n for n in range(count))
            report = client.post("/items/items/import", lines, Content_Type="application/x-ndjson").json()
            assert report["added"] == count

        grow(10_000)
        with server.events("/api/events?topic=items&since=" + start) as stream:
            replayed = [harness.place(stream.next()["id"]) for _ in range(10_000)]
        assert replayed == sorted(set(replayed))
        grow(1)
        # While another transaction runs, of autovacuum say, it is not there yet.
        harness.wait_for(lambda: harness.place(end()) > replayed[-1])
        with server.events("/api/events?topic=items&since=" + start) as stream:
            assert data(stream.next())["action"] == "resync"


def test_a_slow_reader_is_let_go_at_once_and_others_are_not_harmed(make_server):
    server = make_server()
    client = server.client()
    with harness.Raw(server.url) as slow, server.events(TOPIC) as quick:
        slow.socket.setsockopt(harness.socket.SOL_SOCKET, harness.socket.SO_RCVBUF, 4096)
        slow.send(f"GET {TOPIC} HTTP/1.1\nHost: a\n\n")
        slow.read_until(b"retry:")
        # A stream is counted just after its head was sent.
        harness.wait_for(lambda: "\nminga_live_subscribers 2\n" in client.get("/metrics").text)
        description = "\U0001f600" * 2000  # 8,000 bytes: what the kernel keeps for the slow one is soon full
        count = 2200

        def write():
            for n in range(count):
                assert client.post(TASKS, {"title": f"t{n}", "description": description}).status == 200

        def read():
            for n in range(count):
                assert data(quick.next())["record"]["title"] == f"t{n}"

        in_threads([write, read])
        # Long before the time that a client may take nothing (30 s).
        harness.wait_for(lambda: "\nminga_live_subscribers 1\n" in client.get("/metrics").text)
        client.post(TASKS, {"title": "one more", "description": "d"})
        assert data(quick.next())["record"]["title"] == "one more"


@pytest.mark.parametrize(
    "query", ["", "topic=", "topic=" + "x" * 2501, "topic=a%0Ab", "topic=tasks%3Foptions%3D%7B", "topic=%ff"]
)
def test_topics_that_cannot_be(client, query):
    answer = client.get(f"/api/events?{query}")
    assert answer.status == 400, answer
    assert answer.json()["message"]


def test_fields_of_a_topic(server, client):
    topic = harness.urllib.parse.quote('tasks/*?options={"query":{"fields":"id,title"}}', safe="")
    with server.events(f"/api/events?topic={topic}") as stream:
        add(client, "cut")
        event = stream.next()
        assert set(data(event)["record"]) == {"id", "title"}
        assert event["event"] == 'tasks/*?options={"query":{"fields":"id,title"}}'
