"""Judging the judge: lax and strict checkers are caught, equal outcomes are not held against anybody."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from statistics import mean

import pytest
from errands import CANCEL, CREDIT, FIND, checker_of, does, home, repair, shop, task

from eigen_graph.checkers import Proof, build_checker, gold_trajectory, prove
from eigen_graph.checkers.evidence import Bench
from eigen_graph.checkers.gold import perform
from eigen_graph.checkers.mutation import mutants
from eigen_graph.checkers.proof import chosen
from eigen_graph.checkers.variants import variants
from eigen_graph.core import DIFFICULTIES, Action, Cue, InitialState, NoCaseError, Setup, Task
from eigen_graph.core.writing import task_from_case
from eigen_graph.domains import load_domain

SHOP, HOME = shop(), home()
OTHER = does("cancel_order", order_id="O2", reason="late")
RICH = task(FIND, CANCEL, CREDIT, facts=("O1", "1200"), forbidden=(OTHER,))
"""A task that has something for every kind."""


def proof_of(about: Task, by: str | None = None, **options: float) -> Proof:
    return prove(checker_of(SHOP, about, by), SHOP, **options)  # type: ignore[arg-type]


def test_a_good_checker_is_sound() -> None:
    proof = proof_of(RICH)
    assert proof.sound
    assert (proof.gold_passes, proof.kill_rate, proof.survivors, proof.rejected_variants) == (True, 1.0, (), ())
    assert proof.mutants > 15
    assert proof.variants > 5
    assert proof.reason == ""


def test_a_two_sided_one_too() -> None:
    proof = prove(build_checker(repair(), HOME), HOME)
    assert proof.sound, proof.reason
    assert proof.mutants > 4


def test_the_gold_dialogue_reads_like_one() -> None:
    told = [(m.role, m.content or m.tool_calls[0].name) for m in gold_trajectory(Bench(SHOP, RICH)).messages]
    assert told == [
        ("assistant", "Hi! How can I help you today?"),
        ("user", "Hello, I need some help."),
        ("assistant", "find_customer"),
        ("tool", '{"customer_id": "C1", "email": "c1@mail.org", "credit": 0.0}'),
        ("assistant", "Shall I go ahead with that?"),
        ("user", "Yes, please go ahead."),
        ("assistant", "cancel_order"),
        ("tool", "cancelled, late"),
        ("assistant", "add_credit"),
        ("tool", "1200.0"),
        ("assistant", "That is it.\n* O1\n* 1200"),
        ("user", "Thank you. ###STOP###"),
    ]
    by_user = [m for m in gold_trajectory(Bench(HOME, repair())).messages if m.tool_calls and m.role == "user"]
    assert [m.tool_calls[0].name for m in by_user] == ["plug_in"]


@pytest.mark.parametrize(
    "kind",
    [
        "drop_write",
        "double_write",
        "wrong_record",
        "altered_argument",
        "forbidden_added",
        "forbidden_instead",
        "fact_unsaid",
        "stop_early",
        "unconfirmed_write",
        "identity_skipped",
        "unrelated_write",
    ],
)
def test_each_kind_of_mutant_exists_and_dies(kind: str) -> None:
    bench, checker = Bench(SHOP, RICH), build_checker(RICH, SHOP)
    of_kind = [sketch for sketch in mutants(bench, random.Random(1)) if sketch.kind == kind]
    assert of_kind
    verdicts = [checker.judge(perform(bench, sketch.beats), SHOP) for sketch in of_kind]
    # Cancelling twice, or for another reason, leaves the order as cancelled as before: no fault to find.
    harmless = {"double_write": 1, "altered_argument": 1}.get(kind, 0)
    assert sum(verdict.reward == 1 for verdict in verdicts) == harmless


@pytest.mark.parametrize("kind", ["reordered", "extra_read", "failed_then_right", "reformatted", "alternative"])
def test_each_kind_of_variant_exists_and_passes(kind: str) -> None:
    about = task(FIND, CANCEL, CREDIT, facts=("O1", "1200"), alternatives=((FIND, OTHER, CREDIT),))
    bench, checker = Bench(SHOP, about), build_checker(about, SHOP)
    of_kind = [sketch for sketch in variants(bench, random.Random(1)) if sketch.kind == kind]
    assert of_kind
    for sketch in of_kind:
        assert checker.judge(perform(bench, sketch.beats), SHOP).reward == 1, sketch.description


def test_variants_of_a_repair_include_the_users_own_look() -> None:
    described = [sketch.description for sketch in variants(Bench(HOME, repair()), random.Random(1))]
    assert "user: look_at_router() as well" in described
    assert "user: plug_in() before reset_profile(line_id='L1')" in described


def test_orders_that_end_elsewhere_are_no_variants() -> None:
    red, blue = does("tag_order", order_id="O1", tag="red"), does("tag_order", order_id="O1", tag="blue")
    kinds = [sketch.kind for sketch in variants(Bench(SHOP, task(red, blue)), random.Random(1))]
    assert "reordered" not in kinds


LAX = {
    "anything goes": "def check(changes, calls, said): return True",
    "some cancellation": "def check(changes, calls, said):\n"
    "    return any(c['after'] and c['after'].get('status') == 'cancelled' for c in changes), 'nothing cancelled'",
    "the call, not what came of it": "def check(changes, calls, said):\n"
    "    return any(c['arguments'].get('order_id') == 'O1' for c in calls), 'O1 was not touched'",
}


@pytest.mark.parametrize("program", LAX.values(), ids=LAX)
def test_a_lax_program_is_caught(program: str) -> None:
    proof = proof_of(task(FIND, CANCEL, checker_code=program))
    assert proof.gold_passes
    assert not proof.sound
    assert proof.kill_rate < 0.95
    assert proof.killed == proof.mutants - len(proof.survivors)
    assert "wrong dialogues pass, e.g." in proof.reason


def test_lax_bases_are_caught() -> None:
    assert "unconfirmed_write" in {mutant.kind for mutant in proof_of(RICH, "DB+COMMUNICATE").survivors}
    assert "stop_early" in {mutant.kind for mutant in proof_of(RICH, "state+procedure").survivors}
    assert not proof_of(RICH, "ACTION").sound
    # tau2's substring rule hears a 4 in $480.
    loose = task(CREDIT, facts=("4", "$480"))
    assert "'4' not said" in {mutant.description for mutant in proof_of(loose, "DB+COMMUNICATE").survivors}
    assert proof_of(loose, "state+said+procedure").sound


STRICT = {
    "counts calls": "def check(changes, calls, said): return len(calls) == 2, f'{len(calls)} calls'",
    "minds the spelling": "def check(changes, calls, said):\n"
    "    return any('c1@mail.org' in text for text in said), 'spelt otherwise'",
    "hates failures": "def check(changes, calls, said): return not any(c['error'] for c in calls), 'a call failed'",
}


@pytest.mark.parametrize("program", STRICT.values(), ids=STRICT)
def test_a_strict_program_is_caught(program: str) -> None:
    proof = proof_of(task(FIND, CANCEL, facts=("c1@mail.org",), checker_code=program))
    assert not proof.sound
    assert proof.rejected_variants
    assert "a valid variant fails" in proof.reason


def test_a_choice_is_sound_only_with_its_alternatives() -> None:
    either = (
        "def check(changes, calls, said):\n"
        "    keys = [c['key'] for c in changes]\n"
        "    wanted = [{**c['before'], 'status': 'cancelled'} for c in changes]\n"
        "    return keys in (['O1'], ['O2']) and changes[0]['after'] == wanted[0] and any(keys[0] in t for t in said)"
    )
    alone = proof_of(task(FIND, CANCEL, forbidden=(OTHER,), checker_code=either))
    assert "forbidden_instead" in {mutant.kind for mutant in alone.survivors}
    proof = proof_of(task(FIND, CANCEL, checker_code=either, alternatives=((OTHER,),)))
    assert proof.sound, proof.reason


def test_equal_outcomes_do_not_count() -> None:
    """A dropped write that changes nothing, and a fact that another one holds."""
    nothing = does("set_weight", order_id="O1", weight=1)
    proof = proof_of(task(nothing, CREDIT, facts=("big 1200", "1200")))
    assert proof.sound, proof.reason
    assert proof.equivalent >= 3


def test_a_refused_call_was_not_done() -> None:
    shipped = does("cancel_order", order_id="O8", reason="late")
    forbidden = [s for s in mutants(Bench(SHOP, task(CREDIT, forbidden=(shipped,))), random.Random(1)) if "O8" in s[1]]
    assert len(forbidden) >= 2
    proof = proof_of(task(CREDIT, forbidden=(shipped,)))
    assert proof.sound
    assert proof.equivalent >= 1


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (task(does("cancel_order", order_id="O8", reason="late")), "it has left already"),
        (task(CREDIT, facts=("1,200",), basis=("DB", "COMMUNICATE")), "not said: '1,200'"),
        (task(CANCEL), "before find_customer had succeeded"),
        (task(checker_code="def check(changes, calls, said): return 1 / 0"), "ZeroDivisionError"),
    ],
)
def test_a_solution_that_does_not_pass_is_told(about: Task, words: str) -> None:
    by = "+".join(about.criteria.reward_basis) if "COMMUNICATE" in about.criteria.reward_basis else None
    proof = proof_of(about, by)
    assert (proof.gold_passes, proof.sound, proof.mutants) == (False, False, 0)
    assert "the task's own solution does not pass" in proof.reason
    assert words in proof.reason


def test_an_initial_state_that_does_not_fit_is_told() -> None:
    broken = task(CREDIT).model_copy(
        update={
            "initial_state": InitialState(initialization_actions=(Setup(env_type="assistant", func_name="explode"),))
        }
    )
    proof = proof_of(broken)
    assert not proof.sound
    assert "explode" in proof.reason


def test_a_task_that_leaves_nothing_to_fail_is_not_sound() -> None:
    mute = replace(SHOP, agent=replace(SHOP.agent, tools=SHOP.agent.tools[:2]))
    proof = prove(build_checker(task(FIND), mute), mute)
    assert (proof.gold_passes, proof.mutants, proof.kill_rate, proof.sound) == (True, 0, 0.0, False)
    assert "neither changes nor tells" in proof.reason


def test_the_seed_decides_and_the_bound_holds() -> None:
    assert proof_of(RICH, seed=3) == proof_of(RICH, seed=3)
    long = task(FIND, *[does("tag_order", order_id=f"O{n}", tag=str(n)) for n in range(1, 9)], forbidden=(OTHER,))
    few = proof_of(long, most_mutants=20)
    assert few.mutants + few.equivalent == 20
    kinds = {s.kind for s in chosen(mutants(Bench(SHOP, long), random.Random(1)), 12, random.Random(1))}
    assert kinds == {s.kind for s in mutants(Bench(SHOP, long), random.Random(1))}


def test_the_threshold_is_the_callers() -> None:
    assert not proof_of(RICH, "DB+COMMUNICATE").sound
    assert proof_of(RICH, "DB+COMMUNICATE", min_kill_rate=0.5).sound


def test_user_writes_are_mutated_too() -> None:
    described = [s.description for s in mutants(Bench(HOME, repair()), random.Random(1))]
    assert "user: plug_in() left out" in described
    assert any("pull_plug" in text for text in described)


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ((does("reset_profile", line_id="L2"),), ["test_line", "reset_profile", "plug_in"]),
        (
            (does("test_line", line_id="L2"), does("reset_profile", line_id="L2")),
            ["test_line", "reset_profile", "plug_in"],
        ),
        ((does("pull_plug", by="user"), does("plug_in", by="user")), ["test_line", "pull_plug", "plug_in"]),
        ((), ["test_line", "plug_in"]),
    ],
)
def test_an_alternative_may_name_only_what_differs(other: tuple[Action, ...], names: list[str]) -> None:
    about = repair().model_copy(update={"eigen": task(alternatives=(other,)).eigen})
    solution = Bench(HOME, about).solutions[0]
    assert [action.name for action in solution] == names
    assert all(action in solution for action in other)


@pytest.mark.parametrize("name", ["hotel", "broadband"])
def test_every_intent_of_a_bundled_domain_has_a_checker_that_can_tell(name: str) -> None:
    domain = load_domain(name)
    assert domain.playbook is not None
    rates = []
    for number, intent in enumerate(domain.playbook.intents):
        cue = Cue(domain=name, seed=number, intent=intent, difficulty=DIFFICULTIES[number % 3])
        with contextlib.suppress(NoCaseError):
            about = task_from_case(domain.playbook.case(domain, cue), intent)
            proof = prove(build_checker(about, domain), domain)
            assert proof.gold_passes, (intent, proof.reason)
            assert not proof.rejected_variants, (intent, proof.reason)
            rates.append(proof.kill_rate)
    assert len(rates) >= 10
    assert mean(rates) >= 0.95
