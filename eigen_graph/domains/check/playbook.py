"""Playbooks: every intent finds cases, and the cases are what they claim to be."""

from __future__ import annotations

import traceback
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from eigen_graph.core import DIFFICULTIES, Case, Cue, Domain, EigenGraphError, Intent, NoCaseError, Playbook, Repertoire
from eigen_graph.domains.check.case import check_case
from eigen_graph.domains.check.finding import Finding, error, hint, warning

_SEEDS: Final = range(20)
_INTENTS: Final = 10
_OPENINGS: Final = 3
_ENDINGS: Final = ("done", "refusal", "transfer", "nothing")


@dataclass
class _Seen:
    """What the cases of all intents reached."""

    tools: set[str] = field(default_factory=set)
    openings: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def check_playbook(domain: Domain, playbook: Repertoire) -> Iterator[Finding]:
    """Act out every intent under twenty seeds, and replay what comes out."""
    seen = _Seen()
    for intent in playbook.intents.values():
        yield from _check_names(domain, intent)
        yield from _check_cases(domain, intent, seen)
    yield from _check_breadth(domain, playbook, seen)


def _check_names(domain: Domain, intent: Intent) -> Iterator[Finding]:
    where = f"intent {intent.name}"
    if not intent.clauses:
        yield warning(where, "exercises no clause", "name the clauses it is about")
    for clause in intent.clauses:
        if clause not in domain.policy.clauses:
            numbers = ", ".join(domain.policy.clauses) or "none"
            mend = f"name clauses by their numbers (there are {numbers}); a clause's line starts with it: `1. ...`"
            yield error(where, f"is about clause {clause!r}, which the policy lacks", mend)
    tools = {tool.name for actor in ("assistant", "user") for tool in domain.tools_of(actor)}
    for tool in intent.tools:
        if tool not in tools:
            yield error(where, f"uses {tool!r}, which is no tool", "name tools as they are called")


def _check_cases(domain: Domain, intent: Intent, seen: _Seen) -> Iterator[Finding]:
    where = f"intent {intent.name}"
    found: list[Case] = []
    for cue in _cues(domain, intent):
        try:
            found.append(Playbook({intent.name: intent}).case(domain, cue))
        except NoCaseError:
            continue
        except Exception as problem:  # noqa: BLE001  # foreign code: whatever it raises is the finding
            text = str(problem) if isinstance(problem, EigenGraphError) else f"{type(problem).__name__}: {problem}"
            place = _line(problem, intent) or f"seed {cue.seed}, {cue.difficulty}"
            yield error(where, text.removeprefix(f"intent {intent.name!r}").lstrip(": "), f"mend the intent ({place})")
            seen.tools |= set(intent.tools)  # nobody knows yet
            return
    if not found:
        yield error(where, f"finds no case under seeds 0 to {len(_SEEDS) - 1}", "let it pick what the database holds")
        return
    if Playbook({intent.name: intent}).case(domain, found[0].cue) != found[0]:
        yield error(
            where, "acts differently the second time", "take all chance from stage.rng, and no order from a set"
        )
    known: set[str] = set()
    for case in found:
        findings = [finding for finding in check_case(domain, case) if finding.mend not in known]
        known |= {finding.mend for finding in findings}  # the same fault under another seed adds nothing
        yield from findings
        seen.tools |= {action.name for action in case.actions}
        seen.openings[intent.name].add(case.beats[0].text)
    if all(not case.forbidden for case in found) and intent.ending in {"refusal", "nothing"}:
        yield warning(where, "forbids nothing", "say with stage.forbid what a careless agent would do here")


def _line(problem: Exception, intent: Intent) -> str:
    """The line of the intent's own file that it came from, as far in as it goes; empty when there is none."""
    code = getattr(intent.play, "__code__", None)
    frames = [f for f in traceback.extract_tb(problem.__traceback__) if code and f.filename == code.co_filename]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else ""


def _cues(domain: Domain, intent: Intent) -> Iterator[Cue]:
    difficulties = intent.difficulties or DIFFICULTIES
    for seed in _SEEDS:
        yield Cue(domain=domain.name, seed=seed, difficulty=difficulties[seed % len(difficulties)])


def _check_breadth(domain: Domain, playbook: Repertoire, seen: _Seen) -> Iterator[Finding]:
    if len(playbook.intents) < _INTENTS:
        yield hint("playbook", f"has {len(playbook.intents)} intents", f"more make dialogues differ: {_INTENTS} or so")
    endings = {intent.ending for intent in playbook.intents.values()}
    if missing := [repr(ending) for ending in _ENDINGS if ending not in endings]:
        yield hint(
            "playbook",
            f"no intent ends in {' or '.join(missing)}",
            "write one, so that doing nothing is neither always right nor always wrong",
        )
    yield from _check_reach(domain, playbook, seen)
    for name, openings in seen.openings.items():
        if len(openings) < _OPENINGS:
            yield warning(f"intent {name}", f"opens in {len(openings)} way(s)", "give stage.user several wordings")


def _check_reach(domain: Domain, playbook: Repertoire, seen: _Seen) -> Iterator[Finding]:
    reached = {clause for intent in playbook.intents.values() for clause in intent.clauses}
    for clause in domain.policy.clauses:
        if clause not in reached:
            yield warning(f"clause {clause}", "no intent exercises it", "write an intent that runs into it")
    for tool in (*domain.tools_of("assistant"), *domain.tools_of("user")):
        if tool.name not in seen.tools:
            yield warning(f"tool {tool.name}", "no case uses it", "write an intent whose solution needs it")
