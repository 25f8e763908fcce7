"""The laws of patches: applied whole or not at all, refused in words only, taken back to the byte."""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from random_patches import random_operation, random_patch

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.evolving.blueprint import PROMPT_CHARACTERS, PROMPT_TOKENS, Blueprint
from eigen_graph.graphs.evolving.operations import AddNode, DropNode, EditPrompt, PatchError, Reroute, SetParam
from eigen_graph.graphs.evolving.patch import MAX_PROPOSED, Patch
from eigen_graph.graphs.prompting import Prompt, bundled

BUNDLED = Blueprint()
SEPARATORS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
"""What Python takes for the end of a line."""

seeds = st.integers(0, 2**32)
a_law = settings(max_examples=60, deadline=None)  # drawing a blueprint takes milliseconds, on a busy machine more


@st.composite
def blueprints(draw: st.DrawFn) -> Blueprint:
    """The bundled one, or what a few random patches made of it."""
    rng, found = random.Random(draw(seeds)), BUNDLED
    for _ in range(draw(st.integers(0, 3))):
        found = random_patch(found, rng).apply(found)
    return found


def undone(patch: Patch, blueprint: Blueprint) -> Blueprint:
    return patch.inverse(blueprint).apply(patch.apply(blueprint))


def same(one: Blueprint, other: Blueprint) -> bool:
    """Equal, to the byte of every prompt and of the JSON."""
    return (
        one == other
        and json.dumps(one.to_json()) == json.dumps(other.to_json())
        and one.digest == other.digest
        and all(one.prompt(name).to_text() == other.prompt(name).to_text() for name in ("agent", *one.prompts))
    )


def edit(text: str = "", mode: str = "replace", section: str = "Role", **more: Any) -> dict[str, Any]:
    return {"op": "edit_prompt", "prompt": "agent", "section": section, "mode": mode, "text": text, **more}


def patch_of(*ops: dict[str, Any]) -> Patch:
    return Patch.from_json({"ops": list(ops)})


def agent_sections(blueprint: Blueprint) -> dict[tuple[str, str], str]:
    return dict(blueprint.prompt("agent").sections)


@a_law
@given(blueprints(), seeds, st.integers(1, MAX_PROPOSED))
def test_apply_then_invert_is_identity(blueprint: Blueprint, seed: int, ops: int) -> None:
    """Law."""
    before = json.dumps(blueprint.to_json())
    patch = random_patch(blueprint, random.Random(seed), ops)
    assert len(patch.ops) == ops
    patched = patch.apply(blueprint)
    assert same(undone(patch, blueprint), blueprint)
    assert json.dumps(blueprint.to_json()) == before, "the argument was changed"
    back = patch.inverse(blueprint)
    assert same(undone(back, patched), patched), "an inverse is a patch like any other"


@a_law
@given(blueprints(), seeds)
def test_random_patches_are_valid_change_something_and_repeat(blueprint: Blueprint, seed: int) -> None:
    patch = random_patch(blueprint, random.Random(seed))
    assert patch.apply(blueprint) != blueprint
    assert random_patch(blueprint, random.Random(seed)) == patch


def test_chance_makes_every_kind_of_operation() -> None:
    rng = random.Random(1)
    made = {op.op for _ in range(60) for op in random_patch(BUNDLED, rng).ops}
    assert made == {"edit_prompt", "reroute", "add_node", "drop_node", "set_param", "edit_plan"}


@a_law
@given(blueprints(), seeds, st.randoms(use_true_random=False))
def test_operations_may_come_in_any_order(blueprint: Blueprint, seed: int, rng: random.Random) -> None:
    """Law: what is invalid on the way does not matter, neither to what comes out nor to its inverse."""
    goal, chance = blueprint, random.Random(seed)
    for _ in range(3):
        goal = random_patch(goal, chance).apply(goal)
    old, new = blueprint.workflow, goal.workflow
    stay = old.nodes.keys() & new.nodes.keys()
    assume(all(old.nodes[name].kind == new.nodes[name].kind for name in stay))
    ops: list[Any] = [DropNode(name=name, to=rng.choice(["reject", "nowhere"])) for name in old.nodes.keys() - stay]
    ops += [
        AddNode(name=name, routes=new.targets(name), **new.nodes[name].model_dump()) for name in new.nodes.keys() - stay
    ]
    ops += [
        Reroute(source=edge.source, outcome=edge.outcome, target=edge.target)
        for edge in new.edges
        if edge.source in stay | {"__start__"} and edge not in old.edges
    ]
    ops += [
        SetParam(node=name, name=param, value=getattr(new.nodes[name], param))
        for name in stay
        for param in ("retries", "timeout_s", "visits", "prompt")
        if getattr(old.nodes[name], param) != getattr(new.nodes[name], param)
    ]
    assume(ops)
    rng.shuffle(ops)
    patch = Patch(ops=tuple(ops))
    assert patch.apply(blueprint).workflow == new
    assert same(undone(patch, blueprint), blueprint)


