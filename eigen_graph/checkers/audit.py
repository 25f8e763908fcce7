"""Held-back checks of an accepted dialogue: no model, no reviewer, and no setting that a run may change.

Evolution patches prompts, edges and settings until more is accepted. Whether what is accepted is as good as before is
judged by this, which nothing can patch; so each check finds only what is certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from eigen_graph.checkers.blame import IS_FAREWELL
from eigen_graph.checkers.checker import REWARDED
from eigen_graph.checkers.evidence import Evidence
from eigen_graph.checkers.facts import says
from eigen_graph.checkers.grounding import unfounded
from eigen_graph.checkers.procedure import breaches
from eigen_graph.checkers.replay import untrue
from eigen_graph.checkers.verdict import bounded
from eigen_graph.core import STOP_MARKERS

if TYPE_CHECKING:
    from eigen_graph.checkers.checker import Checker
    from eigen_graph.core import Domain, Message, Task, Trajectory

Audit = Literal["proof", "verdict", "replay", "grounded", "procedure", "leak", "stopped"]
AUDITS: tuple[Audit, ...] = get_args(Audit)
"""The checks by name, in the order in which they are made."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_COURTESIES = frozenset(
    {"thanks", "thank", "you", "very", "much", "so", "many", "a", "lot", "bye", "goodbye", "good", "day"}
)


class Defect(NamedTuple):
    """Something that an accepted dialogue must not have."""

    name: Audit
    evidence: tuple[int, ...]
    """Positions of the messages that show it; none when it is not in the dialogue."""
    reason: str


def audit(
    task: Task, checker: Checker, trajectory: Trajectory, domain: Domain, *, min_kill_rate: float = 0.95
) -> tuple[Defect, ...]:
    """What is certainly wrong with an accepted dialogue; empty: clean. Pure, deterministic, asks no model.

    The checks: the checker is the task's and has a sound **proof**; judged again, the **verdict** is 1; every call,
    **replay**ed, gives its recorded result; the user does not **leak** a hidden fact before they can know it; what is
    written is **grounded** (see `grounding.unfounded`); the agent kept to the **procedure** that its tools ask for; the
    dialogue was **stopped** by one side, once, not on the other's open question.

    Args:
        task: The task.
        checker: Its checker, with its proof.
        trajectory: The dialogue.
        domain: The domain, as it was.
        min_kill_rate: What the proof must have reached, whatever the run itself asked for.
    """
    return (
        *(Defect("proof", (), reason) for reason in _unproven(task, checker, min_kill_rate)),
        *_judged_again(task, checker, trajectory, domain),
        *_leaks(task, trajectory),
        *_open_ended(trajectory),
    )


def _judged_again(task: Task, checker: Checker, trajectory: Trajectory, domain: Domain) -> list[Defect]:
    """All that needs the task's world."""
    try:
        verdict, evidence = checker.judge(trajectory, domain), Evidence(checker.bench(domain), trajectory)
        start, changed = evidence.bench.start, list(untrue(task, trajectory, domain))
    except Exception as error:  # noqa: BLE001  # a model wrote the initial state: whatever it breaks, nothing can be judged
        return [Defect("verdict", (), bounded(f"cannot be judged again: {error}"))]
    defects = []
    if verdict.reward != 1:
        defects.append(Defect("verdict", (), bounded(f"judged {verdict.reward:g} again: {verdict.reason}")))
    again = "answers otherwise when it is run again"
    defects += [Defect("replay", (step.at,), f"{step.call.name:.80} {again}") for step in changed]
    defects += [Defect("grounded", (found.at,), bounded(found.reason)) for found in unfounded(task, trajectory, start)]
    if "procedure" not in checker.basis:  # else the verdict holds it
        found = breaches(evidence.made, trajectory.messages, domain.agent.toolbox)
        defects += [Defect("procedure", (breach.at,), bounded(breach.reason)) for breach in found]
    return defects


