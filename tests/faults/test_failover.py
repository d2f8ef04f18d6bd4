"""A replica set of three and two nodes under load, and what can befall them: nothing acknowledged is lost, nothing is done
twice, nobody sees a gap.

MINGA_ROUNDS is how often each fault strikes (./dev test faults --rounds N); without it a few strike once. MINGA_SEED
repeats a run's choices.
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

SHORT = ["primary_killed", "step_down"]
ROUNDS = int(os.environ.get("MINGA_ROUNDS", "0"))
WITHOUT = 3.0  # how long a fault lasts that writes do not outlive


@pytest.fixture(scope="module")
def deployment():
    made = Deployment()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def seed():
    chosen = int(os.environ.get("MINGA_SEED", random.SystemRandom().randrange(2**32)))
    print(f"MINGA_SEED={chosen} repeats this run")
    return chosen


def strike(deployment, fault, seed):
    """One round: the load, with which everything is as it should be, and the longest time without writes."""
    load = Load(deployment, seed)
    try:
        load.start()
        load.strike()
        mend = fault.strike(deployment)
        if fault.returns:
            load.wait_for_writes()
        else:
            threading.Event().wait(WITHOUT)
        if mend:
            mend()
        deployment.heal()
        load.wait_for_writes()
        load.stop()
    except BaseException:
        load.abandon()
        raise
    return load


@pytest.mark.parametrize("name", FAULTS if ROUNDS else SHORT)
def test_nothing_acknowledged_is_lost(deployment, seed, name):
    fault = FAULTS[name]
    if fault.needs and deployment.is_loopback:
        pytest.skip(deployment.net.reason)
    for number in range(max(1, ROUNDS)):
        try:
            load = strike(deployment, fault, f"{seed}-{name}-{number}")
            wrong = audit(deployment, load)
        except BaseException:
            print(deployment.log())
            raise
        assert not wrong, f"{len(wrong)} things are wrong:\n" + "\n".join(wrong[:20])
        RUN.add(fault, load)
