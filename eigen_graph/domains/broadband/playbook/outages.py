"""Nothing is to be done but to inform: an outage lasts, or is over."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK
from eigen_graph.domains.broadband.playbook.moves import begin, brief, cast, settle, test_line


@PLAYBOOK.intent(
    "known_outage",
    clauses=("4", "6", "21"),
    tools=("get_account", "check_outage", "open_ticket"),
    ending="nothing",
)
def known_outage(stage: Stage) -> None:
    """An outage lasts: its number, its expected end. Medium: the user wants a ticket; hard: money back at once."""
    caller = cast(stage, contact=None)
    line_id = caller.line.line_id
    day, hour = stage.rng.choice(("2025-09-17", "2025-09-17", "2025-09-18")), stage.rng.randint(13, 21)
    until = f"{hour:02d}:{stage.rng.choice(('00', '15', '30', '45'))}"
    stage.setup("assistant", "start_outage", line_id=line_id, expected_end=f"{day}T{until}")
    settle(stage, caller)
    stage.forbid("open_ticket", line_id=line_id, category="no_sync")
    stage.forbid("transfer_to_person", reason="priority_care")
    stage.hide("outage", until)
    brief(
        stage,
        caller,
        "Nothing at home is online, and you want to know what is going on.",
        unknown="You do not know whether the fault is yours or the provider's, nor how long it will take.",
        behave="You want to hear when it will work again. If refused something, accept it.",
    )

    begin(
        stage,
        caller,
        "No internet since I got up. What's going on?",
        "We've been offline all morning.",
        "Nothing at all works here. Is it me or is it you?",
    )
    stage.agent_calls("get_account", customer_id=caller.customer.customer_id)
    outage = stage.agent_calls("check_outage", line_id=line_id)["lasting"]
    number = outage["outage_id"]
    stage.forbid("grant_credit", customer_id=caller.customer.customer_id, outage_id=number, amount=3.0)
    stage.hide(number)
    stage.report(
        f"It is an outage in {caller.line.area}, number {number}, caused by {outage['cause']}. It should end on "
        f"{day} at {until}. There is nothing you need to do.",
        f"It's us: outage {number}. We expect it to be over on {day} at {until}; leave your router as it is.",
        facts=[number, until],
    )
    if stage.cue.difficulty == "medium":
        stage.user("Then open a ticket for me.", "Please make a ticket of it, just in case.", "Can I have a ticket?")
        stage.agent(
            "That wouldn't speed anything up: the outage is being worked on already, so there are no tickets for it.",
            f"Not for an outage that we know of, I'm sorry. {number} covers your line.",
        )
    if stage.cue.difficulty == "hard":
        stage.user("And do I get money back?", "What about a credit for the day?", "I want a credit for this, now.")
        stage.agent(
            "Not while it lasts. Once it is over we can see whether it was long enough for a credit.",
            "A credit can only be looked at when the outage has ended.",
        )
    stage.close("All right, I'll wait. Thanks.", "OK, thanks for telling me.", f"Good, until {until} then. Bye.")


@PLAYBOOK.intent(
    "outage_over",
    clauses=("4", "15", "21"),
    tools=("get_account", "check_outage", "run_line_test"),
    ending="nothing",
)
def outage_over(stage: Stage) -> None:
    """It was off in the night and works again; the user asks what it was, and whether all is well now."""
    caller = cast(stage, contact=None)
    line_id = caller.line.line_id
    started, ended = f"0{stage.rng.randint(1, 3)}:{stage.rng.choice(('10', '25', '40'))}", "06:50"
    stage.setup(
        "assistant",
        "past_outage",
        line_id=line_id,
        started=f"2025-09-17T{started}",
        ended=f"2025-09-17T{ended}",
    )
    settle(stage, caller)
    stage.forbid("reprovision_line", line_id=line_id)
    stage.forbid("open_ticket", line_id=line_id, category="no_sync")
    stage.hide(ended)
    brief(
        stage,
        caller,
        "The internet was off during the night. It works again, and you want to know what it was.",
        home="Every device is online now.",
        behave="You want nothing done if all is well.",
    )

    begin(
        stage,
        caller,
        "Our internet was off last night. It's back, but what was that?",
        "In the night everything was offline; now it works. Do I have to worry?",
        "I'd like to know why we had no connection in the small hours. It's fine now.",
    )
    stage.agent_calls("get_account", customer_id=caller.customer.customer_id)
    outage = stage.agent_calls("check_outage", line_id=line_id)["over"][-1]
    number = outage["outage_id"]
    stage.forbid("grant_credit", customer_id=caller.customer.customer_id, outage_id=number, amount=3.0)
    stage.hide(number)
    if stage.cue.difficulty != "easy":
        test_line(stage, caller)
    stage.report(
        f"That was outage {number}, by {outage['cause']}; it ended at {ended} this morning. Your line is in order.",
        f"An outage, {number}. It was over at {ended}, and I see nothing wrong with your line now.",
        facts=[number, ended],
    )
    if stage.cue.difficulty == "medium":
        stage.user("Should I restart the router?", "Do I need to reset anything?", "Shall I set anything anew here?")
        stage.agent("No, just leave it as it is.", "Nothing at all. It works, so let it be.")
    if stage.cue.difficulty == "hard":
        stage.user("Do I get a credit for the night?", "And what do you pay me for it?", "So there'll be a credit?")
        stage.agent("No, only outages of 24 hours and more are credited.", "I'm sorry: it was over in less than a day.")
    stage.close("That's all I wanted to know.", "Good, thank you.", "Fine, that puts my mind at rest.")
