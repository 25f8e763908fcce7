"""What stands behind every door: one dialogue stepped from outside, and chat messages as moves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile import ARGUMENTS, TEXTS
from langchain_core.messages import AIMessage
from lending import make
from simulated_users import tasks_in

from eigen_graph.core import EigenGraphError
from eigen_graph.rl.doors.replies import reply_of, results_for
from eigen_graph.rl.doors.tasks import read_tasks
from eigen_graph.rl.stepwise import Stage, SteppedDialogue


def called(*arguments: str, ids: str = "same") -> dict[str, Any]:
    calls = [
        {"id": ids, "type": "function", "function": {"name": "find_book", "arguments": text}} for text in arguments
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def as_text(arguments: Any) -> str:
    try:
        return json.dumps(arguments, default=str)
    except RecursionError:  # as a server may send it all the same
        return '{"a": ' * 5000


def begun() -> SteppedDialogue:
    domain = make()
    stage = Stage(domain, max_errors=1000, max_steps=1000)
    dialogue = SteppedDialogue(stage)
    assert dialogue.begin(stage.ready(tasks_in(domain, 1)[0]))
    return dialogue


def test_results_stand_in_the_order_of_the_calls_whatever_their_ids() -> None:
    given = called('{"book_id": "B1"}', "{broken", "[1]", "")
    dialogue = begun()
    results = results_for(given, dialogue.act(reply_of(given)))
    assert [result["tool_call_id"] for result in results] == ["same"] * 4
    assert results[0]["content"] != results[1]["content"]
    assert all(result["content"].startswith("Error") for result in results[1:])
    assert [call.call.arguments for call in dialogue.trajectory().calls()] == [{"book_id": "B1"}, {}, "{broken", "[1]"]


def test_more_calls_than_are_taken_are_answered_all_the_same() -> None:
    given = called(*['{"book_id": "B1"}'] * 20)
    results = results_for(given, begun().act(reply_of(given)))
    assert len(results) == 20
    assert {result["content"] for result in results[16:]} == {
        "Error: too many calls in one message; this one was not run."
    }


def test_hostile_messages_are_moves_or_nobodys() -> None:
    dialogue = begun()
    for arguments in ARGUMENTS:
        text = as_text(arguments)
        for given in (called(text), called(text[: len(text) // 2])):
            assert len(results_for(given, dialogue.act(reply_of(given)))) == 1
    deep = "[" * 100_000
    assert "Error" in results_for(called(deep), dialogue.act(reply_of(called(deep))))[0]["content"]
    for words in TEXTS:
        dialogue.act(reply_of({"role": "assistant", "content": words, "tool_calls": None}))
        if dialogue.users_turn():
            dialogue.hear()
    assert dialogue.reward == 0.0


def test_nothing_happens_out_of_turn_or_after_the_end() -> None:
    dialogue = begun()
    assert dialogue.hear() == ""  # the agent has not spoken
    assert dialogue.act(AIMessage("Hello")) == []
    said = len(dialogue.trajectory().messages)
    assert dialogue.act(AIMessage("And again")) == []  # it is the user's turn
    assert len(dialogue.trajectory().messages) == said
    dialogue.fail("context_window_exceeded")
    assert dialogue.trajectory().termination == "context_window_exceeded"
    assert (dialogue.ended(), dialogue.hear(), dialogue.reward) == (True, "", 0.0)
    fresh = SteppedDialogue(dialogue.stage)
    assert (fresh.ended(), fresh.reward, fresh.act(AIMessage("Hello"))) == (True, None, [])


def test_a_turn_cut_off_is_in_the_trajectory() -> None:
    dialogue = begun()
    dialogue.act(reply_of(called('{"book_id": "B1"}')))
    assert [message.role for message in dialogue.trajectory().messages][-2:] == ["assistant", "tool"]
    assert dialogue.trajectory().termination == "max_steps"
    before = len(dialogue.trajectory().messages)
    dialogue.fail("agent_error")
    assert len(dialogue.trajectory().messages) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no tasks"),
        ("{", "cannot read tasks"),
        ('{"id": 1}', "holds no tasks with checkers"),
        ('{"checker": {}, "domain": "hotel", "database": "other"}', "task 1: made for databases other"),
        ('{"checker": {"format": 9}, "domain": "hotel"}', "task 1: "),
        ('{"checker": {}, "domain": "hotle"}', "did you mean 'hotel'"),
    ],
)
def test_a_package_that_cannot_be_used_says_why(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "tasks.jsonl").write_text(text)
    with pytest.raises(EigenGraphError, match=words):
        read_tasks(tmp_path / "tasks.jsonl")
    with pytest.raises(EigenGraphError, match="cannot read tasks from"):
        read_tasks(tmp_path / "none.jsonl")


def test_doors_need_no_torch() -> None:
    code = "import sys, eigen_graph.rl.stepwise, eigen_graph.rl.doors.tasks, eigen_graph.rl.environment; print({'torch', 'trl', 'verifiers', 'openenv'} & set(sys.modules))"  # noqa: E501  # one line of Python
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
