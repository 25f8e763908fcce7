"""Evidence: what became of a generation's instances, as a bounded report that a reflector reads.

Failures are grouped by blame, stage and place; for each group stand its share, its cost and a few telling cases.
Redone dialogues are counted too, also where the retry cured them: they are what a generation pays for twice.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eigen_graph.core import Domain
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.course import Course, Retry, Trait, Way, line
from eigen_graph.graphs.evolving.report import ClauseRecord, Especially, Evidence, Example, Group, Redone, Survivor
from eigen_graph.runs import InstanceRow, PlanRow

MAX_TOKENS = 6000
"""A report's JSON at most, in tokens of four bytes."""
_RARE = 0.05
"""Chance, over all traits looked at, below which a group is said to concentrate on one."""
_LEAST = 3
"""Failures with a trait that are the least to say so."""
_MAX_ESPECIALLY = 3
_MAX_CLAUSE = 160
_MAX_CLAUSES = 6
_MAX_ROLES = 12


@dataclass(frozen=True, slots=True)
class _Limits:
    """How much is shown."""

    groups: int
    examples: int
    """Of each of the first four groups; of each other one at most one."""
    lines: int
    """Entries of every other list."""


_LIMITS = (_Limits(12, 3, 8), _Limits(12, 2, 8), _Limits(8, 1, 6), _Limits(4, 1, 4), _Limits(2, 0, 2))
"""From generous to spare: the first that keeps the report within its bound is taken."""
_FIRST_GROUPS = 4


def gather(
    rows: Iterable[InstanceRow],
    *,
    blueprint: Blueprint,
    domain: Domain,
    costs: Mapping[str, float] | None = None,
    unit: str = "tokens",
    usage: Iterable[Mapping[str, Any]] = (),
    plans: Iterable[PlanRow] = (),
) -> Evidence:
    """Make the report. Deterministic: neither the order of the rows nor of the other arguments matters.

    Args:
        rows: The instances, all made under `blueprint`.
        blueprint: What they were made under.
        domain: Has the texts of the policy clauses.
        costs: What each instance cost, by id; one that is missing cost nothing. None: costs are not known.
        unit: Of the costs.
        usage: Calls by instance and role (`LedgerReader.usage`), for the shares of the roles.
        plans: The instances' plans, which say what a task was to exercise also where it was never written.
    """
    known = {plan.id: plan for plan in plans}
    courses = sorted(
        (Course.of(row, known.get(row.plan_id), blueprint.workflow) for row in rows), key=lambda course: course.id
    )
    found = _Found(courses, domain, costs, unit, _shares(usage, {course.id for course in courses}))
    for limits in _LIMITS:
        report = found.report(limits)
        if len(json.dumps(report.to_json(), ensure_ascii=False).encode()) <= 4 * MAX_TOKENS:
            break
    return report


