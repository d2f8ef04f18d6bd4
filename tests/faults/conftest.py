import os
import pathlib

import report


def pytest_terminal_summary(terminalreporter):
    """What was wrong stands at the very end, behind the logs, as an end is often all that is shown. The table of a run
    stands before them, and in the build's folder for whoever shows it."""
    table = list(report.RUN.table())
    for line in ["", *table, "", *report.RUN.logs, "", *report.RUN.failures]:
        terminalreporter.write_line(line)
    folder = os.environ.get("MINGA_BUILD")
    if table and folder:
        (pathlib.Path(folder) / "faults.txt").write_text("\n".join(table) + "\n", encoding="utf-8")
