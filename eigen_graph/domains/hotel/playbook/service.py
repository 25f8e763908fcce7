"""Bills, questions, emergencies, and what is for a person to settle."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.arithmetic import nights_between, shift
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import a_booking, ahead, arrive, label_of, money, spoken, who
from eigen_graph.domains.hotel.rules import FREE_CANCELLATION_DAYS, SAVER_LATE_DAYS, cancellation_fee, paying_method

_LOOK = ("identify_guest", "get_guest", "get_booking")


@PLAYBOOK.intent("emergency", clauses=("22",), tools=("transfer_to_person",), ending="transfer")
def emergency(stage: Stage) -> None:
    """Danger: over to a person, at once."""
    booking, guest = a_booking(stage, lambda b: b.status == "checked_in")
    room = booking.room_id
    danger = stage.rng.choice(
        (
            "there's a smell of gas in the corridor outside",
            "my wife has collapsed and is hardly breathing in",
            "water is pouring through the ceiling next to the lamp in",
            "smoke is coming from under the door opposite",
            "a man is banging on the door and threatening us in",
            "my son has had a bad reaction to something he ate in",
        )
    )
    stage.user(
        f"Help, {danger} room {room}!",
        f"I'm in trouble: {danger} room {room}. What should I do?",
        f"Somebody has to come right away, {danger} room {room}.",
    )
    stage.agent_calls("transfer_to_person", reason="safety")
    stage.report(
        f"I have alerted the desk; somebody takes over this instant and comes to room {room}.",
        f"A person is taking over right now and help is on its way to room {room}.",
    )
    stage.close("Please hurry!", "Thank you, quickly please.", "Okay. We are waiting.")
    stage.forbid("transfer_to_person", reason="not_covered")
    stage.forbid("transfer_to_person", reason="identity")
    stage.brief(
        reason=f"You need help at once: {danger} room {room}.",
        known=f"You are {guest.name}, staying in room {room}.",
        behave="You are frightened. You want somebody to come; questions about who you are upset you.",
    )


@PLAYBOOK.intent("charged_twice", clauses=("1", "4", "21"), tools=(*_LOOK, "refund_charge"))
def charged_twice(stage: Stage) -> None:
    """The same charge stands there twice: the later one goes back."""
    payment = stage.pick(
        "payments", lambda p: p.amount > 0 and stage.db["bookings"][p.booking_id].status in {"confirmed", "checked_in"}
    )
    booking = stage.db["bookings"][payment.booking_id]
    guest = stage.db["guests"][booking.guest_id]
    again = min(shift(payment.paid_at[:10], 1), stage.env.domain.now[:10])
    stage.setup("assistant", "charge_twice", payment_id=payment.payment_id, paid_at=f"{again}T09:59:30")
    amount, label = money(payment.amount), label_of(stage, payment.method_id)
    arrive(
        stage,
        guest,
        f"My statement shows {amount} euros from you twice. Why is that?",
        f"You've taken {amount} two times from my {label}. I want one of them back.",
        f"There's a double charge of {amount} euros on my {label}. Please put it right.",
        booking=booking,
    )
    stage.confirm(
        f"You are right, {amount} euros were charged twice for {booking.booking_id}. I would return the later "
        "charge, of "
        f"{again}, to your {label}. Shall I?",
        f"I see both charges of {amount}. The second, of {again}, was a mistake; I can refund it to the "
        f"{label}. Is that "
        f"all right?",
        agree=("Yes, please.", "Of course, yes.", "Yes, do that."),
    )
    stage.agent_calls("refund_charge", payment_id=f"{payment.payment_id}-2")
    stage.report(
        f"Done, {amount} euros are on their way back to your {label}.",
        f"I have refunded {amount} euros to the {label}. Please excuse the mistake.",
        facts=[amount],
    )
    stage.close()
    stage.hide(again)
    stage.forbid("refund_charge", payment_id=payment.payment_id)
    if booking.status == "checked_in":
        stage.forbid("grant_goodwill", booking_id=booking.booking_id, cause="broken_equipment", points=800)
    stage.forbid("transfer_to_person", reason="billing")
    stage.brief(
        reason=f"You were charged {amount} euros twice and want one of the two back.",
        known=who(guest, booking, f"Both charges are on your {label}."),
        unknown="You do not know on which day the second charge was made.",
        behave="Agree to a refund to the same card. You ask for nothing on top.",
    )


@PLAYBOOK.intent(
    "doubtful_charge", clauses=("1", "21"), tools=(*_LOOK, "refund_charge", "transfer_to_person"), ending="transfer"
)
def doubtful_charge(stage: Stage) -> None:
    """Doubts a charge that stands there once: a person's business."""
    booking, guest = a_booking(stage, lambda b: b.status == "checked_out")
    total, label = money(booking.total), label_of(stage, paying_method(stage.db, booking))
    claim = stage.rng.choice(
        (
            "I was promised a lower price on the telephone",
            "I never agreed to that amount",
            "we left a day earlier and should have paid less",
            "somebody told me the extras were included",
        )
    )
    arrive(
        stage,
        guest,
        f"The bill for {booking.booking_id} is wrong, {claim}. I want money back.",
        f"I dispute what I paid for room {booking.room_id}: {claim}.",
        f"Something is off with my bill of {spoken(booking.check_in)}; {claim}. Refund the difference.",
        booking=booking,
    )
    stage.agent_calls("transfer_to_person", reason="billing")
    stage.report(
        f"I see {total} euros paid for {booking.booking_id}, and no charge twice. A colleague has to look "
        "into this; I am "
        f"handing you over.",
        f"No charge for {booking.booking_id} appears twice; in all {total} euros were paid. A person will "
        "take over and "
        f"check your bill.",
    )
    stage.close("Good, I'll talk to them.", "Fine. I hope they can help.", "All right, I'll wait.")
    stage.forbid("refund_charge", payment_id=f"{booking.booking_id}-stay")
    stage.forbid("grant_goodwill", booking_id=booking.booking_id, cause="noise", points=400)
    stage.forbid("transfer_to_person", reason="not_covered")
    stage.brief(
        reason=f"You doubt the bill of your stay from {booking.check_in}: {claim}.",
        known=who(guest, booking, f"You paid with your {label}. You were not charged twice."),
        behave="Accept it when you are handed over to a person.",
    )


