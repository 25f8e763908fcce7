"""One instance or episode as the browser of dialogues shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from eigen_graph.checkers import Verdict, attribute
from eigen_graph.core import Domain, Task, Trajectory
from eigen_graph.report.data import Dialogue, Part, Said
from eigen_graph.report.replays import Replay, replay
from eigen_graph.report.words import line, scenario_in_words, solution_in_words, title_of
from eigen_graph.runs import InstanceRow

_MAX_REASON = 2000
_MAX_NOTE = 300


@dataclass(frozen=True)
class Setting:
    """Where dialogues are run again; without a domain nothing is."""

    domain: Domain | None = None
    why_not: str = ""
    """Why there is none."""


@dataclass(frozen=True)
class Material:
    """What a dialogue is shown from, whoever recorded it."""

    id: str
    fate: str
    task: Mapping[str, Any] | None = None
    trajectory: Mapping[str, Any] | None = None
    verdict: Mapping[str, Any] | None = None
    review: Mapping[str, Any] | None = None
    proof: Mapping[str, Any] | None = None
    blame: str = ""
    reason: str = ""
    evidence: Collection[int] = ()
    """Positions of the messages that show whose fault it is."""
    attributed: bool = True
    """Whether `evidence` is known; else it is looked for, as the checkers do."""
    opinions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What a judge model thought of each statement that it was asked about."""
    attempts: tuple[str, ...] = ()
    title: str = ""
    """Where the task does not say what the user wants."""

    @classmethod
    def of(cls, row: InstanceRow, title: str = "") -> Material:
        """That of a run's instance."""
        return cls(
            id=row.id,
            fate=row.fate,
            task=row.task,
            trajectory=row.trajectory,
            verdict=row.verdict,
            review=row.review,
            proof=(row.checker or {}).get("proof"),
            blame=row.blame or "",
            reason=row.reason,
            evidence=row.evidence,
            attempts=tuple(
                f"{one.stage}: {': '.join(filter(None, (one.blame or '', line(one.reason, _MAX_REASON))))}"
                for one in row.attempts
            ),
            title=title,
        )


def dialogue_of(found: Material, setting: Setting) -> Dialogue:
    """The dialogue with what its calls changed; whatever cannot be read or run again is left out, and said."""
    notes: list[str] = []
    task = _read(Task, found.task, "task", notes) if found.task else None
    trajectory = _read(Trajectory, found.trajectory, "dialogue", notes) if found.trajectory else None
    replayed = _replayed(task, trajectory, setting, notes)
    if not found.attributed and task and trajectory and setting.domain:
        found = _attributed(found, task, trajectory, setting.domain)
    verdict = found.verdict if isinstance(found.verdict, Mapping) else {}
    return Dialogue(
        id=found.id,
        title=title_of(found.task, found.title) if isinstance(found.task, dict) else line(found.title),
        fate=found.fate,
        reason=line(found.reason, _MAX_REASON),
        blame=found.blame,
        scenario=scenario_in_words(task) if task else {},
        solution=solution_in_words(task) if task else (),
        said=tuple(_said(trajectory, replayed, _pointed_at(found), setting.domain)) if trajectory else (),
        termination=trajectory.termination if trajectory else "",
        reward=_number(verdict.get("reward")),
        parts=(*_parts(verdict), *_opinions(found.opinions)),
        review=dict(found.review) if isinstance(found.review, Mapping) else {},
        proof=dict(found.proof) if isinstance(found.proof, Mapping) else {},
        attempts=found.attempts,
        note=" ".join(notes),
    )


def unreadable(name: str, fate: str, error: Exception) -> Dialogue:
    """What stands for a dialogue whose row is damaged or gone."""
    return Dialogue(id=name, fate=fate, note=f"This row cannot be read: {line(error, _MAX_NOTE)}.")


