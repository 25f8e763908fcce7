"""Our judge of tau2-bench against tau2's own: equal verdicts on every base task, and what each costs.

Every base task's own dialogue, the same lacking each of its actions, and an empty one are judged by the installed
package (its `evaluate_simulation`, garbage collection as it is by default) and by ours, in one process. Any difference
is listed and ends the script with 1. Minutes for all; `--every 10` for a first look.

Not `tau2.py`: scripts import from their own folder first, and would find this one for the package.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tau2_replays import RealTau2, Replay, Verdict, replays

from eigen_graph.checkers import Checker, build_checker
from eigen_graph.core import Domain, Task, ToolCall, environment_of
from eigen_graph.domains import load_domain

DOMAINS = ("telecom", "retail", "airline")
"""Smallest first: the larger a process, the longer tau2's judging spends in the garbage collector."""
REPEATS = 5
"""Of each of our judgements: one alone is near the clock's grain."""
ENVIRONMENTS = {"airline": 8, "retail": 30, "telecom": 114}
"""How many of tau2's worlds are timed."""
HELD = 3
"""How many worlds are alive when memory is measured."""

Work = tuple[Task, Any, Checker, tuple[Replay, ...]]
"""A task, tau2's reading of it, its warm checker, its dialogues."""


@dataclass
class Times:
    """CPU milliseconds of each judgement, task by task."""

    ours: list[list[float]] = field(default_factory=list)
    theirs: list[list[float]] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def loaded(name: str, every: int) -> tuple[Domain, tuple[Task, ...]]:
    """A domain and every which base task."""
    domain = load_domain(f"tau2:{name}")
    assert domain.tasks is not None
    return domain, tuple(domain.tasks.split("base"))[::every]


def milliseconds(work: Callable[[], Any], times: int = 1) -> float:
    """CPU time of one go."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1e3


def prepared(domain: Domain, tasks: Sequence[Task], theirs: dict[str, Any], times: Times) -> Iterable[Work]:
    """Each task with its dialogues; the first judgement of each, with all that is worked out once, is the cold one."""
    for task in tasks:
        dialogues = tuple(replays(domain, task))
        began = time.process_time()
        checker = build_checker(task, domain, basis="tau2")
        checker.judge(dialogues[0].trajectory, domain)
        times.cold.append((time.process_time() - began) * 1e3)
        yield task, theirs[task.id], checker, dialogues


def compared(name: str, domain: Domain, tasks: Sequence[Task], tau2: RealTau2) -> Times:
    """Judge everything by both."""
    times = Times()
    for done, (task, theirs, checker, dialogues) in enumerate(prepared(domain, tasks, tau2.tasks(name), times), 1):
        times.ours.append([])
        times.theirs.append([])
        for replay in dialogues:
            judge = tau2.judging(name, theirs, replay.trajectory)
            began = time.process_time()
            wanted = judge()
            times.theirs[-1].append((time.process_time() - began) * 1e3)
            verdict = checker.judge(replay.trajectory, domain)
            parts = {part.name: float(bool(part.passed)) for part in verdict.parts}
            if different := Verdict(verdict.reward, parts).differs_from(wanted):
                times.differences.append(f"{name} {task.id} {replay.name}: {different}")
            ours = milliseconds(lambda c=checker, t=replay.trajectory: c.judge(t, domain), REPEATS)  # type: ignore[misc]
            times.ours[-1].append(ours)
        if done % 10 == 0 or done == len(tasks):
            print(f"{name}: {done} of {len(tasks)} tasks", file=sys.stderr)
    return times


def environments(name: str, domain: Domain, tasks: Sequence[Task], tau2: RealTau2) -> tuple[list[float], list[float]]:
    """Milliseconds of CPU for a new world at the start of a task: ours, theirs."""
    theirs, real = tau2.tasks(name), tasks[:: max(1, len(tasks) // ENVIRONMENTS[name])]
    return (
        [milliseconds(lambda t=task: environment_of(domain, t), 20) for task in tasks],  # type: ignore[misc]
        [milliseconds(lambda t=task: tau2.environment(name, theirs[t.id])) for task in real],  # type: ignore[misc]
    )


def memory(name: str, domain: Domain, tasks: Sequence[Task], tau2: RealTau2) -> tuple[float, float]:
    """Bytes that a world holds after its task's own dialogue, what all share counted to nobody: ours, theirs."""
    longest = sorted(tasks, key=lambda task: -len(task.actions))[:HELD]
    dialogues, theirs = [next(iter(replays(domain, task))).trajectory for task in longest], tau2.tasks(name)

    def live_ours() -> list[Any]:
        made = [environment_of(domain, task) for task in longest]
        for environment, dialogue in zip(made, dialogues, strict=True):
            for _, actor, call, _ in dialogue.calls():
                environment.answer(ToolCall(id="", name=call.name, arguments=call.arguments), actor)
        return made

    def live_theirs() -> list[Any]:
        made = [tau2.environment(name, theirs[task.id]) for task in longest]
        for environment, dialogue in zip(made, dialogues, strict=True):
            tau2.live_through(environment, dialogue)
        return made

    return _held(live_ours), _held(live_theirs)


