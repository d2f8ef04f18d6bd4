"""`minga move`: a site from one database into another, on either engine, the same afterwards."""

import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import threading

import harness
import pytest
from postgres_server import Session

COLLECTIONS = ["tasks", "items"]
TASKS = "/api/collections/tasks/records"
ITEMS = "/api/collections/items/records"
TASK = {"title": "a task", "description": "d"}


def fill(client, seed):
    """Records of the applications with values of every kind, some changed and deleted again, counters."""
    values = random.Random(seed)
    texts = ["", "plain", "ñandú", "日本", "\U0001f600", "'\"\\", "line\nline", "\t", " ", "\u2028", "a" * 5000]
    reals = [0, -1, 1.5, -0.0, 1e-300, 1.7976931348623157e308, 0.1, 1 / 3, 2**53, -(2**53), 123456789.123456789]

    def anything(depth=0):
        kinds = [lambda: values.choice(texts), lambda: values.choice(reals), lambda: values.random() < 0.5, lambda: None]
        if depth < 3:
            kinds += [lambda: [anything(depth + 1) for _ in range(values.randrange(4))]]
            kinds += [lambda: {f"k{i}": anything(depth + 1) for i in range(values.randrange(4))}]
        return values.choice(kinds)()

    ids = []
    for number in range(150):
        made = client.post(TASKS, {"title": f"task {number}", "description": values.choice(texts[1:5])})
        assert made.status == 200, made
        ids.append(made.json()["id"])
        made = client.post(ITEMS, {"name": f"item {number}", **{f"f{i}": anything() for i in range(5)}})
        assert made.status == 200, made
    for record in ids[:40:2]:
        assert client.patch(f"{TASKS}/{record}", {"done": True}).status == 200
    for record in ids[:20:5]:
        assert client.delete(f"{TASKS}/{record}").status == 204
    for _ in range(7):
        assert client.get("/hits/").status == 200


def export(url):
    """All records of the site, as text."""
    texts = []
    for collection in COLLECTIONS:
        done = harness.run("export", collection, DATABASE_URL=url)
        assert done.returncode == 0, done
        texts.append(done.stdout)
    return texts


def hits(client):
    return int(re.search(r"seen (\d+) times", client.get("/hits/").json()["message"]).group(1))


def sqlite_url(folder, name="minga.db"):
    return f"sqlite:{folder}/{name}"


def move(*arguments, **more):
    return harness.run("move", *arguments, timeout=120, **more)


def moved(*arguments, **more):
    done = move(*arguments, **more)
    assert done.returncode == 0, done
    return done


@pytest.fixture
def site(make_server, tmp_path):
    """The URL of a SQLite database with a site in it that nobody serves."""
    server = make_server(DATABASE_URL=sqlite_url(tmp_path))
    fill(server.client(), 1)
    server.terminate()
    return sqlite_url(tmp_path)


@pytest.fixture
def fresh(tmp_path, postgres):
    """Makes URLs of empty databases."""
    numbers = iter(range(100))

    def make(engine):
        return postgres.create_database() if engine == "postgres" else sqlite_url(tmp_path, f"fresh{next(numbers)}.db")

    return make


@pytest.mark.parametrize("way", [["sqlite"], ["postgres", "postgres", "sqlite"]])
def test_the_same_after_each_move(site, fresh, make_server, way):
    file = pathlib.Path(site.removeprefix("sqlite:"))
    before, bytes_before = export(site), file.read_bytes()
    assert all(before)
    url = site
    for engine in way:
        target = fresh(engine)
        done = moved(url, target)
        assert "tasks: 146 records, checksum " in done.stdout and "paused for" in done.stdout, done
        assert export(target) == before
        url = target
    assert file.read_bytes() == bytes_before, "the source is as it was"
    server = make_server(DATABASE_URL=url)
    client = server.client()
    assert hits(client) == 8, "the counter goes on"
    assert client.post(TASKS, TASK).status == 200


def test_a_repeated_request_is_not_done_again_after_a_move(make_server, tmp_path, fresh):
    server = make_server(DATABASE_URL=sqlite_url(tmp_path))
    first = server.client().post(TASKS, TASK, Idempotency_Key="once-and-not-again")
    server.terminate()
    target = fresh("postgres")
    moved(sqlite_url(tmp_path), target)
    client = make_server(DATABASE_URL=target).client()
    again = client.post(TASKS, TASK, Idempotency_Key="once-and-not-again")
    assert again.status == 200 and again.json() == first.json()
    assert client.get(TASKS).json()["totalItems"] == 1


