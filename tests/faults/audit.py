"""Compares what clients were told with what is there, on every member."""

import collections
import contextlib
import json
import math

import direct
import harness
import psycopg2
from linearizability import READ, SWAP, WRITE, Operation, is_linearizable, stale_reads
from replica_set import tree
from workload import DONE, REFUSED, UNKNOWN

CATCHING_UP = 120.0
REWINDS = 2  # at the most, after a fault
ACTIONS = ("create", "update", "delete")  # as _changes numbers them
SHOWN = 8

TABLES = """SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"""
CHANGES = """SELECT transaction, number, action, record_id, record, before FROM _changes
    WHERE collection = (SELECT id FROM _collections WHERE name = 'tasks')
    AND (transaction, number) > (SELECT transaction, number FROM _changes WHERE record_id = %s)
    AND (transaction, number) <= (SELECT transaction, number FROM _changes WHERE record_id = %s)
    ORDER BY transaction, number"""
SUM = """SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint), 0) FROM "{}" AS t"""


@contextlib.contextmanager
def query(url):
    """A function that runs a statement there and gives its rows."""
    connection = psycopg2.connect(url, connect_timeout=10)
    try:
        connection.autocommit = True
        cursor = connection.cursor()

        def rows(statement, *values):
            cursor.execute(statement, values)
            return cursor.fetchall()

        yield rows
    finally:
        connection.close()


def paused_nodes(deployment):
    """Nodes write by themselves, too."""
    return harness.paused([pid for node in deployment.nodes if node.running() for pid in tree(node.process.pid)])


def checksums(rows):
    return {name: rows(SUM.format(name))[0] for (name,) in rows(TABLES)}


class Stored:
    """What one member has."""

    def __init__(self, rows, load):
        self.tasks = dict(rows("SELECT id, title FROM tasks"))
        self.titles = collections.Counter(self.tasks.values())
        self.direct = {value for (value,) in rows(f"SELECT value FROM {direct.TABLE}")}
        self.hits = rows("SELECT value FROM _counters WHERE name = 'hits'")[0][0]
        self.changes = [
            (f"{transaction}.{number}", ACTIONS[action], record_id, json.loads(record or before).get("title"))
            for transaction, number, action, record_id, record, before in rows(CHANGES, load.first, load.last.record)
        ]


def read_members(deployment, load):
    """(what each member has, what differs). Nobody writes meanwhile, and the standbys have caught up."""
    with paused_nodes(deployment), contextlib.ExitStack() as open_queries:
        queries = {m.name: open_queries.enter_context(query(deployment.url_of(m))) for m in deployment.members}
        primary = deployment.primary.name
        ((position,),) = queries[primary]("SELECT pg_current_wal_flush_lsn()")
        for name, rows in queries.items():
            if name != primary:
                harness.wait_for(
                    lambda rows=rows: rows("SELECT pg_last_wal_replay_lsn() >= %s", position)[0][0], CATCHING_UP
                )
        sums = {name: checksums(rows) for name, rows in queries.items()}
        stored = {name: Stored(rows, load) for name, rows in queries.items()}
    different = [
        f"table {table}: {primary} has {sums[primary].get(table)}, {name} has {found.get(table)} (rows, checksum)"
        for name, found in sums.items()
        for table in {*sums[primary], *found}
        if found.get(table) != sums[primary].get(table)
    ]
    return stored, different


def read_settled(deployment, load):
    """The same. A member may restart once more after all was well, to be rewound: then it is read again."""
    for _ in range(REWINDS):
        deployment.wait_settled()
        with contextlib.suppress(psycopg2.OperationalError):
            return read_members(deployment, load)
    return read_members(deployment, load)


def lost_and_doubled(journal, stored):
    """Records that clients made, and the last values of those they changed."""
    # What a record may hold: the last value that was acknowledged, or any whose answer never came.
    last, possible, gone, may_be_gone = {}, collections.defaultdict(set), set(), set()
    for entry in journal.of("create", "update", "delete", "cas"):
        if entry.kind == "create" and entry.outcome != DONE:
            count = stored.titles[entry.value]
            if count > (entry.outcome == UNKNOWN):
                yield f"refused, but there {count} times: {entry}"
        elif entry.kind == "delete":
            {DONE: gone, UNKNOWN: may_be_gone}.get(entry.outcome, set()).add(entry.record)
        elif entry.outcome == DONE:
            last[entry.record] = entry.value
        elif entry.outcome == UNKNOWN:
            possible[entry.record].add(entry.value)
    shared = {e.record for e in journal.of("cas", "read")}
    for record, value in last.items():
        there = stored.tasks.get(record)
        if record in gone and there is not None:
            yield f"{record} was deleted, but is there: {there}"
        elif there is None and record not in gone | may_be_gone:
            yield f"{record} is lost: {value} was acknowledged"
        elif there is not None and record not in shared and there not in {value} | possible[record]:
            yield f"{record} is {there}, but {value} was acknowledged"


def done_once(journal, stored):
    """By the change log: each value is written once if it was acknowledged, at most once if nobody knows."""
    written = collections.Counter(title for _, action, _, title in stored.changes if action != "delete")
    deleted = collections.Counter(record for _, action, record, _ in stored.changes if action == "delete")
    for entry in journal.of("create", "update", "cas", "delete"):
        if entry.kind == "delete":
            times = deleted[entry.record]
        else:
            times = written[entry.value]
        allowed = {DONE: (1,), UNKNOWN: (0, 1), REFUSED: (0,)}[entry.outcome]
        if entry.kind == "delete" and entry.outcome == REFUSED:
            allowed = (0, 1)  # a later one may have done it
        if times not in allowed:
            yield f"the change log has it {times} times: {entry}"


