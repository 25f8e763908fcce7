"""Dialogues in compressed pieces: a page holds thousands, and a browser unpacks only those that are looked at."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from pydantic import BaseModel

from eigen_graph.report.data import Dialogue
from eigen_graph.runs.schema import storable

_LEVEL = 6


def packed(dialogues: Iterable[Dialogue], size: int) -> Iterator[str]:
    """Pieces of so many dialogues each, in order: JSON lists, gzip, base64. Never more than one piece is in memory.

    The same dialogues give the same pieces, to the byte.
    """
    rest = iter(dialogues)
    while texts := [to_json(one) for one in islice(rest, size)]:
        data = gzip.compress(f"[{','.join(texts)}]".encode(), _LEVEL, mtime=0)
        yield base64.b64encode(data).decode("ascii")


def unpacked(piece: str) -> list[Dialogue]:
    """Inverse of `packed`, of one piece."""
    return [Dialogue.model_validate(data) for data in json.loads(gzip.decompress(base64.b64decode(piece)))]


def to_json(value: BaseModel) -> str:
    """JSON that every browser reads, whatever a model has written: no lone surrogates, no number that is none."""
    data = value.model_dump(by_alias=True)
    try:
        text = _dumped(data)
    except ValueError:
        text = _dumped(_finite(data))
    return storable(text)


def _dumped(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    """The same with infinities and the like as text, as Python's JSON spells them."""
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
