"""Model specs: `scripted?faults=0.3`, `openai:NAME?temperature=0&base_url=http://localhost:8000/v1`, `hf:FOLDER`.

An agent of one's own is named by its reference: `package.module:graph`, `path/to/file.py:graph?policy=system`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, quote

from eigen_graph.core import EigenGraphError
from eigen_graph.core.loading import absolute, is_path, split_reference

StructuredMode = Literal["json_schema", "tool"]
"""How a model is made to answer in JSON: by its response format, or by a forced tool call."""
ATTRIBUTE = "graph"
"""What an agent's file is asked for when its reference names nothing."""
Policy = Literal["system", "none"]
"""Whether an agent of one's own is sent the dialogue's instructions, the policy in them, as its first message."""
Memory = Literal["own", "none"]
"""Whether an agent of one's own remembers the dialogue, and is given only what is new, or is given the whole of it."""


@dataclass(frozen=True)
class ModelSpec:
    """A model and how to ask it.

    Raises:
        EigenGraphError: From `parse`; one line that says what is known.
    """

    kind: Literal["scripted", "openai", "hf", "agent"]
    name: str = ""
    """The server's name of the model, the model's folder, or an agent's reference; empty for `scripted`."""
    faults: float = 0.0
    """Scripted: the probability of a planted fault per dialogue and per piece of writing, 0 to 1."""
    structured: StructuredMode = "json_schema"
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    """Upper bound of a reply, in tokens."""
    seed: int | None = None
    send_seed: bool = True
    """Let an evaluation seed each trial's requests; false for a server that refuses the field."""
    base_url: str | None = None
    """The model's own server, where it is not the one that all others share."""
    key_env: str | None = None
    """Environment variable that holds the key for `base_url`; None: it needs none."""
    device: str = "auto"
    """hf: `cpu`, `cuda`, `cuda:1`; `auto`: the GPU where there is one."""
    send_case: bool = False
    """Send the playbook case in the request's `metadata` field: only for a server that serves `scripted`."""
    policy: Policy | None = None
    """agent: Whether it is sent the dialogue's instructions."""
    memory: Memory | None = None
    """agent: What of the dialogue it is given at each of its turns."""
    timeout: float | None = None
    """agent: Seconds that it may take for a message, its own model's calls included; None: as for a model's reply."""
    price_in: float | None = None
    """USD per million input tokens; None: unknown."""
    price_out: float | None = None
    """USD per million output tokens; None: unknown."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `KIND[:NAME][?OPTION=VALUE&...]`."""
        head, mark, query = text.strip().partition("?")
        kind, _, name = head.partition(":")
        if kind == "openai" and not name:
            raise EigenGraphError(f"model {text!r} lacks the model's name: write openai:NAME, e.g. openai:gpt-5-mini")
        if kind == "hf" and not name:
            raise EigenGraphError(f"model {text!r} lacks the model's folder: write hf:FOLDER")
        if kind not in _KINDS and _is_reference(head):
            kind, name = "agent", head
        if kind not in _OPTIONS or (kind == "agent" and name != head) or (kind == "scripted" and name):
            raise EigenGraphError(
                f"no model {text!r}: known are scripted, openai:NAME (see --base-url) and hf:FOLDER; an agent of your "
                "own is named by package.module:attribute or path/to/file.py:attribute"
            )
        options = _OPTIONS[kind]
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if mark else []
        except ValueError:
            raise EigenGraphError(f"model {text!r}: options are written ?NAME=VALUE&NAME=VALUE") from None
        values: dict[str, Any] = {}
        for option, value in pairs:
            if option not in options:
                raise EigenGraphError(f"model {text!r}: no option {option!r}; known: {', '.join(options)}")
            field, read, wanted = options[option]
            try:
                values[field] = read(value)
            except ValueError:
                raise EigenGraphError(f"model {text!r}: {option} must be {wanted}, not {value!r}") from None
        if "key_env" in values and "base_url" not in values:
            raise EigenGraphError(f"model {text!r}: key_env names the key of a base_url of its own, which is not given")
        return cls(kind=kind, name=name, **values)  # type: ignore[arg-type]  # one of the options' kinds

    def __str__(self) -> str:
        """The spec as it would be written, only with what differs from the defaults."""
        head = self.name if self.kind == "agent" else f"{self.kind}:{self.name}" if self.name else self.kind
        default = {field.name: field.default for field in fields(self)}
        parts = [
            f"{option}={_written(value)}"
            for option, (field, _, _) in _OPTIONS[self.kind].items()
            if (value := getattr(self, field)) != default[field]
        ]
        return f"{head}?{'&'.join(parts)}" if parts else head

    def anywhere(self) -> Self:
        """The same model as it is named in any working directory: only an agent's path changes."""
        return replace(self, name=absolute(self.name, ATTRIBUTE)) if self.kind == "agent" else self

    @property
    def title(self) -> str:
        """As in results: of an agent's path only the file, so that they are the same wherever it lies."""
        target, attribute = split_reference(self.name)
        if self.kind != "agent" or not is_path(target):
            return str(self)
        return str(replace(self, name=f"{Path(target).resolve().name}:{attribute or ATTRIBUTE}"))

    @property
    def prices(self) -> tuple[float, float] | None:
        """USD per million tokens in and out; None when not both are known."""
        if self.kind not in {"openai", "agent"}:
            return 0.0, 0.0
        return None if self.price_in is None or self.price_out is None else (self.price_in, self.price_out)


