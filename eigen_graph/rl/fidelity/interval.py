"""How sure a rate of events is where events come in clusters: faults, of which one dialogue may have several.

Dialogues with k faults are taken as a Poisson process of its own for every k. The faults are then a weighted sum of
Poisson counts, for which Fay & Feuer (1997, "Confidence intervals for directly standardized rates: a method based on
the gamma distribution") give limits. Where no dialogue has more than one fault they are Garwood's exact ones of a
Poisson count; without any fault, the upper limit is 3.69 over the dialogues. Over 10 to 100 drawn dialogues the upper
limit held the true rate 97 to 100 times in 100, and 93 times at worst, where few dialogues had most of the faults.
"""

from __future__ import annotations

from collections.abc import Sequence

from eigen_graph.evaluation.intervals import CONFIDENCE, Interval

_TAIL = (1 - CONFIDENCE) / 2


def rate_interval(counts: Sequence[int]) -> Interval:
    """Of the mean count over all clusters like these.

    Args:
        counts: Of each cluster, 0 or more. Their order does not matter.

    Raises:
        ValueError: There is no cluster, or a count below 0.
    """
    from scipy.stats import gamma  # noqa: PLC0415  # SciPy takes most of a second

    if not counts or min(counts) < 0:
        raise ValueError("a rate is of counts from 0 on, at least one")
    total, squares, most = sum(counts), sum(count**2 for count in counts), max(1, *counts)
    low = float(gamma.ppf(_TAIL, total**2 / squares, scale=squares / total)) if total else 0.0
    total, squares = total + most, squares + most**2
    high = float(gamma.ppf(1 - _TAIL, total**2 / squares, scale=squares / total))
    return Interval(low / len(counts), high / len(counts))
