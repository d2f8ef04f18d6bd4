"""A set of three: joining, what is shown of it, failover, step-down, a member that returns."""

import json
import os
import pathlib
import re
import signal
import subprocess

import harness
import pytest
from replica_set import SETTLING, ReplicaSet, below, database_url, psql, psql_until, replicas, status, tree


def settled(member):
    """The status of a set that has nothing left to do, or nothing."""
    seen = status(member)
    strict = seen["strict"] or len(seen["members"]) < 3
    return seen if seen["healthy"] and strict and seen["durableCopies"] == 1 + seen["synchronousStandbys"] else None


def wait_settled(member):
    return harness.wait_for(lambda: settled(member), SETTLING, every=0.2)


@pytest.fixture(scope="module")
def replica_set():
    made = ReplicaSet()
    try:
        first = made.member().start()
        second = made.member().start(join=first)
        made.member().start(join=second)
        wait_settled(first)
        psql(urls(made), "CREATE TABLE kept (a int PRIMARY KEY)")
        yield made
    finally:
        made.close()


def urls(replica_set):
    """The URL with every member, by the files of one that runs."""
    return database_url(next(member for member in replica_set.members if member.running()))


@pytest.fixture
def settled_set(replica_set):
    wait_settled(next(member for member in replica_set.members if member.running()))
    return replica_set


def by_name(replica_set, name):
    return next(member for member in replica_set.members if member.name == name)


def primary_of(replica_set):
    member = next(member for member in replica_set.members if member.running())
    return by_name(replica_set, status(member)["primary"])


def hosts_of(url):
    return re.match(r"postgresql://minga@([^/]*)/minga", url)[1]


def rows(url):
    return sorted(int(row) for row in psql_until(url, "SELECT a FROM kept").split())


def test_each_printed_the_urls_of_those_before_it(replica_set):
    first, second, third = replica_set.members
    hosts = [hosts_of(member.url).split(",") for member in (first, second, third)]
    assert hosts[0] == [first.name]
    assert set(hosts[1]) == {first.name, second.name}
    assert set(hosts[2]) == {first.name, second.name, third.name}
    assert third.lines[1] == f"{third.name} is a standby of the set test"


def test_status_as_json(settled_set):
    first = settled_set.members[0]
    seen = status(first)
    assert seen["primary"] == first.name
    assert seen["writes"] == "yes" and seen["strict"] and seen["durableCopies"] == 2
    assert seen["voters"] == seen["votersPresent"] == 3 and seen["majority"] == 2
    assert seen["term"] >= 2 and seen["timeline"] == 1
    assert seen["election"]["reason"] == "the set's first start"
    assert len(seen["successors"]) == 1 and seen["successors"][0] != first.name
    members = {member["name"]: member for member in seen["members"]}
    assert set(members) == {member.name for member in settled_set.members}
    assert sorted(member["sync"] or "" for member in members.values()) == ["", "async", "sync"]
    for name, member in members.items():
        assert member["healthy"] and member["state"] == "running" and member["uptimeSeconds"] >= 0
        assert member["role"] == ("primary" if name == first.name else "standby")
        assert member["source"] == (None if name == first.name else first.name)
        assert member["timeline"] == 1 and member["lastHeartbeat"]
        assert name == first.name or member["lagBytes"] is not None
    assert sum(member["etcd"] == "leader" for member in members.values()) == 1


def test_status_as_text(settled_set):
    done = replicas(settled_set.members[1], "status")
    assert done.returncode == 0, done.stdout
    assert "set test: healthy; 3 of 3 votes are there, 2 are a majority" in done.stdout
    assert "a write is on 2 of 3 members before it is answered" in done.stdout
    assert "\033" not in done.stdout, "colours are for terminals"
    for member in settled_set.members:
        assert re.search(rf"^{re.escape(member.name)} .* ok ", done.stdout, re.M), done.stdout


def test_status_from_a_machine_without_a_member(settled_set):
    token = settled_set.members[2].token
    done = harness.run("replicas", "status", "--join-token", token, "--member", settled_set.members[1].name)
    assert done.returncode == 0 and "healthy" in done.stdout


@pytest.mark.parametrize("has_token", [False, True])
def test_a_node_shows_the_members(settled_set, make_server, has_token):
    options = ["--replica-set", settled_set.members[0].data / "join-token"] if has_token else []
    node = make_server(*options, DATABASE_URL=urls(settled_set)).client()
    own = status(settled_set.members[0])

    def seen():
        answer = node.get("/api/cluster/status").json()
        return answer if answer["durableCopies"] == 2 else None

    found = harness.wait_for(seen)
    assert found["engine"] == "postgres" and len(found["nodes"]) == 1
    for member in found["members"]:
        same = next(each for each in own["members"] if each["name"] == member["name"])
        assert member["healthy"] and member["lastSeen"]
        for key in ("role", "sync", "timeline"):
            assert member[key] == same[key], (key, member, same)
    assert len(found["members"]) == 3
    if has_token:
        previous = own["election"]["previous"]
        assert (found["lastFailover"] or {}).get("from") == previous


