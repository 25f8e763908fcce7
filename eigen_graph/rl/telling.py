"""What a trainer logs, in a line for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

_SPENT = {
    "rollout": ("time/policy_share", "time/user_share", "time/environment_share"),
    "of that the user": ("time/user_share",),
    "update": ("time/update_share",),
}


def progress_line(row: Mapping[str, Any], steps: int, left: float | None) -> str:
    """One step of a training.

    Args:
        row: As `metrics.jsonl` holds it.
        steps: How many there will be.
        left: Seconds to the end, as far as can be told.
    """
    parts = list(_grpo(row) if "groups/rolled" in row else _sft(row))
    if left:
        parts.append(f"{timedelta(seconds=round(left))} left")
    return f"step {row['step']} of {steps}: {', '.join(parts)}"


def _sft(row: Mapping[str, Any]) -> Iterator[str]:
    if (loss := row.get("loss")) is not None:
        yield f"loss {loss:.4f}"
    if (held := row.get("eval_loss")) is not None:
        yield f"held-out loss {held:.4f}"
    if (rate := row.get("tokens_per_second")) is not None:
        yield f"{rate:,.0f} tokens/s"


def _grpo(row: Mapping[str, Any]) -> Iterator[str]:
    if (reward := row.get("reward/raw")) is not None:
        yield f"reward {reward:.3f}"
    yield f"mixed groups {row.get('groups/mixed_share') or 0:.0%}"
    if (faults := row.get("episodes/user_fault_rate")) is not None:
        yield f"user faults {faults:.0%}"
    if (rate := row.get("rollout/tokens_per_second")) is not None:
        yield f"{rate:,.0f} tokens/s"
    shares = {name: sum(row.get(key) or 0.0 for key in keys) for name, keys in _SPENT.items()}
    if shares["rollout"]:
        yield f"time: {', '.join(f'{name} {share:.0%}' for name, share in shares.items())}"
