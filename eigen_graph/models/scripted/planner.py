"""The scripted planner: a pair of plans for each row of the coverage table, in the row's own words."""

from __future__ import annotations

from typing import Any

from eigen_graph.core import PERSONAS
from eigen_graph.models.scripted.part import Line, Part, block

_LEVELS = {
    "easy": "one request, everything needed is known",
    "medium": "one complication on the way",
    "hard": "a wish that the policy bends or forbids, or several steps that depend on each other",
}


def play(part: Part) -> Line:
    """Plans for all rows of the prompt's block; broken off once in a while, right when asked again."""
    rows = block(part.messages, "rows")
    slipped = not part.own and part.faults.slips("planner", part.scene, part.attempt, part.faults.rate)
    return Line(answer={"plans": [_plan(row) for row in rows]}, broken=slipped)


def _plan(row: dict[str, Any]) -> dict[str, Any]:
    clause, tool, difficulty, persona = (str(row.get(k) or "") for k in ("clause", "tool", "difficulty", "persona"))
    text = str(row.get("clause_text") or "")
    manner = PERSONAS.get(persona, persona)
    return {
        "row": row["row"],
        "title": f"Clause {clause} with {tool}, {difficulty}, {persona} user",
        "synthesis": (
            f'Write a task in which clause {clause} decides what the agent may do: "{text}" '
            f"The right solution involves `{tool}`. Difficulty {difficulty}: {_LEVELS.get(difficulty, difficulty)}. "
            f"The user's manner: {manner}"
        ),
        "evaluation": (
            f'Watch that the agent keeps clause {clause} ("{text}"), that `{tool}` is called with the right '
            f"arguments and only when allowed, that every result the user needs is told, and that the user stays in "
            f"character ({persona}) and reveals nothing they cannot know."
        ),
    }
