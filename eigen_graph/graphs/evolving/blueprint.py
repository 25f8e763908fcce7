"""A blueprint: all of the engine that evolution may change, as data that can be kept, compared and reverted."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.context import Context
from eigen_graph.graphs.plan_rules import PlanRule
from eigen_graph.graphs.prompting import PARTS, Prompt, bundled
from eigen_graph.graphs.workflow import DEFAULT, WorkflowSpec
from eigen_graph.models import Role

PROMPT_TOKENS = 3000
"""A prompt's own text at most, in tokens of four characters; what fills its placeholders is not counted."""
PROMPT_CHARACTERS = 4 * PROMPT_TOKENS
SECTION_NAME = 80
"""Characters of a section's name at most."""
NODE_NAME = r"^[a-z][a-z0-9_]{0,31}$"
ROLE_OF_PROMPT: Mapping[str, Role] = {
    name: name for name in ("planner", "writer", "verifier", "user", "agent", "reviewer")
}
"""The prompts that may change. The reflector's own is not among them."""
_ROLE_OF_KIND: Mapping[str, Role] = {"scenario": "writer", "verifier": "verifier", "reviewer": "reviewer"}
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_PROMPT_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Settings(BaseModel):
    """Limits of a run that evolution may change; None leaves the run's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_steps: int | None = Field(None, ge=4, le=1000)
    max_errors: int | None = Field(None, ge=1, le=100)
    max_submissions: int | None = Field(None, ge=1, le=20)
    max_look_ups: int | None = Field(None, ge=1, le=200)
    min_kill_rate: float | None = Field(None, ge=0, le=1)


class Blueprint(BaseModel):
    """Workflow, prompts, plan rules and limits. What has no effect is not kept: equal engines have equal JSON.

    Raises:
        pydantic.ValidationError: They do not fit together; the message names every fault found.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workflow: WorkflowSpec = DEFAULT
    prompts: dict[str, Annotated[str, Field(max_length=1_000_000)]] = Field(default_factory=dict, max_length=32)
    """Prompts by name, where they differ from the bundled ones."""
    plans: tuple[PlanRule, ...] = Field((), max_length=64)
    settings: Settings = Settings()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if faults := list(self._faults()):
            raise ValueError("; ".join(faults))
        kept = {name: text for name, text in sorted(self.prompts.items()) if text != _bundled_text(name)}
        object.__setattr__(self, "prompts", kept)
        rules = [rule for rule in self.plans if not rule.empty]
        object.__setattr__(self, "plans", tuple(sorted(rules, key=lambda rule: rule.match.key)))
        return self

    @classmethod
    def of(cls, context: Context) -> Self:
        """What a context runs with; its limits stay the context's own."""
        prompts = {name: Prompt.parse(name, text).to_text() for name, text in context.prompts.items()}
        return cls(workflow=context.workflow, prompts=prompts, plans=context.plans)

    def on(self, context: Context) -> Context:
        """A context that runs with this, and shares models, ledger and everything else with the one given."""
        changed = self.settings.model_dump(exclude_none=True)
        update = {"workflow": self.workflow, "prompts": dict(self.prompts), "plans": self.plans, **changed}
        return context.model_copy(update=update)

    @property
    def digest(self) -> str:
        """Twelve hex digits that name it."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:12]

    def prompt(self, name: str) -> Prompt:
        """A prompt by name.

        Raises:
            UnknownNameError: There is none.
        """
        return Prompt.parse(name, self.prompts[name]) if name in self.prompts else bundled(name)

    def role_of(self, prompt: str) -> Role | None:
        """Whose prompt it is; None when nobody's that may change."""
        if prompt in ROLE_OF_PROMPT:
            return ROLE_OF_PROMPT[prompt]
        kinds = [node.kind for node in self.workflow.nodes.values() if node.prompt == prompt]
        return _ROLE_OF_KIND.get(kinds[0]) if kinds else None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Inverse of `to_json`."""
        return cls.model_validate(data)

    def write(self, folder: Path) -> None:
        """Write it as a folder: workflow.json, plans.json, settings.json and prompts/NAME.md, nothing else in it.

        Raises:
            EigenGraphError: The folder cannot be written.
        """
        files = {
            "workflow.json": _pretty(self.workflow.model_dump(mode="json")),
            "plans.json": _pretty([rule.model_dump(mode="json") for rule in self.plans]),
            "settings.json": _pretty(self.settings.model_dump(exclude_none=True)),
            **{f"prompts/{name}.md": text for name, text in self.prompts.items()},
        }
        try:
            (folder / "prompts").mkdir(parents=True, exist_ok=True)
            left = {*(folder / "prompts").glob("*.md"), *folder.rglob("*.part")}  # a killed process leaves parts
            for old in left - {folder / name for name in files}:
                old.unlink()
            for name, text in files.items():
                part = folder / f"{name}.part"
                part.write_text(text, encoding="utf-8")
                part.replace(folder / name)
        except OSError as error:
            raise EigenGraphError(f"cannot write the workflow to {folder}: {error.strerror or error}") from error

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote, perhaps edited since; all but workflow.json may be missing.

        Raises:
            EigenGraphError: It is no such folder, or what is in it does not fit together.
        """
        try:
            data = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in _json_files(folder)}
            texts = {file.stem: file.read_text(encoding="utf-8") for file in sorted((folder / "prompts").glob("*.md"))}
            prompts = {name: Prompt.parse(name, text).to_text() for name, text in texts.items()}
            return cls.model_validate({**data, "prompts": prompts})
        except (ValidationError, EigenGraphError) as error:
            words = said(error) if isinstance(error, ValidationError) else error
            raise EigenGraphError(f"the workflow in {folder} cannot be used: {words}") from error
        except (OSError, ValueError, RecursionError) as error:  # JSON may be nested a hundred thousand deep
            raise EigenGraphError(f"cannot read the workflow in {folder}: {error}") from error

    def _faults(self) -> Iterator[str]:
        for name, text in self.prompts.items():
            yield from self._prompt_faults(name, text)
        for name, node in self.workflow.nodes.items():
            if not re.fullmatch(NODE_NAME, name):
                yield f"node {name!r}: a node's name is of a-z, 0-9 and _, a letter first, 32 at most"
            if node.prompt and node.prompt not in {*self.prompts, *ROLE_OF_PROMPT}:
                yield f"node {name!r}: no prompt {node.prompt!r}"
            elif (
                node.prompt
                and node.prompt in ROLE_OF_PROMPT
                and ROLE_OF_PROMPT[node.prompt] != _ROLE_OF_KIND[node.kind]
            ):
                yield f"node {name!r}: {node.prompt!r} is no prompt for a {node.kind} node"
        for rule in self.plans:
            yield from rule.faults()
        keys = [rule.match.key for rule in self.plans]
        if len(set(keys)) < len(keys):
            yield "two plan rules are for the same pairs"

    def _prompt_faults(self, name: str, text: str) -> Iterator[str]:
        role = self.role_of(name)
        if role is None or not _PROMPT_NAME.fullmatch(name):
            yield f"{name!r} is no prompt that may change: those are {', '.join(ROLE_OF_PROMPT)}, and what a node names"
            return
        try:
            prompt = Prompt.parse(name, text)
        except EigenGraphError as error:
            yield str(error)
            return
        if prompt.to_text() != text:
            yield f"prompt {name!r} is not in the form that prompts are written in (Prompt.to_text)"
        for part in sorted({part for part, _ in prompt.sections} - {part for part, _ in bundled(role).sections}):
            yield f"prompt {name!r}: nobody reads a part {part} of it"
        for part in PARTS:
            wanted, found = _placeholders(bundled(role), part), _placeholders(prompt, part)
            if missing := sorted(wanted - found):
                yield f"prompt {name!r}, part {part}: {{{{{'}}, {{'.join(missing)}}}}} must stay in it"
            if unknown := sorted(found - wanted):
                yield f"prompt {name!r}, part {part}: nothing fills {{{{{'}}, {{'.join(unknown)}}}}}"
        yield from length_faults(name, text)
        for _, section in prompt.sections:
            if len(section) > SECTION_NAME:
                yield f"prompt {name!r}: section {section[:20]!r}... has a name of more than {SECTION_NAME} characters"


