"""What `domain.yaml` may say, and what each mistake in it is answered with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from eigen_graph.core import EigenGraphError, environment_of
from eigen_graph.domains import absolute_reference, load_domain

SHOP = '''
"""A shop in memory."""

from langchain_core.tools import tool


def TOOLS():
    stock = {"A1": 2}

    @tool(parse_docstring=True)
    def find_item(code: str) -> dict:
        """Find an item.

        Args:
            code: Its code.
        """
        return {"code": code, "stock": stock[code]}

    @tool(parse_docstring=True)
    def place_order(code: str, quantity: int = 1) -> dict:
        """Order an item.

        Args:
            code: Its code.
            quantity: How many.
        """
        if stock[code] < quantity:
            raise ValueError("not enough in stock")
        stock[code] -= quantity
        return {"left": stock[code]}

    return [find_item, place_order]


ONE_WORLD = TOOLS()
NO_TOOLS = ["find_item"]
'''
POLICY = "Today is 2025-06-02.\n\n1. Look an item up with `find_item` before you `place_order` it.\n"


def shop(folder: Path, *, changes: dict[str, Any] | None = None, policy: str = POLICY) -> Path:
    """A manifest; `changes` replaces settings by their dotted names, None removes one."""
    data: dict[str, Any] = {
        "name": "shop",
        "tools": {
            "from": {"python": "shop_tools.py:TOOLS"},
            "agent": ["find_item", "place_order"],
            "writes": ["place_order"],
        },
    }
    for name, value in (changes or {}).items():
        part, *inner = reversed(name.split("."))
        place = data
        for step in reversed(inner):
            place = place.setdefault(step, {})
        if value is None:
            del place[part]
        else:
            place[part] = value
    folder.mkdir(exist_ok=True)
    (folder / "shop_tools.py").write_text(SHOP)
    (folder / "policy.md").write_text(policy)
    (folder / "domain.yaml").write_text(yaml.safe_dump(data))
    return folder / "domain.yaml"


@pytest.mark.parametrize("named", ["file", "folder"])
def test_a_manifest_is_a_domain(tmp_path: Path, named: str) -> None:
    manifest = shop(tmp_path / "shop")
    domain = load_domain(str(manifest if named == "file" else manifest.parent))
    assert (domain.name, domain.write_tools, domain.user) == ("shop", ("place_order",), None)
    assert domain.blocking
    assert "journal of writes" in domain.judged_by
    assert domain.reference == str(manifest) == absolute_reference(str(manifest.parent))
    assert load_domain(domain.reference) is domain


def test_both_sides_may_have_tools(tmp_path: Path) -> None:
    changes = {"tools.agent": ["find_item"], "tools.user": ["place_order"], "tools.confirm": None}
    del changes["tools.confirm"]
    domain = load_domain(str(shop(tmp_path, changes=changes)))
    assert [tool.name for tool in domain.tools_of("user")] == ["place_order"]
    env = environment_of(domain)
    assert env.run("place_order", {"code": "A1"}, "user").content == '{"left": 1}'
    assert env.run("find_item", {"code": "A1"}, "assistant").content == '{"code": "A1", "stock": 1}'
    assert env.agent_db.diff() == ()
    assert env.user_db
    assert len(env.user_db.diff()) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tools.agent": ["find_item", "place_ordr"]}, ["`agent` names 'place_ordr'", "did you mean 'place_order'"]),
        ({"tools.user": ["place_order"]}, ["'place_order' stands in agent and in user"]),
        ({"tools.agent": ["place_order"]}, ["'find_item' stands in none of agent, user, left_out"]),
        ({"tools.agent": ["find_item", "find_item", "place_order"]}, ["'find_item' stands in agent and in agent"]),
        ({"tools.writes": ["cancel"]}, ["`writes` names 'cancel', which is no tool", "find_item, place_order"]),
        ({"tools.confirm": ["find_item"]}, ["'find_item' stands in `confirm` and not in `writes`"]),
        ({"tools.after": {"place_order": ["look"]}}, ["`after: place_order` names 'look'"]),
        ({"tools.agent": [], "tools.left_out": ["find_item", "place_order"]}, ["left out, so nothing need be said"]),
        ({"tools.agents": ["find_item"]}, ["tools.agents: is no setting; did you mean 'agent'?"]),
        ({"state.answer": "live"}, ["state.answer: is no setting; did you mean 'answers'?"]),
        ({"state.answers": "perhaps"}, ["state.answers", "'live', 'recorded' or 'model'"]),
        ({"name": None}, ["name: is missing"]),
        ({"name": "a shop"}, ["name: String should match pattern"]),
        ({"tools.from": {}}, ["tools.from: give one of `python`, `mcp`, `openapi`"]),
        ({"tools.from": {"python": "a:b", "openapi": "c"}}, ["give one of `python`, `mcp`, `openapi`"]),
        ({"tools.from": {"mcp": {}}}, ["tools.from.mcp: give either `command` (and `args`) or `url`"]),
        ({"tools.from": {"mcp": {"url": "http://x", "args": ["y"]}}}, ["`args` and `env` go with `command`"]),
        ({"tools.from.python": "no_such_pkg.tools:TOOLS"}, ["no module 'no_such_pkg'"]),
        ({"tools.from.python": "shop_tools.py:TOOL"}, ["has no 'TOOL'", "did you mean 'TOOLS'"]),
        ({"tools.from.python": "shop_tools.py:NO_TOOLS"}, ["is no LangChain tool", "@tool"]),
        ({"tools.from.python": "shop_tools.py:ONE_WORLD"}, ["place_order may write", "give it a `reset`"]),
        ({"state.answers": "recorded"}, ["recording.sqlite holds none"]),
        ({"policy": "rules.md"}, ["there is no policy 'rules.md' beside it"]),
    ],
)
def test_a_mistake_is_named_with_the_way_out(tmp_path: Path, changes: dict[str, Any], says: list[str]) -> None:
    manifest = shop(tmp_path / "shop", changes=changes)
    with pytest.raises(EigenGraphError) as caught:
        load_domain(str(manifest))
    assert "\n" not in str(caught.value)
    for text in says:
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [("name: [", "line 1"), ("- a", "no mapping"), ("\x00", "not YAML"), ("name: a", "tools: is missing")],
)
def test_what_is_no_manifest(tmp_path: Path, text: str, says: str) -> None:
    manifest = shop(tmp_path)
    manifest.write_text(text)
    with pytest.raises(EigenGraphError, match=says):
        load_domain(str(manifest))
    with pytest.raises(EigenGraphError, match="there is no file"):
        load_domain(str(tmp_path / "none.yaml"))


def test_a_world_that_is_shared_may_be_read(tmp_path: Path) -> None:
    changes = {
        "tools.from.python": "shop_tools.py:ONE_WORLD",
        "tools.agent": ["find_item"],
        "tools.left_out": ["place_order"],
        "tools.writes": [],
    }
    domain = load_domain(str(shop(tmp_path, changes=changes)))
    assert environment_of(domain).run("find_item", {"code": "A1"}, "assistant").content == '{"code": "A1", "stock": 2}'
