"""A benchmark's task acted out: its own gold calls, each with the few words that it needs.

The user opens with the reason for the call and says who they are. Then come the gold calls in their order: the agent
looks up, proposes before it changes anything, and asks the user in words before the user does something. At the end it
tells every fact of `communicate_info`, and either hands over as tau2's policies want it or says goodbye.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from eigen_graph.core import Action, Domain, Environment, Instructions, Task, environment_of
from eigen_graph.core.case import Terms
from eigen_graph.domains.tau2.speech import deed, first_person, seen

if TYPE_CHECKING:
    from eigen_graph.core.case import Ending
    from eigen_graph.core.stage import Stage

TRANSFER = "transfer_to_human_agents"
_HANDED_OVER = "YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON."
"""What tau2's policies have the agent say after the call."""
_LEAVES = "###TRANSFER###"
"""What tau2's guidelines have the user say to that."""
_IDENTITY = (
    ("get_customer_by_phone", "phone_number", re.compile(r"\b\d{3}-\d{3}-\d{4}\b")),
    ("get_user_details", "user_id", re.compile(r"\b[a-z]+_[a-z]+_\d+\b")),
)
"""Look-ups by what a user says of themselves. Gold calls often take their result for granted."""
_BY_ID = "get_details_by_id"
_MOST_EXPLORED = 6


def act(stage: Stage, task: Task) -> None:
    """Act a task out.

    Its look-ups that fail are made all the same (tau2's users give a wrong e-mail address first); a write of the
    agent's that fails or changes nothing is left out, unless the task counts calls.
    """
    told = _instructions(task)
    stage.brief(
        reason=told.reason_for_call,
        known=told.known_info or "",
        unknown=told.unknown_info or "",
        behave=told.task_instructions,
    )
    described = task.description if isinstance(task.description, dict) else {"purpose": task.description}
    stage.under(
        Terms(
            reward_basis=task.criteria.reward_basis,
            ticket=task.ticket or "",
            purpose=described.get("purpose") or "",
            statements=task.criteria.nl_assertions or (),
        )
    )
    for setup in (task.initial_state.initialization_actions or ()) if task.initial_state else ():
        stage.setup(setup.env_type, setup.func_name, **setup.arguments)
    for look in _explored(stage.env.domain, task):
        stage.explore(look.name, **look.arguments)
    _introduce(stage, told)
    for look in _identity(task):
        _look(stage, look)
    for action in task.actions:
        if action.name != TRANSFER:
            _play(stage, action, counted=_counts(task))
    _conclude(stage, task)
    for assertion in task.criteria.env_assertions or ():
        stage.require(assertion)


def ending_of(domain: Domain, task: Task) -> Ending:
    """How a task rightly ends."""
    if any(action.name == TRANSFER for action in task.actions):
        return "transfer"
    if not _end(domain, task).same_as(environment_of(domain, task)):
        return "done"
    return "nothing" if task.criteria.communicate_info else "refusal"


def tells_apart(domain: Domain, task: Task) -> bool:
    """Whether an agent that does nothing fails: something changes, must be told, or must be called."""
    wanted = task.criteria
    if wanted.communicate_info or (_counts(task) and task.actions):
        return True
    return not _end(domain, task).same_as(environment_of(domain, task))


def _counts(task: Task) -> bool:
    return "ACTION" in task.criteria.reward_basis


def _end(domain: Domain, task: Task) -> Environment:
    env = environment_of(domain, task)
    for action in task.actions:
        env.run(action.name, action.arguments, action.requestor)
    return env


def _instructions(task: Task) -> Instructions:
    told = task.user_scenario.instructions
    return told if isinstance(told, Instructions) else Instructions(reason_for_call=told)


def _introduce(stage: Stage, told: Instructions) -> None:
    reason = first_person(told.reason_for_call) or "I need some help."
    stage.user(
        reason, f"I need some help. {reason}", f"I hope that you can help me. {reason}", f"It is about this: {reason}"
    )
    stage.agent(
        "I can look into that. May I have your details first, please?",
        "I will see what I can do. Please tell me who you are, and anything else that I should know.",
        "Thank you for getting in touch. Could you give me your details, please?",
        kind="identify",
    )
    stage.user(first_person(told.known_info) or "I have told you all that I know.", kind="identify")


