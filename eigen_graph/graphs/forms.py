"""What a form shows of a context: a picker for each role's model, and each bundled prompt on the nodes that say it.

A context holds its prompts by name (`Context.prompts`). In a form every role's prompt is a field of its own, such as
`agent_prompt`, whose text can be edited where it is used; `gathered` takes such fields in, `spread_out` is its inverse.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.prompting import Prompt, bundled

NODES: Mapping[str, tuple[str, ...]] = {
    "planner": ("write", "plan"),
    "writer": ("draft", "scenario"),
    "verifier": ("verify", "verifier"),
    "user": ("user", "dialogue"),
    "agent": ("agent", "dialogue"),
    "reviewer": ("review", "reviewer"),
    "reflector": ("reflect",),
}
"""Where each role works: the node of its own graph, then those of graphs around it."""
# Read now: a server's event loop must not wait for files.
_BUNDLED = {role: bundled(role).to_text() for role in NODES}
_SUFFIX = "_prompt"


def picker(role: str = "") -> dict[str, Any]:
    """What lets a form offer models for a field, on its role's nodes."""
    shown: dict[str, Any] = {"__template_metadata__": {"kind": "llm"}}
    return shown | ({"langgraph_nodes": list(NODES[role])} if role in NODES else {})


def prompt_fields() -> dict[str, dict[str, Any]]:
    """The JSON schema of each role's prompt, by field name."""
    return {
        role + _SUFFIX: {
            "title": f"{role.capitalize()} Prompt",
            "description": f"Prompt of the {role}, in parts and sections; a {{{{name}}}} in braces is filled in.",
            "type": "string",
            "default": text,
            "langgraph_nodes": list(NODES[role]),
            "langgraph_type": "prompt",
        }
        for role, text in _BUNDLED.items()
    }


def gathered(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A context's fields, those of a form among them, with all prompts under `prompts`.

    A prompt that is empty or reads as the bundled one is none: a form may send every field that it shows.

    Raises:
        ValueError: A prompt is given twice, and differently.
    """
    given = dict(fields)
    prompts = dict(given.get("prompts") or {})
    for role, text in _BUNDLED.items():
        own = given.pop(role + _SUFFIX, None)
        if not own or _in_form(role, own) == text:
            continue
        if role in prompts and _in_form(role, prompts[role]) != _in_form(role, own):
            raise ValueError(f"the {role}'s prompt is given twice: leave out {role}{_SUFFIX}, or {role!r} in prompts")
        prompts[role] = own
    return {**given, "prompts": prompts} if prompts else given


def spread_out(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A context's fields with the prompts of the roles as a form has them: each in a field of its own."""
    given = dict(fields)
    prompts = dict(given.pop("prompts", None) or {})
    shown = {role + _SUFFIX: prompts.pop(role) for role in NODES if role in prompts}
    return given | shown | ({"prompts": prompts} if prompts else {})


def _in_form(role: str, text: Any) -> Any:
    try:
        return Prompt.parse(role, text).to_text()
    except (EigenGraphError, AttributeError):  # whoever checks it says so
        return text
