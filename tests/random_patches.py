"""Random valid patches, of every kind: for the laws of patches, and as the blind proposer that evolution must beat."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from eigen_graph.core import PERSONAS
from eigen_graph.graphs.evolving.blueprint import ROLE_OF_PROMPT, Blueprint
from eigen_graph.graphs.evolving.operations import (
    AddNode,
    AnyOperation,
    DropNode,
    EditPlan,
    EditPrompt,
    PatchError,
    Place,
    Reroute,
    SetParam,
)
from eigen_graph.graphs.evolving.patch import MAX_PROPOSED, Patch
from eigen_graph.graphs.plan_rules import PlanMatch, PlanRule
from eigen_graph.graphs.workflow import ACCEPT, OUTCOMES, REJECT, Kind

_SENTENCES = (
    "- Keep every reply short.",
    "- Say what you did before you say what comes next.",
    "- Read the policy once more before you act.",
    "- Never name a tool to the user.",
    "- If two readings are possible, ask which one is meant.",
    "  Repeat amounts and dates as the tools gave them.\n\n\nThen ask whether anything is left.",
    "### By the way\n#hashtags, `# comments` and {single braces} are text.",
)
_SECTIONS = ("Role", "Contract", "Policy", "Manners", "Last check", "9: Ünïcode")
_DIFFICULTIES = ("", "easy", "medium", "hard")
_CLAUSES = ("", "1", "2.3", "4")
_TOOLS = ("", "find_bookings", "reset_router")
_LIMITS = {
    "max_steps": (20, 60, 200, None),
    "max_errors": (2, 5, 20, None),
    "max_submissions": (1, 3, 8, None),
    "max_look_ups": (5, 40, None),
    "min_kill_rate": (0, 0.5, 0.99, None),
}
_PARAMS = {
    "retries": (0, 1, 3, None),
    "timeout_s": (30, 90.5, 3600, None),
    "visits": (1, 2, 4, 8, None),
    "prompt": ("", "writer", "verifier", "reviewer"),
}
_TRIES = 10_000


def random_patch(blueprint: Blueprint, rng: random.Random, ops: int | None = None) -> Patch:
    """A patch that applies to a blueprint and changes it.

    Args:
        blueprint: What to patch.
        rng: Where chance comes from: the same state gives the same patch.
        ops: Operations in it; as chance has it, up to MAX_PROPOSED, when left out.

    Raises:
        RuntimeError: None was found.
    """
    for _ in range(_TRIES):
        count = ops or rng.choice((1, 1, 1, 2, 2, 3, MAX_PROPOSED))
        try:
            patch = Patch(why="chance", ops=tuple(_grown(blueprint, rng, count)))
            if patch.apply(blueprint) != blueprint:
                return patch
        except PatchError:
            continue
    raise RuntimeError(f"no patch of {ops} operations was found in {_TRIES} tries")


def random_operation(blueprint: Blueprint, rng: random.Random) -> AnyOperation:
    """An operation of a kind that chance chose, which mostly does not fit."""
    return rng.choice(_KINDS)(blueprint, rng)


def _grown(blueprint: Blueprint, rng: random.Random, count: int) -> Iterator[AnyOperation]:
    """Operations, most of which fit what those before them made."""
    for _ in range(count):
        operation = _fitting(blueprint, rng)
        blueprint = Patch(ops=(operation,)).apply(blueprint)
        yield operation


def _fitting(blueprint: Blueprint, rng: random.Random) -> AnyOperation:
    """One operation that fits, of each kind as likely as of any other."""
    make = rng.choice(_KINDS)
    for _ in range(200):
        operation = make(blueprint, rng)
        try:
            Patch(ops=(operation,)).apply(blueprint)
        except PatchError:
            continue
        return operation
    raise PatchError("no operation of this kind fits")


def _edit_prompt(blueprint: Blueprint, rng: random.Random) -> AnyOperation:
    name = rng.choice([*ROLE_OF_PROMPT, *blueprint.prompts])
    here = [section for _, section in blueprint.prompt(name).sections]
    return EditPrompt(
        prompt=name,
        part=rng.choice(("system", "system", "request")),
        section=rng.choice([*here, *_SECTIONS]),
        mode=rng.choice(("replace", "append", "remove")),
        text="\n".join(rng.choices(_SENTENCES, k=rng.randint(0, 3))),
        before=rng.choice(["", *here]),
    )


def _reroute(blueprint: Blueprint, rng: random.Random) -> AnyOperation:
    edge = rng.choice(blueprint.workflow.edges)
    return Reroute(source=edge.source, outcome=edge.outcome, target=_target(blueprint, rng))


def _add_node(blueprint: Blueprint, rng: random.Random) -> AnyOperation:
    kind: Kind = rng.choice(list(OUTCOMES))
    edge = rng.choice(blueprint.workflow.edges)
    routes = {outcome: rng.choice([_target(blueprint, rng), edge.target]) for outcome in OUTCOMES[kind]}
    return AddNode(
        name=f"{kind}_{rng.randint(2, 9)}",
        kind=kind,
        after=Place(source=edge.source, outcome=edge.outcome),
        routes=routes,
        prompt=rng.choice(["", "", *ROLE_OF_PROMPT]),
        visits=rng.randint(1, 3),
    )


def _drop_node(blueprint: Blueprint, rng: random.Random) -> AnyOperation:
    return DropNode(name=rng.choice([*blueprint.workflow.nodes]), to=_target(blueprint, rng))


def _set_param(blueprint: Blueprint, rng: random.Random) -> AnyOperation:
    node = rng.choice(["", *blueprint.workflow.nodes])
    name, values = rng.choice([*(_PARAMS if node else _LIMITS).items()])
    return SetParam.model_validate({"node": node, "name": name, "value": rng.choice(values)})


def _edit_plan(blueprint: Blueprint, rng: random.Random) -> AnyOperation:
    match = PlanMatch(
        clause=rng.choice(_CLAUSES),
        tool=rng.choice(_TOOLS),
        difficulty=rng.choice(_DIFFICULTIES),
        persona=rng.choice(["", *PERSONAS]),
    )
    rule = PlanRule(
        match=rng.choice([match, *(rule.match for rule in blueprint.plans)]),
        difficulty=rng.choice(_DIFFICULTIES),
        persona=rng.choice(["", "", *PERSONAS]),
        synthesis=rng.choice(["", "Let the user know their booking number."]),
        evaluation=rng.choice(["", "Watch that the fee is named before it is charged."]),
    )
    return EditPlan(rule=rule)


def _target(blueprint: Blueprint, rng: random.Random) -> str:
    return rng.choice([*blueprint.workflow.nodes, ACCEPT, REJECT])


_KINDS: tuple[Callable[[Blueprint, random.Random], AnyOperation], ...] = (
    _edit_prompt,
    _reroute,
    _add_node,
    _drop_node,
    _set_param,
    _edit_plan,
)
