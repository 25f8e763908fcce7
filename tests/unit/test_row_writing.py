"""A model writes rows for a draft: what it gets asked, and what is made of hostile answers."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from pydantic import Field

from eigen_graph.core import Database, EigenGraphError, Key, Record, Ref, references
from eigen_graph.domains.draft import Source, draft_database
from eigen_graph.graphs.row_writing import write_rows
from eigen_graph.models import Cast


class Shelf(Record):
    shelf_id: Annotated[str, Key("S")]


class Thing(Record):
    """Something on a shelf."""

    thing_id: Annotated[str, Key("T")]
    shelf_id: Annotated[str, Ref("shelves")]
    name: str
    price: float = Field(ge=1, le=50)
    kind: Literal["toy", "tool"]
    size: str = Field(examples=["S", "M"])
    sold: bool = False


def dear_tools(db: Database, _user: Database | None = None) -> list[str]:
    """A tool costs ten at least."""
    return [
        f"tool {key} costs {row.price}" for key, row in db["things"].items() if row.kind == "tool" and row.price < 10
    ]


SOURCE = Source({"shelves": Shelf, "things": Thing}, (references, dear_tools), about="A corner shop.")


async def written(*answers: Any, rows: int = 4) -> tuple[dict[str, list[dict[str, Any]]], list[str], list[Any]]:
    asked: list[Any] = []

    class Asked(GenericFakeChatModel):
        def bind_tools(self, *_: Any, **__: Any) -> Any:
            return self

        def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
            asked.append(messages)
            return super()._generate(messages, *args, **kwargs)

    texts = iter(AIMessage(answer if isinstance(answer, str) else json.dumps(answer)) for answer in answers)
    async with Cast.build(Asked(messages=texts)) as cast:
        done = await write_rows(SOURCE, cast, rows={"things": rows, "shelves": 2})
    return done.rows, done.notes, asked


async def test_what_a_model_writes_is_used_with_our_keys_and_references() -> None:
    rows = [{"name": f"Spade {n}", "price": 11.5 + n, "kind": "tool"} for n in range(4)]
    made, notes, asked = await written({"rows": rows})
    assert (made, notes) == ({"things": rows}, [])
    told = asked[0][-1].text
    for part in ("A corner shop.", "4 rows", "Something on a shelf.", "A tool costs ten at least."):
        assert part in told
    things = draft_database(SOURCE, rows={"things": 4, "shelves": 2}, written=made).database["things"]
    assert [(row.name, row.price) for row in things.values()] == [(row["name"], row["price"]) for row in rows]
    assert set(things) == {"T1001", "T1002", "T1003", "T1004"}


@pytest.mark.parametrize(
    "row",
    [
        {"name": "x" * 9999, "price": 12, "kind": "tool"},
        {"name": "\x00\x1b[31m\n", "price": 1e308, "kind": "weapon"},
        {"name": {"$ref": "#"}, "price": "cheap", "kind": None},
        {"name": 7, "thing_id": "T1", "shelf_id": "S9", "sold": True, "__class__": "Thing"},
        {},
        {"name": "Hammer", "price": 2, "kind": "tool"},
    ],
)
async def test_hostile_rows_cost_no_more_than_themselves(row: dict[str, Any]) -> None:
    answer = {"rows": [row] * 50, "more": ["x"]}
    made, _, _ = await written(answer, answer)  # what is too long is asked for again
    drafted = draft_database(SOURCE, rows={"things": 4, "shelves": 2}, written=made).database
    assert references(drafted) == dear_tools(drafted) == []
    assert len(drafted["things"]) == 4
    assert not any(thing.sold or len(thing.name) > 300 or "\x1b" in thing.name for thing in drafted["things"].values())


@pytest.mark.parametrize("answer", ["", "I would rather not.", "[1, 2]", '{"rows": 3}', '{"rows": ["a", [], null]}'])
async def test_an_unusable_answer_is_noted_and_drawn_instead(answer: str) -> None:
    made, notes, _ = await written(answer, answer)
    assert made == {"things": []}
    assert "things: 0 of 4 rows are the model's, the others are drawn" in notes


async def test_many_rows_are_asked_for_in_turns_that_know_of_each_other() -> None:
    turns = [{"rows": [{"name": f"Toy {turn}-{n}", "price": 3, "kind": "toy"} for n in range(20)]} for turn in range(2)]
    made, notes, asked = await written(*turns, rows=30)
    assert len(made["things"]) == 30
    assert notes == []
    assert "Toy 0-19" in asked[1][-1].text
    assert "10 rows" in asked[1][-1].text


async def test_scripted_writes_none() -> None:
    async with Cast.build("scripted") as cast:
        with pytest.raises(EigenGraphError, match="leave --model out"):
            await write_rows(SOURCE, cast)
