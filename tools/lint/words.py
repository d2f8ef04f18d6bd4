#!/usr/bin/env python3
"""Checks of the sources as text.

    words.py PART FILE...    prints each fault; exit 1 if there is one

    ascii    C++, CMake and tool sources are ASCII (texts for people live in messages, pages and docs)
    size     past 300 lines a warning, past 600 a fault: two responsibilities in one file
    words    nothing left open, detached or asleep in src, include and apps
    paths    no path of one machine, no package registry's host
"""

import pathlib
import re
import sys

CODE = {".cpp", ".hpp", ".cmake", ".py", ".js", ".mjs", ".sh"}
LEFT_OPEN = re.compile(r"\b(TODO|FIXME|XXX|detached|this_thread::sleep\w*|usleep)\b|\bnot implemented\b")
# Home and work folders; what a container or a service file names as its own is no machine's.
MACHINE = re.compile(
    r"(?<![\w.])/(root|home/(?!minga\b)[a-z]\w*|Users/\w+|workspace|work)/"
    r"|registry\.npmjs\.org|files\.pythonhosted\.org|deb\.debian\.org"
)


def is_source(path):
    return path.suffix in CODE or path.name == "CMakeLists.txt"


def ascii_faults(path, text):
    if not is_source(path) or path.parts[0] == "tests" or path.parts[0] == "assets":
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.isascii():
            column = next(i for i, c in enumerate(line) if ord(c) > 127)
            yield number, f"{line[column]!r} is not ASCII"


def size_faults(path, text):
    lines = text.count("\n")
    if is_source(path) and lines > 600:
        yield lines, "past 600 lines: split it by responsibility"
    elif is_source(path) and lines > 300:
        print(f"warning: {path}: {lines} lines; files aim at 300", file=sys.stderr)


def words_faults(path, text):
    if path.parts[0] not in ("src", "include", "apps"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if found := LEFT_OPEN.search(line):
            yield number, f"'{found.group()}' has no place in the sources"


def paths_faults(path, text):
    if path.parts[:2] == ("tools", "lint"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if found := MACHINE.search(line):
            yield number, f"'{found.group()}' belongs to one machine"


PARTS = {"ascii": ascii_faults, "size": size_faults, "words": words_faults, "paths": paths_faults}


def main():
    check, bad = PARTS[sys.argv[1]], False
    for name in sys.argv[2:]:
        path = pathlib.PurePosixPath(name)
        try:
            text = pathlib.Path(name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image or another binary
        for line, what in check(path, text):
            print(f"{name}:{line}: {what}")
            bad = True
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
