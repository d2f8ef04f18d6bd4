"""Runs wrk and reads what it found."""

import json
import os
import pathlib
import resource
import subprocess
from concurrent.futures import ThreadPoolExecutor

from . import machine
from .servers import fetch, pinned

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "load" / "load.lua"
LOADS = ("read", "list", "create", "hits")
PARTS = ("load", "server", "database", "standby")  # that use processor time
CONNECTIONS = 64
TASKS = 2_000  # that are there to be read and listed: as many for everyone who is measured
IDS = 500


def used(server):
    """Seconds of processor time, by who used them."""
    parts = {name: machine.processor_seconds(pid) for name, pid in server.parts().items()}
    wrk = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"load": wrk.ru_utime + wrk.ru_stime, **parts}


def run(server, load, seconds, ids, rate=0):
    """One load for so long, as fast as it is answered or at `rate` requests a second."""
    method = "POST" if load == "create" else "GET"
    settings = {"METHOD": method, "PATH": server.paths[load], "IDS": str(ids), "RATE": str(rate)}
    environment = dict(os.environ, **{"LOAD_" + name: value for name, value in settings.items()})
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPT, server.url]
    before = used(server)
    done = subprocess.run(pinned(command), env=environment, capture_output=True, text=True, check=True)
    after = used(server)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result = json.loads(line.removeprefix("RESULT "))
    if result["bad_status"] or result["timeouts"] or result["socket_errors"] or result["requests"] == 0:
        raise RuntimeError(f"{server.name}, {load}: not all requests were answered well: {result}")
    result["rate"] = result["requests"] / result["seconds"]
    for name in PARTS:
        spent = after.get(name, 0) - before.get(name, 0)
        result[name] = spent / result["requests"] * 1e6
    return result


def add(server, number):
    task = {"title": f"Task {number}", "description": "Written before the load, as long as a sentence is.", "done": False}
    return fetch(server.url + server.paths["create"], task)["id"]


def fill(server, path):
    """Writes the tasks that are read and listed, and some of their ids to the file."""
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda number: add(server, number), range(TASKS)))
    path.write_text("".join(id + "\n" for id in ids[-IDS:]))
