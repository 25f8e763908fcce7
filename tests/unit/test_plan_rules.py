"""Plan rules: which pairs of plans they are for, and what they change in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.core import PERSONAS
from eigen_graph.graphs.plan_rules import PlanMatch, PlanRule, amended

MANNERS = [*PERSONAS]
PLAN: dict[str, Any] = {
    "id": "p0",
    "clause": "2.1",
    "tools": ["book_room", "find_rooms"],
    "difficulty": "medium",
    "persona": MANNERS[0],
    "synthesis": "A guest books a room.",
    "evaluation": "Watch the price.",
}
difficulties = st.sampled_from(["", "easy", "medium", "hard"])
personas = st.sampled_from(["", *MANNERS[:2]])
matches = st.builds(
    PlanMatch,
    clause=st.sampled_from(["", "2.1", "3"]),
    tool=st.sampled_from(["", "book_room", "find_rooms"]),
    difficulty=difficulties,
    persona=personas,
)
texts = st.sampled_from(["", "More of this.", "Two\nlines."])
rules = st.builds(PlanRule, match=matches, difficulty=difficulties, persona=personas, synthesis=texts, evaluation=texts)


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({}, True),
        ({"clause": "2.1"}, True),
        ({"clause": "2"}, False),
        ({"tool": "book_room"}, True),
        ({"tool": "find_rooms"}, False),  # a plan's first tool is the one that must matter
        ({"difficulty": "medium", "persona": MANNERS[0]}, True),
        ({"difficulty": "medium", "persona": MANNERS[1]}, False),
    ],
)
def test_a_rule_is_for_the_pairs_that_agree_with_it(match: dict[str, str], fits: bool) -> None:  # noqa: FBT001  # a case
    assert PlanMatch.model_validate(match).fits(PLAN) is fits


def test_a_plan_without_tools_is_for_any_tool() -> None:
    bare = {**PLAN, "tools": []}
    assert PlanMatch(clause="2.1").fits(bare)
    assert not PlanMatch(tool="book_room").fits(bare)


def test_texts_are_added_and_the_rest_is_set() -> None:
    rule = PlanRule(difficulty="hard", persona=MANNERS[1], synthesis="They are late.", evaluation="And the tone.")
    assert amended(PLAN, [rule]) == {
        **PLAN,
        "difficulty": "hard",
        "persona": MANNERS[1],
        "synthesis": "A guest books a room.\nThey are late.",
        "evaluation": "Watch the price.\nAnd the tone.",
    }


def test_a_rule_without_texts_before_it_begins_them() -> None:
    assert amended({"clause": "1"}, [PlanRule(synthesis="Be quick.")])["synthesis"] == "Be quick."


def test_the_particular_wins_over_the_general() -> None:
    general, particular = (
        PlanRule(difficulty="easy", synthesis="General."),
        PlanRule(match=PlanMatch(clause="2.1"), difficulty="hard", synthesis="Particular."),
    )
    for order in ([general, particular], [particular, general]):
        changed = amended(PLAN, order)
        assert changed["difficulty"] == "hard"
        assert changed["synthesis"].endswith("General.\nParticular.")


def test_rules_see_the_plan_as_it_was_made() -> None:
    """A rule never makes another one fit: their order among equals would matter."""
    first = PlanRule(match=PlanMatch(difficulty="medium"), difficulty="hard")
    second = PlanRule(match=PlanMatch(difficulty="hard"), synthesis="Never.")
    assert amended(PLAN, [first, second]) == {**PLAN, "difficulty": "hard"}


@given(st.lists(rules, max_size=4, unique_by=lambda rule: rule.match), st.randoms(use_true_random=False))
def test_laws(given_rules: list[PlanRule], rng: Any) -> None:
    """Laws: the plan given stays; nothing but four fields changes; order and what does not fit do not matter."""
    before = {**PLAN, "tools": [*PLAN["tools"]]}
    changed = amended(PLAN, given_rules)
    assert before == PLAN
    assert {name for name in PLAN if changed[name] != PLAN[name]} <= {
        "difficulty",
        "persona",
        "synthesis",
        "evaluation",
    }
    assert changed.keys() == PLAN.keys()
    shuffled = [*given_rules]
    rng.shuffle(shuffled)
    assert amended(PLAN, shuffled) == changed
    assert amended(PLAN, [rule for rule in given_rules if not rule.empty and rule.match.fits(PLAN)]) == changed
    if not any(rule.match.fits(PLAN) for rule in given_rules):
        assert changed == PLAN


@given(rules)
def test_json_round_trip(rule: PlanRule) -> None:
    assert PlanRule.model_validate_json(rule.model_dump_json()) == rule


def test_faults_in_words() -> None:
    wrong = PlanRule(match=PlanMatch(persona="rude"), persona="ruder")
    assert [fault.partition(";")[0] for fault in wrong.faults()] == ["no persona 'rude'", "no persona 'ruder'"]
    assert PlanRule(persona=MANNERS[0]).faults() == []


def test_a_match_in_words() -> None:
    assert str(PlanMatch()) == "all"
    assert str(PlanMatch(clause="2.1", difficulty="hard")) == "clause 2.1, difficulty hard"
