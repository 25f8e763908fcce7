"""The card of a trained model: what it is, how it was made, how good it is as far as that is known, how to load it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eigen_graph import __version__
from eigen_graph.core import EigenGraphError
from eigen_graph.rl.data import TrainingData
from eigen_graph.rl.folder import TrainingFolder, write_whole, writing
from eigen_graph.rl.history import StageHistory
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.saving import ADAPTER
from eigen_graph.rl.settings import Stage

CARD = "README.md"
_WHAT = {
    "user": "A simulated user of",
    "agent": "A service agent of",
    "grpo": "A service agent of",
}
_HOW = {
    "user": "supervised fine-tuning on the user's turns of accepted dialogues",
    "agent": "supervised fine-tuning on the agent's turns of accepted dialogues",
    "grpo": "GRPO on the rewards of the tasks' executable checkers",
}


def write_card(folder: TrainingFolder, stage: Stage, data: TrainingData) -> Path:
    """Write the card of a stage's model into its folder, with all that is known of it by now.

    Raises:
        EigenGraphError: The stage has not begun, or the card cannot be written.
    """
    history = StageHistory.of(folder.stage(stage))
    if history is None:
        raise EigenGraphError(f"stage {stage} in {folder.path} has not begun: there is no model to write a card of")
    info = folder.stage(stage).info
    model = folder.stage(stage).model
    sections = (
        _head(folder.recipe, history, data),
        _made(folder.recipe, history, data, info.versions if info else {}),
        _figures(history),
        _loading(stage, adapter=(model / ADAPTER).is_dir()),
        _limits(folder.recipe, stage, data),
    )
    path = model / CARD
    with writing(path):
        write_whole(path, "\n".join(line for section in sections for line in section) + "\n")
    return path


def _head(recipe: Recipe, history: StageHistory, data: TrainingData) -> Iterator[str]:
    base = _base(recipe, history.stage)
    domain = data.domain
    yield "---"
    yield "library_name: transformers"
    yield "pipeline_tag: text-generation"
    yield f"tags: [eigen-graph, tool-use, multi-turn, {'grpo' if history.stage == 'grpo' else 'sft'}]"
    if base not in {"tiny", "smollm2"}:
        yield f"base_model: {json.dumps(base)}"
    yield "---"
    yield f"\n# {recipe.name}: {history.stage}\n"
    title = f" ({domain.title})" if domain.title else ""
    yield f"{_WHAT[history.stage]} the domain `{domain.name}`{title}, made by {_HOW[history.stage]}."


def _made(recipe: Recipe, history: StageHistory, data: TrainingData, versions: dict[str, str]) -> Iterator[str]:
    yield "\n## How it was made\n"
    base = _base(recipe, history.stage)
    yield f"- Start: {_start(base, history.stage)}"
    yield f"- Recipe `{recipe.name}`, seed {recipe.seed}; every setting is in `recipe.yaml` of the training folder."
    manifest = data.manifest
    yield (
        f"- Data: {manifest.found} synthesized dialogues, each accepted by its checker and a reviewer; "
        f"{len(manifest.train)} to train on, {len(manifest.held_out)} held out by task (digest `{data.digest}`)."
    )
    for name, value in history.results.items():
        if isinstance(value, int | float | str):
            yield f"- {name.replace('_', ' ').capitalize()}: {value}"
    for gate, what in (("start", "start that solved less than it should have"), ("user", "user that had not passed")):
        if isinstance(told := history.results.get(gate), dict) and told.get("forced"):
            yield f"- **Insisted on (`--force`)**: a {what}."
    yield f"- Training took {history.seconds:,.0f} s, with {', '.join(f'{k} {v}' for k, v in versions.items())}."
    section = recipe.grpo if history.stage == "grpo" else getattr(recipe, history.stage).sft
    yield f"\n```json\n{json.dumps(section.model_dump(mode='json'))}\n```"


def _figures(history: StageHistory) -> Iterator[str]:
    yield "\n## How good it is\n"
    known = False
    if losses := history.results.get("held_out_loss"):
        known = True
        yield f"- Held-out loss: {losses['before']:.4f} before, {losses['after']:.4f} after."
    if pass1 := history.pass1:
        known = True
        yield f"- pass^1 on {pass1['after']['tasks']} held-out tasks, {pass1['after']['trials']} trials each, 95 %:"
        yield "\n| | pass^1 | interval |\n|---|---|---|"
        for when in ("before", "after"):
            if figure := pass1[when]:
                yield f"| {when} | {figure['value']:.3f} | {figure['low']:.3f} to {figure['high']:.3f} |"
        for name, value in pass1["floors"].items():
            yield f"| inert agent `{name}` | {value:.3f} | |"
        yield f"\nThe user was played by `{_unplaced(pass1['user'])}`."
    if fidelity := (history.fidelity or {}).get("figures"):
        known = True
        low, high = fidelity["interval"]
        yield (
            f"- Faults as a user on {fidelity['dialogues']} held-out dialogues: {fidelity['faults_per_100']:.1f} per "
            f"100 (95 %: {low:.1f} to {high:.1f}); {fidelity['clean_share']:.1%} of turns without any."
        )
    if not known:
        yield "Nothing is known yet: it was not tried on held-out tasks."


def _loading(stage: Stage, *, adapter: bool) -> Iterator[str]:
    side = "--user" if stage == "user" else "--agent"
    yield "\n## How to load it\n"
    yield "The folder holds weights, tokenizer and the chat template that it was trained with.\n"
    yield "```bash"
    yield f"eigen-graph eval DOMAIN {side} hf:PATH        # in this process"
    yield "vllm serve PATH --enable-auto-tool-choice --tool-call-parser hermes"
    yield "```\n"
    yield "```python"
    yield "from transformers import AutoModelForCausalLM, AutoTokenizer"
    yield 'model, tokenizer = AutoModelForCausalLM.from_pretrained("PATH"), AutoTokenizer.from_pretrained("PATH")'
    yield "```"
    if adapter:
        yield f"\nThe weights have the adapter merged in; by itself it is in `{ADAPTER}/`."


def _limits(recipe: Recipe, stage: Stage, data: TrainingData) -> Iterator[str]:
    yield "\n## Limits\n"
    model = recipe.user_model if stage == "user" else recipe.model
    yield f"- It knows one domain, `{data.domain.name}`, as its synthesized dialogues show it, and nothing beyond."
    yield f"- Its context in training was {model.max_tokens} tokens."
    if model.chat_template == "short":
        yield (
            "- Its template leaves policy and tool schemas out of the prompt: it knows them from training alone, and "
            "does not follow others."
        )
    if stage == "user":
        yield "- It plays customers for training and testing agents; its customers are made up."
    base = _base(recipe, stage)
    licence = {
        "tiny": "Its weights were made from nothing; the data's licence is yours to name.",
        "smollm2": "Its start, SmolLM2-135M-Instruct, is under Apache-2.0.",
    }.get(base, "The licence of the model that it started from applies.")
    yield f"- {licence}"
    yield f"\nMade by eigen_graph {__version__}."


def _base(recipe: Recipe, stage: Stage) -> str:
    start = (recipe.user_model if stage == "user" else recipe.model).start
    return start if start in {"tiny", "smollm2"} else Path(start).name


def _start(base: str, stage: Stage) -> str:
    name = {"tiny": "a small Qwen3 made on the spot, untrained", "smollm2": "SmolLM2-135M-Instruct"}.get(base, base)
    return f"{name}, fine-tuned to the agent's turns first" if stage == "grpo" else name


def _unplaced(spec: Any) -> str:
    """A model spec without the place of its folder, which nobody else has."""
    text = str(spec)
    return f"hf:{'/'.join(Path(text.partition('?')[0]).parts[-3:])}" if text.startswith("hf:") else text
