"""Recipes: everything that a training is made from, in one YAML file, checked before anything is loaded.

A bundled recipe goes by its name (`cpu_tiny`), any other by its path. `--set key=value` changes single settings:
`grpo.steps=20`, `model.lora.rank=8`, `grpo.filter=null`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ValidationError

from eigen_graph.core import EigenGraphError, UnknownNameError
from eigen_graph.rl.settings import (
    AgentStage,
    Count,
    DataSettings,
    EvaluationStage,
    GrpoSettings,
    ModelSettings,
    Settings,
    UserStage,
)


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
