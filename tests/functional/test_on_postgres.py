"""The commands on a PostgreSQL database: one URL is all that changes."""

import json
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import harness
import pytest
from postgres_server import Postgres, Session


@pytest.fixture
def url(postgres):
    return postgres.create_database()


@pytest.fixture
def command(url):
    """Runs a command of the binary on the database."""
    return lambda *arguments, **more: harness.run(*arguments, **{"DATABASE_URL": url, **more})


TASK = '{"title":"from a file","description":"d"}\n'


def test_import_and_export(command):
    done = command("import", "tasks", "-", input=TASK * 3 + "no JSON\n")
    assert done.returncode == 1 and done.stdout.startswith("3 added, 1 refused"), done
    lines = command("export", "tasks").stdout.splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["from a file"] * 3


def test_backup_while_serving_and_restore_elsewhere(postgres, make_server, tmp_path, url):
    server = make_server(DATABASE_URL=url)
    client = server.client()
    position = client.post("/api/collections/tasks/records", json.loads(TASK)).headers["Minga-Position"]
    file = tmp_path / "backup"
    done = harness.run("backup", file, DATABASE_URL=url)
    assert done.returncode == 0 and "complete copy" in done.stdout, done
    again = harness.run("backup", file, DATABASE_URL=url)
    assert again.returncode == 1 and "exists already" in again.stderr, again

    other = postgres.create_database()
    done = harness.run("restore", file, DATABASE_URL=other)
    assert done.returncode == 0 and "in place" in done.stdout, done
    (tmp_path / "other").mkdir()
    restored = make_server(DATABASE_URL=other, folder=tmp_path / "other").client()
    assert restored.get("/api/collections/tasks/records").json()["totalItems"] == 1
    later = restored.post("/api/collections/tasks/records", json.loads(TASK)).headers["Minga-Position"]
    assert later.split("-")[0] != position.split("-")[0], "positions of before mean nothing any more"

    refused = harness.run("restore", file, DATABASE_URL=url)
    assert refused.returncode == 1 and "not empty" in refused.stderr, refused


def test_who_goes_on_from_a_write_while_another_transaction_runs_misses_nothing(postgres, make_server, url):
    """What that one may still publish comes before the write, whose position lies before it for that."""
    server = make_server(DATABASE_URL=url)
    client = server.client()

    def add(title):
        return client.post("/api/collections/tasks/records", {"title": title, "description": "d"}).headers["Minga-Position"]

    with Session(postgres, url, "SELECT pg_current_xact_id()"):
        before = add("own write")
    assert before.rpartition("-")[2].split(".")[2] != "0"
    with server.events(f"/api/events?topic=tasks/*&since={before}") as stream:
        add("next write")
        titles = [json.loads(stream.next()["data"])["record"]["title"] for _ in range(2)]
    assert titles == ["own write", "next write"]


def test_no_password_is_shown():
    for url in ("postgresql://me:s3cret@host/name?nonsense=1", "mysql://me:s3cret@host/name"):
        done = harness.run("export", "tasks", DATABASE_URL=url)
        assert done.returncode != 0 and done.stderr
        assert "s3cret" not in done.stderr + done.stdout, done


def test_the_log_says_how_durable_it_is(make_server, url):
    server = make_server(DATABASE_URL=url)
    assert "synchronous_commit=on" in server.log()
    assert server.client().get("/api/ready").status == 200


@pytest.fixture
def two_nodes(make_server, tmp_path, url):
    """On one database, by the minute: what the other did within a test's time they were told."""

    def make(name):
        (tmp_path / name).mkdir()
        return make_server("--poll", "60000", DATABASE_URL=url, folder=tmp_path / name)

    return make("one"), make("two")


def test_two_nodes_serve_one_database(two_nodes):
    one, two = (server.client() for server in two_nodes)
    made = one.post("/api/collections/tasks/records", json.loads(TASK)).json()
    path = f"/api/collections/tasks/records/{made['id']}"
    assert two.get(path).json()["title"] == "from a file"
    assert two.patch(path, {"title": "from two"}).status == 200
    assert one.get(path).json()["title"] == "from two"


