"""Episodes as a TRL environment: what a script of somebody's own gets, tried in the real GRPOTrainer."""

from __future__ import annotations

import importlib.resources
import inspect
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from datasets import Dataset
from hostile import ARGUMENTS, TEXTS
from langchain_core.messages import AIMessage
from langgraph.prebuilt import ToolRuntime
from lending import make
from simulated_users import changed, tasks_in, tasks_of
from tiny_models import tiny_model
from transformers.utils import get_json_schema
from trl import GRPOConfig, GRPOTrainer

from eigen_graph.checkers import Checker, build_checker
from eigen_graph.core import Cue, Database, Domain, EigenGraphError, Policy, Side, Task, World, domain_tool
from eigen_graph.models import InfrastructureError, OutageError
from eigen_graph.rl.environment import DialogueEnvironment, environment_factory, environment_rows
from eigen_graph.rl.episode import RlTask
from eigen_graph.rl.tool_methods import hint_of

QWEN = (importlib.resources.files("trl") / "chat_templates" / "qwen2_5.jinja").read_text()
"""A template that TRL knows how to parse."""


def moves_of(domain: Domain, task: Task) -> list[tuple[str, dict[str, Any]]]:
    """The agent's moves in the task's playbook case, as calls of the environment's methods."""
    assert domain.playbook
    case = domain.playbook.case(domain, Cue.model_validate(task.tags.cue))
    return [
        (beat.call.name, dict(beat.call.arguments)) if beat.call else ("reply_to_user", {"message": beat.text})
        for beat in case.beats
        if beat.actor == "assistant"
    ]


def play(environment: DialogueEnvironment, domain: Domain, task: RlTask) -> list[str]:
    return [
        environment.reset(task_id=task.id, prompt=[], other=None),
        *(getattr(environment, name)(**given) for name, given in moves_of(domain, task.task)),
    ]


def tools_of(environment: DialogueEnvironment) -> list[str]:
    """As TRL finds them."""
    found = [name for name, _ in inspect.getmembers(type(environment), predicate=inspect.isfunction)]
    return [name for name in found if not name.startswith("_") and name not in ("reset", "get_reward")]


@pytest.mark.parametrize("name", ["hotel", "broadband"])
def test_playing_the_case_through_the_methods_earns_the_reward(name: str) -> None:
    domain, tasks = tasks_of(name, 8)
    environment = environment_factory(domain, tasks)()
    for task in (*tasks, *tasks[::-1]):  # one instance again and again, as TRL's pool has it
        heard = play(environment, domain, task)
        assert heard[0]
        assert "###" not in "".join(heard)
        assert heard[-1].endswith("(The user has ended the conversation.)")
        assert environment.get_reward() == environment.get_reward() == 1.0
        assert (
            getattr(environment, moves_of(domain, task.task)[0][0])(message="more")
            == "Error: the conversation is over."
        )
        assert environment.get_reward() == 1.0


@pytest.mark.parametrize("name", ["hotel", "broadband", "tau2:telecom"])
def test_trl_reads_each_tool_as_it_is_offered_elsewhere(name: str) -> None:
    domain, tasks = tasks_of(name, 2)
    environment = environment_factory(domain, tasks)()
    assert sorted(tools_of(environment)) == sorted([*domain.agent.toolbox, "reply_to_user"])
    for tool in tools_of(environment):
        read = get_json_schema(getattr(environment, tool))["function"]
        assert read["name"] == tool
        assert read["description"]
        if tool == "reply_to_user":
            assert read["parameters"]["required"] == ["message"]
            continue
        ours = domain.agent.toolbox[tool].openai["function"]["parameters"]
        assert set(read["parameters"]["properties"]) == set(ours["properties"])
        assert read["parameters"].get("required", []) == ours.get("required", [])
        for argument, schema in read["parameters"]["properties"].items():
            assert schema["description"] == ours["properties"][argument]["description"]
            if "type" in ours["properties"][argument]:
                assert schema["type"] == ours["properties"][argument]["type"]
                assert schema.get("enum") == ours["properties"][argument].get("enum")


