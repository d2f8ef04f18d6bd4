"""What can happen to a deployment. A fault strikes, and is mended when writes have returned, or where they cannot return
before, after a while."""

import dataclasses
import os
import signal
from collections.abc import Callable

from replica_set import tree

FAULTS = {}


@dataclasses.dataclass
class Fault:
    name: str
    strike: Callable  # of the deployment; gives what mends it, or nothing where healing the deployment does
    needs: str  # "", "network", ...
    aim: float | None  # seconds without writes
    returns: bool  # whether writes return before it is mended


def fault(name, *, needs="", aim=None, returns=True):
    def enter(strike):
        FAULTS[strike.__name__] = Fault(name, strike, needs, aim, returns)
        return strike

    return enter


def kill_together(*members):
    """All at once: none has time to see the others die."""
    pids = [pid for member in members for pid in tree(member.process.pid)]
    send(pids, signal.SIGKILL)
    for member in members:
        member.kill()


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


@fault("kill -9 of the primary", aim=6.0)
def primary_killed(deployment):
    kill_together(deployment.primary)


@fault("step-down", aim=2.0)
def step_down(deployment):
    done = deployment.replicas("step-down")
    assert done.returncode == 0, done.stderr
