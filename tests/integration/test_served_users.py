"""Training with the user behind a real OpenAI-compatible server on loopback, on good days and bad."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, repeat
from typing import Any

import pytest
from openai_server import OpenAIServer
from tiny_models import tiny_tokenizer

from eigen_graph.checkers import build_checker
from eigen_graph.core import Cue, task_from_case
from eigen_graph.domains import load_domain
from eigen_graph.models import Cast, OutageError, ScriptedChat
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.episode import Episode, RlTask, Sample
from eigen_graph.rl.runner import EpisodeRunner

DOMAIN = load_domain("broadband")
FORMAT = ChatFormat.of(tiny_tokenizer(template="short"))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(ScriptedChat(domains={DOMAIN.name: DOMAIN}), latency=0.02) as running:
        yield running


def tasks() -> list[RlTask]:
    assert DOMAIN.playbook
    found = []
    for seed, intent in enumerate(list(DOMAIN.playbook.intents)[:6]):
        task = task_from_case(DOMAIN.playbook.case(DOMAIN, Cue(domain=DOMAIN.name, seed=seed, intent=intent)), intent)
        found.append(RlTask(task, build_checker(task, DOMAIN), "You serve.", "You want."))
    return found


class Asking:
    """An agent that asks and asks."""

    def generate(self, prompts: Any) -> list[Sample]:
        return [Sample(FORMAT.turn({"role": "assistant", "content": "And then?"})) for _ in prompts]


def runner_for(user: str, url: str | None = None, **options: Any) -> EpisodeRunner:
    cast = Cast.build("scripted", overrides={"user": user}, base_url=url, domain=DOMAIN, **options)
    return EpisodeRunner(DOMAIN, FORMAT, Asking(), cast, max_steps=12, max_tokens=100_000)


def played(runner: EpisodeRunner) -> list[Episode]:
    episodes = [Episode(task) for task in tasks()]
    with runner:
        for part in (episodes[:2], episodes[2:]):  # connections live on between batches
            runner.play(part)
    return episodes


def test_a_served_user_plays_as_one_in_this_process_whatever_befalls_the_server(server: OpenAIServer) -> None:
    server.troubles = cycle(["429", None, "cut", None, "500", None, None])
    served = played(runner_for("openai:scripted?send_case=true", server.url))
    own = played(runner_for("scripted"))
    assert [(e.ids, e.termination, e.reward) for e in served] == [(e.ids, e.termination, e.reward) for e in own]
    assert all(episode.valid for episode in served)
    assert server.troubled.total() > 3
    assert server.most_at_once > 1
    assert "seed" in server.last_body


def test_a_server_that_is_gone_costs_episodes_and_then_ends_the_training(server: OpenAIServer) -> None:
    server.troubles = repeat("500")
    episodes = [Episode(task) for task in tasks()]
    with runner_for("openai:scripted?send_case=true", server.url, max_retries=0) as runner:
        runner.play(episodes)
        assert not any(episode.valid for episode in episodes)
        assert all("the user did not answer" in episode.reason for episode in episodes)
        again = [Episode(task) for task in tasks()]
        with pytest.raises(OutageError, match="calls in a row failed"):
            runner.play(again)
    assert runner.stats.invalid == 6
    assert all("the batch was stopped" in episode.reason for episode in again)