@a_law
@given(blueprints(), seeds)
def test_json_round_trip(blueprint: Blueprint, seed: int) -> None:
    patch = random_patch(blueprint, random.Random(seed))
    for found in (patch, patch.inverse(blueprint)):
        assert Patch.from_json(json.loads(json.dumps(found.to_json()))) == found
        assert str(found)
    assert same(Blueprint.from_json(json.loads(json.dumps(blueprint.to_json()))), blueprint)


@a_law
@given(blueprints(), st.lists(seeds, min_size=1, max_size=MAX_PROPOSED))
def test_what_does_not_fit_is_refused_in_words_and_changes_nothing(blueprint: Blueprint, chance: list[int]) -> None:
    before = json.dumps(blueprint.to_json())
    try:
        patch = Patch(ops=tuple(random_operation(blueprint, random.Random(seed)) for seed in chance))
        patch.apply(blueprint)
    except PatchError:
        with pytest.raises(PatchError, match=" "):
            patch.inverse(blueprint)
    else:
        assert same(undone(patch, blueprint), blueprint)
    assert json.dumps(blueprint.to_json()) == before


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**4000),
    st.floats(),
    st.text(alphabet=st.characters(), max_size=9),
    st.sampled_from(["\ud800", "agent", "judge", "reviewer", "system", "pass", "accept", "visits", "x" * 9000]),
    st.lists(st.none() | st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3) | st.just("\udfff"), st.none() | st.text(max_size=3), max_size=2),
)


@st.composite
def mangled(draw: st.DrawFn) -> Any:
    """The JSON of a valid patch with one or two things in it spoilt."""
    data = random_patch(BUNDLED, random.Random(draw(seeds))).to_json()
    for _ in range(draw(st.integers(1, 2))):
        at: Any = data
        while True:
            key = draw(st.sampled_from([*at] if isinstance(at, dict) else [*range(len(at))]))
            if not isinstance(at[key], dict | list) or not at[key] or draw(st.integers(0, 3)) == 0:
                break
            at = at[key]
        change = draw(st.sampled_from(["set", "set", "drop", "more"]))
        if change == "set":
            at[key] = draw(odd)
        elif change == "drop":
            del at[key]
        elif isinstance(at, dict):
            at[draw(st.sampled_from(["", "op", "\ud800", "extra"]))] = draw(odd)
        if not data:
            break
    return data


@settings(deadline=None)
@given(mangled() | odd)
@example({"ops": [{"op": "reroute", "\ud800": 1}]})
@example({"ops": [{"op": "add_node", "name": "x", "kind": "judge", "routes": {"\ud800": "\udfff"}}]})
@example({"ops": [{"op": "add_node", "name": "x", "kind": "judge", "routes": {}, "visits": 10**4000}]})
@example({"ops": [{"op": "set_param", "node": "judge", "name": "prompt", "value": "\ud800"}]})
@example({"ops": [{"op": "set_param", "node": "judge", "name": "timeout_s", "value": math.inf}]})
@example({"ops": [{"op": "set_param", "node": "judge", "name": "timeout_s", "value": math.nan}]})
@example({"ops": [{"op": "set_param", "node": "judge", "name": "timeout_s", "value": 10**4000}]})
@example({"ops": [{"op": "set_param", "node": "", "name": "min_kill_rate", "value": math.nan}]})
@example({"ops": [{"op": {}}, {"op": []}, 5, None]})
@example({"ops": [edit("x", prompt="../prompts/agent")]})
@example({"ops": [edit("x", prompt="\x00")]})
def test_mangled_json_gives_a_patch_error_or_a_patch_like_any_other(data: Any) -> None:
    """Law: what a proposer writes never raises anything but a PatchError, which can be printed and kept."""
    try:
        patch = Patch.from_json(data)
        json.dumps(patch.to_json(), allow_nan=False).encode()
        str(patch).encode()
        patch.apply(BUNDLED)
    except PatchError as error:
        words = str(error).encode()
    else:
        assert same(undone(patch, BUNDLED), BUNDLED)
        assert Patch.from_json(patch.to_json()) == patch
        return
    assert b" " in words
    assert len(words) < 4000


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from([*SEPARATORS, "#", " "]), max_size=60))
@example(" ## Evil\nbody")
@example("\u2028# system\n\n## Evil")
@example("fine\x0b## Evil")
@example("\r\n## Evil")
@example("# system")
def test_no_text_can_bring_a_heading_with_it(text: str) -> None:
    """Law: a text is refused or stays in its own section, read as the same lines, whatever else the patch does."""
    later = edit("- And that is all.", "append", "Contract")
    for mode in ("replace", "append"):
        try:
            after = agent_sections(patch_of(edit(text, mode), later).apply(BUNDLED))
        except PatchError as error:
            words = str(error)
        else:
            words = ""
        if words:
            assert "heading" in words or "fills {{" in words
            continue
        before = agent_sections(BUNDLED)
        assert [*after] == [*before]
        body = "\n".join(text.splitlines()).strip()
        kept = before["system", "Role"]
        assert after["system", "Role"] == (body if mode == "replace" else f"{kept}\n{body}".strip())
        assert same(undone(patch_of(edit(text, mode), later), BUNDLED), BUNDLED)


