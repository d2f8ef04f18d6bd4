import os
import pathlib

import report


def pytest_terminal_summary(terminalreporter):
    """The table of a run stands at its end, and in the build's folder for whoever shows it."""
    lines = list(report.RUN.lines())
    if not lines:
        return
    terminalreporter.write_line("\n" + "\n".join(lines))
    if folder := os.environ.get("MINGA_BUILD"):
        (pathlib.Path(folder) / "faults.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