@dataclass(frozen=True)
class _Found:
    """All that a report is made from."""

    courses: Sequence[Course]
    domain: Domain
    costs: Mapping[str, float] | None
    unit: str
    shares: dict[str, float]

    def report(self, limits: _Limits) -> Evidence:
        fates = Counter(course.fate for course in self.courses)
        cost = self._cost(self.courses)
        accepted = fates["accepted"]
        groups = self._groups()
        rates = [course.kill_rate for course in self.courses if course.kill_rate is not None]
        return Evidence(
            tried=len(self.courses),
            accepted=accepted,
            rejected=fates["rejected"],
            dropped=fates["dropped"],
            unit=self.unit,
            cost=None if cost is None else round(cost, 6),
            cost_per_accepted=round(cost / accepted, 6) if accepted and cost is not None else None,
            cost_by_role=self.shares,
            plays=sum(course.played + len(course.retries) for course in self.courses),
            groups=[
                self._group(*group, limits.examples if place < _FIRST_GROUPS else min(1, limits.examples))
                for place, group in enumerate(groups[: limits.groups])
            ],
            other_failures=sum(len(courses) for _, courses in groups[limits.groups :]),
            redone=self._redone()[: limits.lines],
            survivors=self._survivors()[: limits.lines],
            kill_rate=round(sum(rates) / len(rates), 4) if rates else None,
            clauses=self._clauses()[: limits.lines],
        )

    def _cost(self, courses: Iterable[Course]) -> float | None:
        return None if self.costs is None else math.fsum(self.costs.get(course.id, 0.0) for course in courses)

    def _groups(self) -> list[tuple[tuple[str, str, Way], list[Course]]]:
        groups: defaultdict[tuple[str, str, Way], list[Course]] = defaultdict(list)
        for course in self.courses:
            if course.fate != "accepted":
                groups[course.blame, course.stage, course.way].append(course)
        return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0][0], item[0][1], str(item[0][2])))

    def _group(self, key: tuple[str, str, Way], courses: Sequence[Course], examples: int) -> Group:
        (blame, stage, way), cost = key, self._cost(courses)
        especially = self._especially(courses)
        where = [f"{especially[0].what} {especially[0].which}"] if especially else []
        return Group(
            blame=blame,
            stage=stage,
            place=", ".join([str(way), *where]),
            node=way.node,
            outcome=way.outcome,
            leads_to=way.target,
            spent=way.spent,
            played=sum(course.played for course in courses),
            failed=sum(course.failed for course in courses),
            count=len(courses),
            share=round(len(courses) / len(self.courses), 4),
            cost=None if cost is None else round(cost / len(courses), 6),
            especially=especially,
            examples=[_example(course) for course in _telling(courses, especially)[:examples]],
        )

    def _especially(self, courses: Sequence[Course]) -> list[Especially]:
        """Traits that these failures share beyond what drawing as many instances blindly would give."""
        everywhere = Counter(trait for course in self.courses for trait in course.traits)
        here = Counter(trait for course in courses for trait in course.traits)
        chances: list[tuple[float, Trait]] = []
        for trait, count in here.items():
            chance = _tail(count, len(courses), everywhere[trait], len(self.courses)) * len(everywhere)
            if count >= _LEAST and chance <= _RARE:
                chances.append((chance, trait))
        return [
            Especially(what=what, which=which, failures=here[what, which], of=everywhere[what, which])
            for _, (what, which) in sorted(chances)[:_MAX_ESPECIALLY]
        ]

    def _redone(self) -> list[Redone]:
        groups: defaultdict[tuple[str, Way], list[tuple[Retry, bool]]] = defaultdict(list)
        for course in self.courses:
            for retry in course.retries:
                groups[retry.blame, retry.way].append((retry, course.fate == "accepted"))
        ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0][0], str(item[0][1])))
        found = []
        for (blame, way), retries in ordered:
            kept = [retry.kept for retry, _ in retries if retry.kept is not None]
            found.append(
                Redone(
                    blame=blame,
                    node=way.node,
                    outcome=way.outcome,
                    leads_to=way.target,
                    count=len(retries),
                    cured=sum(cured for _, cured in retries),
                    failed=sum(retry.failed for retry, _ in retries),
                    kept=round(math.fsum(kept) / len(kept), 3) if kept else None,
                )
            )
        return found

    def _survivors(self) -> list[Survivor]:
        kinds: defaultdict[str, list[str]] = defaultdict(list)
        for course in self.courses:
            for kind, description in course.survivors:
                kinds[kind].append(description)
        ordered = sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
        return [Survivor(kind=kind, count=len(found), example=found[0]) for kind, found in ordered]

    def _clauses(self) -> list[ClauseRecord]:
        tried = Counter(clause for course in self.courses for clause in course.clauses)
        lost = [course for course in self.courses if course.fate == "rejected"]
        failed = Counter(clause for course in lost for clause in course.clauses)
        redone = Counter(clause for course in self.courses if course.retries for clause in course.clauses)
        texts = self.domain.policy.clauses

        def order(clause: str) -> tuple[float, int, str]:
            return _tail(failed[clause], len(lost), tried[clause], len(self.courses)), -failed[clause], clause

        return [
            ClauseRecord(
                clause=clause,
                text=line(texts.get(clause, ""), _MAX_CLAUSE),
                tried=tried[clause],
                failed=failed[clause],
                redone=redone[clause],
            )
            for clause in sorted(failed, key=order)
        ]


def _telling(courses: Sequence[Course], especially: Sequence[Especially]) -> list[Course]:
    """The most telling first: with the group's trait, with messages to show, and each of another first clause."""
    traits = {(trait.what, trait.which) for trait in especially[:1]}
    ordered = sorted(courses, key=lambda course: (not traits & set(course.traits), not course.shown, course.id))
    firsts = {course.clauses[:1]: course for course in reversed(ordered)}
    return sorted(ordered, key=lambda course: course is not firsts[course.clauses[:1]])


def _example(course: Course) -> Example:
    return Example(
        instance=course.id,
        clauses=list(course.clauses[:_MAX_CLAUSES]),
        reason=course.reason,
        verdict=course.verdict,
        shown=list(course.shown),
    )


def _shares(usage: Iterable[Mapping[str, Any]], ids: set[str]) -> dict[str, float]:
    tokens: Counter[str] = Counter()
    for row in usage:
        if row["instance"] in ids:
            tokens[line(row["role"], _MAX_CLAUSE)] += row["input_tokens"] + row["output_tokens"]
    total = tokens.total()
    return {role: round(count / total, 4) for role, count in sorted(tokens.items())[:_MAX_ROLES] if total}


def _tail(found: int, drawn: int, marked: int, total: int) -> float:
    """Chance of at least `found` marked ones among `drawn` of `total`, of which `marked` are (hypergeometric)."""
    whole = _log_choose(total, drawn)
    terms = (
        math.exp(_log_choose(marked, k) + _log_choose(total - marked, drawn - k) - whole)
        for k in range(max(found, drawn + marked - total), min(drawn, marked) + 1)
    )
    return min(1.0, math.fsum(terms))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
