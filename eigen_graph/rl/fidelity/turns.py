"""A reference dialogue cut into the user's turns: what the user knows at each, and what they do there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from eigen_graph.checkers.grounding import Party, today_of
from eigen_graph.core import STOP_MARKERS, Domain, Message, Task, ToolCall, Trajectory
from eigen_graph.rl.fidelity.values import Text


class Known:
    """Texts that somebody was told, and what they may work out from them.

    Args:
        told: The texts.
        now: The domain's present.
    """

    def __init__(self, told: Sequence[str], now: str) -> None:
        today = today_of(now)
        self._party = Party(today, rules=(now,))
        for text in told:
            self._party.hear(text)
        self._text = Text("\n".join(told), today)

    def has_name(self, name: str) -> bool:
        """They hold the name."""
        return self._party.has_name(name) or self._text.has_name(name)

    def has_number(self, number: float, *, is_amount: bool) -> bool:
        """They hold the number, or it is one that needs no source."""
        return self._party.has_number(number, is_amount=is_amount)

    def has_day(self, day: date) -> bool:
        """They hold the day, or one that lies a told number of days from it."""
        return self._party.has_day(day)


@dataclass(frozen=True)
class UserTurn:
    """One message that the user of a reference dialogue sends."""

    domain: Domain
    task: Task
    reference: Trajectory
    at: int
    """Its position among the messages."""

    @property
    def expected(self) -> Message:
        """The message."""
        return self.reference.messages[self.at]

    @property
    def history(self) -> tuple[Message, ...]:
        """What came before."""
        return self.reference.messages[: self.at]

    @property
    def ends(self) -> bool:
        """The user ends the dialogue here."""
        return is_said(self.expected) and has_marker(self.expected.content or "")

    @property
    def opens(self) -> bool:
        """It is the user's first message."""
        return not any(message.role == "user" for message in self.history)

    @cached_property
    def asked(self) -> str:
        """What the agent said last."""
        said = [message.content for message in self.history if message.role == "assistant" and is_said(message)]
        return (said[-1] if said else "") or ""

    @cached_property
    def calls(self) -> tuple[ToolCall, ...]:
        """The user's calls from here to their next words, in any order; none when they speak here."""
        return tuple(
            step.call
            for step in self.reference.calls()
            if self.at <= step.at < self._next_words and step.actor == "user" and step.result and not step.result.error
        )

    @cached_property
    def told(self) -> tuple[str, ...]:
        """All that the user has been told: the scenario, both sides' words, the results of their own calls."""
        heard = (message.content or "" for message in self.history if is_said(message) or message.requestor == "user")
        return (self._scenario, *heard)

    @cached_property
    def known(self) -> Known:
        """The same as a source of values."""
        return Known(self.told, self.domain.now)

    @cached_property
    def said(self) -> Text:
        """Both sides' words so far: what stands there need not be said again."""
        return self._text(message for message in self.history if is_said(message))

    @cached_property
    def brief(self) -> Text:
        """The scenario."""
        return Text(self._scenario, today_of(self.domain.now))

    @cached_property
    def seen(self) -> Text:
        """What the user's own calls have shown since the agent spoke last."""
        spoken = [at for at, message in enumerate(self.history) if message.role == "assistant" and is_said(message)]
        since = self.history[spoken[-1] if spoken else 0 :]
        return self._text(message for message in since if message.requestor == "user")

    @cached_property
    def untold(self) -> Text:
        """What others know, or the user learns only later: hidden facts, the agent's calls, and all that follows."""
        results = (message for message in self.history if message.role == "tool" and message.requestor != "user")
        later = (message for message in self.reference.messages[self.at + 1 :] if message.role != "user")
        texts = (message.content or "" for message in (*results, *later))
        return Text("\n".join((*self.task.tags.hidden, *texts)), today_of(self.domain.now))

    @property
    def _scenario(self) -> str:
        return str(self.task.user_scenario)

    @cached_property
    def _next_words(self) -> int:
        own = range(self.at, len(self.reference.messages))
        after = (at for at in own if self.reference.messages[at].role != "tool")
        return next((at for at in after if not self._calls_at(at)), len(self.reference.messages))

    def _calls_at(self, at: int) -> bool:
        message = self.reference.messages[at]
        return message.role == "user" and bool(message.tool_calls)

    def _text(self, messages: Iterable[Message]) -> Text:
        return Text("\n".join(message.content or "" for message in messages), today_of(self.domain.now))


def turns_of(domain: Domain, task: Task, reference: Trajectory) -> tuple[UserTurn, ...]:
    """The user's turns of a dialogue; one whose calls failed is no example and is left out."""
    failed = {
        step.at for step in reference.calls() if step.actor == "user" and (step.result is None or step.result.error)
    }
    return tuple(
        UserTurn(domain, task, reference, at)
        for at, message in enumerate(reference.messages)
        if message.role == "user" and at not in failed
    )


def is_said(message: Message) -> bool:
    """One side's words to the other; text beside calls is never delivered."""
    return message.role in ("user", "assistant") and bool(message.content) and not message.tool_calls


def has_marker(text: str) -> bool:
    """It holds a stop marker."""
    return any(marker in text for marker in STOP_MARKERS)
