"""Bills and credits: what is paid in the app, what is given back, and what is not."""

from __future__ import annotations

from datetime import datetime, timedelta

from eigen_graph.core import Stage
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK
from eigen_graph.domains.broadband.playbook.moves import (
    Caller,
    begin,
    brief,
    cast,
    look_up,
    restart,
    settle,
    works_again,
)

_PER_DAY, _MOST = 3.0, 10.0
_OFFLINE = (
    "We are offline, all of us.",
    "My internet has been cut off, it seems.",
    "Nothing here gets online any more, and the app says nothing.",
)


@PLAYBOOK.intent(
    "unpaid_line",
    clauses=("3", "4", "17"),
    tools=("get_account", "open_customer_app", "pay_bill", "lift_suspension", "restart_router"),
)
def unpaid_line(stage: Stage) -> None:
    """Suspended for non-payment: the user pays in the app, the agent lifts, the user restarts. Hard: two bills."""
    hard = stage.cue.difficulty == "hard"
    caller, device = cast(stage, contact=None), stage.rng.choice(("phone", "laptop", "tv"))
    line_id, customer_id = caller.line.line_id, caller.customer.customer_id
    stage.setup("assistant", "suspend_line", line_id=line_id, reason="non_payment", bills=2 if hard else 1)
    settle(stage, caller)
    stage.forbid("open_ticket", line_id=line_id, category="no_sync")
    stage.forbid("transfer_to_person", reason="security")
    stage.forbid("pay_bill", actor="user", bill_id=caller.customer.invoices[-1])
    stage.hide("suspended", *caller.customer.invoices)
    brief(
        stage,
        caller,
        "You want your internet back: nothing in the home is online.",
        home="You have the provider's app on your phone, with a card stored in it. Your card was renewed in July.",
        behave="You would rather give your card number; when refused, pay in the app what is overdue, nothing else.",
    )

    begin(stage, caller, *_OFFLINE)
    owed = stage.agent_calls("get_account", customer_id=customer_id)["overdue"]
    stage.fact(f"{owed:.2f}")
    stage.agent(
        f"The line is suspended because {owed:.2f} is overdue. Please pay it in your app; I lift the suspension then.",
        f"I see the reason: {owed:.2f} has not been paid, so the line is suspended. Can you pay that in the app?",
    )
    if stage.cue.difficulty != "easy":
        stage.user("Can't I give you my card number?", "Could you take my card over the phone?")
        stage.agent(
            "Please don't, I must not take card details. The app does it safely.",
            "No, card numbers have no place here. It goes quickly in the app.",
        )
    bills = stage.user_calls("open_customer_app")["bills"]
    for bill in [bill for bill in bills if bill["status"] == "overdue"]:
        stage.user_calls("pay_bill", bill_id=bill["bill_id"])
    stage.user("Paid.", "It's done, the app says paid.", f"I've just paid {owed:.2f}.")
    stage.agent_calls("get_account", customer_id=customer_id)
    stage.agent_calls("lift_suspension", line_id=line_id)
    restart(
        stage,
        "Your payment is in and the line is active again. Please restart the router now.",
        "Thank you, I see it. The suspension is lifted; restart the router, please, and it will come up.",
    )
    works_again(stage, device)
    stage.expect("assistant", "line_active", line_id=line_id)
    stage.expect("user", "internet_works", device=device)
    stage.report("Then everything is settled.", "Good. There is nothing overdue any more.")
    stage.close()


@PLAYBOOK.intent("promise_to_pay", clauses=("17",), tools=("get_account", "lift_suspension"), ending="refusal")
def promise_to_pay(stage: Stage) -> None:
    """Suspended for non-payment, and the user can only promise: the line stays as it is."""
    caller = cast(stage, contact=None)
    line_id = caller.line.line_id
    bills = 2 if stage.cue.difficulty == "hard" else 1
    stage.setup("assistant", "suspend_line", line_id=line_id, reason="non_payment", bills=bills)
    settle(stage, caller)
    stage.forbid("lift_suspension", line_id=line_id)
    stage.forbid("transfer_to_person", reason="security")
    stage.forbid("open_ticket", line_id=line_id, category="no_sync")
    stage.hide("suspended", *caller.customer.invoices)
    brief(
        stage,
        caller,
        "You want your internet back: nothing in the home is online.",
        home="You can't pay anything before the end of the month.",
        behave="You promise to pay by the end of the month, insist once, and give in when refused. Pay nothing now.",
    )

    begin(stage, caller, *_OFFLINE)
    owed = stage.agent_calls("get_account", customer_id=caller.customer.customer_id)["overdue"]
    stage.agent(
        f"The line is suspended: {owed:.2f} is overdue. Once you have paid it in the app, I can lift the suspension.",
        f"It is suspended for non-payment of {owed:.2f}. Could you pay that in your app now?",
    )
    stage.user(
        "I get my wages at the end of the month, I'll pay then, I promise. Please switch it on.",
        "Not before the 30th. But I give you my word, so please lift it today.",
        "I can't just now. You have my promise for the end of the month, is that enough?",
    )
    stage.report(
        f"I'm sorry, a promise is not enough. The line stays suspended until {owed:.2f} is paid.",
        f"I believe you, but I may lift it only once the {owed:.2f} has been paid.",
        facts=[f"{owed:.2f}"],
    )
    if stage.cue.difficulty != "easy":
        stage.user("Really no exception? I need it for work.", "Just until the weekend?", "Please, one exception.")
        stage.agent("No, I'm sorry. It's the same for everybody.", "I can't make one. Call again when it is paid.")
    stage.close("Then I'll have to see. Bye.", "All right, I'll be back when I've paid.", "I understand. Goodbye.")