def _identity(task: Task) -> Iterator[Action]:
    """Look-ups of the user by what they say of themselves, where the gold calls have none."""
    told = _instructions(task)
    for tool, argument, pattern in _IDENTITY:
        found = pattern.search(f"{told.known_info or ''}\n{told.reason_for_call}")
        if found and not any(action.name == tool for action in task.actions):
            yield Action(name=tool, arguments={argument: found[0]})


def _play(stage: Stage, action: Action, *, counted: bool) -> None:
    """One gold call, with what is said before it and after it."""
    domain = stage.env.domain
    trial = stage.env.fork()
    failed = trial.run(action.name, action.arguments, action.requestor).error
    writes = domain.side(action.requestor).toolbox[action.name].traits.writes
    what = deed(action.name, action.arguments)
    if action.requestor == "user":
        stage.agent(
            f"Please do this on your device: {what}. Then tell me what you see.",
            f"Could you {what} on your device, please, and tell me what it says?",
            f"The next step is yours: {what}. What does your device show then?",
        )
        outcome = stage.perform(action)
        stage.user(f"Done. It says: {seen(outcome.content)}", f"I did that. It shows: {seen(outcome.content)}")
    elif not writes:
        stage.perform(action)
    elif counted or not (failed or trial.same_as(stage.env)):
        for key, value in action.arguments.items():
            if key.endswith("_id") and key != "customer_id" and isinstance(value, str):
                _look(stage, Action(name=_BY_ID, arguments={"id": value}))
        stage.confirm(
            f"I can do this for you: {what}. Shall I go ahead?",
            f"This is what I would do now: {what}. Do you agree?",
        )
        stage.perform(action)


def _look(stage: Stage, look: Action) -> None:
    """A look-up that no gold call asks for; one that finds nothing (there may be no such tool) is not made."""
    known = [(action.name, action.arguments) for action in stage.calls]
    if (look.name, look.arguments) not in known and not stage.env.fork().run(
        look.name, look.arguments, "assistant"
    ).error:
        stage.perform(look, kind="look")


def _conclude(stage: Stage, task: Task) -> None:
    facts = task.criteria.communicate_info or ()
    transfers = [action for action in task.actions if action.name == TRANSFER]
    answer = f" This is what you asked for: {'; '.join(facts)}." if facts else ""
    changed = any(stage.env.domain.side(a.requestor).toolbox[a.name].traits.writes for a in stage.actions)
    if transfers:
        stage.report(f"I have done what I can.{answer} A colleague of mine has to take over from here.", facts=facts)
        stage.user("All right, please transfer me.", "I see. Then transfer me, please.")
        for action in transfers:
            stage.perform(action)
        stage.agent(_HANDED_OVER, kind="report")
        stage.close(_LEAVES)
        return
    if changed:
        stage.report(f"That is done.{answer}", f"Everything is taken care of.{answer}", facts=facts)
    elif facts:
        stage.report(f"I have looked that up.{answer}", facts=facts)
    else:
        stage.report(
            "I am sorry, our policy does not allow me to do that.",
            "I am sorry, but that is not possible under our policy.",
        )
        stage.close("All right. Then that is all.", "I understand. Goodbye.", "That is a pity. Goodbye.")
        return
    stage.close()


def _explored(domain: Domain, task: Task) -> Iterator[Action]:
    """Look-ups that work before anything has happened: how a writer would find these records."""
    gold = (a for a in task.actions if a.requestor == "assistant" and not domain.agent.toolbox[a.name].traits.writes)
    looks = {str((look.name, look.arguments)): look for look in (*_identity(task), *gold) if look.name != TRANSFER}
    world = environment_of(domain)
    yield from [a for a in looks.values() if not world.run(a.name, a.arguments, "assistant").error][:_MOST_EXPLORED]
