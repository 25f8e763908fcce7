"""What the browser of dialogues filters by, gathered a dialogue at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eigen_graph.report.data import Listing
from eigen_graph.report.words import line, title_of
from eigen_graph.runs import EpisodeRow, InstanceRow, PlanRow

UNREADABLE = "unreadable"
"""Fate of a dialogue whose row is damaged."""
RUN = "run"
"""Source of a synthesis run's dialogues."""
_EMPTY: dict[str, Any] = {
    "id": "", "source": "", "fate": "", "stage": "", "blame": "", "generation": 0, "difficulty": "", "persona": "",
    "clauses": "", "tools": "", "messages": 0, "kill_rate": None, "title": "",
}  # fmt: skip


class Rows:
    """The columns of a listing while they grow: all of one length at any time."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in Listing.model_fields}

    def __len__(self) -> int:
        return len(self._columns["id"])

    @property
    def ids(self) -> list[str]:
        """Ids so far, in order."""
        return self._columns["id"]

    def add(self, **values: Any) -> None:
        """Add a dialogue; what is not said of it is empty."""
        for name, value in {**_EMPTY, **values}.items():
            self._columns[name].append(value)

    def add_instance(self, row: InstanceRow, plan: PlanRow | None) -> None:
        """Add an instance of a run, under what its task exercises, or else its plan asked for."""
        self.add(
            id=row.id,
            source=RUN,
            fate=row.fate,
            stage=row.stage,
            blame=row.blame or "",
            generation=row.generation,
            messages=_messages(row.trajectory),
            kill_rate=row.kill_rate,
            **_aims(row.task, plan),
        )

    def add_episode(
        self, name: str, source: str, row: EpisodeRow, outcome: str, task: Mapping[str, Any] | None
    ) -> None:
        """Add an episode of an evaluation under a name of the page's."""
        verdict = row.verdict if isinstance(row.verdict, dict) else {}
        self.add(
            id=name,
            source=source,
            fate=outcome,
            blame=str(verdict.get("blame") or "") if outcome == "failed" else "",
            messages=_messages(row.trajectory),
            **_aims(task, None),
        )

    def done(self) -> Listing:
        """The listing."""
        return Listing(**{name: tuple(values) for name, values in self._columns.items()})


def _aims(task: Mapping[str, Any] | None, plan: PlanRow | None) -> dict[str, Any]:
    """What a task exercises; a task that a model wrote may hold anything."""
    tags = _object((task or {}).get("eigen"))
    actions = _object((task or {}).get("evaluation_criteria")).get("actions")
    called = [action.get("name") for action in actions if isinstance(action, dict)] if isinstance(actions, list) else []
    return {
        "difficulty": str(tags.get("difficulty") or (plan.difficulty if plan else "")),
        "persona": str(tags.get("persona") or (plan.persona if plan else "")),
        "clauses": _joined(tags.get("clauses") or ([plan.clause] if plan else [])),
        "tools": _joined(called or tags.get("tools") or (plan.tools if plan else [])),
        "title": title_of(task, plan.title if plan else "")
        if isinstance(task, dict)
        else line(plan.title if plan else ""),
    }


def _joined(names: Any) -> str:
    """Names once each, separated by spaces."""
    found = names if isinstance(names, list | tuple) else []
    return " ".join(dict.fromkeys("_".join(name.split()) for name in found if isinstance(name, str) and name.strip()))


def _messages(trajectory: Mapping[str, Any] | None) -> int:
    found = (trajectory or {}).get("messages")
    return len(found) if isinstance(found, list) else 0


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
