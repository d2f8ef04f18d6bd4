"""How long writes were away, fault by fault; and what was wrong."""

import collections
import statistics

from workload import DONE, REFUSED, UNKNOWN

MONGODB = (
    "MongoDB: median time before a cluster elects a new primary 12 s "
    "(https://www.mongodb.com/docs/manual/core/replica-set-elections/)"
)

FAILURE = 8  # lines of each that are shown again at the end
WIDTH = 400


class Report:
    def __init__(self):
        self.pauses = collections.defaultdict(list)
        self.faults = {}
        self.stale = collections.Counter()
        self.outcomes = collections.defaultdict(collections.Counter)
        self.failures, self.logs = [], []

    def fail(self, what, logs):
        """A round in which something was wrong, and the lines of its logs that may tell why."""
        self.failures += [line[:WIDTH] for line in what.splitlines()][:FAILURE]
        self.logs += logs

    def add(self, fault, load):
        self.pauses[fault.name].append(load.longest_pause())
        self.faults[fault.name] = fault
        writes = load.journal.of("create", "update", "delete", "cas", "hit")
        self.stale[fault.name] += load.stale
        self.outcomes[fault.name].update(entry.outcome for entry in writes)

    def table(self):
        if not self.pauses:
            return
        yield f"{'seconds without writes':<54} rounds  median  worst  aim    writes refused in doubt stale reads"
        for name, pauses in self.pauses.items():
            aim, outcomes = self.faults[name].aim, self.outcomes[name]
            yield (
                f"{name:<54} {len(pauses):>6} {statistics.median(pauses):>7.1f} {max(pauses):>6.1f} "
                f"{'' if aim is None else format(aim, '.0f'):>4} "
                f"{outcomes[DONE]:>9} {outcomes[REFUSED]:>7} {outcomes[UNKNOWN]:>8} "
                f"{self.stale[name]:>11}"
            )
        done = sum(outcomes[DONE] for outcomes in self.outcomes.values())
        yield f"{done} acknowledged writes: none lost, none done twice"
        yield MONGODB


RUN = Report()
