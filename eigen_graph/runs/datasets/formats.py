"""The formats of an export: what each makes of an accepted instance, and the files that it goes to."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from eigen_graph.core import Domain, UnknownNameError
from eigen_graph.runs.datasets.dialogues import COLUMNS, View, agent_examples, user_examples
from eigen_graph.runs.datasets.files import Draft, JsonLines, JsonList, Parquet, Text
from eigen_graph.runs.datasets.openai_chat import openai_example, require_openai_tools
from eigen_graph.runs.datasets.packages import module_of, package_files, package_task, trl_example
from eigen_graph.runs.datasets.sharegpt import DATASET_INFO, dataset_info, sharegpt_example
from eigen_graph.runs.datasets.tasks import rl_task, tau2_task
from eigen_graph.runs.rows import InstanceRow

ALL = "all"
"""Stands for every format."""


@dataclass(frozen=True)
class Order:
    """What an export was asked for."""

    folder: Path
    domain: Domain
    reference: str
    """How the domain is loaded elsewhere."""
    database: str
    """Digest of the domain's databases, for a checker that does not say."""
    view: View
    keep_eigen: bool


Make = Callable[[InstanceRow], Iterable[dict[str, Any]]]


@dataclass
class Outlet:
    """Where a format's rows go. Its drafts are files under way."""

    parts: list[tuple[Make, list[Draft]]]
    """Rows of an instance, and the files that they are added to."""
    texts: list[Text] = field(default_factory=list)
    """Files that stand beside them and hold no rows."""

    @property
    def drafts(self) -> Iterator[Draft]:
        """All files, those with rows first."""
        for _, drafts in self.parts:
            yield from drafts
        yield from self.texts


@dataclass(frozen=True)
class Format:
    """A format.

    Args:
        about: One line for people who choose.
        open: Begins its files.
    """

    about: str
    open: Callable[[Order], Outlet]


def chosen(names: Iterable[str]) -> list[str]:
    """Formats by their names, each once; `all` names every one.

    Raises:
        UnknownNameError: There is no such format.
    """
    found: dict[str, None] = {}
    for name in names:
        if name != ALL and name not in FORMATS:
            near = difflib.get_close_matches(name, [*FORMATS, ALL], n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}? There" if near else "there"
            raise UnknownNameError(f"no export format {name!r:.80}; {hint} are {', '.join(FORMATS)}, and {ALL}")
        found |= dict.fromkeys(FORMATS if name == ALL else [name])
    return list(found)


def _sides(name: str, order: Order) -> Outlet:
    examples = agent_examples if name == "sft" else user_examples
    files = [
        JsonLines(order.folder / f"{name}.jsonl"),
        Parquet(order.folder / f"{name}.parquet", COLUMNS, as_text=("tools",)),
    ]
    return Outlet([(partial(examples, domain=order.domain, view=order.view), files)])


def _rl(order: Order) -> Outlet:
    return Outlet([_one(order, "rl.jsonl", lambda row: rl_task(row, order.domain, order.database))])


def _tau2(order: Order) -> Outlet:
    def make(row: InstanceRow) -> list[dict[str, Any]]:
        return [tau2_task(row, keep_eigen=order.keep_eigen)]

    return Outlet([(make, [JsonList(order.folder / "tasks.json")])])


def _openai(order: Order) -> Outlet:
    require_openai_tools(order.domain)
    return Outlet([_one(order, "openai.jsonl", lambda row: openai_example(row, order.domain))])


def _sharegpt(order: Order) -> Outlet:
    file = "dialogues.jsonl"
    part = _one(order, f"sharegpt/{file}", lambda row: sharegpt_example(row, order.domain))
    info = dataset_info(module_of(order.domain.name, "dialogues"), file)
    return Outlet([part], [Text(order.folder / "sharegpt" / DATASET_INFO, info)])


def _trl(order: Order) -> Outlet:
    dialogues = _one(order, "trl/sft.jsonl", lambda row: trl_example(row, order.domain))
    return Outlet([dialogues, _tasks(order, "trl")], _texts(order, "trl", ""))


def _verifiers(order: Order) -> Outlet:
    module = module_of(order.domain.name, "dialogues")
    return Outlet([_tasks(order, f"verifiers/{module}")], _texts(order, "verifiers", module))


def _openenv(order: Order) -> Outlet:
    return Outlet([_tasks(order, "openenv")], _texts(order, "openenv", module_of(order.domain.name, "env")))


def _tasks(order: Order, folder: str) -> tuple[Make, list[Draft]]:
    return _one(order, f"{folder}/tasks.jsonl", lambda row: package_task(row, order.domain, order.database))


def _one(order: Order, path: str, make: Callable[[InstanceRow], dict[str, Any]]) -> tuple[Make, list[Draft]]:
    """A row an instance, in one file of lines."""
    file = order.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    return lambda row: [make(row)], [JsonLines(file)]


def _texts(order: Order, kind: str, module: str) -> list[Text]:
    found = []
    for path, text in package_files(kind, order.domain, order.reference, module):
        file = order.folder / kind / path
        file.parent.mkdir(parents=True, exist_ok=True)
        found.append(Text(file, text))
    return found


FORMATS = {
    "sft": Format("the agent's dialogues: messages, tools, loss mask; JSONL and Parquet", partial(_sides, "sft")),
    "user_sft": Format("the simulated user's side of them, its own tool calls included", partial(_sides, "user_sft")),
    "rl": Format("tasks with their checkers and the database that both mean", _rl),
    "tau2": Format("tasks as tau2-bench has them, in tasks.json", _tau2),
    "openai": Format("the agent's dialogues for OpenAI's fine-tuning: chat JSONL with tools", _openai),
    "sharegpt": Format("the agent's dialogues for LLaMA-Factory and others, with dataset_info.json", _sharegpt),
    "trl": Format("a folder for TRL: dialogues for SFTTrainer, tasks for GRPOTrainer, a script for each", _trl),
    "verifiers": Format("a package for verifiers and prime-rl: a taskset that plays and judges", _verifiers),
    "openenv": Format("a package for OpenEnv: an environment's server and its client", _openenv),
}
"""Every format, by its name."""
PLAIN = ("sft", "user_sft", "rl", "tau2")
"""What is written when nobody says what."""
