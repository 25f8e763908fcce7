"""What a training learns from: dialogues of synthesis runs, chosen, parted by task, and kept beside the training.

DATA/sft.jsonl, user_sft.jsonl, rl.jsonl   every dialogue that was chosen, as `export` writes them
DATA/split.json                            which are trained on and which held out, where all came from, digests
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from eigen_graph.checkers import database_digest
from eigen_graph.core import Domain, EigenGraphError
from eigen_graph.domains import load_domain
from eigen_graph.rl.episode import RlTask
from eigen_graph.rl.folder import write_whole, writing
from eigen_graph.rl.gathering import AGENT, FILES, TASKS, USER, Dialogue, Row, gather, read_dialogues
from eigen_graph.rl.provenance import changed, data_settings
from eigen_graph.rl.recipe import Recipe
from eigen_graph.rl.settings import Selection
from eigen_graph.rl.splits import split

SPLIT = "split.json"


class Manifest(BaseModel):
    """The contents of `split.json`."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    domain: str
    database: str
    settings: dict[str, Any]
    """Those of the recipe that decided it."""
    sources: tuple[str, ...]
    """Runs and export folders, as absolute paths."""
    found: int
    """Dialogues in them."""
    left_out: dict[str, int]
    """Dialogues that were not chosen, by what left them out."""
    files: dict[str, str]
    """SHA-256 of each file."""
    train: tuple[str, ...]
    held_out: tuple[str, ...]
    """Held out and used."""
    spare: tuple[str, ...]
    """Held out beyond `max_held_out`."""
    near: tuple[str, ...]
    """Not trained on because they nearly equal a held-out one."""

    @property
    def digest(self) -> str:
        """Of the data and of how it is split."""
        told = json.dumps([self.files, self.train, self.held_out])
        return hashlib.sha256(told.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TrainingData:
    """Dialogues to train on and dialogues held out, from both sides, with their tasks.

    A row is what `export --view dialogue` writes: `messages`, `tools`, `loss_mask`, `id`, `task_id`.
    """

    domain: Domain
    manifest: Manifest
    agent_rows: tuple[Row, ...]
    user_rows: tuple[Row, ...]
    held_agent_rows: tuple[Row, ...]
    held_user_rows: tuple[Row, ...]
    tasks: tuple[RlTask, ...]
    """Those to train on, in the order of the rows."""
    held_out: tuple[RlTask, ...]

    @property
    def digest(self) -> str:
        """Of the data and of how it is split."""
        return self.manifest.digest

    @classmethod
    def load(cls, folder: Path, recipe: Recipe) -> Self:
        """Read what `prepare` has kept.

        Raises:
            EigenGraphError: There is none, it was changed since, or it was made for other settings or another database.
        """
        manifest = _manifest(folder)
        domain = load_domain(recipe.domain)
        _require_same(manifest, recipe, domain, folder)
        parts = dict.fromkeys(manifest.train, "train") | dict.fromkeys(manifest.held_out, "held")
        found: dict[str, list[Dialogue]] = {"train": [], "held": []}
        for dialogue in read_dialogues(folder, domain, folder):
            if part := parts.get(dialogue.name):
                found[part].append(dialogue)
        return cls(
            domain=domain,
            manifest=manifest,
            agent_rows=tuple(dialogue.agent for dialogue in found["train"]),
            user_rows=tuple(dialogue.user for dialogue in found["train"]),
            held_agent_rows=tuple(dialogue.agent for dialogue in found["held"]),
            held_user_rows=tuple(dialogue.user for dialogue in found["held"]),
            tasks=tuple(map(_playable, found["train"])),
            held_out=tuple(map(_playable, found["held"])),
        )


def prepare(folder: Path, recipe: Recipe, runs: Sequence[Path] = ()) -> TrainingData:
    """Choose, split and keep the dialogues of runs, or go on with what was kept.

    Args:
        folder: Where to keep them (`TrainingFolder.data`).
        recipe: Says the domain, which dialogues, and how they are split.
        runs: Folders of synthesis runs or of exports; none: what was kept.

    Raises:
        EigenGraphError: A source cannot be used, nothing is left to train on, or what was kept is something else.
    """
    if (folder / SPLIT).exists():
        sources = tuple(str(Path(run).resolve()) for run in runs)
        if runs and sources != (kept := _manifest(folder).sources):
            raise EigenGraphError(
                f"the data in {folder} come from {', '.join(kept)}, not {', '.join(sources)}: go on without --run, or "
                "choose another --out"
            )
        return TrainingData.load(folder, recipe)
    domain = load_domain(recipe.domain)
    draft = folder.with_name(f"{folder.name}.part")
    with writing(folder):
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            _write(draft, recipe, domain, [Path(run) for run in runs])
            shutil.rmtree(folder, ignore_errors=True)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return TrainingData.load(folder, recipe)


def per_turn(rows: Iterable[Row]) -> Iterator[Row]:
    """One row for each trained message of a dialogue, with loss on that one, as `export --view turn` writes them."""
    for row in rows:
        ends = [at for at, trained in enumerate(row["loss_mask"]) if trained]
        for number, end in enumerate(ends):
            turn = {"id": f"{row['id']}/{number}", "messages": row["messages"][: end + 1]}
            yield {**row, **turn, "loss_mask": [0] * end + [1]}


def dialogue_chars(row: Row) -> int:
    """How long a dialogue is: characters of its messages, calls included, system messages not."""
    total = 0
    for message in row["messages"]:
        if message.get("role") != "system":
            total += len(message.get("content") or "")
            for call in message.get("tool_calls") or ():
                total += len(call["function"]["name"]) + len(call["function"]["arguments"])
    return total


def _write(draft: Path, recipe: Recipe, domain: Domain, sources: Sequence[Path]) -> None:
    scratch = draft / "scratch"
    found = gather(sources, domain, scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    where = ", ".join(map(str, sources))
    chosen, left_out = _chosen(found.dialogues, recipe.data.select, where)
    parts = split(
        {name: dialogue.task for name, dialogue in chosen.items()},
        domain,
        share=recipe.data.holdout,
        at_most=recipe.data.max_held_out,
        seed=recipe.seed,
        source=where,
    )
    for name, row in ((AGENT, "agent"), (USER, "user")):
        _put(draft / name, (getattr(dialogue, row) for dialogue in chosen.values()))
    _put(
        draft / TASKS,
        ({**each.rl, "task": each.task.to_json(), "checker": each.checker.to_json()} for each in chosen.values()),
    )
    left_out = {"duplicates": found.duplicates, **left_out}
    manifest = Manifest(
        domain=domain.name,
        database=database_digest(domain),
        settings=data_settings(recipe),
        sources=tuple(str(source.resolve()) for source in sources),
        found=len(chosen) + sum(left_out.values()),
        left_out=left_out,
        files={name: _sha256(draft / name) for name in FILES},
        **parts._asdict(),
    )
    write_whole(draft / SPLIT, manifest.model_dump_json(indent=1) + "\n")


def _chosen(
    dialogues: Mapping[str, Dialogue], select: Selection, where: str
) -> tuple[dict[str, Dialogue], dict[str, int]]:
    """The dialogues that are used, and how many each filter left out.

    Raises:
        EigenGraphError: None is left; the message says how many each filter left.
    """
    tools, clauses = set(select.tools), set(select.clauses)
    filters: dict[str, Callable[[Dialogue], bool]] = {
        "difficulty": lambda each: not select.difficulty or each.task.tags.difficulty in select.difficulty,
        "tools": lambda each: not tools or set(each.task.tags.tools) <= tools,
        "clauses": lambda each: not clauses or not clauses.isdisjoint(each.task.tags.clauses),
        "max_chars": lambda each: select.max_chars is None or dialogue_chars(each.agent) <= select.max_chars,
    }
    left, left_out, told = dict(dialogues), {}, [f"{len(dialogues)} dialogues"]
    for name, keeps in filters.items():
        kept = {key: dialogue for key, dialogue in left.items() if keeps(dialogue)}
        left_out[name] = len(left) - len(kept)
        if left_out[name]:
            told.append(f"{name} left {len(kept)}")
        left = kept
    if not left:
        raise EigenGraphError(
            f"{where}: data.select leaves nothing to train on ({', '.join(told)}): select less narrowly"
        )
    return left, left_out


def _playable(dialogue: Dialogue) -> RlTask:
    return RlTask(
        task=dialogue.task,
        checker=dialogue.checker,
        agent_system=_system(dialogue.agent),
        user_system=_system(dialogue.user),
    )


def _system(row: Row) -> str:
    first = row["messages"][0]
    return (first.get("content") or "") if first.get("role") == "system" else ""


def _put(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(folder: Path) -> Manifest:
    try:
        return Manifest.model_validate_json((folder / SPLIT).read_bytes())
    except FileNotFoundError:
        raise EigenGraphError(
            f"there are no data in {folder} yet: name what to train on, a synthesis run or an export (--run)"
        ) from None
    except (OSError, ValidationError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise EigenGraphError(
            f"cannot read {folder / SPLIT} ({why}): bring it back from a copy, or start anew"
        ) from None


def _require_same(manifest: Manifest, recipe: Recipe, domain: Domain, folder: Path) -> None:
    if differing := changed(manifest.settings, data_settings(recipe)):
        key, old, new = differing[0]
        raise EigenGraphError(f"the data in {folder} were chosen with {key} {old}, not {new}: choose another --out")
    if (digest := database_digest(domain)) != manifest.database:
        raise EigenGraphError(
            f"the data in {folder} were made for databases {manifest.database} of domain {manifest.domain!r}, which "
            f"has {digest} now: train with the version that made them"
        )
    for name, known in manifest.files.items():
        try:
            same = _sha256(folder / name) == known
        except OSError as error:
            raise EigenGraphError(f"cannot read {folder / name}: {error.strerror or error}") from error
        if not same:
            raise EigenGraphError(f"{folder / name} is not what was split: bring it back from a copy, or start anew")
