"""Rows as tokens: which carry loss, and what is said of those that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from by_hand import expected_labels, pieces
from tiny_models import tiny_tokenizer
from trainings import recipe

from eigen_graph.core import EigenGraphError
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.data import TrainingData, per_turn, prepare
from eigen_graph.rl.gathering import Row
from eigen_graph.rl.sequences import IGNORED, shown, tokenized


@pytest.fixture(scope="module")
def data(synthesized: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    return prepare(tmp_path_factory.mktemp("data") / "data", recipe(), [synthesized])


@pytest.fixture(scope="module")
def short() -> ChatFormat:
    return ChatFormat.of(tiny_tokenizer(template="short"))


def sides(data: TrainingData) -> list[tuple[Row, ...]]:
    return [data.agent_rows, data.user_rows, tuple(per_turn(data.agent_rows)), tuple(per_turn(data.user_rows))]


def test_just_a_sides_own_turns_carry_loss_token_by_token(data: TrainingData, short: ChatFormat) -> None:
    roles: set[tuple[str, bool]] = set()
    for rows in sides(data):
        made = tokenized(rows, short, 10_000)
        assert made.too_long == 0
        for row, tokens in zip(rows, made.rows, strict=True):
            assert tokens["labels"] == expected_labels(row, tokens["input_ids"], short.tokenizer), row["id"]
            roles |= {
                (message["role"], bool(flag)) for message, flag in zip(row["messages"], row["loss_mask"], strict=True)
            }
        assert made.trained == sum(label != IGNORED for row in made.rows for label in row["labels"])
    # User turns, tool results, trained turns and the greeting: all were in between.
    assert roles == {("system", False), ("user", False), ("tool", False), ("assistant", True), ("assistant", False)}


def test_calls_of_both_sides_and_the_users_stop_are_trained_on(data: TrainingData, short: ChatFormat) -> None:
    agent, user = (
        "".join(text for row in rows for text, trained in pieces(row) if trained)
        for rows in (data.agent_rows, data.user_rows)
    )
    assert '{"name": "verify_identity"' in agent
    assert "verify_identity" not in user
    assert '{"name": "check_device"' in user
    assert all(
        expected_labels(row, tokens["input_ids"], short.tokenizer)[-1] == short.stop_id
        for row, tokens in zip(data.user_rows, tokenized(data.user_rows, short, 10_000).rows, strict=True)
    )
    assert user.count("###STOP###") == len(data.user_rows)


def test_a_row_for_each_turn_carries_loss_on_that_turn_alone(data: TrainingData, short: ChatFormat) -> None:
    dialogue = tokenized(data.agent_rows[:1], short, 10_000).rows[0]
    turns = tokenized(per_turn(data.agent_rows[:1]), short, 10_000).rows
    assert len(turns) > 1
    joined = [IGNORED] * len(dialogue["labels"])
    for turn in turns:
        assert turn["input_ids"] == dialogue["input_ids"][: len(turn["input_ids"])]
        for at, label in enumerate(turn["labels"]):
            assert IGNORED in {label, joined[at]}, "no token is trained on twice"
            joined[at] = label if label != IGNORED else joined[at]
    assert joined == dialogue["labels"]


def test_the_schemas_and_the_policy_are_in_the_long_template_without_loss(data: TrainingData) -> None:
    hermes = ChatFormat.of(tiny_tokenizer(template="hermes"))
    for rows in (data.agent_rows[:2], data.user_rows[:2]):
        for row, tokens in zip(rows, tokenized(rows, hermes, 100_000).rows, strict=True):
            text = hermes.tokenizer.decode([token for token in tokens["labels"] if token != IGNORED])
            assert text == "".join(piece for piece, trained in pieces(row) if trained)
            whole = hermes.tokenizer.decode(tokens["input_ids"])
            assert all(tool["function"]["name"] in whole for tool in row["tools"])
            assert row["messages"][0]["content"].strip() in whole


def test_what_is_too_long_is_left_out_and_counted(data: TrainingData, short: ChatFormat) -> None:
    everything = tokenized(data.agent_rows, short, 10_000)
    lengths = sorted(len(row["input_ids"]) for row in everything.rows)
    half = tokenized(data.agent_rows, short, lengths[len(lengths) // 2])
    assert half.rows == [row for row in everything.rows if len(row["input_ids"]) <= lengths[len(lengths) // 2]]
    assert half.too_long == len(everything.rows) - len(half.rows) > 0
    assert half.longest == lengths[-1]
    assert f"{half.too_long} too long, left out" in str(half)
    with pytest.raises(
        EigenGraphError, match=rf"the agent's: none of \d+ fits into 9 tokens, the shortest has {lengths[0]}: "
    ):
        tokenized(data.agent_rows, short, 9, what="the agent's")
    with pytest.raises(EigenGraphError, match="there are none to train on"):
        tokenized([], short, 9)


def test_a_row_without_loss_is_no_row(data: TrainingData, short: ChatFormat) -> None:
    row = data.agent_rows[0]
    silent: dict[str, Any] = {**row, "loss_mask": [0] * len(row["messages"])}
    assert len(tokenized([row, silent], short, 10_000).rows) == 1


def test_a_row_is_shown_with_what_is_trained_on_between_brackets(data: TrainingData, short: ChatFormat) -> None:
    row = data.user_rows[0]
    tokens = tokenized([row], short, 10_000).rows[0]
    text = "".join(f"⟦{piece}⟧" if trained else piece for piece, trained in pieces(row))
    assert shown(tokens, short.tokenizer) == text
    brief = shown(tokens, short.tokenizer, limit=20)
    assert len(brief) < len(text)
    assert " [...] " in brief
    assert all(f"⟦{piece}⟧" in brief for piece, trained in pieces(row) if trained)