def test_positions_of_before_are_told_to_resync(make_server, tmp_path, fresh):
    server = make_server(DATABASE_URL=sqlite_url(tmp_path))
    position = server.client().post(TASKS, TASK).headers["Minga-Position"]
    server.terminate()
    target = fresh("postgres")
    moved(sqlite_url(tmp_path), target)
    with make_server(DATABASE_URL=target).events(f"/api/events?topic=tasks%2F*&since={position}") as events:
        assert json.loads(events.next()["data"])["action"] == "resync"


class TestRefusals:
    """What cannot be moved is refused with a sentence that says what can be."""

    def refused(self, done, *words):
        assert done.returncode != 0 and not done.stdout, done
        for word in words:
            assert word in done.stderr, done
        assert "terminate" not in done.stderr
        return True

    def test_arguments(self, tmp_path, site):
        assert self.refused(move(), "FROM_URL", "TO_URL")
        assert self.refused(move(site), "TO_URL")
        assert self.refused(move(site, "mysql://me:s3cret@host/x"), "postgresql://")
        assert self.refused(move(site, site), "another database")
        assert self.refused(move(sqlite_url(tmp_path, "none.db"), sqlite_url(tmp_path, "to.db")), "none.db")
        assert not (tmp_path / "none.db").exists() and not (tmp_path / "to.db").exists()
        assert self.refused(move(site, sqlite_url(tmp_path, "to.db"), "--pause", "0"), "--pause")

    @pytest.mark.parametrize("engine", ["sqlite", "postgres"])
    def test_a_target_that_is_not_empty(self, site, fresh, engine):
        target = fresh(engine)
        assert harness.run("import", "tasks", "-", input=json.dumps(TASK), DATABASE_URL=target).returncode == 0
        assert self.refused(move(site, target), "not empty")

    def test_a_source_without_a_site(self, fresh, site):
        assert self.refused(move(fresh("postgres"), fresh("sqlite")), "no site")

    def test_a_database_of_others(self, postgres, site):
        url = postgres.create_database()
        postgres.sql("CREATE TABLE theirs (id int)", url.rsplit("/", 1)[1])
        assert self.refused(move(site, url), "not empty")


def many_tasks(url, count):
    lines = "".join(json.dumps({**TASK, "title": f"task {i}"}) + "\n" for i in range(count))
    done = harness.run("import", "tasks", "-", input=lines, DATABASE_URL=url)
    assert done.returncode == 0, done


