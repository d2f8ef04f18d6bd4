"""Whether what clients saw of one record could have happened one after the other, each request at one moment between
its beginning and its answer.

The search is that of Wing and Gong, with Lowe's memory of the states that were tried already (Gavin Lowe, "Testing for
linearizability", 2017), as in the checker porcupine. A register's value is text; each write's is its own, so that a
history names what it read.
"""

import dataclasses
import math

READ, WRITE, SWAP = "read", "write", "swap"


@dataclasses.dataclass(frozen=True)
class Operation:
    """`end` is infinite where no answer came: it was done at any moment later, or never.

    read: saw `value`. write: left `value`. swap: left `value` if `expected` was there; it `failed` if it was not.
    """

    kind: str
    value: str | None
    begin: float
    end: float = math.inf
    expected: str | None = None
    failed: bool = False

    @property
    def is_open(self):
        return self.end == math.inf

    def apply(self, state):
        """(whether this can be what happened at that state, the state after it)."""
        if self.kind == READ:
            return state == self.value, state
        if self.kind == WRITE:
            return True, self.value
        if self.failed:
            return state != self.expected, state
        if state == self.expected:
            return True, self.value
        return self.is_open, state  # nobody knows that it failed


class _Entry:
    """A beginning or an end in the list of what is not placed yet."""

    __slots__ = ("operation", "number", "match", "before", "after")

    def __init__(self, operation, number, match=None):
        self.operation, self.number, self.match = operation, number, match
        self.before = self.after = None


def _linked(operations):
    """The beginnings and ends in the order of time, as a list with a head. Of the same moment beginnings come first:
    what touches may have overlapped."""
    points = []
    for number, operation in enumerate(operations):
        end = _Entry(operation, number)
        points.append((operation.begin, 0, number, _Entry(operation, number, end)))
        points.append((operation.end, 1, number, end))
    head = last = _Entry(None, -1)
    for *_, entry in sorted(points, key=lambda point: point[:3]):
        last.after, entry.before = entry, last
        last = entry
    return head


def _lift(begin):
    """Takes an operation out of the list."""
    for entry in (begin, begin.match):
        entry.before.after = entry.after
        if entry.after:
            entry.after.before = entry.before


def _put_back(begin):
    for entry in (begin.match, begin):
        entry.before.after = entry
        if entry.after:
            entry.after.before = entry


def is_linearizable(operations, initial):
    """Whether the register that began with `initial` could have given these answers."""
    operations = [o for o in operations if not (o.is_open and o.kind == READ)]
    head = _linked(operations)
    state, placed, done = initial, [], 0
    tried = {(done, state)}
    entry = head.after
    answered = sum(not o.is_open for o in operations)
    while answered:
        if entry is not None and entry.match is not None:
            can, following = entry.operation.apply(state)
            mark = (done | 1 << entry.number, following)
            if can and mark not in tried:
                tried.add(mark)
                placed.append((entry, state))
                done, state = mark
                answered -= not entry.operation.is_open
                _lift(entry)
                entry = head.after
            else:
                entry = entry.after
            continue
        # Somebody was answered whose operation has no place yet, or there is nothing left to place: another order.
        if not placed:
            return False
        entry, state = placed.pop()
        done &= ~(1 << entry.number)
        answered += not entry.operation.is_open
        _put_back(entry)
        entry = entry.after
    return True


def stale_reads(operations):
    """[(read, write)]: what was read had been overwritten, and that answered, before the read began. Not all that can
    be wrong with a history, but what a person sees at once."""
    writes = [o for o in operations if o.kind != READ and not o.failed]
    by_value = {o.value: o for o in writes}
    found = []
    for read in (o for o in operations if o.kind == READ):
        source = by_value.get(read.value)
        source_end = source.end if source else -math.inf  # what was there at first
        later = [o for o in writes if o.begin > source_end and o.end < read.begin]
        if later:
            found.append((read, min(later, key=lambda o: o.end)))
    return found
