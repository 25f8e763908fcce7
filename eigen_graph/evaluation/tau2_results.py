"""tau2's results files as ours, and ours as tau2's, without its package.

So a stored run of tau2's can be judged again here, and one of ours be read there: what is written loads in every
version of tau2 from v0.2 on.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, get_args

from pydantic import ValidationError

from eigen_graph import __version__
from eigen_graph.checkers import TAU2_BASES, Opinion, Part, Verdict
from eigen_graph.core import Domain, EigenGraphError, Task, Termination, Trajectory
from eigen_graph.evaluation import tau2_messages
from eigen_graph.evaluation.results import SUCCESS, Episode, EvaluationInfo, Results
from eigen_graph.evaluation.tau2_file import LONGEST, Reward, Simulation, Tau2File

PREFIX = "tau2:"
"""What a tau2 domain is called here, before its name there."""

_SAME_WORLD = {"telecom-workflow": "telecom"}
"""Domains of tau2's that differ from another in nothing but the agent's policy, which no verdict depends on."""
_ENDINGS = get_args(Termination)
_EARLIER: dict[str, Termination] = {"judge_stop": "agent_error"}
"""Endings of tau2's that have no word here. `judge_stop`: a model found that the agent was going round in circles."""
_LATER = {"timeout": "max_steps", "context_window_exceeded": "agent_error", "unexpected_error": "agent_error"}
"""Endings that older versions of tau2 cannot read, and what they are written as: all are worth 0 alike."""
_OURS = ("domain", "database", "split", "task_digest", "task_source", "basis", "briefing", "judge")
"""What is known of a run here and has no place in tau2's file; it travels in a block `eigen`."""


class Imported(NamedTuple):
    """A tau2 file, as ours."""

    results: Results
    """Each episode's verdict is the reward that the file states. `info.task_digest` and `info.database` are empty
    where the file does not know them."""
    notes: tuple[str, ...]
    """What had to be taken for something else, in words."""


def from_tau2(data: Any) -> Imported:
    """Read tau2's results JSON.

    Raises:
        EigenGraphError: It is no such file; the message says where.
    """
    file = Tau2File.from_json(data)
    known = {*_ENDINGS, *_EARLIER}
    unknown = Counter(run.termination_reason for run in file.simulations if run.termination_reason not in known)
    notes = [f"{count} ended by {name!r:.60}, an ending not known here: worth 0" for name, count in unknown.items()]
    seen: Counter[str] = Counter()
    episodes = []
    for run in file.simulations:
        episodes.append(_episode(run, seen[run.task_id] if run.trial is None else run.trial))
        seen[run.task_id] += 1
    return Imported(Results(info=_info(file), tasks=file.tasks, episodes=tuple(episodes)), tuple(notes))


def to_tau2(results: Results, domain: Domain) -> dict[str, Any]:
    """Results as tau2's JSON: its `Results.load` reads it, and its `compute_metrics` comes to the same figures.

    Episodes that the infrastructure broke off are left out, as in tau2's own figures. One without a reward stands there
    without `reward_info`, for tau2's judge.

    Args:
        results: The results.
        domain: Their domain.
    """
    info = results.info
    start = _moment(info.created)
    return {
        "timestamp": _stamp(start),
        "info": {
            "git_commit": f"eigen_graph {__version__}",
            "num_trials": info.trials,
            "max_steps": info.max_steps,
            "max_errors": info.max_errors,
            "user_info": {"implementation": "eigen_graph", "llm": info.user},
            "agent_info": {"implementation": "eigen_graph", "llm": info.agent},
            "environment_info": {"domain_name": info.domain.removeprefix(PREFIX), "policy": domain.policy.text},
            "seed": info.seed,
            "eigen": {name: value for name, value in info.model_dump(mode="json").items() if name in _OURS},
        },
        "tasks": [_task(task) for task in results.tasks],
        "simulations": [
            _simulation(episode, start)
            for episode in results.episodes
            if episode.status != "infrastructure" and episode.trajectory is not None
        ],
    }


