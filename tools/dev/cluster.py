#!/usr/bin/env python3
"""A replica set of three and two application nodes in this terminal, to break and to watch: ./dev cluster.

    cluster.py [--machines]              runs it until Ctrl-C
    cluster.py COMMAND [NAME]            tells the one that runs

What is started is what tests/faults starts (MINGA_BINARY says which binary); the data are in a temporary folder.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/dev"), str(ROOT / "tests/support"), str(ROOT / "tests/faults")]

import cluster_view  # noqa: E402
import harness  # noqa: E402
import network  # noqa: E402
from deployment import Deployment, Loopback  # noqa: E402
from replica_set import ReplicaSet, below, tree  # noqa: E402

STATE = pathlib.Path(os.environ.get("MINGA_CLUSTER", ROOT / "build/cluster"))
PREFIX = "minga-cluster-"
PATIENCE = "30000"  # ms, of the nodes' requests: they wait for a new primary
ANSWERING = 180.0  # seconds for a command: a member that starts clones first
COMMANDS = {
    "status": "shows the cluster once",
    "kill": "kill -9 of the primary, a standby, a node or NAME, with all that it started",
    "pause": "SIGSTOP of the primary, a standby, a node or NAME",
    "partition": "cuts the primary, a standby, a node or NAME off the network (--machines; else pauses it)",
    "step-down": "the primary hands its role over in order",
    "heal": "joins the network, goes on with what is paused, starts what is dead",
    "stop": "as Ctrl-C",
}


def say(text):
    print(text, file=sys.stderr, flush=True)


class Refusal(Exception):
    """What was asked cannot be done; the text says why."""


class Cluster(Deployment):
    """Members m1 to m3 and nodes n1 and n2, on loopback or each on a machine of its own."""

    def __init__(self, on_machines):
        self.paused = set()
        self.doing = threading.Lock()  # one command after the other
        net = network.Network() if on_machines else Loopback("")
        super().__init__(net, ReplicaSet(f"{PREFIX}{os.getpid()}-"))
        for node in self.nodes:
            self.keep_port(node)

    def place_member(self, name):
        say(f"starting {name}, a member of the replica set")
        return super().place_member(name)

    def place_node(self, name, deadline):
        say(f"starting {name}, an application node")
        node = super().place_node(name, PATIENCE)
        token = node.data.parent / "join-token"
        shutil.copy(self.members[0].data / "join-token", token)
        token.chmod(0o600)
        node.arguments += ["--node-name", name, "--replica-set", str(token), "--access-log", "false"]
        return node

    def keep_port(self, node):
        """A browser's window finds the node again when it was started anew."""
        node.arguments[node.arguments.index("--listen") + 1] = node.url.split("//")[1].strip("/")

    @property
    def named(self):
        return {**{member.data.name: member for member in self.members},
                **{node.data.parent.name: node for node in self.nodes}}  # fmt: skip

    def find(self, name):
        """The member or node that is meant, and its name."""
        if name == "primary":
            one = self.by_name(self.status()["primary"]) if self.status()["primary"] else None
        elif name == "standby":
            one = next((member for member in self.standbys if member.running()), None)
        elif name == "node":
            one = next((node for node in self.nodes if node.running()), None)
        else:
            one = self.named.get(name)
            if one is None:
                raise Refusal(f"There is no '{name}'; there are: primary, standby, node, {', '.join(self.named)}.")
        if one is None:
            raise Refusal(f"There is no {name} right now.")
        return one, next(known for known, each in self.named.items() if each is one)

    def find_running(self, name):
        one, known = self.find(name)
        if not one.running():
            raise Refusal(f"{known} is not running; ./dev cluster heal starts it.")
        return one, known

    def do_kill(self, name):
        one, known = self.find_running(name)
        self.paused.discard(known)
        one.kill()
        return f"killed {known}"

    def do_pause(self, name):
        one, known = self.find_running(name)
        for pid in tree(one.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        self.paused.add(known)
        return f"paused {known}"

    def do_partition(self, name):
        if self.is_loopback:
            done = self.do_pause(name)
            return f"{done}: on loopback nothing can be cut off. ./dev cluster --machines, as root, can"
        one, known = self.find_running(name)
        self.net.part([self.machine_of(one)])
        return f"cut {known} off the others; you still reach it"

    def do_step_down(self, name):
        done = self.replicas("step-down")
        if done.returncode != 0:
            raise Refusal(done.stderr.strip().removeprefix("minga: "))
        return done.stdout.strip()

    def do_heal(self, name):
        self.resume()
        self.heal()
        return "everything runs and reaches everything"

    def resume(self):
        for known in sorted(self.paused):
            one = self.named[known]
            for pid in tree(one.process.pid) if one.running() else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        self.paused.clear()

    def close(self):
        self.resume()
        super().close()


def clear_away(root):
    """What is left of a cluster that was killed itself."""
    left = below(root)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if left:
        harness.wait_for(lambda: not below(root))
    shutil.rmtree(root, ignore_errors=True)


def read_state():
    try:
        return json.loads((STATE / "state.json").read_text(encoding="utf-8"))
    except OSError:
        return None


def is_alive(state):
    try:
        return b"cluster.py" in pathlib.Path(f"/proc/{state['pid']}/cmdline").read_bytes()
    except OSError:
        return False


class Control:
    """Where the commands come in: one connection each, a line with the request, lines with the answer."""

    def __init__(self, cluster, screen, stop):
        self.cluster, self.screen, self.stop = cluster, screen, stop
        self.path = cluster.set.root / "control"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.path.chmod(0o600)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection:
            asked = json.loads(connection.makefile().readline())
            try:
                answer = {"text": self.do(**asked)}
            except Exception as failure:  # whoever asked is told
                answer = {"failure": str(failure) or repr(failure)}
            with contextlib.suppress(OSError):
                connection.sendall(json.dumps(answer).encode() + b"\n")

    def do(self, command, name, in_colours):
        if command == "status":
            return self.screen.text(in_colours)
        if command == "stop":
            self.stop.set()
            return "the cluster ends"
        with self.cluster.doing:
            self.screen.note(f"{command} {name or ''}".strip() + " ...")
            try:
                done = getattr(self.cluster, f"do_{command.replace('-', '_')}")(name)
            except Exception as failure:
                self.screen.note(str(failure))
                raise
            self.screen.note(done)
            return done


def send(command, name):
    state = read_state()
    if not state or not is_alive(state):
        say("No cluster runs. ./dev cluster starts one, in another terminal.")
        return 1
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWERING)
        connection.connect(state["control"])
        asked = {"command": command, "name": name, "in_colours": cluster_view.takes_colours(sys.stdout)}
        connection.sendall(json.dumps(asked).encode() + b"\n")
        answer = json.loads(connection.makefile().readline())
    if "failure" in answer:
        say(answer["failure"])
        return 1
    print(answer["text"])
    return 0


