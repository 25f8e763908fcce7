"""Changes of plan: who may order one, when, and what has to follow for it to arrive."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK
from eigen_graph.domains.broadband.playbook.moves import (
    Caller,
    begin,
    brief,
    cast,
    restart,
    see_speed,
    settle,
)
from eigen_graph.domains.broadband.records import Plan

_SLOWER, _FASTER = {"P-D50", "P-D100", "P-F250", "P-F500"}, {"P-D16", "P-D50", "P-F100", "P-F250"}
"""Plans that have a cheaper one below, or a faster one above."""


@PLAYBOOK.intent(
    "plan_change",
    clauses=("8", "9", "16", "18"),
    tools=("get_account", "change_plan", "reprovision_line", "restart_router", "run_speed_test"),
)
def plan_change(stage: Stage) -> None:
    """Easy: to a faster plan; medium: to a cheaper one, the term being over; hard: fibre is wanted on a DSL line."""
    level = stage.cue.difficulty
    candidates = _SLOWER if level == "medium" else _FASTER
    caller = cast(stage, lambda line: line.plan_id in candidates and (level != "hard" or line.access == "dsl"))
    line_id = caller.line.line_id
    term = "2025-06-30" if level == "medium" else "2026-03-31"
    stage.setup("assistant", "sign_contract", line_id=line_id, plan_id=caller.line.plan_id, contract_end=term)
    settle(stage, caller)
    old, new = _plan(stage, caller), _other_plan(stage, caller, cheaper=level == "medium")
    if others := [p for p in _plans(stage, caller) if p.plan_id not in {old.plan_id, new.plan_id}]:
        stage.forbid("change_plan", line_id=line_id, plan_id=others[0].plan_id)
    stage.forbid("transfer_to_person", reason="cancellation")
    stage.hide(new.plan_id, old.profile, new.profile)
    brief(
        stage,
        caller,
        f"You want a {'cheaper' if level == 'medium' else 'faster'} plan"
        + (", fibre if it can be had." if level == "hard" else "."),
        home=f"You are on {old.name}. The desktop is wired to the router.",
        unknown="You do not know which plans there are for your line, nor what they cost.",
        behave=f"Of the plans on offer take {new.name}, at {new.monthly_price:.2f} a month or less.",
    )

    begin(
        stage,
        caller,
        *{
            "easy": ("I need a faster plan.", "We've become five people; can we get more speed?", "More Mbps, please!"),
            "medium": ("I'd like a cheaper plan.", "I hardly use it; what is there for less?", "My plan is too dear."),
            "hard": ("I want to change to fibre.", "Give me fibre, please, DSL is too slow.", "Can I have fibre now?"),
        }[level],
    )
    stage.agent_calls("get_account", customer_id=caller.customer.customer_id)
    offers = [plan for plan in _plans(stage, caller) if plan.plan_id != old.plan_id]
    listed = ", ".join(f"{plan.name} with {plan.mbps} Mbps for {plan.monthly_price:.2f}" for plan in offers)
    lead = "Your line is DSL, so fibre plans can't be had on it. " if level == "hard" else ""
    stage.agent(
        f"{lead}You are on {old.name}. There are {listed} a month.", f"{lead}On your line I can offer {listed}."
    )
    stage.user(f"{new.name}, then.", f"I take {new.name}.", f"{new.name} sounds right.")
    stage.confirm(
        f"I change your line from {old.name} to {new.name}, {new.mbps} Mbps, for {new.monthly_price:.2f} a month, from "
        f"today. Do you want that?",
        f"So: {new.name} for {new.monthly_price:.2f} a month instead of {old.name}, at once. May I?",
    )
    stage.agent_calls("change_plan", line_id=line_id, plan_id=new.plan_id)
    stage.agent_calls("reprovision_line", line_id=line_id)
    restart(
        stage,
        f"You are on {new.name} now. Please restart the router, so that it takes up the new speed.",
        "It's done on our side. A restart of the router brings the new plan into your home, please.",
    )
    see_speed(stage, "desktop", "Please run a speed test on the desktop.", "What does the desktop measure now?")
    stage.expect("assistant", "plan_is", line_id=line_id, plan_id=new.plan_id)
    stage.report(
        f"That fits. {new.name} costs {new.monthly_price:.2f} a month.",
        f"Then {new.name} has arrived, for {new.monthly_price:.2f} a month.",
        facts=[f"{new.monthly_price:.2f}"],
    )
    stage.close()


@PLAYBOOK.intent("early_downgrade", clauses=("16",), tools=("get_account", "change_plan"), ending="refusal")
def early_downgrade(stage: Stage) -> None:
    """A cheaper plan before the minimum term is over: refused, with the date."""
    caller = cast(stage, lambda line: line.plan_id in _SLOWER)
    line_id = caller.line.line_id
    term = f"2026-{stage.rng.randint(1, 8):02d}-{stage.rng.choice((28, 15, 10)):02d}"
    stage.setup("assistant", "sign_contract", line_id=line_id, plan_id=caller.line.plan_id, contract_end=term)
    settle(stage, caller)
    old, new = _plan(stage, caller), _other_plan(stage, caller, cheaper=True)
    stage.forbid("change_plan", line_id=line_id, plan_id=new.plan_id)
    stage.forbid("transfer_to_person", reason="cancellation")
    stage.hide(term)
    brief(
        stage,
        caller,
        f"You are on {old.name} and want {new.name}, which is cheaper.",
        unknown="You do not remember when your minimum term ends.",
        behave="Accept a refusal once you know the date from which it is possible. You do not want to cancel.",
    )

    begin(
        stage,
        caller,
        f"Please put me on {new.name}, {old.name} costs too much.",
        f"I'd like to go down from {old.name} to {new.name}.",
        f"{new.name} would do for us. Can you change that today?",
    )
    stage.agent_calls("get_account", customer_id=caller.customer.customer_id)
    stage.report(
        f"I'm sorry, not yet: the minimum term of your line ends on {term}, and a cheaper plan is possible only then.",
        f"Your minimum term runs until {term}. Until then I can't change you to a cheaper plan.",
        facts=[term],
    )
    if stage.cue.difficulty != "easy":
        stage.user("Even if I sign for two more years?", "Can you make an exception?", "What if I take it for longer?")
        stage.agent(f"No, I'm afraid. From {term} on, gladly.", "I can't, the term has to run out first.")
    stage.close("Then I'll call again after that.", "Noted. Thanks.", "A pity, but all right.")


@PLAYBOOK.intent(
    "contact_wants_plan", clauses=("2",), tools=("verify_identity", "change_plan", "grant_credit"), ending="refusal"
)
def contact_wants_plan(stage: Stage) -> None:
    """A contact orders what only the holder may: refused, with the holder's name. Hard: a credit, too."""
    caller = cast(stage, lambda line: line.plan_id in _FASTER, contact=True)
    line_id, holder = caller.line.line_id, caller.customer
    settle(stage, caller)
    new = _other_plan(stage, caller, cheaper=False)
    stage.forbid("change_plan", line_id=line_id, plan_id=new.plan_id)
    stage.forbid("grant_credit", customer_id=holder.customer_id, outage_id="OUT-301", amount=3.0)
    stage.forbid("transfer_to_person", reason="identity")
    brief(
        stage,
        caller,
        f"You want {new.name} for the line at home"
        + (" and a credit for an outage." if stage.cue.difficulty == "hard" else "."),
        behave=f"Say that you pay half of it. Accept it when only {holder.name} may order that.",
    )

    begin(
        stage,
        caller,
        f"I'd like to order {new.name} for our line.",
        f"Can you move us to {new.name}?",
        f"We want to change to {new.name}, please.",
    )
    stage.report(
        f"As a contact of the account you can't order that; {holder.name} has to get in touch about it.",
        f"I'm sorry, a change of plan is for the account holder alone. Please have {holder.name} contact us.",
        facts=[holder.name],
    )
    if stage.cue.difficulty == "hard":
        stage.user("And a credit for the last outage, at least?", "But I can have a credit for the outage, can't I?")
        stage.agent("No, that too only the holder can ask for.", f"That, too, is for {holder.name} to ask.")
    elif stage.cue.difficulty == "medium":
        stage.user("But I pay half of the bill!", "I live here as well, it's my line too.")
        stage.agent("I understand, yet it has to be the holder.", "Even so, the contract is the holder's.")
    stage.close("OK, I'll pass it on.", "Fine, we'll call together.", "Understood. Bye.")


