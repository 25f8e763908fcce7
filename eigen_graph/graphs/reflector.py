"""Reflector: from what became of a generation to patches, each valid before anything is spent on it.

An answer's patches are looked at one by one: what is valid is kept, what is not goes back with the validator's words.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic import BaseModel, Field, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import TypedDict

from eigen_graph.core import PERSONAS
from eigen_graph.graphs.context import Context, context_of
from eigen_graph.graphs.described import described
from eigen_graph.graphs.evolving.blueprint import PROMPT_TOKENS, ROLE_OF_PROMPT, Blueprint
from eigen_graph.graphs.evolving.course import line
from eigen_graph.graphs.evolving.operations import AnyOperation, PatchError
from eigen_graph.graphs.evolving.patch import MAX_PROPOSED, Patch
from eigen_graph.models import Cast, ReplyError, RequestError, Role, Scene
from eigen_graph.models.reply import scrub

_MAX_TRIES = 10
_MAX_READ = 16
"""Patches of one answer that are looked at."""
_MAX_REASON = 600
_MAX_DIAGNOSIS = 2000
_MAX_HISTORY, _MAX_HISTORY_CHARS = 24, 12_000
_MAX_TEXT, _MAX_PARTS, _MAX_DEPTH = 200, 16, 6
"""Of a patch as it is shown again or recorded as refused."""


class _AskedPatch(BaseModel):
    """What to change, and why."""

    why: str = Field("", max_length=1000, description="Which failures it answers, and how.")
    ops: list[AnyOperation] = Field(min_length=1, max_length=MAX_PROPOSED)


class _AskedFor:
    """A list of anything, which a model is told is one of patches: one bad patch must not spoil the others."""

    @staticmethod
    def __get_pydantic_json_schema__(_: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TypeAdapter(list[_AskedPatch]).core_schema)


class Reflection(BaseModel):
    """What is wrong, and what to do about it."""

    diagnosis: str = Field("", description="What costs most, where, and why: two or three sentences.")
    patches: Annotated[list[Any], _AskedFor()] = Field(description="The most promising first.")


@described
class ReflectRequest(TypedDict, total=False):
    """What to reflect upon."""

    evidence: dict[str, Any]
    """`evolving.report.Evidence`, as JSON."""
    blueprint: dict[str, Any]
    """What is to be patched, as JSON; the context's own when not given."""
    history: list[dict[str, Any]]
    """Earlier proposals, most recent last: `round`, `patch`, `fate`, `reason`; `on`: the digest of the blueprint that
    it was proposed for, when known."""
    tried: list[str]
    """Digests of blueprints that are not to be proposed again."""
    count: int
    """Patches wanted at most; 3 when not given."""
    tries: int
    """Times that the model is asked at most; 3 when not given."""
    round: int
    """Number of the round, from 1."""
    name: str
    """Of the scene that the calls belong to; `reflect-rN` when not given."""


@described
class ReflectState(ReflectRequest, total=False):
    """A reflection in progress."""

    asked: int
    """Times that the model was asked."""
    answer: list[Any]
    """Patches of the last answer, as they came."""
    problem: str
    """Why the last answer could not be read."""
    diagnosis: str
    """What costs most, where, and why."""
    proposals: list[dict[str, Any]]
    """Valid patches: `patch`, `blueprint` (what comes of it) and its `digest`."""
    refused: list[dict[str, Any]]
    """Others: `patch` (bounded; None when an answer could not be read) and the `reason`."""


