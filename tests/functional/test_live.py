"""Live updates: every committed change, once, in order, with its position."""

import json
import threading

import harness
import pytest

SERVE = ["--app", "tasks"]
TASKS = "/api/collections/tasks/records"
TOPIC = "/api/events?topic=tasks%2F*"


@pytest.fixture
def add(client):
    return lambda title="a": client.post(TASKS, {"title": title, "description": "d"}).json()


def data(event):
    return json.loads(event["data"])


class TestEvents:
    def test_tells_what_changed(self, server, client, add):
        with server.events(TOPIC) as events:
            assert events.status == 200
            assert events.headers["Content-Type"].startswith("text/event-stream")
            assert events.headers["Cache-Control"] == "no-store"
            record = add("live")
            created = events.next()
            assert created["event"] == "tasks/*"
            assert data(created)["action"] == "create" and data(created)["record"] == record
            assert created["id"] == data(created)["position"]
            client.patch(f"{TASKS}/{record['id']}", {"done": True})
            assert data(events.next())["record"]["done"] is True
            client.delete(f"{TASKS}/{record['id']}")
            deleted = data(events.next())
            assert (deleted["action"], deleted["record"]["id"]) == ("delete", record["id"])

    def test_says_nothing_of_what_did_not_happen(self, server, client, add):
        with server.events(TOPIC) as events:
            client.post(TASKS, {"title": ""})
            add("after")
            assert data(events.next())["record"]["title"] == "after"

    def test_the_application_changes_the_same_records(self, server, client):
        with server.events(TOPIC) as events:
            client.post("/add", {"title": "by the application", "description": "d"})
            assert data(events.next())["record"]["title"] == "by the application"

    def test_resumes_where_it_stopped(self, server, add):
        with server.events(TOPIC) as events:
            add("before")
            position = events.next()["id"]
        missed = [add(f"missed {n}")["id"] for n in range(5)]
        with server.events(TOPIC, Last_Event_ID=position) as events:
            assert [data(events.next())["record"]["id"] for _ in missed] == missed
            after = add("after")["id"]
            assert data(events.next())["record"]["id"] == after

    def test_an_unknown_position_means_fetch_again(self, server):
        with server.events(TOPIC, Last_Event_ID="nosuchepoch-1") as events:
            event = data(events.next())
            assert event["action"] == "resync" and event["position"]

    def test_one_record(self, server, client, add):
        one, other = add("one")["id"], add("other")["id"]
        with server.events(f"/api/events?topic=tasks%2F{one}") as events:
            client.patch(f"{TASKS}/{other}", {"title": "changed"})
            client.patch(f"{TASKS}/{one}", {"title": "changed"})
            assert data(events.next())["record"]["id"] == one

    def test_order_and_completeness_under_writers(self, server):
        writers, each = 8, 25

        def write(number):
            own = server.client()
            for n in range(each):
                assert own.post(TASKS, {"title": f"w{number}-{n}", "description": "d"}).status == 200
            own.close()

        with server.events(TOPIC) as events:
            threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
            for thread in threads:
                thread.start()
            seen = [data(events.next()) for _ in range(writers * each)]
            for thread in threads:
                thread.join()
        titles = [event["record"]["title"] for event in seen]
        assert sorted(titles) == sorted(f"w{number}-{n}" for number in range(writers) for n in range(each))
        for number in range(writers):
            own = [title for title in titles if title.startswith(f"w{number}-")]
            assert own == [f"w{number}-{n}" for n in range(each)]
        numbers = [harness.place(event["position"]) for event in seen]
        assert numbers == sorted(set(numbers))

    def test_a_stream_ends_with_the_server(self, make_server):
        server = make_server(*SERVE)
        with server.events(TOPIC) as events:
            server.terminate()
            with pytest.raises((AssertionError, ConnectionError), match="ended|reset"):
                events.next()
