"""Three members of a replica set and two application nodes, each on a machine of its own."""

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import harness
import network
from replica_set import FAILOVER, ReplicaSet

SETTLING = 120.0
DISK = "3g"
# The disks are memory, so that one can be filled: what is kept for members that were away must fit.
SMALL = ("--postgres", "wal_keep_size=128MB", "--postgres", "max_wal_size=128MB")
DEADLINES = ("30000", "4000")  # ms, of the nodes' requests: one waits for a new primary, the other gives up sooner
TAIL = 40
WIDTH = 200
# Said again and again while all is well: what the writers past the nodes are refused, Patroni's own looks, good requests.
NOISE = re.compile(
    r"STATEMENT: |read-only transaction|requires a valid client certificate|no pg_hba.conf entry|accepting connections"
    r"|/records\S* [24]\d\d |/hits/\S* 200 |/api/events 200 |Local timeline=|in progress$|MaxRetryError|no action. I am|checkpoint (starting|complete)"
)


def can_mount(folder):
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "minga", folder], capture_output=True, check=False)
    return made.returncode == 0 and subprocess.run(["umount", folder], check=False).returncode == 0


class Loopback:
    """In place of a network where none can be made: everything on one machine, on ports that the kernel chooses."""

    def __init__(self, reason):
        self.reason = reason

    def close(self):
        pass


class Deployment:
    """With `own_disks` each member's folder is a disk of its own, in memory, which can be filled."""

    def __init__(self, net=None, replica_set=None, own_disks=False):
        if net is None:
            reason = network.why_not()
            net = Loopback(reason) if reason else network.Network()
        self.net = net
        self.is_loopback = isinstance(net, Loopback)
        self.set = replica_set or ReplicaSet(f"{network.FOLDER_PREFIX}{os.getpid()}-")
        self.has_disks = own_disks and os.geteuid() == 0 and can_mount(self.set.root)
        self.machines, self.nodes = {}, []
        try:
            for number in range(3):
                member = self.place_member(f"m{number + 1}")
                member.start(**({"join": self.members[0]} if number else {}))
            self.wait_settled()
            for number, deadline in enumerate(DEADLINES):
                self.place_node(f"n{number + 1}", deadline).start()
        except BaseException:
            self.close()
            raise

    @property
    def members(self):
        return self.set.members

    def place(self, name):
        """Where it is to listen, and what stands before its command line."""
        if self.is_loopback:
            return "127.0.0.1", ()
        machine = self.net.machine(name)
        self.machines[name] = machine
        return machine.address, machine.runner()

    def place_member(self, name):
        address, runner = self.place(name)
        listen = f"{address}:0" if self.is_loopback else f"{address}:5432"
        member = self.set.member(*(SMALL if self.has_disks else ()), listen=listen, runner=runner)
        if self.has_disks:
            member.data.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=0700,size={DISK}", "minga", member.data], check=True)
        return member

    def fill_disk(self, member):
        """As a disk that others fill: it keeps what it has and takes nothing more."""

        def filled():
            space = os.statvfs(member.data)
            used = (space.f_blocks - space.f_bfree) * space.f_frsize
            # Refused when it has got more meanwhile.
            return subprocess.run(["mount", "-o", f"remount,size={used}", member.data], check=False).returncode == 0

        harness.wait_for(filled)

    def empty_disk(self, member):
        subprocess.run(["mount", "-o", f"remount,size={DISK}", member.data], check=True)

    def place_node(self, name, deadline):
        address, runner = self.place(name)
        folder = self.set.root / name
        folder.mkdir()
        shutil.copytree(self.members[0].data / "client", folder / "client")
        url = self.url.replace(str(self.members[0].data / "client"), str(folder / "client"))
        node = harness.Server(
            folder, "--request-timeout", deadline, listen=f"{address}:0", runner=runner, DATABASE_URL=url
        )  # fmt: skip
        self.nodes.append(node)
        return node

    def machine_of(self, process):
        """Of a member or a node."""
        name = process.data.name if process in self.members else process.data.parent.name
        return self.machines[name]

    @functools.cached_property
    def url(self):
        """The database's URL with all members."""
        return json.loads(self.replicas("config", "--json").stdout)["databaseUrl"]

    def url_of(self, member):
        """The database of that member, be it primary or standby."""
        hosts = self.url.split("@")[1].split("/")[0]
        return self.url.replace(hosts, member.name).replace("target_session_attrs=read-write", "target_session_attrs=any")

    def replicas(self, *arguments):
        return harness.run("replicas", *arguments, "--data", self.members[0].data)

    def status(self):
        done = self.replicas("status", "--json")
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def by_name(self, name):
        return next(member for member in self.members if member.name == name)

    @property
    def primary(self):
        return self.by_name(harness.wait_for(lambda: self.status()["primary"], FAILOVER))

    @property
    def standbys(self):
        """The synchronous one first."""
        seen = self.status()
        order = {member["name"]: member["sync"] != "sync" for member in seen["members"]}
        found = [member for member in self.members if member.name != seen["primary"]]
        return sorted(found, key=lambda member: order[member.name])

    @property
    def etcd_leader(self):
        def found():
            names = [member["name"] for member in self.status()["members"] if member["etcd"] == "leader"]
            return names and self.by_name(names[0])

        return harness.wait_for(found, FAILOVER)

    def settled(self):
        seen = self.status()
        return seen["healthy"] and seen["strict"] and seen["durableCopies"] == 2 and len(seen["members"]) == 3

    def wait_settled(self):
        harness.wait_for(self.settled, SETTLING, every=0.2)

    def heal(self):
        """Everything runs and reaches everything again."""
        if not self.is_loopback:
            self.net.heal()
        gone = [member for member in self.members if not member.running()]
        for member in gone:
            member.launch()
        for member in gone:
            member.wait()
        for node in self.nodes:
            if not node.running():
                node.start()
        self.wait_settled()

    def keep_logs(self, name):
        """Copies what all have logged to the build's folder; says where, and what they logged last that tells something."""
        folder = pathlib.Path(os.environ.get("MINGA_BUILD", tempfile.gettempdir())) / "faults-logs" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shown = [f"all logs: {folder}"]
        paths = [(member.data.name, member.log_path) for member in self.members]
        paths += [(node.data.parent.name, path) for node in self.nodes for path in sorted(node.data.parent.glob("log-*"))]
        for who, path in paths:
            if path.exists():
                kept = folder / f"{who}{path.suffix or '-' + path.name}"
                shutil.copy(path, kept)
                told = [line for line in path.read_text(errors="replace").splitlines() if not NOISE.search(line)]
                shown += [f"--- {kept.name}", *(line[:WIDTH] for line in told[-TAIL:])]
        return shown

    def close(self):
        try:
            for node in self.nodes:
                if node.running():
                    node.kill()
            self.set.stop()
        finally:
            network.remove_folder(self.set.root)
            self.net.close()
