"""What a judge model thinks of statements about a dialogue (`nl_assertions`), each by itself."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from pydantic import BaseModel, Field

from eigen_graph.checkers import Opinion
from eigen_graph.checkers.verdict import bounded
from eigen_graph.core import Trajectory
from eigen_graph.graphs.prompting import Prompt
from eigen_graph.models import Cast, Scene

_MAX_FINDINGS = 100
_MAX_CHARS = 8_000
"""Of one message that the judge is shown."""


class Finding(BaseModel):
    """What is thought of one statement."""

    statement: int = Field(description="The statement's number.")
    reason: str = Field("", description="What in the conversation shows it, in one sentence.", max_length=4_000)
    met: bool = Field(description="Whether the statement holds.")


class Findings(BaseModel):
    """A finding for each statement."""

    findings: list[Finding] = Field(max_length=_MAX_FINDINGS)


async def opinions(
    cast: Cast, statements: tuple[str, ...], trajectory: Trajectory, *, scene: Scene
) -> dict[str, Opinion]:
    """Ask the cast's judge.

    Args:
        cast: Who plays the judge.
        statements: What is to be decided.
        trajectory: The dialogue. Of it the judge is shown what tau2's is: what was said and what tools returned, not
            the arguments of calls.
        scene: What the call is for.

    Returns:
        An opinion on each statement that the judge decided once and for all: one that it left out, or decided both
        ways, has none.

    Raises:
        ReplyError: The answer cannot be used, not even when it was asked to repair it.
        InfrastructureError: No answer, after all retries.
        EigenGraphError: As `Cast.structured`.
    """
    messages = _prompt().messages(
        statements="\n".join(f"{number}. {' '.join(text.split())}" for number, text in enumerate(statements, 1)),
        transcript=transcript(trajectory),
    )
    answer = await cast.structured("judge", messages, Findings, scene=scene)
    found: dict[str, Opinion] = {}
    torn = set[str]()
    for finding in answer.findings:
        if not 1 <= finding.statement <= len(statements):
            continue
        text = statements[finding.statement - 1]
        if found.setdefault(text, Opinion(met=finding.met, reason=bounded(finding.reason))).met != finding.met:
            torn.add(text)
    return {text: opinion for text, opinion in found.items() if text not in torn}


def transcript(trajectory: Trajectory) -> str:
    """What was said, a JSON object a line, so that nothing said can pass for another speaker's line."""
    return "\n".join(
        json.dumps({"role": message.role, "content": _cut(message.content)}, ensure_ascii=False)
        for message in trajectory.messages
        if message.content
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]}…"


@cache
def _prompt() -> Prompt:
    file = resources.files("eigen_graph.evaluation") / "prompts" / "judge.md"
    return Prompt.parse("judge", file.read_text(encoding="utf-8"))