@PLAYBOOK.intent("outage_credit", clauses=("15", "18"), tools=("check_outage", "grant_credit"))
def outage_credit(stage: Stage) -> None:
    """An outage of some days is over: a credit by its full days; hard: more than the cap allows."""
    days = {"easy": 1, "medium": stage.rng.randint(2, 3), "hard": stage.rng.randint(4, 6)}[stage.cue.difficulty]
    amount = min(_PER_DAY * days, _MOST)
    caller = cast(stage)
    number, started = _past_outage(stage, caller, hours=24 * days + stage.rng.randint(1, 22))
    customer_id = caller.customer.customer_id
    stage.forbid("grant_credit", customer_id=customer_id, outage_id=number, amount=_PER_DAY * (days + 1))
    if days > 3:  # noqa: PLR2004  # from the fourth day on the cap counts
        stage.forbid("grant_credit", customer_id=customer_id, outage_id=number, amount=_PER_DAY * days)
    stage.hide(number, f"{amount:.2f}")
    brief(
        stage,
        caller,
        f"You were offline for days in an outage that began on {started}, and want money back.",
        unknown="You do not know the outage's number, nor what you are due.",
        behave="You want what is due under the rules and agree to it.",
    )

    begin(
        stage,
        caller,
        f"We were without internet for days from {started} on. What do I get back?",
        f"I'd like a credit for the outage that began on {started}.",
        f"There was an outage here, it started on {started}. I don't want to pay for those days.",
    )
    look_up(stage, caller)
    lasted = f"{days} full day{'s' if days > 1 else ''}"
    stage.confirm(
        f"That was outage {number}, over {lasted}. I can credit {amount:.2f} on your next invoice. Shall I?",
        f"Outage {number} lasted {lasted}, which comes to a credit of {amount:.2f}. Do you want me to enter it?",
    )
    stage.agent_calls("grant_credit", customer_id=customer_id, outage_id=number, amount=amount)
    stage.expect("assistant", "credited", customer_id=customer_id, outage_id=number, amount=amount)
    stage.report(
        f"Done: {amount:.2f} comes off your next invoice, for outage {number}.",
        f"The credit of {amount:.2f} is entered.",
        facts=[f"{amount:.2f}"],
    )
    stage.close()


@PLAYBOOK.intent(
    "credit_not_due",
    clauses=("15", "20"),
    tools=("check_outage", "grant_credit"),
    ending="refusal",
    difficulties=("easy", "hard"),
)
def credit_not_due(stage: Stage) -> None:
    """The outage was too short, lies too far back, or has been credited: no credit, and the reason why."""
    why = stage.rng.choice(("short", "old", "credited"))
    caller = cast(stage)
    hours = stage.rng.randint(5, 21) if why == "short" else stage.rng.randint(50, 70)
    number, started = _past_outage(stage, caller, hours=hours, old=why == "old")
    customer_id = caller.customer.customer_id
    if why == "credited":
        stage.setup("assistant", "grant_credit", customer_id=customer_id, outage_id=number, amount=_PER_DAY * 2)
    stage.forbid("grant_credit", customer_id=customer_id, outage_id=number, amount=_PER_DAY * max(1, hours // 24))
    stage.forbid("transfer_to_person", reason="cancellation")
    stage.hide(number)
    reasons = {
        "short": f"it lasted less than 24 hours: only {hours}",
        "old": "it began more than 30 days ago",
        "credited": f"it has been credited already, with {_PER_DAY * 2:.2f}",
    }
    brief(
        stage,
        caller,
        f"There was an outage on your line that began on {started}, and you want a credit for it.",
        unknown="You do not know the outage's number, nor whether a credit is due.",
        behave="Ask for a little something as goodwill once when refused, then give in.",
    )

    begin(
        stage,
        caller,
        f"I want a credit for the outage of {started}.",
        f"On {started} we had no internet. I'd like some money back.",
        f"You owe me something for the outage that began on {started}.",
    )
    look_up(stage, caller)
    stage.report(
        f"I found it, outage {number}, but there is no credit for it: {reasons[why]}.",
        f"I'm sorry, for outage {number} no credit is due, as {reasons[why]}.",
        facts=[number],
    )
    if stage.cue.difficulty == "hard":
        stage.user("Then give me your supervisor.", "I want to speak to somebody who can decide that.")
        stage.agent(
            "I'm sorry, a colleague would have to refuse it just the same, so I can't pass that on.",
            "I can't hand over what has to be refused; the rule is the same for all of us.",
        )
    stage.user("Not even something as goodwill?", "A small discount, then?", "Can't you give me a little all the same?")
    stage.agent(
        "No, I'm sorry. Credits follow those rules only.", "I'm afraid not: there are no discounts beside the rules."
    )
    stage.close("Well, I tried. Bye.", "A pity. Goodbye.", "OK. That's all then.")


def _past_outage(stage: Stage, caller: Caller, *, hours: int, old: bool = False) -> tuple[str, str]:
    """An outage that is over, before or within the last 30 days; its number and the day on which it began."""
    month, first, last = ("07", 8, 28) if old else ("08", 20, 26)
    begun = datetime.fromisoformat(
        f"2025-{month}-{stage.rng.randint(first, last):02d}T{stage.rng.randint(6, 20):02d}:20"
    )
    over = begun + timedelta(hours=hours)
    stage.setup(
        "assistant",
        "past_outage",
        line_id=caller.line.line_id,
        started=begun.isoformat(timespec="minutes"),
        ended=over.isoformat(timespec="minutes"),
    )
    settle(stage, caller)
    return next(reversed(list(stage.db["outages"]))), begun.date().isoformat()
