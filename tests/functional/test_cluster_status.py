"""GET /api/cluster/status: the servers that hold the database, and the nodes that serve it."""

import datetime
import socket

import harness
import pytest

DOWN = 10.0  # seconds without a word after which a node is down


def status(server):
    answer = server.client().get("/api/cluster/status")
    assert answer.status == 200, answer
    return answer.json()


def nodes(server):
    return {node["name"]: node for node in status(server)["nodes"]}


def age(time):
    then = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    return (datetime.datetime.now(datetime.timezone.utc) - then).total_seconds()


def test_an_embedded_database_has_one_member_and_one_node(make_server):
    server = make_server(DATABASE_URL="")
    seen = status(server)
    assert seen["engine"] == "sqlite" and seen["durableCopies"] == 1 and seen["lastFailover"] is None
    (member,) = seen["members"]
    assert member["role"] == "primary" and member["state"] == "running" and member["healthy"]
    (node,) = seen["nodes"]
    assert node["name"] == f"{socket.gethostname()}:{server.url.rsplit(':', 1)[1]}"
    assert node["url"] == server.url and node["state"] == "up" and node["pid"] == server.process.pid
    assert abs(age(node["started"])) < 60 and abs(age(node["lastSeen"])) < 5
    assert node["load"]["running"] == 1, "this request"


@pytest.fixture
def url(postgres):
    return postgres.create_database()


@pytest.fixture
def make_node(make_server, tmp_path, url):
    def make(name, *arguments):
        (tmp_path / name).mkdir(exist_ok=True)
        return make_server("--node-name", name, *arguments, DATABASE_URL=url, folder=tmp_path / name)

    return make


def test_nodes_know_each_other(make_node, url):
    one = make_node("one")
    two = make_node("two", "--public-url", "https://two.example.org")
    for server in (one, two):
        seen = status(server)
        assert seen["engine"] == "postgres" and seen["durableCopies"] == 1
        (member,) = seen["members"]
        assert member["role"] == "primary" and member["healthy"] and member["timeline"] == 1
        assert member["name"] in url and abs(age(member["lastSeen"])) < 5
    seen = nodes(one)
    assert list(seen) == ["one", "two"]
    assert seen["one"]["url"] == one.url and seen["two"]["url"] == "https://two.example.org"
    assert {node["state"] for node in seen.values()} == {"up"}
    two.terminate()  # it takes itself off the list
    harness.wait_for(lambda: list(nodes(one)) == ["one"], seconds=DOWN / 2)


def test_a_node_that_dies_is_down_and_takes_its_place_again(make_node, postgres, url):
    one, two = make_node("one"), make_node("two")
    two.kill()
    harness.wait_for(lambda: nodes(one)["two"]["state"] == "down", DOWN + harness.PATIENCE, every=0.2)
    assert nodes(one)["one"]["state"] == "up"
    again = make_node("two")
    harness.wait_for(lambda: nodes(one)["two"]["state"] == "up")
    seen = nodes(one)
    assert list(seen) == ["one", "two"] and seen["two"]["pid"] == again.process.pid


def test_load_is_counted(make_node):
    server = make_node("one")
    client = server.client()

    def loaded():
        for _ in range(50):
            client.get("/api/health")
        return nodes(server)["one"]["load"]["requestsPerSecond"] > 1

    harness.wait_for(loaded, every=0)


def test_two_of_one_name_are_told(make_node, tmp_path):
    first = make_node("same")
    second = make_node("same")
    harness.wait_for(lambda: "Another node on this database has the name same" in first.log())
    assert nodes(second)["same"]["pid"] == second.process.pid


def test_names_that_cannot_be(tmp_path):
    done = harness.run("serve", "--node-name", "a b", cwd=tmp_path)
    assert done.returncode == 2 and "visible ASCII" in done.stderr
    done = harness.run("serve", "--public-url", "node:80", cwd=tmp_path)
    assert done.returncode == 2 and "http or https URL" in done.stderr
    done = harness.run("serve", "--replica-set", "nowhere", "--data", tmp_path / "data", cwd=tmp_path)
    assert done.returncode != 0 and "nowhere" in done.stderr
