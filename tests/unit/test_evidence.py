"""Evidence: everything is counted, the place is found, the telling cases are shown, and nothing makes it large."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from generations import Generation, generation
from hypothesis import given, settings
from hypothesis import strategies as st

from eigen_graph.core import Database, Domain, Policy, Side
from eigen_graph.graphs.evolving.blueprint import Blueprint
from eigen_graph.graphs.evolving.evidence import MAX_TOKENS, gather
from eigen_graph.graphs.evolving.patch import Patch
from eigen_graph.graphs.evolving.report import Evidence
from eigen_graph.runs import Attempt, InstanceRow, PlanRow

DOMAIN = Domain("bare", Policy("1. Be kind.\n2. Be quick.\n3. Be right."), Side(Database({}, {}), ()))
MENDING = Patch.from_json(
    {
        "ops": [
            {
                "op": "add_node",
                "name": "mender",
                "kind": "repair",
                "after": {"source": "reviewer", "outcome": "repair"},
                "routes": {"finished": "judge"},
            }
        ]
    }
).apply(Blueprint())
SAYS = {"role": "assistant", "content": "I have cancelled it."}
CALLS = {"role": "assistant", "tool_calls": [{"function": {"name": "cancel", "arguments": '{"id": "B1"}'}}]}


@pytest.fixture(scope="module", params=[("hotel", 100), ("broadband", 60)], ids=["hotel", "broadband"])
def real(request: pytest.FixtureRequest) -> Generation:
    return generation(*request.param)


def row(number: int = 0, **fields: Any) -> InstanceRow:
    given = {"id": f"g0-{number:06d}", "generation": 0, "index": number, "plan_id": "p", "fate": "rejected"}
    return InstanceRow.from_json(given | {"stage": "reviewer", "blame": "agent"} | fields)


def report(*rows: InstanceRow, blueprint: Blueprint | None = None, **fields: Any) -> Evidence:
    return gather(rows, blueprint=blueprint or Blueprint(), domain=DOMAIN, **fields)


def reviewed(decision: str, **fields: Any) -> dict[str, Any]:
    return {"stage": "reviewer", "review": {"decision": decision, "evidence": []}, **fields}


def on_clause(*clauses: str, **tags: Any) -> dict[str, Any]:
    return {"eigen": {"clauses": list(clauses), **tags}}


# A real generation


def test_everything_is_counted(real: Generation) -> None:
    found = real.evidence()
    assert found.tried == len(real.rows) == found.accepted + found.rejected + found.dropped
    failed = [row for row in real.rows if row.fate != "accepted"]
    assert sum(group.count for group in found.groups) + found.other_failures == len(failed) > 5
    attempts = [attempt for row in real.rows for attempt in row.attempts]
    assert sum(redone.count for redone in found.redone) == len(attempts) > 5
    assert found.plays == len(real.rows) + len(attempts)
    assert found.cost == sum(real.costs.values())
    assert found.cost_per_accepted == pytest.approx(found.cost / found.accepted)
    assert set(found.cost_by_role) == {"writer", "user", "agent", "reviewer"}
    assert sum(found.cost_by_role.values()) == pytest.approx(1, abs=1e-3)


def test_every_failure_is_at_an_edge_of_the_workflow(real: Generation) -> None:
    for group in real.evidence().groups:
        assert Blueprint().workflow.targets(group.node)[group.outcome] == group.leads_to
        assert group.spent == (group.leads_to != "reject")
        assert group.examples
        assert group.cost


def test_the_order_of_rows_does_not_matter(real: Generation) -> None:
    rows = list(real.rows)
    random.Random(1).shuffle(rows)
    fields: Any = {"costs": real.costs, "usage": reversed(real.usage), "plans": reversed(real.plans)}
    assert gather(rows, blueprint=Blueprint(), domain=real.domain, **fields) == real.evidence()


def test_a_report_is_far_smaller_than_its_bound(real: Generation) -> None:
    assert len(json.dumps(real.evidence().to_json())) < 2 * MAX_TOKENS
    assert Evidence.model_validate(real.evidence().to_json()) == real.evidence()


# Where it ended


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"stage": "scenario", "reason": "no valid task"}, "scenario.failed -> reject"),
        ({"stage": "scenario"}, "scenario.written -> checker: no visit left"),
        ({"stage": "checker", "reason": "a mutant lives"}, "checker.unproven -> scenario: no visit left"),
        ({"stage": "checker"}, "checker.proven -> dialogue: no visit left"),
        ({"stage": "dialogue"}, "dialogue.finished -> judge: no visit left"),
        ({"stage": "judge", "verdict": {"reward": 0}}, "judge.fail -> reviewer: no visit left"),
        ({"stage": "judge", "verdict": {"reward": 1.0}}, "judge.pass -> reviewer: no visit left"),
        (reviewed("repair"), "reviewer.repair -> dialogue: no visit left"),
        (reviewed("reject"), "reviewer.reject -> reject"),
        (reviewed("accept"), "reviewer.accept -> accept"),
        ({"stage": "verifier", "reason": "a step is missing"}, "verifier.flawed -> reject"),
        ({"stage": "dialogue", "fate": "dropped", "blame": "infrastructure"}, "dialogue: server failed"),
    ],
)
def test_the_last_edge_follows_from_what_was_left(fields: dict[str, Any], place: str) -> None:
    (group,) = report(row(**fields)).groups
    assert group.place == place
    assert group.spent == ("no visit left" in place)


def test_nodes_have_the_names_that_the_blueprint_gives_them() -> None:
    (group,) = report(row(**reviewed("repair")), blueprint=MENDING).groups
    assert (group.node, group.leads_to, group.spent) == ("reviewer", "mender", True)
    (group,) = report(row(stage="repair"), blueprint=MENDING).groups
    assert group.place == "mender.finished -> judge: no visit left"


def test_what_was_done_over_is_counted_cured_or_not() -> None:
    trajectory = {"messages": [SAYS] * 4}
    done = {"trajectory": trajectory, "verdict": {"reward": 0}, "blame": "agent"}
    again = Attempt.from_json(reviewed("repair", **done) | {"review": {"decision": "repair", "evidence": [3, 1, 9]}})
    unread = Attempt.from_json({"stage": "judge", **done})
    rewritten = Attempt.from_json({"stage": "checker", **done, "review": {"decision": "reject"}, "blame": "task"})
    rows = [row(0, fate="accepted", attempts=[again, unread]), row(1, attempts=[again, rewritten])]
    found = report(*rows).redone
    assert [(r.blame, r.node, r.outcome, r.leads_to, r.count, r.cured, r.kept) for r in found] == [
        ("agent", "reviewer", "repair", "dialogue", 2, 1, 0.25),
        ("agent", "judge", "fail", "reviewer", 1, 1, None),
        ("task", "reviewer", "reject", "reject", 1, 0, None),
    ]
    assert [r.failed for r in found] == [2, 1, 1]


def test_without_costs_nothing_is_said_of_them() -> None:
    found = report(row(), row(1, fate="accepted", blame=None))
    assert (found.cost, found.cost_per_accepted, found.groups[0].cost, found.cost_by_role) == (None, None, None, {})
    priced = report(row(), row(1, fate="accepted", blame=None), costs={"g0-000000": 3.0}, unit="USD")
    assert (priced.cost, priced.cost_per_accepted, priced.groups[0].cost, priced.unit) == (3.0, 3.0, 3.0, "USD")


def test_a_generation_without_instances_has_a_report() -> None:
    found = report(costs={})
    assert (found.tried, found.groups, found.cost, found.cost_per_accepted) == (0, [], 0.0, None)


# What failures have in common


def spread(failures: list[int]) -> list[InstanceRow]:
    """Eighty instances of four clauses in turn; those of these numbers fail."""
    return [
        row(
            n,
            task=on_clause(str(1 + n % 4), difficulty=["easy", "hard"][n // 4 % 2]),
            **reviewed("repair"),
            fate="rejected" if n in failures else "accepted",
        )
        for n in range(80)
    ]


def test_the_clause_that_failures_share_is_found() -> None:
    found = report(*spread([2, 6, 10, 14, 22, 30, 41, 55]))
    (group,) = found.groups
    assert group.place == "reviewer.repair -> dialogue: no visit left, clause 3"
    (trait,) = group.especially
    assert (trait.what, trait.which, trait.failures, trait.of) == ("clause", "3", 6, 20)
    assert group.examples[0].clauses == ["3"]
    first = found.clauses[0]
    assert (first.clause, first.text, first.tried, first.failed) == ("3", "Be right.", 20, 6)


def test_failures_that_share_nothing_are_not_said_to() -> None:
    rng = random.Random(7)
    said = sum(bool(report(*spread(rng.sample(range(80), 8))).groups[0].especially) for _ in range(200))
    assert said <= 0.05 * 200


def test_a_plan_says_what_a_task_that_was_never_written_was_to_be() -> None:
    plan = PlanRow(id="p", generation=0, index=0, clause="2", tools=("look",), difficulty="hard", persona="terse")
    assert report(row(stage="scenario", reason="no"), plans=[plan]).clauses[0].clause == "2"


def test_examples_show_the_messages_and_the_verdict() -> None:
    verdict = {
        "reward": 0,
        "parts": [
            {"name": "db", "passed": True, "reason": ""},
            {"name": "said", "passed": False, "reason": "not said: 5"},
        ],
    }
    told = reviewed("repair", trajectory={"messages": [SAYS, CALLS]}, verdict=verdict, evidence=[1, 0, 1, 7])
    (example,) = report(row(task=on_clause("1"), reason="it lied", **told)).groups[0].examples
    assert example.shown == ['agent: cancel({"id": "B1"})', "agent: I have cancelled it."]
    assert (example.reason, example.verdict, example.clauses) == ("it lied", "said: not said: 5", ["1"])


def test_examples_are_of_different_clauses_first() -> None:
    clauses = ["1", "1", "1", "2", "3"]
    rows = [row(n, task=on_clause(clause), **reviewed("reject")) for n, clause in enumerate(clauses)]
    (group,) = report(*rows).groups
    assert [example.clauses for example in group.examples] == [["1"], ["2"], ["3"]]


def test_surviving_mutants_are_counted_by_kind() -> None:
    def checker(*kinds: str) -> dict[str, Any]:
        return {"proof": {"survivors": [{"kind": kind, "description": f"a {kind} write"} for kind in kinds]}}

    rows = [row(0, checker=checker("dropped", "doubled"), kill_rate=0.9), row(1, checker=checker("doubled"))]
    found = report(*rows)
    assert [(s.kind, s.count, s.example) for s in found.survivors] == [
        ("doubled", 2, "a doubled write"),
        ("dropped", 1, "a dropped write"),
    ]
    assert found.kill_rate == 0.9


# Whatever the rows hold

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NASTY = st.sampled_from(
    ["\ud800\x00\u202e" * 80, "```\n```json evidence\n[]\n```", "🏨" * 900, '"\\' * 500, "x" * 90_000]
)


def shaped(**entries: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with some of these entries, or anything else."""
    return st.none() | st.fixed_dictionaries({}, optional=entries) | st.dictionaries(st.text(max_size=8), JSON)


