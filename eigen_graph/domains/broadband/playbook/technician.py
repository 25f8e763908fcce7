"""Faults on the provider's side of the wall: tickets, and visits where several appointments are right."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK
from eigen_graph.domains.broadband.playbook.moves import (
    Caller,
    begin,
    brief,
    cast,
    look_up,
    see_router,
    see_speed,
    settle,
    test_line,
)
from eigen_graph.domains.broadband.playbook.programs import ONE_OF_THE_SLOTS

_WISHES = {
    "mornings": ("08:00", "You are at home in the mornings only; which day makes no difference to you."),
    "afternoons": ("13:00", "You are at home in the afternoons only; which day makes no difference to you."),
}


@PLAYBOOK.intent(
    "broken_wire",
    clauses=("7", "12", "13", "18"),
    tools=("run_line_test", "reseat_cable", "open_ticket", "list_visit_slots", "book_technician"),
)
def broken_wire(stage: Stage) -> None:
    """Two failed tests, a ticket, a visit. Easy: on one day only; else any morning, or any afternoon, is right."""
    caller = cast(stage, contact=None)
    line_id = caller.line.line_id
    stage.setup("assistant", "cut_wire", line_id=line_id)
    settle(stage, caller)
    slots = [s for s in stage.db["slots"].values() if s.area == caller.line.area and not s.ticket_id]
    wished = stage.rng.choice(sorted(_WISHES))
    hour, behave = _WISHES[wished]
    suits = [slot for slot in slots if slot.window.startswith(hour)]
    chosen = stage.choose(suits, "no technician is free then")
    if stage.cue.difficulty == "easy":
        suits = [chosen]
        behave = f"You can be at home only on {chosen.date}, {wished.removesuffix('s')}."
    for slot in slots:
        if slot not in suits:
            stage.forbid("book_technician", ticket_id=_next_ticket(stage), slot_id=slot.slot_id)
            break
    stage.forbid("open_ticket", line_id=line_id, category="slow_line")
    stage.forbid("factory_reset_router", actor="user")
    stage.hide(_next_ticket(stage), "no_sync")
    brief(stage, caller, "You want your internet back: nothing in the home is online.", behave=f"{behave} Agree to it.")

    begin(
        stage,
        caller,
        "There has been no internet here since they dug up the street.",
        "Everything is offline. The router keeps blinking and that's it.",
        "We have no internet at all since yesterday, on no device.",
    )
    look_up(stage, caller)
    _test_twice(stage, caller)
    ticket = stage.agent_calls("open_ticket", line_id=line_id, category="no_sync")
    stage.agent_calls("list_visit_slots", line_id=line_id)
    number = ticket["ticket_id"]
    stage.agent(
        f"The test fails still, so the fault is on our side of the wall. I opened ticket {number}; a technician has to "
        f"come, free of charge. From 2025-09-18 on, when are you at home?",
        f"That rules your home out. Under ticket {number} I can send a technician, which costs nothing. Which days "
        f"suit you, and mornings or afternoons?",
    )
    if stage.cue.difficulty == "easy":
        day = f"{chosen.date}, in the {wished.removesuffix('s')}"
        stage.user(f"Only on {day}.", f"It has to be {day}.", f"I can do {day}, otherwise I'm away.")
    else:
        stage.user(
            f"I'm only in during the {wished}, any day will do.",
            f"In the {wished}, please. The day doesn't matter.",
            f"Any day, as long as it is in the {wished}.",
        )
    stage.confirm(
        f"Then I book {chosen.date} between {chosen.window}, at no cost. Is that right?",
        f"There is a visit free on {chosen.date}, {chosen.window}. It is free of charge. Shall I book it?",
    )
    stage.agent_calls("book_technician", ticket_id=number, slot_id=chosen.slot_id)
    stage.expect("assistant", "ticket_open", line_id=line_id, category="no_sync")
    stage.expect("assistant", "visit_booked", line_id=line_id)
    stage.report(
        f"Booked: the technician comes on {chosen.date}, {chosen.window}. Your ticket is {number}.",
        f"It is arranged for {chosen.date}, {chosen.window}, ticket {number}.",
        facts=[number, *((chosen.date,) if stage.cue.difficulty == "easy" else ())],
    )
    stage.close()
    if stage.cue.difficulty != "easy":
        _accept_all(stage, line_id, [slot.slot_id for slot in suits], chosen.slot_id)


def _accept_all(stage: Stage, line_id: str, suits: list[str], chosen: str) -> None:
    stage.judge_by(f"LINE = {line_id!r}\nSLOTS = {suits!r}\n{ONE_OF_THE_SLOTS}")
    for other in [slot for slot in suits if slot != chosen]:
        changed = {"slot_id": other}
        stage.accept_also(
            *(
                call.model_copy(update={"arguments": {**call.arguments, **changed}})
                if call.name == "book_technician"
                else call
                for call in stage.actions
            )
        )


@PLAYBOOK.intent(
    "noisy_line",
    clauses=("5", "12", "13"),
    tools=("run_speed_test", "run_line_test", "open_ticket"),
)
def noisy_line(stage: Stage) -> None:
    """The test passes but hears noise: a ticket, no visit; medium and hard: the user would like one all the same."""
    caller = cast(stage, contact=None)
    line_id = caller.line.line_id
    plan = stage.db["plans"][caller.line.plan_id]
    stage.setup("assistant", "add_noise", line_id=line_id)
    settle(stage, caller)
    number = _next_ticket(stage)
    slot = next((s for s in stage.db["slots"].values() if s.area == caller.line.area and not s.ticket_id), None)
    if slot:
        stage.forbid("book_technician", ticket_id=number, slot_id=slot.slot_id)
    stage.forbid("reprovision_line", line_id=line_id)
    stage.forbid("open_ticket", line_id=line_id, category="no_sync")
    stage.hide(number, "noise")
    brief(
        stage,
        caller,
        "Everything at home is online but very slow, on the wired desktop too, and you want that mended.",
        behave="You would like a technician to come, but take a no for an answer.",
    )

    begin(
        stage,
        caller,
        "Everything here has become terribly slow, even the desktop that is on a cable.",
        "Our internet works, but at a crawl, wired or not.",
        "The connection is slow on all devices, and it's not the Wi-Fi: the wired desktop is just as bad.",
    )
    look_up(stage, caller)
    see_speed(
        stage,
        "desktop",
        f"Your plan is {plan.name}, {plan.mbps} Mbps. What does a speed test on the wired desktop say?",
        f"You should be getting {plan.mbps} Mbps. Would you measure on the desktop, please?",
    )
    test_line(stage, caller)
    stage.agent_calls("open_ticket", line_id=line_id, category="slow_line")
    told = (
        f"The line test passes, but there is noise on the line. I opened ticket {number}: our network team takes it "
        f"from there."
    )
    if stage.cue.difficulty == "easy":
        stage.report(
            told, f"There is noise on your line. The network team will see to it under {number}.", facts=[number]
        )
    else:
        stage.report(told, f"I hear noise on your line and have opened ticket {number} for it.", facts=[number])
        stage.user("Can't you send somebody round?", "I'd rather have a technician come by.", "And a visit? Please?")
        stage.agent(
            "A technician only comes when a line has no sync at all. Yours has, so the network team works on it.",
            "I'm sorry, no: visits are for lines that are dead, and this is mended in the network.",
        )
    stage.expect("assistant", "ticket_open", line_id=line_id, category="slow_line")
    stage.close("All right. Thank you.", "OK, I'll wait then. Bye.", "Understood, thanks.")


@PLAYBOOK.intent(
    "repeat_call",
    clauses=("12", "13", "21"),
    tools=("verify_identity", "get_account"),
    ending="nothing",
)
def repeat_call(stage: Stage) -> None:
    """The ticket is open and the visit booked: the agent says when, and that is all."""
    caller = cast(stage, contact=None)
    line_id, number = caller.line.line_id, _next_ticket(stage)
    free = [s for s in stage.db["slots"].values() if s.area == caller.line.area and not s.ticket_id]
    slot = stage.choose(free)
    stage.setup("assistant", "cut_wire", line_id=line_id)
    stage.setup("assistant", "open_ticket", line_id=line_id, category="no_sync")
    stage.setup("assistant", "book_technician", ticket_id=number, slot_id=slot.slot_id)
    settle(stage, caller)
    stage.forbid("open_ticket", line_id=line_id, category="no_sync")
    stage.forbid("open_ticket", line_id=line_id, category="slow_line")
    stage.forbid("transfer_to_person", reason="priority_care")
    stage.explore("list_visit_slots", line_id=line_id)
    stage.hide(number, slot.date, slot.window)
    brief(
        stage,
        caller,
        "Nothing is online; you reported it yesterday and have mislaid what you were told. You want a ticket opened.",
        unknown="You do not remember the ticket's number nor when the technician comes.",
        behave="Once you know the ticket's number and the time of the visit, you are content.",
    )

    begin(
        stage,
        caller,
        "We're still offline. Please open a ticket for it.",
        "No internet since yesterday! I want a ticket, and somebody to come.",
        "Yesterday I reported that we're offline, and I can't find my notes. Could you file that again?",
    )
    stage.agent_calls("get_account", customer_id=caller.customer.customer_id)
    stage.report(
        f"It is on file, so no second ticket is needed: {number}, and the technician comes on {slot.date}, "
        f"{slot.window}.",
        f"You have ticket {number} already, with a visit on {slot.date} between {slot.window}.",
        facts=[number, slot.date],
    )
    if stage.cue.difficulty != "easy":
        stage.user("Can't they come earlier?", "Is there nothing sooner?", "Could somebody come today instead?")
        stage.agent("I'm sorry, that visit stands as it is.", "No, I can't move it forward, I'm afraid.")
    stage.close("Oh good, I'll write that down. Thanks.", "Right, then I'll wait for them.", "That's what I needed.")


def _test_twice(stage: Stage, caller: Caller) -> None:
    test_line(stage, caller)
    see_router(
        stage,
        f"I see no outage, {caller.first_name}, but your router doesn't answer. How do its lights and cables look?",
        "The line test fails. Before anything else: which lights are on at the router, and do the cables sit firmly?",
    )
    stage.agent(
        "Please take the line cable out and push it home all the same.",
        "To be sure, unplug the line cable and push it back in.",
    )
    stage.user_calls("reseat_cable", cable="line")
    stage.user("I did. It still blinks red.", "No change, the line light blinks red.", "Done, but nothing happens.")
    test_line(stage, caller)


def _next_ticket(stage: Stage) -> str:
    """The number that the next ticket will get."""
    return f"T{max(int(key[1:]) for key in stage.db['tickets']) + 1}"