@pytest.mark.parametrize("separator", SEPARATORS)
def test_the_ends_of_lines_are_all_one(separator: str) -> None:
    """Whichever a model or an editor writes, a prompt has newlines, and no name of a section has any."""
    patched = patch_of(edit(f"One.{separator}Two.")).apply(BUNDLED)
    assert agent_sections(patched)["system", "Role"] == "One.\nTwo."
    with pytest.raises(PatchError, match="cannot be called"):
        patch_of(edit("x", "append", f"One{separator}Two")).apply(BUNDLED)


@given(st.dictionaries(st.sampled_from(["Role", "A b", "#"]), st.text(max_size=40), max_size=3), st.data())
def test_prompts_survive_their_own_text(bodies: dict[str, str], data: st.DataObject) -> None:
    """Law: text and parse are inverse on what parse gives, however the parts were ordered in the file."""
    lines = [f"## {name}\n{body}" for name, body in bodies.items()]
    parts = data.draw(st.permutations([["# system", *lines], ["# request", "## Ask", "x"]]))
    try:
        prompt = Prompt.parse("x", "\n".join(line for part in parts for line in part))
    except EigenGraphError:
        return
    assert Prompt.parse("x", prompt.to_text()) == prompt
    assert Prompt.parse("x", prompt.to_text()).to_text() == prompt.to_text()
    ranks = [("system", "request").index(part) for part, _ in prompt.sections]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("text", ["# system\n## \n", "# system\n##  \nx\n"])
def test_a_section_has_a_name(text: str) -> None:
    with pytest.raises(EigenGraphError, match="line 2: a section needs a name"):
        Prompt.parse("x", text)


def test_a_placeholder_must_stay_and_no_new_one_may_come() -> None:
    for name in ("planner", "writer", "verifier", "user", "agent", "reviewer"):
        for (part, section), body in bundled(name).sections.items():
            if "{{" in body:
                for spoilt in (edit("", "remove", section), edit("Nothing.", "replace", section)):
                    with pytest.raises(PatchError, match=r"\}\} must stay in it"):
                        patch_of({**spoilt, "prompt": name, "part": part}).apply(BUNDLED)
    with pytest.raises(PatchError, match=r"part system: nothing fills \{\{secret\}\}"):
        patch_of(edit("{{secret}}", "append")).apply(BUNDLED)
    moved = patch_of(edit("", "remove", "Policy"), edit("Keep it.\n{{policy}}", "append", "Rules"))
    assert ("system", "Rules") in agent_sections(moved.apply(BUNDLED))
    assert same(undone(moved, BUNDLED), BUNDLED)


def test_a_prompt_stays_below_its_cap() -> None:
    room = PROMPT_CHARACTERS - len(bundled("agent").to_text()) - 1
    full = patch_of(edit("x" * room, "append")).apply(BUNDLED)
    for more in ("y" * 40, "{{now}} " * 10):
        with pytest.raises(PatchError, match=f"about {PROMPT_TOKENS} tokens"):
            patch_of(edit(more, "append", "Contract")).apply(full)
    shorter = patch_of(edit("Short."))
    assert same(undone(shorter, full), full), "a section as long as the cap allows can be put back"


def test_a_section_that_grew_on_the_way_can_be_put_back() -> None:
    patch = patch_of(edit("a" * 5000), edit("b" * 4000, "append"), edit("c"))
    assert same(undone(patch, BUNDLED), BUNDLED)


def test_a_dropped_node_with_many_edges_comes_back() -> None:
    names = [f"reviewer_{number}" for number in range(2, 28)]
    data = BUNDLED.to_json()["workflow"]
    nodes = {**data["nodes"], **dict.fromkeys(names, data["nodes"]["reviewer"])}
    edges = [edge for edge in data["edges"] if (edge["source"], edge["outcome"]) != ("reviewer", "accept")]
    for name, following in pairwise(["reviewer", *names, "accept"]):
        edges.append({"source": name, "outcome": "accept", "target": following})
    for name in names:
        edges += [{"source": name, "outcome": "repair", "target": "dialogue"}]
        edges += [{"source": name, "outcome": "reject", "target": "dialogue"}]
    wide = Blueprint.from_json({"workflow": {"nodes": nodes, "edges": edges}})
    again = {"op": "add_node", "kind": "dialogue", "routes": {"finished": "judge"}}
    patch = patch_of(
        {"op": "drop_node", "name": "dialogue", "to": "second"},
        {**again, "name": "second"},
        {"op": "drop_node", "name": "second", "to": "third"},
        {**again, "name": "third"},
    )
    assert same(undone(patch, wide), wide)


