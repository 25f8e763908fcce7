"""Faults that the scripted roles commit on purpose, planned from a seed, each made sure to matter."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from eigen_graph.core import Action, Beat, Case, Domain
from eigen_graph.core.perturbation import wrong_arguments
from eigen_graph.models.scripted.outcome import Outcomes
from eigen_graph.models.scripted.transcript import quotes

Family = Literal["dialogue", "writing"]
"""One dialogue, or one try at writing its task, suffers at most one planned fault."""
FaultKind = Literal[
    "forgotten_confirmation",
    "wrong_argument",
    "unauthorised_write",
    "unreported_fact",
    "malformed_call",
    "early_stop",
    "leak",
    "wrong_gold",
    "malformed_json",
    "missing_action",
    "invented_fact",
]

_BLAND = (
    "That is all taken care of.",
    "Everything has been looked after on our side.",
    "All right, this is settled.",
)
_LEAVING = ("Sorry, I have to go now. Bye.", "I've run out of time, goodbye.", "Something came up, I must leave. Bye.")


@dataclass(frozen=True)
class Fault:
    """One planned fault."""

    kind: FaultKind
    role: Literal["agent", "user", "writer"]
    at: int = 0
    """Index of the beat it concerns (in `Case.beats`); of the action, for a writer's."""
    call: Action | None = None
    """The call that is made instead, or besides."""
    text: str = ""
    """What is said instead, or besides."""

    @property
    def blame(self) -> Literal["agent", "user", "task"] | None:
        """Whom a true review blames; None for a fault that its role can make good at once."""
        if self.kind in {"malformed_call", "malformed_json", "wrong_gold"}:
            return None
        return "task" if self.role == "writer" else self.role


def planned_faults(domain: Domain, case: Case, rate: float, attempt: int, family: Family = "dialogue") -> Fault | None:
    """The one fault that a scripted model of this fault rate plants. Deterministic in its arguments.

    Args:
        domain: The case's domain.
        case: The case.
        rate: Probability of a fault, 0 to 1.
        attempt: Which try at the scene: each draws anew.
        family: Dialogue (user and agent draw the same plan, and each plays its own part of it) or writing.

    Returns:
        The fault; None when none is drawn, or none of its kinds can matter in this case.
    """
    cue = case.cue
    rng = random.Random(f"fault/{family}/{cue.domain}/{cue.intent}/{cue.clause}/{cue.tool}/{cue.seed}/{attempt}")
    if rng.random() >= rate:
        return None
    makers = list(_DIALOGUE if family == "dialogue" else _WRITING)
    rng.shuffle(makers)
    site = _Site(domain, case, Outcomes(domain, case), rng)
    return next(filter(None, (make(site) for make in makers)), None)


@dataclass(frozen=True)
class _Site:
    """Where a fault is looked for."""

    domain: Domain
    case: Case
    outcomes: Outcomes
    rng: random.Random

    def beats(self, fits: Callable[[Beat], bool]) -> list[int]:
        """Indices of the beats that fit, in random order."""
        found = [index for index, beat in enumerate(self.case.beats) if fits(beat)]
        self.rng.shuffle(found)
        return found

    def writes(self, beat: Beat) -> bool:
        if beat.call is None:
            return False
        return self.domain.side(beat.actor).toolbox[beat.call.name].traits.writes

    def needs_yes(self, beat: Beat) -> bool:
        if beat.call is None or beat.actor != "assistant":
            return False
        return self.domain.agent.toolbox[beat.call.name].traits.confirm

    def calls(self, *, upto: int | None = None, put: dict[int, Action | None] | None = None) -> list[Action]:
        """The case's calls before beat `upto`, some of them replaced (None: left out)."""
        beats = list(enumerate(self.case.beats))[:upto]
        changed = put or {}
        return [call for index, beat in beats if (call := changed.get(index, beat.call))]


def _forgotten_confirmation(site: _Site) -> Fault | None:
    """The agent writes without having asked: nothing the user said before could count as a yes to it."""
    beats = site.case.beats
    for index in site.beats(lambda beat: beat.kind == "confirm"):
        then = takewhile(lambda beat: beat.call is not None, beats[index + 2 :])
        agreed = index + 1 < len(beats) and beats[index + 1].kind == "agree"
        if agreed and any(map(site.needs_yes, then)) and _nothing_proposed(site, index):
            return Fault("forgotten_confirmation", "agent", at=index)
    return None


def _nothing_proposed(site: _Site, index: int) -> bool:
    """Before a beat, the agent has said nothing to say yes to, or has looked up something new since."""
    beats = site.case.beats
    agent_said = [i for i in range(index) if beats[i].actor == "assistant" and not beats[i].call]
    if not agent_said:
        return True
    known = [(beat.call.name, beat.call.arguments) for beat in beats[: agent_said[-1]] if beat.call]
    since = [beat for beat in beats[agent_said[-1] : index] if beat.actor == "assistant" and not site.writes(beat)]
    return any(beat.call and (beat.call.name, beat.call.arguments) not in known for beat in since)


def _wrong_argument(site: _Site) -> Fault | None:
    """The agent's write goes to the wrong record or with the wrong value; one that succeeds is preferred."""
    for index in site.beats(lambda beat: beat.actor == "assistant" and site.writes(beat)):
        call = site.case.beats[index].call
        before = site.calls(upto=index)
        world, _ = site.outcomes.after(before)
        failing: Action | None = None
        for variant in wrong_arguments(site.domain, world.agent_db, call, site.rng) if call else ():
            if not site.outcomes.wrong(site.calls(put={index: variant})):
                continue
            failed, _ = site.outcomes.effect(before, variant)
            if failed:
                failing = failing or variant
            elif site.case.checker_code is None:  # where code judges, another end state may be right as well
                return Fault("wrong_argument", "agent", at=index, call=variant)
        if failing:
            return Fault("wrong_argument", "agent", at=index, call=failing)
    return None


