"""minga replica with one member: a first start, its secrets, its death, what it refuses."""

import http.client
import json
import pathlib
import re
import signal
import ssl
import subprocess
from urllib.parse import urlencode

import harness
import pytest
from replica_set import ReplicaSet, below, processes, psql, psql_until, tree


@pytest.fixture(scope="module")
def replica_set():
    made = ReplicaSet()
    try:
        made.member().start()
        yield made
    finally:
        made.close()


@pytest.fixture
def member(replica_set):
    (member,) = replica_set.members
    assert member.running(), member.log()
    return member


def test_the_first_lines_say_how_to_go_on(member):
    assert re.fullmatch(
        rf"postgresql://minga@{member.name}/minga\?target_session_attrs=read-write&sslmode=verify-full"
        rf"&sslrootcert={member.data}/client/ca.crt&passfile={member.data}/client/pgpass",
        member.url,
    )
    assert member.lines[1] == f"{member.name} is the primary of the set test"
    assert member.lines[2].endswith(str(member.data / "join-token"))


def test_the_url_works_and_the_application_owns_its_database(member):
    psql(member.url, "CREATE TABLE mine (a int)", "INSERT INTO mine VALUES (1)")
    assert psql(member.url, "SELECT current_user, current_database(), ssl FROM pg_stat_ssl"
                            " WHERE pid = pg_backend_pid()") == "minga|minga|t"  # fmt: skip
    assert psql(member.url, "SELECT rolsuper OR rolcreaterole OR rolreplication FROM pg_roles"
                            " WHERE rolname = 'minga'") == "f"  # fmt: skip
    settings = {"data_checksums": "on", "fsync": "on", "synchronous_commit": "on", "ssl": "on",
                "shared_buffers": "16MB", "lc_collate": "C"}  # fmt: skip
    assert {name: psql(member.url, f"SHOW {name}") for name in settings} == settings


def test_nobody_comes_in_without_password_or_without_tls(member):
    for url in (
        member.url.replace("client/pgpass", "client/ca.crt"),
        member.url.replace("sslmode=verify-full", "sslmode=disable"),
        member.url.replace("minga@", "postgres@"),
    ):
        with pytest.raises(OSError):
            psql(url, "SELECT 1")


def secrets(member):
    token = (member.data / "join-token").read_text()
    return re.findall(r'"(?:superuser|replication|rewind|application)": "(\w+)"', token)


def test_secrets_are_in_no_process_list_and_in_no_log(member):
    words = secrets(member)
    assert len(words) == 4 and all(len(word) == 32 for word in words)
    for pid in tree(member.process.pid):
        line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        assert not any(word in line for word in words), line
    log = member.log(lines=100_000)
    assert not any(word in log for word in words)


def test_files_are_their_owners_alone(member):
    assert member.data.stat().st_mode & 0o777 == 0o700
    for name in ("join-token", "patroni.yml", "etcd.yml", "tls/member.key", "client/pgpass", "member.json"):
        assert (member.data / name).stat().st_mode & 0o777 == 0o600, name
    assert not (member.data / "bootstrap.sql").exists(), "the application's password is left in a file"


def test_a_second_one_in_the_same_folder_is_refused(member):
    done = harness.run("replica", *member.options)
    assert done.returncode == 1 and "Another minga replica runs in" in done.stderr


def test_what_dies_is_started_again(member):
    psql(member.url, "CREATE TABLE survivor (a int)")
    (postgres,) = (pid for pid, line in below(member.data).items() if "bin/postgres -D" in line)
    parent = processes()[postgres]
    assert parent == member.process.pid, "PostgreSQL is not tied to minga's life"
    for name in ("etcd.yml", "patroni.yml"):
        (victim,) = (pid for pid, line in below(member.data).items() if line.rstrip().endswith(name))
        subprocess.run(["kill", "-9", str(victim)], check=True)
        harness.wait_for(
            lambda: any(pid != victim and line.rstrip().endswith(name) for pid, line in below(member.data).items())
        )
    psql_until(member.url, "INSERT INTO survivor VALUES (1)")
    assert postgres in processes(), "PostgreSQL was stopped for it"


def test_kill_9_leaves_nothing_and_the_same_command_goes_on(member):
    psql_until(member.url, "CREATE TABLE kept (a int)", "INSERT INTO kept VALUES (42)")
    ours = tree(member.process.pid)
    assert len(ours) > 8
    member.signal(signal.SIGKILL)  # of minga alone: the kernel ends the rest
    member.process.wait()
    member.process.stdout.close()
    harness.wait_for(lambda: not set(ours) & set(processes()))
    member.start()
    assert member.lines[1] == f"{member.name} is the primary of the set test"
    assert psql(member.url, "SELECT a FROM kept") == "42"


