"""Small packages that other libraries load: the tasks as data, and a few lines that import the door from us."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template
from typing import Any

from eigen_graph.core import Domain
from eigen_graph.runs.datasets.dialogues import agent_examples
from eigen_graph.runs.datasets.tasks import rl_task
from eigen_graph.runs.rows import InstanceRow

_TEMPLATES = files("eigen_graph.runs.datasets") / "templates"
_SUFFIX = ".tmpl"


def module_of(domain: str, ending: str) -> str:
    """A module's name for a domain: `tau2:retail` and `env` give `tau2_retail_env`."""
    name = re.sub(r"\W+", "_", domain, flags=re.ASCII).strip("_").lower() or "domain"
    return f"{'d' if name[0].isdigit() else ''}{name}_{ending}"


def package_files(kind: str, domain: Domain, reference: str, module: str = "") -> Iterator[tuple[str, str]]:
    """The files of a package, but for its data.

    Args:
        kind: `trl`, `verifiers` or `openenv`.
        domain: The domain.
        reference: How it is loaded.
        module: The package's name; it also stands for `MODULE` in paths.

    Yields:
        A path inside the package, and the text.
    """
    base = module.rpartition("_")[0] or domain.name
    values = {
        "name": re.sub(r"[^\w:. -]", "_", domain.name),
        "domain": json.dumps(reference, ensure_ascii=False),
        "module": module,
        "dashed": module.replace("_", "-"),
        "title": "".join(part.capitalize() for part in base.split("_")),
    }
    for path, template in _walk(_TEMPLATES / kind, ""):
        yield path.replace("MODULE", module), Template(template.read_text("utf-8")).substitute(values)


def package_task(row: InstanceRow, domain: Domain, database: str) -> dict[str, Any]:
    """A task as in `rl.jsonl`, with what each side was told when it was made.

    Args:
        row: An accepted instance.
        domain: The domain it belongs to.
        database: Digest of the domain's databases.
    """
    systems = {"agent_system": row.agent_system, "user_system": row.user_system}
    return {**rl_task(row, domain, database), **systems}


def trl_example(row: InstanceRow, domain: Domain) -> dict[str, Any]:
    """A dialogue for `SFTTrainer`: `messages` and, as JSON text, `tools`.

    Arguments are objects, as chat templates render them best; as text where they were none.

    Args:
        row: An accepted instance.
        domain: The domain it belongs to.
    """
    (example,) = agent_examples(row, domain, "dialogue")
    messages = [{**message, **_opened(message)} for message in example["messages"]]
    return {"messages": messages, "tools": json.dumps(example["tools"], ensure_ascii=False)}


def _opened(message: dict[str, Any]) -> dict[str, Any]:
    if not message.get("tool_calls"):
        return {}
    calls = []
    for call in message["tool_calls"]:
        function = call["function"]
        try:
            arguments = json.loads(function["arguments"])
        except ValueError:
            arguments = function["arguments"]
        calls.append({**call, "function": {**function, "arguments": arguments}})
    return {"tool_calls": calls}


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield f"{prefix}{entry.name.removesuffix(_SUFFIX)}", entry
