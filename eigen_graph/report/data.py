"""What a report page is drawn from: everything is plain JSON, and dialogues come apart from the rest, in pieces.

A page has sections; one without data is left out. `Page` is read whole when the page opens; the dialogues behind
`Listing` lie in compressed pieces that are unpacked when one of them is looked at.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Data):
    """One number worth a large type."""

    label: str
    value: str
    note: str = ""
    """Its interval, its floor, what it is of."""


class Estimate(_Data):
    """A number with its 95 % interval."""

    value: float
    low: float | None = None
    high: float | None = None


class Step(_Data):
    """One step of the funnel: how many came to it, and what was lost there."""

    label: str
    """planned, written, proven, played, judged, reviewed, accepted."""
    count: int
    lost: dict[str, int] = Field(default_factory=dict)
    """Of those that came here and went no further: how many, by blame."""


class Reason(_Data):
    """Instances that failed at one place, for one fault."""

    stage: str
    blame: str
    count: int
    examples: tuple[str, ...] = ()
    """Ids of a few."""
    reason: str = ""
    """In the words of one of them."""


class Cell(_Data):
    """A combination that was planned, with what came of it. 0 accepted: a hole."""

    clause: str
    tool: str
    difficulty: str
    planned: int
    accepted: int


class Clause(_Data):
    """A clause of the policy."""

    number: str
    text: str


class Kills(_Data):
    """Mutants of one kind over all proven checkers."""

    kind: str
    mutants: int
    killed: int


class Survivor(_Data):
    """A mutant that a checker let pass."""

    instance: str
    kind: str
    description: str


class Drawing(_Data):
    """A workflow as a picture."""

    title: str
    svg: str
    """Colours by `currentColor` and CSS classes only, so that it follows the page's theme."""


class PromptDiff(_Data):
    """What a generation changed in one prompt."""

    prompt: str
    diff: str
    """Unified diff."""


class Generation(_Data):
    """One accepted blueprint."""

    number: int
    parent: int | None = None
    champion: bool = False
    summary: str = ""
    """The patch in words; empty for the first."""
    tried: int = 0
    accepted: int = 0
    yield_: Estimate | None = Field(None, alias="yield")
    """Accepted a tried instance."""
    per_cost: Estimate | None = None
    """Accepted for a unit of cost."""
    cost_unit: str = ""
    gain: Estimate | None = None
    """What its confirmation said: how much higher accepted per cost (or per task) is than its parent's, on the same
    fresh tasks, as a share of the parent's; None for the first, and for one that was not tested."""
    workflow: Drawing | None = None
    prompts: tuple[PromptDiff, ...] = ()
    changes: tuple[str, ...] = ()
    """Every operation of the patch, in words."""


class Candidate(_Data):
    """A patch that was proposed, with its test and its fate."""

    id: str
    round: int
    summary: str
    fate: str
    reason: str = ""
    screened: Estimate | None = None
    """Gain on the seeds of its parent."""
    confirmed: Estimate | None = None
    """Gain on fresh seeds."""
    guards: tuple[str, ...] = ()
    """Guards that stopped it, in words."""


class Spending(_Data):
    """What one role's model cost."""

    role: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    usd: float | None = None
    seconds: float | None = None


