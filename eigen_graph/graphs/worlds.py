"""The environments of dialogues in progress, kept beside the state and rebuilt from it when lost."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from eigen_graph.core import Domain, Environment, Message, Task

_MAX_KEPT = 4096


class Worlds:
    """Environments by dialogue.

    A graph's state is JSON and may be saved and resumed in another process; an environment is not. So it is kept here
    with the number of messages it has seen, and where it is missing or has seen others, the recorded calls are run
    again.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, Environment]] = OrderedDict()

    def at(self, key: str, domain: Domain, task: Task, messages: Sequence[dict[str, Any]]) -> Environment:
        """The environment of a dialogue after these messages.

        Args:
            key: Names the dialogue and its attempt.
            domain: Where it takes place.
            task: Gives the initial state.
            messages: What has been said and done, as trajectory messages.

        Raises:
            EigenGraphError: The initial state does not fit the domain.
        """
        seen, environment = self._kept.pop(key, (0, None))
        if environment is None or seen != len(messages):
            environment = Environment(domain, task)
            for data in messages:
                message = Message.from_json(data)
                for call in message.tool_calls:
                    environment.run(call.name, call.arguments, "user" if message.role == "user" else "assistant")
        return environment

    def keep(self, key: str, environment: Environment, seen: int) -> None:
        """Remember an environment that has seen so many messages."""
        self._kept[key] = (seen, environment)
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forget a finished dialogue."""
        self._kept.pop(key, None)