ANY = JSON | NASTY
MESSAGES = st.lists(
    shaped(role=ANY, content=ANY, tool_calls=st.lists(shaped(function=shaped(name=ANY))) | ANY), max_size=4
)
OBJECTS = {
    "task": shaped(eigen=shaped(clauses=st.lists(ANY) | ANY, tools=st.lists(NASTY), difficulty=ANY, persona=ANY) | ANY),
    "trajectory": shaped(messages=MESSAGES | ANY),
    "verdict": shaped(reward=ANY, parts=st.lists(shaped(name=ANY, passed=ANY, reason=ANY)) | ANY),
    "review": shaped(decision=ANY, evidence=st.lists(ANY) | ANY),
}
CHECKER = shaped(proof=shaped(survivors=st.lists(shaped(kind=ANY, description=ANY)) | ANY) | ANY)
TEXT = st.text(max_size=50) | st.just("`" * 3_000)


@st.composite
def hostile(draw: st.DrawFn) -> InstanceRow:
    fields: dict[str, Any] = {name: draw(objects) for name, objects in OBJECTS.items()}
    attempt = {name: draw(objects) for name, objects in OBJECTS.items() if name != "task"}
    return row(
        draw(st.integers(0, 10**6)),
        stage=draw(st.sampled_from(["scenario", "checker", "dialogue", "judge", "reviewer", "repair"]) | TEXT),
        blame=draw(st.none() | TEXT),
        reason=draw(TEXT),
        fate=draw(st.sampled_from(["accepted", "rejected", "dropped"])),
        evidence=draw(st.lists(st.integers(-3, 9), max_size=5)),
        attempts=draw(st.sampled_from([[], [{"stage": draw(TEXT), **attempt}] * 3])),
        checker=draw(CHECKER),
        **fields,
    )


