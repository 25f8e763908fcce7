"""From plan to accepted: how many came to each step, how many went no further, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from eigen_graph.report.data import Reason, Step
from eigen_graph.report.words import line
from eigen_graph.runs import InstanceRow

STEPS = ("planned", "written", "proven", "played", "passed", "accepted")
"""Each counts those that came to it: a plan, a task, a proof of its checker, a dialogue, a full reward, the set."""
_LAST = {"scenario": 0, "verifier": 1, "checker": 1, "dialogue": 2, "repair": 2, "judge": 4, "reviewer": 4}
"""The last step that an instance can have come to when it ended at a kind of node: what earlier tries left is stale."""
NOT_TRIED, UNREADABLE = "not tried", "unreadable"
"""What stands in place of a blame for plans that nobody has worked on, and for rows that are damaged."""
_EXAMPLES = 5
_MAX_REASON = 240


def reached(row: InstanceRow) -> int:
    """The last step that an instance came to, as its place in `STEPS`."""
    if row.fate == "accepted":
        return len(STEPS) - 1
    proof = (row.checker or {}).get("proof") or {}
    came = (
        row.task is not None,
        bool(proof.get("sound")),
        row.trajectory is not None,
        (row.verdict or {}).get("reward") == 1,
    )
    return min(_LAST.get(row.stage, len(came)), next((at for at, done in enumerate(came) if not done), len(came)))


@dataclass
class Funnel:
    """Instances counted one by one."""

    ended: Counter[tuple[int, str]] = field(default_factory=Counter)
    """By the last step they came to and by blame; accepted ones have none."""
    reasons: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    """Ids and reasons by stage and blame."""
    tried: set[str] = field(default_factory=set)
    """Plans that an instance was made for."""

    def add(self, row: InstanceRow) -> None:
        """Count an instance."""
        self.tried.add(row.plan_id)
        blame = "" if row.fate == "accepted" else row.blame or "unknown"
        self.ended[reached(row), blame] += 1
        if blame:
            self.reasons[row.stage, blame].append((row.id, line(row.reason, _MAX_REASON)))

    def add_unreadable(self, name: str) -> None:
        """Count an instance whose row is damaged: all that is known is that there is one."""
        self.ended[0, UNREADABLE] += 1
        self.reasons[UNREADABLE, UNREADABLE].append((name, "its row in the ledger cannot be read"))

    def add_plans(self, plans: Iterable[str]) -> None:
        """Count the plans that no instance was made for. To be called last.

        Which plan a damaged row was made by is not known: it is one of those that are left.
        """
        if (left := len(set(plans) - self.tried) - self.ended[0, UNREADABLE]) > 0:
            self.ended[0, NOT_TRIED] += left

    def steps(self) -> tuple[Step, ...]:
        """The funnel. At every step, those that were lost and those that came to the next are all that came."""
        found, count = [], self.ended.total()
        for at, label in enumerate(STEPS):
            lost = {blame: n for (step, blame), n in sorted(self.ended.items()) if step == at and blame}
            found.append(Step(label=label, count=count, lost=dict(sorted(lost.items(), key=lambda item: -item[1]))))
            count -= sum(lost.values())
        return tuple(found)

    def listed(self) -> tuple[Reason, ...]:
        """Where instances failed and by whose fault, the most frequent first."""
        ordered = sorted(self.reasons.items(), key=lambda item: (-len(item[1]), item[0]))
        return tuple(
            Reason(
                stage=stage,
                blame=blame,
                count=len(cases),
                examples=tuple(name for name, _ in cases[:_EXAMPLES]),
                reason=next((reason for _, reason in cases if reason), ""),
            )
            for (stage, blame), cases in ordered
        )