@PLAYBOOK.intent(
    "thinks_better", clauses=("15", "16", "18", "21"), tools=("get_account", "change_plan"), ending="nothing"
)
def thinks_better(stage: Stage) -> None:
    """The user asks for a faster plan, hears its price, and leaves things as they are."""
    caller = cast(stage, lambda line: line.plan_id in _FASTER)
    line_id = caller.line.line_id
    settle(stage, caller)
    old, new = _plan(stage, caller), _other_plan(stage, caller, cheaper=False)
    stage.forbid("change_plan", line_id=line_id, plan_id=new.plan_id)
    stage.forbid("reprovision_line", line_id=line_id)
    stage.hide(f"{new.monthly_price:.2f}")
    brief(
        stage,
        caller,
        f"You are on {old.name} and think of {new.name}.",
        unknown="You do not know what it costs.",
        behave=f"Once you hear the price of {new.name}, think better of it and leave everything as it is.",
    )

    begin(
        stage,
        caller,
        f"I'm thinking of {new.name}. Can you change me over?",
        f"Could I get {new.name}?",
        f"I want to go up to {new.name}, I think.",
    )
    stage.agent_calls("get_account", customer_id=caller.customer.customer_id)
    price = f"{new.monthly_price:.2f}"
    stage.report(
        f"{new.name} costs {price} a month instead of {old.monthly_price:.2f}. Shall I change it?",
        f"Gladly: {new.name}, {new.mbps} Mbps, would be {price} a month. Do you want it?",
        facts=[price],
    )
    if stage.cue.difficulty != "easy":
        stage.user("Is there a discount for loyal customers?", "Any discount on that?", "And if I stay for two years?")
        stage.agent(f"No, it is {price} for everybody.", f"I can't give discounts; it stays at {price}.")
    if stage.cue.difficulty == "hard":
        stage.user(f"And how much is that above {old.name}?", "What's the difference to what I pay now?")
        difference = f"{new.monthly_price - old.monthly_price:.2f}"
        stage.agent(f"It is {difference} a month more.", f"You would pay {difference} more each month.")
    stage.user(
        "Oh, that's more than I thought. Leave it as it is.", "Hm, no. Not at that price.", "Then I'd rather not."
    )
    stage.agent("Of course, nothing is changed.", f"No problem, you stay on {old.name}.")
    stage.close()


def _plans(stage: Stage, caller: Caller) -> list[Plan]:
    return [plan for plan in stage.db["plans"].values() if plan.access == caller.line.access]


def _plan(stage: Stage, caller: Caller) -> Plan:
    plan: Plan = stage.db["plans"][caller.line.plan_id]
    return plan


def _other_plan(stage: Stage, caller: Caller, *, cheaper: bool) -> Plan:
    now = _plan(stage, caller)
    return stage.choose(
        [p for p in _plans(stage, caller) if (p.mbps < now.mbps if cheaper else p.mbps > now.mbps)],
        "the line has no such plan",
    )