@PLAYBOOK.intent("something_else", clauses=("24",), tools=("transfer_to_person",), ending="transfer")
def something_else(stage: Stage) -> None:
    """Lost property, celebrations, work: nothing the assistant has rules or tools for."""
    booking, guest = a_booking(stage, lambda b: b.status == "checked_out")
    day = spoken(booking.check_out)
    thing = stage.rng.choice(
        ("my glasses", "a charger", "a ring", "my son's bear", "a grey scarf", "a book", "my razor")
    )
    feast = stage.rng.choice(("a wedding dinner", "a christening", "my retirement party", "our golden wedding"))
    month = stage.rng.choice(("July", "August", "September", "October"))
    trade = stage.rng.choice(
        ("a cook", "a waiter", "a gardener", "a night porter", "a student looking for a summer job")
    )
    matter = stage.rng.choice(
        (
            f"I left {thing} in room {booking.room_id} when I checked out on {day}",
            f"I think {thing} is still in {booking.room_id}, where I stayed until {day}",
            f"I would like to celebrate {feast} at your hotel in {month}",
            f"I'm {trade} and wonder whether you have work for me in {month}",
            f"I'm writing an article about seaside hotels in {month} and have questions for the manager",
        )
    )
    stage.user(
        f"{matter[0].upper()}{matter[1:]}. Can you help me?",
        f"{matter[0].upper()}{matter[1:]}. Who is the right person for this?",
        f"I have an unusual matter: {matter}. What do I do?",
    )
    stage.agent_calls("transfer_to_person", reason="not_covered")
    stage.report(
        "That is something for my colleagues. I am handing you over, and somebody will take it up with you here.",
        "I can't settle that myself, but a person at the desk can. You are being handed over now.",
    )
    stage.close("Thank you, I'll wait.", "Great, thanks.", "Good, that's kind.")
    stage.forbid("transfer_to_person", reason="billing")
    stage.forbid("transfer_to_person", reason="group")
    stage.brief(
        reason=f"Why you write: {matter}.",
        known=who(guest),
        behave="Explain your matter when asked. Accept it when you are handed over to a person.",
    )


