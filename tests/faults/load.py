"""The whole load of a round: it begins, goes on under a fault, and ends with a last write that everyone must see."""

import itertools
import threading
import time

import direct
import harness
from workload import Creator, Entry, Journal, KeyedWriter, Owner, Returner, Sharer, Subscriber, Visitor, Worker

WORKERS = [Creator, Creator, KeyedWriter, KeyedWriter, Owner, Owner, Sharer, Sharer, Sharer, Visitor, Visitor, Returner, Returner]
SHARED = 3
BEGUN = 60  # acknowledged writes after which a load is under way
RESUMED = 20  # and after which it is again
RETURN = 90.0  # for writes to return; far more than what is aimed at
LAST = 120.0
rounds = itertools.count(1)


class Load:
    def __init__(self, deployment, seed, may_be_stale=False):
        self.deployment, self.seed, self.may_be_stale = deployment, seed, may_be_stale
        self.label = f"r{next(rounds)}"
        self.journal = Journal()
        self.ending, self.ended = threading.Event(), threading.Event()
        self.last = None
        self.struck_at = None
        self.stale = 0  # reads, as the audit finds
        self.workers, self.subscribers, self.direct = [], [], []

    def urls(self):
        return [node.url for node in self.deployment.nodes]

    def start(self):
        first = Worker(self, f"{self.label}-first", 0)
        self.hits_before = first.connection().get("/hits/count").json()["hits"]
        made = [Entry(first.label, "create", first.name()) for _ in range(SHARED + 1)]
        for entry in made:
            assert first.create(entry) == "done", self.journal.faults
        first.drop()
        self.journal.entries.remove(made[0])
        self.first = made[0].record
        self.shared = [entry.record for entry in made[1:]]
        self.initial = {entry.record: entry.value for entry in made[1:]}
        self.workers = [of(self, f"{self.label}-{of.__name__}{n}", n) for n, of in enumerate(WORKERS)]
        self.subscribers = [Subscriber(self, f"{self.label}-Subscriber{n}", n, made[0].position) for n in range(2)]
        self.direct = direct.writers(self)
        for thread in self.threads:
            thread.start()
        self.wait_for_writes(BEGUN)
        return self

    @property
    def threads(self):
        return [*self.workers, *self.subscribers, *self.direct]

    def strike(self):
        """From here on the time without writes counts."""
        self.struck_at = time.monotonic()

    def wait_for_writes(self, count=RESUMED):
        """That many more are acknowledged, of those that begin from now on."""
        number = len(self.journal.entries)

        def enough():
            self.raise_faults()
            later = self.journal.entries[number:]
            no_write = ("read", "replica", "part", "direct")
            return sum(e.outcome == "done" and e.kind not in no_write for e in later) >= count

        harness.wait_for(enough, RETURN, every=0.05)
    def raise_faults(self):
        assert not self.journal.faults, "\n".join(self.journal.faults[:5])

    def longest_pause(self):
        """Seconds without any acknowledged write of any client, the longest such time since the fault struck."""
        times = [self.struck_at, *(t for t in self.journal.written() if t > self.struck_at)]
        return max(later - earlier for earlier, later in zip(times, times[1:]))

    def stop(self):
        """Ends the clients, writes a last record, and waits until subscribers have seen it."""
        last = Worker(self, f"{self.label}-last", 0)
        self.ending.set()
        for thread in [*self.workers, *self.direct]:
            thread.join()
        try:
            entry = Entry(last.label, "create", last.name())
            assert last.create(entry) == "done", entry
            self.last = entry
            for subscriber in self.subscribers:
                subscriber.join(LAST)
                if subscriber.is_alive():
                    self.journal.fault(f"{subscriber.label} does not see the last change; it is at {subscriber.position}")
        finally:
            last.drop()
            self.ended.set()
            for thread in self.threads:
                thread.join()
        self.raise_faults()

    def abandon(self):
        """After a failure: all threads end."""
        self.ending.set()
        self.ended.set()
        for thread in self.threads:
            if thread.is_alive():
                thread.join()
