"""Runs wrk and reads what it found."""

import json
import os
import pathlib
import subprocess

from .servers import fetch, pinned

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "load" / "load.lua"
LOADS = ("create", "read", "list", "hits")
CONNECTIONS = 64


def run(server, load, seconds, ids):
    environment = dict(
        os.environ, LOAD_METHOD="POST" if load == "create" else "GET", LOAD_PATH=server.paths[load], LOAD_IDS=str(ids)
    )
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPT, server.url]
    done = subprocess.run(pinned(command), env=environment, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result = json.loads(line.removeprefix("RESULT "))
    if result["bad_status"] or result["timeouts"] or result["socket_errors"] or result["requests"] == 0:
        raise RuntimeError(f"{server.name}, {load}: not all requests were answered well: {result}")
    result["rate"] = result["requests"] / result["seconds"]
    return result


def fill(server, path, count=500):
    """Makes sure that there are tasks to read and to list, and writes some of their ids to the file."""
    run(server, "create", 2, path)
    ids = []
    page = 1
    while len(ids) < count:
        items = fetch(f"{server.url}{server.paths['list']}?page={page}&perPage=100")["items"]
        if not items:
            break
        ids += [item["id"] for item in items]
        page += 1
    path.write_text("".join(id + "\n" for id in ids))
