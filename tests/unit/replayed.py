"""Reference dialogues as tokens: a policy that says what the scripted agent said, whenever it finds itself there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any, NamedTuple

from eigen_graph.checkers import Checker, build_checker
from eigen_graph.core import Cue, Domain, Message, Task, Trajectory, task_from_case
from eigen_graph.graphs import Context, dialogue
from eigen_graph.models import Cast
from eigen_graph.models.local.chat_format import ChatFormat
from eigen_graph.rl.episode import Episode, RlTask, Sample
from eigen_graph.rl.runner import EpisodeRunner
from eigen_graph.runs.datasets.dialogues import agent_examples
from eigen_graph.runs.rows import InstanceRow

ROOM = 10**6
"""A context in which everything fits."""


class Reference(NamedTuple):
    """A dialogue as the graph plays it, and the row that it is exported as."""

    attempt: int
    task: RlTask
    trajectory: Trajectory
    row: dict[str, Any]


def task_of(domain: Domain, intent: str, seed: int = 1) -> Task:
    """A playbook case as a task."""
    assert domain.playbook
    cue = Cue(domain=domain.name, seed=seed, intent=intent)
    return task_from_case(domain.playbook.case(domain, cue), f"{intent}-{seed}")


def rl_task(task: Task, domain: Domain, checker: Checker | None = None) -> RlTask:
    return RlTask(task, checker or build_checker(task, domain), "You serve.\n\n## Policy\n\nBe kind.", "You want.")


async def reference(task: RlTask, domain: Domain, *, attempt: int = 0, **settings: Any) -> Reference:
    """A task's dialogue by the scripted cast."""
    request: dict[str, Any] = {
        "task": task.task.to_json(),
        "attempt": attempt,
        "agent_system": task.agent_system,
        "user_system": task.user_system,
    }
    done = (await dialogue.ainvoke(request, context=Context(domain=domain, **settings)))["trajectory"]  # type: ignore[arg-type]
    instance = InstanceRow(
        id="g0-000000",
        generation=0,
        index=0,
        plan_id="p",
        fate="accepted",
        stage="reviewer",
        task=task.task.to_json(),
        trajectory=done,
        agent_system=task.agent_system,
        user_system=task.user_system,
    )
    rows = list(agent_examples(instance, domain, "dialogue"))
    return Reference(attempt, task, Trajectory.from_json(done), rows[0] if rows else {})


class Replay:
    """Gives each reference's turns where the tokens before them are those that it was trained on; else it fails."""

    def __init__(self, chat_format: ChatFormat, references: Iterable[Reference]) -> None:
        self.turns: dict[tuple[int, ...], list[int]] = {}
        self.batches: list[int] = []
        for _, _, _, row in references:
            if row:
                ids, mask = chat_format.sequence(row["messages"], row["loss_mask"], row["tools"])
                self._learn(ids, mask)

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Sample]:
        self.batches.append(len(prompts))
        found = [self.turns[tuple(prompt)] for prompt in prompts]
        return [Sample(list(turn), [-0.5] * len(turn)) for turn in found]

    def _learn(self, ids: list[int], mask: list[int]) -> None:
        begin = 0
        while 1 in mask[begin:]:
            begin = mask.index(1, begin)
            end = mask.index(0, begin) if 0 in mask[begin:] else len(mask)
            known = self.turns.setdefault(tuple(ids[:begin]), ids[begin:end])
            assert known == ids[begin:end], "two references that begin alike and go on otherwise: play them apart"
            begin = end


class Speaker:
    """A policy that speaks by a rule: from the tokens before it to a message, or to raw ids."""

    def __init__(self, chat_format: ChatFormat, rule: Callable[[int, Sequence[int]], Any]) -> None:
        self.chat_format = chat_format
        self.rule = rule
        self.calls = 0

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Sample]:
        self.calls += 1
        said = [self.rule(self.calls, prompt) for prompt in prompts]
        return [one if isinstance(one, Sample) else Sample(self.chat_format.turn(one)) for one in said]


def say(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def call(*wanted: tuple[str, str], text: str = "") -> dict[str, Any]:
    """Calls by name and the JSON text of their arguments."""
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(wanted)
    ]
    return {"role": "assistant", "content": text, "tool_calls": calls}


def runner(
    domain: Domain, chat_format: ChatFormat, policy: Any, user: Any = "scripted", **options: Any
) -> EpisodeRunner:
    """A runner with much room."""
    cast = Cast.build(overrides={"user": user}, domain=domain) if isinstance(user, str) else user
    given = {"max_steps": 100, "max_tokens": ROOM, "max_turn_tokens": 4096, **options}
    return EpisodeRunner(domain, chat_format, policy, cast, **given)


async def played(
    domain: Domain,
    chat_format: ChatFormat,
    policy: Any,
    episodes: list[Episode],
    user: Any = "scripted",
    **options: Any,
) -> list[Episode]:
    made = runner(domain, chat_format, policy, user, **options)
    await made.aplay(episodes)
    await made.user.aclose()
    return episodes


def comparable(trajectory: Trajectory | None) -> list[Any]:
    """Messages without the names of calls, which each model gives in its own way."""
    assert trajectory is not None
    names: dict[str | None, int] = {}
    numbers = count()

    def plain(message: Message) -> Any:
        for made in message.tool_calls:
            names[made.id] = next(numbers)
        calls = [(made.name, made.arguments) for made in message.tool_calls]
        content = message.content or ""
        return message.role, content, calls, names.get(message.tool_call_id), message.requestor, message.error

    return [*map(plain, trajectory.messages), trajectory.termination]
