"""The cast: who plays which role, with accounting, a reply cache and a bound on what runs at once."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.models import structured
from eigen_graph.models.accounting import Budget, CallRecord, CallStore, Meter, NullStore, require_prices
from eigen_graph.models.cache import CallKeys
from eigen_graph.models.casting import ModelLike, players_of
from eigen_graph.models.errors import ReplyError
from eigen_graph.models.openai import Servers
from eigen_graph.models.player import Player
from eigen_graph.models.reply import from_json, to_json
from eigen_graph.models.scene import Role, Scene
from eigen_graph.models.seat import Seat, Spent

S = TypeVar("S", bound=BaseModel)
Tools = Sequence[BaseTool | dict[str, Any]]
_MAX_TOOLSETS = 256
_CHARS_A_TOKEN = 4


class Cast:
    """The roles' models. Make one with `build`; it belongs to one event loop and is closed with `aclose`."""

    def __init__(
        self,
        players: Mapping[Role, Player | Seat],
        *,
        store: CallStore | None = None,
        concurrency: int = 16,
        budget: Budget | None = None,
    ) -> None:
        self.players = dict(players)
        self.meter = Meter(budget or Budget())
        self._store = store or NullStore()
        self._slots = asyncio.Semaphore(concurrency)
        self._keys = CallKeys()
        self._toolsets: OrderedDict[tuple[int, ...], tuple[Tools, list[dict[str, Any]]]] = OrderedDict()

    @classmethod
    def build(
        cls,
        model: ModelLike = "scripted",
        *,
        overrides: Mapping[Role, ModelLike] | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        domain: Domain | None = None,
        concurrency: int = 16,
        store: CallStore | None = None,
        request_timeout: float = 120.0,
        max_retries: int = 6,
        budget: Budget | None = None,
    ) -> Self:
        """A cast from model specs or chat models.

        Args:
            model: Who plays the roles: a spec (`scripted`, `openai:NAME?...`, `hf:FOLDER?...`) or a LangChain model. An
                agent of one's own (a reference, a graph, a Runnable) can only be asked for the agent's turns.
            overrides: Other models for single roles.
            base_url: Server of the `openai:` models that name none of their own; else OPENAI_BASE_URL, else OpenAI's.
            api_key: Its key; else OPENAI_API_KEY. A server of one's own needs none.
            domain: What `scripted` plays, and whose tools an agent of one's own is given.
            concurrency: Paid calls that may run at once.
            store: Where calls are recorded and recalled from, a run's ledger; None: nowhere.
            request_timeout: Seconds that one try may take.
            max_retries: Tries after the first on 408, 409, 429, 5xx, timeouts and cut connections.
            budget: What may be spent.

        Raises:
            EigenGraphError: A spec is wrong, a key or a playbook is missing, or a budget in USD has no prices.
        """
        servers = Servers(base_url, api_key, concurrency=concurrency, timeout=request_timeout, max_retries=max_retries)
        players = players_of(
            model, overrides or {}, servers=servers, domain=domain, concurrency=concurrency, timeout=request_timeout
        )
        require_prices(budget or Budget(), {player.label: player.prices for player in players.values()})
        return cls(players, store=store, concurrency=concurrency, budget=budget)

    async def chat(self, role: Role, messages: Sequence[BaseMessage], *, tools: Tools = (), scene: Scene) -> AIMessage:
        """A role's next message.

        Args:
            role: Who speaks.
            messages: What it sees, its own messages as AIMessages.
            tools: What it may call: LangChain tools or OpenAI tool definitions.
            scene: What the call is for.

        Returns:
            The reply within bounds (`models.reply`); it may be empty, and may hold broken calls (`calls_of`).

        Raises:
            InfrastructureError: No answer, after all retries.
            EigenGraphError: The other errors of `models.errors`, each with its own consequence.
        """
        options = {"tools": self._openai_tools(tools)} if tools else {}
        return await self._ask(role, messages, options, scene)

    @asynccontextmanager
    async def turn(
        self,
        role: Role,
        heard: Sequence[BaseMessage],
        *,
        tools: Tools = (),
        scene: Scene,
        memory: dict[str, Any],
    ) -> AsyncIterator[Callable[[], Awaitable[AIMessage]]]:
        """A role's whole turn in a dialogue: gives what to ask for its next message, again until it has spoken.

        Args:
            role: Whose turn.
            heard: The dialogue as it has heard it, which grows by what it does.
            tools: What a model may call; an agent of one's own has its own.
            scene: What it is for.
            memory: The dialogue's own, for what an agent of one's own must keep between its turns.
        """
        player = self.players[role]
        if not isinstance(player, Seat):
            yield lambda: self.chat(role, heard, tools=tools, scene=scene)
            return
        async with player.turn(heard, scene, memory) as sitting:

            async def ask() -> AIMessage:
                self.meter.check()
                try:
                    return await sitting.ask()
                finally:
                    await self._charge(player, role, scene, sitting.spent())

            try:
                yield ask
            finally:
                await self._charge(player, role, scene, sitting.spent())

    async def structured(self, role: Role, messages: Sequence[BaseMessage], schema: type[S], *, scene: Scene) -> S:
        """A role's answer as an instance of a schema; an unusable one is sent back once with what is wrong with it.

        Raises:
            ReplyError: The repaired answer is unusable too.
            EigenGraphError: As `chat`.
        """
        if self._player(role).structured == "json_schema":
            options: dict[str, Any] = {"response_format": structured.response_format(schema)}
        else:
            # Not by its name: llama.cpp's server ignores that form, and there is but one tool to call.
            options = {"tools": [structured.answer_tool(schema)], "tool_choice": "required"}
        reply = await self._ask(role, messages, options, scene)
        try:
            return structured.read(reply, schema)
        except structured.UnusableAnswerError as error:
            retry = [*messages, *structured.repair(reply, str(error), schema)]
        reply = await self._ask(role, retry, options, scene)
        try:
            return structured.read(reply, schema)
        except structured.UnusableAnswerError as error:
            raise ReplyError(role, str(error)) from error

    def check_budget(self, budget: Budget) -> None:
        """Make sure that a budget can be held to.

        Raises:
            EigenGraphError: It is in USD, and nobody gave a model's prices.
        """
        require_prices(budget, {player.label: player.prices for player in self._distinct})

    async def preflight(self) -> None:
        """Make sure, before a run, that every model can be used.

        Raises:
            EigenGraphError: One clear line: unreachable server, wrong key, unknown model.
        """
        for player in self._distinct:
            await player.preflight()

    async def aclose(self) -> None:
        """Close all connections."""
        for player in self._distinct:
            await player.aclose()

    async def __aenter__(self) -> Self:
        for player in self._distinct:
            if isinstance(player, Seat):
                await player.open()  # by whoever closes it: some contexts must be left by the task that entered them
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @property
    def _distinct(self) -> list[Player | Seat]:
        return list({id(player): player for player in self.players.values()}.values())

    async def _ask(
        self, role: Role, messages: Sequence[BaseMessage], options: dict[str, Any], scene: Scene
    ) -> AIMessage:
        player = self._player(role)
        if scene.seed is not None and player.takes_seed:
            options = {**options, "seed": scene.seed}
        if player.deterministic:
            key = self._keys.of_place(role, scene)
            self.meter.check()
            return await self._paid(player, messages, options, role=role, scene=scene, key=key)
        key = self._keys.of_content(role, scene, model=player.label, messages=messages, options=options)
        if (known := await self._store.recall(key)) is not None:
            self.meter.recall(role)
            return from_json(known)
        async with self._slots:
            self.meter.check()
            return await self._paid(player, messages, options, role=role, scene=scene, key=key)

    async def _paid(
        self,
        player: Player,
        messages: Sequence[BaseMessage],
        options: dict[str, Any],
        *,
        role: Role,
        scene: Scene,
        key: str,
    ) -> AIMessage:
        started = time.perf_counter()
        reply = await player.ask(messages, scene.metadata(role), options)
        given, made = _tokens(messages, reply)
        call = CallRecord(
            key=key,
            scene=scene.id,
            role=role,
            model=player.label,
            input_tokens=given,
            output_tokens=made,
            cost_usd=_cost(player, given, made),
            seconds=time.perf_counter() - started,
            reply={} if player.deterministic else to_json(reply),
        )
        self.meter.charge(call)
        await self._store.record(call)
        return reply

    def _player(self, role: Role) -> Player:
        """Who can be asked for one reply.

        Raises:
            EigenGraphError: The role is taken by an agent of one's own.
        """
        player = self.players[role]
        if isinstance(player, Seat):
            raise EigenGraphError(
                f"{player.label} is an agent of your own, which takes whole turns as the agent: name a model for the "
                f"{role}"
            )
        return player

    async def _charge(self, player: Seat, role: Role, scene: Scene, spent: Sequence[Spent]) -> None:
        """Record what somebody's own models came to; none of it is ever recalled, so each call is new."""
        for call in spent:
            given, made = call.input_tokens, call.output_tokens
            record = CallRecord(
                key=f"{scene.id}/{scene.attempt}/{role}/{uuid.uuid4().hex}",
                scene=scene.id,
                role=role,
                model=f"{player.label} ({call.model})" if call.model else player.label,
                input_tokens=given,
                output_tokens=made,
                cost_usd=_cost(player, given, made),
                seconds=call.seconds,
                reply={},
            )
            self.meter.charge(record)
            await self._store.record(record)

    def _openai_tools(self, tools: Tools) -> list[dict[str, Any]]:
        """Tools as OpenAI definitions; converting them costs more than a scripted reply, so it is done once."""
        key = tuple(map(id, tools))
        if key not in self._toolsets:
            # The tools are kept beside their definitions, so that their ids stay theirs.
            self._toolsets[key] = tuple(tools), [convert_to_openai_tool(tool) for tool in tools]
            if len(self._toolsets) > _MAX_TOOLSETS:
                self._toolsets.popitem(last=False)
        self._toolsets.move_to_end(key)
        return self._toolsets[key][1]


def _cost(player: Player | Seat, given: int, made: int) -> float | None:
    return (given * player.prices[0] + made * player.prices[1]) / 1e6 if player.prices else None


def _tokens(messages: Sequence[BaseMessage], reply: AIMessage) -> tuple[int, int]:
    """Tokens in and out as the server counted them; estimated when it did not, so that a budget still binds."""
    if usage := reply.usage_metadata:
        return usage["input_tokens"], usage["output_tokens"]
    given = sum(len(message.text) for message in messages)
    made = len(reply.text) + sum(len(str(call["args"])) for call in (*reply.tool_calls, *reply.invalid_tool_calls))
    return given // _CHARS_A_TOKEN + 1, made // _CHARS_A_TOKEN + 1
