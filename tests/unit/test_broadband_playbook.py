"""The broadband playbook: intents come out as they say, their dialogues vary, their checkers are proven."""

from __future__ import annotations

from typing import Any

import pytest
from household import DOMAIN, do, problems

from eigen_graph.checkers import build_checker, prove
from eigen_graph.checkers.facts import unsaid
from eigen_graph.core import DIFFICULTIES, PERSONAS, Case, Cue, Environment, task_from_case
from eigen_graph.domains.broadband.playbook import PLAYBOOK, THEMES
from eigen_graph.models.scripted.transcript import mentions

SEEDS = range(6)


def play(name: str, *, seed: int = 0, difficulty: str = "easy", persona: str = "terse") -> Case:
    cue = Cue(domain="broadband", seed=seed, intent=name, difficulty=difficulty, persona=persona)
    return PLAYBOOK.case(DOMAIN, cue)


def cases(name: str) -> list[Case]:
    manners = list(PERSONAS)
    return [
        play(name, seed=seed, difficulty=difficulty, persona=manners[seed % len(manners)])
        for difficulty in DIFFICULTIES
        for seed in SEEDS
    ]


def test_intents_cover_the_policy_the_tools_and_every_ending():
    played = [case for name in PLAYBOOK.intents for case in cases(name)]
    assert {number for case in played for number in case.clauses} == set(DOMAIN.policy.clauses)
    used = {(action.requestor, action.name) for case in played for action in case.actions}
    tools = {("assistant", name) for name in DOMAIN.agent.toolbox} | {("user", name) for name in DOMAIN.user.toolbox}
    assert used == tools
    endings = [intent.ending for intent in PLAYBOOK.intents.values()]
    assert len(endings) >= 14
    assert min(endings.count("refusal"), endings.count("transfer")) >= 2
    assert endings.count("nothing") >= 3
    by_both_hands = [n for n in PLAYBOOK.intents if any(a.requestor == "user" for a in play(n).actions)]
    assert len(by_both_hands) > len(endings) / 2
    assert sum(any(case.checker_code for case in cases(name)) for name in PLAYBOOK.intents) >= 2
    assert all(theme.__doc__ for theme in THEMES)


@pytest.mark.parametrize("name", PLAYBOOK.intents)
def test_an_intent_comes_out_as_it_says(name: str):
    ending = PLAYBOOK.intents[name].ending
    for case in cases(name):
        start = Environment(DOMAIN, task_from_case(case))
        assert problems(start) == []
        if ending in {"done", "transfer"}:  # else nothing changes, and what is so may be so before
            assert not any(start.holds(assertion) for assertion in case.assertions)
            assert case.assertions
        end = start.fork()
        do(end, *((action.requestor, action.name, action.arguments) for action in case.actions))
        assert problems(end) == []
        assert all(end.holds(assertion) for assertion in case.assertions)
        assert end.same_as(start) == (ending in {"refusal", "nothing"})
        if ending in {"refusal", "nothing"}:
            assert case.facts, "silence would pass"
        said = [beat.text for beat in case.beats if beat.actor == "assistant" and beat.text]
        assert unsaid(said, case.facts) == []


@pytest.mark.parametrize("name", PLAYBOOK.intents)
def test_what_an_intent_forbids_can_be_done_and_matters(name: str):
    for case in cases(name)[:: len(SEEDS) // 2]:
        assert case.forbidden
        start = Environment(DOMAIN, task_from_case(case))
        right = _played(start, case)
        for careless in case.forbidden:
            ends = [_played(start, case, careless, at=at) for at in range(len(case.actions) + 1)]
            assert any(end is not None and not end.same_as(right) for end in ends), (careless.name, careless.arguments)


def _played(start: Environment, case: Case, careless: Any = None, at: int = -1) -> Environment | None:
    """The end, with a call more before action `at`; None when that call fails."""
    env = start.fork()
    for number, action in enumerate((*case.actions, None)):
        if number == at and env.run(careless.name, careless.arguments, careless.requestor).error:
            return None
        if action is not None:
            env.run(action.name, action.arguments, action.requestor)
    return env


@pytest.mark.parametrize("name", PLAYBOOK.intents)
def test_dialogues_vary_keep_turns_and_tell_no_secrets(name: str):
    played = cases(name)
    texts = {"\n".join(beat.text for beat in case.beats) for case in played}
    assert len(texts) >= 0.6 * len(played)
    openings = {play(name, seed=seed).beats[0].text.partition(" I'm ")[0] for seed in range(12)}
    assert len(openings) >= 3
    for case in played:
        speaker = ""
        told = ""
        env = Environment(DOMAIN, task_from_case(case))
        for beat in case.beats:
            assert beat.actor != speaker, "a party speaks or acts when it is the other's turn"
            if beat.call:
                told += f"\n{env.run(beat.call.name, beat.call.arguments, beat.actor).content}"
                continue
            speaker = beat.actor
            if beat.actor == "user":
                leaked = [fact for fact in case.hidden if mentions(beat.text, fact) and not mentions(told, fact)]
                assert leaked == []
            told += f"\n{beat.text}"


@pytest.mark.parametrize("name", PLAYBOOK.intents)
def test_checkers_of_an_intent_are_proven(name: str):
    for difficulty in DIFFICULTIES:
        case = play(name, seed=11, difficulty=difficulty)
        proof = prove(build_checker(task_from_case(case), DOMAIN), DOMAIN)
        assert proof.sound, proof.reason
        assert proof.kill_rate == 1, [survivor.description for survivor in proof.survivors]


def test_any_suitable_visit_and_any_free_channel_is_right():
    for name, varied in (("broken_wire", "slot_id"), ("crowded_channel", "channel")):
        open_ended = [case for case in cases(name) if case.checker_code]
        assert open_ended
        for case in open_ended:
            values = {
                action.arguments[varied]
                for actions in (case.actions, *case.alternatives)
                for action in actions
                if varied in action.arguments
            }
            assert len(values) == 1 + len(case.alternatives)
        assert any(case.alternatives for case in open_ended)
