"""The stages of a training, each from its data to a model with its card and its figures on held-out tasks.

    folder = TrainingFolder.enter("runs/mine", load_recipe("cpu_tiny"))
    data = prepare(folder.data, folder.recipe, [Path("runs/broadband-1")])
    train_user(folder, data, print)
    train_agent(folder, data, print)
    train_grpo(folder, data, print)

Each goes on where it was left, and returns at once where it is done. Under `accelerate launch` every process calls
them; measuring and writing is left to the first.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from eigen_graph.core import EigenGraphError
from eigen_graph.evaluation.results import Results
from eigen_graph.rl import grpo, sft
from eigen_graph.rl.callbacks import Tell
from eigen_graph.rl.card import write_card
from eigen_graph.rl.data import TrainingData
from eigen_graph.rl.fidelity import FidelityReport
from eigen_graph.rl.folder import TrainingFolder
from eigen_graph.rl.held_out import before_and_after, evaluated, pass1_line
from eigen_graph.rl.settings import Stage
from eigen_graph.rl.start_folder import start_folder
from eigen_graph.rl.user_gate import admitted, trained_user

T = TypeVar("T")


def train_user(folder: TrainingFolder, data: TrainingData, tell: Tell) -> FidelityReport | None:
    """Train the user model, then measure its fidelity on held-out tasks.

    Returns:
        The fidelity report, also in `user/fidelity.json`; None in all but the first process.

    Raises:
        EigenGraphError: It cannot be trained or measured, or was stopped: the same call goes on.
    """
    sft.train_sft("user", folder.stage("user"), folder.recipe, data, tell)
    _let_go()

    def tried() -> FidelityReport:
        write_card(folder, "user", data)  # whatever comes after, the model has its card
        report = trained_user(folder, data, tell)
        write_card(folder, "user", data)
        return report

    return _on_main(tried)


def train_agent(folder: TrainingFolder, data: TrainingData, tell: Tell) -> dict[str, Any] | None:
    """Train the agent by SFT, then compare its pass^1 on held-out tasks with that of what it started from.

    A start that is made on the spot knows nothing, and is not evaluated.

    Returns:
        As `held_out.before_and_after`; None in all but the first process.

    Raises:
        EigenGraphError: It cannot be trained or evaluated, or was stopped: the same call goes on.
    """
    sft.train_sft("agent", folder.stage("agent"), folder.recipe, data, tell)
    _let_go()

    def tried() -> dict[str, Any]:
        write_card(folder, "agent", data)
        start = start_folder(folder)
        before = ("start", evaluated(folder, "start", start, data, tell)) if start else None
        after = ("agent", evaluated(folder, "agent", folder.stage("agent").model, data, tell))
        found = _compared(folder, "agent", before, after, tell)
        write_card(folder, "agent", data)
        return found

    return _on_main(tried)


def train_grpo(folder: TrainingFolder, data: TrainingData, tell: Tell, *, force: bool = False) -> dict[str, Any] | None:
    """Train the agent by GRPO from its SFT model, then compare their pass^1 on held-out tasks.

    Without an SFT model of its own, a training goes from the recipe's start. A user model enters only when its
    fidelity passes.

    Args:
        folder: The training's.
        data: Its data.
        tell: Gets lines for people.
        force: Go on with a user that does not pass, or from a start that solves too little; it is recorded.

    Returns:
        As `held_out.before_and_after`; None in all but the first process.

    Raises:
        EigenGraphError: It cannot be trained or evaluated, is refused, or was stopped: the same call goes on.
    """
    stage, agent = folder.stage("grpo"), folder.stage("agent")
    name = "agent" if agent.done else "start"
    start = agent.model if agent.done else start_folder(folder)
    if start is None:
        raise EigenGraphError(
            "a tiny model made on the spot is at chance, from where RL learns nothing: eigen-graph train agent first"
        )
    if not stage.done:
        spec, gate = _everywhere(lambda: admitted(folder, data, tell, force=force))
        _let_go()
        grpo.train_grpo(stage, folder.recipe, data, start=start, user_spec=spec, tell=tell, force=force)
        _on_main(lambda: stage.note(results={"user": gate}))
        _let_go()

    def tried() -> dict[str, Any]:
        write_card(folder, "grpo", data)
        before = (name, evaluated(folder, name, start, data, tell))
        after = ("grpo", evaluated(folder, "grpo", stage.model, data, tell))
        found = _compared(folder, "grpo", before, after, tell)
        write_card(folder, "grpo", data)
        return found

    return _on_main(tried)


def _compared(
    folder: TrainingFolder, stage: Stage, before: tuple[str, Results] | None, after: tuple[str, Results], tell: Tell
) -> dict[str, Any]:
    found = before_and_after(folder, stage, before, after)
    tell(f"{stage}: {pass1_line(found)}")
    return found


def _on_main(work: Callable[[], T]) -> T | None:
    """Do something in the first process only, while the others wait."""
    state = PartialState()
    done = work() if state.is_main_process else None
    state.wait_for_everyone()
    return done


def _everywhere(work: Callable[[], T]) -> T:
    """Do something in the first process, and let all know what came of it."""
    found = [_on_main(work)]
    broadcast_object_list(found)
    result: Any = found[0]
    return result  # type: ignore[no-any-return]  # what `work` gave, wherever


def _let_go() -> None:
    """Give back what a trainer held, before another model is loaded."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
