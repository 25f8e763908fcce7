"""Dialogues per CPU-second with an instant model: the graphs, against a plain loop that does the same work.

The anchor calls the same cast, environment and checker by a bare `while` loop, without LangGraph. Same tasks, same
replies, same verdicts; what differs is what the graph costs.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

from eigen_graph.checkers import Checker, build_checker
from eigen_graph.core import STOP, Actor, Cue, Environment, Message, Task, Trajectory
from eigen_graph.core.writing import task_from_case
from eigen_graph.graphs import Context, dialogue
from eigen_graph.graphs.dialogue import GREETING
from eigen_graph.graphs.views import heard_by, message_of
from eigen_graph.models import Cast, Role, Scene

DIALOGUES = 150
REPEATS = 5


async def plain(task: Task, context: Context, cast: Cast) -> dict[str, Any]:
    """One dialogue by a bare loop."""
    domain, environment = context.resolved_domain, Environment(context.resolved_domain, task)
    messages = [Message(role="assistant", content=GREETING).to_json()]
    scene = Scene(id=task.id, cue=Cue.model_validate(task.tags.cue))
    actor: Actor = "user"
    while True:
        role: Role = "user" if actor == "user" else "agent"
        heard = heard_by(actor, messages, "system")
        message = message_of(await cast.chat(role, heard, tools=domain.tools_of(actor), scene=scene), actor)
        messages.append(message.to_json())
        messages.extend(environment.answer(call, actor).to_json() for call in message.tool_calls)
        if message.tool_calls:
            continue
        if STOP in (message.content or ""):
            return {"trajectory": {"messages": messages, "termination": "user_stop"}}
        actor = "assistant" if actor == "user" else "user"


async def by_graph(task: Task, context: Context, _cast: Cast) -> dict[str, Any]:
    """One dialogue by its graph."""
    return await dialogue.ainvoke({"task": task.to_json()}, context=context)


async def rate(play: Any, tasks: list[tuple[Task, Checker]], context: Context) -> float:
    """CPU seconds for all the dialogues, each judged."""
    began = time.process_time()
    for task, checker in tasks:
        done = await play(task, context, context.cast)
        assert checker.judge(Trajectory.from_json(done["trajectory"]), context.resolved_domain).reward == 1
    return time.process_time() - began


async def main() -> None:
    """Print the table."""
    print("| domain | dialogues/CPU-s, plain loop | by graph | graph : loop | spread over pairs |")
    print("|---|---|---|---|---|")
    for name in ("hotel", "broadband"):
        context = Context(domain=name)
        domain = context.resolved_domain
        assert domain.playbook is not None
        cases = [domain.playbook.case(domain, Cue(domain=name, seed=seed)) for seed in range(DIALOGUES)]
        tasks = [task_from_case(case, f"t{number}") for number, case in enumerate(cases)]
        judged = [(task, build_checker(task, domain)) for task in tasks]
        await rate(by_graph, judged, context)
        loops, graphs = [], []
        for _ in range(REPEATS):
            loops.append(await rate(plain, judged, context))
            graphs.append(await rate(by_graph, judged, context))
        ratios = sorted(loop / graph for loop, graph in zip(loops, graphs, strict=True))
        print(
            f"| {name} | {DIALOGUES / statistics.median(loops):.0f} | {DIALOGUES / statistics.median(graphs):.0f} "
            f"| {statistics.median(ratios):.2f} | {ratios[0]:.2f} to {ratios[-1]:.2f} |"
        )


if __name__ == "__main__":
    asyncio.run(main())
