"""What OpenAI, ShareGPT's readers and TRL get of a dialogue, and how formats are chosen."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import TypeAdapter

from eigen_graph.core import Database, Domain, EigenGraphError, Policy, Side, Trajectory, UnknownNameError, domain_tool
from eigen_graph.domains import load_domain
from eigen_graph.runs import InstanceRow, RunFolder
from eigen_graph.runs.datasets import FORMATS, PLAIN, export_run
from eigen_graph.runs.datasets.formats import chosen
from eigen_graph.runs.datasets.openai_chat import openai_example, require_openai_tools
from eigen_graph.runs.datasets.packages import module_of, package_files, trl_example
from eigen_graph.runs.datasets.sharegpt import sharegpt_example

MESSAGES = TypeAdapter(list[ChatCompletionMessageParam])
TOOLS = TypeAdapter(list[ChatCompletionToolParam])
Calls = list[tuple[str, Any]]


@pytest.fixture(scope="session")
def made(synthesized: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every format of a run."""
    out = tmp_path_factory.mktemp("formats")
    export_run(RunFolder.open(synthesized), ["all"], out=out)
    return out


@pytest.fixture(scope="session")
def accepted(synthesized: Path, made: Path) -> list[InstanceRow]:
    """The instances that the export holds."""
    kept = {row["id"] for row in lines(made / "rl.jsonl")}
    with RunFolder.open(synthesized).reader() as ledger:
        return [row for row in ledger.instances("accepted") if row.id in kept]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def calls_in(row: InstanceRow) -> Calls:
    """The agent's calls, as the ledger has them."""
    made = Trajectory.from_json(row.trajectory).calls()
    return [(each.call.name, each.call.arguments) for each in made if each.actor == "assistant"]


def follow_openais_rules(row: dict[str, Any]) -> None:
    """What OpenAI documents of a fine-tuning example with tools."""
    assert set(row) <= {"messages", "tools", "parallel_tool_calls"}
    plain = [{key: value for key, value in message.items() if key != "weight"} for message in row["messages"]]
    list(MESSAGES.validate_python(plain))
    TOOLS.validate_python(row["tools"])
    assert len(row["tools"]) <= 128
    roles = [message["role"] for message in row["messages"]]
    assert roles[0] == "system"
    assert roles[-1] == "assistant"
    assert any(m["role"] == "assistant" and m.get("weight", 1) for m in row["messages"])
    names = {tool["function"]["name"] for tool in row["tools"]}
    waiting: list[str] = []
    for message in row["messages"]:
        assert ("weight" not in message) or (message["role"] == "assistant" and message["weight"] in (0, 1))
        if message["role"] == "tool":
            waiting.remove(message["tool_call_id"])
            assert set(message) == {"role", "content", "tool_call_id"}
            continue
        assert not waiting, "every call is answered before anybody speaks"
        waiting = [call["id"] for call in message.get("tool_calls") or ()]
        assert message["role"] == "assistant" or not waiting
        assert {call["function"]["name"] for call in message.get("tool_calls") or ()} <= names
        assert waiting or message["content"]


def test_openai_rows_keep_to_the_rules_and_hold_the_agents_calls(made: Path, accepted: list[InstanceRow]) -> None:
    rows = lines(made / "openai.jsonl")
    assert len(rows) == len(accepted) > 10
    for row, instance in zip(rows, accepted, strict=True):
        follow_openais_rules(row)
        calls = [call["function"] for m in row["messages"] for call in m.get("tool_calls") or ()]
        assert [(call["name"], json.loads(call["arguments"])) for call in calls] == calls_in(instance)
        assert [m.get("weight") for m in row["messages"] if m["role"] == "assistant"][:2] == [0, None]  # the greeting


