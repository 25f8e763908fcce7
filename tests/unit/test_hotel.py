"""The hotel: its world is consistent, its policy is what binds, its playbook plays."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from eigen_graph.core import (
    DIFFICULTIES,
    PERSONAS,
    Case,
    Cue,
    Domain,
    Environment,
    NoCaseError,
    task_from_case,
)
from eigen_graph.domains import load_domain
from eigen_graph.domains.check import check_domain
from eigen_graph.domains.hotel import generate
from eigen_graph.domains.hotel.rules import (
    GOODWILL,
    SAVER_CHANGE_FEE,
)

HOTEL = load_domain("hotel")
TODAY = HOTEL.now[:10]
INTENTS = list(HOTEL.playbook.intents) if HOTEL.playbook else []


def case_of(intent: str, seed: int, **cue: Any) -> Case | None:
    assert HOTEL.playbook
    try:
        return HOTEL.playbook.case(HOTEL, Cue(domain="hotel", seed=seed, intent=intent, **cue))
    except NoCaseError:
        return None


def some_cases(intent: str, count: int = 12) -> list[Case]:
    cases = (case_of(intent, seed, difficulty=DIFFICULTIES[seed % 3]) for seed in range(count))
    return [case for case in cases if case]


def complaints(domain: Domain, env: Environment) -> list[str]:
    return [text for invariant in domain.invariants for text in invariant(env.agent_db, None)]


# --- the world


def test_the_check_has_nothing_to_say() -> None:
    assert [str(finding) for finding in check_domain(HOTEL)] == []


def test_the_world_has_the_size_and_variety_the_playbook_needs() -> None:
    db = HOTEL.agent.database
    assert (len(db["guests"]), len(db["rooms"])) == (120, 80)
    assert 240 <= len(db["bookings"]) <= 320
    states = Counter((booking.status, booking.plan) for booking in db["bookings"].values())
    for status in ("confirmed", "checked_in", "checked_out", "cancelled"):
        for plan in ("flexible", "saver", "advance"):
            assert states[status, plan] >= 3, (status, plan)
    assert any(guest.delegates for guest in db["guests"].values())
    assert {account.tier for account in db["memberships"].values()} == {"member", "silver", "gold"}


def test_no_two_guests_can_be_taken_for_each_other() -> None:
    emails = [guest.email for guest in HOTEL.agent.database["guests"].values()]
    assert len(set(emails)) == len(emails)
    assert all(re.fullmatch(r"[a-z.\-]+\d+@post\.example", email) for email in emails)


def test_generation_is_the_same_each_time() -> None:
    assert generate.build().to_json() == HOTEL.agent.database.to_json()


def test_another_process_with_another_hash_seed_agrees() -> None:
    script = (
        "from eigen_graph.core import Cue, NoCaseError\n"
        "from eigen_graph.domains import load_domain\n"
        "hotel = load_domain('hotel')\n"
        "print(hotel.agent.database.digest())\n"
        "for intent in hotel.playbook.intents:\n"
        "    try:\n"
        "        print(hotel.playbook.case(hotel, Cue(domain='hotel', seed=4, intent=intent)))\n"
        "    except NoCaseError as none:\n"
        "        print(none)\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert outputs.pop().startswith(HOTEL.agent.database.digest())


def test_policy_says_what_the_rules_compute_with() -> None:
    policy = HOTEL.policy
    assert TODAY in policy.text
    assert 20 <= len(policy.clauses) <= 26
    for tier, points in GOODWILL.items():
        line = f"{tier.capitalize()}: noise {points['noise']}, cleaning {points['cleaning']}, "
        assert f"{line}broken equipment {points['broken_equipment']}." in policy.clause("19")
    for extra in HOTEL.agent.database["extras"].values():
        assert f"{extra.price:.2f}" in policy.clause("17")
    assert f"{SAVER_CHANGE_FEE:.2f}" in policy.clause("13")


# --- the playbook


@pytest.mark.parametrize("intent", INTENTS)
def test_every_intent_plays_over_many_seeds(intent: str) -> None:
    cases = [case for seed in range(40) if (case := case_of(intent, seed, difficulty=DIFFICULTIES[seed % 3]))]
    assert len(cases) >= 25
    assert len({beats(case) for case in cases}) >= 0.6 * len(cases), "cases repeat themselves"
    for case in cases[:10]:
        env = Environment(HOTEL, task_from_case(case))
        for action in case.actions:
            assert not env.run(action.name, action.arguments, "assistant").error
        assert complaints(HOTEL, env) == []


def beats(case: Case) -> str:
    return "\n".join(beat.text for beat in case.beats)


@pytest.mark.parametrize(
    "intent",
    [name for name in INTENTS if HOTEL.playbook and HOTEL.playbook.intents[name].ending in {"refusal", "nothing"}],
)
def test_what_the_policy_forbids_the_tools_would_do(intent: str) -> None:
    """Otherwise the tools, not the policy, would be what binds."""
    for case in some_cases(intent):
        open_to_it = [
            action
            for action in case.forbidden
            if not Environment(HOTEL, task_from_case(case)).run(action.name, action.arguments, "assistant").error
        ]
        assert open_to_it, f"{intent} forbids only what the tools refuse"
        assert {HOTEL.agent.toolbox[action.name].traits.writes for action in open_to_it} == {True}


def test_forbidden_is_not_what_the_solution_does() -> None:
    for intent in INTENTS:
        for case in some_cases(intent):
            done = {(action.name, str(sorted(action.arguments.items()))) for action in case.actions}
            assert not done & {(action.name, str(sorted(action.arguments.items()))) for action in case.forbidden}, (
                intent
            )


def test_endings_are_mixed() -> None:
    assert HOTEL.playbook
    endings = Counter(intent.ending for intent in HOTEL.playbook.intents.values())
    assert endings["refusal"] >= 3
    assert endings["transfer"] >= 2
    assert endings["nothing"] >= 3
    assert endings["done"] >= 10


def test_any_clause_with_any_of_its_tools_finds_a_case_about_it() -> None:
    assert HOTEL.playbook
    for clause in HOTEL.policy.clauses:
        for tool in HOTEL.policy.tools_named_in(clause):
            for number, persona in enumerate(PERSONAS):
                cue = Cue(domain="hotel", seed=number, clause=clause, tool=tool, persona=persona, difficulty="hard")
                case = HOTEL.playbook.case(HOTEL, cue)
                assert clause in case.clauses, (clause, tool, case.intent)


def test_hard_cases_ask_for_more() -> None:
    for intent in ("change_dates_freely", "add_an_extra", "book_the_same_room", "move_to_cheaper_room"):
        easy, hard = case_of(intent, 3, difficulty="easy"), case_of(intent, 3, difficulty="hard")
        assert easy
        assert hard
        assert len(hard.actions) > len(easy.actions), intent


def test_no_two_intents_share_their_words() -> None:
    """Each opens in its own way, although what is asked for, and how it is reported, may be the same."""
    owner: dict[str, str] = {}
    for intent in INTENTS:
        for case in filter(None, (case_of(intent, seed) for seed in range(20))):
            opening = case.beats[0].text
            assert owner.setdefault(shape(opening), intent) == intent, opening


def shape(text: str) -> str:
    """The text without what varies from record to record."""
    return re.sub(r"[A-Z]?\d[\w.:-]*", "#", text)


def test_what_the_user_must_know_is_in_the_brief() -> None:
    """A real model has only the brief: ids and cards the user names must stand there."""
    for intent in INTENTS:
        for case in some_cases(intent):
            brief = f"{case.reason_for_call} {case.known_info} {case.task_instructions}"
            heard = brief
            for beat in case.beats:
                if beat.actor == "assistant":
                    heard += f" {beat.text}"
                    continue
                for token in re.findall(r"\bB\d{7}[A-Z]?\b|ending in \d{4}|\S+@\S+\.example", beat.text):
                    assert token in heard, (intent, token)


def test_checker_programs_accept_what_they_should() -> None:
    """The cases with more than one right end, judged in plain Python."""
    judged = 0
    for intent in INTENTS:
        for case in some_cases(intent):
            if case.checker_code is None:
                continue
            judged += 1
            said = [beat.text for beat in case.beats if beat.actor == "assistant" and beat.text]
            assert verdict(case, case.actions, said) == (True, "a room as asked for")
            assert not verdict(case, (), said)[0]
            for forbidden in case.forbidden:
                wrong = (*case.actions[:-1], forbidden)
                assert not verdict(case, wrong, said)[0], (intent, forbidden)
            for other in case.alternatives:
                new_room = other[-1].arguments["room_id"]
                told = [re.sub(r"[Rr]oom \d{3}", f"room {new_room}", text) for text in said]
                if intent != "book_any_room":  # there the price follows the room, too
                    assert verdict(case, other, told)[0]
    assert judged >= 24


def verdict(case: Case, actions: Any, said: list[str]) -> tuple[bool, str]:
    env = Environment(HOTEL, task_from_case(case))
    for action in actions:
        env.run(action.name, action.arguments, "assistant")
    changes = [{**change.model_dump(), "side": "assistant"} for change in env.agent_db.diff()]
    scope: dict[str, Any] = {}
    exec(case.checker_code or "", scope)  # noqa: S102  # our own source; the sandbox has tests of its own
    return scope["check"](changes, [], said)  # type: ignore[no-any-return]
