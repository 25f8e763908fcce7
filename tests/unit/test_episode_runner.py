"""Episodes for training: the same dialogues as the dialogue graph's, the same tokens as the exported rows'."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from replayed import Reference, Replay, comparable, played, reference, rl_task, task_of
from tiny_models import tiny_tokenizer

from eigen_graph.core import Cue, Domain, NoCaseError
from eigen_graph.domains import load_domain
from eigen_graph.models import planned_faults
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.episode import Episode, RlTask

SHORT = ChatFormat.of(tiny_tokenizer(template="short"))
HERMES = ChatFormat.of(tiny_tokenizer())
BUNDLED = ("hotel", "broadband")


def domain_of(name: str) -> Domain:
    if name.startswith("tau2:"):
        pytest.importorskip("tau2")
    return load_domain(name)


def tasks_of(domain: Domain, at_most: int = 100, seed: int = 1) -> list[RlTask]:
    assert domain.playbook
    intents = list(domain.playbook.intents)
    step = max(1, len(intents) // at_most)
    found = []
    for intent in intents[::step][:at_most]:
        with suppress(NoCaseError):  # under some seeds no record fits
            found.append(rl_task(task_of(domain, intent, seed), domain))
    return found


def require_same(episode: Episode, expected: Reference, domain: Domain, chat_format: ChatFormat) -> None:
    verdict = expected.task.checker.judge(expected.trajectory, domain)
    assert comparable(episode.trajectory) == comparable(expected.trajectory)
    assert episode.termination == expected.trajectory.termination
    assert (episode.reward, episode.reason) == (verdict.reward, verdict.reason)
    assert episode.user_fault == (verdict.blame == "user")
    assert not episode.overlong
    row = expected.row
    ids, mask = chat_format.sequence(row["messages"], row["loss_mask"], row["tools"])
    assert episode.prompt_ids + episode.ids == ids
    assert [0] * len(episode.prompt_ids) + episode.mask == mask
    assert len(episode.ids) == len(episode.mask) == len(episode.logprobs)
    assert episode.mask[0] == 1
    assert {logprob for logprob, own in zip(episode.logprobs, episode.mask, strict=True) if own} == {-0.5}
    assert {logprob for logprob, own in zip(episode.logprobs, episode.mask, strict=True) if not own} <= {0.0}


@pytest.mark.parametrize(("name", "at_most"), [("hotel", 100), ("broadband", 100), ("tau2:telecom", 8)])
async def test_a_replayed_agent_gives_the_graphs_own_dialogues(name: str, at_most: int) -> None:
    domain = domain_of(name)
    tasks = tasks_of(domain, at_most)
    references = [await reference(task, domain) for task in tasks]
    policy = Replay(SHORT, references)
    episodes = await played(domain, SHORT, policy, [Episode(task) for task in tasks])
    for episode, expected in zip(episodes, references, strict=True):
        require_same(episode, expected, domain, SHORT)
        assert episode.reward == 1
    assert policy.batches == sorted(policy.batches, reverse=True)
    assert policy.batches[0] == len(tasks) > policy.batches[-1]


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("attempt", range(5))
async def test_and_with_planted_faults(name: str, attempt: int) -> None:
    domain, model = load_domain(name), "scripted?faults=1"
    kinds: set[str] = set()
    tasks = []
    for task in tasks_of(domain, 10, seed=attempt):
        cue = Cue.model_validate(task.task.tags.cue)
        assert domain.playbook
        fault = planned_faults(domain, domain.playbook.case(domain, cue), 1.0, attempt, "dialogue")
        # A call that breaks off in the midst is read otherwise from a text than from a server's answer.
        if fault is None or fault.kind != "malformed_call":
            tasks.append(task)
            kinds.add(fault.kind if fault else "")
    references = [await reference(task, domain, attempt=attempt, model=model) for task in tasks]
    episodes = [Episode(task, attempt) for task in tasks]
    await played(domain, SHORT, Replay(SHORT, references), episodes, model)
    for episode, expected in zip(episodes, references, strict=True):
        require_same(episode, expected, domain, SHORT)
    assert len(kinds) > 1
    assert any(episode.reward == 0 for episode in episodes)


async def test_and_with_policy_and_schemas_in_the_prompt() -> None:
    domain = load_domain("hotel")
    tasks = tasks_of(domain, 2)
    references = [await reference(task, domain) for task in tasks]
    for expected, episode in zip(
        references, await played(domain, HERMES, Replay(HERMES, references), [Episode(t) for t in tasks]), strict=True
    ):
        require_same(episode, expected, domain, HERMES)
        text = HERMES.tokenizer.decode(episode.prompt_ids)
        assert "Be kind." in text
        assert all(f'"name": "{name}"' in text for name in domain.agent.toolbox)


async def test_limits_end_a_dialogue_as_they_do_in_the_graph() -> None:
    domain = load_domain("broadband")
    task = tasks_of(domain, 1)[0]
    whole = await reference(task, domain)
    for limit in range(4, len(whole.trajectory.messages) - 1):
        expected = await reference(task, domain, max_steps=limit)
        (episode,) = await played(domain, SHORT, Replay(SHORT, [whole]), [Episode(task)], max_steps=limit)
        assert comparable(episode.trajectory) == comparable(expected.trajectory)
        assert episode.termination == "max_steps"
        assert episode.reward == 0


async def test_what_is_played_beside_an_episode_changes_nothing_of_it() -> None:
    domain = load_domain("hotel")
    tasks = tasks_of(domain)
    policy = Replay(SHORT, [await reference(task, domain) for task in tasks])

    def told(episode: Episode) -> Any:
        return episode.prompt_ids, episode.ids, episode.mask, comparable(episode.trajectory), episode.reward

    together = await played(domain, SHORT, policy, [Episode(task) for task in tasks])
    assert [episode.task.id for episode in together] == [task.id for task in tasks]
    assert len({episode.turns for episode in together}) > 2
    backwards = await played(domain, SHORT, policy, [Episode(task) for task in reversed(tasks)])
    assert [told(episode) for episode in together] == [told(episode) for episode in reversed(backwards)]
    for episode in together[::3]:
        (alone,) = await played(domain, SHORT, policy, [Episode(episode.task)])
        assert told(alone) == told(episode)
