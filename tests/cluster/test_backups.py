"""Backups of a set of three, and the return to a moment: after failovers, with the repository away, out of range."""

import datetime
import json
import os
import re
import shutil
import subprocess
import time

import harness
import pytest
from replica_set import BACKUP, SETTLING, ReplicaSet, psql, psql_until, replicas, status, wait_healthy


def backups(member):
    return status(member)["backups"]


def superuser(member, statement):
    token = json.loads((member.data / "join-token").read_text())
    tls = member.data / "tls"
    done = subprocess.run(
        ["/usr/lib/postgresql/15/bin/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statement,
         f"postgresql://postgres@{member.name}/minga?sslmode=verify-ca&sslrootcert={tls}/ca.crt"
         f"&sslcert={tls}/member.crt&sslkey={tls}/member.key"],
        capture_output=True, text=True, timeout=30, check=False,
        env={**os.environ, "PGPASSWORD": token["passwords"]["superuser"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def end_segment(member):
    """What was written until now is a whole file of the log, which PostgreSQL hands over."""
    superuser(member, "SELECT pg_switch_wal()")


def moment():
    """A time with nothing within a few milliseconds of it."""
    time.sleep(0.02)
    now = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(0.02)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stored(member):
    """Until all that PostgreSQL has finished is in the repository."""
    end_segment(member)
    harness.wait_for(lambda: backups(member)["waiting"] == 0, SETTLING, every=0.3)


class Site:
    """The set whose data is to be saved, and the sets that are restored from it."""

    def __init__(self):
        self.set = ReplicaSet()
        self.repository = self.set.root / "repository"
        self.copies = 0
        self.first = self.set.member("--backup-dir", self.repository).start()

    def running(self):
        return [member for member in self.set.members if member.running()]

    def primary(self):
        name = status(self.running()[0])["primary"]
        return next(member for member in self.set.members if member.name == name)

    @property
    def url(self):
        done = replicas(self.running()[0], "config", "--json")
        return json.loads(done.stdout)["databaseUrl"]

    def stanza(self):
        return backups(self.running()[0])["stanza"]

    def restoring(self, *options):
        """The first member of a new set in a new folder, not started yet."""
        self.copies += 1
        return self.set.member("--restore-from", self.repository, *options, set_name=f"copy-{self.copies}")

    def close(self):
        self.set.close()


@pytest.fixture(scope="module")
def site():
    made = Site()
    try:
        second = made.set.member().start(join=made.first)
        made.set.member().start(join=second)
        psql_until(made.url, "CREATE TABLE kept (a int PRIMARY KEY)")
        yield made
    finally:
        made.close()


def rows(url):
    return sorted(int(row) for row in psql_until(url, "SELECT a FROM kept").split())


def restored(site, *options):
    """The rows in a set that was restored so; it is stopped again."""
    member = site.restoring(*options).start()
    try:
        return rows(member.url)
    finally:
        member.terminate()


def test_the_first_backup_is_made_by_itself(site):
    seen = harness.wait_for(lambda: backups(site.first)["backups"] and backups(site.first), BACKUP, every=0.3)
    assert [backup["type"] for backup in seen["backups"]] == ["full"]
    assert seen["repository"] == str(site.repository) and seen["since"] == seen["backups"][0]["ended"]
    harness.wait_for(lambda: wait_healthy(site.first, 3), SETTLING)
    shown = replicas(site.first, "status").stdout
    assert re.search(rf"^backups in {site.repository}: the last is full of .*Z; any moment since .*Z is kept$", shown, re.M)
    listed = replicas(site.first, "backups")
    assert listed.returncode == 0 and re.search(r"^\d{8}-\d{6}F +full ", listed.stdout, re.M), listed.stdout


def test_secrets_of_backups_are_their_owners_alone(site):
    folder = site.first.data / "backup"
    for name in ("pgbackrest.conf", "pgpass"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600, name
    assert (folder / "archive-by-pgbackrest").stat().st_mode & 0o777 == 0o700
    assert site.repository.stat().st_mode & 0o007 == 0


def test_a_harmful_delete_is_undone_in_a_new_set(site):
    psql(site.url, "INSERT INTO kept SELECT generate_series(1, 100)")
    before = moment()
    psql(site.url, "DELETE FROM kept")
    psql(site.url, "INSERT INTO kept VALUES (1000)")
    stored(site.primary())
    copy = site.restoring("--restore-to", before).start()
    assert rows(copy.url) == list(range(1, 101))
    # It is a set as any other: it takes writes and further members, by secrets of its own.
    psql(copy.url, "INSERT INTO kept VALUES (2000)")
    copy.terminate()
    copy.start()  # goes on, instead of beginning anew
    other = site.set.member(set_name="copy-1").start(join=copy)
    wait_healthy(copy, 2)
    psql_until(copy.url, "INSERT INTO kept VALUES (2001)")
    assert rows(other.url) == [*range(1, 101), 2000, 2001]
    other.terminate()
    copy.terminate()
    with pytest.raises(OSError):
        psql(site.url.replace(str(site.first.data / "client" / "pgpass"), str(copy.data / "client" / "pgpass")), "SELECT 1")
    # The set that was copied has not noticed.
    assert rows(site.url) == [1000]


def test_all_that_there_is_without_a_moment(site):
    psql(site.url, "INSERT INTO kept VALUES (1001)")
    stored(site.primary())
    assert restored(site) == [1000, 1001]


def test_positions_of_before_mean_nothing_to_a_restored_set(site):
    psql(site.url, "CREATE TABLE _settings (key text PRIMARY KEY, value text)", "CREATE TABLE _changes (n int)",
         "INSERT INTO _settings VALUES ('epoch', 'old'), ('signing_secret', 'kept')",
         "INSERT INTO _changes VALUES (1)")  # fmt: skip
    stored(site.primary())
    copy = site.restoring().start()
    assert psql(copy.url, "SELECT key FROM _settings", "SELECT count(*) FROM _changes").split() == ["signing_secret", "0"]
    copy.terminate()
    psql(site.url, "DROP TABLE _settings", "DROP TABLE _changes")


def test_after_a_failover_backups_and_the_log_go_on(site):
    before = moment()
    lost = site.primary()
    lost.kill()
    psql_until(site.url, "INSERT INTO kept VALUES (1002)")
    between = moment()
    other = site.running()[0]
    done = replicas(other, "backup")
    assert done.returncode == 0, done.stderr
    assert re.match(r"\d{8}-\d{6}F_\d{8}-\d{6}I is made, incremental: ", done.stdout), done.stdout
    psql_until(site.url, "INSERT INTO kept VALUES (1003)")
    after = moment()
    psql_until(site.url, "INSERT INTO kept VALUES (1004)")
    stored(site.primary())
    lost.start()
    wait_healthy(other, 3)
    assert restored(site, "--restore-to", before) == [1000, 1001]
    assert restored(site, "--restore-to", between) == [1000, 1001, 1002]
    assert restored(site, "--restore-to", after) == [1000, 1001, 1002, 1003]


def test_what_a_lost_primary_had_not_stored_its_successor_stores(site):
    """With the repository away, too: writes go on, the status says what is wrong."""
    lost = site.primary()
    stored(lost)
    away = site.repository.with_name("away")
    site.repository.rename(away)
    try:
        for number in (1005, 1006):
            psql(site.url, f"INSERT INTO kept VALUES ({number})")
            end_segment(lost)
        between = moment()
        psql(site.url, "INSERT INTO kept VALUES (1007)")

        def complained():
            shown = replicas(lost, "status")
            return shown.returncode == 1 and re.search(r"backups in .*NOT OK: \d files? of the log .*wait", shown.stdout)

        harness.wait_for(complained, SETTLING, every=0.3)
        assert replicas(lost, "backups").returncode == 1
        asked = replicas(lost, "backup")
        assert asked.returncode == 1 and "pgBackRest's backup: " in asked.stderr, asked.stderr
        standby = next(member for member in site.running() if member is not lost)

        def warned():
            shown = replicas(standby, "status").stdout
            return f"{standby.name} could not go on with the backups" in shown

        harness.wait_for(warned, 2 * SETTLING, every=0.5)
        lost.kill()
        psql_until(site.url, "INSERT INTO kept VALUES (1008)")
    finally:
        away.rename(site.repository)
    shutil.rmtree(lost.data / "postgres")  # nobody else can hand over its files
    primary = site.primary()
    harness.wait_for(lambda: "of the log that the repository lacked" in primary.log(1000), SETTLING, every=0.3)
    stored(primary)
    harness.wait_for(lambda: not backups(primary)["problem"], 2 * SETTLING, every=0.3)
    assert restored(site, "--restore-to", between) == [*range(1000, 1007)]
    assert restored(site) == [*range(1000, 1009)]
    lost.start()
    wait_healthy(primary, 3)


def test_a_full_backup_on_request(site):
    done = replicas(site.first, "backup", "--full")
    assert done.returncode == 0 and "is made, full: " in done.stdout, done.stdout + done.stderr
    seen = backups(site.first)["backups"]
    assert [backup["type"] for backup in seen] == ["full", "incremental", "full"]


def refused(member, words, code):
    done = harness.run("replica", *member.options, timeout=BACKUP)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    for word in words:
        assert word in done.stderr, done.stderr
    assert not (member.data / "postgres").exists() and not (member.data / "etcd").exists()


def test_moments_out_of_range_are_refused_with_what_there_is(site):
    oldest = backups(site.first)["backups"][0]["ended"][:19]
    refused(site.restoring("--restore-to", "2020-01-01"), ["--restore-to", "2020-01-01", oldest], 2)
    refused(site.restoring("--restore-to", "2999-01-01T00:00:00Z"), ["--restore-to", "in the future"], 2)
    psql(site.url, "INSERT INTO kept VALUES (1009)")
    last = moment()
    stored(site.primary())
    refused(site.restoring("--restore-to", last), ["--restore-to", "no change after", "Its last is of"], 1)
    empty = site.set.root / "nothing"
    empty.mkdir()
    member = site.set.member("--restore-from", empty)
    refused(member, ["--restore-from", str(empty), "no backups"], 2)


def test_sets_share_a_repository_and_never_a_place_in_it(site):
    copy = site.restoring("--backup-dir", site.repository, "--restore-to", moment_of_last_backup(site)).start()
    harness.wait_for(lambda: backups(copy)["backups"], BACKUP, every=0.3)
    listed = harness.run("replicas", "backups", "--repository", site.repository)
    assert listed.returncode == 0 and site.stanza() in listed.stdout, listed.stdout + listed.stderr
    assert backups(copy)["stanza"] in listed.stdout and backups(copy)["stanza"] != site.stanza()
    refused(site.restoring(), ["several sets", site.stanza(), "--restore-set"], 2)
    refused(site.restoring("--restore-set", "nobody"), ["'nobody'", site.stanza()], 2)
    copy.terminate()
    assert 1000 in restored(site, "--restore-set", site.stanza())


def moment_of_last_backup(site):
    """A moment with changes after it: the end of one backup, before which the log was stored."""
    return backups(site.first)["backups"][1]["ended"]