def test_no_format_for_the_agent_holds_the_users_own_calls(made: Path, accepted: list[InstanceRow]) -> None:
    assert load_domain("broadband").user
    users = {
        each.call.name
        for row in accepted
        for each in Trajectory.from_json(row.trajectory).calls()
        if each.actor == "user"
    }
    assert users
    for file in ("openai.jsonl", "trl/sft.jsonl"):
        for row in lines(made / file):
            calls = [call["function"]["name"] for m in row["messages"] for call in m.get("tool_calls") or ()]
            assert not users & set(calls)
    for row in lines(made / "sharegpt/dialogues.jsonl"):
        assert not users & {name for name, _ in sharegpt_calls(row)}


def sharegpt_calls(row: dict[str, Any]) -> Calls:
    made = [json.loads(turn["value"]) for turn in row["conversations"] if turn["from"] == "function_call"]
    return [(call["name"], call["arguments"]) for call in made]


def follow_llama_factorys_rules(row: dict[str, Any]) -> None:
    """LLaMA-Factory skips a dialogue whose turns do not alternate, or do not end with the agent."""
    system, *turns = row["conversations"]
    assert system["from"] == "system"
    assert len(turns) % 2 == 0
    for number, turn in enumerate(turns):
        assert turn["from"] in (("gpt", "function_call") if number % 2 else ("human", "observation")), turns
    assert all(isinstance(turn["value"], str) for turn in turns)
    assert {"name", "description", "parameters"} <= set(json.loads(row["tools"])[0])


def test_sharegpt_rows_alternate_and_hold_the_agents_calls(made: Path, accepted: list[InstanceRow]) -> None:
    rows = lines(made / "sharegpt/dialogues.jsonl")
    for row, instance in zip(rows, accepted, strict=True):
        follow_llama_factorys_rules(row)
        assert sharegpt_calls(row) == calls_in(instance)
    ((name, info),) = json.loads((made / "sharegpt/dataset_info.json").read_text()).items()
    assert name == "broadband_dialogues"
    assert info["formatting"] == "sharegpt"
    assert (made / "sharegpt" / info["file_name"]).exists()
    assert set(info["columns"].values()) == set(rows[0])
    assert {turn["from"] for row in rows for turn in row["conversations"]} == {
        tag for key, tag in info["tags"].items() if key not in ("role_tag", "content_tag")
    }


def test_trl_rows_hold_the_agents_calls_as_objects(made: Path, accepted: list[InstanceRow]) -> None:
    for row, instance in zip(lines(made / "trl/sft.jsonl"), accepted, strict=True):
        calls = [call["function"] for m in row["messages"] for call in m.get("tool_calls") or ()]
        assert [(call["name"], call["arguments"]) for call in calls] == calls_in(instance)
        assert json.loads(row["tools"])[0]["type"] == "function"


def odd_instance() -> InstanceRow:
    """Two calls at once under ids that come again, one of them broken, and a text beside them."""

    def asked(*arguments: str) -> dict[str, Any]:
        calls = [
            {"id": f"c{n}", "type": "function", "function": {"name": "take", "arguments": text}}
            for n, text in enumerate(arguments)
        ]
        return {"role": "assistant", "content": "One moment.", "tool_calls": calls}

    def given(*contents: str) -> Iterator[dict[str, Any]]:
        for number, content in enumerate(contents):
            yield {"role": "tool", "tool_call_id": f"c{number}", "requestor": "assistant", "content": content}

    messages = [
        {"role": "assistant", "content": "Hi!"},
        {"role": "user", "content": "Take two."},
        asked('{"thing": "Zoë"}', "{broken"),
        *given("first", "Error: no JSON"),
        asked('{"thing": "b"}', '{"thing": "c"}'),
        *given("second", "third"),
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "###STOP###"},
    ]
    return InstanceRow(
        id="g0-000000",
        generation=0,
        index=0,
        plan_id="p",
        fate="accepted",
        stage="reviewer",
        task={"id": "t"},
        trajectory={"messages": messages, "termination": "user_stop"},
        agent_system="Help.",
    )


@domain_tool(writes=True)
def take(thing: str) -> str:
    """Take a thing.

    Args:
        thing: Which.
    """
    return thing


