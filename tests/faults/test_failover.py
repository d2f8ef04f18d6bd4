"""A replica set of three and two nodes under load, and what can befall them: nothing acknowledged is lost, nothing is done
twice, nobody sees a gap.

MINGA_ROUNDS is how often each fault strikes (./dev test faults --rounds N); without it a few strike once. MINGA_FAULTS
names those that are to strike, MINGA_SEED repeats a run's choices.
"""

import os
import random
import threading

import pytest
from audit import audit
from deployment import Deployment
from faults import FAULTS
from load import Load
from report import RUN

SHORT = ["primary_killed", "step_down", "primary_paused"]
ROUNDS = int(os.environ.get("MINGA_ROUNDS", "0"))
CHOSEN = os.environ.get("MINGA_FAULTS", "").split() or (list(FAULTS) if ROUNDS else SHORT)
SHOWN = 20
LONG = 10.0  # seconds without writes of which somebody will want to know why


class Current:
    """The deployment that rounds have in common. One in which a round failed is not used again."""

    def __init__(self):
        self.deployment = None

    def get(self):
        self.deployment = self.deployment or Deployment(own_disks=True)
        return self.deployment

    def drop(self):
        deployment, self.deployment = self.deployment, None
        if deployment:
            deployment.close()


@pytest.fixture(scope="module")
def current():
    made = Current()
    try:
        yield made
    finally:
        made.drop()


@pytest.fixture(scope="module")
def seed():
    """MINGA_SEED repeats a run."""
    return int(os.environ.get("MINGA_SEED", random.SystemRandom().randrange(2**32)))


def strike(deployment, fault, seed):
    """One round: the load, with which everything is as it should be, and the longest time without writes."""
    load = Load(deployment, seed, fault.may_be_stale)
    try:
        load.start()
        load.strike()
        mend = fault.strike(deployment)
        threading.Event().wait(fault.lasts)
        if fault.returns:
            load.wait_for_writes()
        if mend:
            mend()
        deployment.heal()
        load.wait_for_writes()
        load.stop()
    except BaseException:
        load.abandon()
        raise
    return load


def play(deployment, name, number, seed):
    """A round, and all that is wrong after it."""
    load = strike(deployment, FAULTS[name], f"{seed}-{name}-{number}")
    wrong = audit(deployment, load)
    assert not wrong, f"{len(wrong)} things are wrong:\n" + "\n".join(wrong[:SHOWN])
    return load


@pytest.mark.parametrize("name", CHOSEN)
def test_nothing_acknowledged_is_lost(current, seed, name):
    if reason := FAULTS[name].reason_to_skip(current.get()):
        pytest.skip(reason)
    for number in range(max(1, ROUNDS)):
        deployment = current.get()
        try:
            load = play(deployment, name, number, seed)
            RUN.add(FAULTS[name], load)
            if load.longest_pause() > LONG:
                deployment.keep_logs(f"{name}-{number + 1}-long")
        except BaseException as failure:
            RUN.fail(f"{name}, round {number + 1}, MINGA_SEED={seed}: {failure}", deployment.keep_logs(name))
            current.drop()
            raise
