"""Sets the wall clock of processes that run, and of no others.

Programs ask the vDSO for the time: code that the kernel maps into each process. Here it is overwritten, in chosen
processes alone, by code that asks the kernel itself and adds an offset to the wall clock. Monotonic time stays, as when
an operator or NTP sets a machine's clock. libfaketime would not do: Go's programs, as etcd, do not use libc's functions.
Processes that are started later have the machine's clock, unless they are forked without exec (PostgreSQL's backends).
"""

import functools
import os
import pathlib
import platform
import signal
import struct

import harness
from replica_set import tree

# Each ends where the offset in seconds begins. Of clock_gettime's clocks, 0 and 5 are the wall's.
CLOCK_GETTIME = bytes.fromhex("b8e4000000 0f05 85c0 7513 85ff 7405 83ff05 750a 488b0d04000000 48010e c3")
GETTIMEOFDAY = bytes.fromhex("b860000000 0f05 85c0 750f 4885ff 740a 488b0d04000000 48010f c3")
TIME = bytes.fromhex("b8c9000000 0f05 480305090000004885ff 7403 488907 c3")
CODE = {b"__vdso_clock_gettime": CLOCK_GETTIME, b"__vdso_gettimeofday": GETTIMEOFDAY, b"__vdso_time": TIME}
TRIES = 50


def vdso_range(pid):
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        if line.endswith("[vdso]"):
            return tuple(int(part, 16) for part in line.split()[0].split("-"))
    return None


@functools.cache
def functions():
    """{name: (offset, size)} in the vDSO, which is an ELF file in memory, the same in every process."""
    begin, end = vdso_range("self")
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        memory.seek(begin)
        image = memory.read(end - begin)
    (sections,) = struct.unpack_from("<Q", image, 0x28)
    size, count = struct.unpack_from("<HH", image, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", image, sections + n * size) for n in range(count)]
    symbols = next(header for header in headers if header[1] == 11)  # SHT_DYNSYM
    names = headers[symbols[6]][4]
    found = {}
    for offset in range(symbols[4], symbols[4] + symbols[5], 24):
        name, _, _, _, value, length = struct.unpack_from("<IBBHQQ", image, offset)
        found[image[names + name : image.index(b"\0", names + name)]] = (value, length)
    return found


def why_not():
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        return f"clocks of single processes are set on x86-64 alone, not on {platform.machine()}"
    if os.geteuid() != 0:
        return "setting other processes' clocks needs root"
    there = functions()
    fits = all(name in there and there[name][1] >= len(code) + 8 for name, code in CODE.items())
    return "" if fits else "this kernel's vDSO has no room for a clock that is set"


def is_inside(pid, begin, end):
    """Whether a thread of the stopped process is just asking for the time."""
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        words = (thread / "syscall").read_text().split()
        if words[0] == "running" or begin <= int(words[-1], 16) < end:
            return True
    return False


def set_clock_of(pid, seconds):
    begin, end = vdso_range(pid)
    was_stopped = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"
    for _ in range(TRIES):
        os.kill(pid, signal.SIGSTOP)
        try:
            harness.wait_for(lambda: pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")
            if is_inside(pid, begin, end):
                continue
            with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
                for name, code in CODE.items():
                    memory.seek(begin + functions()[name][0])
                    memory.write(code + struct.pack("<q", seconds))
            return
        finally:
            if not was_stopped:
                os.kill(pid, signal.SIGCONT)
    raise AssertionError(f"process {pid} asks for the time without end")


def set_clock(root, seconds):
    """The process and all below it see the wall clock that much later; earlier when negative."""
    for pid in tree(root):
        try:
            set_clock_of(pid, seconds)
        except (FileNotFoundError, ProcessLookupError, TypeError):
            pass  # it ended meanwhile