def counted(journal, stored, before):
    hits = journal.of("hit")
    acknowledged = [entry.result for entry in hits if entry.outcome == DONE]
    in_doubt = sum(entry.outcome == UNKNOWN for entry in hits)
    grown = stored.hits - before
    if not len(acknowledged) <= grown <= len(acknowledged) + in_doubt:
        yield f"the counter grew by {grown}, {len(acknowledged)} were acknowledged and {in_doubt} are in doubt"
    yield from (f"two visits got the number {n}" for n, times in collections.Counter(acknowledged).items() if times > 1)


def histories(load, stored):
    """Of each shared record: (its id, what it began with, what clients saw of it, what is there in the end)."""
    end = max(entry.end for entry in load.journal.entries) + 1
    for record, initial in load.initial.items():
        seen = []
        for entry in load.journal.of("read", "update", "cas"):
            if entry.record != record or entry.outcome == REFUSED and entry.result != "other":
                continue
            seen.append(
                Operation(
                    {"read": READ, "update": WRITE, "cas": SWAP}[entry.kind],
                    entry.result if entry.kind == "read" else entry.value,
                    entry.begin,
                    math.inf if entry.outcome == UNKNOWN else entry.end,
                    entry.expected,
                    entry.result == "other",
                )
            )
        yield record, initial, seen, Operation(READ, stored.tasks.get(record), end, end)


def one_after_the_other(load, stored):
    """The shared records: what clients saw of each could have happened in some order, and led to what is there. Where
    stale reads are known of, they are counted and the rest is looked at; with them those of a value that nobody was told
    is there, and that a failover took back."""
    written = {title for _, action, _, title in stored.changes if action != "delete"}
    for record, initial, seen, last in histories(load, stored):
        stale = stale_reads(seen)
        if load.may_be_stale:
            left_out = {read for read, _ in stale}
            left_out |= {read for read in seen if read.kind == READ and read.value not in written}
            load.stale += len(left_out)
            seen = [operation for operation in seen if operation not in left_out]
        if not is_linearizable([*seen, last], initial):
            shown = [f"{read} after {write}" for read, write in stale[:SHOWN]]
            yield f"{record}, {len(seen)} requests: no order explains the answers; stale: {shown}"


def own_writes_are_seen(load):
    """Records that one client alone writes and reads from standbys, each time with the position of its last write. No
    standby answers that has not seen it, and no primary that was replaced."""
    own = collections.defaultdict(list)
    for entry in load.journal.of("replica", outcome=DONE):
        own[entry.record].append(Operation(READ, entry.result, entry.begin, entry.end))
    for entry in load.journal.of("create", "update"):
        if entry.record in own and entry.outcome != REFUSED:
            end = math.inf if entry.outcome == UNKNOWN else entry.end
            own[entry.record].append(Operation(WRITE, entry.value, entry.begin, end))
    for record, operations in own.items():
        forgotten = stale_reads(operations)
        yield from (f"{record}: {read} after the client's own {write}" for read, write in forgotten[:SHOWN])


def one_primary(journal, stored):
    """What the writers at each member were told."""
    for entry in journal.of("direct"):
        if (entry.value in stored.direct) not in {DONE: (True,), UNKNOWN: (True, False), REFUSED: (False,)}[entry.outcome]:
            yield f"there: {entry.value in stored.direct}, but {entry}"
    done = journal.of("direct", outcome=DONE)
    primaries = collections.defaultdict(set)
    for entry in done:
        primaries[entry.result].add(entry.record)
    yield from (f"timeline {line} has the primaries {names}" for line, names in primaries.items() if len(names) > 1)
    begins = {}
    for entry in sorted(done, key=lambda e: e.end):
        begins.setdefault(entry.result, entry.end)
    for entry in done:
        for line, first in begins.items():
            if line > entry.result and entry.begin > first:
                yield f"timeline {line} had acknowledged at {first:.3f}, but then did {entry}"


def delivered(subscriber, stored):
    """Every change once and in order, over all reconnections."""
    # Behind transaction and number stands under which primary that was said.
    got = [(".".join(place.rsplit("-", 1)[1].split(".")[:2]), *rest) for place, *rest in subscriber.events]
    # A write's position may lie before the write: whoever goes on from there misses nothing.
    first = next((n for n, event in enumerate(got) if event[2] == subscriber.load.first), -1)
    got = got[first + 1 :]
    if got == stored.changes:
        return
    there, seen = collections.Counter(stored.changes), collections.Counter(got)
    missing, more = list((there - seen).elements()), list((seen - there).elements())
    yield (
        f"{subscriber.label} got {len(got)} of {len(stored.changes)} changes; missing {missing[:SHOWN]}, "
        f"too many {more[:SHOWN]}{'' if missing or more else ': in another order'}"
    )


def audit(deployment, load):
    """All that is wrong after the round, as texts."""
    found, wrong = read_settled(deployment, load)
    for name, stored in found.items():
        for text in (
            *lost_and_doubled(load.journal, stored),
            *done_once(load.journal, stored),
            *counted(load.journal, stored, load.hits_before),
            *one_primary(load.journal, stored),
        ):
            wrong.append(f"on {name}: {text}")
    # The members hold the same, or that is wrong already.
    stored = found[deployment.primary.name]
    wrong += one_after_the_other(load, stored)
    wrong += own_writes_are_seen(load)
    for subscriber in load.subscribers:
        wrong += delivered(subscriber, stored)
    return wrong
