"""What a run plans for: everything, or the clauses and difficulties it was asked for."""

from __future__ import annotations

import pytest

from eigen_graph.core import UnknownNameError
from eigen_graph.domains import load_domain
from eigen_graph.graphs import Context, planner
from eigen_graph.graphs.coverage import covering_rows, targets


def test_every_target_comes_first_once() -> None:
    domain = load_domain("broadband")
    pairs = targets(domain)
    rows = covering_rows(domain, len(pairs), seed=3)
    assert {(row.clause, row.tool) for row in rows} == set(pairs)


def test_rows_keep_to_the_clauses_and_difficulties_asked_for() -> None:
    domain = load_domain("broadband")
    rows = covering_rows(domain, 50, seed=1, clauses=("1", "20"), difficulties=("easy",))
    assert {row.clause for row in rows} == {"1", "20"}
    assert {row.difficulty for row in rows} == {"easy"}
    assert len({row.persona for row in rows}) > 1


def test_an_unknown_clause_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match=r"no clause '99'; it has 1, 2, 3"):
        covering_rows(load_domain("broadband"), 4, seed=0, clauses=("2", "99"))


async def test_the_planner_plans_for_what_its_context_asks() -> None:
    context = Context(domain="broadband", clauses=("20",), difficulties=("easy", "hard"))
    plans = (await planner.ainvoke({"count": 12, "seed": 5}, context=context))["plans"]
    assert {plan["clause"] for plan in plans} == {"20"}
    assert {plan["difficulty"] for plan in plans} == {"easy", "hard"}


async def test_an_unknown_clause_is_refused_before_anything_is_written() -> None:
    with pytest.raises(UnknownNameError, match="no clause 'x'"):
        await Context(domain="broadband", clauses=("x",)).preflight()
