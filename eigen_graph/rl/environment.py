"""The same episodes as a TRL environment, for people who train with a script of their own.

    tasks = ...  # RlTask: a task with its checker
    trainer = GRPOTrainer(
        model=..., args=..., train_dataset=Dataset.from_list(environment_rows(domain, tasks)),
        environment_factory=environment_factory(domain, tasks, user="openai:gpt-5-mini"),
    )

TRL's loop knows tools and no user: a message without a call ends its episode. So the agent speaks to the user by
calling `reply_to_user`, which trains a format unlike deployment, where it just speaks. `eigen-graph train grpo` has no
such gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.messages.tool import tool_call

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.graphs.dialogue import GREETING
from eigen_graph.rl.episode import RlTask
from eigen_graph.rl.stepwise import Stage, SteppedDialogue
from eigen_graph.rl.tool_methods import method_of

_OVER = "Error: the conversation is over."
_LEFT = "(The user has ended the conversation.)"


class DialogueEnvironment:
    """One dialogue at a time: tools to call, a user to talk to, a checker at the end. TRL makes and reuses instances.

    Every public method but `reset` and `get_reward` is a tool of the agent's. The subclasses that `environment_factory`
    makes add one for each tool of the domain.
    """

    _stage: ClassVar[Stage]
    _tasks: ClassVar[dict[str, RlTask]]

    def __init__(self) -> None:
        self._dialogue = SteppedDialogue(self._stage)

    def reset(self, **row: Any) -> str:
        """Begin a dialogue; nothing of the last one is left.

        Args:
            row: A row of the data set; its `task_id` says which task.

        Returns:
            The user's first words, which TRL appends to the prompt.

        Raises:
            EigenGraphError: There is no such task, or the user model is gone for good.
        """
        name = row.get("task_id")
        if name not in self._tasks:
            raise EigenGraphError(
                f"no task {name!r:.80} among the {len(self._tasks)} of the environment: give the data set the rows of "
                "environment_rows(domain, tasks)"
            )
        return self._told(self._dialogue.begin(self._tasks[name]))

    def reply_to_user(self, message: str) -> str:
        """Say something to the user and wait for the answer. The user hears nothing but this.

        Args:
            message: What to say.
        """
        dialogue = self._dialogue
        if dialogue.ended():
            return _OVER
        dialogue.act(AIMessage(str(message)))
        if dialogue.ended():
            return _OVER
        if not dialogue.users_turn():
            return "Error: an empty message says nothing."
        return self._told(dialogue.hear())

    def get_reward(self) -> float | None:
        """What the checker says of the dialogue.

        Returns:
            1.0 for a solved task, else 0.0, also where the user was never brought to an end; None for an episode
            that stands for nothing (the user's server failed, or it cannot be judged): TRL leaves it out of its group.
        """
        return self._dialogue.reward

    def _call(self, name: str, arguments: dict[str, Any]) -> str:
        dialogue = self._dialogue
        if dialogue.ended():
            return _OVER
        call = tool_call(name=name, args=arguments, id=f"call_{dialogue.steps}")
        (result,) = dialogue.act(AIMessage("", tool_calls=[call]))
        return result.content or ""

    def _told(self, words: str) -> str:
        if self._dialogue.lost:
            return _OVER
        return f"{words}\n{_LEFT}".strip() if self._dialogue.termination else words


def environment_factory(
    domain: Domain,
    tasks: Iterable[RlTask],
    *,
    user: str | BaseChatModel = "scripted",
    base_url: str | None = None,
    max_steps: int = 60,
    max_errors: int = 10,
) -> type[DialogueEnvironment]:
    """A class for `GRPOTrainer(environment_factory=...)`; its rewards are logged under the class's name.

    Args:
        domain: Where the tasks are.
        tasks: Those that rows may name, each with its checker.
        user: Who plays the user: `scripted`, `hf:PATH`, `openai:NAME` or a chat model.
        base_url: Server of an `openai:` user.
        max_steps: Messages and tool results of a dialogue at most.
        max_errors: Failed calls of a dialogue at most.

    Raises:
        EigenGraphError: There is no task, two share an id, `scripted` cannot play one, or a tool's name will not do.
    """
    stage = Stage(domain, user=user, base_url=base_url, max_steps=max_steps, max_errors=max_errors)
    taken = {"reset", "get_reward", "reply_to_user"}
    methods = {
        name: method_of(bound, DialogueEnvironment._call, taken=taken)  # noqa: SLF001  # the class's own way in
        for name, bound in domain.agent.toolbox.items()
    }
    name = "".join(part.capitalize() for part in domain.name.replace(":", "_").split("_"))
    made = type(
        f"{name}Environment",
        (DialogueEnvironment,),
        {**methods, "_stage": stage, "_tasks": stage.by_id(tasks), "__module__": __name__},
    )
    made.__doc__ = f"A dialogue of domain {domain.name!r}: see `DialogueEnvironment`."
    return made


def environment_rows(domain: Domain, tasks: Iterable[RlTask]) -> list[dict[str, Any]]:
    """Rows of a `train_dataset` for the environment: a prompt up to the user's first words, and the task's id."""
    stage = Stage(domain)
    rows = []
    for task in tasks:
        system = stage.agent_system(task)
        prompt = [
            {"role": "system", "content": f"{system}\n\nSpeak to the user by calling `reply_to_user`, and only so."},
            {"role": "assistant", "content": GREETING},
            {"role": "user", "content": ""},
        ]
        rows.append({"prompt": prompt, "task_id": task.id})
    return rows
