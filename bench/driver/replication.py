"""What it costs that another server has each write, and that followers can be told of it."""

import subprocess
import time

from . import floor, load, machine, servers
from .postgres import Postgres

RATE = 5_000  # writes a second, at which the change log is measured


def standbys(folder, binary, seconds, progress):
    """Creates without a standby, with one, and with one that confirms each commit."""
    server = servers.Minga(folder, binary, Postgres(folder))
    standby = None
    results = []
    try:
        server.ready()
        for state in ("no standby", "a standby, not waited for", "a standby that confirms"):
            if state != "no standby":
                standby = standby or Postgres(folder, copy_of=server.postgres)
                server.standby = standby
                server.postgres.confirm_by("*" if state == "a standby that confirms" else "")
            load.run(server, "create", 1, folder)
            results.append({**load.run(server, "create", seconds, folder), "name": state})
            progress(f"  {state}: create {results[-1]['rate']:,.0f}/s")
        durability = server.durability()
    finally:
        if standby:
            server.postgres.sql("ALTER SYSTEM RESET synchronous_standby_names")
            server.postgres.sql("SELECT pg_reload_conf()")
            standby.stop()
        server.stop()
    yield durability
    yield f"{'':28}{'creates/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}  {'load':>8}{'server':>9}{'database':>10}{'standby':>9}"
    for one in results:
        yield (
            f"{one['name']:28}{one['rate']:10,.0f}{one['p50']:9.2f}{one['p99']:9.2f}"
            f"{one['rate'] / results[0]['rate']:8.2f}  "
            f"{one['load']:8.1f}{one['server']:9.1f}{one['database']:10.1f}{one['standby']:9.1f}"
        )
    yield "The standby shares the cores and the disk with what it confirms: with a machine of its own it costs less."


class Subscriber:
    """One that follows all tasks, and counts what it is told."""

    def __init__(self, server, folder):
        self.path = folder / "events"
        with open(self.path, "wb") as file:
            url = server.url + "/api/events?topic=tasks/*"
            self.process = subprocess.Popen(servers.pinned(["curl", "-sN", url]), stdout=file)

    def events(self):
        return self.path.read_bytes().count(b"\ndata:")

    def wait_for(self, count, seconds=20):
        end = time.monotonic() + seconds
        while (seen := self.events()) < count:
            if time.monotonic() > end:
                raise RuntimeError(f"{seen:,} of {count:,} changes were told")
            time.sleep(0.1)

    def stop(self):
        servers.stop(self.process)


def change_log(folder, binary, seconds, progress):
    """At a fixed rate: with and without a change's row, with and without somebody who follows."""
    server = servers.Minga(folder, binary, Postgres(folder))
    group, connections = 2, 8  # what waits together at that rate
    results = []
    try:
        server.ready()
        floor.run(server.postgres, "", group, connections, 1)
        for with_changes in (False, True):
            name = "pgbench, task and change" if with_changes else "pgbench, task alone"
            one = floor.run(server.postgres, name, group, connections, seconds, with_changes, RATE)
            results.append(one)
        load.run(server, "create", 1, folder, rate=RATE)
        results.append({**load.run(server, "create", seconds, folder, rate=RATE), "name": "minga, nobody follows"})
        subscriber = Subscriber(server, folder)
        try:
            load.run(server, "create", 1, folder, rate=RATE)
            told = subscriber.events()
            one = load.run(server, "create", seconds, folder, rate=RATE)
            subscriber.wait_for(told + one["requests"])
        finally:
            subscriber.stop()
        results.append({**one, "name": "minga, one follows all"})
        for one in results:
            progress(f"  {one['name']}: {one['rate']:,.0f}/s")
    finally:
        server.stop()
    yield f"{'':28}{'writes/s':>10}{'p50 ms':>9}{'p99 ms':>9}  {'load':>8}{'server':>9}{'database':>10}"
    for one in results:
        times = f"{one['p50']:9.2f}{one['p99']:9.2f}" if "p50" in one else f"{'':18}"
        yield f"{one['name']:28}{one['rate']:10,.0f}{times}  {one['load']:8.1f}{one['server']:9.1f}{one['database']:10.1f}"
    for before, after, what in ((0, 1, "the change's row"), (2, 3, "the doorbell and a follower")):
        cost = 1 - results[after]["rate"] / results[before]["rate"]
        more = sum(results[after][part] - results[before][part] for part in ("server", "database"))
        yield (
            f"{what} cost {max(0, cost):.1%} of the writes at {RATE:,}/s (aim: at most 5%), and {more:.1f} us of"
            f" processor time each, {more * RATE / 1e6 / len(machine.cores()):.1%} of the {len(machine.cores())} cores"
        )


def run(folder, binary, seconds, progress):
    for title, part in (
        ("Creates, and who has them when they are acknowledged; processor time of each in us", standbys),
        (f"Creates at {RATE:,}/s, and what the change log is of them; processor time of each in us", change_log),
    ):
        yield title
        own = folder / part.__name__
        own.mkdir()
        yield from part(own, binary, seconds, progress)
        yield ""
