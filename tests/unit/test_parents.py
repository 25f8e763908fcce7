"""Which generation is patched next, and which are given up."""

from __future__ import annotations

import random
from collections import Counter

from eigen_graph.graphs.evolving.parents import retired, sample_parent
from eigen_graph.runs.lineage import GenerationRow


def generation(number: int, score: float, *, live: bool = True, champion: bool = False) -> GenerationRow:
    return GenerationRow(number=number, blueprint={}, digest="", score=score, live=live, champion=champion)


def test_the_best_is_drawn_most_and_the_others_too() -> None:
    family = [
        generation(0, 1.0),
        generation(1, 1.10),
        generation(2, 1.12, champion=True),
        generation(3, 2.0, live=False),
    ]
    drawn = Counter(sample_parent(family, random.Random(seed)).number for seed in range(2000))
    assert set(drawn) == {0, 1, 2}
    assert drawn[2] > drawn[1] > drawn[0]
    assert drawn[0] > 2000 * 0.3 / 3 * 0.8  # the even share alone


def test_an_only_generation_is_its_own_parent() -> None:
    assert sample_parent([generation(0, 0.0)], random.Random(0)).number == 0


def test_the_worst_of_too_many_are_given_up_and_never_the_champion() -> None:
    family = [generation(0, 1.0), generation(1, 1.3), generation(2, 0.9, champion=True)]
    assert [row.number for row in retired(family, 1)] == [1, 0]
    assert [row.number for row in retired(family, 2)] == [0]
    assert retired(family, 3) == []
