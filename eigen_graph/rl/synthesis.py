"""The synthesis that a training begins with, in its own folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing

from pydantic import ValidationError

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs import Context, Run, RunRequest
from eigen_graph.rl.folder import TrainingFolder
from eigen_graph.runs import RunFolder

_PLANS = 64
_TELL_EVERY_S = 10.0


async def synthesize(folder: TrainingFolder, tell: Callable[[str], None]) -> int:
    """Synthesize what the recipe asks for into `OUT/run`, or go on with it.

    Args:
        folder: The training's.
        tell: Gets lines for people.

    Returns:
        How many dialogues were accepted.

    Raises:
        EigenGraphError: It cannot be run, was stopped (the same call goes on), or accepted nothing.
    """
    recipe, settings = folder.recipe, folder.recipe.data.synthesis
    request: RunRequest | None = None
    if (folder.run / "run.json").exists():
        context = _context_of(RunFolder.open(folder.run))
    else:
        context = Context(
            domain=recipe.domain,
            model=settings.model,
            base_url=settings.base_url,
            clauses=settings.clauses,
            difficulties=settings.difficulties,
        )
        request = RunRequest(count=settings.count, plans=_PLANS, seed=recipe.seed)
    await context.preflight()
    async with Run.open(folder.run, context, request) as run:
        wanted, told = run.request["count"], time.monotonic()
        async with aclosing(run.events()) as events:  # type: ignore[type-var]  # a generator, as it is written
            async for _ in events:
                if (now := time.monotonic()) - told >= _TELL_EVERY_S:
                    told = now
                    tell(f"synthesize: accepted {run.ledger.counts().accepted} of {wanted}")
        counts = run.ledger.counts()
    tell(f"synthesize: accepted {counts.accepted} of {wanted}, of {counts.total} tried")
    if not counts.accepted:
        raise EigenGraphError(
            f"none of {counts.total} dialogues was accepted: `eigen-graph status {folder.run}` says why"
        )
    return counts.accepted


def _context_of(folder: RunFolder) -> Context:
    try:
        return Context.model_validate(folder.info.settings.get("context") or {})
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"]))
        raise EigenGraphError(f"{folder.path / 'run.json'} cannot be used: {where}: {wrong['msg']}") from error
