"""Where an evaluation's tasks come from: the domain's own, a file, its playbook, or whoever calls."""

from __future__ import annotations

import difflib
import hashlib
import json
import random
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eigen_graph.checkers import database_digest
from eigen_graph.core import (
    NOTHING_KNOWN,
    PERSONAS,
    Cue,
    Domain,
    EigenGraphError,
    NoCaseError,
    Tags,
    Task,
    TaskDraft,
    TaskSet,
    ToolError,
    UnknownNameError,
    case_tags,
    environment_of,
)
from eigen_graph.evaluation.settings import EvaluationSettings

ACTED_OUT = 20
"""Tasks that a playbook acts out when nobody says how many."""
_TRIES = 50
_SHOWN = 5


def task_set(domain: Domain, settings: EvaluationSettings, given: Iterable[Task] | None = None) -> TaskSet:
    """All the tasks that an evaluation chooses from.

    Args:
        domain: The domain.
        settings: Say where they come from.
        given: Tasks from whoever calls.

    Raises:
        EigenGraphError: There are none, or they are not of this domain and its databases.
    """
    if given is not None:
        return _set_of(given, "tasks handed over in Python", domain)
    if settings.given:
        raise EigenGraphError("the tasks were handed over in Python: go on from there, with the same tasks")
    if settings.task_file is not None:
        return _from_file(Path(settings.task_file), domain)
    if domain.tasks is not None:
        return domain.tasks
    if domain.playbook is None:
        raise EigenGraphError(
            f"domain {domain.name!r} has neither tasks nor a playbook that could act some out: give a --task-file"
        )
    if settings.task_ids:
        raise EigenGraphError(f"domain {domain.name!r} has no tasks to name: give a --task-file, or how many (--tasks)")
    return _from_playbook(domain, settings.count or ACTED_OUT, settings.seed)


def chosen(tasks: TaskSet, settings: EvaluationSettings) -> tuple[Task, ...]:
    """The tasks that the settings choose, in the order of the split.

    Raises:
        UnknownNameError: There is no such split, or no such task in it.
    """
    if settings.split is not None and not tasks.splits:
        raise UnknownNameError(f"no split {settings.split!r}: {tasks.source} have no splits")
    found = tasks.split(settings.split)
    if settings.task_ids:
        found = tuple(_named(settings.task_ids, found, settings.split))
    if not found:
        raise EigenGraphError(f"there are no tasks in {tasks.source}")
    return found[: settings.count]


def require_fit(tasks: Collection[Task], domain: Domain) -> None:
    """Make sure that every task's world can be made.

    Raises:
        EigenGraphError: One cannot; it names the task.
    """
    for task in tasks:
        try:
            environment_of(domain, task)
        except NOTHING_KNOWN:
            raise
        except (EigenGraphError, ToolError) as error:
            raise EigenGraphError(f"task {task.id!r:.80} does not fit domain {domain.name!r}: {error}") from error


def playable(task: Task, domain: Domain) -> Task:
    """The task with the playbook case that a scripted role plays it from.

    A domain's own tasks go by their ids; others bring their case along.

    Raises:
        EigenGraphError: There is no playbook, or the task brings no case.
    """
    ways_out = "name a model for the agent and the user (--agent openai:NAME --user openai:NAME)"
    if domain.playbook is None:
        raise EigenGraphError(f"domain {domain.name!r} has no playbook, so `scripted` cannot play it: {ways_out}")
    if task.tags.cue is not None:
        return task
    if domain.tasks is None or task.id not in domain.tasks.tasks:
        raise EigenGraphError(f"task {task.id!r:.80} brings no playbook case, so `scripted` cannot play it: {ways_out}")
    cue = Cue(domain=domain.name, seed=0, intent=task.id)
    tags = task.eigen or Tags(domain=domain.name)
    return task.model_copy(update={"eigen": tags.model_copy(update={"cue": cue.model_dump(mode="json")})})


