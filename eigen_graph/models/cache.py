"""Names of calls, the same in a resumed run: by them a reply that was paid for once is found again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from eigen_graph.models.scene import Role, Scene

_MAX_SCENES = 4096


class CallKeys:
    """Keys of calls. An identical re-ask in one scene gets a key of its own, so that it gets a fresh reply."""

    def __init__(self) -> None:
        # Only scenes under way matter; the bound keeps a long run's memory flat.
        self._asked: OrderedDict[tuple[str, int], Counter[str]] = OrderedDict()

    def of_content(
        self, role: Role, scene: Scene, *, model: str, messages: Sequence[BaseMessage], options: dict[str, Any]
    ) -> str:
        """The key of a call by all that its reply depends on. Counts the asking."""
        content = [scene.id, scene.attempt, role, model, [_plain(message) for message in messages], options]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        return self._numbered(scene, digest)

    def of_place(self, role: Role, scene: Scene) -> str:
        """The key of a call by its place in the scene: enough where replies are not recalled."""
        return self._numbered(scene, f"{scene.id}/{scene.attempt}/{role}")

    def _numbered(self, scene: Scene, base: str) -> str:
        place = scene.id, scene.attempt
        counts = self._asked.setdefault(place, Counter())
        self._asked.move_to_end(place)
        if len(self._asked) > _MAX_SCENES:
            self._asked.popitem(last=False)
        number = counts[base]
        counts[base] += 1
        return f"{base}/{number}"


def _plain(message: BaseMessage) -> list[Any]:
    """What of a message a model sees."""
    parts: list[Any] = [message.type, message.content]
    if isinstance(message, AIMessage):
        parts += [[call["name"], call["args"], call["id"]] for call in message.tool_calls]
        parts += [[call["name"], call["args"], call["id"]] for call in message.invalid_tool_calls]
    elif isinstance(message, ToolMessage):
        parts.append(message.tool_call_id)
    return parts
