"""Where an intent acts itself out; every call is run for real, so wording, facts and gold actions agree."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from eigen_graph.core.case import Beat, Case, Cue, Intent, NoCaseError, Terms
from eigen_graph.core.environment import Outcome, environment_of
from eigen_graph.core.errors import EigenGraphError, UnknownNameError
from eigen_graph.core.task import Action, Actor, Assertion, Setup

if TYPE_CHECKING:
    from eigen_graph.core.database import Database
    from eigen_graph.core.domain import Domain

T = TypeVar("T")


class Stage:
    """Where an intent acts itself out. All randomness comes from `rng`."""

    def __init__(self, domain: Domain, cue: Cue, intent: Intent) -> None:
        self.cue = cue
        self.rng = random.Random(f"{cue.domain}/{intent.name}/{cue.seed}")
        self.env = environment_of(domain)
        self._domain = domain
        self._intent = intent
        self._beats: list[Beat] = []
        self._setups: list[Setup] = []
        self._facts: list[str] = []
        self._assertions: list[Assertion] = []
        self._hidden: list[str] = []
        self._forbidden: list[Action] = []
        self._explored: list[Action] = []
        self._alternatives: list[tuple[Action, ...]] = []
        self._code: str | None = None
        self._terms = Terms()
        self._brief: dict[str, str] = {}

    @property
    def db(self) -> Database:
        """The agent's side as it is at this point of the dialogue."""
        return self.env.agent_db

    @property
    def user_db(self) -> Database:
        """The user's side as it is at this point."""
        if self.env.user_db is None:
            raise UnknownNameError(f"in domain {self._domain.name!r} the user has no database")
        return self.env.user_db

    @property
    def actions(self) -> tuple[Action, ...]:
        """The calls of both sides up to this point of the dialogue."""
        return tuple(beat.call for beat in self._beats if beat.call)

    @property
    def calls(self) -> tuple[Action, ...]:
        """The calls made so far, of both sides."""
        return tuple(beat.call for beat in self._beats if beat.call)

    def pick(self, table: str, fits: Callable[[Any], bool], *, side: Actor = "assistant") -> Any:
        """A random record that fits.

        Raises:
            NoCaseError: None does.
        """
        database = self.db if side == "assistant" else self.user_db
        candidates = [record for record in database[table].values() if fits(record)]
        return self.choose(candidates, f"no record of {table!r} fits intent {self._intent.name!r}")

    def choose(self, options: Sequence[T], otherwise: str = "nothing to choose from") -> T:
        """A random option; NoCaseError with `otherwise` when there is none."""
        if not options:
            raise NoCaseError(otherwise)
        return self.rng.choice(options)

    def brief(self, *, reason: str, known: str, unknown: str = "", behave: str = "") -> None:
        """What the simulated user is told: why they are in touch, what they know and don't, how to behave."""
        self._brief = {"reason": reason, "known": known, "unknown": unknown, "behave": behave}

    def setup(self, actor: Actor, function: str, /, **arguments: Any) -> None:
        """Change the starting conditions; only before the first beat."""
        if self._beats:
            raise EigenGraphError(f"intent {self._intent.name!r}: setup {function!r} comes after the dialogue began")
        action = Setup(env_type=actor, func_name=function, arguments=arguments)
        self.env.prepare(action)
        self._setups.append(action)

    def user(self, *variants: str, kind: str = "inform") -> None:
        """The user says one of these lines; give several wordings so that dialogues differ."""
        text = self.rng.choice(variants)
        if not any(beat.actor == "user" and beat.text for beat in self._beats):
            kind, text = "open", _in_character(self.cue.persona, text, self.rng)
        self._beats.append(Beat("user", text=text, kind=kind))

    def agent(self, *variants: str, kind: str = "inform") -> None:
        """The agent says one of these lines."""
        self._beats.append(Beat("assistant", text=self.rng.choice(variants), kind=kind))

    def confirm(
        self, *proposals: str, agree: Sequence[str] = ("Yes, please go ahead.", "Yes, do that.", "Yes.")
    ) -> None:
        """The agent proposes, the user agrees: what a tool with `confirm=True` needs before it."""
        self.agent(*proposals, kind="confirm")
        self.user(*agree, kind="agree")

    def report(self, *variants: str, facts: Sequence[str] = ()) -> None:
        """The agent says how it came out, including `facts`, which the checker will look for in its words."""
        self._facts += facts
        self.agent(*variants, kind="report")
        missing = [fact for fact in facts if fact not in self._beats[-1].text]
        if missing:
            raise EigenGraphError(f"intent {self._intent.name!r}: the report does not say {missing}")

    def close(self, *variants: str) -> None:
        """The user is done; the stop marker is added by whoever plays the user."""
        self.user(
            *(variants or ("Thank you, that is all.", "Great, thanks. Bye.", "That's everything, thank you.")),
            kind="close",
        )

    def agent_calls(self, tool: str, /, **arguments: Any) -> Any:
        """The agent calls a tool; the result, parsed when it is JSON.

        Raises:
            EigenGraphError: The call fails: the intent is wrong about its domain.
        """
        return self._call("assistant", tool, arguments)

    def user_calls(self, tool: str, /, **arguments: Any) -> Any:
        """The user calls one of their own tools; as `agent_calls`."""
        return self._call("user", tool, arguments)

    def perform(self, action: Action, *, kind: Literal["call", "look"] = "call") -> Outcome:
        """One party makes a call as it stands, which may fail: then it is played, and is no part of the solution.

        Args:
            action: The call.
            kind: `look` for a look-up that the solution does not ask for.
        """
        outcome = self.env.run(action.name, action.arguments, action.requestor)
        self._beats.append(Beat(action.requestor, call=action, kind="try" if outcome.error else kind))
        return outcome

    def fact(self, *facts: str) -> None:
        """Words the agent must have said by the end, beside those of `report`."""
        self._facts += facts

    def expect(self, actor: Actor, assertion: str, *, value: bool = True, **arguments: Any) -> None:
        """A named assertion that holds once all is done."""
        self._assertions.append(Assertion(env_type=actor, func_name=assertion, arguments=arguments, assert_value=value))

    def require(self, assertion: Assertion) -> None:
        """As `expect`, with the assertion as it stands."""
        self._assertions.append(assertion)

    def under(self, terms: Terms) -> None:
        """What is taken over from a benchmark's own task."""
        self._terms = terms

    def hide(self, *facts: str) -> None:
        """Facts the user cannot know before the agent or a tool names them."""
        self._hidden += facts

    def forbid(self, tool: str, /, actor: Actor = "assistant", **arguments: Any) -> None:
        """A call a careless agent might make here, against the policy or the user's wish."""
        self._forbidden.append(Action(requestor=actor, name=tool, arguments=arguments))

    def explore(self, tool: str, /, **arguments: Any) -> None:
        """A read call by which a writer would have found this case."""
        self._explored.append(Action(name=tool, arguments=arguments))

    def accept_also(self, *actions: tuple[str, dict[str, Any]] | Action) -> None:
        """Another list of calls that solves the task as well; a pair is a call of the agent's."""
        self._alternatives.append(
            tuple(item if isinstance(item, Action) else Action(name=item[0], arguments=item[1]) for item in actions)
        )

    def judge_by(self, code: str) -> None:
        """Python source for the `code` criterion, where more than one end state is right."""
        self._code = code

    def case(self) -> Case:
        """The finished case.

        Raises:
            EigenGraphError: It is incomplete, or an expected assertion does not hold.
        """
        where = f"intent {self._intent.name!r}"
        if not self._brief or not self._beats:
            raise EigenGraphError(f"{where} needs a brief and at least one beat")
        if self._beats[0].actor != "user" or self._beats[-1].kind != "close":
            raise EigenGraphError(f"{where} must open with the user and end with close()")
        for assertion in self._assertions:
            if not self.env.holds(assertion):
                raise EigenGraphError(f"{where}: {assertion.func_name} does not hold at the end")
        return Case(
            cue=self.cue,
            intent=self._intent.name,
            ending=self._intent.ending,
            clauses=self._intent.clauses,
            beats=tuple(self._beats),
            reason_for_call=self._brief["reason"],
            known_info=self._brief["known"],
            unknown_info=self._brief["unknown"],
            task_instructions=self._brief["behave"],
            setups=tuple(self._setups),
            facts=tuple(dict.fromkeys(self._facts)),
            assertions=tuple(self._assertions),
            hidden=tuple(dict.fromkeys(self._hidden)),
            forbidden=tuple(self._forbidden),
            explored=tuple(self._explored),
            checker_code=self._code,
            alternatives=tuple(self._alternatives),
            terms=self._terms,
        )

    def _call(self, actor: Actor, tool: str, arguments: dict[str, Any]) -> Any:
        outcome = self.env.run(tool, arguments, actor)
        if outcome.error:
            raise EigenGraphError(f"intent {self._intent.name!r}: {tool}({arguments}) failed: {outcome.content}")
        number = sum(beat.call is not None for beat in self._beats)
        action = Action(action_id=f"a{number}", requestor=actor, name=tool, arguments=arguments)
        self._beats.append(Beat(actor, call=action, kind="call"))
        try:
            return json.loads(outcome.content)
        except json.JSONDecodeError:
            return outcome.content


_OPENERS: dict[str, tuple[str, ...]] = {
    "chatty": (
        "Hello there, I hope your day is going well!",
        "Hi! Lovely to find somebody so quickly.",
        "Good morning! I'll try not to ramble.",
    ),
    "anxious": (
        "Hi, I'm a bit worried about this.",
        "Hello, I really hope you can sort this out.",
        "Hi, sorry, I'm nervous that I did something wrong.",
    ),
    "precise": ("Good day.", "Hello. I will be brief and exact.", "Good morning. I have one matter to settle."),
    "impatient": ("Hi, I don't have long.", "Look, I'm in a hurry.", "Quickly, please."),
}


def _in_character(persona: str, text: str, rng: random.Random) -> str:
    """The first line with a persona's manner about it."""
    openers = _OPENERS.get(persona)
    return f"{rng.choice(openers)} {text}" if openers else text
