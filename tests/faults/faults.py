"""What can happen to a deployment. A fault strikes, and is mended when writes have returned, or where they cannot return
before, after a while."""

import dataclasses
import os
import signal
from collections.abc import Callable

import clock
import harness
import relay
from replica_set import below, tree

FAULTS = {}
HOUR = 3600
SLOW = 0.03  # seconds that a packet takes longer each way: as far as across a continent
SETTLING = 60.0
ANYTHING, NETWORK, DISK = "", "network", "disk"


@dataclasses.dataclass
class Fault:
    name: str
    strike: Callable  # of the deployment; may give what mends it before everything is healed
    needs: str
    aim: float | None  # seconds without writes
    returns: bool  # whether writes return before it is mended
    why_not: Callable  # what else keeps a machine from it
    lasts: float  # seconds at least before it is mended
    may_be_stale: bool  # reads: see docs/replication.md, "What it promises"

    def reason_to_skip(self, deployment):
        if self.needs == NETWORK and deployment.is_loopback:
            return deployment.net.reason
        if self.needs == DISK and not deployment.has_disks:
            return "filling a disk needs root, to mount one"
        return self.why_not()


def fault(name, *, needs=ANYTHING, aim=None, returns=True, why_not=str, lasts=0.0, may_be_stale=False):
    def enter(strike):
        FAULTS[strike.__name__] = Fault(name, strike, needs, aim, returns, why_not, lasts, may_be_stale)
        return strike

    return enter


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def kill_together(*members):
    """All at once: none has time to see the others die."""
    send([pid for member in members for pid in tree(member.process.pid)], signal.SIGKILL)
    for member in members:
        member.kill()


def pids_of(member, *ends):
    """Of the member's programs whose command lines end so."""
    return [pid for pid, line in below(member.data).items() if line.rstrip().endswith(ends)]


@fault("kill -9 of the primary", aim=6.0)
def primary_killed(deployment):
    kill_together(deployment.primary)


@fault("kill -9 of the primary's PostgreSQL alone", aim=6.0)
def postgres_killed(deployment):
    send([pid for pid, line in below(deployment.primary.data).items() if "bin/postgres -D" in line], signal.SIGKILL)


@fault("kill -9 of the primary's Patroni alone")
def patroni_killed(deployment):
    send(pids_of(deployment.primary, "patroni.yml"), signal.SIGKILL)


@fault("kill -9 of the synchronous standby")
def standby_killed(deployment):
    kill_together(deployment.standbys[0])


@fault("kill -9 of both standbys, which then return", returns=False, lasts=3.0)
def standbys_killed(deployment):
    kill_together(*deployment.standbys)


@fault("kill -9 of an application node")
def node_killed(deployment):
    deployment.nodes[0].kill()


@fault("kill -9 of etcd on two members, its leader among them")
def etcd_killed(deployment):
    leader = deployment.etcd_leader
    other = next(member for member in deployment.members if member is not leader)
    send([*pids_of(leader, "etcd.yml"), *pids_of(other, "etcd.yml")], signal.SIGKILL)


@fault("kill -9 of everything at once", returns=False)
def all_killed(deployment):
    send([pid for node in deployment.nodes for pid in tree(node.process.pid)], signal.SIGKILL)
    kill_together(*deployment.members)
    for node in deployment.nodes:
        node.kill()


@fault("SIGSTOP of the primary, then SIGCONT", aim=8.0, may_be_stale=True)
def primary_paused(deployment):
    pids = tree(deployment.primary.process.pid)
    send(pids, signal.SIGSTOP)
    return lambda: send(pids, signal.SIGCONT)


@fault("the primary's machine is gone", needs=NETWORK, aim=8.0)
def machine_lost(deployment):
    primary = deployment.primary
    deployment.machine_of(primary).unplug()  # so that nobody hears how its programs end
    kill_together(primary)


@fault("a standby's machine is gone, etcd's leader on it", needs=NETWORK)
def standby_lost(deployment):
    lost = harness.wait_for(lambda: (leader := deployment.etcd_leader) is not deployment.primary and leader, SETTLING)
    deployment.machine_of(lost).unplug()
    kill_together(lost)


@fault("the primary is cut off from all", needs=NETWORK, aim=8.0, may_be_stale=True)
def primary_cut_off(deployment):
    deployment.net.part([deployment.machine_of(deployment.primary)])


@fault("the primary is cut off with one node", needs=NETWORK, aim=8.0, may_be_stale=True)
def primary_cut_off_with_node(deployment):
    deployment.net.part([deployment.machine_of(deployment.primary), deployment.machine_of(deployment.nodes[0])])


@fault("one-way loss: nobody hears the primary", needs=NETWORK, aim=8.0, may_be_stale=True)
def primary_not_heard(deployment):
    primary = deployment.machine_of(deployment.primary)
    primary.lose(*deployment.net.others(primary))


@fault("one-way loss: the primary hears nobody", needs=NETWORK, aim=8.0, may_be_stale=True)
def primary_deaf(deployment):
    primary = deployment.machine_of(deployment.primary)
    for other in deployment.net.others(primary):
        other.lose(primary)


@fault("slow network: each packet takes 30 ms more", needs=NETWORK, why_not=relay.why_not, lasts=6.0)
def slow_network(deployment):
    for member in deployment.members:
        deployment.machine_of(member).slow(SLOW)


@fault("the primary's clock goes forward an hour", why_not=clock.why_not, lasts=12.0)
def clock_forward(deployment):
    pid = deployment.primary.process.pid
    clock.set_clock(pid, HOUR)
    return lambda: clock.set_clock(pid, 0)


@fault("the primary's clock goes back an hour", why_not=clock.why_not, lasts=12.0)
def clock_back(deployment):
    pid = deployment.primary.process.pid
    clock.set_clock(pid, -HOUR)
    return lambda: clock.set_clock(pid, 0)


@fault("the primary's disk is full", needs=DISK, returns=False, lasts=6.0)
def disk_full(deployment):
    primary = deployment.primary
    deployment.fill_disk(primary)
    return lambda: deployment.empty_disk(primary)


@fault("step-down", aim=2.0)
def step_down(deployment):
    done = deployment.replicas("step-down")
    assert done.returncode == 0, done.stderr


@fault("rolling restart of all members and nodes")
def rolling_restart(deployment):
    primary = deployment.primary
    for member in [*deployment.standbys, primary]:
        if member is primary:
            step_down(deployment)
        member.terminate()
        member.start()
        deployment.wait_settled()
    for node in deployment.nodes:
        node.terminate()
        node.start()
