"""Lines for people while a long report is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Tell = Callable[[str], None]
T = TypeVar("T")
_EVERY_S = 5.0


def every(items: Sequence[T], what: str, tell: Tell) -> Iterator[T]:
    """The items, and now and then a line that says how far it is."""
    told = time.monotonic()
    for done, item in enumerate(items):
        if (now := time.monotonic()) - told >= _EVERY_S:
            told = now
            tell(f"{what}: {done:,} of {len(items):,}")
        yield item