def _held(live: Callable[[], list[Any]]) -> float:
    live()  # whatever is worked out once
    tracemalloc.start()
    try:
        worlds = live()
        return tracemalloc.get_traced_memory()[0] / len(worlds)
    finally:
        tracemalloc.stop()


def gold_under_eigen(domain: Domain, split: str) -> tuple[int, list[str]]:
    """How many tasks of a split there are, and those whose own solution fails under our rules, with the reason."""
    assert domain.tasks is not None
    failing, tasks = [], tuple(domain.tasks.split(split))
    for task in tasks:
        verdict = build_checker(task, domain, basis="eigen").judge(next(iter(replays(domain, task))).trajectory, domain)
        if verdict.reward != 1:
            failing.append(f"{task.id}: {verdict.reason}")
    return len(tasks), failing


def profiled(domain: Domain, tasks: Sequence[Task]) -> None:
    """Where our judging spends its time."""
    work = [(build_checker(task, domain, basis="tau2"), list(replays(domain, task))) for task in tasks]
    for checker, dialogues in work:
        checker.judge(dialogues[0].trajectory, domain)
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(REPEATS):
        for checker, dialogues in work:
            for dialogue in dialogues:
                checker.judge(dialogue.trajectory, domain)
    profile.disable()
    stats = pstats.Stats(profile)
    total, by_file = 0.0, dict[str, float]()
    rows: dict[Any, Any] = stats.stats  # type: ignore[attr-defined]
    for (file, _, _), (_, _, own, _, callers) in rows.items():
        # What C does (dict look-ups, JSON) is counted to the files that ask for it.
        asking = {caller: sums[2] for caller, sums in callers.items()} if file == "~" else {(file,): own}
        for (where, *_), seconds in asking.items():
            total += seconds
            by_file[where] = by_file.get(where, 0.0) + seconds
    print(f"{domain.name}: share of the time, by file")
    for file, seconds in sorted(by_file.items(), key=lambda item: -item[1])[:16]:
        print(f"  {seconds / total:6.1%}  {'/'.join(Path(file).parts[-3:])}")


def spread(values: Iterable[float], form: str) -> str:
    """Median, and the 5th to the 95th percentile."""
    ordered = sorted(values)
    if len(ordered) < 2:
        return f"{ordered[0]:{form}}"
    cuts = statistics.quantiles(ordered, n=20, method="inclusive")
    return f"{statistics.median(ordered):{form}} ({cuts[0]:{form}} to {cuts[-1]:{form}})"


def flat(rows: Iterable[Iterable[float]]) -> list[float]:
    """All of them."""
    return [value for row in rows for value in row]


def main() -> int:
    """Print the tables; 1 when anything is judged differently."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domains", nargs="+", choices=DOMAINS, default=list(DOMAINS))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th task")
    parser.add_argument("--full", action="store_true", help="also telecom's 2,285 tasks under our own rules")
    parser.add_argument("--profile", action="store_true", help="only say where our judging spends its time")
    asked = parser.parse_args()
    names = [name for name in DOMAINS if name in asked.domains]
    if asked.profile:
        for name in names:
            profiled(*loaded(name, asked.every))
        return 0
    tau2, wrong = RealTau2(), []
    print("| domain | dialogues | different | tau2, ms | ours, ms | tau2 : ours | each task's ratio | ours cold, ms |")
    print("|---|---|---|---|---|---|---|---|")
    for name in names:
        times = compared(name, *loaded(name, asked.every), tau2)
        wrong += times.differences
        ratios = [sum(theirs) / sum(ours) for theirs, ours in zip(times.theirs, times.ours, strict=True)]
        ours, theirs = flat(times.ours), flat(times.theirs)
        print(
            f"| {name} | {len(ours)} | {len(times.differences)} | {spread(theirs, '.1f')} | {spread(ours, '.3f')} "
            f"| **{sum(theirs) / sum(ours):.0f}** | {spread(ratios, '.0f')} | {spread(times.cold, '.2f')} |",
            flush=True,
        )
    print("\n| domain | new world, tau2, ms | ours, ms | ours a second | tau2 : ours | kB a world, tau2 | ours |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        mine, real = environments(name, *loaded(name, asked.every), tau2)
        held, real_held = memory(name, *loaded(name, asked.every), tau2)
        print(
            f"| {name} | {spread(real, '.1f')} | {spread(mine, '.4f')} | {1e3 / statistics.mean(mine):,.0f} "
            f"| {statistics.mean(real) / statistics.mean(mine):,.0f} | {real_held / 1e3:,.0f} | {held / 1e3:,.1f} |",
            flush=True,
        )
    print("\n| split | tasks | own solution passes by our rules | CPU s |\n|---|---|---|---|")
    for name in names:
        for split in ["base", *["full"] * (asked.full and name == "telecom")]:
            began = time.process_time()
            count, failing = gold_under_eigen(load_domain(f"tau2:{name}"), split)
            seconds = time.process_time() - began
            print(f"| {name} {split} | {count} | {count - len(failing)} | {seconds:.1f} |")
            sys.stderr.writelines(f"{name} {line}\n" for line in failing)
            wrong += failing if name == "telecom" else []
    if wrong:
        print("\nDifferent:", *wrong, sep="\n* ")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
