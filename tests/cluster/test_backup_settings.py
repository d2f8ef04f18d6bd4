"""Where and how a set keeps its backups: turned on and off as it runs, encrypted, bounded while the repository is away."""

import json
import re

import harness
import pytest
from replica_set import BACKUP, SETTLING, psql, replicas, status
from test_backups import backups, end_segment, rows


def first_backup(member):
    return harness.wait_for(lambda: backups(member) and backups(member)["backups"], BACKUP, every=0.3)


def test_backups_are_turned_on_and_off_as_the_set_runs(replica_set):
    member = replica_set.member().start()
    psql(member.url, "CREATE TABLE kept (a int)")
    assert status(member)["backups"] is None
    done = replicas(member, "backups")
    assert done.returncode == 1 and "config --backup-dir" in done.stderr
    repository = replica_set.root / "open" / "repository"
    repository.parent.mkdir()
    repository.parent.chmod(0o777)
    assert replicas(member, "config", "--backup-dir", repository).returncode == 0
    assert len(first_backup(member)) == 1
    done = replicas(member, "config", "--backup-dir", repository)
    assert done.returncode == 1 and "already" in done.stderr
    assert replicas(member, "config", "--backup-dir", "off").returncode == 0
    harness.wait_for(lambda: "the set keeps no backups any more" in member.log(1000), SETTLING)
    end_segment(member)
    assert status(member)["backups"] is None
    config = json.loads(replicas(member, "config", "--json").stdout)
    assert "archive_timeout" not in config["shared"]["postgresql"]["parameters"]
    for wrong in ("backups", "/"):
        done = replicas(member, "config", "--backup-dir", wrong)
        assert done.returncode == 2 and "--backup-dir" in done.stderr and "/mnt/backups" in done.stderr


def test_a_repository_is_encrypted_by_pgbackrests_own_options(replica_set):
    repository = replica_set.root / "repository"
    options = replica_set.root / "options"
    options.write_text("# How it is kept\nrepo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass=not-for-others\ncompress-type=lz4\n")
    options.chmod(0o644)
    member = replica_set.member("--backup-dir", repository, "--backup-settings", options)
    done = harness.run("replica", *member.options)
    assert done.returncode == 2 and "chmod 600" in done.stderr
    options.chmod(0o600)
    member.start()
    psql(member.url, "CREATE TABLE kept (a int)", "INSERT INTO kept VALUES (1)")
    first_backup(member)
    end_segment(member)
    harness.wait_for(lambda: backups(member)["waiting"] == 0, SETTLING, every=0.3)
    assert "not-for-others" not in replicas(member, "backups", "--json").stdout
    segments = [path.name for path in repository.rglob("*.lz4")]
    assert segments, "the log is compressed as the options say"
    closed = harness.run("replicas", "backups", "--repository", repository)
    assert closed.returncode == 1 and "repo1-cipher-pass" in closed.stderr, closed.stderr
    opened = harness.run("replicas", "backups", "--repository", repository, "--backup-settings", options)
    assert opened.returncode == 0 and re.search(r"\d{8}-\d{6}F", opened.stdout), opened.stderr
    copy = replica_set.member("--restore-from", repository, "--backup-settings", options, set_name="copy").start()
    assert rows(copy.url) == [1]


def test_a_log_that_waits_too_long_is_cut_and_the_next_backup_mends_it(replica_set):
    repository = replica_set.root / "repository"
    options = replica_set.root / "options"
    options.write_text("archive-push-queue-max=32MiB\n")
    options.chmod(0o600)
    member = replica_set.member("--backup-dir", repository, "--backup-settings", options).start()
    psql(member.url, "CREATE TABLE kept (a int)")
    before = len(first_backup(member))
    away = repository.with_name("away")
    repository.rename(away)
    try:
        for number in range(8):
            psql(member.url, f"INSERT INTO kept VALUES ({number})")
            end_segment(member)
        notes = member.data / "postgres" / "pg_wal" / "archive_status"
        # 8 files of 16 MB wait, until PostgreSQL's archiver comes back to them: once a minute at the least.
        harness.wait_for(lambda: len(list(notes.glob("*.ready"))) <= 2, 2 * SETTLING, every=0.3)
        harness.wait_for(lambda: status(member)["backups"]["problem"], SETTLING, every=0.3)
        assert rows(member.url) == list(range(8)), "writes go on"
        stored = {path.name[:24] for path in away.rglob("0000*")}
        thrown = [note.stem for note in sorted(notes.glob("*.done")) if len(note.stem) == 24 and note.stem not in stored]
        assert len(thrown) > 1, "PostgreSQL was told that they are stored"
        (notes.parent / thrown[0]).unlink()  # as PostgreSQL does once it keeps enough others
    finally:
        away.rename(repository)
    harness.wait_for(lambda: len(backups(member)["backups"]) > before, BACKUP, every=0.3)
    harness.wait_for(lambda: not backups(member)["problem"], SETTLING, every=0.3)
    seen = backups(member)
    assert "of the log that the repository lacked" in member.log(1000), "what was there still is stored after all"
    assert seen["since"] == seen["backups"][-1]["ended"], "no moment within the gap is promised"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--backup-dir", "backups"], ["--backup-dir", "'backups'", "/mnt/backups"]),
        (["--backup-settings", "/x"], ["--backup-settings", "--backup-dir"]),
        (["--restore-to", "2026-11-21"], ["--restore-to", "--restore-from"]),
        (["--restore-from", "/x", "--restore-to", "yesterday"], ["--restore-to", "'yesterday'", "2026-11-21T12:34:56Z"]),
        (["--restore-from", "/x", "--join", "127.0.0.1:1", "--join-token", "/x"], ["--restore-from", "--join"]),
    ],
)
def test_wrong_options_say_what_is_right(options, words):
    done = harness.run("replica", "--set", "main", "--listen", "127.0.0.1:5432", "--data", "/tmp/minga-never-made", *options)
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
