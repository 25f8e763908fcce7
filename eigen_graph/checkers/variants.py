"""Dialogues that solve the task another way: what a checker must pass."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from eigen_graph.checkers.difference import same_end
from eigen_graph.checkers.evidence import Evidence
from eigen_graph.checkers.gold import CLOSE, gold_beats, perform, report
from eigen_graph.checkers.improvise import working_calls
from eigen_graph.checkers.mutation import Sketch, at_writes, before_report, shown, starts_at
from eigen_graph.checkers.procedure import breaches
from eigen_graph.core import Action, Beat

if TYPE_CHECKING:
    import random

    from eigen_graph.checkers.evidence import Bench

_MOST_READS = 3
_MOST_ORDERS = 6
_MOST_FAILURES = 6
_MOST_EXTRAS = 2
_AMOUNT = re.compile(r"(?<![\w.,:/-])\d{1,15}(?:\.\d{1,2})?(?![\w:/-]|[.,]\d)")


def variants(bench: Bench, rng: random.Random) -> Iterator[Sketch]:
    """Other right ways through this task.

    Kinds: `reordered`, `extra_read`, `failed_then_right`, `reformatted`, `alternative`, `own_device`.
    """
    beats = gold_beats(bench)
    yield from itertools.islice(_reordered(bench, beats), _MOST_ORDERS)
    yield from _extra_reads(bench, beats, rng)
    yield from itertools.islice(_failed_then_right(bench, beats), _MOST_FAILURES)
    yield from _reformatted(bench, beats)
    for number, actions in enumerate(bench.solutions, 1):
        yield Sketch("alternative", f"the task's alternative {number}", gold_beats(bench, actions))
    yield from itertools.islice(_own_device(bench, beats, rng), _MOST_EXTRAS)


def _reordered(bench: Bench, beats: tuple[Beat, ...]) -> Iterator[Sketch]:
    """Two neighbouring writes, each with its proposal and yes, change places; kept if that comes to the same."""
    writes = at_writes(bench, beats)
    for first, second in itertools.pairwise(writes):
        one, other = starts_at(beats, first), starts_at(beats, second)
        swapped = (
            *beats[:one],
            *beats[other : second + 1],
            *beats[first + 1 : other],
            *beats[one : first + 1],
            *beats[second + 1 :],
        )
        evidence = Evidence(bench, perform(bench, swapped))
        fails = any(made.error and made.writes for made in evidence.made)
        broken = any(breaches(evidence.made, evidence.messages, bench.domain.agent.toolbox))
        if not fails and not broken and same_end(evidence.end, bench.gold.env):
            one_call, other_call = beats[first].call, beats[second].call
            if one_call and other_call:
                yield Sketch("reordered", f"{shown(other_call)} before {shown(one_call)}", swapped)


def _extra_reads(bench: Bench, beats: tuple[Beat, ...], rng: random.Random) -> Iterator[Sketch]:
    """Look-ups nobody needed: the task's own once more just before a write, and others at the end."""
    reads = [b for b in beats if b.call and bench.writes(b.actor, b.call.name) is False]
    for read in reads[:1]:
        for i in at_writes(bench, beats)[:1]:
            if read in beats[:i] and read.actor == beats[i].actor and read.call:
                again = (*beats[:i], read, *beats[i:])
                yield Sketch("extra_read", f"{shown(read.call)} once more before the write", again)
    made_up = working_calls(bench.gold.env, "assistant", rng, writes=False)
    by_user = working_calls(bench.gold.env, "user", rng, writes=False)
    for action in itertools.chain(itertools.islice(made_up, _MOST_READS), itertools.islice(by_user, 1)):
        added = [Beat(action.requestor, call=action, kind="call")]
        yield Sketch("extra_read", f"{shown(action)} as well", before_report(beats, added))


def _failed_then_right(bench: Bench, beats: tuple[Beat, ...]) -> Iterator[Sketch]:
    """A call that fails for want of an argument, or for one too many, then the right one."""
    for i in at_writes(bench, beats):
        right = beats[i].call
        if right is None:
            continue
        arguments = dict(right.arguments)
        if arguments:
            arguments.pop(next(iter(arguments)))
        wrong = right.model_copy(update={"arguments": arguments})
        if not _fails(bench, beats[:i], wrong):
            wrong = right.model_copy(update={"arguments": {**right.arguments, "note_to_self": "retry"}})
        if _fails(bench, beats[:i], wrong):
            tried = (*beats[:i], Beat(wrong.requestor, call=wrong, kind="call"), *beats[i:])
            yield Sketch("failed_then_right", f"{shown(wrong)} fails before {shown(right)}", tried)


def _fails(bench: Bench, so_far: tuple[Beat, ...], action: Action) -> bool:
    env = bench.opening.fork()
    for beat in so_far:
        if beat.call:
            env.run(beat.call.name, beat.call.arguments, beat.actor)
    return env.run(action.name, action.arguments, action.requestor).error


def _own_device(bench: Bench, beats: tuple[Beat, ...], rng: random.Random) -> Iterator[Sketch]:
    """Where DB does not count: something that the user does besides, which leaves all that is asserted true."""
    wanted = bench.task.criteria
    if "DB" in wanted.reward_basis:
        return
    for action in working_calls(bench.gold.env, "user", rng, writes=True):
        env = bench.gold.env.fork()
        env.run(action.name, action.arguments, "user")
        if same_end(env, bench.gold.env, agent_only=True) and all(map(env.holds, wanted.env_assertions or ())):
            added = [Beat("user", call=action, kind="call")]
            yield Sketch("own_device", f"{shown(action)} as well", before_report(beats, added))


def _reformatted(bench: Bench, beats: tuple[Beat, ...]) -> Iterator[Sketch]:
    """The same facts in other dress: amounts as `1,200.00`, everything in capitals."""
    facts = bench.task.criteria.communicate_info or ()
    ways = {
        "amounts as 1,200.00": [_AMOUNT.sub(lambda m: f"{float(m[0]):,.2f}", fact) for fact in facts],
        "in capitals": [fact.upper() for fact in facts],
    }
    for way, changed in ways.items():
        if changed != list(facts):
            yield Sketch("reformatted", f"the facts {way}", (*beats[:-2], report(changed), CLOSE))