async def reflect(state: ReflectState, runtime: Runtime[Context]) -> dict[str, Any]:
    """Ask for patches.

    Raises:
        InfrastructureError: The model server failed.
    """
    context, asked = await context_of(runtime, models=True), state.get("asked", 0)
    blueprint = _blueprint(state, context)
    messages = context.prompt("reflector").messages(
        most_ops=str(MAX_PROPOSED),
        placeholder="{{placeholder}}",  # said of other prompts: it stays as it is
        prompt_tokens=str(PROMPT_TOKENS),
        personas=", ".join(PERSONAS),
        policy=context.resolved_domain.policy.text,
        workflow=_json({"digest": blueprint.digest, **_engine(blueprint)}),
        prompts=_json(_prompts(blueprint, context.cast)),
        unit=line((state.get("evidence") or {}).get("unit", "tokens"), 40),
        evidence=_json(state.get("evidence") or {}),
        history=_json(_recent(state.get("history") or [])),
        standing=_standing(state),
        round=_json(_round(state)),
    )
    scene = Scene(id=state.get("name") or f"reflect-r{state.get('round', 0)}", attempt=asked)
    try:
        found = await context.cast.structured("reflector", messages, Reflection, scene=scene)
    except (ReplyError, RequestError) as error:
        return {"asked": asked + 1, "answer": [], "problem": line(str(error), _MAX_REASON)}
    diagnosis = line(found.diagnosis, _MAX_DIAGNOSIS) or state.get("diagnosis", "")
    return {"asked": asked + 1, "answer": found.patches, "problem": "", "diagnosis": diagnosis}


async def examine(state: ReflectState, runtime: Runtime[Context]) -> Command[Literal["reflect", "__end__"]]:
    """Keep what is valid; ask again while something was not, and more is wanted."""
    context = await context_of(runtime, models=True)
    blueprint = _blueprint(state, context)
    proposals, refused = list(state.get("proposals", [])), list(state.get("refused", []))
    before = len(refused)
    if problem := state["problem"]:
        refused.append({"patch": None, "reason": problem})
    for given in state["answer"][:_MAX_READ]:
        if len(proposals) >= _wanted(state):
            break
        taken = {*(state.get("tried") or ()), *(proposal["digest"] for proposal in proposals)}
        try:
            proposals.append(_proposal(given, blueprint, taken, context.cast))
        except PatchError as error:
            refused.append({"patch": _bounded(given), "reason": line(str(error), _MAX_REASON)})
    update = {"proposals": proposals, "refused": refused, "diagnosis": state.get("diagnosis", "")}
    again = len(refused) > before and len(proposals) < _wanted(state)
    tries = min(_MAX_TRIES, max(1, state.get("tries", 3)))
    return Command(goto="reflect" if again and state["asked"] < tries else "__end__", update=update)


def _proposal(given: Any, blueprint: Blueprint, taken: Collection[str], cast: Cast) -> dict[str, Any]:
    """A patch with what comes of it.

    Raises:
        PatchError: It is none, cannot be applied, changes nothing, or nothing that a model would read.
    """
    patch = Patch.from_json(given)
    if len(patch.ops) > MAX_PROPOSED:
        raise PatchError(f"it has {len(patch.ops)} operations; {MAX_PROPOSED} at most")
    changed = patch.apply(blueprint)
    if changed.digest == blueprint.digest:
        raise PatchError("it changes nothing")
    if changed.digest in taken:
        raise PatchError("what comes of it was proposed before, or is an engine that there has been already")
    for role in _told(blueprint, changed):
        if cast.players[role].deterministic:  # a server to which cases are sent may well read its prompt
            raise PatchError(
                f"the {role} is played by a scripted model, which reads neither prompt nor plan: only the price of its "
                "calls would change"
            )
    kinds = {node.kind for node in changed.workflow.nodes.values()}
    if "verifier" in kinds and cast.players["verifier"].plays_cases and not cast.players["writer"].plays_cases:
        raise PatchError("a scripted verifier can check only what the scripted writer wrote: there can be no verifier")
    return {"patch": patch.to_json(), "blueprint": changed.to_json(), "digest": changed.digest}


def _told(before: Blueprint, after: Blueprint) -> Iterable[Role]:
    """The roles that would be told something else."""
    for name in sorted({*before.prompts, *after.prompts}):
        role = after.role_of(name) or before.role_of(name)
        if role and before.prompts.get(name) != after.prompts.get(name):
            yield role
    for name, node in after.workflow.nodes.items():
        role = after.role_of(node.prompt) if node.prompt else None
        if role and name in before.workflow.nodes and node.prompt != before.workflow.nodes[name].prompt:
            yield role
    rules = {rule.match: rule for rule in before.plans}
    for rule in after.plans:
        old = rules.get(rule.match)
        if rule.synthesis and rule.synthesis != (old.synthesis if old else ""):
            yield "writer"
        if rule.evaluation and rule.evaluation != (old.evaluation if old else ""):
            yield "reviewer"


