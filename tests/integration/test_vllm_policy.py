"""The policy behind a server: a real model on loopback, asked as vLLM is, on good days and bad."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, repeat
from typing import Any

import pytest
from completions_server import CompletionsServer
from tiny_models import tiny_model

from eigen_graph.checkers import build_checker
from eigen_graph.core import Cue, EigenGraphError, task_from_case
from eigen_graph.domains import load_domain
from eigen_graph.models import AccessError, Cast, ContextLengthError, OutageError
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.models.local.model import LocalModel
from eigen_graph.rl.episode import Episode, RlTask
from eigen_graph.rl.policy import LocalPolicy, VllmPolicy
from eigen_graph.rl.runner import EpisodeRunner

PROMPTS = [[5, 6, 7], [9] * 20, [5, 6, 7], [11, 12]]


@pytest.fixture(scope="module")
def model() -> LocalModel:
    weights, tokenizer = tiny_model(template="short")
    return LocalModel(weights, ChatFormat.of(tokenizer))


@pytest.fixture
def server(model: LocalModel) -> Iterator[CompletionsServer]:
    with CompletionsServer(model) as running:
        yield running


def policy_of(server: CompletionsServer, **options: Any) -> VllmPolicy:
    given: dict[str, Any] = {"max_turn_tokens": 6, "seed": 3, **options}
    return VllmPolicy(server.url, server.model.format.stop_id, **given)


def test_turns_are_those_of_the_model_itself(server: CompletionsServer, model: LocalModel) -> None:
    with policy_of(server, temperature=1.5) as policy:
        served = policy.generate(PROMPTS)
    own = LocalPolicy(model, max_turn_tokens=6, seed=3, temperature=1.5).generate(PROMPTS)
    assert [turn.ids for turn in served] == [turn.ids for turn in own]
    for turn, other in zip(served, own, strict=True):
        assert turn.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    assert served[0].ids != served[2].ids
    body = server.bodies[0]
    assert (body["model"], body["logprobs"], body["return_token_ids"]) == ("policy", 0, True)
    assert (body["top_k"], body["min_p"], body["repetition_penalty"]) == (0, 0.0, 1.0)
    assert len({body["seed"] for body in server.bodies}) == len(PROMPTS)


def test_without_a_seed_none_is_sent(server: CompletionsServer) -> None:
    with policy_of(server, seed=None) as policy:
        assert len(policy.generate(PROMPTS)) == 4
    assert not any("seed" in body for body in server.bodies)


def test_passing_troubles_pass(server: CompletionsServer, model: LocalModel) -> None:
    server.troubles = iter(["429", "500", "cut", "no_choices", "garbage", None, "500"])
    with policy_of(server, concurrency=2) as policy:
        served = policy.generate(PROMPTS)
    own = LocalPolicy(model, max_turn_tokens=6, seed=3).generate(PROMPTS)
    assert [turn.ids for turn in served] == [turn.ids for turn in own]
    assert server.troubled.total() == 6


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        ("500", OutageError, "the policy's server is gone"),
        ("garbage", OutageError, "the policy's server is gone"),
        ("401", AccessError, "refuses the key"),
    ],
)
def test_lasting_troubles_are_said_in_words(server: CompletionsServer, trouble: Any, kind: Any, words: str) -> None:
    with policy_of(server, max_retries=1) as policy:
        policy.preflight(512)
        server.troubles = repeat(trouble)
        with pytest.raises(kind, match=words):
            policy.generate(PROMPTS)


def test_what_cannot_work_is_said_before_training(server: CompletionsServer, model: LocalModel) -> None:
    with policy_of(server) as policy:
        policy.preflight(4096)
        with pytest.raises(EigenGraphError, match="--max-model-len 5000"):
            policy.preflight(5000)
        with pytest.raises(ContextLengthError, match="maximum context length"):
            policy.generate([[1] * 4095])
    with (
        policy_of(server, model="other") as policy,
        pytest.raises(EigenGraphError, match="no model 'other'; it has policy"),
    ):
        policy.preflight(1)
    with (
        CompletionsServer(model, token_ids=False) as plain,
        policy_of(plain) as policy,
        pytest.raises(EigenGraphError, match="gives no token ids"),
    ):
        policy.generate(PROMPTS)
    with (
        VllmPolicy("http://127.0.0.1:9", 2, max_retries=0) as policy,
        pytest.raises(OutageError, match="start it, or correct its URL"),
    ):
        policy.generate(PROMPTS)
    with pytest.raises(EigenGraphError, match="must start with http"):
        VllmPolicy("localhost:8000", 2)


def test_episodes_are_played_through_it(server: CompletionsServer, model: LocalModel) -> None:
    domain = load_domain("hotel")
    assert domain.playbook
    case = domain.playbook.case(domain, Cue(domain="hotel", seed=1))
    task = task_from_case(case, "t")
    rl = RlTask(task, build_checker(task, domain), "You serve.", "You want.")

    def go(policy: Any) -> list[Episode]:
        episodes = [Episode(rl, attempt) for attempt in range(4)]
        cast = Cast.build("scripted", domain=domain)
        with EpisodeRunner(domain, model.format, policy, cast, max_steps=8, max_turn_tokens=10) as runner:
            runner.play(episodes)
        return episodes

    server.troubles = cycle([None, None, "500", None])
    with policy_of(server, max_turn_tokens=10, temperature=2.0) as policy:
        served = go(policy)
    own = go(LocalPolicy(model, max_turn_tokens=10, seed=3, temperature=2.0))
    assert [(e.ids, e.mask, e.termination, e.reward) for e in served] == [
        (e.ids, e.mask, e.termination, e.reward) for e in own
    ]
    assert server.most_at_once > 1
