"""What a graph runs with: a domain, models for its roles, limits. The one context of every graph here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

from langgraph.runtime import Runtime
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from eigen_graph.checkers import Proof
from eigen_graph.core import Difficulty, Domain, EigenGraphError
from eigen_graph.domains import absolute_reference, load_domain
from eigen_graph.graphs.approval import Step
from eigen_graph.graphs.coverage import targets
from eigen_graph.graphs.evolving.outcome import Features
from eigen_graph.graphs.forms import gathered, picker, prompt_fields
from eigen_graph.graphs.kept import Kept
from eigen_graph.graphs.plan_rules import PlanRule
from eigen_graph.graphs.playable import require_playable
from eigen_graph.graphs.prompting import Prompt, bundled
from eigen_graph.graphs.references import AgentRef, DomainRef, OwnAgentRef, OwnModelRef
from eigen_graph.graphs.workflow import DEFAULT, WorkflowSpec
from eigen_graph.graphs.worlds import Worlds
from eigen_graph.models import Budget, Cast, ModelLike, ModelSpec, OwnAgent, Role, is_own_agent
from eigen_graph.runs import Ledger

_MODELS = (
    "model",
    "planner_model",
    "writer_model",
    "verifier_model",
    "user_model",
    "agent_model",
    "reviewer_model",
    "reflector_model",
    "judge_model",
)


class Context(BaseModel):
    """Settings of a run. A domain or model may be given as such or by name.

    Every field is plain JSON when names are used, so it is also the configuration form in LangGraph Studio. There each
    role's prompt is a field of its own, `agent_prompt` and so on, which is the same as `prompts={"agent": ...}`.
    """

    model_config = ConfigDict(extra="forbid")

    domain: DomainRef = Field(
        "hotel", description="A bundled domain, a folder or domain.yaml, package.module:attr, or file.py:attr."
    )
    model: AgentRef = Field(
        "scripted",
        description="Model of every role: `scripted`, `scripted?faults=0.3`, `openai:NAME`, `hf:FOLDER`.",
        json_schema_extra=picker(),
    )
    planner_model: OwnModelRef = Field(
        None, description="Model of the planner, if not `model`.", json_schema_extra=picker("planner")
    )
    writer_model: OwnModelRef = Field(
        None, description="Model of the task writer, if not `model`.", json_schema_extra=picker("writer")
    )
    verifier_model: OwnModelRef = Field(
        None,
        description="Model that checks the tasks, where the workflow has a verifier, if not `model`.",
        json_schema_extra=picker("verifier"),
    )
    user_model: OwnModelRef = Field(
        None, description="Model of the simulated user, if not `model`.", json_schema_extra=picker("user")
    )
    agent_model: OwnAgentRef = Field(
        None,
        description="Model of the agent, if not `model`, or an agent of your own: package.module:graph, file.py:graph.",
        json_schema_extra=picker("agent"),
    )
    reviewer_model: OwnModelRef = Field(
        None, description="Model of the reviewer, if not `model`.", json_schema_extra=picker("reviewer")
    )
    reflector_model: OwnModelRef = Field(
        None,
        description="Model that proposes changes when a run evolves, if not `model`.",
        json_schema_extra=picker("reflector"),
    )
    judge_model: OwnModelRef = Field(
        None,
        description="Model that judges statements about a dialogue when agents are evaluated, if not `model`.",
        json_schema_extra=picker("judge"),
    )
    base_url: str | None = Field(None, description="URL of an OpenAI-compatible server, ending in /v1.")
    concurrency: int = Field(16, ge=1, le=1024, description="Instances in work, and model calls in flight, at once.")
    request_timeout: float = Field(120.0, gt=0, description="Longest wait for one model reply, in seconds.")
    max_steps: int = Field(100, ge=4, le=1000, description="Messages and tool results of one dialogue at most.")
    max_errors: int = Field(10, ge=1, description="Failed calls of one dialogue at most, both sides together (tau2).")
    limits: Literal["eigen", "tau2"] = Field(
        "eigen",
        description="How the two are applied: a stop stands and each result counts, or as tau2 does: a limit reached "
        "with a stop overwrites it, and the results of one message count as one step.",
    )
    max_submissions: int = Field(4, ge=1, le=20, description="How often a writer may submit one task.")
    max_look_ups: int = Field(20, ge=1, le=200, description="Read calls of a writer for one task at most.")
    min_kill_rate: float = Field(0.95, ge=0, le=1, description="Share of mutants a checker must fail to be trusted.")
    out: str | None = Field(
        None, description="Run folder of the orchestrator, new or to go on with; runs/DOMAIN-N when left out."
    )
    workflow: WorkflowSpec = Field(default=DEFAULT, description="Topology of the pipeline.")
    prompts: dict[str, str] = Field(default_factory=dict, description="Prompts by name that replace the bundled ones.")
    approve: tuple[Step, ...] = Field(
        (),
        description="Ask a person before each dialogue (of a pipeline that runs by itself), batch (of a run) or round "
        "(of evolution). Only where steps are saved; commands never ask.",
    )
    clauses: tuple[str, ...] = Field((), description="Plan only for these policy clauses; empty: all.")
    difficulties: tuple[Difficulty, ...] = Field((), description="Plan only for these difficulties; empty: all.")
    plans: tuple[PlanRule, ...] = Field((), description="Lasting amendments to the planner's pairs of plans.")

    _ledger: Ledger | None = PrivateAttr(None)
    _cast: Cast | None = PrivateAttr(None)
    _worlds: Worlds = PrivateAttr(default_factory=Worlds)
    _proofs: Kept[Proof] = PrivateAttr(default_factory=Kept)
    _features: Kept[Features] = PrivateAttr(default_factory=Kept)
    _stop: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)
    _budget: Budget | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _is_of_a_form(cls, given: Any) -> Any:
        return gathered(given) if isinstance(given, Mapping) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The form of a context, where each role's prompt is a field of its own (see `forms`)."""
        schema = handler(core)
        handler.resolve_ref_schema(schema)["properties"].update(prompt_fields())
        return schema

    @model_validator(mode="after")
    def _prompts_are_there(self) -> Self:
        for name in (*self.prompts, *(node.prompt for node in self.workflow.nodes.values() if node.prompt)):
            try:
                self.prompt(name)
            except EigenGraphError as error:
                raise ValueError(str(error)) from error
        return self

    @cached_property
    def resolved_domain(self) -> Domain:
        """The domain itself."""
        return self.domain if isinstance(self.domain, Domain) else load_domain(self.domain)

    def kept(self) -> dict[str, Any]:
        """These settings as JSON, enough to resume a run by. What was given as an object is there by its name."""
        kept = self.model_dump(mode="json", exclude={"domain", "out", "approve", *_MODELS})
        if self.workflow == DEFAULT:
            del kept["workflow"]
        if not self.prompts:
            del kept["prompts"]
        for name in ("plans", "clauses", "difficulties"):
            if not getattr(self, name):
                del kept[name]
        kept["domain"] = self.domain.name if isinstance(self.domain, Domain) else absolute_reference(self.domain)
        for name in _MODELS:
            given = getattr(self, name)
            kept[name] = given if given is None else _kept(given)
        return kept

    @property
    def worlds(self) -> Worlds:
        """The environments of dialogues in progress."""
        return self._worlds

    @property
    def proofs(self) -> Kept[Proof]:
        """What has been proven, by all that a proof depends on."""
        return self._proofs

    @property
    def features(self) -> Kept[Features]:
        """What accepted dialogues of trials are like, by instance and arm."""
        return self._features

    @property
    def stop(self) -> asyncio.Event:
        """Set it to let a batch finish what is in work and begin nothing more."""
        return self._stop

    @property
    def cast(self) -> Cast:
        """The roles' models, made on first use."""
        if self._cast is None:
            self._cast = self._build(None, self._budget)
        return self._cast

    async def load(self, *, models: bool = False) -> None:
        """Read the domain, and make the models where they are wanted, without holding up the event loop.

        Raises:
            EigenGraphError: They cannot be.
        """
        if "resolved_domain" not in self.__dict__:
            await asyncio.to_thread(lambda: self.resolved_domain)
        if models and self._cast is None:
            self._cast = await asyncio.to_thread(self._build, None, self._budget)

    async def preflight(
        self, budget: Budget | None = None, *, trials: Budget | None = None, given: bool = False
    ) -> None:
        """Make sure that the models can be used, before anything is written.

        Args:
            budget: Of the run.
            trials: Of its evolution's trials.
            given: The tasks are there, no writer writes them.

        Raises:
            EigenGraphError: A spec, key, price or playbook is missing, a server cannot be reached, or a scripted
                verifier, user, agent or reviewer is to play what another model wrote.
        """
        await self.load()
        async with await asyncio.to_thread(self._build, None, budget) as cast:
            if not given:
                require_playable(cast, self.workflow)
                targets(self.resolved_domain, self.clauses)
            cast.check_budget(trials or Budget())
            await cast.preflight()

    def _build(self, ledger: Ledger | None, budget: Budget | None) -> Cast:
        given: dict[Role, ModelLike | None] = {
            "planner": self.planner_model,
            "writer": self.writer_model,
            "verifier": self.verifier_model,
            "user": self.user_model,
            "agent": self.agent_model,
            "reviewer": self.reviewer_model,
            "reflector": self.reflector_model,
            "judge": self.judge_model,
        }
        return Cast.build(
            self.model,
            overrides={role: model for role, model in given.items() if model is not None},
            base_url=self.base_url,
            domain=self.resolved_domain,
            concurrency=self.concurrency,
            request_timeout=self.request_timeout,
            store=ledger,
            budget=budget,
        )

    @property
    def ledger(self) -> Ledger | None:
        """The ledger that calls are recorded in; None: nowhere."""
        return self._ledger

    def attach(self, ledger: Ledger | None, budget: Budget | None = None) -> None:
        """Record calls in a ledger and recall replies from it, within a budget; None ends that. See `recording`."""
        self._ledger, self._budget, self._cast = ledger, budget, None
        self._features = Kept()  # instances are named anew in every run
        if ledger is not None:
            self._cast = self._build(ledger, budget)
            spent = ledger.spent()
            self._cast.meter.before_usd = spent.cost_usd or 0.0
            self._cast.meter.before_tokens = spent.input_tokens + spent.output_tokens

    def prompt(self, name: str) -> Prompt:
        """A prompt by name, this context's own before the bundled one."""
        return Prompt.parse(name, self.prompts[name]) if name in self.prompts else bundled(name)


async def context_of(runtime: Runtime[Context], *, models: bool = False) -> Context:
    """The context a graph was run with, its domain read; the defaults when it was run without one.

    Args:
        runtime: Of the node.
        models: Whether the node asks a model.

    Raises:
        EigenGraphError: It is that of another graph, or its domain or a model cannot be had.
    """
    given: Any = runtime.context  # None without one, whatever the annotation says
    context = Context.model_validate(given or {}) if given is None or isinstance(given, Mapping) else given
    if not isinstance(context, Context):
        raise EigenGraphError(
            f"a graph of eigen_graph runs with a Context, not with {type(given).__name__}: let that extend Context, or "
            "call the graph in a node of yours, `await pipeline.ainvoke(state, context=Context(...))`"
        )
    await context.load(models=models)
    return context


def _kept(model: ModelLike) -> str:
    """A model's name in a run's settings, by which it is found again from any folder where it can be."""
    if isinstance(model, str):
        spec = ModelSpec.parse(model)
        return str(spec.anywhere()) if spec.kind == "agent" else model
    return OwnAgent.of(model).title if is_own_agent(model) else type(model).__name__