def test_a_user_who_may_make_nothing_serves_a_migrated_database(postgres, make_server, command, url):
    assert command("import", "tasks", "-", input=TASK).returncode == 0
    name = url.rsplit("/", 1)[1]
    postgres.sql("CREATE ROLE plain LOGIN")
    postgres.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO plain", name)
    server = make_server(DATABASE_URL=url.replace("postgres@", "plain@"))
    client = server.client()
    assert client.post("/api/collections/tasks/records", json.loads(TASK)).status == 200
    assert client.get("/api/collections/tasks/records?filter=title~'FILE'").json()["totalItems"] == 2


def test_nodes_tell_each_other_of_changes(two_nodes):
    one, two = two_nodes
    with one.events("/api/events?topic=tasks%2F*") as at_one, two.events("/api/events?topic=tasks%2F*") as at_two:
        for server in (one, two, one):
            made = server.client().post("/api/collections/tasks/records", json.loads(TASK)).json()
            for events in (at_one, at_two):
                assert json.loads(events.next()["data"])["record"]["id"] == made["id"]


def test_nodes_tell_each_other_again_when_all_connections_were_lost(two_nodes, postgres):
    one, two = two_nodes
    with two.events("/api/events?topic=tasks%2F*") as events:
        postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'minga'")
        made = one.client().post("/api/collections/tasks/records", json.loads(TASK)).json()
        assert json.loads(events.next()["data"])["record"]["id"] == made["id"]


def test_nodes_tell_each_other_of_collections(make_server, tmp_path, url):
    servers = []
    for name in ("tasks", "items"):
        (tmp_path / name).mkdir()
        server = make_server("--app", name, "--poll", "60000", DATABASE_URL=url, folder=tmp_path / name)
        servers.append(server.client())
    harness.wait_for(lambda: servers[0].get("/api/collections/items/records").status == 200)


@pytest.fixture
def doomed_postgres():
    """A PostgreSQL server of the test's own, to be stopped."""
    server = Postgres()
    yield server
    server.stop()


def test_stops_soon_when_its_database_is_gone(make_server, doomed_postgres):
    """What waits for a server then would wait for 10 s."""
    server = make_server(DATABASE_URL=doomed_postgres.create_database())
    client = server.client()
    doomed_postgres.stop()

    def waiting():
        return int(re.search(r"^minga_postgres_waiting (\d+)$", client.get("/metrics").text, re.M)[1])

    harness.wait_for(lambda: waiting() >= 2)  # the change log's reader, the catalog's
    client.close()
    begin = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(harness.STOPPING) == 0
    took = time.monotonic() - begin
    assert took < 5, f"{took:.1f} s; log:\n{server.log()}"
    assert "canceled" not in server.log().lower()


def someone_waits(server):
    """Requests under way: one, and this one that asks."""
    return re.search(r"^minga_http_requests_running 2$", server.client().get("/metrics").text, re.M)


def test_a_request_that_waits_for_the_database_hears_of_the_stop(make_server, doomed_postgres):
    server = make_server("--drain-timeout", "500", DATABASE_URL=doomed_postgres.create_database())
    client = server.client()
    client.get("/tasks/")
    doomed_postgres.stop()
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(client.post, "/api/collections/tasks/records", json.loads(TASK))
        harness.wait_for(lambda: someone_waits(server))
        server.process.send_signal(signal.SIGTERM)
        assert answer.result().status == 503, answer.result()
    assert "is stopping" in answer.result().json()["message"]
    assert server.process.wait(harness.STOPPING) == 0
    assert " error " not in server.log()


def test_ends_although_its_database_hangs(make_server, doomed_postgres):
    """libpq's cancel waits for a server that is paused, for ever."""
    url = doomed_postgres.create_database()
    server = make_server("--drain-timeout", "1000", DATABASE_URL=url)
    task = server.client().post("/api/collections/tasks/records", json.loads(TASK)).json()
    with ThreadPoolExecutor() as pool, doomed_postgres.paused():
        pool.submit(server.client().get, f"/api/collections/tasks/records/{task['id']}")  # something to cancel
        harness.wait_for(lambda: someone_waits(server))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(harness.STOPPING) == 1, server.log()
    assert "the process ends now" in server.log()
    again = make_server(DATABASE_URL=url)
    assert again.client().get(f"/api/collections/tasks/records/{task['id']}").json()["title"] == task["title"]
