"""Drawing tokens, each row by random numbers of its own, so that who else is in the batch changes nothing."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

_SEEDS = 2**63


@dataclass(frozen=True)
class Draw:
    """One turn to generate."""

    prompt: Sequence[int]
    max_new_tokens: int
    temperature: float = 1.0
    """0: the likeliest token, always."""
    top_p: float = 1.0
    seed: int | None = None
    """None: drawn anew each time."""


class Drawn(NamedTuple):
    """A turn that was generated."""

    ids: list[int]
    """With the stop token, if it was reached."""
    logprobs: list[float]
    """Of each token under the distribution that it was drawn from; at temperature 0, under the model's own."""


class Dice:
    """The random numbers and sampling settings of a batch's rows, as tensors."""

    def __init__(self, draws: Sequence[Draw], device: Any) -> None:
        longest = max(draw.max_new_tokens for draw in draws)
        self._numbers = torch.zeros(len(draws), longest, dtype=torch.float64)
        for row, draw in enumerate(draws):
            if draw.temperature > 0:
                seed = secrets.randbits(63) if draw.seed is None else draw.seed % _SEEDS
                generator = torch.Generator().manual_seed(seed)
                # Drawn on the CPU: a seed means the same on every machine.
                numbers = torch.rand(draw.max_new_tokens, generator=generator, dtype=torch.float64)
                self._numbers[row, : draw.max_new_tokens] = numbers
        self._numbers = self._numbers.to(device)
        heat = torch.tensor([draw.temperature for draw in draws], device=device)
        self._greedy = heat == 0
        self._heat = torch.where(self._greedy, torch.ones_like(heat), heat)[:, None]
        self._top_p = torch.tensor([draw.top_p for draw in draws], device=device)[:, None]
        self._cuts = any(draw.top_p < 1 for draw in draws)

    def keep(self, rows: Any) -> None:
        """Go on with these rows only."""
        self._numbers, self._greedy = self._numbers[rows], self._greedy[rows]
        self._heat, self._top_p = self._heat[rows], self._top_p[rows]

    def throw(self, logits: Any, step: int) -> tuple[Any, Any]:
        """The next token of each row, and its log probability.

        Args:
            logits: Of the next token, rows x vocabulary.
            step: How many tokens have been drawn before.
        """
        logps = torch.log_softmax(logits.float() / self._heat, dim=-1)
        likeliest = logps.argmax(dim=-1)
        if self._cuts:
            logps = self._nucleus(logps)
        heaped = logps.double().exp().cumsum(dim=-1)
        # The first token whose share of the line from 0 to 1 lies beyond the number: never one of probability 0.
        target = self._numbers[:, step : step + 1] * heaped[:, -1:]
        drawn = torch.searchsorted(heaped, target, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)
        tokens = torch.where(self._greedy, likeliest, drawn)
        return tokens, logps.gather(-1, tokens[:, None]).squeeze(-1)

    def _nucleus(self, logps: Any) -> Any:
        """The likeliest tokens that together have `top_p`, the others impossible."""
        ordered, places = logps.sort(dim=-1, descending=True)
        before = ordered.exp().cumsum(dim=-1) - ordered.exp()
        # At least the likeliest stays; rows without a cut, and greedy ones, stay as they are.
        out = (before >= self._top_p) & (self._top_p < 1) & ~self._greedy[:, None]
        out[:, 0] = False
        kept = ordered.masked_fill(out, -torch.inf)
        return torch.empty_like(logps).scatter_(-1, places, torch.log_softmax(kept, dim=-1))
