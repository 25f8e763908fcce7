"""What was worked out lately and may be asked for again: in a trial, two arms meet the same tasks."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")
_MAX_KEPT = 4096


class Kept(Generic[V]):
    """The latest values by name, for as long as the process lives."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, V] = OrderedDict()

    def get(self, name: str) -> V | None:
        """The value under a name."""
        return self._values.get(name)

    def put(self, name: str, value: V) -> V:
        """Keep a value; it is given back."""
        self._values[name] = value
        if len(self._values) > _MAX_KEPT:
            self._values.popitem(last=False)
        return value
