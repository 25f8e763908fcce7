"""Dialogues that look like the solution and are wrong: what a checker worth its name must fail."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from eigen_graph.checkers.gold import CLOSE, block, gold_beats, report
from eigen_graph.checkers.improvise import working_calls, works
from eigen_graph.core import Action, Beat
from eigen_graph.core.perturbation import wrong_arguments

if TYPE_CHECKING:
    import random

    from eigen_graph.checkers.evidence import Bench
    from eigen_graph.core import Database

_MOST_WRONG_ARGUMENTS = 6
_MOST_EXTRA_WRITES = 6


class Sketch(NamedTuple):
    """A dialogue to be played, and what is done to the solution in it."""

    kind: str
    description: str
    beats: tuple[Beat, ...]


def mutants(bench: Bench, rng: random.Random) -> Iterator[Sketch]:
    """Every way to go wrong that we know, for this task; some may turn out to come to the same as the solution.

    Kinds: `drop_write`, `double_write`, `wrong_record`, `altered_argument`, `forbidden_added`, `forbidden_instead`,
    `fact_unsaid`, `stop_early`, `unconfirmed_write`, `identity_skipped`, `unrelated_write`; where calls count (ACTION)
    also `drop_call`.
    """
    beats = gold_beats(bench)
    yield from _writes_changed(bench, beats, rng)
    yield from _forbidden(bench, beats)
    yield from _facts_unsaid(bench, beats)
    yield from _stopped_early(bench, beats)
    yield from _procedure_broken(bench, beats)
    yield from _unrelated(bench, beats, rng)
    yield from _uncalled(bench, beats)


def at_writes(bench: Bench, beats: Sequence[Beat]) -> list[int]:
    """Positions of the calls that write, of either party."""
    return [i for i, beat in enumerate(beats) if beat.call and bench.writes(beat.actor, beat.call.name)]


def starts_at(beats: Sequence[Beat], call: int) -> int:
    """Where the block of a call begins: its proposal, if it has one."""
    return call - 2 if call >= 2 and beats[call - 1].kind == "agree" else call  # noqa: PLR2004  # proposal and yes


def before_report(beats: Sequence[Beat], added: Sequence[Beat]) -> tuple[Beat, ...]:
    """With something more done just before the agent reports."""
    return (*beats[:-2], *added, *beats[-2:])


def shown(action: Action) -> str:
    """A call as people write it."""
    inside = ", ".join(f"{name}={value!r}" for name, value in action.arguments.items())
    return f"{'user: ' if action.requestor == 'user' else ''}{action.name}({inside})"[:200]


def _writes_changed(bench: Bench, beats: tuple[Beat, ...], rng: random.Random) -> Iterator[Sketch]:
    for i in at_writes(bench, beats):
        action = _call(beats[i])
        yield Sketch("drop_write", f"{shown(action)} left out", (*beats[:i], *beats[i + 1 :]))
        yield Sketch("double_write", f"{shown(action)} done twice", (*beats[: i + 1], beats[i], *beats[i + 1 :]))
        database = bench.start.agent_db if action.requestor == "assistant" else bench.start.user_db
        if database is None:
            continue
        for wrong in itertools.islice(wrong_arguments(bench.domain, database, action, rng), _MOST_WRONG_ARGUMENTS):
            kind = "wrong_record" if _names_other_record(database, action, wrong) else "altered_argument"
            described = f"{shown(wrong)} instead of {shown(action)}"
            yield Sketch(kind, described, (*beats[:i], Beat(wrong.requestor, call=wrong, kind="call"), *beats[i + 1 :]))


def _forbidden(bench: Bench, beats: tuple[Beat, ...]) -> Iterator[Sketch]:
    for action in bench.task.tags.forbidden:
        added = block(bench, action)
        yield Sketch("forbidden_added", f"{shown(action)} as well", before_report(beats, added))
        for i in at_writes(bench, beats):
            if beats[i].actor == action.requestor:
                changed = (*beats[: starts_at(beats, i)], *added, *beats[i + 1 :])
                yield Sketch("forbidden_instead", f"{shown(action)} instead of {shown(_call(beats[i]))}", changed)


def _facts_unsaid(bench: Bench, beats: tuple[Beat, ...]) -> Iterator[Sketch]:
    facts = bench.task.criteria.communicate_info or ()
    for left_out in range(len(facts)):
        rest = [fact for index, fact in enumerate(facts) if index != left_out]
        yield Sketch("fact_unsaid", f"{facts[left_out]!r} not said", (*beats[:-2], report(rest), CLOSE))


def _stopped_early(bench: Bench, beats: tuple[Beat, ...]) -> Iterator[Sketch]:
    yield Sketch("stop_early", "the user stops before the report", (*beats[:-2], CLOSE))
    if writes := at_writes(bench, beats):
        until = beats[: starts_at(beats, writes[-1])]
        yield Sketch("stop_early", "the user stops before the last write", (*until, CLOSE))


def _procedure_broken(bench: Bench, beats: tuple[Beat, ...]) -> Iterator[Sketch]:
    for i, beat in enumerate(beats):
        if beat.kind == "agree":
            action = _call(beats[i + 1])
            yield Sketch("unconfirmed_write", f"{shown(action)} without a yes", (*beats[:i], *beats[i + 1 :]))
    rest = tuple(b for b in beats if not (b.call and b.call.name in bench.prerequisites))
    if len(rest) < len(beats):
        yield Sketch("identity_skipped", f"without {' or '.join(sorted(bench.prerequisites))}", rest)


def _unrelated(bench: Bench, beats: tuple[Beat, ...], rng: random.Random) -> Iterator[Sketch]:
    """A write nobody asked for: the task's own tools on another record, other tools on any."""
    env = bench.gold.env
    done = [_call(beats[i]) for i in at_writes(bench, beats)]
    elsewhere = (
        wrong
        for action in done
        if (database := env.agent_db if action.requestor == "assistant" else env.user_db) is not None
        for wrong in itertools.islice(wrong_arguments(bench.domain, database, action, rng), 1)
        if works(env, wrong, writes=True)
    )
    tried = itertools.chain(
        elsewhere,
        working_calls(env, "assistant", rng, writes=True),
        working_calls(env, "user", rng, writes=True),
    )
    for action in itertools.islice((a for a in tried if a not in done), _MOST_EXTRA_WRITES):
        yield Sketch("unrelated_write", f"{shown(action)} as well", before_report(beats, block(bench, action)))


def _uncalled(bench: Bench, beats: tuple[Beat, ...]) -> Iterator[Sketch]:
    """A call that changes nothing and must be made all the same."""
    if "ACTION" in bench.task.criteria.reward_basis:
        for i, beat in enumerate(beats):
            if beat.call and bench.writes(beat.actor, beat.call.name) is False:
                yield Sketch("drop_call", f"{shown(beat.call)} left out", (*beats[:i], *beats[i + 1 :]))


def _names_other_record(database: Database, action: Action, wrong: Action) -> bool:
    changed = [value for name, value in action.arguments.items() if wrong.arguments.get(name) != value]
    return any(isinstance(value, str) and any(value in table for table in database.values()) for value in changed)


def _call(beat: Beat) -> Action:
    if beat.call is None:
        raise ValueError(f"no call in {beat}")
    return beat.call
