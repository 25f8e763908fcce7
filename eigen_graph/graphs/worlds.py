"""What a dialogue in progress works with beside its state, rebuilt from the state when it is lost."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AnyMessage

from eigen_graph.core import Actor, Domain, Message, Task, environment_of
from eigen_graph.graphs.views import heard_by, view

_MAX_KEPT = 4096


class World:
    """A dialogue's environment, and what each side has heard, after so many messages.

    Args:
        domain: Where it takes place.
        task: Gives the initial state.
        systems: Each side's instructions.
        messages: What has been said and done; its calls are run again.

    Raises:
        EigenGraphError: The initial state does not fit the domain.
    """

    def __init__(
        self, domain: Domain, task: Task, systems: Mapping[Actor, str], messages: Sequence[dict[str, Any]]
    ) -> None:
        self.task = task
        self.environment = environment_of(domain, task)
        self.heard: dict[Actor, list[AnyMessage]] = {
            actor: heard_by(actor, messages, system) for actor, system in systems.items()
        }
        self.seen = len(messages)
        self.memory: dict[str, Any] = {}
        """What an agent of one's own keeps between its turns. A world that is built anew has forgotten it."""
        for data in messages:
            message = Message.from_json(data)
            for call in message.tool_calls:
                self.environment.run(call.name, call.arguments, "user" if message.role == "user" else "assistant")

    def add(self, message: Message) -> None:
        """Let both sides hear a message, each as far as it may."""
        self.seen += 1
        for actor, heard in self.heard.items():
            heard.extend(view(actor, message))


class Worlds:
    """Worlds by dialogue.

    A graph's state is JSON and may be saved and resumed in another process; an environment is not. So it is kept here
    under a name that the state carries and that each turn draws anew: another dialogue of the same task, or a second
    way on from an old state, never finds it. Where it is missing, or has seen other messages, it is built anew.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, World] = OrderedDict()

    def take(
        self,
        name: str,
        domain: Domain,
        task: Mapping[str, Any],
        systems: Mapping[Actor, str],
        messages: Sequence[dict[str, Any]],
    ) -> World:
        """Take out the world of a dialogue after these messages.

        Args:
            name: What `keep` called it.
            domain: Where it takes place.
            task: The task, as JSON.
            systems: Each side's instructions.
            messages: What has been said and done, as trajectory messages.

        Raises:
            EigenGraphError: The task is none, or its initial state does not fit the domain.
        """
        world = self._kept.pop(name, None)
        if world is None or world.seen != len(messages):
            world = World(domain, Task.from_json(task), systems, messages)
        return world

    def keep(self, world: World) -> str:
        """Put it back for the next turn; the name to find it by, once."""
        name = uuid.uuid4().hex
        self._kept[name] = world
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        return name