def _unauthorised_write(site: _Site) -> Fault | None:
    """The agent makes a call that the policy or the user's wish forbids, before its last words."""
    forbidden = [call for call in site.case.forbidden if call.requestor == "assistant"]
    site.rng.shuffle(forbidden)
    says = [index for index, beat in enumerate(site.case.beats) if beat.actor == "assistant" and not beat.call]
    for call in forbidden:
        for index in reversed(says):
            calls = [*site.calls(upto=index), call, *site.calls()[len(site.calls(upto=index)) :]]
            failed, changes = site.outcomes.effect(site.calls(upto=index), call)
            if not failed and changes and site.outcomes.wrong(calls):
                return Fault("unauthorised_write", "agent", at=index, call=call)
    return None


def _unreported_fact(site: _Site) -> Fault | None:
    """The agent's report leaves out a fact that it says nowhere else."""
    bland = site.rng.choice(_BLAND)
    for index in site.beats(lambda beat: beat.actor == "assistant" and beat.kind in {"report", "inform"}):
        others = " ".join(
            [bland, *(b.text for i, b in enumerate(site.case.beats) if b.actor == "assistant" and i != index)]
        )
        text = _plain(site.case.beats[index].text)
        if any(_plain(fact) in text and _plain(fact) not in _plain(others) for fact in site.case.facts):
            return Fault("unreported_fact", "agent", at=index, text=bland)
    return None


def _malformed_call(site: _Site) -> Fault | None:
    """The arguments of one of the agent's calls break off; it repeats the call when told."""
    found = site.beats(lambda beat: beat.actor == "assistant" and beat.call is not None)
    return Fault("malformed_call", "agent", at=found[0]) if found else None


def _early_stop(site: _Site) -> Fault | None:
    """The user leaves instead of agreeing, or instead of their last call."""
    own_calls = [index for index, beat in enumerate(site.case.beats) if beat.actor == "user" and site.writes(beat)]
    candidates = [*site.beats(lambda beat: beat.kind == "agree"), *own_calls[-1:]]
    site.rng.shuffle(candidates)
    for index in candidates:
        if site.outcomes.wrong(site.calls(upto=index)):
            return Fault("early_stop", "user", at=index, text=site.rng.choice(_LEAVING))
    return None


def _leak(site: _Site) -> Fault | None:
    """The user opens with something that they cannot know yet."""
    opening = site.case.beats[0].text
    hidden = [fact for fact in site.case.hidden if not quotes(opening, fact)]
    if not hidden:
        return None
    fact = site.rng.choice(hidden)
    return Fault("leak", "user", at=0, text=f"{opening} I already know it says {fact} there.")


def _wrong_gold(site: _Site) -> Fault | None:
    """The writer's solution has a call that fails or changes nothing: running it shows that at once."""
    actions = site.case.actions
    order = sorted(range(len(actions)), key=lambda i: (not site.writes(Beat(actions[i].requestor, call=actions[i])), i))
    for index in order:
        world, _ = site.outcomes.after(actions[:index])
        side = world.agent_db if actions[index].requestor == "assistant" or world.user_db is None else world.user_db
        for variant in wrong_arguments(site.domain, side, actions[index], site.rng):
            failed, _ = site.outcomes.effect(actions[:index], variant)
            if failed:
                return Fault("wrong_gold", "writer", at=index, call=variant)
    return None


def _malformed_json(_: _Site) -> Fault | None:
    """The writer's submission breaks off."""
    return Fault("malformed_json", "writer")


def _missing_action(site: _Site) -> Fault | None:
    """The writer's solution lacks one of its writes, so a right dialogue ends in another state."""
    actions = site.case.actions
    writes = [i for i, action in enumerate(actions) if site.writes(Beat(action.requestor, call=action))]
    if len(writes) < 2 or site.case.checker_code or site.case.alternatives:  # noqa: PLR2004  # one write must be left
        return None  # and where there is more than one right end, a right dialogue may come out right all the same
    for index in reversed(writes):
        rest = [*actions[:index], *actions[index + 1 :]]
        world, failed = site.outcomes.after(rest)
        if not any(failed) and site.outcomes.wrong(rest) and all(map(world.holds, site.case.assertions)):
            return Fault("missing_action", "writer", at=index)
    return None


def _invented_fact(site: _Site) -> Fault | None:
    """The writer demands that the agent say something that is nowhere to be found."""
    return Fault("invented_fact", "writer", text=f"REF-{site.rng.randrange(10**7, 10**8)}")


_DIALOGUE = (
    _forgotten_confirmation,
    _wrong_argument,
    _unauthorised_write,
    _unreported_fact,
    _malformed_call,
    _early_stop,
    _leak,
)
_WRITING = (_wrong_gold, _malformed_json, _missing_action, _invented_fact)


def _plain(text: str) -> str:
    """Text in which equal numbers look equal: `1,200.00` and `1200` both become `1200`."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text.lower())
    return re.sub(r"(\d)\.(\d*?)0+(?!\d)", lambda m: m[1] + (f".{m[2]}" if m[2] else ""), text)
