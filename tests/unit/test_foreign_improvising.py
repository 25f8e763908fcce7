"""Answers that a model makes up: recorded, consistent by what it is shown, and said to be made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field
from test_foreign_manifest import shop

from eigen_graph.checkers import build_checker
from eigen_graph.core import EigenGraphError, InfrastructureError, Task, environment_of
from eigen_graph.domains import load_domain


class Told(BaseChatModel):
    """Says what it is told to, and keeps what it was asked."""

    replies: list[str]
    asked: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "told"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        self.asked.append(messages[-1].text)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.replies.pop(0)))])


def made_up(folder: Path, chat: Told, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("eigen_graph.domains.foreign.load.chat_of", lambda *_: chat)
    return shop(folder, changes={"state.answers": "model", "state.model": "dreamer"})


def test_what_is_made_up_is_recorded_and_shown_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = [
        '{"answer": {"code": "A1", "stock": 7}}',
        'Sure! {"refused": false, "answer": "placed O9"}',
        "no",
        '{"refused": true, "answer": "none left"}',
    ]
    chat = Told(replies=replies)
    manifest = made_up(tmp_path / "shop", chat, monkeypatch)
    domain = load_domain(str(manifest))
    env = environment_of(domain)
    assert env.run("find_item", {"code": "A1"}, "assistant").content == '{"code": "A1", "stock": 7}'
    assert env.run("place_order", {"code": "A1"}, "assistant").content == "placed O9"
    assert env.run("place_order", {"code": "A1"}, "assistant").content == "Error: none left"
    assert not chat.replies, "an unusable reply is asked for again"
    assert [change.after["times"] for change in env.agent_db.diff() if change.after] == [1]
    assert 'find_item({"code":"A1"}) -> {"code": "A1", "stock": 7}' in chat.asked[1]
    assert 'place_order({"code":"A1","quantity":1}) -> placed O9' in chat.asked[3].split("## Written so far")[1]
    again = environment_of(domain)
    assert again.run("find_item", {"code": "A1"}, "assistant").content == '{"code": "A1", "stock": 7}'
    task = Task.from_json({"id": "t", "user_scenario": {"instructions": "x"}, "evaluation_criteria": {"actions": []}})
    assert "a model made up what the tools answered" in build_checker(task, domain).to_json()["judged_by"]
    manifest.write_text(manifest.read_text().replace("answers: model", "answers: recorded"))
    recorded = load_domain(str(manifest))
    assert "made up" in recorded.judged_by, "whoever answers now, what was answered was made up"
    assert environment_of(recorded).run("place_order", {"code": "A1"}, "assistant").content == "placed O9"
    with pytest.raises(InfrastructureError, match="holds no answer to find_item"):
        environment_of(recorded).run("find_item", {"code": "B2"}, "assistant")


def test_a_model_that_says_nothing_usable_is_nobodys_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eigen_graph.domains.foreign.backend._WAITS", ())
    for reply in ("", "{}", '{"answer": 3}', "{" * 5_000, json.dumps({"answer": None})):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        domain = load_domain(str(made_up(folder, Told(replies=[reply] * 2), monkeypatch)))
        with pytest.raises(InfrastructureError, match="no usable answer of the model"):
            environment_of(domain).run("find_item", {"code": "A1"}, "assistant")


def test_a_model_must_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(EigenGraphError, match="`answers: model` needs a model"):
        load_domain(str(shop(tmp_path / "a", changes={"state.answers": "model"})))
    with pytest.raises(EigenGraphError, match="needs OPENAI_API_KEY"):
        load_domain(str(shop(tmp_path / "b", changes={"state.answers": "model", "state.model": "m"})))
