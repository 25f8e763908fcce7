"""Which generation is patched next, when several live."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from eigen_graph.runs.lineage import GenerationRow

_UNIFORM = 0.3
_SHARPNESS = 0.2
"""AFlow's mixture: this much even chance, the rest by the score in percent (arXiv 2410.10762, section 3.3)."""


def sample_parent(generations: Sequence[GenerationRow], rng: random.Random) -> GenerationRow:
    """One of the living generations: the best most often, the others now and then, so that several ways are tried."""
    living = [generation for generation in generations if generation.live]
    scores = [100 * (generation.score or 0.0) for generation in living]
    weights = [math.exp(_SHARPNESS * (score - max(scores))) for score in scores]
    mixed = [_UNIFORM / len(living) + (1 - _UNIFORM) * weight / sum(weights) for weight in weights]
    return rng.choices(living, weights=mixed)[0]


def retired(generations: Sequence[GenerationRow], keep: int) -> list[GenerationRow]:
    """The living generations that are one too many: all but the champion and the best of the others."""
    living = sorted(
        (generation for generation in generations if generation.live),
        key=lambda generation: (not generation.champion, -(generation.score or 0.0), -generation.number),
    )
    return living[keep:]
