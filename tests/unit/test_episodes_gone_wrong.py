"""Episodes for training when the agent, the user, the checker or the policy misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult
from replayed import Speaker, call, comparable, played, rl_task, runner, say
from tiny_models import tiny_tokenizer
from told import BOOK, BYE, DOMAIN, HELLO, TASK, calls, says, told

from eigen_graph.checkers import Checker, build_checker
from eigen_graph.core import STOP, EigenGraphError, InitialState
from eigen_graph.models import (
    AccessError,
    Budget,
    BudgetExceededError,
    Cast,
    ContextLengthError,
    InfrastructureError,
    OutageError,
    RequestError,
    Scene,
)
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.episode import Episode, RlTask, Sample

FORMAT = ChatFormat.of(tiny_tokenizer(template="short"))
STOP_ID = FORMAT.stop_id
LENDING = rl_task(TASK, DOMAIN)
LEND = ("lend_book", json.dumps({"book_id": BOOK}))
LOOK = ("find_book", json.dumps({"book_id": BOOK}))


def cast_of(*lines: AIMessage) -> Cast:
    """A user that says these lines in turn, over all dialogues, and the last one for ever."""
    return Cast.build(told(user=list(lines) or [HELLO]), domain=DOMAIN)


def agent(*said: Any) -> Speaker:
    """Says these in turn, the last one for ever."""
    return Speaker(FORMAT, lambda number, _: said[min(number, len(said)) - 1])


async def one(policy: Any, user: Any, task: RlTask = LENDING, **options: Any) -> Episode:
    (episode,) = await played(DOMAIN, FORMAT, policy, [Episode(task)], user, **options)
    require_order(episode)
    return episode


def require_order(episode: Episode) -> None:
    """What any trainer may rely on, whatever has happened."""
    assert episode.prompt_ids
    assert episode.ids
    assert len(episode.ids) == len(episode.mask) == len(episode.logprobs)
    assert set(episode.mask) <= {0, 1}
    assert episode.valid == (episode.reward is not None)
    assert episode.valid or episode.reason


def own_text(episode: Episode) -> str:
    return str(FORMAT.tokenizer.decode([i for i, own in zip(episode.ids, episode.mask, strict=True) if own]))


class Users:
    """A user model of our own: says hello, then bye; fails as it is told to."""

    def __init__(self, fail: dict[int, Exception] | None = None, wait: float = 0.0) -> None:
        self.fail = fail or {}
        self.wait = wait
        self.scenes: list[Scene] = []
        self.now = self.most_at_once = 0

    async def reply(self, heard: Sequence[BaseMessage], tools: Any, scene: Scene) -> AIMessage:  # noqa: ARG002
        self.scenes.append(scene)
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        await asyncio.sleep(self.wait)
        self.now -= 1
        own = sum(isinstance(message, AIMessage) for message in heard)
        if own and scene.attempt in self.fail:
            raise self.fail[scene.attempt]
        return (BYE if own else HELLO).model_copy(deep=True)

    async def aclose(self) -> None:
        self.scenes.append(Scene(id="closed"))


# The agent


async def test_two_calls_in_one_turn_are_answered_in_order() -> None:
    wrong = ("find_book", '{"book_id": "nowhere"}')
    episode = await one(agent(call(LOOK, wrong, text="One moment."), say("Here.")), cast_of(HELLO, BYE))
    assert episode.trajectory is not None
    messages = episode.trajectory.messages
    assert [(m.role, m.error) for m in messages[2:5]] == [("assistant", False), ("tool", False), ("tool", True)]
    assert [made.name for made in messages[2].tool_calls] == ["find_book", "find_book"]
    assert [m.tool_call_id for m in messages[3:5]] == [made.id for made in messages[2].tool_calls]
    given = FORMAT.follow([{"role": "tool", "content": m.content} for m in messages[3:5]])
    spoken = FORMAT.turn(call(LOOK, wrong, text="One moment."))
    assert episode.ids == spoken + given + FORMAT.turn(say("Here."))
    assert episode.mask == [1] * len(spoken) + [0] * len(given) + [1] * len(FORMAT.turn(say("Here.")))
    assert (episode.turns, episode.termination) == (2, "user_stop")


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "find_book", "arguments": {"book_id": "b1\n</tool_call>',
        '<tool_call>\n{"name": "find_book", "arguments": "b1"}\n</tool_call>',
        '<tool_call>\n{"name": "no_such", "arguments": {}}\n</tool_call>',
        '<tool_call>{"name": "find_book", "arguments": {"book_id": {"deep": [1, null]}}}</tool_call>',
        "<tool_call>",
        "<tool_call>\n[]\n</tool_call>\n<tool_call>\nnull",
    ],
)
async def test_a_call_that_cannot_be_read_or_run_is_an_error_that_the_agent_hears(text: str) -> None:
    ids = [*FORMAT.tokenizer.encode(text, add_special_tokens=False), STOP_ID]
    episode = await one(agent(Sample(ids), say("I see.")), cast_of(HELLO, BYE))
    assert episode.trajectory is not None
    result = episode.trajectory.messages[3]
    assert (result.role, result.error) == ("tool", True)
    assert (result.content or "").startswith("Error: ")
    assert (result.content or "")[:60] in FORMAT.tokenizer.decode(episode.ids)
    assert own_text(episode).startswith(text.strip())
    assert episode.trajectory.messages[-2].content == "I see."
    for_ever = await one(agent(Sample(ids)), cast_of(), max_errors=3)
    assert (for_ever.termination, for_ever.reward) == ("too_many_errors", 0)


async def test_an_agent_that_never_comes_to_an_end_is_ended() -> None:
    talking = await one(agent(say("Well?")), cast_of(), max_steps=12)
    assert (talking.termination, talking.reward, talking.turns) == ("max_steps", 0, 6)
    acting = await one(agent(call(LOOK)), cast_of(), max_steps=12)
    assert (acting.termination, acting.reward, acting.turns) == ("max_steps", 0, 6)
    assert not talking.overlong
    assert talking.ids[-1] == STOP_ID  # nothing is added that nobody answers
    assert talking.mask[-1] == 1


@pytest.mark.parametrize("nothing", [[STOP_ID], [], FORMAT.turn(say("  \n "))])
async def test_an_empty_turn_is_asked_again_and_the_third_ends_it(nothing: list[int]) -> None:
    episode = await one(agent(Sample(nothing)), cast_of())
    assert (episode.termination, episode.reward, episode.turns) == ("agent_error", 0, 3)
    assert episode.ids == (nothing or [STOP_ID])
    assert episode.mask == [1 if nothing else 0] * len(episode.ids)
    once = await one(agent(Sample(nothing), say("Here.")), cast_of(HELLO, BYE))
    never = await one(agent(say("Here.")), cast_of(HELLO, BYE))
    assert (once.prompt_ids, once.ids, once.mask) == (never.prompt_ids, never.ids, never.mask)
    assert comparable(once.trajectory) == comparable(never.trajectory)


@pytest.mark.parametrize("overlong", ["fail", "mask"])
async def test_a_turn_without_an_end_carries_loss_and_ends_the_episode(overlong: Any) -> None:
    endless = FORMAT.turn(say("and so on " * 20))[:-1]
    episode = await one(agent(say("Yes?"), Sample(endless)), cast_of(), max_turn_tokens=30, overlong=overlong)
    assert (episode.termination, episode.overlong, episode.turns) == ("agent_error", True, 2)
    assert episode.ids[-30:] == endless[:30]
    assert episode.mask[-30:] == [1] * 30
    assert episode.reward == (0 if overlong == "fail" else None)
    assert episode.reason
    first = await one(agent(Sample(endless)), cast_of(), max_turn_tokens=30, overlong=overlong)
    assert first.ids == endless[:30]


async def test_what_comes_after_the_stop_token_is_nobodys() -> None:
    turn = FORMAT.turn(say("Here."))
    padded = Sample([*turn, 0, 0, STOP_ID, 5], [-1.0] * (len(turn) + 4))
    episode = await one(agent(padded), cast_of(HELLO, BYE))
    assert (episode.ids, episode.logprobs) == (turn, [-1.0] * len(turn))


@pytest.mark.parametrize("overlong", ["fail", "mask"])
async def test_an_episode_ends_where_the_context_leaves_no_room_for_another_turn(overlong: Any) -> None:
    long = await one(agent(say("Well?")), cast_of(), max_steps=60)
    room = len(long.prompt_ids) + len(long.ids) // 2
    cut = await one(agent(say("Well?")), cast_of(), max_tokens=room, max_turn_tokens=8, overlong=overlong)
    assert (cut.termination, cut.overlong) == ("context_window_exceeded", True)
    assert cut.reward == (0 if overlong == "fail" else None)
    assert cut.ids == long.ids[: len(cut.ids)]
    assert cut.ids[-1] == STOP_ID
    step = len(FORMAT.follow([{"role": "user", "content": HELLO.text}]))
    assert room - 8 - step < len(cut.prompt_ids + cut.ids) <= room - 8
    assert not cut.user_fault
    acting = await one(agent(call(LOOK)), cast_of(), max_tokens=room + 500, max_turn_tokens=80, max_steps=1000)
    assert (acting.termination, acting.overlong, acting.user_fault) == ("context_window_exceeded", True, False)
    assert acting.trajectory is not None
    assert acting.trajectory.messages[-1].role == "tool"


async def test_a_prompt_that_leaves_no_room_is_cut_and_weighs_nothing() -> None:
    episode = await one(agent(say("Well?")), cast_of(), max_tokens=40, max_turn_tokens=38)
    assert (episode.termination, episode.overlong, episode.turns) == ("context_window_exceeded", True, 0)
    assert (episode.ids, episode.mask) == ([STOP_ID], [0])
    assert len(episode.prompt_ids) < 40


# The user


async def test_a_user_who_ends_it_at_once_leaves_a_weightless_turn() -> None:
    episode = await one(agent(say("Well?")), cast_of(says(f"Never mind. {STOP}")))
    assert (episode.termination, episode.turns, episode.reward) == ("user_stop", 0, 0)
    assert (episode.ids, episode.mask, episode.logprobs) == ([STOP_ID], [0], [0.0])
    assert episode.user_fault


async def test_a_user_acts_until_they_speak_and_the_agent_hears_only_words() -> None:
    put = ("put_on_shelf", {"book_id": BOOK})
    policy = agent(say("Put it there."), say("Good."))
    episode = await one(policy, cast_of(HELLO, calls(put), calls(put), says("I did."), BYE))
    assert episode.trajectory is not None
    assert [m.requestor for m in episode.trajectory.messages if m.role == "tool"] == ["user", "user"]
    assert episode.ids == [
        *FORMAT.turn(say("Put it there.")),
        *FORMAT.follow([{"role": "user", "content": "I did."}]),
        *FORMAT.turn(say("Good.")),
    ]


@pytest.mark.parametrize(
    ("error", "termination"),
    [(RequestError("no"), "user_error"), (ContextLengthError("too long"), "context_window_exceeded")],
)
async def test_a_user_who_gives_nothing_usable_is_at_fault(error: Exception, termination: str) -> None:
    episode = await one(agent(say("Well?")), Users({0: error}))
    assert (episode.termination, episode.reward, episode.user_fault) == (termination, 0, True)
    assert not episode.overlong
    silent = await one(agent(say("Well?")), cast_of(says("")))
    assert (silent.termination, silent.user_fault, silent.turns) == ("user_error", True, 0)


async def test_an_unanswered_episode_stands_for_nothing_and_the_others_go_on() -> None:
    episodes = [Episode(LENDING, attempt) for attempt in range(6)]
    users = Users({1: InfrastructureError("the line is dead"), 4: InfrastructureError("cut")})
    await played(DOMAIN, FORMAT, agent(say("Well?")), episodes, users)
    for episode in episodes:
        require_order(episode)
    assert [episode.valid for episode in episodes] == [True, False, True, True, False, True]
    assert "the line is dead" in episodes[1].reason
    assert [episode.termination for episode in episodes[:2]] == ["user_stop", "infrastructure_error"]
    assert episodes[1].trajectory is not None
    assert len(episodes[1].trajectory.messages) == 3


class Dead(BaseChatModel):
    """A chat model whose server is gone."""

    @property
    def _llm_type(self) -> str:
        return "dead"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(tools=tools, **kwargs)

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise AssertionError("only asked asynchronously")

    async def _agenerate(self, *_: Any, **__: Any) -> ChatResult:
        raise ConnectionError("refused")


async def test_a_user_whose_server_is_gone_for_good_stops_the_batch() -> None:
    few = [Episode(LENDING, attempt) for attempt in range(3)]
    cast = Cast.build(Dead(), domain=DOMAIN)
    await played(DOMAIN, FORMAT, agent(say("Well?")), few, cast)
    assert [episode.valid for episode in few] == [False] * 3
    many = [Episode(LENDING, attempt) for attempt in range(12)]
    with pytest.raises(OutageError, match="calls in a row failed"):
        await played(DOMAIN, FORMAT, agent(say("Well?")), many, cast)
    for episode in (*few, *many):
        require_order(episode)
        assert not episode.valid


@pytest.mark.parametrize("error", [AccessError("wrong key"), BudgetExceededError("spent"), ZeroDivisionError("a bug")])
async def test_other_errors_end_the_batch_with_everything_in_order(error: Exception) -> None:
    episodes = [Episode(LENDING, attempt) for attempt in range(4)]
    with pytest.raises(type(error), match=str(error)):
        await played(DOMAIN, FORMAT, agent(say("Well?")), episodes, Users({2: error}))
    for episode in episodes:
        require_order(episode)
        assert "the batch was stopped" in episode.reason


async def test_a_budget_stops_a_batch() -> None:
    cast = Cast.build(told(user=[HELLO]), domain=DOMAIN, budget=Budget(tokens=300))
    with pytest.raises(BudgetExceededError):
        await played(DOMAIN, FORMAT, agent(say("Well?")), [Episode(LENDING)], cast, max_steps=1000)


async def test_users_are_asked_at_once_each_with_a_scene_of_its_own() -> None:
    users = Users(wait=0.01)
    episodes = [Episode(LENDING, attempt) for attempt in range(9)]
    await played(DOMAIN, FORMAT, agent(say("Well?")), episodes, users, seed=7)
    assert users.most_at_once == 9
    scenes = users.scenes[:-1]
    assert users.scenes[-1].id == "closed"
    assert {scene.id for scene in scenes} == {TASK.id}
    assert {scene.attempt for scene in scenes} == set(range(9))
    assert len({scene.seed for scene in scenes}) == 9
    assert all(scene.cue is not None for scene in scenes)
    other = Users()
    await played(DOMAIN, FORMAT, agent(say("Well?")), [Episode(LENDING, 8), Episode(LENDING, 0)], other, seed=7)
    assert {(s.attempt, s.seed) for s in other.scenes[:-1]} <= {(s.attempt, s.seed) for s in scenes}
    third = Users()
    await played(DOMAIN, FORMAT, agent(say("Well?")), [Episode(LENDING, 0)], third, seed=8)
    assert third.scenes[0].seed not in {scene.seed for scene in scenes}


# The checker, the task and the policy


async def test_what_cannot_be_judged_or_begun_has_no_reward() -> None:
    stranger = Checker.from_json({**LENDING.checker.to_json(), "database": "another"})
    blind = build_checker(TASK, DOMAIN, basis=("NL_ASSERTION",))
    wants = TASK.criteria.model_copy(update={"nl_assertions": ["The agent is polite."]})
    unheard = blind.model_copy(update={"task": TASK.model_copy(update={"evaluation_criteria": wants})})
    nowhere = TASK.model_copy(update={"initial_state": InitialState(initialization_data={"agent_data": {"no": {}}})})
    tasks = [
        LENDING,
        rl_task(TASK, DOMAIN, stranger),
        rl_task(TASK, DOMAIN, unheard),
        rl_task(nowhere, DOMAIN, LENDING.checker),
        LENDING,
    ]
    episodes = [Episode(task) for task in tasks]
    await played(DOMAIN, FORMAT, agent(say("Well?")), episodes, Users())
    for episode in episodes:
        require_order(episode)
    assert [episode.valid for episode in episodes] == [True, False, False, False, True]
    assert "judge with the version" in episodes[1].reason
    assert "not judged" in episodes[2].reason
    assert "cannot begin" in episodes[3].reason
    assert not any(episode.user_fault for episode in episodes[1:4])


@pytest.mark.parametrize("broken", ["fewer", "logprobs", "gone"])
async def test_a_policy_that_breaks_its_word_stops_the_batch(broken: str) -> None:
    class Broken:
        def generate(self, prompts: Sequence[Sequence[int]]) -> list[Sample]:
            if broken == "gone":
                raise OutageError("the server is gone")
            turn = FORMAT.turn(say("Well?"))
            return [Sample(turn, [-1.0] if broken == "logprobs" else None)] * (len(prompts) - (broken == "fewer"))

    episodes = [Episode(LENDING, attempt) for attempt in range(3)]
    with pytest.raises(EigenGraphError, match=r"logprobs|2 turns for 3|gone"):
        await played(DOMAIN, FORMAT, Broken(), episodes, Users())
    for episode in episodes:
        require_order(episode)
        assert not episode.valid


def test_a_runner_holds_a_loop_of_its_own_and_closes_what_it_was_given() -> None:
    users = Users(wait=0.002)
    episodes = [Episode(LENDING, attempt) for attempt in range(3)]
    with runner(DOMAIN, FORMAT, agent(say("Well?")), users) as made:
        made.play(episodes[:2])
        made.play(episodes[2:])
        made.play([])
    assert users.scenes[-1].id == "closed"
    assert all(episode.valid for episode in episodes)
    stats = made.stats
    assert (stats.episodes, stats.invalid, stats.turns) == (3, 0, 3)
    assert stats.tokens == 3 * len(FORMAT.turn(say("Well?")))
    assert stats.user >= 4 * 0.002
    assert min(stats.policy, stats.environment) > 0
    assert made.clock() == {"policy": stats.policy, "user": stats.user}
