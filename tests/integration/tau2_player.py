"""Dialogues through tau2's own orchestrator, judged and saved by tau2 itself: `python tau2_player.py FOLDER`.

Agent and user follow a script, without a language model. It is a process of its own, since importing tau2's
orchestrator takes seconds and warns of much.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loguru import logger
from tau2.agent.base import LocalAgent
from tau2.data_model.message import AssistantMessage, ToolCall, UserMessage
from tau2.data_model.simulation import Results, SimulationRun
from tau2.data_model.tasks import Action, Task
from tau2.evaluator.evaluator import EvaluationType, evaluate_simulation
from tau2.orchestrator.orchestrator import Orchestrator
from tau2.registry import registry
from tau2.run import get_info
from tau2.user.base import STOP, BaseUser

TASKS = {"airline": 2, "retail": 4, "telecom": 5}
MAX_ERRORS = 3


class Script:
    """What is left to do, and what to tell at the end."""

    def __init__(self, actions: list[Action], facts: list[str]) -> None:
        self.actions = list(actions)
        self.facts = facts
        self.calls = 0

    def next_call(self, actor: str) -> list[ToolCall] | None:
        """The next action as a call, if it is this party's."""
        if not self.actions or self.actions[0].requestor != actor:
            return None
        action = self.actions.pop(0)
        self.calls += 1
        return [ToolCall(id=f"call_{self.calls}", name=action.name, arguments=action.arguments, requestor=actor)]


class Agent(LocalAgent[Script]):
    def __init__(self, script: Script, **options: Any) -> None:
        super().__init__(**options)
        self.script = script

    def get_init_state(self, message_history: Any = None) -> Script:  # noqa: ARG002  # tau2's signature
        return self.script

    def generate_next_message(self, message: Any, state: Script) -> tuple[AssistantMessage, Script]:  # noqa: ARG002  # as above
        if calls := state.next_call("assistant"):
            return AssistantMessage(role="assistant", tool_calls=calls, cost=0.0), state
        text = "Please see to your side." if state.actions else f"All is done. {' and '.join(state.facts)}"
        return AssistantMessage(role="assistant", content=text, cost=0.0), state

    def set_seed(self, seed: int) -> None:
        """It needs none."""


class User(BaseUser):
    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script
        self.spoke = False

    def get_init_state(self, message_history: Any = None) -> Script:  # noqa: ARG002  # tau2's signature
        return self.script

    def generate_next_message(self, message: Any, state: Script) -> tuple[UserMessage, Script]:  # noqa: ARG002  # as above
        if calls := state.next_call("user"):
            return UserMessage(role="user", tool_calls=calls, cost=0.0), state
        ends = self.spoke and not state.actions
        self.spoke = True
        return UserMessage(role="user", content=f"Thanks. {STOP}" if ends else "I need help.", cost=0.0), state

    @classmethod
    def is_stop(cls, message: UserMessage) -> bool:
        return STOP in (message.content or "")

    def set_seed(self, seed: int) -> None:
        """It needs none."""


def gold(task: Task) -> list[Action]:
    return list(task.evaluation_criteria.actions or ())


def short(task: Task) -> list[Action]:
    return gold(task)[:-1]


def astray(task: Task) -> list[Action]:
    """With a tool that does not exist, wrong arguments, and a look-up that fails."""
    strange = [
        Action(action_id="s1", name="no_such_tool", arguments={"x": 1}),
        Action(action_id="s2", name="transfer_to_human_agents", arguments={"why": "?"}),
    ]
    return [*strange, *gold(task)]


def wild(task: Task) -> list[Action]:
    return [*astray(task), *astray(task)]


PLAYS: tuple[tuple[Callable[[Task], list[Action]], int], ...] = (
    (gold, 200),
    (short, 200),
    (astray, 200),
    (wild, 200),
    (gold, 2),
)
"""What is done in each trial, and after how many steps it is cut off."""


def play(domain: str, task: Task, trial: int) -> SimulationRun:
    made, max_steps = PLAYS[trial]
    environment = registry.get_env_constructor(domain)()
    script = Script(made(task), task.evaluation_criteria.communicate_info or [])
    run = Orchestrator(
        domain=domain,
        agent=Agent(script, tools=environment.get_tools(), domain_policy=environment.get_policy()),
        user=User(script),
        environment=environment,
        task=task,
        max_steps=max_steps,
        max_errors=MAX_ERRORS,
        seed=trial,
    ).run()
    run.trial = trial
    run.reward_info = evaluate_simulation(run, task, EvaluationType.ALL, solo_mode=False, domain=domain)
    return run


def play_all(domain: str) -> Results:
    tasks = registry.get_tasks_loader(domain)("base")
    chosen = random.Random(4).sample(tasks, TASKS[domain])
    info = get_info(
        domain=domain,
        agent="llm_agent",
        user="user_simulator",
        llm_agent="scripted",
        llm_user="scripted",
        num_trials=len(PLAYS),
        max_steps=200,
        max_errors=MAX_ERRORS,
        seed=300,
    )
    runs = [play(domain, task, trial) for trial in range(len(PLAYS)) for task in chosen]
    return Results(info=info, tasks=chosen, simulations=runs)


def main(folder: Path) -> None:
    logger.remove()
    for domain in TASKS:
        play_all(domain).save(folder / f"{domain}.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
