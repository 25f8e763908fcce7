"""The rows that trainings already read stay what they are: a snapshot of one of each plain format."""

from __future__ import annotations

from typing import Any

from syrupy.assertion import SnapshotAssertion
from test_export_dialogues import DOMAIN, MESSAGES

from eigen_graph.runs import InstanceRow
from eigen_graph.runs.datasets.dialogues import agent_examples, user_examples
from eigen_graph.runs.datasets.tasks import rl_task, tau2_task

ROW = InstanceRow(
    id="g0-000000",
    generation=0,
    index=0,
    plan_id="p0",
    fate="accepted",
    stage="reviewer",
    task={"id": "t0", "eigen": {"clauses": ["1"], "difficulty": "easy", "persona": "terse"}},
    checker={"format": 1, "domain": "toy", "database": "d1"},
    trajectory={"messages": MESSAGES, "termination": "user_stop"},
    kill_rate=0.96,
    agent_system="Policy: 1. Help.",
    user_system="You want something.",
)


def test_plain_rows_stay_as_they_are(snapshot: SnapshotAssertion) -> None:
    rows: dict[str, Any] = {
        "sft": list(agent_examples(ROW, DOMAIN, "dialogue")),
        "sft turns": [len(row["messages"]) for row in agent_examples(ROW, DOMAIN, "turn")],
        "user_sft": list(user_examples(ROW, DOMAIN, "dialogue")),
        "rl": rl_task(ROW, DOMAIN, "d2"),
        "tau2": tau2_task(ROW),
    }
    assert rows == snapshot
