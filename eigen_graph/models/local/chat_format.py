"""The one way from dialogues to tokens and back: SFT rows, rollouts and `hf:` models all go by it.

A dialogue grows by appending tokens and never changes what stands: `prompt`, then the model's own tokens, then
`follow` with what it is answered, and so on. `sequence` builds a finished dialogue in just that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from langchain_core.messages import AIMessage

from eigen_graph.core import EigenGraphError
from eigen_graph.models.local.checks import check, problems, spells_calls
from eigen_graph.models.local.folder import load_tokenizer
from eigen_graph.models.local.rendering import Messages, Rendering
from eigen_graph.models.reply import bound


class ChatFormat:
    """A tokenizer with its chat template.

    Messages are OpenAI's, a call's arguments JSON text. Special tokens spelled out in a text are taken apart, so that
    nobody's words can end a turn (`marks.Marks`).

    Args:
        rendering: The template, checked.
    """

    def __init__(self, rendering: Rendering) -> None:
        self.rendering = rendering
        self.tokenizer = rendering.tokenizer
        self.stop_id = rendering.stop_id
        """The token that ends an assistant's turn."""
        self.calls_tools = spells_calls(rendering)
        """Tool calls are written in the way that `parse` reads them."""

    @classmethod
    def of(cls, tokenizer: Any, name: str = "") -> Self:
        """The format of a tokenizer of transformers.

        Args:
            tokenizer: With a chat template.
            name: Whose it is, for messages.

        Raises:
            EigenGraphError: Dialogues cannot be built with it; the message says why (`checks.check`).
        """
        return cls(check(tokenizer, name))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The format of a model folder.

        Raises:
            EigenGraphError: There is no tokenizer in it, or none that will do.
        """
        return cls.of(load_tokenizer(path), str(path))

    def problems(self) -> list[str]:
        """What may be on purpose but mostly is not, e.g. a template without a tools section; one sentence each."""
        return problems(self.rendering)

    def prompt(self, messages: Messages, tools: Messages = ()) -> list[int]:
        """Tokens of a dialogue up to where the assistant is to speak."""
        return self._built(messages, [0] * len(messages), tools, generate=True)[0]

    def turn(self, message: dict[str, Any]) -> list[int]:
        """Tokens that the model would generate to say an assistant's message, the stop token included."""
        if message.get("tool_calls") and not self.calls_tools:
            raise EigenGraphError(
                f"{self.rendering.name}: its chat template does not write tool calls as <tool_call>JSON</tool_call>, "
                f"and a turn with calls is to be written; give the model the template `hermes`"
            )
        return self.rendering.encode_on(self.rendering.turn_text(message))

    def follow(self, messages: Messages) -> list[int]:
        """Tokens to append after an assistant's turn that ended with the stop token.

        Args:
            messages: The user's words, or the results of the turn's calls; the next assistant turn is opened.
        """
        return self.rendering.encode_on(self.rendering.follow_text(messages))

    def parse(self, ids: Sequence[int]) -> AIMessage:
        """One turn as a message within the bounds of `models.reply`, its tool calls read.

        Args:
            ids: What was generated; all from the stop token (or the tokenizer's end, or padding) on is left out.
        """
        turn = list(ids)
        ends = {self.stop_id, self.tokenizer.eos_token_id, self.tokenizer.pad_token_id}
        turn = turn[: next((at for at, token in enumerate(turn) if token in ends), None)]
        # Special tokens are kept: a tokenizer may count the marks of tool calls among them.
        text = self.tokenizer.decode(turn, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return bound(AIMessage(text), spelled=True)

    def sequence(
        self, messages: Messages, loss_mask: Sequence[int], tools: Messages = ()
    ) -> tuple[list[int], list[int]]:
        """A dialogue as tokens, up to the end of the assistant's last turn: nothing after it carries loss.

        Args:
            messages: The dialogue.
            loss_mask: 1 for each assistant message that is trained on.
            tools: What the assistant may call.

        Returns:
            Token ids; and for each 1 where it carries loss: the words, calls and stop token of trained messages.

        Raises:
            EigenGraphError: The mask has another length, or marks a message that is not the assistant's.
        """
        if len(loss_mask) != len(messages):
            raise EigenGraphError(f"a dialogue of {len(messages)} messages has a loss mask of {len(loss_mask)}")
        if any(flag and message["role"] != "assistant" for message, flag in zip(messages, loss_mask, strict=True)):
            raise EigenGraphError("the loss mask marks a message that is not the assistant's")
        return self._built(messages, loss_mask, tools, generate=False)

    def _built(
        self, messages: Messages, loss_mask: Sequence[int], tools: Messages, *, generate: bool
    ) -> tuple[list[int], list[int]]:
        turns = _turns(messages, loss_mask)
        first = turns[0] if turns else len(messages)
        # A dialogue in which the assistant has yet to speak has a turn to open only if it is to speak now.
        ids = self.rendering.encode(self.rendering.text(messages[:first], tools, generate=generate or bool(turns)))
        mask = [0] * len(ids)
        for at, end in zip(turns, [*turns[1:], None], strict=False):
            own = self.turn(messages[at])
            given = self.follow(messages[at + 1 : end]) if end or generate else []
            ids += own + given
            mask += [int(bool(loss_mask[at]))] * len(own) + [0] * len(given)
        return ids, mask


def _turns(messages: Messages, loss_mask: Sequence[int]) -> list[int]:
    """Where the model speaks: an assistant's words before anybody else's are a fixed greeting, unless trained on."""
    first = next((at for at, message in enumerate(messages) if message["role"] in ("user", "tool")), len(messages))
    assistant = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    trained = next((at for at in assistant if loss_mask[at]), len(messages))
    start = min(first, trained)
    return [at for at in assistant if at >= start]