def _blueprint(state: ReflectState, context: Context) -> Blueprint:
    given = state.get("blueprint")
    return Blueprint.from_json(given) if given else Blueprint.of(context)


def _engine(blueprint: Blueprint) -> dict[str, Any]:
    data = blueprint.to_json()
    return {**data["workflow"], "settings": data["settings"], "plans": data["plans"]}


def _prompts(blueprint: Blueprint, cast: Cast) -> dict[str, dict[str, dict[str, str]]]:
    """The prompts that a model reads, by name, part and section."""
    own = {node.prompt for node in blueprint.workflow.nodes.values() if node.prompt}
    kinds = {node.kind for node in blueprint.workflow.nodes.values()}
    shown: dict[str, dict[str, dict[str, str]]] = {}
    for name in dict.fromkeys([*ROLE_OF_PROMPT, *sorted(own)]):
        role = blueprint.role_of(name)
        if role is None or cast.players[role].deterministic or (name == "verifier" and "verifier" not in kinds):
            continue
        for (part, section), text in blueprint.prompt(name).sections.items():
            shown.setdefault(name, {}).setdefault(part, {})[section] = text
    return shown


def _recent(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The latest proposals, as many as there is room for."""
    shown: list[dict[str, Any]] = []
    room = _MAX_HISTORY_CHARS
    for entry in reversed(history[-_MAX_HISTORY:]):
        said = {name: entry[name] for name in ("round", "on", "fate") if entry.get(name) is not None}
        said |= {"reason": line(entry.get("reason", ""), _MAX_TEXT), "ops": _ops(entry.get("patch"))}
        room -= len(_json(said))
        if room < 0:
            break
        shown.insert(0, said)
    return shown


def _round(state: ReflectState) -> dict[str, Any]:
    taken = [{"ops": _ops(proposal["patch"]), "taken": True} for proposal in state.get("proposals", [])]
    refused = [
        {"ops": _ops(refusal["patch"]), "taken": False, "reason": refusal["reason"]}
        for refusal in state.get("refused", [])[-_MAX_READ:]
    ]
    return {"wanted": _wanted(state) - len(taken), "proposed": [*taken, *refused]}


def _standing(state: ReflectState) -> str:
    if not state.get("asked"):
        return "Nothing is proposed yet."
    return "You have proposed these already. Mend what was refused, by the reason given, or propose something else."


def _wanted(state: ReflectState) -> int:
    return max(1, state.get("count", 3))


def _ops(patch: Any) -> list[Any]:
    ops = patch.get("ops") if isinstance(patch, Mapping) else None
    return [_bounded(op) for op in ops[:_MAX_PARTS]] if isinstance(ops, list | tuple) else []


def _bounded(value: Any, depth: int = _MAX_DEPTH) -> Any:
    """A value of unknown origin, small enough to be shown and kept."""
    if isinstance(value, str):
        return line(value, _MAX_TEXT)
    if isinstance(value, Mapping | list | tuple) and depth <= 0:
        return "…"
    if isinstance(value, Mapping):
        items = list(value.items())[:_MAX_PARTS]
        return {line(str(key), _MAX_TEXT): _bounded(item, depth - 1) for key, item in items}
    if isinstance(value, list | tuple):
        return [_bounded(item, depth - 1) for item in value[:_MAX_PARTS]]
    return value


def _json(value: Any) -> str:
    return scrub(json.dumps(value, ensure_ascii=False))


_graph = StateGraph(ReflectState, context_schema=Context, input_schema=ReflectRequest)
_graph.add_node(reflect)
_graph.add_node(examine)
_graph.add_edge(START, "reflect")
_graph.add_edge("reflect", "examine")
reflector = _graph.compile(name="reflector")