def length_faults(name: str, text: str) -> Iterator[str]:
    """What is wrong with the length of a prompt, in words."""
    if len(text) > PROMPT_CHARACTERS:
        yield (
            f"prompt {name!r} would be {len(text):,} characters long; about {PROMPT_TOKENS} tokens, "
            f"{PROMPT_CHARACTERS:,} characters, are the most"
        )


def said(error: ValidationError) -> str:
    """A validation error in one line, whatever the input was."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    places = [fault["loc"] for fault in faults]
    told = [
        f"{'.'.join(map(str, place))}: {fault['msg']}" if place else fault["msg"]
        for fault, place in zip(faults, places, strict=True)
        # A list lacks an element because that element is at fault: told already.
        if not any(place and other != place and other[: len(place)] == place for other in places)
    ]
    text = "; ".join(told[:8]).replace("Value error, ", "")[:1500]
    return text.encode("utf-8", "backslashreplace").decode()


def _placeholders(prompt: Prompt, part: str) -> set[str]:
    bodies = [body for (own, _), body in prompt.sections.items() if own == part]
    return {name for body in bodies for name in _PLACEHOLDER.findall(body)}


def _bundled_text(name: str) -> str | None:
    return bundled(name).to_text() if name in ROLE_OF_PROMPT else None


def _json_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for name in ("workflow", "plans", "settings"):
        if (file := folder / f"{name}.json").is_file():
            yield name, file
        elif name == "workflow":
            raise EigenGraphError("there is no workflow.json in it; name a folder that evolution wrote")


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