def test_a_limit_goes_back_to_the_runs_own() -> None:
    patch = Patch(ops=(SetParam(name="max_steps", value=40),))
    assert patch.apply(BUNDLED).settings.max_steps == 40
    assert "settings" not in undone(patch, BUNDLED).to_json() or not undone(patch, BUNDLED).to_json()["settings"]


@pytest.mark.parametrize(
    ("op", "words"),
    [
        ({"op": "reroute", "source": "judge", "outcome": "lost", "target": "accept"}, "no edge leaves 'judge' with"),
        ({"op": "reroute", "source": "judge", "outcome": "pass", "target": "nowhere"}, "names an unknown node"),
        (
            {"op": "reroute", "source": "checker", "outcome": "proven", "target": "judge"},
            "'judge' can be reached without",
        ),
        ({"op": "drop_node", "name": "poet", "to": "reject"}, "there is no node 'poet'; there are scenario, checker"),
        ({"op": "drop_node", "name": "judge", "to": "reviewer"}, "without any 'judge' node"),
        ({"op": "add_node", "name": "judge", "kind": "judge", "routes": {}}, "there is a node 'judge' already"),
        ({"op": "add_node", "name": "Second", "kind": "judge", "routes": {}}, "ops.0.add_node.name: String should"),
        ({"op": "set_param", "node": "judge", "name": "max_steps", "value": 5}, "a limit of the run, not of a node"),
        ({"op": "set_param", "name": "visits", "value": 5}, "visits is set on a node"),
        ({"op": "set_param", "node": "judge", "name": "visits", "value": 99}, "less than or equal to 8"),
        ({"op": "set_param", "node": "judge", "name": "prompt", "value": "agent"}, "a judge node has no prompt"),
        ({"op": "set_param", "node": "reviewer", "name": "prompt", "value": "agent"}, "is no prompt for a reviewer"),
        (
            {"op": "set_param", "node": "reviewer", "name": "prompt", "value": "poet"},
            "node 'reviewer': no prompt 'poet'",
        ),
        ({"op": "edit_plan", "rule": {"persona": "rude", "match": {}}}, "no persona 'rude'; there are"),
        (edit("x", "append", part="request"), "prompt 'agent': nobody reads a part request"),
        (edit("x", section="Manners"), "has no section 'Manners'; it has Role, Contract, Policy"),
        (edit("x", prompt="reflector"), "'reflector'"),
        (edit("x", prompt="poet"), "no prompt 'poet'"),
        (edit("## " + "x" * 5000), "heading '## xxx"),
        ({"op": "rewrite"}, "'rewrite'"),
    ],
)
def test_a_refusal_says_what_to_change(op: dict[str, Any], words: str) -> None:
    with pytest.raises(PatchError) as refusal:
        patch_of(op).apply(BUNDLED)
    assert words in str(refusal.value)
    assert len(str(refusal.value)) < 800


def test_a_refusal_names_only_the_fault() -> None:
    """Not what follows from it: a tuple whose only operation is at fault is not also too short."""
    with pytest.raises(PatchError) as refusal:
        patch_of({"op": "reroute", "source": "judge", "outcome": "pass"})
    assert str(refusal.value) == "ops.0.reroute.target: Field required"


@pytest.mark.parametrize("name", ["a" * 33, "Judge", "judge 2", "\ud800", ""])
def test_a_blueprint_has_only_nodes_that_an_operation_can_name(name: str) -> None:
    data = json.loads(
        json.dumps(BUNDLED.to_json())
        .replace('"judge"', json.dumps(name))
        .replace(f'"kind": {json.dumps(name)}', '"kind": "judge"')
    )
    with pytest.raises(ValidationError, match="a node's name is of a-z"):
        Blueprint.from_json(data)


def test_an_edit_in_words() -> None:
    patch = patch_of(
        edit("x", "append", "Contract"),
        {"op": "reroute", "source": "__start__", "outcome": "", "target": "scenario"},
        {"op": "set_param", "node": "judge", "name": "visits", "value": 3},
    )
    assert isinstance(patch.ops[0], EditPrompt)
    assert str(patch) == "add to 'Contract' in the agent prompt; lead the start to scenario; set judge.visits to 3"
