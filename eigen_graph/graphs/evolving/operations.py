"""The typed operations of a patch: each changes a draft of a blueprint and knows how to take itself back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.evolving.blueprint import (
    NODE_NAME,
    PROMPT_CHARACTERS,
    SECTION_NAME,
    Blueprint,
    Settings,
    length_faults,
)
from eigen_graph.graphs.plan_rules import PlanMatch, PlanRule
from eigen_graph.graphs.prompting import Prompt, bundled
from eigen_graph.graphs.workflow import START, Edge, Kind, NodeSpec

_HEADINGS = ("# ", "## ")
_Word = Annotated[str, Field(max_length=32)]
NodeParam = Literal["retries", "timeout_s", "visits", "prompt"]
SettingName = Literal["max_steps", "max_errors", "max_submissions", "max_look_ups", "min_kill_rate"]
_NODE_PARAMS: tuple[NodeParam, ...] = ("retries", "timeout_s", "visits", "prompt")


class PatchError(EigenGraphError):
    """A patch cannot be applied, in words that its author can act on."""


@dataclass
class Draft:
    """A blueprint taken apart: valid only when all operations are done."""

    nodes: dict[str, dict[str, Any]]
    edges: dict[tuple[str, str], str]
    prompts: dict[str, str]
    rules: dict[PlanMatch, PlanRule]
    settings: dict[str, Any]

    @classmethod
    def of(cls, blueprint: Blueprint) -> Self:
        """Take a blueprint apart."""
        return cls(
            nodes={name: node.model_dump() for name, node in blueprint.workflow.nodes.items()},
            edges={(edge.source, edge.outcome): edge.target for edge in blueprint.workflow.edges},
            prompts=dict(blueprint.prompts),
            rules={rule.match: rule for rule in blueprint.plans},
            settings=blueprint.settings.model_dump(exclude_none=True),
        )

    def done(self) -> Blueprint:
        """Put it together again.

        Raises:
            pydantic.ValidationError: What came out is no valid blueprint.
        """
        edges = [Edge(source=source, outcome=outcome, target=to) for (source, outcome), to in self.edges.items()]
        workflow = {"nodes": self.nodes, "edges": [edge.model_dump() for edge in edges]}
        data = {
            "workflow": workflow,
            "prompts": self.prompts,
            "plans": [*self.rules.values()],
            "settings": self.settings,
        }
        return Blueprint.model_validate(data)

    def prompt(self, name: str) -> Prompt:
        """A prompt as it stands.

        Raises:
            UnknownNameError: There is none.
        """
        return Prompt.parse(name, self.prompts[name]) if name in self.prompts else bundled(name)


class Operation(BaseModel, ABC):
    """One change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def edit(self, draft: Draft) -> list[Operation]:
        """Change a draft; the operations that take it back, in order.

        Raises:
            EigenGraphError: It does not fit the draft.
            pydantic.ValidationError: It sets what cannot be.
        """


class EditPrompt(Operation):
    """Change one section of a prompt."""

    op: Literal["edit_prompt"] = "edit_prompt"
    prompt: str = Field(max_length=40, description="planner, writer, verifier, user, agent, reviewer, or a node's own.")
    part: Literal["system", "request"] = "system"
    section: str = Field(min_length=1, max_length=SECTION_NAME)
    mode: Literal["replace", "append", "remove"] = Field(
        description="append adds to the section, or makes it where there is none."
    )
    text: str = Field("", max_length=PROMPT_CHARACTERS)
    before: str = Field(
        "", max_length=SECTION_NAME, description="Section that a new one is put before; empty: at the end."
    )

    def edit(self, draft: Draft) -> list[Operation]:
        """See `Operation.edit`."""
        prompt, key = draft.prompt(self.prompt), (self.part, self.section)
        sections = dict(prompt.sections)
        if self.mode != "append" and key not in sections:
            known = ", ".join(name for part, name in sections if part == self.part) or "none"
            raise PatchError(
                f"prompt {self.prompt!r}, part {self.part} has no section {self.section!r}; it has {known}"
            )
        text = "\n".join(self.text.splitlines()).strip()  # as `Prompt.parse` will read it
        if headings := [line for line in text.split("\n") if line.startswith(_HEADINGS)]:
            raise PatchError(f"the text of a section cannot hold the heading {headings[0][:80]!r}")
        if self.section.strip().splitlines() != [self.section]:
            raise PatchError(f"a section cannot be called {self.section!r}")
        old = sections.get(key)
        if self.mode == "remove":
            del sections[key]
        elif old is not None:
            sections[key] = text if self.mode == "replace" else f"{old}\n{text}".strip()
        else:
            sections = _with_section(sections, key, text, self.before)
        draft.prompts[self.prompt] = Prompt(self.prompt, sections).to_text()
        if faults := list(length_faults(self.prompt, draft.prompts[self.prompt])):  # else no operation could undo it
            raise PatchError(faults[0])
        return [self._inverse(old, prompt.sections)]

    def _inverse(self, old: str | None, before: Mapping[tuple[str, str], str]) -> Operation:
        same = {"prompt": self.prompt, "part": self.part, "section": self.section}
        if old is None:
            return EditPrompt(**same, mode="remove")
        if self.mode != "remove":
            return EditPrompt(**same, mode="replace", text=old)
        names = [name for part, name in before if part == self.part]
        following = names[names.index(self.section) + 1 :]
        return EditPrompt(**same, mode="append", text=old, before=following[0] if following else "")

    def __str__(self) -> str:
        """In words."""
        verb = {"replace": "rewrite", "append": "add to", "remove": "remove"}[self.mode]
        return f"{verb} {self.section!r} in the {self.prompt} prompt"


