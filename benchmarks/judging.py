"""A new environment and a judgement: forks and touched records, against deep copies compared whole.

The anchor keeps each database as a plain dict of records. An episode costs it a deep copy to live in, another to
replay the dialogue in, and a comparison of the whole contents as JSON with the gold end, which it may keep as we keep
ours. It is not charged for running any tool; we are. Episodes are the gold dialogues of every intent, judged by their
whole checker: state (or a program in the sandbox), facts, assertions, procedure.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

from eigen_graph.checkers import Checker, build_checker, gold_trajectory
from eigen_graph.core import Cue, Database, Domain, Environment, NoCaseError, Trajectory
from eigen_graph.core.writing import task_from_case
from eigen_graph.domains import load_domain

REPEATS = 7
SEEDS = 2
ANCHOR_EPISODES = 3

Episode = tuple[Checker, Trajectory]
Records = dict[str, dict[str, Any]]


def episodes(domain: Domain) -> list[Episode]:
    """Gold dialogues of every intent, each with its checker, warmed."""
    assert domain.playbook is not None
    found = []
    for intent in domain.playbook.intents:
        for seed in range(SEEDS):
            try:
                case = domain.playbook.case(domain, Cue(domain=domain.name, seed=seed, intent=intent))
            except NoCaseError:
                continue
            checker = build_checker(task_from_case(case, f"{intent}-{seed}"), domain)
            found.append((checker, gold_trajectory(checker.bench(domain))))
            assert checker.judge(found[-1][1], domain).reward == 1
    return found


def plain(database: Database) -> Records:
    """A database as the anchor keeps it."""
    return {name: dict(table) for name, table in database.items()}


def as_json(databases: Iterable[Records]) -> list[Any]:
    """Whole contents, for comparison."""
    return [
        {name: {key: record.model_dump(mode="json") for key, record in rows.items()} for name, rows in records.items()}
        for records in databases
    ]


def milliseconds(work: Callable[[], Any], times: int) -> float:
    """CPU time of one go."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1e3


def measured(domain: Domain, played: list[Episode]) -> tuple[float, float, float, float]:
    """Milliseconds of CPU an episode: our environment, our judgement, the anchor's, the anchor's."""
    databases = [plain(side.database) for side in (domain.agent, domain.user) if side]
    gold = as_json(databases)

    def judge_by_copy() -> None:
        assert as_json(copy.deepcopy(databases)) == gold

    new = milliseconds(lambda: [Environment(domain, checker.task) for checker, _ in played], 5) / len(played)
    judged = milliseconds(lambda: [checker.judge(dialogue, domain) for checker, dialogue in played], 2) / len(played)
    copied = milliseconds(lambda: copy.deepcopy(databases), ANCHOR_EPISODES)
    compared = milliseconds(judge_by_copy, ANCHOR_EPISODES)
    return new, judged, copied, compared


def shown(values: Iterable[float], form: str) -> str:
    """Median and spread."""
    ordered = sorted(values)
    return f"{statistics.median(ordered):{form}} ({ordered[0]:{form}} to {ordered[-1]:{form}})"


def main() -> None:
    """Print the table."""
    print(f"CPU milliseconds an episode, median of {REPEATS} (spread).\n")
    print("| domain | records | episodes | new environment | by copy | judge | by copy | both, copy : ours |")
    print("|---|---|---|---|---|---|---|---|")
    for name in ("hotel", "broadband"):
        domain = load_domain(name)
        played = episodes(domain)
        records = sum(len(t) for side in (domain.agent, domain.user) if side for t in side.database.values())
        rows = [measured(domain, played) for _ in range(REPEATS)]
        new, judged, copied, compared = zip(*rows, strict=True)
        ratios = [(row[2] + row[3]) / (row[0] + row[1]) for row in rows]
        print(
            f"| {name} | {records} | {len(played)} | {shown(new, '.4f')} | {shown(copied, '.1f')} "
            f"| {shown(judged, '.3f')} | {shown(compared, '.1f')} | {shown(ratios, '.0f')} |"
        )


if __name__ == "__main__":
    main()
