"""What the database could do: pgbench with the statements of minga's create, prepared, on minga's own tables."""

import pathlib
import re
import resource
import subprocess

from . import load, machine
from .postgres import PROGRAMS
from .servers import pinned

TASK = """INSERT INTO "tasks" ("id", "title", "description", "done", "created", "updated")
 VALUES (:id{0}, :title, :description, :done, :created, :created);"""
CHANGE = """INSERT INTO _changes (collection, record_id, action, record, before, at)
 VALUES (:collection, :id{0}, 0, :record, '', :created){1};"""
VALUES = {
    "title": "Task 001000000001",
    "description": "Written by the load driver, as long as a sentence is.",
    "done": "false",
    "created": "2026-01-31 23:59:59.123Z",
    "collection": "pbc_0123456789",
}
RECORD = (
    '{"id":"123456789012345","title":"%(title)s","description":"%(description)s","done":false,"created":"%(created)s",'
    '"updated":"%(created)s","collectionId":"%(collection)s","collectionName":"tasks"}'
)
RETURNING = (
    " RETURNING number, transaction, pg_snapshot_xmin(pg_current_snapshot())::text::bigint"  # what a position is made of
)
CONNECTIONS = 2  # one for each of minga's threads


def script(path, group, with_changes=True):
    """`group` creates as one pipeline, which is one transaction."""
    lines = [f"\\set id{number} random(1, 900000000000000000)" for number in range(group)]
    lines.append("\\startpipeline")
    for number in range(group):
        lines.append(TASK.format(number).replace("\n", ""))
        if with_changes:
            lines.append(CHANGE.format(number, RETURNING).replace("\n", ""))
    lines.append("\\endpipeline")
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o644)


def run(postgres, name, group, connections, seconds, with_changes=True, rate=0):
    """Creates a second and the processor time of each, as load.run() says them."""
    path = pathlib.Path(postgres.folder.parent) / "creates.sql"
    script(path, group, with_changes)
    command = [PROGRAMS / "pgbench", "-n", "-M", "prepared", "-f", path, "-T", seconds, "-c", connections, "-j", 2]
    command += [f"--rate={rate / group}"] if rate else []
    for each in ({**VALUES, "record": RECORD % VALUES}).items():
        command += ["-D", "=".join(each)]
    before = machine.processor_seconds(postgres.pid), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(pinned([*command, postgres.url]), capture_output=True, text=True, check=True)
    after = machine.processor_seconds(postgres.pid), resource.getrusage(resource.RUSAGE_CHILDREN)
    count = group * int(re.search(r"actually processed: (\d+)", done.stdout)[1])
    used = sum(getattr(after[1], which) - getattr(before[1], which) for which in ("ru_utime", "ru_stime"))
    return {
        "name": name,
        "rate": group * float(re.search(r"tps = ([0-9.]+)", done.stdout)[1]),
        "load": used / count * 1e6,
        "server": 0,
        "database": (after[0] - before[0]) / count * 1e6,
    }


def table(results):
    """What each create is made of; what no part used of the cores is time in which all waited, for the disk above all."""
    yield f"{'':52}{'creates/s':>10}   of each, in us of the {len(machine.cores())} cores:"
    yield f"{'':52}{'':10}  {'load':>8}{'server':>9}{'database':>10}{'waiting':>9}"
    for one in results:
        waiting = len(machine.cores()) * 1e6 / one["rate"] - one["load"] - one["server"] - one["database"]
        yield (
            f"{one['name']:52}{one['rate']:10,.0f}  {one['load']:8.1f}{one['server']:9.1f}{one['database']:10.1f}"
            f"{max(0, waiting):9.1f}"
        )


def compare(server, ids, seconds, progress):
    """minga's creates, and the same by pgbench in groups as large as minga's were."""
    load.run(server, "create", 1, ids)
    groups, operations = server.metric("groups"), server.metric("operations")
    mine = load.run(server, "create", seconds, ids)
    group = max(1, round((server.metric("operations") - operations) / (server.metric("groups") - groups)))
    progress(f"  {server.name}: create {mine['rate']:,.0f}/s in groups of {group}")
    results = [{**mine, "name": f"{server.name}, HTTP, {load.CONNECTIONS} clients, groups of {group}"}]
    for size, connections in ((group, CONNECTIONS), (1, load.CONNECTIONS)):
        name = f"pgbench, {connections} connections, {size} in each transaction"
        results.append(run(server.postgres, name, size, connections, seconds))
        progress(f"  {name}: {results[-1]['rate']:,.0f}/s")
    return results
