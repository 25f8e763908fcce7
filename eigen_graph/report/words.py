"""Small things in words: a call, a scenario, a solution, an amount."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eigen_graph.core import Task

_MAX_TITLE = 140


def call_in_words(name: str, arguments: Mapping[str, Any] | str) -> str:
    """A call as Python would write it; arguments that are no object stay as they came."""
    if isinstance(arguments, str):
        return f"{name}({arguments})"
    return f"{name}({', '.join(f'{key}={_value(value)}' for key, value in arguments.items())})"


def title_of(task: Mapping[str, Any] | None, otherwise: str = "") -> str:
    """What the user of a task wants, on one line."""
    told = ((task or {}).get("user_scenario") or {}).get("instructions") or ""
    wish = told.get("reason_for_call") or told.get("task_instructions") if isinstance(told, dict) else told
    return line(wish or otherwise)


def scenario_in_words(task: Task) -> dict[str, str]:
    """What the user of a task knows and wants, by name; what is empty is left out."""
    scenario, told = task.user_scenario, task.user_scenario.instructions
    found = {"persona": scenario.persona or task.tags.persona}
    if isinstance(told, str):
        found["is told"] = told
    else:
        found |= {
            "wants": told.reason_for_call,
            "knows": told.known_info or "",
            "does not know": told.unknown_info or "",
            "behaves": told.task_instructions,
        }
    found["tells only when asked"] = "\n".join(task.tags.hidden)
    found["ticket"] = task.ticket or ""
    return {name: str(text) for name, text in found.items() if text}


def solution_in_words(task: Task) -> tuple[str, ...]:
    """The reference calls of a task, and what must be said, hold and never be called, a line each."""
    return tuple(_solution(task))


def line(text: Any, most: int = _MAX_TITLE) -> str:
    """A text on one line, cut to a length."""
    words = " ".join(str(text).split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def money(usd: float | None) -> str:
    """An amount in USD."""
    return "price unknown" if usd is None else f"${usd:.4f}" if 0 < usd < 1 else f"${usd:,.2f}"


def counted(count: int, thing: str) -> str:
    """A number of things."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _solution(task: Task) -> Iterator[str]:
    for action in task.actions:
        who = "" if action.requestor == "assistant" else "the user: "
        yield f"{who}{call_in_words(action.name, action.arguments)}"
    for fact in task.criteria.communicate_info or ():
        yield f"the agent says {fact!r}"
    for held in task.criteria.env_assertions or ():
        wanted = "holds" if held.assert_value else "does not hold"
        yield f"afterwards {call_in_words(held.func_name, held.arguments)} {wanted}"
    for statement in task.criteria.nl_assertions or ():
        yield f"it is true that {statement}"
    for banned in task.tags.forbidden:
        yield f"never {call_in_words(banned.name, banned.arguments)}"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
