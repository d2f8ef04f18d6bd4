"""Reads that a standby may answer: who answers, how old it may be, and that one's own writes are seen."""

import contextlib
import json
import re
import time

import harness
import postgres_server
import pytest

TASKS = "/api/collections/tasks/records"
REPLICA = {"Prefer": "read=replica"}


class Pair:
    """A primary and a standby that no write waits for."""

    def __init__(self, stack):
        self.primary = postgres_server.Postgres()
        stack.callback(self.primary.stop)
        self.standby = postgres_server.Postgres(standby_of=self.primary)
        stack.callback(self.standby.stop)
        ports = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}"
        self.url = f"postgresql://postgres@{ports}/postgres?connect_timeout=2"

    @contextlib.contextmanager
    def standby_stopped_replaying(self):
        self.standby.sql("SELECT pg_wal_replay_pause()")
        harness.wait_for(lambda: self.standby.sql("SELECT pg_get_wal_replay_pause_state()") == ["paused"])
        try:
            yield
        finally:
            self.standby.sql("SELECT pg_wal_replay_resume()")

    def wait_until_replayed(self):
        (place,) = self.primary.sql("SELECT pg_current_wal_lsn()")
        harness.wait_for(lambda: self.standby.sql(f"SELECT pg_last_wal_replay_lsn() >= '{place}'") == ["t"])


@pytest.fixture(scope="module")
def pair():
    with contextlib.ExitStack() as stack:
        yield Pair(stack)


@pytest.fixture
def own_pair():
    with contextlib.ExitStack() as stack:
        yield Pair(stack)


@pytest.fixture
def client(pair, make_server):
    client = make_server(DATABASE_URL=pair.url).client()
    pair.wait_until_replayed()
    harness.wait_for(lambda: is_from_replica(read(client)))
    return client


def add(client, title="mine", **headers):
    return client.post(TASKS, {"title": title, "description": "d"}, **headers)


def read(client, path="", headers=None):
    answer = client.get(TASKS + path, headers={**REPLICA, **(headers or {})})
    assert answer.status == 200, answer
    return answer


def is_from_replica(answer):
    return answer.headers.get("Preference-Applied") == "read=replica"


def test_a_standby_answers_where_it_may(client, pair):
    record = add(client).json()
    pair.wait_until_replayed()
    one = read(client, f"/{record['id']}?expand=nothing")
    assert is_from_replica(one) and one.json()["title"] == "mine"
    assert is_from_replica(read(client, "?limit=5"))
    estimated = client.get(TASKS, headers={"Prefer": "read=replica, count=estimated"})
    assert estimated.headers["Preference-Applied"] == "read=replica, count=exact"
    for preference in ("read=primary", "read=somebody", "read", "respond-async", ";,=", ""):
        answer = client.get(TASKS, headers={"Prefer": preference})
        assert answer.status == 200 and "Preference-Applied" not in answer.headers, preference
    metrics = client.get("/metrics").text
    assert 'minga_postgres_reads_total{server="replica"}' in metrics
    assert 'minga_postgres_reads_total{server="primary"}' in metrics


def test_it_may_be_old_but_not_older_than_ones_own_write(client, pair):
    before = read(client).json()["totalItems"]
    with pair.standby_stopped_replaying():
        created = add(client)
        old = read(client)
        assert is_from_replica(old) and old.json()["totalItems"] == before
        position = created.headers["Minga-Position"]
        own = read(client, headers={"Minga-Position": position})
        assert not is_from_replica(own) and own.json()["totalItems"] == before + 1
        one = read(client, f"/{created.json()['id']}", headers={"Minga-Position": position})
        assert not is_from_replica(one) and one.json()["title"] == "mine"
    pair.wait_until_replayed()
    own = read(client, headers={"Minga-Position": position})
    assert is_from_replica(own) and own.json()["totalItems"] == before + 1


def test_every_kind_of_write_has_a_position_to_read_after(client, pair):
    key = {"Idempotency-Key": "a key of sixteen and more".replace(" ", "-")}
    first = add(client, "first", headers=key)
    path = f"{TASKS}/{first.json()['id']}"
    with pair.standby_stopped_replaying():
        replayed = add(client, "first", headers=key)
        assert replayed.headers["Idempotent-Replayed"] == "true"
        changed = client.patch(path, {"title": "second"})
        later = [replayed.headers["Minga-Position"], changed.headers["Minga-Position"]]
        for position in later:
            answer = client.get(path, headers={**REPLICA, "Minga-Position": position})
            assert not is_from_replica(answer) and answer.json()["title"] == "second"
        gone = client.delete(path)
        position = gone.headers["Minga-Position"]
        assert client.get(path, headers={**REPLICA, "Minga-Position": position}).status == 404
        assert client.get(path, headers=REPLICA).status == 200