class Reroute(Operation):
    """Lead an outcome elsewhere."""

    op: Literal["reroute"] = "reroute"
    source: str = Field(max_length=32)
    outcome: str = Field("", max_length=32, description="Empty only for the start, `__start__`.")
    target: str = Field(max_length=32, description="A node, `accept` or `reject`.")

    def edit(self, draft: Draft) -> list[Operation]:
        """See `Operation.edit`."""
        key = (self.source, self.outcome)
        if key not in draft.edges:
            raise PatchError(f"no edge leaves {self.source!r} with outcome {self.outcome!r}; there are {_ways(draft)}")
        old, draft.edges[key] = draft.edges[key], self.target
        return [Reroute(source=self.source, outcome=self.outcome, target=old)]

    def __str__(self) -> str:
        """In words."""
        return f"lead {_way(self.source, self.outcome)} to {self.target}"


class Place(BaseModel):
    """An edge, by where it leaves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(max_length=32)
    outcome: str = Field("", max_length=32)


class AddNode(Operation):
    """Put a node on an edge."""

    op: Literal["add_node"] = "add_node"
    name: str = Field(pattern=NODE_NAME)
    kind: Kind
    after: Place | None = Field(None, description="The edge that leads to it from now on.")
    routes: dict[_Word, _Word] = Field(max_length=8, description="Where each outcome of its kind leads.")
    prompt: str = Field("", max_length=40)
    retries: int = Field(1, ge=0, le=5)
    timeout_s: FiniteFloat = Field(1800.0, gt=0)
    visits: int = Field(1, ge=1, le=8)

    def edit(self, draft: Draft) -> list[Operation]:
        """See `Operation.edit`."""
        if self.name in draft.nodes:
            raise PatchError(f"there is a node {self.name!r} already")
        inverse: list[Operation] = [DropNode(name=self.name, to="reject")]
        if self.after is not None:
            key = (self.after.source, self.after.outcome)
            if key not in draft.edges:
                raise PatchError(f"no edge leaves {key[0]!r} with outcome {key[1]!r}; there are {_ways(draft)}")
            inverse = [DropNode(name=self.name, to=draft.edges[key])]
            draft.edges[key] = self.name
        draft.nodes[self.name] = self.model_dump(include={"kind", *_NODE_PARAMS})
        draft.edges.update({(self.name, outcome): target for outcome, target in self.routes.items()})
        return inverse

    def __str__(self) -> str:
        """In words."""
        where = f" after {_way(self.after.source, self.after.outcome)}" if self.after else ""
        routes = ", ".join(f"{outcome} to {target}" for outcome, target in self.routes.items())
        return f"add {self.kind} node {self.name!r}{where} ({routes})"


class DropNode(Operation):
    """Take a node out; what led to it leads elsewhere."""

    op: Literal["drop_node"] = "drop_node"
    name: str = Field(max_length=32)
    to: str = Field(max_length=32, description="Where the edges that led to it lead instead.")

    def edit(self, draft: Draft) -> list[Operation]:
        """See `Operation.edit`."""
        if self.name not in draft.nodes:
            raise PatchError(f"there is no node {self.name!r}; there are {', '.join(draft.nodes)}")
        node = draft.nodes.pop(self.name)
        routes = {outcome: to for (source, outcome), to in draft.edges.items() if source == self.name}
        draft.edges = {key: to for key, to in draft.edges.items() if key[0] != self.name}
        led = [key for key, to in draft.edges.items() if to == self.name]
        draft.edges.update(dict.fromkeys(led, self.to))
        after = Place(source=led[0][0], outcome=led[0][1]) if led else None
        back = AddNode(name=self.name, after=after, routes=routes, **node)
        return [back, *(Reroute(source=s, outcome=o, target=self.name) for s, o in led[1:])]

    def __str__(self) -> str:
        """In words."""
        return f"drop node {self.name!r}, leading to {self.to} instead"


class SetParam(Operation):
    """Set a number of a node, or a limit of the run."""

    op: Literal["set_param"] = "set_param"
    node: str = Field("", max_length=32, description="Empty: a limit of the run.")
    name: NodeParam | SettingName
    value: (
        Annotated[int, Field(ge=-1_000_000, le=1_000_000)] | FiniteFloat | Annotated[str, Field(max_length=40)] | None
    ) = Field(description="None takes a node's back to the default, a limit of the run to what the run was given.")

    def edit(self, draft: Draft) -> list[Operation]:
        """See `Operation.edit`."""
        if self.node and self.node not in draft.nodes:
            raise PatchError(f"there is no node {self.node!r}; there are {', '.join(draft.nodes)}")
        if bool(self.node) != (self.name in _NODE_PARAMS):
            raise PatchError(f"{self.name} is {'a limit of the run, not of a node' if self.node else 'set on a node'}")
        held = draft.nodes[self.node] if self.node else draft.settings
        old = held.get(self.name)
        if self.value is None:
            held.pop(self.name, None)
        else:
            held[self.name] = self.value
        (NodeSpec if self.node else Settings).model_validate(held)
        return [SetParam(node=self.node, name=self.name, value=old)]

    def __str__(self) -> str:
        """In words."""
        return f"set {self.node + '.' if self.node else ''}{self.name} to {self.value}"


class EditPlan(Operation):
    """Set the rule for some pairs of plans; one that says nothing takes their rule away."""

    op: Literal["edit_plan"] = "edit_plan"
    rule: PlanRule

    def edit(self, draft: Draft) -> list[Operation]:
        """See `Operation.edit`."""
        old = draft.rules.pop(self.rule.match, PlanRule(match=self.rule.match))
        if not self.rule.empty:
            draft.rules[self.rule.match] = self.rule
        return [EditPlan(rule=old)]

    def __str__(self) -> str:
        """In words."""
        set_to = [f"{name} {value}" for name in ("difficulty", "persona") if (value := getattr(self.rule, name))]
        told = [f"tell the {who} more" for who, text in self._texts() if text]
        return f"plans of {self.rule.match}: {', '.join([*set_to, *told]) or 'no rule any more'}"

    def _texts(self) -> list[tuple[str, str]]:
        return [("writer", self.rule.synthesis), ("reviewer", self.rule.evaluation)]


AnyOperation = Annotated[EditPrompt | Reroute | AddNode | DropNode | SetParam | EditPlan, Field(discriminator="op")]


def _with_section(
    sections: Mapping[tuple[str, str], str], key: tuple[str, str], text: str, before: str
) -> dict[tuple[str, str], str]:
    """Sections with a new one, before another of its part or at the part's end."""
    part = key[0]
    own = [item for item in sections.items() if item[0][0] == part]
    at = next((place for place, ((_, name), _) in enumerate(own) if name == before), len(own))
    own.insert(at, (key, text))
    system = own if part == "system" else [item for item in sections.items() if item[0][0] == "system"]
    request = own if part == "request" else [item for item in sections.items() if item[0][0] == "request"]
    return dict([*system, *request])


def _way(source: str, outcome: str) -> str:
    return "the start" if source == START else f"{source}.{outcome}"


def _ways(draft: Draft) -> str:
    return ", ".join(f"{source}.{outcome}" if outcome else source for source, outcome in draft.edges)
