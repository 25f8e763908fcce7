"""What is for a person: danger, unknown callers, care, security, cancelling and moving."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK
from eigen_graph.domains.broadband.playbook.moves import begin, brief, cast, look_up, settle

_TRANSFERRED = ("Thank you.", "All right, I'll hold.", "Good, thanks. Bye.")


@PLAYBOOK.intent(
    "burning_smell",
    clauses=("19",),
    tools=("transfer_to_person",),
    ending="transfer",
    difficulties=("easy", "hard"),
)
def burning_smell(stage: Stage) -> None:
    """Danger: no questions, no hands on anything, a person at once. Hard: it comes out only when the user is asked."""
    caller, hard = cast(stage, contact=None), stage.cue.difficulty == "hard"
    sign, what = stage.rng.choice(
        (
            ("a burning smell", "smells burnt"),
            ("smoke", "gave off a little smoke"),
            ("sparks", "threw sparks"),
            ("water", "stands in water"),
        )
    )
    settle(stage, caller)
    stage.setup("user", "unplug_cable", cable="power")
    stage.forbid("reseat_cable", actor="user", cable="power")
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="no_sync")
    stage.forbid("transfer_to_person", reason="identity")
    late = "Begin by saying that nothing works; when you are asked for anything, mention"
    brief(
        stage,
        caller,
        f"Your router {what}, so you have pulled its power plug, and you do not know what to do.",
        home="The router has been without power since.",
        behave=f"{late if hard else 'Mention at once'} {sign}. Do not touch the router.",
    )

    if hard:
        stage.user("Nothing works here any more.", "My router is off. What do I do?", "All of a sudden we are offline.")
        stage.agent(
            "I can look into that. May I have your name, the account's phone number and the PIN first?",
            "Before I look, please tell me your full name, the phone number on the account and your PIN.",
        )
        stage.user(
            f"{caller.name}. But listen, the router {what}, that's why I pulled the plug!",
            f"Wait, that thing {what} just before! I've pulled its plug.",
            f"In a second. The router {what}, so I unplugged it: shall I put it back in?",
        )
    else:
        stage.user(
            f"My router {what}! I pulled the plug.",
            f"There is {sign} at my router; I've unplugged it. What now?",
            f"Help, the box on the wall: {sign}. It's unplugged.",
        )
    stage.agent_calls("transfer_to_person", reason="safety")
    stage.expect("assistant", "transferred", reason="safety")
    stage.report(
        "Don't touch it, leave it unplugged and keep away. A person takes over right now.",
        "Please stay away from it and leave the plug out. I have handed you to a person.",
    )
    stage.close(*_TRANSFERRED)


@PLAYBOOK.intent("unknown_caller", clauses=("1",), tools=("transfer_to_person",), ending="transfer")
def unknown_caller(stage: Stage) -> None:
    """Somebody without the PIN: nothing is said about the account. Hard: they ask for a hint."""
    caller = cast(stage, contact=None)
    settle(stage, caller)
    customer = caller.customer
    stage.forbid("reprovision_line", line_id=caller.line.line_id)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="no_sync")
    stage.forbid("transfer_to_person", reason="security")
    stage.hide(customer.pin)
    stage.brief(
        reason="The internet is slow, you say, and you want to know what the line's contract says.",
        known=f"You are {caller.name}. The phone number on the account is {customer.phone}.",
        unknown="You do not know the PIN, and cannot find it out.",
        behave="When asked for the PIN, say that you do not have it. Let yourself be handed over.",
    )

    stage.user(
        "My internet is slow. What plan am I on, by the way?",
        "Please tell me what my contract says about speed.",
        "I have a question about my line and my plan.",
    )
    stage.agent(
        "Gladly. First your full name, the phone number on the account and the PIN, please.",
        "For that I need three things: your name, the account's phone number and the four-digit PIN.",
    )
    stage.user(
        f"{caller.name}, {customer.phone}. The PIN I don't know.",
        f"I'm {caller.name}, the number is {customer.phone}. A PIN? No idea.",
        kind="identify",
    )
    if stage.cue.difficulty != "easy":
        stage.agent(
            "Without the PIN I can't open the account. Could it be on a letter of ours?",
            "I need the PIN as well, I'm afraid. Can you look it up?",
        )
        stage.user(
            *(
                ("Can't you give me the first two digits?", "Just tell me how it begins, then I'll remember.")
                if stage.cue.difficulty == "hard"
                else ("No, I've nothing here.", "I threw the letters away.")
            )
        )
    stage.agent_calls("transfer_to_person", reason="identity")
    stage.expect("assistant", "transferred", reason="identity")
    stage.report(
        "I may not say anything then. A person will help you to prove who you are.",
        "I'm handing you over to a person who can sort out your identification.",
    )
    stage.close(*_TRANSFERRED)


@PLAYBOOK.intent("security_block", clauses=("4", "17"), tools=("get_account", "transfer_to_person"), ending="transfer")
def security_block(stage: Stage) -> None:
    """The line is suspended for security: not the agent's to lift."""
    caller = cast(stage, contact=None)
    stage.setup("assistant", "suspend_line", line_id=caller.line.line_id, reason="security")
    settle(stage, caller)
    stage.forbid("lift_suspension", line_id=caller.line.line_id)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="no_sync")
    stage.forbid("transfer_to_person", reason="cancellation")
    stage.hide("suspended", "security")
    brief(stage, caller, "Nothing at home is online, and you want it back.", home="All your bills are paid.")

    begin(
        stage,
        caller,
        "We're offline, and all bills are paid!",
        "No internet on any device since an hour ago.",
        "Everything dropped off the net at once here.",
    )
    stage.agent_calls("get_account", customer_id=caller.customer.customer_id)
    if stage.cue.difficulty != "easy":
        stage.agent(
            "Your line has been suspended for security reasons. That I can't lift myself.",
            "I see that the line is suspended for security, which is beyond what I may change.",
        )
        stage.user("Can't you just switch it on?", "What? Please lift that right now.", "But I did nothing wrong!")
    stage.agent_calls("transfer_to_person", reason="security")
    stage.expect("assistant", "transferred", reason="security")
    stage.report(
        "The line is suspended for security reasons; a colleague of the security team takes over.",
        "A person from the security team has to look at that with you. I have passed you on.",
    )
    stage.close(*_TRANSFERRED)