def test_hints_of_schemas() -> None:
    assert hint_of({"type": "array", "items": {"type": "integer"}}) == list[int]
    assert hint_of({"enum": ["a", 2]}) == Literal["a", 2]
    assert hint_of({"type": ["string", "null"]}) == str | None
    assert hint_of({"anyOf": [{"type": "string"}, {}]}) is hint_of({}) is hint_of(True) is Any
    assert hint_of({"type": "array"}) is list
    assert hint_of({"type": "object", "properties": {"a": {}}}) == dict[str, Any]


def test_one_wrong_step_earns_nothing() -> None:
    domain, tasks = tasks_of("hotel", 8)
    environment = environment_factory(domain, tasks)()
    cancelled = next(task for task in tasks if "cancel_booking" in [action.name for action in task.task.actions])
    environment.reset(task_id=cancelled.id)
    assert environment.get_reward() == 0.0  # nothing was done, and the user is still there
    for name, given in moves_of(domain, cancelled.task):
        if name != "cancel_booking":
            getattr(environment, name)(**given)
    assert environment.get_reward() == 0.0
    play(environment, domain, cancelled)
    assert environment.get_reward() == 1.0


def test_limits_end_an_episode() -> None:
    domain, tasks = tasks_of("hotel", 2)
    environment: Any = environment_factory(domain, tasks, max_errors=3)()
    environment.reset(task_id=tasks[0].id)
    answers = [environment.get_guest(guest_id="nobody") for _ in range(4)]
    assert answers[2].startswith("Error:")
    assert answers[3] == "Error: the conversation is over."
    assert environment.reply_to_user("Hello?") == "Error: the conversation is over."
    assert environment.get_reward() == 0.0
    environment.reset(task_id=tasks[0].id)
    assert {environment.reply_to_user("  ") for _ in range(2)} == {"Error: an empty message says nothing."}
    assert environment.reply_to_user("") == "Error: the conversation is over."
    assert environment.get_reward() == 0.0


def test_hostile_calls_are_answered_and_never_crash() -> None:
    domain, tasks = tasks_of("broadband", 2)
    environment = environment_factory(domain, tasks, max_errors=1000, max_steps=1000)()
    environment.reset(task_id=tasks[0].id)
    for tool in tools_of(environment):
        for arguments in ARGUMENTS:
            if tool != "reply_to_user":
                answer = getattr(environment, tool)(**{str(key): value for key, value in arguments.items()})
                assert isinstance(answer, str)
    for text in TEXTS:
        assert isinstance(environment.reply_to_user(text), str)
    assert environment.get_reward() is not None


