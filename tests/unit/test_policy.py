"""Policies over a real tiny model: turns within bounds, seeds that do not mind who else is asked."""

from __future__ import annotations

import math

import pytest
from replayed import played, rl_task
from tiny_models import tiny_model
from told import DOMAIN, TASK

from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.models.local.model import LocalModel
from eigen_graph.rl.episode import Episode
from eigen_graph.rl.policy import LocalPolicy, Seeds


@pytest.fixture(scope="module")
def model() -> LocalModel:
    weights, tokenizer = tiny_model(template="short")
    return LocalModel(weights, ChatFormat.of(tokenizer))


PROMPTS = [[5, 6, 7], [9] * 20, [5, 6, 7], [11, 12]]


def test_a_seed_gives_the_same_turns_in_any_company(model: LocalModel) -> None:
    def turns(prompts: list[list[int]], policy: LocalPolicy) -> list[list[int]]:
        return [sample.ids for sample in policy.generate(prompts)]

    together = turns(PROMPTS, LocalPolicy(model, max_turn_tokens=6, seed=3))
    assert together[0] != together[2]  # the same prompt twice: two episodes of a group
    alone = LocalPolicy(model, max_turn_tokens=6, seed=3)
    assert [turns([prompt], alone)[0] for prompt in PROMPTS] == together
    assert turns(PROMPTS, LocalPolicy(model, max_turn_tokens=6, seed=4)) != together
    anew = LocalPolicy(model, max_turn_tokens=6)
    assert turns(PROMPTS, anew) != turns(PROMPTS, anew)
    assert all(len(turn) <= 6 for turn in together)


def test_log_probabilities_are_of_the_distribution_drawn_from(model: LocalModel) -> None:
    cold = LocalPolicy(model, max_turn_tokens=3, temperature=0).generate(PROMPTS[:1])[0]
    hot = LocalPolicy(model, max_turn_tokens=3, temperature=50.0, seed=1).generate(PROMPTS[:1])[0]
    assert cold.logprobs is not None
    assert hot.logprobs is not None
    assert len(cold.ids) == len(cold.logprobs)
    assert hot.logprobs == pytest.approx([-math.log(model.model.config.vocab_size)] * 3, abs=0.2)


def test_seeds_follow_from_the_prompt_and_how_often_it_came() -> None:
    seeds, again = Seeds(1), Seeds(1)
    drawn = [seeds.of([1, 2]), seeds.of([1, 2]), seeds.of([1, 3])]
    assert len(set(drawn)) == 3
    assert [again.of([1, 3]), again.of([1, 2]), again.of([1, 2])] == [drawn[2], drawn[0], drawn[1]]
    assert all(0 <= seed < 2**31 for seed in drawn)
    assert Seeds(2).of([1, 2]) not in drawn


async def test_a_policy_that_knows_nothing_plays_in_order_and_reproducibly(model: LocalModel) -> None:
    task = rl_task(TASK, DOMAIN)

    async def go(attempts: list[int]) -> list[Episode]:
        policy = LocalPolicy(model, max_turn_tokens=12, temperature=2.0, seed=5)
        episodes = [Episode(task, attempt) for attempt in attempts]
        return await played(DOMAIN, model.format, policy, episodes, max_tokens=400, max_turn_tokens=12)

    episodes, again = await go(list(range(6))), await go(list(range(6)))
    assert [episode.ids for episode in episodes] == [episode.ids for episode in again]
    assert len({tuple(episode.ids) for episode in episodes}) == 6
    for episode in episodes:
        assert episode.reward == 0
        assert len(episode.ids) == len(episode.mask) == len(episode.logprobs)
        assert all(logprob < 0 for logprob, own in zip(episode.logprobs, episode.mask, strict=True) if own)
