"""What a chat template makes of messages, in the pieces that a growing dialogue is made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from eigen_graph.core import EigenGraphError
from eigen_graph.models.local.marks import Marks
from eigen_graph.models.reply import plain_json

Messages = Sequence[dict[str, Any]]
_ASKED = {"role": "user", "content": "So?"}
_SAID = {"role": "assistant", "content": "Fine."}


class Rendering:
    """A tokenizer's chat template.

    Args:
        tokenizer: Of transformers, with a chat template.
        name: Whose it is, for messages.

    Raises:
        EigenGraphError: The template fails, or ends a turn without a special token.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        self.tokenizer = tokenizer
        self.name = name or tokenizer.name_or_path or "the model"
        self._marks = Marks(tokenizer)
        self._opened = self.text([_ASKED], generate=True)
        """A dialogue up to where the assistant begins to speak."""
        self.stop_id = self._find_stop()
        """The token that ends an assistant's turn."""
        self.stop: str = tokenizer.convert_ids_to_tokens(self.stop_id)

    def text(self, messages: Messages, tools: Messages = (), *, generate: bool = False) -> str:
        """The template's own rendering.

        Args:
            messages: OpenAI messages; a call's arguments are JSON text.
            tools: OpenAI tool definitions.
            generate: Open the assistant's next turn at the end.

        Raises:
            EigenGraphError: The template refuses them.
        """
        shown = [self.shown(message) for message in messages]
        offered = self.defused_tools(tools) or None
        try:
            return str(
                self.tokenizer.apply_chat_template(shown, tools=offered, add_generation_prompt=generate, tokenize=False)
            )
        except Exception as error:  # a template is a program of its own
            roles = ", ".join(message["role"] for message in messages)
            raise EigenGraphError(
                f"{self.name}: its chat template fails on a dialogue of {roles}: "
                f"{type(error).__name__}: {' '.join(str(error).split())[:200]}; give the model another template"
            ) from error

    def defused_tools(self, tools: Messages) -> list[dict[str, Any]]:
        """Tool definitions in which no special token is spelled out."""
        return list(self._marks.defused(list(tools), own=True))

    def turn_text(self, message: dict[str, Any]) -> str:
        """What the assistant writes to say a message, up to and with the stop token."""
        whole = self.text([_ASKED, message])
        if not whole.startswith(self._opened) or self.stop not in whole[len(self._opened) :]:
            raise EigenGraphError(
                f"{self.name}: its chat template renders an assistant's message otherwise than the turn that it opens "
                f"for the model; give the model another template"
            )
        return whole[len(self._opened) : whole.rindex(self.stop) + len(self.stop)]

    def follow_text(self, messages: Messages) -> str:
        """What comes after an assistant's turn: the messages, and the opening of its next turn."""
        results = list(takewhile(lambda message: message["role"] == "tool", messages))
        before = [_ASKED, _calling(results) if results else _SAID]
        base = self.text(before)
        cut = base.rindex(self.stop) + len(self.stop)
        whole = self.text([*before, *messages], generate=True)
        if whole[:cut] != base[:cut]:
            raise self.unstable(base[:cut], whole)
        return whole[cut:]

    def unstable(self, before: str, after: str) -> EigenGraphError:
        """The error that says where a rendering does not begin with the one before it."""
        at = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), len(after))
        was, now = before[max(0, at - 30) : at + 20], after[max(0, at - 30) : at + 20]
        thinks = "; it adds or strips <think> by where a turn stands" if "think>" in was + now else ""
        return EigenGraphError(
            f"{self.name}: its chat template is not prefix-preserving: what was {was!r} is {now!r} once the dialogue "
            f"goes on{thinks}; give the model the template `hermes` (or `short`), or another that is"
        )

    def encode(self, text: str) -> list[int]:
        """Token ids of a text with which a dialogue begins."""
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def encode_on(self, text: str) -> list[int]:
        """Token ids of a text in the midst of a dialogue."""
        # After a special token: many tokenizers treat the beginning of a text in their own way.
        return self.encode(self.stop + text)[1:]

    def _find_stop(self) -> int:
        special = {number for number, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        special.update(self.tokenizer.all_special_ids)
        after = self.text([_ASKED, _SAID]).rpartition(_SAID["content"])[2]
        stop = next((number for number in self.encode(after) if number in special), None)
        if stop is None:
            raise EigenGraphError(
                f"{self.name}: its chat template ends an assistant's turn without a special token, so the model could "
                f"not stop; give it another template, or make its end-of-turn token a special one"
            )
        return stop

    def shown(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message as templates expect it: no missing fields, arguments as objects, nothing that opens a turn."""
        own = message["role"] in ("assistant", "system")
        text = message.get("content") or ""
        shown: dict[str, Any] = {"role": message["role"]}
        calls = []
        for call in message.get("tool_calls") or ():
            name, arguments = call["function"]["name"], _object(call["function"]["arguments"])
            if arguments is None:  # as the model spelled it, as near as is known
                text += ("\n" if text else "") + _misspelled(name, call["function"]["arguments"])
            else:
                function = {"name": name, "arguments": arguments}
                calls.append({"id": call.get("id") or "call", "type": "function", "function": function})
        shown["content"] = self._marks.defused(text, own=own)
        if calls:
            shown["tool_calls"] = self._marks.defused(calls, own=False)  # a call within a call could not be read
        return shown | {
            key: self._marks.defused(message[key], own=False) for key in ("tool_call_id", "name") if message.get(key)
        }


def _object(arguments: Any) -> dict[str, Any] | None:
    """A call's arguments as an object; None when they are none."""
    try:
        read = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        return None
    return plain_json(read) if isinstance(read, dict) else None


def _misspelled(name: str, arguments: str) -> str:
    """A call that could not be read, as the model wrote it: mostly all of it is in its arguments."""
    body = arguments if not name or name in arguments else f'{{"name": "{name}", "arguments": {arguments}}}'
    return f"<tool_call>\n{body}\n</tool_call>"


def _calling(results: Messages) -> dict[str, Any]:
    calls = [
        {"id": result.get("tool_call_id") or "call", "function": {"name": result.get("name") or "d", "arguments": "{}"}}
        for result in results
    ]
    return {"role": "assistant", "content": "", "tool_calls": calls}
