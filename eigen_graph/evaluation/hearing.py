"""Ask a judge model anew what it thinks of the statements that a stored evaluation hangs on."""

from __future__ import annotations

import asyncio

from eigen_graph.core import Domain, EigenGraphError, Task, Trajectory
from eigen_graph.evaluation.opinions import opinions
from eigen_graph.evaluation.rejudge import Basis, rejudge
from eigen_graph.evaluation.results import Episode, Results
from eigen_graph.models import Cast, InfrastructureError, ModelSpec, ReplyError, RequestError, Scene


async def heard_anew(
    results: Results,
    domain: Domain,
    basis: Basis | None,
    model: str,
    *,
    base_url: str | None = None,
    own_tasks: bool = False,
) -> Results:
    """The same results, with the judge's opinions in the place of those that the file brought.

    It is asked only about episodes that everything else has passed. One that gets no usable answer has no opinions,
    and is then not judged.

    Args:
        results: The results.
        domain: Their domain.
        basis: As for `rejudge`, like `own_tasks`.
        model: The judge, e.g. `openai:NAME`.
        base_url: Its server.
        own_tasks: Judge by the tasks in the file.

    Raises:
        EigenGraphError: As `rejudge` and `Cast.build`; or the model is `scripted`, which has no opinions.
    """
    if ModelSpec.parse(model).kind == "scripted":
        raise EigenGraphError("`scripted` has no opinions: name a model for the judge (--judge openai:NAME)")
    bare = results.model_copy(
        update={
            "info": results.info.model_copy(update={"judge": model}),
            "episodes": tuple(episode.model_copy(update={"opinions": {}}) for episode in results.episodes),
        }
    )
    found = rejudge(bare, domain, basis, own_tasks=own_tasks)
    tasks = {task.id: task for task in map(Task.from_json, found.results.tasks)}
    waiting = {(ruling.task_id, ruling.trial) for ruling in found.rulings if ruling.outcome == "unheard"}
    cast = Cast.build(model, base_url=base_url)
    try:
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(_asked(cast, episode, tasks[episode.task_id]))
                for episode in bare.episodes
                if (episode.task_id, episode.trial) in waiting
            ]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    finally:
        await cast.aclose()
    answered = {(episode.task_id, episode.trial): episode for episode in (task.result() for task in asked)}
    kept = tuple(answered.get((episode.task_id, episode.trial), episode) for episode in bare.episodes)
    return bare.model_copy(update={"episodes": kept})


async def _asked(cast: Cast, episode: Episode, task: Task) -> Episode:
    scene = Scene(id=f"{episode.task_id}#{episode.trial}", attempt=episode.seed)
    statements = task.criteria.nl_assertions or ()
    try:
        heard = await opinions(cast, statements, Trajectory.from_json(episode.trajectory), scene=scene)
    except (ReplyError, RequestError, InfrastructureError):
        return episode
    return episode.model_copy(update={"opinions": {text: one.model_dump() for text, one in heard.items()}})