def interrupt(*_):
    raise KeyboardInterrupt


def run(on_machines):
    if on_machines and (reason := network.why_not()):
        say(f"--machines cannot be: {reason}.")
        return 1
    STATE.mkdir(parents=True, exist_ok=True)
    if state := read_state():
        if is_alive(state):
            say(f"A cluster runs already, as process {state['pid']}: ./dev cluster status shows it.")
            return 1
        clear_away(state["root"])
        if state["machines"] and not network.why_not():
            network.remove_what_dead_runs_left()
        (STATE / "state.json").unlink()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    cluster = None
    try:
        cluster = Cluster(on_machines)
        watch(cluster)
    except KeyboardInterrupt:
        say("ending")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the end is under way
        end(cluster)
    return 0


def watch(cluster):
    stop = threading.Event()
    screen = cluster_view.Screen(cluster)
    control = Control(cluster, screen, stop)
    state = {"pid": os.getpid(), "root": str(cluster.set.root), "control": str(control.path)}
    state["machines"] = not cluster.is_loopback
    (STATE / "state.json").write_text(json.dumps(state), encoding="utf-8")
    for node in cluster.nodes:
        print(node.url, flush=True)
    try:
        while not stop.wait(1.0):
            screen.draw()
    finally:
        screen.close()


def end(cluster):
    try:
        if cluster:
            cluster.close()
    finally:
        for root in pathlib.Path("/tmp").glob(f"{PREFIX}{os.getpid()}-*"):
            clear_away(root)
        (STATE / "state.json").unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(
        prog="./dev cluster", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Runs a replica set of three and two application nodes until Ctrl-C, and shows how they are.\n"
        "In another terminal, while it runs:\n\n"
        + "\n".join(f"  ./dev cluster {name:10} {text}" for name, text in COMMANDS.items()),
    )  # fmt: skip
    parser.add_argument("--machines", action="store_true", help="each in a network of its own, which partition cuts; root")
    parser.add_argument("command", nargs="?", choices=COMMANDS, metavar="COMMAND")
    parser.add_argument("name", nargs="?", metavar="NAME", help="primary, standby, node, m1 to m3, n1 or n2")
    given = parser.parse_args()
    if given.command is None:
        return run(given.machines)
    takes_name = given.command in ("kill", "pause", "partition")
    if given.name and not takes_name:
        parser.error(f"{given.command} takes no name")
    return send(given.command, given.name or ("primary" if takes_name else None))


if __name__ == "__main__":
    sys.exit(main())