def _is_reference(text: str) -> bool:
    """Whether it can only be a reference: a path, or dotted names with an attribute."""
    target, attribute = split_reference(text)
    return is_path(target) or (attribute is not None and all(part.isidentifier() for part in target.split(".")))


_Option = tuple[str, Callable[[str], Any], str]
"""Field, reader, and what to say a value must be."""


def _rate(text: str) -> float:
    return _within(float(text), 0.0, 1.0)


def _within(value: float, low: float, high: float) -> float:
    if not low <= value <= high:  # also refuses NaN
        raise ValueError(value)
    return value


def _amount(text: str) -> float:
    return _within(float(text), 0.0, 1e6)


def _count(text: str) -> int:
    return int(_within(int(text), 1, 10_000_000))


def _flag(text: str) -> bool:
    if text.lower() not in {"true", "false", "1", "0"}:
        raise ValueError(text)
    return text.lower() in {"true", "1"}


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return read


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(text)
    return text


def _name(text: str) -> str:
    if not text.isidentifier():
        raise ValueError(text)
    return text


def _device(text: str) -> str:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        raise ValueError(text)
    return text


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else quote(str(value), safe=":/")


_STRUCTURED: _Option = ("structured", _one_of("json_schema", "tool"), "json_schema or tool")
_SCRIPTED: dict[str, _Option] = {"faults": ("faults", _rate, "a number from 0 to 1"), "structured": _STRUCTURED}
_SAMPLING: dict[str, _Option] = {
    "temperature": ("temperature", lambda text: _within(float(text), 0.0, 5.0), "a number from 0 to 5"),
    "top_p": ("top_p", _rate, "a number from 0 to 1"),
    "max_tokens": ("max_tokens", _count, "a positive whole number"),
    "seed": ("seed", int, "a whole number"),
}
_PRICES: dict[str, _Option] = {
    "in": ("price_in", _amount, "USD per million input tokens"),
    "out": ("price_out", _amount, "USD per million output tokens"),
}
_OPENAI: dict[str, _Option] = {
    "structured": _STRUCTURED,
    **_SAMPLING,
    "send_seed": ("send_seed", _flag, "true or false"),
    "base_url": ("base_url", _url, "a URL that begins with http:// or https://, mostly ending in /v1"),
    "key_env": ("key_env", _name, "the name of an environment variable"),
    "send_case": ("send_case", _flag, "true or false"),
    **_PRICES,
}
_AGENT: dict[str, _Option] = {
    "policy": ("policy", _one_of("system", "none"), "system or none"),
    "memory": ("memory", _one_of("own", "none"), "own or none"),
    "timeout": ("timeout", lambda text: _within(float(text), 0.1, 1e5), "a number of seconds"),
    **_PRICES,
}
_HF: dict[str, _Option] = {**_SAMPLING, "device": ("device", _device, "auto, cpu, cuda or e.g. cuda:1")}
_OPTIONS = {"scripted": _SCRIPTED, "openai": _OPENAI, "hf": _HF, "agent": _AGENT}
_KINDS = frozenset(_OPTIONS) - {"agent"}