def test_the_keeper_holds_the_settings(settled_set):
    first = settled_set.members[0]
    shared = json.loads(replicas(first, "config", "--json").stdout)["shared"]
    assert shared["synchronous_mode"] and shared["synchronous_mode_strict"] and shared["synchronous_node_count"] == 1
    done = replicas(first, "config", "--durability", "available")
    assert done.returncode == 0, done.stderr
    harness.wait_for(lambda: not status(first)["strict"], SETTLING)
    done = replicas(first, "config", "--postgres", "max_connections=many")
    assert done.returncode == 2 and "--postgres: max_connections=many: invalid value" in done.stderr, done.stderr
    unchanged = json.loads(replicas(first, "config", "--json").stdout)["shared"]
    assert unchanged["postgresql"]["parameters"] == shared["postgresql"]["parameters"]
    done = replicas(first, "config", "--durability", "strict", "--postgres", "work_mem=5MB")
    assert done.returncode == 0 and "work_mem=5MB" in done.stdout
    wait_settled(first)
    harness.wait_for(lambda: psql(urls(settled_set), "SHOW work_mem") == "5MB", SETTLING)


def test_etcd_is_led_from_another_machine(settled_set):
    first = settled_set.members[0]

    def leader():
        seen = status(first)
        leaders = [member["name"] for member in seen["members"] if member["etcd"] == "leader"]
        return leaders and leaders != [seen["primary"]]

    harness.wait_for(leader, SETTLING, every=0.5)


def test_no_secret_is_in_a_process_list_or_a_log(settled_set):
    token = (settled_set.members[0].data / "join-token").read_text()
    words = re.findall(r'"(?:superuser|replication|rewind|application)": "(\w+)"', token)
    assert len(words) == 4
    for member in settled_set.members:
        for pid in tree(member.process.pid):
            line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            assert not any(word in line for word in words), line
        assert not any(word in member.log(100_000) for word in words)


def test_step_down(settled_set):
    url = urls(settled_set)
    psql(url, "INSERT INTO kept VALUES (1)")
    before = primary_of(settled_set)
    done = replicas(before, "step-down")
    assert done.returncode == 0, done.stderr
    psql_until(url, "INSERT INTO kept VALUES (2)")
    seen = wait_settled(before)
    assert seen["primary"] != before.name
    assert done.stdout == f"{seen['primary']} is the primary now.\n"
    assert seen["election"]["reason"] == f"{before.name} stepped down"
    assert rows(url) == [1, 2]
    done = replicas(before, "step-down", "--to", seen["primary"])
    assert done.returncode == 1 and "is the primary already" in done.stderr


def test_a_killed_primary_loses_nothing_and_returns_as_a_standby(settled_set):
    url = urls(settled_set)
    lost = primary_of(settled_set)
    other = next(member for member in settled_set.members if member is not lost)
    psql(url, "INSERT INTO kept VALUES (3)")
    lost.kill()
    psql_until(url, "INSERT INTO kept VALUES (4)")
    seen = status(other)
    assert seen["primary"] not in (None, lost.name) and not seen["healthy"]
    (gone,) = (member for member in seen["members"] if member["name"] == lost.name)
    assert gone["state"] == "unreachable" and gone["etcd"] == "unreachable" and gone["problem"]
    assert replicas(other, "status").returncode == 1
    lost.start()
    assert lost.lines[1] == f"{lost.name} is a standby of the set test"
    seen = wait_settled(other)
    assert seen["election"]["reason"] == f"{lost.name} was stopped or lost"
    assert rows(url) == [1, 2, 3, 4]


def test_a_patroni_that_dies_leaves_writes_to_the_standby_that_would_follow(settled_set):
    primary = primary_of(settled_set)
    (follower,) = status(primary)["successors"]
    chosen = f"Assigning synchronous standby status to ['{follower}']"
    before = primary.log_path.read_text().count(chosen)
    for pid, line in below(primary.data).items():
        if "bin/patroni" in line:
            os.kill(pid, signal.SIGKILL)
    harness.wait_for(lambda: primary.log_path.read_text().count(chosen) > before, SETTLING)
    harness.wait_for(lambda: psql(primary.url, "SHOW synchronous_standby_names").strip() == f'"{follower}"', SETTLING)
    seen = wait_settled(primary)
    assert (seen["primary"], seen["successors"]) == (primary.name, [follower])
    psql(urls(settled_set), "INSERT INTO kept VALUES (50)")


