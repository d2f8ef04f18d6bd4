from pathlib import PurePosixPath

import pytest
import words

FAULTS = [
    ("ascii", "src/base/a.cpp", "int a;\n// \u00e9\n", 2),
    ("size", "src/base/a.cpp", "\n" * 601, 601),
    ("words", "src/base/a.cpp", "// TODO later\n", 1),
    ("words", "apps/hits/app.cpp", "\nco_spawn(x, asio::detached);\n", 2),
    ("words", "include/minga/a.hpp", "std::this_thread::sleep_for(1s);\n", 1),
    ("paths", "docs/a.md", "see /root/notes\n", 1),
    ("paths", "tests/a.py", "open('/home/someone/x')\n", 1),
]
FINE = [
    ("ascii", "docs/a.md", "\u00e9\n"),
    ("ascii", "tests/functional/a.py", "\u00e9\n"),
    ("size", "src/base/a.cpp", "\n" * 600),
    ("words", "tests/a.py", "TODO\n"),
    ("paths", "deploy/a.service", "ExecStart=/usr/bin/minga --data /home/minga/data\n"),
]


@pytest.mark.parametrize("part, path, text, line", FAULTS)
def test_finds(part, path, text, line):
    assert [number for number, _ in words.PARTS[part](PurePosixPath(path), text)] == [line]


@pytest.mark.parametrize("part, path, text", FINE)
def test_lets_pass(part, path, text):
    assert list(words.PARTS[part](PurePosixPath(path), text)) == []