TOY = Domain("toy", Policy("1. Help."), agent=Side(Database({}), (take,)))


def test_calls_made_at_once_and_broken_ones() -> None:
    row = sharegpt_example(odd_instance(), TOY)
    follow_llama_factorys_rules(row)
    assert [turn["value"] for turn in row["conversations"] if turn["from"] == "observation"] == [
        "first",
        "Error: no JSON",
        "second",
        "third",
    ]
    assert sharegpt_calls(row)[:2] == [("take", {"thing": "Zoë"}), ("take", "{broken")]
    assert all("One moment" not in turn["value"] for turn in row["conversations"])
    follow_openais_rules(openai_example(odd_instance(), TOY))
    arguments = [
        call["function"]["arguments"]
        for message in trl_example(odd_instance(), TOY)["messages"]
        for call in message.get("tool_calls") or ()
    ]
    assert arguments == [{"thing": "Zoë"}, "{broken", {"thing": "b"}, {"thing": "c"}]


def test_tools_that_openai_would_refuse_are_refused_first() -> None:
    take_dotted = take.model_copy(update={"name": "things.take"})
    with pytest.raises(EigenGraphError, match=r"'things\.take'.*OpenAI does not take"):
        require_openai_tools(Domain("toy", Policy("1. Help."), agent=Side(Database({}), (take_dotted,))))
    require_openai_tools(TOY)


def test_formats_are_chosen_by_name() -> None:
    assert chosen(["rl", "sft", "rl"]) == ["rl", "sft"]
    assert chosen(["rl", "all"])[0] == "rl"
    assert set(chosen(["all"])) == set(FORMATS)
    assert set(PLAIN) < set(FORMATS)
    with pytest.raises(UnknownNameError, match=r"'sharegtp'; did you mean 'sharegpt'[?] There are sft, "):
        chosen(["sharegtp"])


def test_the_card_lists_every_file_with_rows(made: Path) -> None:
    card = (made / "README.md").read_text()
    with_rows = [path for path in made.rglob("*") if path.suffix in (".jsonl", ".parquet") or path.name == "tasks.json"]
    assert len(with_rows) == 12
    for path in with_rows:
        assert f"| `{path.relative_to(made).as_posix()}` | " in card


def test_packages_are_good_python_toml_and_yaml(made: Path) -> None:
    modules = [*made.rglob("*.py")]
    assert len(modules) == 8
    for path in modules:
        assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
    names = [tomllib.loads(path.read_text())["project"]["name"] for path in sorted(made.rglob("pyproject.toml"))]
    assert names == ["openenv-broadband-env", "broadband-dialogues"]
    assert yaml.safe_load((made / "openenv/openenv.yaml").read_text())["name"] == "broadband_env"
    rows = lines(made / "verifiers/broadband_dialogues/tasks.jsonl")
    assert rows == lines(made / "openenv/tasks.jsonl") == lines(made / "trl/tasks.jsonl")
    assert "## Policy" in rows[0]["agent_system"]
    assert rows[0]["user_system"]


def test_names_of_packages() -> None:
    assert module_of("tau2:retail", "env") == "tau2_retail_env"
    assert module_of("2nd hand", "env") == "d2nd_hand_env"
    assert module_of("\N{SNOWMAN}", "env") == "domain_env"
    odd = Domain('x"""; import os', Policy("1. Help."), agent=Side(Database({}), (take,)))
    for _, text in package_files("verifiers", odd, 'a"b\\', module_of(odd.name, "dialogues")):
        assert "$" not in text
    (code,) = [
        text for path, text in package_files("verifiers", odd, 'a"b\\', "x_dialogues") if path.endswith("__init__.py")
    ]
    assert "import os" not in ast.unparse(ast.parse(code)).replace(str(ast.get_docstring(ast.parse(code))), "")
    assert 'DOMAIN = "a\\"b\\\\"' in code