def test_without_a_standby_writes_wait_and_none_is_acknowledged(settled_set):
    url = urls(settled_set)
    primary = primary_of(settled_set)
    standbys = [member for member in settled_set.members if member is not primary]
    for member in standbys:
        for pid in tree(member.process.pid):
            line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            # Patroni and PostgreSQL alone: etcd goes on, so the primary stays one.
            if b"etcd.yml" not in line and pid != member.process.pid:
                os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            psql(f"{url}&target_session_attrs=any".replace(hosts_of(url), primary.name), "INSERT INTO kept VALUES (5)",
                 timeout=8)  # fmt: skip
        assert status(primary)["writes"] == "waiting"
        # An operator may decide that writes go on, knowing what it costs.
        done = replicas(primary, "config", "--durability", "available")
        assert done.returncode == 0, done.stderr
        harness.wait_for(lambda: status(primary)["writes"] == "yes", SETTLING)
        psql_until(f"{url}&target_session_attrs=any".replace(hosts_of(url), primary.name), "INSERT INTO kept VALUES (55)")
    finally:
        for member in standbys:
            for pid in tree(member.process.pid):
                os.kill(pid, signal.SIGCONT)
        replicas(primary, "config", "--durability", "strict")
    wait_settled(primary)


def test_a_paused_primary_does_not_take_its_place_back(settled_set):
    """Paused for longer than the ttl, it goes on where it was: as a primary, if nothing held it back."""
    url = urls(settled_set)
    paused = primary_of(settled_set)
    other = next(member for member in settled_set.members if member is not paused)
    pids = tree(paused.process.pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        psql_until(url, "INSERT INTO kept VALUES (6)")
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    seen = wait_settled(other)
    assert seen["primary"] != paused.name
    assert 6 in rows(url)


def test_the_whole_set_dies_at_once_and_starts(settled_set):
    before = rows(urls(settled_set))
    for member in settled_set.members:
        member.signal(signal.SIGKILL)
    for member in settled_set.members:
        member.kill()
    for member in settled_set.members:
        member.launch()
    for member in settled_set.members:
        member.wait()
    wait_settled(settled_set.members[0])
    assert rows(urls(settled_set)) == before


def test_reinit_makes_a_copy_anew(settled_set):
    primary = primary_of(settled_set)
    standby = next(member for member in settled_set.members if member is not primary)
    done = replicas(primary, "reinit", primary.name)
    assert done.returncode == 1 and "is the primary" in done.stderr
    inode = (standby.data / "postgres" / "PG_VERSION").stat().st_ino
    done = replicas(primary, "reinit", standby.name)
    assert done.returncode == 0, done.stderr

    def is_new():
        version = standby.data / "postgres" / "PG_VERSION"
        return version.exists() and version.stat().st_ino != inode

    harness.wait_for(is_new, SETTLING)
    wait_settled(primary)


def test_add_says_what_to_run(settled_set):
    first = settled_set.members[0]
    done = replicas(first, "add", "10.9.9.9:5432")
    assert done.returncode == 0
    assert "minga replica --set test" in done.stdout and "--listen 10.9.9.9:5432" in done.stdout
    assert "add two" in done.stdout
    done = replicas(first, "add", first.name)
    assert done.returncode == 1 and "is a member already" in done.stderr


def test_a_stranger_is_not_let_in(settled_set):
    """The token of a set of the same name, made elsewhere, opens nothing."""
    first = settled_set.members[0]
    foreign = ReplicaSet()
    try:
        other = foreign.member().launch()
        made = other.data / "join-token"
        harness.wait_for(made.exists)
        token = json.loads(made.read_text())
        other.kill()
        token["members"] = json.loads((first.data / "join-token").read_text())["members"]
        forged = foreign.root / "forged"
        forged.write_text(json.dumps(token))
        forged.chmod(0o600)
        for action in ("status", "step-down"):
            done = harness.run("replicas", action, "--join-token", forged)
            assert done.returncode == 1, done.stdout
            assert "healthy" not in done.stdout
    finally:
        foreign.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replicas"], ["subcommand"]),
        (["replicas", "stat"], ["replicas stat", "step-down"]),
        (["replicas", "status", "--data", "/nonexistent"], ["/nonexistent/join-token", "--join-token"]),
        (["replicas", "remove"], ["HOST:PORT"]),
        (["replicas", "config", "--durability", "x"], ["strict or available"]),
    ],
)
def test_wrong_use_says_what_is_right(arguments, words):
    done = harness.run(*arguments)
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