class _Breaks:
    """A user who breaks at their second words."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked: dict[str, int] = {}

    def __call__(self, reply: AIMessage, scene: str) -> AIMessage:
        self.asked[scene] = self.asked.get(scene, 0) + 1
        if self.asked[scene] > 1:
            raise self.error
        return reply


def test_an_episode_without_a_user_or_a_judge_stands_for_nothing(caplog: pytest.LogCaptureFixture) -> None:
    domain, tasks = tasks_of("hotel", 2)
    user = changed(domain, _Breaks(InfrastructureError("no answer")))
    environment: Any = environment_factory(domain, tasks, user=user)()
    assert environment.get_reward() is None
    environment.reset(task_id=tasks[0].id)
    assert environment.reply_to_user("Who is there?") == "Error: the conversation is over."
    assert environment.get_reward() is None
    assert "stands for nothing: the user did not answer: no answer" in caplog.text
    checkers = [Checker.from_json({**task.checker.to_json(), "database": "other"}) for task in tasks]
    stale = [RlTask(task.task, checker, "", "") for task, checker in zip(tasks, checkers, strict=True)]
    environment = environment_factory(domain, stale)()
    environment.reset(task_id=tasks[0].id)
    assert environment.get_reward() is None
    assert "cannot be judged" in caplog.text
    gone: Any = environment_factory(domain, tasks, user=changed(domain, _Breaks(OutageError("gone for good"))))()
    gone.reset(task_id=tasks[0].id)
    with pytest.raises(OutageError):
        gone.reply_to_user("Hello?")
    assert gone.get_reward() is None


def test_what_cannot_be_an_environment_is_refused() -> None:
    domain, tasks = tasks_of("hotel", 2)
    for given, words in (((), "needs tasks"), ((tasks[0], tasks[0]), "two tasks")):
        with pytest.raises(EigenGraphError, match=words):
            environment_factory(domain, given)
    with pytest.raises(EigenGraphError, match=r"no task 'other'.*environment_rows"):
        environment_factory(domain, tasks)().reset(task_id="other")
    with pytest.raises(EigenGraphError, match=r"needs a server|no server|key"):
        environment_factory(domain, tasks, user="openai:nobody")().reset(task_id=tasks[0].id)

    @domain_tool(writes=False)
    def reset(runtime: ToolRuntime[World, Any]) -> str:  # noqa: ARG001  # as a tool has it
        """Start again."""
        return "no"

    odd = Domain(name="odd", policy=Policy("Be kind."), agent=Side(Database({}), tools=(reset,)))
    task = Task(id="t")
    with pytest.raises(EigenGraphError, match="'reset' cannot be a method"):
        environment_factory(
            odd, [RlTask(task, build_checker(task, odd), "", "")], user=changed(domain, _Breaks(OSError()))
        )


class PlayedTrainer(GRPOTrainer):
    """Its model's turns are the playbook agent's, but every second episode gives up at once; all else is real."""

    def _generate_single_turn(self, prompt_ids: Sequence[list[int]], *_: Any, **__: Any) -> Any:
        tokenizer = self.processing_class
        turns = []
        for number, ids in enumerate(prompt_ids):
            text = tokenizer.decode(ids)
            opening, played = text.split("<|im_start|>user\n")[1].split("<|im_end|>")[0], text.count("<tool_call>\n{")
            moves = next(
                moves_of(stage.domain, task.task)
                for environment in self.environments
                for stage, task in [(environment._stage, environment._dialogue.task)]
                if opening == environment._dialogue.trajectory().messages[1].content
            )
            done = text.count("<|im_start|>assistant") - 2  # the greeting is one, and the turn to come
            assert played >= done
            if done >= len(moves) or (len(prompt_ids) == 4 and number % 2):
                turns.append("Goodbye.<|im_end|>")
            else:
                call = json.dumps({"name": moves[done][0], "arguments": moves[done][1]})
                turns.append(f"<tool_call>\n{call}\n</tool_call><|im_end|>")
        return [tokenizer.encode(turn, add_special_tokens=False) for turn in turns], None


def trained(kind: type[GRPOTrainer], out: Path, *, steps: int, tokens: int) -> list[dict[str, float]]:
    """The log of some steps on two tasks of the library, in groups of two."""
    domain = make()
    tasks = tasks_in(domain, 2)
    model, tokenizer = tiny_model(template=QWEN)
    config = GRPOConfig(
        output_dir=str(out),
        max_steps=steps,
        per_device_train_batch_size=4,
        num_generations=2,
        max_completion_length=tokens,
        learning_rate=1e-3,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    trainer = kind(
        model=model,
        processing_class=tokenizer,
        args=config,
        train_dataset=Dataset.from_list(environment_rows(domain, tasks)),
        environment_factory=environment_factory(domain, tasks),
    )
    trainer.train()
    return [entry for entry in trainer.state.log_history if "reward" in entry]


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.usefixtures("_offline")
def test_the_real_trainer_runs_its_tool_loop_on_it(tmp_path: Path) -> None:
    """Half of the episodes are played to their right end, half given up: the trainer sees rewards of 1 and 0."""
    (log,) = trained(PlayedTrainer, tmp_path, steps=1, tokens=2_000)
    assert log["reward"] == log["rewards/LendingEnvironment/mean"] == 0.5
    assert log["frac_reward_zero_std"] == 0
    assert log["tools/call_frequency"] > 1
    assert log["tools/failure_frequency"] == 0
    assert math.isfinite(log["loss"])
    assert log["grad_norm"] > 0


@pytest.mark.usefixtures("_offline")
def test_a_model_that_knows_nothing_trains_on_it_without_a_word(tmp_path: Path) -> None:
    logs = trained(GRPOTrainer, tmp_path, steps=2, tokens=12)
    assert [log["reward"] for log in logs] == [0.0, 0.0]
    assert all(math.isfinite(log["loss"]) for log in logs)