@PLAYBOOK.intent(
    "priority_care",
    clauses=("4", "14"),
    tools=("get_account", "check_outage", "transfer_to_person"),
    ending="transfer",
    difficulties=("easy", "medium"),
)
def priority_care(stage: Stage) -> None:
    """Somebody in the home depends on the line: no fault-finding, a person at once."""
    caller = cast(stage, contact=None)
    line_id = caller.line.line_id
    stage.setup("assistant", "register_care", customer_id=caller.customer.customer_id)
    if stage.cue.difficulty != "easy":
        stage.setup("assistant", "drop_profile", line_id=line_id)
    settle(stage, caller)
    if stage.cue.difficulty == "easy":
        stage.setup("user", "unplug_cable", cable="line")
    else:
        stage.forbid("reprovision_line", line_id=line_id)
    stage.forbid("open_ticket", line_id=line_id, category="no_sync")
    stage.forbid("transfer_to_person", reason="safety")
    stage.forbid("factory_reset_router", actor="user")
    stage.hide("profile")
    brief(
        stage,
        caller,
        "Nothing in the home is online, and you want it mended.",
        home="Your mother's alarm button runs over the line.",
    )

    begin(
        stage,
        caller,
        "Nothing is online here, and my mother's alarm button needs it.",
        "Our internet is down. My mother's alarm depends on it.",
        "No connection at all, and there's an alarm button on it. Please be quick.",
    )
    look_up(stage, caller)
    stage.agent_calls("transfer_to_person", reason="priority_care")
    stage.expect("assistant", "transferred", reason="priority_care")
    stage.report(
        "Your account has priority care, so a colleague takes over this minute.",
        "You have priority care with us; I've handed you to a person who looks after that at once.",
    )
    stage.close(*_TRANSFERRED)


@PLAYBOOK.intent("leaving", clauses=("20",), tools=("verify_identity", "transfer_to_person"), ending="transfer")
def leaving(stage: Stage) -> None:
    """Cancelling or moving house: identified, then handed over."""
    reason = stage.rng.choice(("cancellation", "house_move"))
    caller = cast(stage)
    settle(stage, caller)
    other = "house_move" if reason == "cancellation" else "cancellation"
    stage.forbid("transfer_to_person", reason=other)
    stage.forbid("transfer_to_person", reason="identity")
    moving = reason == "house_move"
    brief(
        stage,
        caller,
        "You are moving and want to take your line along." if moving else "You want to cancel your contract.",
        unknown="You do not know how that is done.",
        behave="Let yourself be handed to a person.",
    )

    begin(
        stage,
        caller,
        *(
            (
                "We're moving in October and want to keep our line.",
                "I'm moving house. Can my connection come along?",
                "I have a new address from next month; what about the internet?",
            )
            if moving
            else (
                "I want to cancel my contract.",
                "Please end my contract, I don't need it any more.",
                "I'd like to cancel.",
            )
        ),
    )
    if stage.cue.difficulty != "easy":
        stage.agent(
            f"A colleague has to do that with you. May I hand you over now, {caller.first_name}?",
            "That is not in my hands, but in a colleague's. Shall I pass you on?",
        )
        stage.user("Yes, please.", "Yes, do that.", "If it must be, yes.")
    stage.agent_calls("transfer_to_person", reason=reason)
    stage.expect("assistant", "transferred", reason=reason)
    stage.report("I've handed you to a colleague who takes care of it.", "A person takes over from here.")
    stage.close(*_TRANSFERRED)
