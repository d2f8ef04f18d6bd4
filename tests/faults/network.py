"""Machines in network namespaces of their own, on one bridge. What passes between them can be stopped, each way by
itself, and the links slowed.

Packets are stopped where they are sent: the receiver's address leads to a link address that nobody has, so they vanish
on the way, as on a broken network, and nobody is told. That needs neither netfilter nor netem.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import harness
import relay

PREFIX = "mf"  # of namespaces and links, followed by the number of the process that made them
FOLDER_PREFIX = "minga-faults-"
NOBODY = "02:00:00:00:00:ff"
NAMESPACES = pathlib.Path("/run/netns")
SUBNETS = 250
LOCK = pathlib.Path(tempfile.gettempdir()) / "minga-faults.lock"


def ip(*arguments, check=True, commands=None):
    """With `commands` those, one after the other, for `-batch -`."""
    done = subprocess.run(["ip", *map(str, arguments)], input=commands, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"ip {' '.join(map(str, arguments))}: {done.stderr.strip()}"
    return done


def why_not():
    """What keeps this machine from having namespaces, or nothing."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "network namespaces need the program ip (Debian: iproute2)"
    name = f"{PREFIX}{os.getpid()}-try"
    done = ip("netns", "add", name, check=False)
    if done.returncode == 0:
        done = ip("-n", name, "link", "add", "try0", "type", "veth", "peer", "name", "try1", check=False)
        if done.returncode == 0:
            done = ip("-n", name, "link", "add", "try2", "type", "bridge", check=False)
        ip("netns", "del", name)
    return "" if done.returncode == 0 else f"this kernel makes no network namespaces: {done.stderr.strip()}"


def is_running(owner):
    """Whether that process is a run of these tests, or ./dev cluster."""
    try:
        line = pathlib.Path(f"/proc/{owner}/cmdline").read_bytes()
    except OSError:
        return False
    return b"pytest" in line or b"cluster.py" in line


def owner_of(name, prefix):
    found = re.match(rf"{prefix}(\d+)-", name)
    return int(found[1]) if found else None


def remove_what_dead_runs_left():
    """Namespaces with their processes, links, mounts and folders whose owner is gone."""
    spaces = [entry.name for entry in NAMESPACES.iterdir()] if NAMESPACES.exists() else []
    for name in spaces:
        owner = owner_of(name, PREFIX)
        if owner and not is_running(owner):
            remove_namespace(name)
    for line in ip("-o", "link", "show", "type", "bridge").stdout.splitlines():
        name = line.split(": ")[1]
        owner = owner_of(f"{name}-", PREFIX)
        if owner and not is_running(owner):
            ip("link", "del", name, check=False)
    for folder in pathlib.Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*-*"):
        owner = owner_of(folder.name, FOLDER_PREFIX)
        if owner and not is_running(owner):
            remove_folder(folder)


def remove_namespace(name):
    def processes():
        return [int(pid) for pid in ip("netns", "pids", name).stdout.split()]

    def ended():
        left = processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    harness.wait_for(ended)
    ip("netns", "del", name)


def remove_folder(folder):
    mounts = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    for mount in reversed(mounts):
        if mount.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", mount], check=True)
    shutil.rmtree(folder)


class Place:
    """Something with an address on the network: a machine, or the tests themselves outside of all machines."""

    def __init__(self, address, device, namespace=None):
        self.address, self.device, self.namespace = address, device, namespace
        self.unreachable = set()

    def ip(self, *arguments, check=True, commands=None):
        return ip(*(["-n", self.namespace] if self.namespace else []), *arguments, check=check, commands=commands)

    def lose(self, *others):
        """What is sent from here to the others vanishes, to all of them from the same moment: one after the other a
        primary would go on being heard by the last for some milliseconds."""
        lines = [f"neigh replace {other.address} lladdr {NOBODY} dev {self.device} nud permanent\n" for other in others]
        self.ip("-batch", "-", commands="".join(lines))
        self.unreachable.update(other.address for other in others)

    def heal(self):
        for address in self.unreachable:
            self.ip("neigh", "del", address, "dev", self.device)
        self.unreachable.clear()


class Machine(Place):
    def __init__(self, network, name, address):
        prefix = f"{network.name}-{name}"
        super().__init__(address, "eth0", prefix)
        self.name, self.link, self.bridge = name, prefix, network.name
        self.relay = None
        ip("netns", "add", self.namespace)
        self.ip("link", "set", "lo", "up")
        ip("link", "add", self.link, "type", "veth", "peer", "name", self.device, "netns", self.namespace)
        self.ip("addr", "add", f"{address}/24", "dev", self.device)
        self.ip("link", "set", self.device, "up")
        ip("link", "set", self.link, "master", self.bridge, "up")

    def runner(self):
        """What stands before a command line that is to run here."""
        return ["nsenter", f"--net={NAMESPACES / self.namespace}", "--"]

    def unplug(self):
        ip("link", "set", self.link, "down")

    def slow(self, seconds):
        """Each packet to and from here arrives that much later."""
        self.relay = relay.Relay(self.link, self.bridge, seconds)

    def heal(self):
        super().heal()
        if self.relay:
            self.relay.close()
            self.relay = None
        ip("link", "set", self.link, "up")

    def close(self):
        self.heal()
        ip("link", "del", self.link)
        remove_namespace(self.namespace)


class Network:
    """A bridge and the machines on it. `outside` is where the tests are."""

    def __init__(self):
        self.name = f"{PREFIX}{os.getpid()}"
        self.machines = []
        with open(LOCK, "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            remove_what_dead_runs_left()
            taken = ip("-4", "addr", "show").stdout
            self.subnet = next(net for net in (f"198.18.{n}" for n in range(SUBNETS)) if f"{net}." not in taken)
            ip("link", "add", self.name, "type", "bridge")
            ip("addr", "add", f"{self.subnet}.254/24", "dev", self.name)
            ip("link", "set", self.name, "up")
        self.outside = Place(f"{self.subnet}.254", self.name)

    def machine(self, name):
        made = Machine(self, name, f"{self.subnet}.{len(self.machines) + 1}")
        self.machines.append(made)
        return made

    def part(self, some):
        """Two networks: these machines, and the others. The tests reach both."""
        others = [machine for machine in self.machines if machine not in some]
        for one in some:
            one.lose(*others)
        for other in others:
            other.lose(*some)

    def others(self, machine):
        return [other for other in self.machines if other is not machine]

    def heal(self):
        for place in [*self.machines, self.outside]:
            place.heal()

    def close(self):
        for machine in self.machines:
            machine.close()
        ip("link", "del", self.name)
