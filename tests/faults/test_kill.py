"""kill -9 under concurrent writers, again and again on the same data: what was acknowledged is there, and whole.

MINGA_ROUNDS says how often (./dev test --rounds N), MINGA_SEED repeats a run.
"""

import hashlib
import http.client
import os
import random
import sqlite3
import threading
from urllib.parse import quote

import harness

ROUNDS = int(os.environ.get("MINGA_ROUNDS", "50"))
WRITERS = 6
HITS = "/hits/"
TASKS = "/api/collections/tasks/records"
ITEMS = "/api/collections/items/records"


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


class Writer(threading.Thread):
    """Writes until the server dies. Of each kind it knows what was acknowledged, and the one that was in flight."""

    def __init__(self, server, label, seed):
        super().__init__()
        self.client, self.label, self.random = server.client(), label, random.Random(seed)
        self.tasks, self.items, self.hits, self.deleted = {}, {}, [], []
        self.in_flight = None
        self.fault = None

    def run(self):
        number = 0
        try:
            while True:
                number += 1
                self.write(f"{self.label}-{number}", self.random.choice(("task", "item", "hit", "delete")))
                self.in_flight = None
        except (OSError, http.client.HTTPException):
            pass  # killed
        except AssertionError as fault:
            self.fault = fault

    def write(self, name, kind):
        self.in_flight = (kind, name)
        if kind == "task":
            answer = self.client.post(TASKS, {"title": name, "description": digest(name)})
            assert answer.status == 200, answer
            self.tasks[name] = answer.json()["id"]
        elif kind == "item":
            text = name * self.random.randint(1, 400)
            answer = self.client.post(ITEMS, {"name": name, "text": text, "digest": digest(text)})
            assert answer.status == 200, answer
            self.items[name] = answer.json()["id"]
        elif kind == "hit":
            answer = self.client.get(HITS)
            assert answer.status == 200, answer
            self.hits.append(answer.json()["hits"])
        elif self.tasks:
            name = self.random.choice(list(self.tasks))
            self.in_flight = ("delete", name)
            answer = self.client.delete(f"{TASKS}/{self.tasks[name]}")
            assert answer.status == 204, answer
            del self.tasks[name]
            self.deleted.append(name)

    def left_in_flight(self, kind):
        return self.in_flight[1] if self.in_flight and self.in_flight[0] == kind else None


def all_of(client, path, filter):
    records, page = [], 1
    while items := client.get(f"{path}?perPage=1000&page={page}&filter={quote(filter)}").json()["items"]:
        records += items
        page += 1
    return records


def check_tasks(client, label, writers):
    stored = {task["title"]: task for task in all_of(client, TASKS, f"title ~ '{label}'")}
    acknowledged = {name for writer in writers for name in writer.tasks}
    being_deleted = {writer.left_in_flight("delete") for writer in writers}
    assert acknowledged - being_deleted <= set(stored), "acknowledged tasks are lost"
    created = {writer.left_in_flight("task") for writer in writers}
    assert set(stored) <= acknowledged | created, "tasks that were deleted, or never sent, are there"
    for name, task in stored.items():
        assert task["description"] == digest(name), "half a task"


def check_items(client, label, writers):
    stored = {item["name"]: item for item in all_of(client, ITEMS, f"name ~ '{label}'")}
    acknowledged = {name for writer in writers for name in writer.items}
    assert acknowledged <= set(stored), "acknowledged items are lost"
    assert set(stored) <= acknowledged | {writer.left_in_flight("item") for writer in writers}
    for item in stored.values():
        assert item["digest"] == digest(item["text"]), "half an item"


def check_hits(client, before, writers):
    seen = sorted(hit for writer in writers for hit in writer.hits)
    assert len(seen) == len(set(seen)), "two visits got the same number"
    in_flight = sum(writer.left_in_flight("hit") is not None for writer in writers)
    now = client.get(f"{HITS}count").json()["hits"]
    assert before + len(seen) <= now <= before + len(seen) + in_flight
    assert not seen or seen[-1] <= now
    return now


def test_what_was_acknowledged_survives(tmp_path):
    seed = int(os.environ.get("MINGA_SEED", random.SystemRandom().randrange(2**32)))
    print(f"MINGA_SEED={seed} repeats this run")
    dice = random.Random(seed)
    server = harness.Server(tmp_path).start()
    hits = 0
    writes = 0
    for number in range(ROUNDS):
        label = f"r{number}w"
        writers = [Writer(server, f"{label}{n}", dice.random()) for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        # Some rounds die in their first writes, some in the middle of many.
        wanted = dice.choice((1, 5, 50, 200))
        harness.wait_for(lambda: sum(len(w.tasks) + len(w.items) + len(w.hits) for w in writers) >= wanted, every=0.001)
        server.kill()
        for writer in writers:
            writer.join(harness.PATIENCE)
            assert not writer.is_alive() and writer.fault is None, writer.fault
        server = harness.Server(tmp_path).start()
        client = server.client()
        check_tasks(client, label, writers)
        check_items(client, label, writers)
        hits = check_hits(client, hits, writers)
        writes += sum(len(w.tasks) + len(w.items) + len(w.hits) + len(w.deleted) for w in writers)
    server.terminate()
    print(f"{ROUNDS} kills, {writes} acknowledged writes, none lost")
    with sqlite3.connect(f"file:{server.data / 'minga.db'}?mode=ro", uri=True) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_kill_while_starting(tmp_path):
    """A first start that dies anywhere leaves a folder that the next start understands."""
    for number in range(max(3, ROUNDS // 5)):
        server = harness.Server(tmp_path)
        # From the first instruction to some milliseconds later; one that has started by then is killed the same.
        timer = threading.Timer(number * 0.003, lambda: server.process and server.process.kill())
        timer.start()
        try:
            server.start()
        except AssertionError:
            pass  # it died before it printed its URL
        timer.join()
        server.kill()
    server = harness.Server(tmp_path).start()
    assert server.client().post(TASKS, {"title": "a", "description": "b"}).status == 200
    server.terminate()
