"""The machine the figures belong to: processor, memory, and what a durable write costs on its disk."""

import os
import pathlib
import platform
import time


def cores():
    """Two of the cores this process may use: what both sides and the load share."""
    return sorted(os.sched_getaffinity(0))[:2]


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def memory_gib():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def durable_writes_per_second(folder, seconds=0.7):
    """fdatasync after each appended page of 4 KiB, one at a time: the floor under both databases."""
    path = folder / "sync-probe"
    page = bytes(4096)
    with open(path, "wb", buffering=0) as file:
        count, started = 0, time.monotonic()
        while (spent := time.monotonic() - started) < seconds:
            file.write(page)
            os.fdatasync(file.fileno())
            count += 1
    path.unlink()
    return count / spent


def descendants(pid):
    """The process and all below it."""
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        try:
            for task in pathlib.Path(f"/proc/{current}/task").iterdir():
                waiting.extend(int(child) for child in (task / "children").read_text().split())
        except OSError:
            pass  # it has ended
    return found


def processor_seconds(pid):
    """What the process and all below it have used so far, with those that have ended and were waited for."""
    total = 0
    for each in descendants(pid):
        try:
            text = pathlib.Path(f"/proc/{each}/stat").read_text()
        except OSError:
            continue  # it has ended, and its parent counts it
        user, system, of_children, system_of_children = map(int, text.rpartition(")")[2].split()[11:15])
        total += user + system + of_children + system_of_children
    return total / os.sysconf("SC_CLK_TCK")


def resident_mib(pids):
    """Resident memory of the processes, what they share counted once (proportional set size)."""
    total = 0
    for pid in pids:
        try:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            pass  # it has ended
    return total / 1024