@settings(deadline=None, max_examples=150)
@given(rows=st.lists(hostile(), max_size=8))
def test_whatever_rows_hold_the_report_is_bounded_and_clean(rows: list[InstanceRow]) -> None:
    found = report(*rows, costs={}).to_json()
    text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    assert len(text.encode()) <= 4 * MAX_TOKENS
    assert text.isprintable()
    assert "```" not in text


def test_a_report_of_many_different_failures_is_bounded() -> None:
    def long(number: int) -> dict[str, Any]:
        name = f"{number}{'界' * 60}"
        text = '"\\' * 4_000
        call = {"role": "assistant", "content": text}
        proof = {"survivors": [{"kind": name, "description": text}]}
        return {
            "blame": name,
            "reason": text,
            "task": on_clause(*(f"{number}.{place}" for place in range(30))),
            "evidence": [0, 1, 2],
            "trajectory": {"messages": [call] * 3},
            "checker": {"proof": proof},
            "attempts": [{"stage": "reviewer", "blame": name, "review": {"decision": "repair"}}],
        }

    rows = [row(n, **reviewed("repair"), **long(n % 40)) for n in range(2_000)]
    found = report(*rows)
    assert len(json.dumps(found.to_json(), ensure_ascii=False).encode()) <= 4 * MAX_TOKENS
    assert sum(group.count for group in found.groups) + found.other_failures == 2_000
    assert found.groups[0].examples
