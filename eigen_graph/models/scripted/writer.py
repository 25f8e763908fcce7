"""The scripted writer: looks up the records of its case, then submits the task."""

from __future__ import annotations

from typing import Any

from eigen_graph.core import Action, Case
from eigen_graph.core.writing import TaskDraft
from eigen_graph.models.scripted.faults import Fault
from eigen_graph.models.scripted.part import Line, Part

SUBMIT = "submit_task"


def play(part: Part) -> Line:
    """The next look-up, or the submission; after an error, the submission as it should have been."""
    _, case = part.played()
    submitted = sum(any(call["name"] == SUBMIT for call in (*m.tool_calls, *m.invalid_tool_calls)) for m in part.own)
    looks = [look for look in case.explored if look.name in part.offered]
    if not submitted and len(part.own) < len(looks):
        return Line(call=looks[len(part.own)])
    if submitted and not str(part.messages[-1].content).startswith("Error"):
        return Line("The task is submitted.")
    fault = None if submitted else part.fault("writing")
    draft = submission(case, fault)
    return Line(call=Action(name=SUBMIT, arguments=draft), broken=fault is not None and fault.kind == "malformed_json")


def submission(case: Case, fault: Fault | None = None) -> dict[str, Any]:
    """The arguments of `submit_task` for a case, with a writer's fault worked in."""
    draft = TaskDraft.from_case(case).model_dump(mode="json")
    if fault is None:
        return draft
    actions = list(draft["actions"])
    if fault.kind == "wrong_gold" and fault.call:
        actions[fault.at] = {**actions[fault.at], "arguments": fault.call.arguments}
    elif fault.kind == "missing_action":
        del actions[fault.at]
    facts = [*draft["communicate_info"], *([fault.text] if fault.kind == "invented_fact" else [])]
    return {**draft, "actions": actions, "communicate_info": facts}
