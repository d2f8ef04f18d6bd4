"""A set that has lost its majority for good: the commands of docs/operations.md, by which what is left becomes a set."""

import shutil

import harness
from replica_set import SETTLING, database_url, psql, psql_until, replicas, status, wait_healthy


def test_the_member_that_is_left_becomes_a_set_with_all_that_was_answered(replica_set):
    repository = replica_set.root / "repository"
    first = replica_set.member("--backup-dir", repository).start()
    second = replica_set.member().start(join=first)
    third = replica_set.member().start(join=second)
    seen = wait_healthy(first, 3)
    psql(database_url(first), "CREATE TABLE kept (a int PRIMARY KEY)", "INSERT INTO kept VALUES (1)")
    harness.wait_for(lambda: status(first)["backups"]["backups"], 2 * SETTLING, every=0.3)

    # Not while the set has a majority, nor while the member runs.
    left = next(member for member in (second, third) if member.name == seen["successors"][0])
    other = second if left is third else third
    left.terminate()
    done = replicas(left, "force-new-set")
    assert done.returncode == 1 and "the set is not lost" in done.stderr, done.stderr
    left.start()
    wait_healthy(first, 3)
    seen = status(first)
    left, other = (left, other) if left.name in seen["successors"] else (other, left)
    psql_until(database_url(first), "INSERT INTO kept VALUES (2)")
    for member in (first, other):
        member.kill()
        shutil.rmtree(member.data)
    done = replicas(left, "status")
    assert done.returncode == 1 and "there is no primary" in done.stdout, done.stdout
    done = replicas(left, "force-new-set")
    assert done.returncode == 1 and "Another minga replica runs" in done.stderr, done.stderr
    left.terminate()
    done = replicas(left, "force-new-set")
    assert done.returncode == 0 and "Never start the other members again" in done.stdout, done.stderr

    left.start()
    assert left.lines[1] == f"{left.name} is the primary of the set test"
    psql_until(left.url, "INSERT INTO kept VALUES (3)")
    assert psql(left.url, "SELECT a FROM kept ORDER BY a").split() == ["1", "2", "3"]
    wait_healthy(left, 1)
    assert status(left)["backups"]["repository"] == str(repository), "backups go on"
    fourth = replica_set.member().start(join=left)
    replica_set.member().start(join=fourth)
    wait_healthy(left, 3)
    psql_until(database_url(left), "INSERT INTO kept VALUES (4)")
    done = replicas(left, "backup")
    assert done.returncode == 0 and "incremental" in done.stdout, done.stderr
    left.terminate()
    done = replicas(left, "force-new-set")
    assert done.returncode == 1 and "the set is not lost" in done.stderr, done.stderr
    left.start()


def test_there_must_be_something_to_force(replica_set):
    member = replica_set.member().start()
    member.terminate()
    done = replicas(member, "force-new-set")
    assert done.returncode == 2 and "a set of one member already" in done.stderr, done.stderr
    done = harness.run("replicas", "force-new-set")
    assert done.returncode == 2 and "--data" in done.stderr