def _named(ids: Sequence[str], tasks: Sequence[Task], split: str | None) -> Iterator[Task]:
    by_id = {task.id: task for task in tasks}
    for name in dict.fromkeys(ids):
        if name not in by_id:
            near = difflib.get_close_matches(name, by_id, n=1, cutoff=0.5)
            shown = ", ".join(map(repr, list(by_id)[:_SHOWN]))
            hint = f"did you mean {near[0]!r}?" if near else f"there are {len(by_id)}: {shown}, ..."
            raise UnknownNameError(f"no task {name!r:.80}{f' in split {split!r}' if split else ''}; {hint}")
        yield by_id[name]


def _from_file(path: Path, domain: Domain) -> TaskSet:
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
        if path.suffix == ".jsonl":
            rows: Any = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            rows = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise EigenGraphError(f"cannot read tasks from {path}: {error}") from error
    rows = rows.get("tasks") if isinstance(rows, dict) else rows
    if not isinstance(rows, list) or not rows:
        raise EigenGraphError(
            f"{path} holds no list of tasks: give tau2 task JSON, or tasks.json or rl.jsonl of an export"
        )
    tasks = [_task_in(row, f"{path}, task {number}", domain) for number, row in enumerate(rows, 1)]
    return _set_of(tasks, str(path), domain, digest=hashlib.sha1(raw, usedforsecurity=False).hexdigest())


def _task_in(row: Any, where: str, domain: Domain) -> Task:
    """A task, bare or in a row of an `rl` export, which says which databases it means."""
    if isinstance(row, dict) and isinstance(row.get("task"), dict):
        made_for, digest = row.get("database"), database_digest(domain)
        if made_for and made_for != digest:
            raise EigenGraphError(
                f"{where}: made for databases {made_for!s:.80} of domain {str(row.get('domain'))!r:.80}, but "
                f"{domain.name!r} has {digest}: evaluate with the version that made it"
            )
        row = row["task"]
    try:
        return Task.from_json(row)
    except EigenGraphError as error:
        raise EigenGraphError(f"{where}: {error}") from error


def _from_playbook(domain: Domain, count: int, seed: int) -> TaskSet:
    """Fresh tasks, the intents in turn. The first ones are the same whatever their number."""
    assert domain.playbook is not None  # noqa: S101  # looked at by whoever calls
    rng = random.Random(f"evaluation/{domain.name}/{seed}")
    intents = list(domain.playbook.intents)
    rng.shuffle(intents)
    tasks = []
    for number in range(count):
        intent = domain.playbook.intents[intents[number % len(intents)]]
        draft, cue = _drawn(domain, intent.name, intent.difficulties, f"{seed}/{number}")
        tasks.append(draft.to_task(f"{domain.name}-{seed}-{number:04d}", case_tags(cue), persona=PERSONAS[cue.persona]))
    return _set_of(tasks, f"tasks acted out by the playbook of {domain.name!r}, seed {seed}", domain)


def _drawn(domain: Domain, intent: str, difficulties: Sequence[Any], seed: str) -> tuple[TaskDraft, Cue]:
    rng = random.Random(f"task/{seed}")
    for _ in range(_TRIES):
        cue = Cue(
            domain=domain.name,
            seed=rng.getrandbits(31),
            intent=intent,
            difficulty=rng.choice(difficulties),
            persona=rng.choice(list(PERSONAS)),
        )
        try:
            return TaskDraft.from_case(domain.playbook.case(domain, cue)), cue  # type: ignore[union-attr]  # it is there
        except NoCaseError:
            continue
    raise EigenGraphError(f"the playbook of domain {domain.name!r} finds no records for intent {intent!r}")


def _set_of(tasks: Iterable[Task], source: str, domain: Domain, *, digest: str = "") -> TaskSet:
    by_id: dict[str, Task] = {}
    for task in tasks:
        if task.id in by_id:
            raise EigenGraphError(f"{source}: there are two tasks {task.id!r:.80}")
        if task.tags.domain not in {"", domain.name}:
            raise EigenGraphError(
                f"{source}: task {task.id!r:.80} is of domain {task.tags.domain!r:.80}, not {domain.name!r}"
            )
        by_id[task.id] = task
    return TaskSet(read=lambda: by_id, splits={}, digest=digest or _digest_of(by_id), source=source)


def _digest_of(tasks: Mapping[str, Task]) -> str:
    text = json.dumps([task.to_json() for task in tasks.values()], sort_keys=True)
    return hashlib.sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
