"""Arguments to try tools with: plausible ones, found among the records, and rubbish."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from eigen_graph.core import Database, Record

_RUBBISH: Final[tuple[Any, ...]] = (
    *(None, "", "no such thing", "\x00", "Ω" * 3000, "2025-02-30", "NaN"),
    *(-1, 0, 10**12, float("nan"), float("inf"), True),
    *([], {}, ["x", 1], {"a": {"b": []}}),
)
_LIKELY_NUMBERS: Final = (0, 1, 2, 10)


class Suggester:
    """Finds arguments for a tool among the records of a database."""

    def __init__(self, database: Database, rng: random.Random) -> None:
        self.rng = rng
        self._holders: dict[str, list[Record]] = {}
        """Records that have a field of this name."""
        self._keys = [key for table in database.values() for key in table]
        for table in database.values():
            for field in table.record_type.model_fields:
                self._holders.setdefault(field, []).extend(table.values())

    def plausible(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments that belong together where possible: fields of one record, and of records that share a value."""
        properties: Mapping[str, Any] = parameters.get("properties", {})
        required = set(parameters.get("required", ()))
        known: dict[str, Any] = {}
        return {
            name: self._value(name, schema, known)
            for name, schema in properties.items()
            if name in required or self.rng.random() < 0.5  # noqa: PLR2004  # optional arguments now and then
        }

    def rubbish(self, parameters: Mapping[str, Any]) -> Iterator[Any]:
        """Arguments that no sane caller sends, alone and beside plausible ones; text that is no object, too."""
        properties: Mapping[str, Any] = parameters.get("properties", {})
        yield from ("not JSON", {}, {"no_such_argument": 1})
        for value in _RUBBISH:
            yield dict.fromkeys(properties, value)
        for name in properties:
            yield {**self.plausible(parameters), name: self.rng.choice(_RUBBISH)}

    def _value(self, name: str, schema: Mapping[str, Any], known: dict[str, Any]) -> Any:
        options = [schema, *schema.get("anyOf", ())]
        for option in options:
            if choices := option.get("enum"):
                return self.rng.choice(choices)
        if holders := self._holders.get(name):
            related = [
                record
                for record in self.rng.sample(holders, min(40, len(holders)))
                if any(known.get(field) == value for field, value in record if field in known)
            ]
            record = self.rng.choice(related or holders)
            known.update({field: value for field, value in record if field not in known})
            return record.model_dump(mode="json")[name]
        return self._of_kind({option.get("type") for option in options})

    def _of_kind(self, kinds: set[Any]) -> Any:
        if "boolean" in kinds:
            return self.rng.random() < 0.5  # noqa: PLR2004  # a coin
        if kinds & {"integer", "number"}:
            return self.rng.choice(_LIKELY_NUMBERS)
        if "object" in kinds:
            return {}
        key = self.rng.choice(self._keys) if self._keys else "something"
        return [key] if "array" in kinds else key