def _unproven(task: Task, checker: Checker, min_kill_rate: float) -> Iterator[str]:
    if checker.task != task:
        yield f"the checker was made for another task, {checker.task.id!r:.80}"
    proof = checker.proof
    if proof is None:
        yield "the checker was never proven"
    elif not (proof.sound and proof.gold_passes) or proof.rejected_variants:
        yield bounded(f"the checker's proof is not sound: {proof.reason or 'it fails what is right'}")
    elif not proof.mutants or proof.killed / proof.mutants < min_kill_rate:
        yield f"the checker fails {proof.killed} of {proof.mutants} mutants, which is less than {min_kill_rate:g}"


def _leaks(task: Task, trajectory: Trajectory) -> Iterator[Defect]:
    """The first time that the user says a hidden fact which neither scenario nor agent nor own tools had told them."""
    told = [str(task.user_scenario)]
    hidden = [fact for fact in task.tags.hidden if fact.strip()]
    for at, message in enumerate(trajectory.messages):
        if message.role == "user" and _is_said(message):
            text = message.content or ""
            out = leaked(text, hidden, told)
            yield from (
                Defect("leak", (at,), f"the user says {fact!r:.80} before anything has told them") for fact in out
            )
            hidden = [fact for fact in hidden if fact not in out]
        elif (message.role == "assistant" and _is_said(message)) or message.requestor == "user":
            told.append(message.content or "")


def leaked(text: str, hidden: Iterable[str], told: list[str]) -> list[str]:
    """The hidden facts that a text quotes and that nothing has told."""
    return [fact for fact in hidden if fact.strip() and _quotes(text, fact) and not _tells(told, fact)]


def _quotes(text: str, fact: str) -> bool:
    """Word for word, so that it is no chance: `28 May` does not quote `28.00`."""
    return re.search(rf"(?<![\w.]){re.escape(fact.strip())}(?!\w|\.\d)", text, re.IGNORECASE) is not None


def _tells(told: list[str], fact: str) -> bool:
    return any(_quotes(text, fact) for text in told) or says(told, fact)


def _open_ended(trajectory: Trajectory) -> Iterator[Defect]:
    """What is certainly no proper end: of the user's words, only a bare goodbye leaves a question open."""
    messages = trajectory.messages
    last = len(messages) - 1
    at = (last,) if messages else ()
    if trajectory.termination not in REWARDED:
        yield Defect("stopped", at, f"the dialogue ended by {trajectory.termination}")
        return
    ender = "user" if trajectory.termination == "user_stop" else "assistant"
    if not messages or messages[last].role != ender or not _is_said(messages[last]):
        yield Defect("stopped", at, f"the last message is not the {ender}'s own word that ends the dialogue")
        return
    if early := [i for i, message in enumerate(messages[:last]) if message.role == "user" and _stops(message)]:
        yield Defect("stopped", (early[0],), "the dialogue went on after the user had ended it")
    if ender == "assistant":
        return
    if not _stops(messages[last]):
        yield Defect("stopped", at, "the user's last words hold no stop marker")
    spoken = [
        i for i, message in enumerate(messages[:last]) if message.role in {"user", "assistant"} and _is_said(message)
    ]
    if not any(messages[i].role == "user" for i in spoken):
        yield Defect("stopped", at, "the user ended it with their first words")
    elif messages[spoken[-1]].role == "assistant" and _asks(messages[spoken[-1]]) and _is_bare(messages[last]):
        yield Defect("stopped", (spoken[-1], last), "the user left without a word on what the agent had asked")


def _is_said(message: Message) -> bool:
    """Text beside calls is never delivered."""
    return bool(message.content) and not message.tool_calls


def _stops(message: Message) -> bool:
    return _is_said(message) and any(marker in (message.content or "") for marker in STOP_MARKERS)


def _asks(message: Message) -> bool:
    last = _SENTENCE_END.split((message.content or "").strip())[-1]
    return last.endswith("?") and not IS_FAREWELL.search(last)


def _is_bare(message: Message) -> bool:
    """Nothing but courtesies beside the stop marker."""
    text = message.content or ""
    for marker in STOP_MARKERS:
        text = text.replace(marker, " ")
    return {word.casefold() for word in _WORD.findall(text)} <= _COURTESIES
