"""Measuring a simulated user: asked turn by turn on reference dialogues, then let loose on the scripted agent.

Turn by turn, each turn is asked on the reference's own history, so that one slip does not become ten. Free dialogues
show what the slips come to in the end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from langchain_core.language_models import BaseChatModel

from eigen_graph.checkers import Verdict
from eigen_graph.core import Cue, Domain, EigenGraphError, Task, Trajectory
from eigen_graph.evaluation.folder import context_for, name_of
from eigen_graph.evaluation.results import SUCCESS
from eigen_graph.evaluation.tasks import playable
from eigen_graph.graphs import Context, dialogue
from eigen_graph.graphs.batches import apart, each
from eigen_graph.graphs.dialogue import DialogueRequest, instructions
from eigen_graph.graphs.views import heard_by, message_of
from eigen_graph.models import InfrastructureError, ReplyError, RequestError, Scene
from eigen_graph.rl.episode import RlTask
from eigen_graph.rl.fidelity.faults import Fault, faults_in
from eigen_graph.rl.fidelity.report import DialogueRecord, FidelityReport, FreeRecord
from eigen_graph.rl.fidelity.turns import UserTurn, has_marker, is_said, turns_of

Tell = Callable[[dict[str, Any]], None]
_EXAMPLES = 5
"""Faults of each kind that are kept."""


async def measure(
    domain: Domain,
    tasks: Sequence[RlTask],
    user: str | BaseChatModel,
    *,
    references: Mapping[str, Trajectory] | None = None,
    free: bool = True,
    base_url: str | None = None,
    concurrency: int = 32,
    seed: int = 1,
    tell: Tell | None = None,
) -> FidelityReport:
    """Measure how faithfully a user model plays its part.

    Args:
        domain: Where the tasks are.
        tasks: What it is tried on; nothing that it was trained on.
        user: The user model: `scripted`, `hf:PATH`, `openai:NAME` or a chat model.
        references: Accepted dialogues by task id. For a task without one, both sides are scripted.
        free: Let it also lead whole dialogues with the scripted agent, where a task has a playbook case.
        base_url: Server of an `openai:` model.
        concurrency: Turns, then dialogues, in work at once. It changes nothing of what a deterministic model is found.
        seed: Sent to servers that take one.
        tell: Gets an event for each turn and free dialogue that is done: `{"task", "turn"}`.

    Raises:
        EigenGraphError: There is no task, a task has neither reference nor case, the model cannot be used, or every
            dialogue was lost to its server.
    """
    if not tasks:
        raise EigenGraphError("there is no task to measure the user on: hold out some")
    context = context_for(domain, agent="scripted", user=user, base_url=base_url, concurrency=concurrency)
    known = await _references(domain, tasks, references or {}, concurrency)
    await context.preflight(given=True)
    measured = _Measurement(context, domain, seed, tell or _silent)
    try:
        await each(_questions(context, domain, tasks, known), measured.ask, context)
        if free:
            await each([task for task in tasks if _acted(task.task, domain)], measured.lead, context)
    finally:
        await context.cast.aclose()
    return await measured.report(name_of(user), tasks, known)


async def scripted_references(
    domain: Domain, tasks: Sequence[RlTask], *, concurrency: int = 32
) -> dict[str, Trajectory]:
    """Dialogues of tasks with both sides scripted and without a fault, by task id.

    Raises:
        EigenGraphError: A task has no playbook case.
    """
    context = context_for(domain, agent="scripted", user="scripted", concurrency=concurrency)
    found: dict[str, Trajectory] = {}

    async def play(task: RlTask) -> None:
        found[task.id] = await _played(context, task, playable(task.task, domain), "reference", None)

    await each(list(tasks), play, context)
    return found


async def _references(
    domain: Domain, tasks: Sequence[RlTask], given: Mapping[str, Trajectory], concurrency: int
) -> dict[str, Trajectory]:
    known = {task.id: given[task.id] for task in tasks if task.id in given}
    others = [task for task in tasks if task.id not in given]
    if stuck := [task.id for task in others if _acted(task.task, domain) is None]:
        more = f" (and {len(stuck) - 1} more)" if len(stuck) > 1 else ""
        raise EigenGraphError(
            f"the user can be measured on task {stuck[0]!r:.80}{more} only beside a reference, for it has no playbook "
            "case: give its accepted dialogue"
        )
    return known | (await scripted_references(domain, others, concurrency=concurrency) if others else {})


@dataclass(frozen=True)
class _Question:
    turn: UserTurn
    system: str
    cue: Cue | None


def _questions(
    context: Context, domain: Domain, tasks: Sequence[RlTask], known: Mapping[str, Trajectory]
) -> list[_Question]:
    """Every turn of every reference; all first turns before the second ones: alike in length, and of many tasks."""
    found: list[tuple[int, _Question]] = []
    for task in tasks:
        acted = _acted(task.task, domain)
        cue = Cue.model_validate(acted.tags.cue) if acted else None
        system = task.user_system or instructions(context, task.task)["user"]
        turns = turns_of(domain, task.task, known[task.id])
        found += ((number, _Question(turn, system, cue)) for number, turn in enumerate(turns))
    return [question for _, question in sorted(found, key=itemgetter(0))]


class _Measurement:
    """What has been asked and found so far."""

    def __init__(self, context: Context, domain: Domain, seed: int, tell: Tell) -> None:
        self._context = context
        self._domain = domain
        self._seed = seed
        self._tell = tell
        self._found: dict[str, dict[int, tuple[Fault, ...]]] = {}
        self._due: dict[str, bool] = {}
        """Whether a dialogue was ended where the reference ends it."""
        self._lost: dict[str, str] = {}
        self._led: dict[str, Trajectory] = {}

    async def ask(self, question: _Question) -> None:
        """One turn, on the reference's own history."""
        turn, name = question.turn, question.turn.task.id
        if name in self._lost:
            return
        heard = heard_by("user", [message.to_json() for message in turn.history], question.system)
        scene = Scene(id=f"{name}/fidelity/{turn.at}", cue=question.cue, seed=self._seed)
        reply, problem = None, ""
        try:
            given = await self._context.cast.chat("user", heard, tools=self._domain.tools_of("user"), scene=scene)
            reply = message_of(given, "user")
        except InfrastructureError as error:
            self._lost[name] = str(error)
            return
        except (ReplyError, RequestError) as error:  # a context that is too long among them
            problem = str(error)
        found = faults_in(turn, reply, problem)
        self._found.setdefault(name, {})[turn.at] = found
        if turn.ends:
            stops = reply is not None and is_said(reply) and has_marker(reply.content or "")
            self._due[name] = stops and not any(fault.kind in ("early_stop", "malformed") for fault in found)
        self._tell({"task": name, "turn": turn.at})

    async def lead(self, task: RlTask) -> None:
        """One whole dialogue with the scripted agent."""
        if task.id in self._lost:
            return
        acted = playable(task.task, self._domain)
        try:
            self._led[task.id] = await _played(self._context, task, acted, "free", self._seed)
        except InfrastructureError as error:
            self._lost[task.id] = str(error)
            return
        self._tell({"task": task.id, "turn": None})

    async def report(self, user: str, tasks: Sequence[RlTask], known: Mapping[str, Trajectory]) -> FidelityReport:
        """What it comes to.

        Raises:
            EigenGraphError: Nothing was found: every dialogue was lost, or no reference has a user's turn.
        """
        records, kept = [], Counter[str]()
        examples: list[Fault] = []
        for task in tasks:
            if (asked := self._found.get(task.id)) is None or task.id in self._lost:
                continue
            found = [fault for at in sorted(asked) for fault in asked[at]]
            records.append(
                DialogueRecord(
                    task=task.id,
                    turns=len(asked),
                    clean=sum(not faults for faults in asked.values()),
                    faults=dict(Counter(fault.kind for fault in found)),
                    due=task.id in self._due,
                    kept=self._due.get(task.id, False),
                )
            )
            for fault in found:
                if kept[fault.kind] < _EXAMPLES:
                    kept[fault.kind] += 1
                    examples.append(fault)
        if not records:
            why = next(iter(self._lost.values()), "no reference has a turn of the user's")
            raise EigenGraphError(f"nothing is known of the user {user}: {why}")
        return FidelityReport(
            domain=self._domain.name,
            user=user,
            records=tuple(records),
            examples=tuple(examples),
            free=await self._free(tasks, known),
            lost=len(self._lost),
        )

    async def _free(self, tasks: Sequence[RlTask], known: Mapping[str, Trajectory]) -> FreeRecord | None:
        """What came of the dialogues that it led; those that the checker leaves open are not counted."""
        passed = reference_passed = 0
        endings = Counter[str]()
        for task in tasks:
            if task.id not in self._led or task.id in self._lost:
                continue
            verdict = await self._judged(task, self._led[task.id])
            beside = await self._judged(task, known[task.id])
            if verdict.unjudged or beside.unjudged:
                continue
            passed += verdict.reward >= SUCCESS
            reference_passed += beside.reward >= SUCCESS
            endings[self._led[task.id].termination] += 1
        if not endings:
            return None
        return FreeRecord(
            dialogues=endings.total(), passed=passed, reference_passed=reference_passed, endings=dict(endings)
        )

    async def _judged(self, task: RlTask, trajectory: Trajectory) -> Verdict:
        if "code" in task.checker.basis:  # a process of its own, which is waited for
            return await asyncio.to_thread(task.checker.judge, trajectory, self._domain)
        return task.checker.judge(trajectory, self._domain)


async def _played(context: Context, task: RlTask, acted: Task, name: str, seed: int | None) -> Trajectory:
    request = DialogueRequest(
        task=acted.to_json(),
        scene=f"{task.id}/{name}",
        agent_system=task.agent_system,
        user_system=task.user_system,
    )
    if seed is not None:
        request["seed"] = seed
    done = await apart(dialogue.ainvoke(request, context=context))
    return Trajectory.from_json(done["trajectory"])


def _acted(task: Task, domain: Domain) -> Task | None:
    """The task with its playbook case; None: it has none."""
    try:
        return playable(task, domain)
    except EigenGraphError:
        return None


def _silent(_: dict[str, Any]) -> None:
    """Nobody listens."""