def test_a_position_of_another_epoch_is_the_primarys(client, pair):
    with pair.standby_stopped_replaying():
        record = add(client).json()
        for position in ("another-5", "another-7.5", "another-7.5.3"):
            answer = read(client, f"/{record['id']}", headers={"Minga-Position": position})
            assert not is_from_replica(answer), position


def test_a_position_that_lies_ahead_is_the_primarys(client):
    epoch = add(client).headers["Minga-Position"].rsplit("-", 1)[0]
    most = 2**63 - 1
    for place in (f"{most}.{most}.{most}", f"0.0.{most}", f"{most}.1"):
        assert not is_from_replica(read(client, headers={"Minga-Position": f"{epoch}-{place}"})), place


@pytest.mark.parametrize("position", ["5", "-", "epoch-", "-5", "e-1.2.3.4.5", "e-1.", "e-x", "e-9223372036854775808"])
def test_a_malformed_position_is_refused(client, position):
    answer = client.get(TASKS, headers={"Minga-Position": position})
    assert answer.status == 400 and "no Minga-Position" in answer.json()["message"], answer


def test_nothing_fails_when_the_standby_dies(client, pair):
    pair.standby.process.kill()
    pair.standby.process.wait()
    try:
        # Its sessions' processes end a moment after it, and may answer until then.
        harness.wait_for(lambda: not is_from_replica(read(client)))
        for _ in range(5):
            assert not is_from_replica(read(client))
        add(client)
    finally:
        pair.standby.start()
    pair.wait_until_replayed()
    harness.wait_for(lambda: is_from_replica(read(client)))


def barriers(client):
    (line,) = [each for each in client.get("/metrics").text.splitlines() if each.startswith("minga_postgres_barriers_total ")]
    return float(line.split()[1])


def test_a_number_that_came_to_nothing_is_answered_at_once_and_again(client, pair):
    created = add(client)
    path = f"{TASKS}/{created.json()['id']}"
    epoch = created.headers["Minga-Position"].rsplit("-", 1)[0]
    undone = int(pair.primary.sql("BEGIN; SELECT pg_current_xact_id(); ROLLBACK")[0])
    before = barriers(client)
    for number in (undone, undone + 1):  # the second was given to nobody yet
        for preference in ("read=primary", "read=replica"):
            headers = {"Prefer": preference, "Minga-Position": f"{epoch}-0.0.{number}"}
            begin = time.monotonic()
            answer = client.get(path, headers=headers)
            assert answer.status == 200 and answer.json()["title"] == "mine"
            assert time.monotonic() - begin < 1
    assert barriers(client) <= before + 2
    position = add(client).headers["Minga-Position"]
    before = barriers(client)
    for headers in ({}, {"Minga-Position": position}):
        assert client.get(path, headers=headers).status == 200
    assert barriers(client) == before


def test_a_primary_that_was_replaced_does_not_answer_for_the_next(own_pair, make_server, tmp_path):
    folders = tmp_path / "right", tmp_path / "deceived"
    for folder in folders:
        folder.mkdir()
    right = make_server(DATABASE_URL=own_pair.url, folder=folders[0]).client()
    short = ["--request-timeout", "1000"]
    deceived = make_server(*short, DATABASE_URL=own_pair.primary.url(), folder=folders[1]).client()
    before = add(right)
    own_pair.wait_until_replayed()
    own_pair.primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
    own_pair.primary.sql("SELECT pg_reload_conf()")
    harness.wait_for(lambda: own_pair.primary.sql("SELECT sync_state FROM pg_stat_replication") == ["sync"])
    own_pair.standby.sql("SELECT pg_promote()")
    read(right)  # begins to watch
    created = harness.wait_for(lambda: stored(right))
    position = {"Minga-Position": created.headers["Minga-Position"]}
    assert re.fullmatch(r".+-\d+\.\d+\.\d+\.2", position["Minga-Position"]), "it names the second primary's timeline"
    path = f"{TASKS}/{created.json()['id']}"
    assert right.get(path, headers=position).status == 200
    for preference in ({}, REPLICA):
        refused = deceived.get(path, headers={**position, **preference})
        assert refused.status == 503 and "Retry-After" in refused.headers, refused
    assert deceived.get(path).status == 404
    assert deceived.get(f"{TASKS}/{before.json()['id']}").status == 200


def stored(client):
    answer = client.post(TASKS, {"title": "new", "description": "d"})
    return answer if answer.status == 200 else None


def test_the_embedded_engine_takes_it_all(server):
    client = server.client()
    position = add(client).headers["Minga-Position"]
    for place in (position, "another-5.6.7"):
        answer = read(client, headers={"Minga-Position": place})
        assert answer.json()["totalItems"] == 1 and not is_from_replica(answer)
    assert json.loads(client.get("/api/openapi.json").text)["paths"][TASKS]["get"]["parameters"][-2]["name"] == "Prefer"