@PLAYBOOK.intent(
    "wants_the_manager",
    clauses=("1", "10", "24"),
    tools=(*_LOOK, "cancel_booking", "transfer_to_person"),
    ending="refusal",
)
def wants_the_manager(stage: Stage) -> None:
    """The rules settle it; the guest would like somebody who says otherwise."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "saver", 0, 60))
    fee = money(cancellation_fee(booking, stage.env.domain.now))
    stage.hide(fee)
    arrive(
        stage,
        guest,
        f"I want to cancel {booking.booking_id} without paying a fee. If you can't, give me a manager.",
        f"Waive the fee for my booking on {spoken(booking.check_in)} or put me through to somebody who can.",
        f"Get me your boss. I'm not paying to cancel my stay from {spoken(booking.check_in)}.",
        booking=booking,
    )
    stage.agent(
        "I understand that you are annoyed. The rules for your rate are clear, though, and a colleague would "
        "say the same.",
        "I can't hand you over for that: your rate settles what cancelling costs, and nobody here could "
        "decide otherwise.",
    )
    stage.user("Then what exactly is the fee?", "Fine. What would you charge me, to the cent?")
    days = f"{SAVER_LATE_DAYS} days"
    rule = f"30 % up to {days} before arrival" if float(fee) < booking.total else f"everything less than {days} before"
    stage.report(
        f"At the saver rate we keep {rule}: {fee} euros for {booking.booking_id}. Shall I cancel on these terms?",
        f"The fee is {fee} euros today; the saver rate keeps {rule}. Would you like to cancel at that price?",
        facts=[fee],
    )
    stage.close("No. I'll come, and I'll write a review!", "Certainly not. Keep the booking.")
    method = paying_method(stage.db, booking)
    for tool in ("not_covered", "billing"):
        stage.forbid("transfer_to_person", reason=tool)
    stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=0.0, refund_to=method)
    stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=float(fee), refund_to=method)
    stage.brief(
        reason=f"You want to cancel your stay from {booking.check_in} without a fee, or else to talk to a manager.",
        known=who(guest, booking),
        unknown="You do not know the fee.",
        behave="Insist once on a manager. When that fails, ask for the exact fee and then keep the booking.",
    )


@PLAYBOOK.intent("free_until_when", clauses=("1", "3", "9"), tools=(*_LOOK, "cancel_booking"), ending="nothing")
def free_until_when(stage: Stage) -> None:
    """Asks for the last day of free cancellation."""
    booking, guest = a_booking(stage, lambda b: ahead(stage, b, "flexible", FREE_CANCELLATION_DAYS + 1))
    deadline = shift(booking.check_in, -FREE_CANCELLATION_DAYS)
    nights = nights_between(booking.check_in, booking.check_out)
    fee = money(booking.nightly)
    stage.hide(deadline, fee)
    arrive(
        stage,
        guest,
        f"Until which day can I cancel {booking.booking_id} for free, and what does it cost after that?",
        f"I might not be able to come on {spoken(booking.check_in)}. What's the last date to cancel free of "
        "charge? And "
        f"the fee later?",
        f"Before I decide about {spoken(booking.check_in)}: when does free cancellation end, and what do I pay then?",
        booking=booking,
    )
    stay = "your one night" if nights == 1 else f"one of your {nights} nights"
    stage.report(
        f"You can cancel free of charge until {deadline}. Later the price of {stay} is kept, {fee} euros.",
        f"The last day is {deadline}. From then on cancelling costs {fee} euros, the price of {stay}.",
        facts=[deadline, fee],
    )
    stage.close("Thanks, I'll decide by then. Leave it for now.", "Good, I have some time then. Bye.")
    method = paying_method(stage.db, booking)
    stage.forbid("cancel_booking", booking_id=booking.booking_id, fee=0.0, refund_to=method)
    stage.brief(
        reason=f"You want to know until when you can cancel your stay from {booking.check_in} free of charge, and what "
        f"it costs afterwards.",
        known=who(guest, booking),
        unknown="You do not know the rules of your rate.",
        behave="Ask for the date and the fee. Do not cancel now, even if it is offered.",
    )
