"""Keys and references said in annotations, and databases as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

from eigen_graph.core import Database, EigenGraphError, Key, Record, Ref, read_database, references, write_database


class Guest(Record):
    guest_id: Annotated[str, Key("G")]


class Night(Record):
    slept: Annotated[str, Ref("guests")] | None = None


class Stay(Record):
    guest: Annotated[str, Ref("guests")]
    others: tuple[Annotated[str, Ref("guests")], ...] = ()
    pair: tuple[str, Annotated[str, Ref("guests")]] | None = None
    nights: tuple[Night, ...] = ()
    place: Annotated[str, Ref("places")] | None = None


SCHEMA: dict[str, type[Record]] = {"guests": Guest, "stays": Stay}
GUESTS: dict[str, Record] = {"G1": Guest(guest_id="G1")}


def database(**fields: Any) -> Database:
    return Database(SCHEMA, {"guests": GUESTS, "stays": {"S": Stay(**{"guest": "G1", **fields})}})


@pytest.mark.parametrize(
    "fields",
    [
        {"guest": "G2"},
        {"others": ("G1", "G2")},
        {"pair": ("G1", "G2")},
        {"nights": (Night(), Night(slept="G2"))},
    ],
)
def test_a_reference_to_nothing_is_found_wherever_it_stands(fields: dict[str, Any]) -> None:
    (field,) = fields
    assert references(database(**fields)) == [f"stays 'S': {field} refers to guests 'G2', which is not there"]


def test_what_resolves_is_no_complaint() -> None:
    sound = database(others=("G1",), pair=("anything", "G1"), nights=(Night(slept="G1"), Night()))
    assert references(sound) == []
    assert references(sound, sound) == []


def test_a_record_under_another_key_and_a_table_that_is_not_there() -> None:
    assert references(database(place="P1")) == ["stays 'S': place refers to table 'places', which is not there"]
    swapped = Database(SCHEMA, {"guests": {"G2": Guest(guest_id="G1")}})
    assert references(swapped) == ["guests 'G2' calls itself 'G1'"]


def test_a_database_comes_back_from_its_file(tmp_path: Path) -> None:
    write_database(database(others=("G1",)), tmp_path / "db.json")
    assert read_database(SCHEMA, tmp_path / "db.json").same_as(database(others=("G1",)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is no JSON"),
        ("[]", "tables by name"),
        ('{"guests": []}', "tables by name"),
        ('{"gests": {}}', "no table gests in the schema"),
        ('{"stays": {"S": {"guest": 3}}}', "stays 'S': guest: Input should be a valid string"),
        ('{"stays": {"S": 3}}', "stays 'S': the record"),
        (None, "cannot read .*No such file"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, text: str | None, says: str) -> None:
    file = tmp_path / "db.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(EigenGraphError, match=says) as raised:
        read_database(SCHEMA, file)
    assert "eigen-graph domains draft" in str(raised.value)
    assert "\n" not in str(raised.value)
