"""Clients of both nodes, all at once, that write down what they asked for, when, and what they were answered."""

import dataclasses
import http.client
import itertools
import json
import random
import threading
import time

import harness

TASKS = "/api/collections/tasks/records"
TOPIC = "/api/events?topic=tasks%2F*"
PATIENCE = 45.0  # more than the nodes' deadlines: what is not answered by then was never going to be
PAUSE = 0.02  # between two requests of a client: the machine has other things to do, too
HOPS = 60  # events after which a subscriber goes to another node

DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"


@dataclasses.dataclass
class Entry:
    """One request: `value` is unique among what is written; `result` is what was read, or the counter's value."""

    client: str
    kind: str  # create, update, delete, read, replica, cas, hit, direct
    value: str
    record: str = ""
    begin: float = 0.0
    end: float = 0.0
    outcome: str = UNKNOWN
    result: object = None
    position: str = ""
    expected: object = None  # of a cas: the value that was to be there
    keyed: bool = False


class Journal:
    """What all clients wrote down. Entries stay in the order in which they began."""

    def __init__(self):
        self.entries, self.faults = [], []
        self.lock = threading.Lock()
        self.last_ack = 0.0
        self.acks = 0

    def begin(self, entry):
        with self.lock:
            entry.begin = time.monotonic()
            self.entries.append(entry)
        return entry

    def end(self, entry, outcome):
        with self.lock:
            entry.end, entry.outcome = time.monotonic(), outcome
            if outcome == DONE and entry.kind not in ("read", "replica"):
                self.last_ack, self.acks = entry.end, self.acks + 1

    def fault(self, text):
        with self.lock:
            self.faults.append(text)

    def of(self, *kinds, outcome=None):
        return [e for e in self.entries if e.kind in kinds and (outcome is None or e.outcome == outcome)]

    def written(self):
        """When each write of an application's client was acknowledged."""
        acknowledged = self.of("create", "update", "delete", "cas", "hit", outcome=DONE)
        return sorted(entry.end for entry in acknowledged)


class Worker(threading.Thread):
    """One client. It goes to another node when the one it has fails it."""

    def __init__(self, load, label, number):
        super().__init__(name=label)
        self.load, self.journal, self.label = load, load.journal, label
        self.dice = random.Random(f"{load.seed}-{label}")
        self.numbers = itertools.count()
        self.node, self.client = number, None

    def run(self):
        try:
            while not self.load.ending.wait(PAUSE):
                self.act()
        except Exception as failure:  # handed to the audit
            self.journal.fault(f"{self.label}: {failure!r}")
        finally:
            self.drop()

    def act(self):
        raise NotImplementedError

    def drop(self):
        if self.client:
            self.client.close()
            self.client = None

    def next_node(self):
        self.drop()
        self.node += 1

    def connection(self):
        if self.client is None:
            urls = self.load.urls()
            self.client = harness.Client(urls[self.node % len(urls)])
            self.client.connection.timeout = PATIENCE
        return self.client

    def name(self):
        return f"{self.label}-{next(self.numbers)}"

    def send(self, entry, method, path, body=None, expected=(200,), **headers):
        """Sends it once. Nothing was done when the node says so (503 with Retry-After) or was not there at all."""
        self.journal.begin(entry)
        try:
            answer = self.connection().request(method, path, body, **headers)
        except ConnectionRefusedError:
            self.journal.end(entry, REFUSED)
            self.next_node()
            return None
        except (OSError, http.client.HTTPException):
            self.journal.end(entry, UNKNOWN)
            self.next_node()
            return None
        if answer.status in expected:
            entry.position = answer.headers.get("Minga-Position", "")
            self.journal.end(entry, DONE)
        elif answer.status == 503:
            self.journal.end(entry, REFUSED if answer.headers.get("Retry-After") else UNKNOWN)
            self.next_node()
        elif answer.status in (409, 412) or answer.status == 404 and self.load.may_be_stale and entry.kind != "replica":
            self.journal.end(entry, REFUSED)
        else:
            self.journal.end(entry, UNKNOWN)
            self.journal.fault(f"{entry}: {answer}")
        return answer

    def create(self, entry, **headers):
        body = {"title": entry.value, "description": self.label}
        answer = self.send(entry, "POST", TASKS, body, **headers)
        if entry.outcome == DONE:
            entry.record = answer.json()["id"]
        return entry.outcome


class Creator(Worker):
    """Makes records and never tries one again. It stays at its node, so that writes are seen to return at each: the
    others may all wait at one that is cut off."""

    def next_node(self):
        self.drop()

    def act(self):
        self.create(Entry(self.label, "create", self.name()))


