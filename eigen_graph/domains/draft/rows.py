"""One record at a time: its key and references, then what annotations, bounds, examples and names say."""

from __future__ import annotations

import random
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Union, get_args, get_origin

import annotated_types
from faker import Faker
from polyfactory.exceptions import FactoryException
from polyfactory.factories.pydantic_factory import ModelFactory
from pydantic import BaseModel, ValidationError

from eigen_graph.core import EigenGraphError, Record, Ref
from eigen_graph.core.reference import key_field
from eigen_graph.domains.draft.words import DAYS, Words

_TRIES: Final = 60
_NONE: Final = 0.3
"""How often a field that may be None is."""
_MANY: Final = 3
"""Items in a tuple that no bound holds, at most."""
_REACH: Final = 100
"""How far numbers go that no bound holds."""
_LEAVE: Final = object()
"""For polyfactory to draw: patterns, enumerations, decimals, and whatever else it knows."""


@dataclass(frozen=True)
class _Spot:
    """Where a value goes."""

    field: str
    record: str
    key: str
    row: Mapping[str, Any]


class Drawer:
    """Draws records; the same calls in the same order give the same records.

    Args:
        schema: Record type of each table.
        keys: Keys of each table: what references choose from.
        seed: Where chance begins.
        now: The domain's present, ISO 8601.
    """

    def __init__(
        self, schema: Mapping[str, type[Record]], keys: Mapping[str, Sequence[str]], *, seed: int, now: str
    ) -> None:
        self.rng = random.Random(seed)
        self._schema, self._keys = schema, keys
        self._faker = Faker("en_GB", use_weighting=False)
        self._faker.seed_instance(seed)
        self._now = datetime.fromisoformat(now)
        self._words = Words(self._faker, self.rng, self._now)
        self._factories: dict[type[BaseModel], Any] = {}

    def record(self, table: str, key: str, given: Mapping[str, Any] | None = None) -> Any:
        """A record.

        Args:
            table: For which table.
            key: Its key.
            given: Fields that are not to be drawn; one that does not fit is drawn after all.

        Raises:
            EigenGraphError: No draw passes the record's own validation.
        """
        kind, given, reason = self._schema[table], dict(given or {}), ""
        for _ in range(_TRIES):
            try:
                return self._build(kind, key, given)
            except ValidationError as error:
                fault = error.errors(include_url=False, include_input=False)[0]
                reason = f"{'.'.join(map(str, fault['loc'])) or 'the record'}: {fault['msg']}"
                for unfit in error.errors():
                    given.pop(str(unfit["loc"][0]) if unfit["loc"] else next(iter(given), ""), None)
            except FactoryException as error:
                reason = " ".join(str(error).split())
        raise EigenGraphError(
            f"table {table!r}: {_TRIES} draws gave no {kind.__name__} that passes its own validation ({reason}); "
            f"bound its fields by Field(ge=..., le=...), or list good values in Field(examples=[...])"
        )

    def _build(self, kind: type[BaseModel], key: str, given: Mapping[str, Any]) -> Any:
        row: dict[str, Any] = {}
        own = key_field(kind)
        for name, field in kind.model_fields.items():
            if name == own:
                row[name] = key
            elif name in given:
                row[name] = given[name]
            elif field.is_required():
                spot = _Spot(name, kind.__name__, key, row)
                value = (
                    self.rng.choice(field.examples)
                    if field.examples
                    else self._value(field.annotation, tuple(field.metadata), spot)
                )
                if value is not _LEAVE:
                    row[name] = value
        if kind not in self._factories:
            options: dict[str, Any] = {"__random__": self.rng, "__faker__": self._faker, "__use_defaults__": True}
            self._factories[kind] = ModelFactory.create_factory(kind, **options)
        return self._factories[kind].build(**row)

    def _value(self, annotation: Any, metadata: tuple[Any, ...], spot: _Spot) -> Any:  # noqa: PLR0911  # a kind a line
        if get_origin(annotation) is Annotated:
            annotation, *more = get_args(annotation)
            return self._value(annotation, (*metadata, *more), spot)
        if get_origin(annotation) in {Union, types.UnionType}:
            kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
            if len(kinds) < len(get_args(annotation)) and self.rng.random() < _NONE:
                return None
            return self._value(self.rng.choice(kinds), metadata, spot)
        if reference := next((mark for mark in metadata if isinstance(mark, Ref)), None):
            return self._target(reference.table, spot)
        if get_origin(annotation) is tuple:
            return self._tuple(get_args(annotation), metadata, spot)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self._build(annotation, spot.key, {})
        bounds = _Bounds.of(metadata)
        return _LEAVE if bounds is None else self._plain(annotation, bounds, spot)

    def _plain(self, annotation: Any, bounds: _Bounds, spot: _Spot) -> Any:
        if annotation is str and not bounds.given:
            return self._words.of(spot.field, spot.record, spot.key, spot.row)
        if annotation in {int, float}:
            return self._number(annotation, bounds)
        if annotation in {date, datetime}:
            return self._moment(annotation, bounds)
        return _LEAVE

    def _target(self, table: str, spot: _Spot) -> str:
        if table not in self._keys:
            raise EigenGraphError(f"{spot.record}.{spot.field} refers to table {table!r}, which is not in the schema")
        if not self._keys[table]:
            raise EigenGraphError(
                f"{spot.record}.{spot.field} refers to table {table!r}, which has no rows: give it some"
            )
        return self.rng.choice(self._keys[table])

    def _tuple(self, kinds: tuple[Any, ...], metadata: tuple[Any, ...], spot: _Spot) -> Any:
        if kinds[1:] == (...,):
            least = next((mark.min_length for mark in metadata if hasattr(mark, "min_length")), 0)
            most = next((mark.max_length for mark in metadata if getattr(mark, "max_length", None) is not None), _MANY)
            kinds = kinds[:1] * self.rng.randint(least, max(least, most))
        items = tuple(self._value(kind, (), spot) for kind in kinds)
        if any(item is _LEAVE for item in items):
            return _LEAVE
        return tuple(dict.fromkeys(items)) if all(isinstance(item, str) for item in items) else items

    def _number(self, kind: type, bounds: _Bounds) -> float:
        low = bounds.low if bounds.low is not None else min(0, bounds.high - _REACH if bounds.high is not None else 0)
        high = bounds.high if bounds.high is not None else low + _REACH
        return self.rng.randint(int(low), int(high)) if kind is int else round(self.rng.uniform(low, high), 2)

    def _moment(self, kind: type, bounds: _Bounds) -> Any:
        now: Any = self._now if kind is datetime else self._now.date()
        high = bounds.high if bounds.high is not None else max(now, bounds.low) if bounds.low is not None else now
        low = bounds.low if bounds.low is not None else high - timedelta(days=DAYS)
        if kind is date:
            return low + timedelta(days=self.rng.randint(0, (high - low).days))
        return low + timedelta(minutes=self.rng.randint(0, int((high - low).total_seconds() // 60)))


@dataclass(frozen=True)
class _Bounds:
    """From where to where a value goes; one that just misses an open bound is refused, and drawn again."""

    low: Any = None
    high: Any = None

    @property
    def given(self) -> bool:
        return self.low is not None or self.high is not None

    @staticmethod
    def of(metadata: tuple[Any, ...]) -> _Bounds | None:
        """The bounds; None when there is a constraint of another kind."""
        low = high = None
        for mark in metadata:
            if isinstance(mark, annotated_types.Ge | annotated_types.Gt):
                low = mark.ge if isinstance(mark, annotated_types.Ge) else mark.gt
            elif isinstance(mark, annotated_types.Le | annotated_types.Lt):
                high = mark.le if isinstance(mark, annotated_types.Le) else mark.lt
            else:
                return None
        return _Bounds(low, high)