class Moving:
    """`minga move` in a process of its own, to be killed."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [harness.binary(), "move", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=harness.environment(),
        )  # fmt: skip

    def kill(self):
        self.process.kill()
        self.process.communicate()
        return self.process.returncode == -signal.SIGKILL

    def done(self):
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, err
        return out


def rows_there(url, postgres, table="tasks"):
    """How many rows a target holds already, seen from outside."""
    if url.startswith("sqlite:"):
        file = url.removeprefix("sqlite:")
        if not os.path.exists(file):
            return 0
        try:
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
                return database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
        except sqlite3.OperationalError:
            return 0
    found = postgres.psql(f"SELECT COUNT(*) FROM {table}", url.rsplit("/", 1)[1], check=False)
    return int(found.stdout) if found.returncode == 0 else 0


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_killed_at_any_point_it_goes_on(site, fresh, make_server, postgres, engine):
    many_tasks(site, 20_000)
    before, target = export(site), fresh(engine)
    seed = random.randrange(2**32)
    print("seed", seed)
    points = random.Random(seed)
    killed = 0
    for wanted in sorted(points.randrange(20_146) for _ in range(4)):
        moving = Moving(site, target)
        harness.wait_for(
            lambda moving=moving, wanted=wanted: moving.process.poll() is not None
            or rows_there(target, postgres) > wanted,
            every=0.001,
        )
        killed += moving.kill()
        if not moving.process.returncode:
            break
        served = harness.run("serve", "--listen", "127.0.0.1:0", DATABASE_URL=target)
        if rows_there(target, postgres):
            assert served.returncode == 1 and "move that has not ended" in served.stderr, served
    assert killed > 0
    if export(site) == before:  # the source was never touched
        moved(site, target)
    assert export(target) == before
    make_server(DATABASE_URL=target)


def part_of_a_move(site, target, postgres):
    many_tasks(site, 20_000)
    moving = Moving(site, target)
    harness.wait_for(lambda: rows_there(target, postgres) > 3_000, every=0.001)
    assert moving.kill(), "it was over too soon"


def test_goes_on_with_what_the_site_wrote_since(site, fresh, make_server, postgres):
    target = fresh("postgres")
    part_of_a_move(site, target, postgres)
    server = make_server(DATABASE_URL=site)
    client = server.client()
    listed = client.get(f"{TASKS}?perPage=40&sort=id").json()["items"]
    for record in listed[::2]:
        assert client.delete(f"{TASKS}/{record['id']}").status == 204
    for record in listed[1::2]:
        assert client.patch(f"{TASKS}/{record['id']}", {"title": "changed since"}).status == 200
    assert client.post(TASKS, TASK, Idempotency_Key="since-it-was-stopped").status == 200
    assert client.get("/hits/").status == 200
    server.terminate()
    moved(site, target)
    assert export(target) == export(site)


def test_another_site_is_not_taken_for_the_one_that_was_stopped(site, fresh, make_server, tmp_path, postgres):
    target = fresh("postgres")
    part_of_a_move(site, target, postgres)
    other = make_server(DATABASE_URL=sqlite_url(tmp_path, "other.db"))
    other.terminate()
    done = move(sqlite_url(tmp_path, "other.db"), target)
    assert done.returncode == 1 and "another site" in done.stderr, done


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
@pytest.mark.parametrize("damage", ["UPDATE", "DELETE", "INSERT"])
def test_a_row_that_went_wrong_is_found(site, fresh, postgres, engine, damage):
    target = fresh(engine)
    part_of_a_move(site, target, postgres)
    statement = {
        "UPDATE": "UPDATE tasks SET description = 'x' WHERE id = '{}'",
        "DELETE": "DELETE FROM tasks WHERE id = '{}'",
        "INSERT": "INSERT INTO tasks (id, title) VALUES ('000000000000000', 'x')",
    }[damage]
    if engine == "sqlite":
        with sqlite3.connect(target.removeprefix("sqlite:")) as database:
            wrong = database.execute("SELECT MIN(id) FROM tasks").fetchone()[0]
            database.execute(statement.format(wrong))
    else:
        name = target.rsplit("/", 1)[1]
        wrong = postgres.sql("SELECT MIN(id) FROM tasks", name)[0]
        postgres.sql(statement.format(wrong), name)
    wrong = "000000000000000" if damage == "INSERT" else wrong
    done = move(site, target)
    assert done.returncode == 1 and "not the same" in done.stderr and f"tasks {wrong}" in done.stderr, done
    assert harness.run("serve", "--listen", "127.0.0.1:0", DATABASE_URL=target).returncode == 1


class Writers:
    """Clients that add records all the time and remember those that were answered."""

    def __init__(self, url, count=4):
        self.acknowledged, self.refusals, self.stopping = [], [], threading.Event()
        self.hits = 0
        self.clients = [harness.Client(url) for _ in range(count)]
        self.threads = [threading.Thread(target=self.write, args=[client]) for client in self.clients]
        self.threads.append(threading.Thread(target=self.visit, args=[harness.Client(url)]))
        for thread in self.threads:
            thread.start()

    def write(self, client):
        while not self.stopping.is_set():
            answer = client.post(TASKS, TASK)
            if answer.status != 200:
                self.refusals.append(answer)
                return
            record = answer.json()
            answer = client.patch(f"{TASKS}/{record['id']}", {"title": "changed"})
            if answer.status == 200:
                record = answer.json()
            self.acknowledged.append(record)

    def visit(self, client):
        while not self.stopping.is_set():
            answer = client.get("/hits/")
            if answer.status != 200:
                return
            self.hits += 1

    def stop(self):
        self.stopping.set()
        self.join()

    def join(self):
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("way", ["sqlite postgres", "sqlite sqlite", "postgres postgres", "postgres sqlite"])
def test_a_site_moves_while_it_is_served(make_server, fresh, tmp_path, way):
    start, end = way.split()
    source, target = fresh(start), fresh(end)
    many_tasks(source, 5_000)
    server = make_server(DATABASE_URL=source)
    writers = Writers(server.url)
    harness.wait_for(lambda: len(writers.acknowledged) > 50)
    done = moved(source, target)
    # Every writer has been refused: none of them goes on.
    writers.join()
    assert len(writers.refusals) == 4, writers.refusals
    for answer in writers.refusals:
        assert answer.status == 503 and "moved" in answer.text and answer.headers["Retry-After"], answer
    pause = float(re.search(r"paused for ([0-9.]+) s", done.stdout).group(1))
    assert pause < 10, done

    client = server.client()
    kept = client.get(f"{TASKS}/{writers.acknowledged[0]['id']}")
    assert kept.status == 200, "reads go on"
    assert client.delete(f"{TASKS}/{writers.acknowledged[0]['id']}").status == 503
    assert client.get("/hits/").status == 503

    (tmp_path / "there").mkdir()
    there = make_server(DATABASE_URL=target, folder=tmp_path / "there").client()
    for record in writers.acknowledged:
        found = there.get(f"{TASKS}/{record['id']}").json()
        assert found["id"] == record["id"] and found["updated"] >= record["updated"], (found, record)
    visits = hits(there) - 1
    assert writers.hits <= visits <= writers.hits + 1, "one may have been counted, but not answered"
    server.terminate()
    assert export(target) == export(source)

    again = harness.run("serve", "--listen", "127.0.0.1:0", DATABASE_URL=source)
    assert again.returncode == 1 and "has moved to" in again.stderr and "--reopen" in again.stderr, again
    assert harness.run("move", "--reopen", source).returncode == 0
    (tmp_path / "back").mkdir()
    back = make_server(DATABASE_URL=source, folder=tmp_path / "back").client()
    assert back.post(TASKS, TASK).status == 200


def waiting_for_locks(postgres, url):
    """How many sessions of minga's wait for somebody's locks."""
    count = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return int(postgres.sql(count, url.rsplit("/", 1)[1])[0])


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_killed_within_its_pause_it_lets_the_writes_go_on(make_server, fresh, postgres, engine):
    source, target = fresh(engine), fresh("postgres")
    part_of_a_move(source, target, postgres)
    server = make_server(DATABASE_URL=source)
    client = server.client()
    assert client.get("/hits/").status == 200
    # The counters are carried over in the pause: it comes that far, and stays there.
    postgres.sql("INSERT INTO _counters VALUES ('stale', 1)", target.rsplit("/", 1)[1])
    with Session(postgres, target, "SELECT * FROM _counters FOR UPDATE"):
        moving = Moving(source, target, "--pause", "60")
        harness.wait_for(lambda: waiting_for_locks(postgres, target) == 1, seconds=60)
        answers = []
        writing = threading.Thread(target=lambda: answers.append(server.client().post(TASKS, TASK)))
        writing.start()
        assert not answers and moving.kill(), "it was over too soon"
        writing.join()
        assert answers[0].status == 200, answers[0]
        assert client.post(TASKS, TASK).status == 200 and client.get("/hits/").status == 200
    server.terminate()
    moved(source, target)
    assert export(target) == export(source)


def test_what_a_killed_move_has_left_under_way_is_waited_for(site, fresh, postgres):
    """The server goes on with what it was told, whoever is there to hear what came of it."""
    target = fresh("postgres")
    part_of_a_move(site, target, postgres)
    mark = "SELECT * FROM _settings WHERE key = 'move' FOR UPDATE"
    with Session(postgres, target, mark):
        killed = Moving(site, target)
        harness.wait_for(lambda: waiting_for_locks(postgres, target) == 1)
        assert killed.kill()
        moving = Moving(site, target)
        harness.wait_for(lambda: waiting_for_locks(postgres, target) > 1)
    moving.done()
    assert export(target) == export(site)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_killed_move_lets_the_writes_go_on(make_server, fresh, postgres, engine):
    source, target = fresh(engine), fresh("postgres")
    many_tasks(source, 3_000)
    server = make_server(DATABASE_URL=source)
    name = target.rsplit("/", 1)[1]
    # The move comes to its pause and no further: someone has the counters of its target.
    moving = Moving(source, target)
    harness.wait_for(lambda: rows_there(target, postgres) > 0, every=0.001)
    holder = subprocess.Popen(
        [postgres.programs / "psql", "-X", "-q", postgres.url(name)], stdin=subprocess.PIPE, text=True
    )
    holder.stdin.write("BEGIN; LOCK TABLE _settings IN ACCESS EXCLUSIVE MODE;\n")
    holder.stdin.flush()
    client = server.client()
    assert client.post(TASKS, TASK).status == 200
    assert moving.kill()
    assert client.post(TASKS, TASK).status == 200
    holder.stdin.close()
    holder.wait()
    server.terminate()
    moved(source, target)
    assert export(target) == export(source)
