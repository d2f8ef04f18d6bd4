"""The checker of histories: it takes what a register can do, and finds what it cannot."""

import dataclasses
import itertools
import math
import types

import audit
import pytest
import workload
from hypothesis import given, settings
from hypothesis import strategies as st
from linearizability import READ, SWAP, WRITE, Operation, is_linearizable, stale_reads

OPEN = math.inf
settings.register_profile("here", database=None, deadline=None)
settings.load_profile("here")


def read(value, begin, end):
    return Operation(READ, value, begin, end)


def write(value, begin, end=OPEN):
    return Operation(WRITE, value, begin, end)


def swap(expected, value, begin, end=OPEN, failed=False):
    return Operation(SWAP, value, begin, end, expected, failed)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [read("0", 0, 1)],
        [write("a", 0, 10), read("0", 1, 2), read("a", 3, 4)],  # the write is done while both run
        [write("a", 0, 10), write("b", 0, 10), read("a", 11, 12)],
        [write("a", 0), read("0", 5, 6)],  # no answer: not done yet, or never
        [write("a", 0), read("0", 5, 6), read("a", 7, 8)],
        [swap("0", "a", 0, 1), swap("0", "b", 2, 3, failed=True), read("a", 4, 5)],
        [swap("0", "a", 0), swap("0", "b", 2, 3), read("b", 4, 5)],
        [swap("0", "a", 0), swap("0", "b", 2, 3, failed=True), read("a", 4, 5)],
        [write("a", 0, 1), swap("0", "b", 2), read("a", 3, 4)],  # it fails, unheard
    ],
)  # fmt: skip
def test_what_can_be(history):
    assert is_linearizable(history, "0")


@pytest.mark.parametrize(
    "history",
    [
        [read("a", 0, 1)],
        [write("a", 0, 1), read("0", 2, 3)],  # a stale read
        [write("a", 0, 10), read("a", 1, 2), read("0", 3, 4)],  # a read that goes back
        [write("a", 0), read("a", 1, 2), read("0", 3, 4)],
        [write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)],  # a lost update
        [write("a", 0, 1), write("b", 2, 3), read("b", 4, 5), read("a", 6, 7)],  # a is written a second time
        [swap("0", "a", 0, 1), swap("0", "b", 0, 1)],  # both swapped the same
        [swap("0", "a", 0, 1, failed=True)],
        [swap("x", "a", 0), read("a", 2, 3)],
        [read("a", 0, 1), write("a", 2, 3)],  # seen before it was asked for
    ],
)
def test_what_cannot_be(history):
    assert not is_linearizable(history, "0")


VALUES = st.sampled_from("0abc")
TIMES = st.tuples(st.integers(0, 12), st.integers(1, 6))


@st.composite
def any_operation(draw):
    begin, length = draw(TIMES)
    kind = draw(st.sampled_from((READ, WRITE, SWAP)))
    is_open = kind != READ and draw(st.integers(0, 3)) == 0
    return Operation(
        kind, draw(VALUES), begin, OPEN if is_open else begin + length,
        draw(VALUES) if kind == SWAP else None, kind == SWAP and not is_open and draw(st.booleans()),
    )  # fmt: skip


def test_a_stale_read_is_shown_with_what_had_overwritten_it():
    old, new, stale = write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)
    assert stale_reads([old, new, stale]) == [(stale, new)]
    assert stale_reads([old, new, read("a", 2, 5), read("b", 4, 5)]) == []
    assert stale_reads([new, read("0", 4, 5)]) == [(read("0", 4, 5), new)]


@settings(max_examples=300)
@given(st.lists(any_operation(), max_size=6, unique_by=lambda o: o.value))
def test_stale_reads_are_never_linearizable(history):
    history = [o for o in history if o.value != "0" or o.kind == READ]
    assert not (stale_reads(history) and is_linearizable(history, "0"))


def by_every_order(history, initial):
    """The definition itself: for small histories."""
    open_ones = [o for o in history if o.is_open]
    answered = [o for o in history if not o.is_open]
    for count in range(len(open_ones) + 1):
        for done in itertools.combinations(open_ones, count):
            for order in itertools.permutations([*answered, *done]):
                if any(b.end < a.begin for i, a in enumerate(order) for b in order[i + 1 :]):
                    continue
                state, can = initial, True
                for operation in order:
                    can, state = operation.apply(state)
                    if not can:
                        break
                if can:
                    return True
    return False


@settings(max_examples=400)
@given(st.lists(any_operation(), max_size=5))
def test_it_says_what_the_definition_says(history):
    assert is_linearizable(history, "0") == by_every_order(history, "0")


@dataclasses.dataclass
class Register:
    """Does operations at chosen moments, as a server that keeps its promises."""

    state: str = "0"
    clock: int = 0
    past: list = dataclasses.field(default_factory=list)

    def run(self, kind, lead, lag, value, old_expectation):
        """At its moment: answered after some time, so that it overlaps others."""
        self.clock += 10
        expected = self.state if not old_expectation or not self.past else self.past[-1]
        begin, end = self.clock - lead, self.clock + lag
        if kind == READ:
            return read(self.state, begin, end)
        if kind == WRITE:
            self.past.append(self.state)
            self.state = value
            return write(value, begin, end)
        if self.state != expected:
            return swap(expected, value, begin, end, failed=True)
        self.past.append(self.state)
        self.state = value
        return swap(expected, value, begin, end)


