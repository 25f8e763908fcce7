"""What a trainer logs, in a line for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any


def progress_line(row: Mapping[str, Any], steps: int, left: float | None) -> str:
    """One step of a training.

    Args:
        row: As `metrics.jsonl` holds it.
        steps: How many there will be.
        left: Seconds to the end, as far as can be told.
    """
    parts = list(_grpo(row) if "reward" in row or "reward/raw" in row else _sft(row))
    if (rate := row.get("tokens_per_second")) is not None:
        parts.append(f"{rate:,.0f} tokens/s")
    if left is not None:
        parts.append(f"{timedelta(seconds=round(left))} left")
    return f"step {row['step']} of {steps}: {', '.join(parts)}"


def _sft(row: Mapping[str, Any]) -> Iterator[str]:
    if (loss := row.get("loss")) is not None:
        yield f"loss {loss:.4f}"
    if (held := row.get("eval_loss")) is not None:
        yield f"held-out loss {held:.4f}"


def _grpo(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"reward {row.get('reward/raw', row.get('reward')) or 0:.3f}"
