"""Drafted databases: the same by seed, every reference resolved, every invariant met or named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, model_validator

from eigen_graph.core import Database, EigenGraphError, Key, Record, Ref, UnknownNameError, references
from eigen_graph.domains.draft import Source, draft_database, read_source


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Member(Record):
    member_id: Annotated[str, Key("M")]
    name: str
    email: str
    phone: str
    joined_on: str
    favourite: Annotated[str, Ref("books")] | None
    """Tables may refer to each other in any order, and in circles."""


class Card(Record):
    member_id: Annotated[str, Key(), Ref("members")]
    points: int = Field(ge=0, le=50)


class Copy(Record):
    shelf: str = Field(pattern=r"^[A-F]\d{2}$")
    held_for: Annotated[str, Ref("members")] | None


class Book(Record):
    book_id: Annotated[str, Key("B-")]
    title: str
    fee: float = Field(ge=0.5, le=9)
    bought: date = Field(ge=date(2024, 1, 1), le=date(2025, 6, 1))
    colour: Colour
    kind: Literal["novel", "atlas"]
    copies: tuple[Copy, ...] = Field(min_length=1)
    readers: tuple[Annotated[str, Ref("members")], ...]
    lent: bool = False


class Opening(Record):
    """Its key is no field of its own; from must come before to."""

    start: int = Field(ge=0, le=23)
    end: int = Field(ge=0, le=23)

    @model_validator(mode="after")
    def _in_order(self) -> Opening:
        if self.start >= self.end:
            raise ValueError("it closes before it opens")
        return self


SCHEMA: dict[str, type[Record]] = {"members": Member, "cards": Card, "books": Book, "openings": Opening}


def cheap_novels(db: Database, _user: Database | None = None) -> list[str]:
    return [f"novel {key} costs {b.fee}" for key, b in db["books"].items() if b.kind == "novel" and b.fee > 4]


def few_points(db: Database, _user: Database | None = None) -> list[str]:
    """Speaks of no record, and of the whole only."""
    total = sum(card.points for card in db["cards"].values())
    return [f"{total} points in all"] if total > 25 * len(db["cards"]) else []


def at_most_one_red(db: Database, _user: Database | None = None) -> list[str]:
    red = [key for key, book in db["books"].items() if book.colour is Colour.RED]
    return [f"{', '.join(red)} are red"] if len(red) > 1 else []


def nobody_at_all(db: Database, _user: Database | None = None) -> list[str]:
    return [f"there is {key}" for key in db["members"]]


def books_are_lent(db: Database, _user: Database | None = None) -> list[str]:
    return [f"{key} is not lent" for key, book in db["books"].items() if not book.lent]


def breaks(_db: Database, _user: Database | None = None) -> list[str]:
    raise LookupError("no such thing")


COUNTS = st.dictionaries(st.sampled_from(sorted(SCHEMA)), st.integers(1, 12), max_size=4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**64), rows=COUNTS)
def test_the_same_seed_gives_the_same_and_every_reference_resolves(seed: int, rows: dict[str, int]) -> None:
    first, again = (draft_database(Source(SCHEMA), rows=rows, seed=seed).database for _ in range(2))
    assert first.to_json() == again.to_json()
    assert references(first) == []
    assert {table: len(first[table]) for table in rows if table != "cards"} == {
        table: count for table, count in rows.items() if table != "cards"
    }
    assert set(first["cards"]) <= set(first["members"])
    assert Database.from_json(SCHEMA, first.to_json()).same_as(first)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 99),
    invariants=st.lists(
        st.sampled_from([cheap_novels, few_points, at_most_one_red, nobody_at_all, books_are_lent, breaks]),
        max_size=3,
        unique=True,
    ),
)
def test_every_invariant_holds_or_is_named(seed: int, invariants: list[Callable[..., list[str]]]) -> None:
    impossible = {check.__name__ for check in invariants} & {"nobody_at_all", "books_are_lent", "breaks"}
    source = Source(SCHEMA, (references, *invariants))
    if impossible:
        with pytest.raises(EigenGraphError) as raised:
            draft_database(source, rows={"members": 3, "books": 4}, seed=seed)
        assert "\n" not in str(raised.value)
        assert all(name in str(raised.value) for name in impossible)
    else:
        drafted = draft_database(source, rows={"members": 3, "books": 4}, seed=seed).database
        assert [text for check in invariants for text in check(drafted)] == []


def test_values_are_what_names_bounds_and_annotations_say() -> None:
    drafted = draft_database(Source(SCHEMA, now="2025-06-02T09:00:00"), rows={"members": 30, "books": 30}).database
    for key, member in drafted["members"].items():
        first, last = member.name.lower().replace("'", "").split()[:2]
        assert member.member_id == key
        assert member.email.startswith(f"{first}.")
        assert last[:2] in member.email
        assert member.email.endswith("@example.com")
        assert "2025-04-02" <= member.joined_on <= "2025-06-02"
    books = drafted["books"].values()
    assert all(book.copies and not book.lent for book in books)
    assert {book.colour for book in books} == set(Colour)
    assert {book.kind for book in books} == {"novel", "atlas"}
    assert any(copy.held_for for book in books for copy in book.copies)
    assert None in {member.favourite for member in drafted["members"].values()}
    assert all(opening.start < opening.end for opening in drafted["openings"].values())


def test_what_cannot_be_drawn_is_said_in_a_line() -> None:
    class Odd(Record):
        number: int

        @model_validator(mode="after")
        def _never(self) -> Odd:
            raise ValueError("not this one")

    class Lost(Record):
        place: Annotated[str, Ref("places")]

    cases: list[tuple[dict[str, Any], dict[str, int], str]] = [
        ({"odds": Odd}, {}, "table 'odds'.*not this one"),
        ({"lost": Lost}, {}, "refers to table 'places', which is not in the schema"),
        (
            {"lost": Lost, "places": Copy, "members": Member, "books": Book},
            {"places": 0},
            "'places', which has no rows",
        ),
        ({"cards": Card}, {}, "the key of table 'cards' is that of 'members'"),
    ]
    for schema, rows, says in cases:
        with pytest.raises(EigenGraphError, match=says):
            draft_database(Source(schema), rows=rows)
    with pytest.raises(UnknownNameError, match="no table book; there are members"):
        draft_database(Source(SCHEMA), rows={"book": 3})


def test_who_refers_to_what_is_complained_of_is_drawn_anew() -> None:
    """The complaint names the member, and only cards could be given away otherwise."""

    class Loan(Record):
        member_id: Annotated[str, Ref("members")]

    def one_each(db: Database, _user: Database | None = None) -> list[str]:
        held = [loan.member_id for loan in db["loans"].values()]
        return [f"{key} has {held.count(key)} loans" for key in db["members"] if held.count(key) > 1]

    schema = {"members": Member, "books": Book, "loans": Loan}
    drafted = draft_database(Source(schema, (references, one_each)), rows={"members": 40, "loans": 8})
    assert one_each(drafted.database) == []
    assert len(drafted.database["loans"]) == 8


def test_what_does_not_fit_is_left_out_where_little_is_lost() -> None:
    class Seat(Record):
        row: int = Field(ge=1, le=10)

    def one_a_row(db: Database, _user: Database | None = None) -> list[str]:
        taken = [seat.row for seat in db["seats"].values()]
        return [f"seat {key} is double" for key, seat in db["seats"].items() if taken.count(seat.row) > 1]

    source = Source({"seats": Seat}, (one_a_row,))
    drafted = draft_database(source, rows={"seats": 11})
    assert one_a_row(drafted.database) == []
    assert drafted.mended.left_out == {"seats": 1}
    with pytest.raises(EigenGraphError, match=r"the invariant one_a_row .*is double"):
        draft_database(source, rows={"seats": 20})


def test_written_fields_are_used_and_bad_ones_drawn() -> None:
    written = {"openings": [{"start": 9, "end": 18}, {"start": "noon", "end": 14}, {"start": 20, "end": 8}, {}]}
    rows = draft_database(Source(SCHEMA), rows={"openings": 6}, written=written).database["openings"]
    first, second, *_ = rows.values()
    assert (first.start, first.end) == (9, 18)
    assert second.end == 14


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("json:dumps", "does not load"),
        ("eigen_graph.core.task", "no 'domain' to draft"),
        ("tests_of_nothing.here", "no module"),
        ("eigen_graph.core.case:PERSONAS", "must map table names to subclasses"),
    ],
)
def test_what_is_no_schema_is_refused(reference: str, says: str) -> None:
    with pytest.raises(EigenGraphError, match=says):
        read_source(reference)


def test_a_domain_is_drafted_by_its_own_invariants() -> None:
    hotel = read_source("hotel")
    assert hotel.invariants[0] is references
    with pytest.raises(EigenGraphError, match="draws gave no database that meets"):  # its money adds up to the cent
        draft_database(hotel, rows=dict.fromkeys(hotel.schema, 2))