def _info(file: Tau2File) -> EvaluationInfo:
    info = file.info
    name = info.environment_info.domain_name
    values = {
        "domain": f"{PREFIX}{_SAME_WORLD.get(name, name)}",
        "database": "",
        "task_digest": "",
        "task_source": f"a results file of tau2 {info.git_commit}".rstrip(),
        "basis": "tau2",
        "briefing": "benchmark",
        **{key: value for key, value in info.eigen.items() if key in _OURS},
    }
    try:
        return EvaluationInfo.model_validate(
            {
                "created": f"{_stamp(_moment(file.timestamp or ''))}Z",
                "agent": str(info.agent_info),
                "user": str(info.user_info),
                "trials": info.num_trials,
                "seed": info.seed or 0,
                "max_steps": info.max_steps,
                "max_errors": info.max_errors,
                **values,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise EigenGraphError(f"not a results file of tau2: info.eigen.{first['loc'][0]}: {first['msg']}") from error


def _episode(run: Simulation, trial: int) -> Episode:
    ending = _ending(run)
    broken = ending == "infrastructure_error" or run.skipped
    trajectory, reason = None, ""
    if run.messages:
        try:
            trajectory = tau2_messages.from_tau2(run.messages, ending)
        except EigenGraphError as error:
            reason = f"its messages cannot be read: {error}"
    elif run.ticks:
        reason = "it was spoken: the file holds audio, no messages"
    if run.skipped:
        reason = "tau2 skipped it after a failure and wrote 0"
    elif run.reward_info is None and not broken:
        reason = reason or "the file states no reward"
    return Episode(
        task_id=run.task_id,
        trial=trial,
        seed=run.seed or 0,
        status="infrastructure" if broken else "judged" if run.reward_info else "unjudged",
        trajectory=_complete(trajectory, run).to_json() if trajectory else None,
        verdict=None if broken or run.reward_info is None else _verdict(run.reward_info).to_json(),
        opinions=_opinions(run.reward_info),
        reason=reason,
        cost_usd=run.cost_usd,
        seconds=run.duration,
    )


def _complete(trajectory: Trajectory, run: Simulation) -> Trajectory:
    return trajectory.model_copy(update={"usage": run.eigen.usage, "seconds": run.duration})


def _ending(run: Simulation) -> Termination:
    meant = run.eigen.termination
    if meant is not None and _LATER.get(meant) == run.termination_reason:
        return meant  # type: ignore[return-value]  # the keys of _LATER are endings
    word = _EARLIER.get(run.termination_reason, run.termination_reason)
    return word if word in _ENDINGS else "unexpected_error"  # type: ignore[return-value]  # as it says


def _verdict(stated: Reward) -> Verdict:
    parts = tuple(Part(name=name, passed=value >= SUCCESS) for name, value in (stated.reward_breakdown or {}).items())
    failed = ", ".join(part.name for part in parts if not part.passed)
    return Verdict(reward=stated.reward, parts=parts, reason=failed and f"{failed} failed, says the file")


def _task(data: dict[str, Any]) -> dict[str, Any]:
    """The same task with what tau2's loader and its tables insist on."""
    task = Task.from_json(data)
    about = {"purpose": task.description} if isinstance(task.description, str) else task.description
    filled = task.model_copy(update={"description": about, "evaluation_criteria": task.criteria})
    return filled.model_dump(mode="json")


def _opinions(stated: Reward | None) -> dict[str, dict[str, Any]]:
    heard = (stated and stated.nl_assertions) or ()
    return {one.nl_assertion: Opinion(met=one.met, reason=one.justification).model_dump() for one in heard}


def _simulation(episode: Episode, start: datetime) -> dict[str, Any]:
    trajectory = Trajectory.from_json(episode.trajectory)
    seconds = episode.seconds if 0 <= episode.seconds <= LONGEST else 0.0
    name = json.dumps([_stamp(start), episode.task_id, episode.trial])
    return {
        "id": str(uuid.UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=4)),
        "task_id": episode.task_id,
        "timestamp": _stamp(start),
        "start_time": _stamp(start),
        "end_time": _stamp(start, seconds),
        "duration": seconds,
        "termination_reason": _LATER.get(trajectory.termination, trajectory.termination),
        "agent_cost": None,
        "user_cost": None,
        "reward_info": _reward_info(episode),
        "messages": tau2_messages.to_tau2(trajectory, start),
        "trial": episode.trial,
        "seed": episode.seed,
        "eigen": {
            "termination": trajectory.termination,
            "usage": trajectory.usage,
            "cost_usd": episode.cost_usd,
        },
    }


def _reward_info(episode: Episode) -> dict[str, Any] | None:
    if episode.reward is None:
        return None
    verdict = Verdict.from_json(episode.verdict)
    parts = verdict.parts if all(part.name in TAU2_BASES for part in verdict.parts) else ()
    return {
        "reward": verdict.reward,
        "reward_basis": [part.name for part in parts] or None,
        "reward_breakdown": {part.name: float(part.passed is True) for part in parts} or None,
        "nl_assertions": [
            {"nl_assertion": text, "met": one["met"], "justification": one.get("reason", "")}
            for text, one in episode.opinions.items()
        ]
        or None,
        "info": {"note": verdict.reason} if verdict.reason else None,
    }


def _moment(text: str) -> datetime:
    """A time as tau2 writes it, without a zone; a text that is none is the beginning of 1970."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        moment = datetime.min  # noqa: DTZ901  # as above
    return moment if moment.year in range(1970, 9000) else datetime(1970, 1, 1)  # noqa: DTZ001  # as above


def _stamp(start: datetime, seconds: float = 0.0) -> str:
    return (start + timedelta(seconds=seconds)).isoformat(timespec="microseconds")