class KeyedWriter(Worker):
    """Makes, changes and deletes records, each request with its key, again and again until it is answered."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.own = None

    def act(self):
        if self.own is None:
            answer = self.repeat("create", "POST", TASKS, {"description": self.label})
            self.own = answer and answer.json()["id"]
        elif self.dice.random() < 0.7:
            self.repeat("update", "PATCH", f"{TASKS}/{self.own}", {})
        else:
            self.repeat("delete", "DELETE", f"{TASKS}/{self.own}", None, expected=(204,))
            self.own = None

    def repeat(self, kind, method, path, body, expected=(200,)):
        whole = Entry(self.label, kind, self.name(), record=self.own or "", keyed=True)
        if body is not None:
            body["title"] = whole.value
        self.journal.begin(whole)
        while not self.load.ending.is_set():
            part = Entry(self.label, "part", whole.value)
            answer = self.send(part, method, path, body, expected, Idempotency_Key=f"{self.load.seed}-{whole.value}")
            if part.outcome == DONE:
                whole.position = part.position
                whole.record = whole.record or answer.json()["id"]
                self.journal.end(whole, DONE)
                return answer
            self.load.ending.wait(PAUSE)
        return None


class Owner(Worker):
    """Changes and deletes records of its own, without keys."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.own = None

    def act(self):
        if self.own is None:
            entry = Entry(self.label, "create", self.name())
            self.create(entry)
            self.own = entry.record or None
            return
        kind = "update" if self.dice.random() < 0.8 else "delete"
        entry = Entry(self.label, kind, self.name(), record=self.own)
        path = f"{TASKS}/{self.own}"
        if kind == "update":
            self.send(entry, "PATCH", path, {"title": entry.value})
        else:
            self.send(entry, "DELETE", path, expected=(204,))
            self.own = None


class Sharer(Worker):
    """Reads, writes and swaps a few records that others write, too."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.seen = {}  # record: (value, entity tag)

    def act(self):
        record = self.dice.choice(self.load.shared)
        path = f"{TASKS}/{record}"
        kind = self.dice.choice(("read", "read", "update", "cas"))
        if kind == "read" or record not in self.seen:
            entry = Entry(self.label, "read", "", record)
            answer = self.send(entry, "GET", path)
            if entry.outcome == DONE:
                entry.result = answer.json()["title"]
                self.seen[record] = (entry.result, answer.headers["ETag"])
            return
        entry = Entry(self.label, kind, self.name(), record)
        headers = {}
        if kind == "cas":
            entry.expected, tag = self.seen[record]
            headers = {"If-Match": tag}
        answer = self.send(entry, "PATCH", path, {"title": entry.value}, headers=headers)
        if entry.outcome == DONE:
            self.seen[record] = (entry.value, answer.headers["ETag"])
        elif answer is not None and answer.status == 412:
            entry.result = "other"
            del self.seen[record]


class Returner(Worker):
    """Changes a record of its own and reads it from standbys, with the position of its last write: at either node."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.own, self.position = None, ""

    def act(self):
        if self.dice.random() < 0.3:
            self.next_node()
        if self.own is None:
            entry = Entry(self.label, "create", self.name())
            self.create(entry)
            self.own = entry.record or None
        elif self.dice.random() < 0.4:
            entry = Entry(self.label, "update", self.name(), record=self.own)
            self.send(entry, "PATCH", f"{TASKS}/{self.own}", {"title": entry.value})
        else:
            self.read()
            return
        self.position = entry.position or self.position

    def read(self):
        entry = Entry(self.label, "replica", "", record=self.own)
        headers = {"Prefer": "read=replica", "Minga-Position": self.position}
        answer = self.send(entry, "GET", f"{TASKS}/{self.own}", headers=headers)
        if entry.outcome == DONE:
            entry.result = answer.json()["title"]


class Visitor(Worker):
    """Counts."""

    def act(self):
        entry = Entry(self.label, "hit", self.name())
        answer = self.send(entry, "GET", "/hits/")
        if entry.outcome == DONE:
            entry.result = answer.json()["hits"]


class Subscriber(Worker):
    """Follows the change log from node to node, each time from the last position that it saw."""

    def __init__(self, load, label, number, position):
        super().__init__(load, label, number)
        self.position, self.events = position, []

    def act(self):
        urls = self.load.urls()
        try:
            with harness.Events(urls[self.node % len(urls)], TOPIC, Last_Event_ID=self.position) as stream:
                for _ in range(HOPS):
                    event = stream.next()
                    self.note(event["id"], json.loads(event["data"]))
                    if self.load.ending.is_set() and self.has_seen(self.load.last):
                        return
        except (OSError, http.client.HTTPException, AssertionError):
            pass  # this node is gone, or has nothing to say
        self.node += 1

    def run(self):
        while not (self.load.ended.is_set() or self.load.ending.is_set() and self.has_seen(self.load.last)):
            self.act()

    def note(self, position, data):
        if data["action"] == "resync":
            self.journal.fault(f"{self.label} was told to fetch anew after {self.position}")
        self.events.append((position, data["action"], data["record"].get("id"), data["record"].get("title")))
        self.position = position

    def has_seen(self, entry):
        return entry is not None and any(event[2] == entry.record for event in self.events[-HOPS:])
