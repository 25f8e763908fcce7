"""What changed from one generation to the next: the workflow as Mermaid, prompts as a diff, the rest in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import unified_diff

from eigen_graph.graphs.evolving.blueprint import ROLE_OF_PROMPT, Blueprint
from eigen_graph.graphs.plan_rules import PlanRule
from eigen_graph.graphs.workflow import ACCEPT, REJECT, START, Edge, NodeSpec, WorkflowSpec

_PARAMS = {name: field.default for name, field in NodeSpec.model_fields.items() if name != "kind"}
_SAFE = re.compile(
    r"(?!(?:end|graph|flowchart|subgraph|style|class|click|call|href|default|direction)$)[a-z][a-z0-9_]*"
)
"""Names that Mermaid takes as they are; others have a meaning in its language."""
_SPECIAL = re.compile(r'[#"<>&;`\\\n\r]')
_CLASSES = {
    "added": "fill:#d3f9d8,stroke:#2b8a3e,color:#000",
    "changed": "fill:#fff3bf,stroke:#e67700,color:#000",
    "removed": "fill:#fff,stroke:#c92a2a,color:#868e96,stroke-dasharray:5 5",
}
_LINKS = {"added": "stroke:#2b8a3e,stroke-width:3px", "removed": "stroke:#c92a2a"}


def draw(spec: WorkflowSpec, before: WorkflowSpec | None = None) -> str:
    """A workflow as a Mermaid flowchart.

    Args:
        spec: What to draw.
        before: What it came from: what is new is green, what has other numbers yellow, what is gone red and dashed.
    """
    was = before or spec
    names = [*spec.nodes, *(name for name in was.nodes if name not in spec.nodes)]
    edges = [*spec.edges, *(edge for edge in was.edges if edge not in spec.edges)]
    lines = ["flowchart TD", f"  {_id(START)}([start])"]
    lines += [f"  {_id(name)}[{_label(name, spec.nodes.get(name), was.nodes.get(name))}]" for name in names]
    lines += [f"  {end}([{end}])" for end in (ACCEPT, REJECT)]
    lines += [f"  {_arrow(edge, gone=edge not in spec.edges)}" for edge in edges]
    marked = {name: _mark(spec.nodes.get(name), was.nodes.get(name)) for name in names}
    for mark, style in _CLASSES.items():
        if found := [_id(name) for name in names if marked[name] == mark]:
            lines += [f"  classDef {mark} {style}", f"  class {','.join(found)} {mark}"]
    for mark, style in _LINKS.items():
        held = was.edges if mark == "added" else spec.edges
        if places := [str(place) for place, edge in enumerate(edges) if edge not in held]:
            lines.append(f"  linkStyle {','.join(places)} {style}")
    return "\n".join(lines) + "\n"


def prompt_diff(before: Blueprint, after: Blueprint) -> str:
    """What differs besides the workflow: a unified diff of each prompt, plan rules and limits in words; empty: nothing.

    A prompt that a blueprint does not hold is the bundled one.
    """
    found: list[str] = []
    for name in sorted({*before.prompts, *after.prompts}):
        old, new = (_text(blueprint, name) for blueprint in (before, after))
        found += unified_diff(
            old.splitlines(), new.splitlines(), f"a/prompts/{name}.md", f"b/prompts/{name}.md", lineterm=""
        )
    return "\n".join([*found, *_rule_changes(before, after), *_limit_changes(before, after)])


def rule_in_words(rule: PlanRule) -> str:
    """For which plans a rule is, and what it changes in them."""
    changes = [f"{name} becomes {value}" for name in ("difficulty", "persona") if (value := getattr(rule, name))]
    changes += [f"the writer is also told {rule.synthesis!r}"] if rule.synthesis else []
    changes += [f"the reviewer is also told {rule.evaluation!r}"] if rule.evaluation else []
    return f"plans of {rule.match}: {', '.join(changes) or 'as they are'}"


def _id(name: str) -> str:
    """A node's name in Mermaid; no two are the same, since only what had to be spelled out has capitals."""
    return (
        "START"
        if name == START
        else name
        if _SAFE.fullmatch(name)
        else f"N{name.encode('utf-8', 'surrogatepass').hex()}"
    )


def _label(name: str, node: NodeSpec | None, was: NodeSpec | None) -> str:
    shown = node or was
    if shown is None:  # it is in one of the two
        raise ValueError(name)
    told = [name if name == shown.kind else f"{name} ({shown.kind})"]
    for param, default in _PARAMS.items():
        value, old = getattr(shown, param), getattr(was or shown, param)
        if value != old:
            told.append(f"{param} {_value(old)} to {_value(value)}")
        elif value != default or param == "visits":
            told.append(f"{param} {_value(value)}")
    return '"' + "<br/>".join(map(_escaped, told)) + '"'


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) or "its kind's own"


def _arrow(edge: Edge, *, gone: bool) -> str:
    shaft = "-.->" if gone else "-->"
    label = f'|"{_escaped(edge.outcome)}"|' if edge.outcome else ""
    return f"{_id(edge.source)} {shaft}{label} {_id(edge.target)}"


def _mark(node: NodeSpec | None, was: NodeSpec | None) -> str:
    if node is None:
        return "removed"
    return "added" if was is None else "changed" if node != was else ""


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", text)


def _text(blueprint: Blueprint, name: str) -> str:
    held = name in blueprint.prompts or name in ROLE_OF_PROMPT
    return blueprint.prompt(name).to_text() if held else ""


def _rule_changes(before: Blueprint, after: Blueprint) -> Iterator[str]:
    for mark, rules, others in (("-", before.plans, after.plans), ("+", after.plans, before.plans)):
        yield from (f"{mark} {rule_in_words(rule)}" for rule in rules if rule not in others)


def _limit_changes(before: Blueprint, after: Blueprint) -> Iterator[str]:
    old, new = before.settings.model_dump(), after.settings.model_dump()
    for name, value in new.items():
        if value != old[name]:
            one, other = ("the run's own" if limit is None else str(limit) for limit in (old[name], value))
            yield f"{name}: {one} to {other}"