@st.composite
def kept_promises(draw, most_lag=60):
    """A history of a register, with answers that are late and some that never came."""
    register, history = Register(), []
    for number in range(draw(st.integers(1, 40))):
        kind = draw(st.sampled_from((READ, READ, WRITE, SWAP)))
        lead, lag = draw(st.integers(0, most_lag)), draw(st.integers(0, most_lag))
        operation = register.run(kind, lead, lag, f"v{number}", draw(st.booleans()))
        if kind != READ and draw(st.integers(0, 9)) == 0:
            operation = dataclasses.replace(operation, end=OPEN, failed=False)
        history.append(operation)
    return history


@settings(max_examples=300)
@given(kept_promises())
def test_it_takes_every_history_of_a_register(history):
    assert is_linearizable(history, "0")


def last_time(history):
    return max((o.end for o in history if not o.is_open), default=0) + max(o.begin for o in history)


@settings(max_examples=300)
@given(kept_promises(), st.data())
def test_it_finds_planted_faults(history, data):
    """After a history, at a time of its own, each of these is impossible whatever came before."""
    now = last_time(history) + 1
    settled = [*history, write("x", now, now + 1), read("x", now + 2, now + 3)]
    fault = data.draw(st.sampled_from(("stale read", "lost update", "done twice", "two swaps", "never written")))
    later = {
        "stale read": [write("y", now + 4, now + 5), read("x", now + 6, now + 7)],
        "lost update": [swap("x", "y", now + 4, now + 5), swap("x", "z", now + 6, now + 7)],
        "done twice": [write("y", now + 4, now + 5), read("y", now + 6, now + 7), read("x", now + 8, now + 9)],
        "two swaps": [swap("x", "y", now + 4, now + 9), swap("x", "z", now + 4, now + 9)],
        "never written": [read("w", now + 4, now + 5)],
    }[fault]
    assert is_linearizable(settled, "0")
    assert not is_linearizable([*settled, *later], "0")


@settings(max_examples=200)
@given(kept_promises(most_lag=4), st.data())
def test_without_overlap_every_changed_read_is_found(history, data):
    history = [o for o in history if not o.is_open]
    reads = [n for n, o in enumerate(history) if o.kind == READ]
    if not reads or not is_linearizable(history, "0"):
        return
    chosen = data.draw(st.sampled_from(reads))
    other = dataclasses.replace(history[chosen], value=history[chosen].value + "?")
    assert not is_linearizable([*history[:chosen], other, *history[chosen + 1 :]], "0")


def test_a_long_history_is_quick():
    """As long as a round's, with as many clients, some without an answer."""
    history, register = [], Register()
    for number in range(3_000):
        operation = register.run((READ, WRITE, SWAP)[number % 3], 9 + number % 25, 9 + number % 31, f"v{number}", False)
        unheard = number % 300 == 1
        history.append(dataclasses.replace(operation, end=OPEN) if unheard else operation)
    assert is_linearizable(history, "0")
    changed = dataclasses.replace(history[1500], value="v3")
    assert not is_linearizable([*history[:1500], changed, *history[1501:]], "0")


@st.composite
def a_client_that_reads_its_writes(draw):
    """One client, one request after the other, at servers that may be behind, but not behind its last answered write; and
    of each of its reads the values that would be older than that."""
    operations, older = [], []
    values, answered = ["0"], 0  # the last that was answered
    for now in range(0, 2 * draw(st.integers(2, 25)), 2):
        if draw(st.booleans()):
            values.append(f"v{now}")
            is_answered = draw(st.integers(0, 4)) > 0
            operations.append(write(values[-1], now, now + 1 if is_answered else OPEN))
            if is_answered:
                answered = len(values) - 1
        else:
            seen = draw(st.integers(answered, len(values) - 1))
            operations.append(read(values[seen], now, now + 1))
            open_writes = {o.value for o in operations if o.is_open}
            older.append((operations[-1], [v for v in values[:answered] if v not in open_writes]))
    return operations, older


@given(a_client_that_reads_its_writes())
def test_a_client_may_see_its_last_write_or_what_is_newer(history):
    assert stale_reads(history[0]) == []


@given(a_client_that_reads_its_writes(), st.data())
def test_a_client_that_does_not_see_its_own_write_is_noticed(history, data):
    operations, older = history
    candidates = [(right, values) for right, values in older if values]
    if not candidates:
        return
    right, values = data.draw(st.sampled_from(candidates))
    planted = dataclasses.replace(right, value=data.draw(st.sampled_from(values)))
    found = stale_reads([planted if operation is right else operation for operation in operations])
    assert [wrong for wrong, _ in found] == [planted]


def test_what_the_audit_says_of_a_client_that_does_not_see_its_own_write():
    def entry(kind, value, begin, outcome="done", result=None):
        return workload.Entry("c", kind, value, "r", begin, begin + 0.5, outcome, result)

    journal = workload.Journal()
    journal.entries = [
        entry("create", "a", 0),
        entry("replica", "", 1, result="a"),
        entry("update", "b", 2),
        entry("update", "c", 3, "unknown"),
        entry("replica", "", 4, result="c"),
        entry("replica", "", 5, result="b"),  # a server that has not heard of the unknown one
    ]
    load = types.SimpleNamespace(journal=journal)
    assert not list(audit.own_writes_are_seen(load))
    journal.entries.append(entry("replica", "", 6, result="a"))
    (wrong,) = audit.own_writes_are_seen(load)
    assert "value='a'" in wrong and "value='b'" in wrong
