"""What ./dev cluster shows: who is the primary, who is there, and since when nothing could be written."""

import http.client
import json
import os
import re
import shutil
import sys
import threading
import time
import urllib.parse

PATIENCE = 5.0  # seconds for an answer: while a member is cut off the status waits for it
BETWEEN = 0.25  # seconds between two questions
NOTICED = 1.0  # seconds that a person would call an interruption

GREEN, YELLOW, RED, BOLD, PLAIN = "\033[32m", "\033[33m", "\033[31m", "\033[1m", "\033[0m"


def is_terminal(stream):
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def takes_colours(stream):
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def painted(text, colour):
    return f"{colour}{text}{PLAIN}"


def ask(url, path):
    """Status and body of an answer; OSError where there is none in time."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as failure:
        raise OSError(str(failure)) from None
    finally:
        connection.close()


class Probe:
    """Asks a node all the time whether it can write, and remembers how long it could not. A node that finds no primary
    waits for one before it answers."""

    def __init__(self, node):
        self.node = node
        self.since = None  # of the first question that is not answered well
        self.last_gap = None  # seconds
        self.ended = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while not self.ended.is_set():
            self.since = self.since or time.monotonic()
            try:
                ready = ask(self.node.url, "/api/ready")[0] == 200
            except OSError:
                ready = False
            if ready:
                gap, self.since = time.monotonic() - self.since, None
                self.last_gap = gap if gap > NOTICED else self.last_gap
            self.ended.wait(BETWEEN)

    def text(self):
        since = self.since
        gap = time.monotonic() - since if since else 0
        if gap > NOTICED:
            return f"no, for {gap:.1f} s", RED
        return f"yes, after {self.last_gap:.1f} s" if self.last_gap else "yes", GREEN


def bytes_text(count):
    if count is None:
        return "-"
    return f"{count} B" if count < 10_240 else f"{count // 1024} KiB"


class Screen:
    """The status, drawn anew each second on a terminal; elsewhere a line for each change."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.probes = [Probe(node) for node in cluster.nodes]
        self.is_terminal = is_terminal(sys.stderr)
        self.notes = []
        self.last_line = ""
        self.seen = self.look()
        self.ended = threading.Event()
        threading.Thread(target=self.watch, daemon=True).start()
        if self.is_terminal:
            sys.stderr.write("\033[?1049h\033[?25l")  # a screen of its own, without a cursor

    def close(self):
        self.ended.set()
        for probe in self.probes:
            probe.ended.set()
        if self.is_terminal:
            sys.stderr.write("\033[?25h\033[?1049l")
            sys.stderr.flush()

    def note(self, text):
        self.notes = [*self.notes, f"{time.strftime('%H:%M:%S')}  {text}"][-4:]

    def watch(self):
        while not self.ended.wait(BETWEEN):
            self.seen = self.look()

    def look(self):
        """The answer of the first node that has one."""
        for node in self.cluster.nodes:
            if node.running():
                try:
                    status, body = ask(node.url, "/api/cluster/status")
                except OSError:
                    continue
                if status == 200:
                    return json.loads(body)
        return None

    def name_of(self, member):
        known = {each.name: each.data.name for each in self.cluster.members}
        return known.get(member["name"], "")

    def draw(self):
        if self.is_terminal:
            lines = self.text(takes_colours(sys.stderr)).split("\n")
            size = shutil.get_terminal_size()
            sys.stderr.write("\033[H" + "".join(f"{line}\033[K\n" for line in lines[: size.lines - 1]) + "\033[J")
            sys.stderr.flush()
            return
        line = self.line(self.seen)
        if line != self.last_line:
            print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)
        self.last_line = line

    def line(self, seen):
        if not seen:
            return "no node answers"
        primary = next((self.name_of(each) for each in seen["members"] if each["role"] == "primary"), "none")
        up = [node["name"] for node in seen["nodes"] if node["state"] == "up"]
        return f"primary {primary}; a write is on {seen['durableCopies']} members; nodes {', '.join(up) or 'none'}"

    def text(self, in_colours):
        seen = self.seen
        lines = [painted("minga cluster", BOLD) + f"  {time.strftime('%H:%M:%S')}   Ctrl-C ends it", ""]
        lines += self.database(seen) + [""] + self.members(seen) + [""] + self.nodes(seen) + [""]
        lines += ["./dev cluster kill|pause|partition primary|standby|node|NAME", "./dev cluster step-down|heal|status|stop"]
        text = "\n".join([*lines, "", *self.notes])
        return text if in_colours else re.sub("\033\\[[0-9]+m", "", text)

    def database(self, seen):
        if not seen:
            return [painted("no node answers", RED)]
        copies = seen["durableCopies"]
        text = f"a write is on {copies} of {len(seen['members'])} members before it is answered"
        if not any(member["role"] == "primary" for member in seen["members"]):
            text = "there is no primary: writes wait"
        elif copies == 1:
            text = "no standby confirms yet: writes wait"
        lines = [painted(text, GREEN if copies > 1 else RED)]
        if failover := seen["lastFailover"]:
            lines.append(f"last failover {failover['at'][11:19]}: {failover['from'] or '?'} -> {failover['to'] or '?'}")
            if failover["reason"]:
                lines.append(f"  {failover['reason']}"[:79])
        return lines

    def members(self, seen):
        lines = [f"{'MEMBER':23} {'ROLE':8} {'STATE':12} {'SYNC':6} {'TIMELINE':8} LAG"]
        for member in sorted(seen["members"], key=self.name_of) if seen else []:
            name = self.name_of(member)
            state = "paused" if name in self.cluster.paused else member["state"]
            colour = RED if not member["healthy"] else BOLD if member["role"] == "primary" else PLAIN
            row = f"{name:6} {member['name']:16} {member['role']:8} {state:12} {member['sync'] or '-':6} "
            lines.append(painted(f"{row}{member['timeline'] or '-':<8} {bytes_text(member['lagBytes'])}", colour))
        return lines

    def nodes(self, seen):
        rows = {node["name"]: node for node in seen["nodes"]} if seen else {}
        lines = [f"{'NODE':6} {'URL':28} {'STATE':7} {'REQ/S':>6}  CAN WRITE"]
        for node, probe in zip(self.cluster.nodes, self.probes, strict=True):
            name = node.data.parent.name
            row = rows.get(name)
            state = "paused" if name in self.cluster.paused else row["state"] if row else "?"
            load = f"{row['load']['requestsPerSecond']:.1f}" if row else "-"
            writes, colour = probe.text()
            lines.append(f"{name:6} {node.url:28} {state:7} {load:>6}  {painted(writes, colour)}")
        return lines