def _replayed(task: Task | None, trajectory: Trajectory | None, setting: Setting, notes: list[str]) -> Replay:
    if task is None or trajectory is None or not any(message.tool_calls for message in trajectory.messages):
        return Replay()
    if setting.domain is None:
        notes.append(f"No state changes are shown: {setting.why_not}.")
        return Replay()
    try:
        found = replay(task, trajectory, setting.domain)
    except Exception as error:  # noqa: BLE001  # a foreign domain's code, over data that a model wrote
        notes.append(f"No state changes are shown: the calls cannot be run again ({line(error, _MAX_NOTE)}).")
        return Replay()
    if found.untrue:
        places = ", ".join(map(str, found.untrue))
        notes.append(f"What was recorded in message {places} is not what its call gives when it is run again.")
    return found


def _attributed(found: Material, task: Task, trajectory: Trajectory, domain: Domain) -> Material:
    """With the messages that show whose fault a failure is."""
    try:
        cause = attribute(Verdict.from_json(found.verdict), trajectory, task, domain)
    except Exception:  # noqa: BLE001  # then nothing is pointed at
        return found
    return replace(found, evidence=cause.evidence) if cause.blame == found.blame else found


def _read(kind: type[Any], data: Any, what: str, notes: list[str]) -> Any:
    try:
        return kind.from_json(data)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with it, the others are shown
        notes.append(f"The {what} cannot be read: {line(error, _MAX_NOTE)}.")
        return None


def _pointed_at(found: Material) -> dict[int, tuple[str, ...]]:
    """Why a review or a verdict points at messages, by position."""
    pointed: dict[int, list[str]] = defaultdict(list)
    review = found.review if isinstance(found.review, Mapping) else {}
    told = review.get("evidence")
    sources: list[tuple[Iterable[Any], Any, Any]] = [(found.evidence, found.blame, found.reason)]
    if isinstance(told, list | tuple):
        sources.insert(0, (told, review.get("blame"), review.get("reason")))
    for places, blame, reason in sources:
        blamed = blame if blame and blame != "none" else ""
        why = ": ".join(filter(None, (blamed, line(reason or "", _MAX_REASON)))) or "the review points here"
        for place in places:
            if type(place) is int and why not in pointed[place]:
                pointed[place].append(why)
    return {place: tuple(whys) for place, whys in pointed.items()}


def _said(
    trajectory: Trajectory, replayed: Replay, pointed: Mapping[int, tuple[str, ...]], domain: Domain | None
) -> Iterator[Said]:
    for place, message in enumerate(trajectory.messages):
        actor = "user" if message.role == "user" else "assistant"
        yield Said(
            role=message.role,
            content=message.content or "",
            calls=tuple(
                {
                    "id": call.id,
                    "name": call.name,
                    "arguments": call.arguments,
                    "writes": _writes(domain, actor, call.name),
                }
                for call in message.tool_calls
            ),
            call_id=message.tool_call_id or "",
            requestor=message.requestor or "",
            error=message.error,
            changes=replayed.changes.get(place, ()),
            evidence=pointed.get(place, ()),
        )


def _writes(domain: Domain | None, actor: str, name: str) -> bool | None:
    """Whether a party's tool writes; None: nobody knows."""
    side = None if domain is None else domain.agent if actor == "assistant" else domain.user
    bound = side.toolbox.get(name) if side else None
    return bound.traits.writes if bound else None


def _parts(verdict: Mapping[str, Any]) -> Iterator[Part]:
    found = verdict.get("parts")
    for part in found if isinstance(found, list | tuple) else ():
        if isinstance(part, Mapping):
            passed = part.get("passed")
            yield Part(
                name=str(part.get("name") or ""),
                passed=passed if isinstance(passed, bool) else None,
                reason=str(part.get("reason") or ""),
            )


def _opinions(opinions: Mapping[str, Any]) -> Iterator[Part]:
    for statement, opinion in opinions.items():
        if isinstance(opinion, Mapping):
            met = opinion.get("met")
            passed = met if isinstance(met, bool) else None
            yield Part(name=f"statement: {line(statement)}", passed=passed, reason=str(opinion.get("reason") or ""))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