class RunSection(_Data):
    """A synthesis run."""

    funnel: tuple[Step, ...] = ()
    reasons: tuple[Reason, ...] = ()
    clauses: tuple[Clause, ...] = ()
    coverage: tuple[Cell, ...] = ()
    kills: tuple[Kills, ...] = ()
    kill_rates: tuple[float, ...] = ()
    """Of every proven checker."""
    survivors: tuple[Survivor, ...] = ()
    generations: tuple[Generation, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    spending: tuple[Spending, ...] = ()
    workflow: Drawing | None = None
    """Of a run that did not evolve."""


class PassK(_Data):
    """pass^k of one evaluation."""

    k: int
    value: float
    low: float
    high: float
    tasks: int


class EvaluationSection(_Data):
    """One evaluation; several stand side by side."""

    name: str
    domain: str
    agent: str
    user: str
    episodes: int
    unjudged: int
    infrastructure: int
    pass_hats: tuple[PassK, ...]
    floors: tuple[Figure, ...] = ()
    """Inert agents' pass^1 on the same tasks, with the difference as a note."""
    blames: dict[str, int] = Field(default_factory=dict)
    terminations: dict[str, int] = Field(default_factory=dict)
    cost: str = ""
    against_first: str = ""
    """The paired difference from the first evaluation of the page, or why the two cannot be paired."""
    tasks: dict[str, tuple[int, int]] = Field(default_factory=dict)
    """Solved and judged trials, by task."""


class Series(_Data):
    """One curve: (step, value)."""

    name: str
    points: tuple[tuple[float, float], ...]


class StageSection(_Data):
    """One stage of a training."""

    stage: str
    state: str
    seconds: float
    series: tuple[Series, ...]
    before: Estimate | None = None
    after: Estimate | None = None
    difference: Estimate | None = None
    """After minus before, task by task."""
    floors: tuple[Figure, ...] = ()
    fidelity: dict[str, Any] | None = None
    """The user model's fidelity report, where there is one."""


class Listing(_Data):
    """What the browser of dialogues filters by, a column a field, all of one length and in one order."""

    id: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    """Which section's: "run", or an evaluation's name."""
    fate: tuple[str, ...] = ()
    """accepted, rejected, dropped; of episodes: solved, failed, unjudged, infrastructure."""
    stage: tuple[str, ...] = ()
    blame: tuple[str, ...] = ()
    generation: tuple[int, ...] = ()
    difficulty: tuple[str, ...] = ()
    persona: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    """Numbers, space-separated."""
    tools: tuple[str, ...] = ()
    """Names, space-separated: those of the solution."""
    messages: tuple[int, ...] = ()
    kill_rate: tuple[float | None, ...] = ()
    title: tuple[str, ...] = ()
    """One line: what the user wants."""


class Change(_Data):
    """A record that a call changed, made or removed."""

    side: Literal["agent", "user"]
    table: str
    key: str
    field: str = ""
    """Empty: the whole record."""
    before: Any = None
    after: Any = None


class Said(_Data):
    """A message, or a tool's answer."""

    role: Literal["system", "assistant", "user", "tool"]
    content: str = ""
    calls: tuple[dict[str, Any], ...] = ()
    """{id, name, arguments (object or text), writes}."""
    call_id: str = ""
    """On an answer: of the call that it answers."""
    requestor: str = ""
    error: bool = False
    changes: tuple[Change, ...] = ()
    """What the call changed on both sides."""
    evidence: tuple[str, ...] = ()
    """Why a review points at this message."""


class Part(_Data):
    """One part of a verdict."""

    name: str
    passed: bool | None
    reason: str = ""


class Dialogue(_Data):
    """One dialogue, as the browser shows it."""

    id: str
    title: str = ""
    fate: str = ""
    reason: str = ""
    blame: str = ""
    scenario: dict[str, str] = Field(default_factory=dict)
    """What the user knows and wants, by name."""
    solution: tuple[str, ...] = ()
    """The reference calls, as text."""
    said: tuple[Said, ...] = ()
    termination: str = ""
    reward: float | None = None
    parts: tuple[Part, ...] = ()
    review: dict[str, Any] = Field(default_factory=dict)
    """{outcome, reason, ...} as the reviewer gave it."""
    proof: dict[str, Any] = Field(default_factory=dict)
    """{mutants, killed, kill_rate, survivors, equivalent, variants}."""
    attempts: tuple[str, ...] = ()
    """Earlier tries of the same instance that were done over: where each failed, by whose fault, and why."""
    note: str = ""
    """What could not be shown, and why (the domain is not installed: no state changes)."""


class Page(_Data):
    """A whole report."""

    format: Literal[1] = 1
    title: str
    """Of the browser's tab and the page."""
    subtitle: str = ""
    """Domain, models, seed: in words."""
    made: str
    """When, ISO 8601, and by which version."""
    figures: tuple[Figure, ...] = ()
    run: RunSection | None = None
    evaluations: tuple[EvaluationSection, ...] = ()
    training: tuple[StageSection, ...] = ()
    listing: Listing = Listing()
    piece_size: int = 50
    """Dialogues a piece; dialogue i of the listing is in piece i // piece_size."""
    notes: tuple[str, ...] = ()
    """What the reader should know: an unfinished run, what is missing and why."""
