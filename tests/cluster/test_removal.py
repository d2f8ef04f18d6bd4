"""Members that are taken off a set, one after the other, whatever happens to the command meanwhile."""

import json
import subprocess

import harness
import pytest
from mute_proxy import MuteProxy
from replica_set import SETTLING, ReplicaSet, database_url, psql, psql_until, replicas, status, wait_healthy


@pytest.fixture(scope="module")
def replica_set():
    """The first of its members stays the primary."""
    made = ReplicaSet()
    try:
        first = made.member().start()
        for _ in range(3):
            made.member().start(join=first)
        wait_healthy(first, 4)
        psql(database_url(first), "CREATE TABLE kept (a int PRIMARY KEY)")
        yield made
    finally:
        made.close()


@pytest.fixture
def mute_token(replica_set):
    """A join token by which a member's etcd is asked twice, and its first answer never comes."""
    first = replica_set.members[0]
    proxy = MuteProxy(first.address["host"], first.address["etcd"])
    token = json.loads((first.data / "join-token").read_text())
    (known,) = (member for member in token["members"] if member["port"] == first.address["port"])
    token["members"] = [{**known, "etcd": proxy.port}, known]
    path = replica_set.root / "mute"
    path.write_text(json.dumps(token))
    path.chmod(0o600)
    yield path
    proxy.close()
    assert proxy.requests, "nobody asked by it"


def still_writes(member, number):
    psql_until(database_url(member), f"INSERT INTO kept VALUES ({number})")


def test_a_member_that_runs_ends_by_itself(replica_set):
    first, *_, leaving = replica_set.members
    done = replicas(first, "remove", first.name)
    assert done.returncode == 1 and "step down" in done.stderr
    done = replicas(first, "remove", "10.9.9.9:1")
    assert done.returncode == 1 and first.name in done.stderr
    done = replicas(first, "remove", leaving.name)
    assert done.returncode == 0, done.stderr
    assert leaving.process.wait(SETTLING) == 0
    wait_healthy(first, 3)
    still_writes(first, 1)
    done = harness.run("replica", *leaving.options)
    assert done.returncode == 2 and "was removed" in done.stderr


def test_a_lost_member_is_removed_though_the_answers_are_lost(replica_set, mute_token):
    """What gave no answer may have been done: asked again, etcd knows the member no more."""
    first, other, lost, _ = replica_set.members
    lost.kill()
    done = replicas(first, "remove", other.name)
    assert done.returncode == 1 and "--force" in done.stderr, "a majority must be kept"
    done = harness.run("replicas", "remove", lost.name, "--join-token", mute_token)
    assert done.returncode == 0, done.stderr
    wait_healthy(first, 2)
    still_writes(first, 2)
    done = harness.run("replica", *lost.options)
    assert "was removed" in done.stderr


def test_a_removal_whose_command_was_killed_comes_to_its_end(replica_set):
    """Of two: the other could decide nothing any more, had the leaving one ended with its vote."""
    first, leaving, *_ = replica_set.members
    command = subprocess.Popen(
        [harness.binary(), "replicas", "remove", leaving.name, "--data", first.data], env=harness.environment()
    )
    harness.wait_for(lambda: len(status(first)["members"]) == 1, SETTLING)
    command.kill()
    command.wait()
    assert leaving.process.wait(SETTLING) == 0
    wait_healthy(first, 1)
    still_writes(first, 3)