@pytest.mark.parametrize("sign", ["etcd/member", "postgres/PG_VERSION", "postgres/postmaster.pid"])
def test_a_first_start_that_is_killed_begins_anew(sign):
    replica_set = ReplicaSet()
    try:
        member = replica_set.member().launch()
        harness.wait_for((member.data / sign).exists, 60, every=0.001)
        member.kill()
        member.start()
        assert psql(member.url, "SELECT current_user") == "minga"
        assert not (member.data / "bootstrap.sql").exists()
    finally:
        replica_set.close()


def patroni_key(member, method, name, body=None):
    """What etcd says of a key of Patroni's: the HTTP status, and the key's text."""
    tls = member.data / "tls"
    context = ssl.create_default_context(cafile=tls / "ca.crt")
    context.load_cert_chain(tls / "member.crt", tls / "member.key")
    connection = http.client.HTTPSConnection(member.address["host"], member.address["etcd"], timeout=10, context=context)
    try:
        form = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        connection.request(method, f"/v2/keys/minga/test/{name}", body, form)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()).get("node", {}).get("value")
    finally:
        connection.close()


@pytest.fixture(scope="module")
def slow_member():
    """With a ttl of 50 s Patroni looks every 10 s."""
    replica_set = ReplicaSet()
    try:
        yield replica_set.member("--ttl", "50").start()
    finally:
        replica_set.close()


def test_a_change_of_the_leader_does_not_wait_for_patronis_next_turn(slow_member):
    """The one that leads does not watch its key."""
    for seconds in (20, 5):  # only the second begins just after a turn
        assert patroni_key(slow_member, "DELETE", "leader")[0] == 200
        harness.wait_for(lambda: patroni_key(slow_member, "GET", "leader")[0] == 200, seconds)


def test_the_configuration_shown_is_the_one_that_was_written_last(slow_member):
    """By any member's Patroni, or by patronictl: here straight where they write it."""

    def config(*changes):
        done = harness.run("replicas", "config", *changes, "--json", "--data", slow_member.data)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["shared"]

    shared = config("--postgres", "work_mem=5MB")
    assert shared["postgresql"]["parameters"]["work_mem"] == "5MB"
    for size in ("6MB", "7MB"):
        shared["postgresql"]["parameters"]["work_mem"] = size
        assert patroni_key(slow_member, "PUT", "config", urlencode({"value": json.dumps(shared)}))[0] == 200
        assert config() == shared
    changed = config("--durability", "available")
    assert changed["minga"] == {"durability": "available"}
    assert changed["postgresql"] == shared["postgresql"]


def refused(words, *options):
    done = harness.run("replica", *options)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr, done.stderr


BASIC = {"--set": "main", "--listen": "127.0.0.1:5432", "--data": "/tmp/minga-never-made"}


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--set", "a b", ["--set", "'a b'", "letters"]),
        ("--set", None, ["--set"]),
        ("--listen", None, ["--listen"]),
        ("--listen", "5432", ["--listen", "'5432'", "10.0.0.1:5432"]),
        ("--listen", "0.0.0.0:5432", ["--listen", "every address"]),
        ("--listen", "no.such.host.invalid:5432", ["--listen", "no.such.host.invalid"]),
        ("--listen", "127.0.0.1:65534", ["65534", "three ports"]),
        ("--join", "127.0.0.1:6000", ["--join-token"]),
        ("--ttl", "2", ["--ttl", "5 to 300"]),
        ("--durability", "high", ["--durability", "strict or available"]),
        ("--postgres", "fsync", ["--postgres", "NAME=VALUE"]),
        ("--postgres", "max_connections=many", ["--postgres", "max_connections=many", "invalid value"]),
        ("--postgres", "wrok_mem=8MB", ["--postgres", "wrok_mem", "unrecognized"]),
        ("--etcd-port", "0", ["--etcd-port", "1 to 65535"]),
        ("--join-token", "/dev/null", ["--join"]),
    ],
)
def test_wrong_options_say_what_is_right(option, value, words):
    options = {**BASIC, option: value}
    refused(words, *(part for name, given in options.items() if given is not None for part in (name, given)))
    assert not pathlib.Path(BASIC["--data"]).exists()


def test_a_folder_keeps_its_set_and_address(replica_set, member):
    del replica_set
    name = member.name
    refused(["--set", "test", "other"], "--set", "other", "--listen", name, "--data", member.data)
    refused(["--listen", name, "127.0.0.1:1234"], "--set", "test", "--listen", "127.0.0.1:1234", "--data", member.data)
