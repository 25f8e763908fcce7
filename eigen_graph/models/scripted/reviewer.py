"""The scripted reviewer: compares what was done with the case's procedure and blames the first who left it.

Words are never compared, only kinds of moves, so it also reviews dialogues in which a real model took a part.
"""

from __future__ import annotations

from typing import Any

from eigen_graph.core import Case, Domain
from eigen_graph.models.scripted.part import Line, Part, block
from eigen_graph.models.scripted.transcript import Move, expected, mentions, moves_in, quotes

_ENDINGS = {
    "agent_error": ("agent", "the agent made no usable move"),
    "user_error": ("user", "the user made no usable move"),
    "infrastructure_error": ("infrastructure", "the dialogue broke off for a technical reason"),
}


def play(part: Part) -> Line:
    """The review; broken off once in a while, right when asked again."""
    domain, case = part.played()
    review = judge(domain, case, block(part.messages, "transcript"), block(part.messages, "verdict"))
    slipped = not part.own and part.faults.slips("reviewer", part.scene, part.attempt, part.faults.rate / 2)
    return Line(answer=review, broken=slipped)


def judge(domain: Domain, case: Case, transcript: list[dict[str, Any]], verdict: dict[str, Any]) -> dict[str, Any]:
    """Accept, or the first deviation from the case with whom it is to be blamed on.

    Args:
        domain: Tells writes from look-ups.
        case: What should have happened.
        transcript: What did, as the prompt shows it: entries `i, speaker, text?, calls?, of?, result?, error?`.
        verdict: The checker's: `reward, parts, termination`.
    """
    if (leak := _leaked(case, transcript)) is not None:
        at, fact = leak
        return _blame("user", [at], f"the user says {fact!r} before anything in the dialogue has told them")
    if verdict.get("reward") == 1:
        return {"decision": "accept", "blame": "none", "evidence": [], "reason": "the case's procedure was kept"}
    failed = ", ".join(str(p.get("name")) for p in verdict.get("parts") or () if p.get("passed") is not True)
    if (found := _deviation(domain, case, transcript, str(verdict.get("termination")))) is not None:
        blame, evidence, reason = found
        return _blame(blame, evidence, reason)
    return _blame("task", [], f"everyone did what the case asks for, and yet the checker fails it ({failed})")


def _blame(blame: str, evidence: list[int], reason: str) -> dict[str, Any]:
    decision = "repair" if blame in {"user", "agent"} else "reject"
    return {"decision": decision, "blame": blame, "evidence": evidence, "reason": reason}


def _leaked(case: Case, transcript: list[dict[str, Any]]) -> tuple[int, str] | None:
    """The user's first words that hold a hidden fact which nothing before them named.

    What the case has its own user say by then is no leak: it may be told back, or be the same figure by chance.
    """
    lines = iter([beat.text for beat in case.beats if beat.actor == "user" and not beat.call])
    told = ""
    for entry in transcript:
        text = str(entry.get("text") or "")
        if entry.get("speaker") == "user":
            told += f"\n{next(lines, '')}" if text else ""
            for fact in case.hidden:
                if quotes(text, fact) and not quotes(told, fact):
                    return int(entry["i"]), fact
        told += f"\n{text}\n{entry.get('result') or ''}"
    return None


def _deviation(
    domain: Domain, case: Case, transcript: list[dict[str, Any]], termination: str
) -> tuple[str, list[int], str] | None:
    wanted = expected(domain, case)
    done, failures = moves_in(domain, transcript)
    for want, move in zip(wanted, done, strict=False):
        if not want.same_as(move):
            tried = [f.at for f in failures if f.actor == move.actor and f.before(move) and f.name == want.name]
            return (
                _role(move.actor),
                [*tried[-1:], move.at],
                f"where the case has {want.described()}, {move.described()} came",
            )
    if len(done) > len(wanted):
        move = done[len(wanted)]
        return _role(move.actor), [move.at], f"after the end of the case came {move.described()}"
    if len(done) < len(wanted):
        last = [int(transcript[-1]["i"])] if transcript else []
        if termination in _ENDINGS:
            blame, reason = _ENDINGS[termination]
            return blame, last, reason
        want = wanted[len(done)]
        return _role(want.actor), last, f"the dialogue ended where the case has {want.described()}"
    return _untold(case, done)


def _untold(case: Case, done: list[Move]) -> tuple[str, list[int], str] | None:
    """The agent kept the procedure and said too little."""
    said = [move for move in done if move.actor == "assistant" and move.kind == "say"]
    told = "\n".join(move.text for move in said)
    missing = [fact for fact in case.facts if not mentions(told, fact)]
    if not missing or not said:
        return None
    beats = [beat for beat in case.beats if beat.actor == "assistant" and not beat.call]
    places = [i for i, beat in enumerate(beats[: len(said)]) if mentions(beat.text, missing[0])]
    return "agent", [said[places[-1] if places else -1].at], f"the agent does not say {', '.join(missing)}"


def _role(actor: str) -> str:
    return "agent" if actor == "assistant" else "user"
