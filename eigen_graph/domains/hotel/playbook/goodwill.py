"""Making up for what went wrong, and for what did not."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import a_booking, account_of, arrive, who
from eigen_graph.domains.hotel.records import Booking, Cause
from eigen_graph.domains.hotel.rules import GOODWILL

_LOOK = ("identify_guest", "get_guest", "get_booking")
_COMPLAINTS: dict[Cause, tuple[str, ...]] = {
    "noise": (
        "somebody was drilling next door from seven in the morning",
        "there was a party in the next room until three",
    ),
    "cleaning": ("nobody cleaned the room for two days", "the bathroom was dirty on arrival"),
    "broken_equipment": ("the shower stayed cold the whole time", "the heating never came on"),
}


def _had_goodwill(stage: Stage, booking: Booking) -> bool:
    return f"{booking.booking_id}-goodwill" in stage.db["goodwill"]


@PLAYBOOK.intent("make_up_for_it", clauses=("1", "19"), tools=(*_LOOK, "grant_goodwill"))
def make_up_for_it(stage: Stage) -> None:
    """Something went wrong; the tier and the cause say how many points."""
    booking, guest = a_booking(
        stage, lambda b: b.status in {"checked_in", "checked_out"} and not _had_goodwill(stage, b)
    )
    account = account_of(stage, guest)
    causes: tuple[Cause, ...] = ("noise", "cleaning", "broken_equipment")
    cause = stage.rng.choice(causes)
    trouble = stage.rng.choice(_COMPLAINTS[cause])
    points = GOODWILL[account.tier][cause]
    stage.hide(str(points), str(account.points + points))
    arrive(
        stage,
        guest,
        f"During my stay in {booking.room_id}, {trouble}. I expect some compensation.",
        f"I was not happy with room {booking.room_id}: {trouble}. What will you do to make up for it?",
        f"About {booking.booking_id}: {trouble}. I think we deserve something for that.",
        booking=booking,
    )
    wish = ""
    if stage.cue.difficulty == "easy":
        stage.agent(
            "I am very sorry, that is not how it should be. Is there anything else that went wrong?",
            "I apologise for that. Did anything else spoil your stay?",
        )
        stage.user("No, just that.", "No, that was bad enough.")
    else:
        amount = stage.rng.choice(("a hundred euros", "a free night", "half of what I paid"))
        stage.agent(
            "I'm very sorry about that. I'd like to put it right; what did you have in mind?",
            "That is not how it should be, and I apologise. What would you think fair?",
        )
        stage.user(f"I want {amount} back.", f"I was thinking of {amount}.")
        wish = f" At first ask for {amount}; if that is not possible, take the points."
        stage.agent(
            f"I can't give {amount}; what I can give are points: {points} for this. Would you accept them?",
            f"Money or nights I can't offer. For what happened I can add {points} points to your account, if you like.",
        )
        stage.user("Well, better than nothing. All right.", "Hm. Fine, give me the points.")
    stage.agent_calls("grant_goodwill", booking_id=booking.booking_id, cause=cause, points=points)
    stage.report(
        f"I have added {points} points to your account, which makes {account.points + points}. Again, I apologise.",
        f"With our apologies, {points} points are on your account now; it holds {account.points + points}.",
        facts=[str(points)],
    )
    stage.expect("assistant", "points_are", guest_id=guest.guest_id, points=account.points + points)
    stage.close()
    for other_cause in causes:
        for other in sorted({GOODWILL["gold"][other_cause], 2 * points} - {points}):
            stage.forbid("grant_goodwill", booking_id=booking.booking_id, cause=cause, points=other)
    stage.forbid("refund_charge", payment_id=f"{booking.booking_id}-stay")
    stage.brief(
        reason=f"You want compensation for your stay in room {booking.room_id}, because {trouble}.",
        known=who(guest, booking),
        unknown="You do not know what the hotel gives in such a case.",
        behave=f"Nothing else went wrong.{wish} Accept the points you are given.",
    )


@PLAYBOOK.intent("goodwill_twice", clauses=("1", "19"), tools=(*_LOOK, "grant_goodwill"), ending="refusal")
def goodwill_twice(stage: Stage) -> None:
    """Had points for this booking and asks again."""
    booking, guest = a_booking(stage, lambda b: _had_goodwill(stage, b))
    given = stage.db["goodwill"][f"{booking.booking_id}-goodwill"]
    others: list[Cause] = [cause for cause in ("noise", "cleaning", "broken_equipment") if cause != given.cause]
    cause = stage.rng.choice(others)
    trouble = stage.rng.choice(_COMPLAINTS[cause])
    points, day = str(given.points), given.given_at[:10]
    stage.hide(points)
    arrive(
        stage,
        guest,
        f"I have another complaint about {booking.room_id}: {trouble}. Please give me points for that too.",
        f"Besides what I told your colleague, {trouble}. I'd like something more for it.",
        f"One more thing about my stay in {booking.room_id}: {trouble}. What do I get for this?",
        booking=booking,
    )
    stage.agent(
        "I am sorry to hear it. Points for a booking can be given once only, and for this one you have had them.",
        "I apologise. For this booking you have been given points already, though, and that is possible only once.",
    )
    stage.user(
        "How many was that, and when?",
        "Did I? How much was it, and on which day?",
        "I don't remember. How many points, and when did I get them?",
    )
    stage.report(
        f"You were given {points} points on {day}.",
        f"On {day} you received {points} points for this booking.",
        facts=[points, day],
    )
    stage.close("I see. Not much, but all right.", "Hm, then that's that. Goodbye.")
    for tier in ("member", "silver", "gold"):
        stage.forbid(
            "grant_goodwill",
            booking_id=booking.booking_id,
            cause=cause,
            points=GOODWILL[tier][cause],
        )
    stage.forbid("transfer_to_person", reason="not_covered")
    stage.brief(
        reason=f"You want points because in room {booking.room_id} {trouble}; you have complained of something else "
        f"before.",
        known=who(guest, booking, "You have had points for an earlier complaint about the same stay."),
        unknown="You do not remember how many points you were given, or when.",
        behave="If you get nothing more, ask how many points you were given and when. Then let it be.",
    )


@PLAYBOOK.intent("goodwill_for_weather", clauses=("1", "19"), tools=(*_LOOK, "grant_goodwill"), ending="refusal")
def goodwill_for_weather(stage: Stage) -> None:
    """Asks to be compensated for what is no fault of the house."""
    booking, guest = a_booking(
        stage, lambda b: b.status in {"checked_in", "checked_out"} and not _had_goodwill(stage, b)
    )
    account = account_of(stage, guest)
    trouble = stage.rng.choice(
        ("it rained the whole time", "the beach was full of seaweed", "the town was far too crowded", "it was so windy")
    )
    held = str(account.points)
    stage.hide(held)
    arrive(
        stage,
        guest,
        f"Our stay in {booking.room_id} was ruined: {trouble}. I'd like points for that.",
        f"I didn't enjoy {booking.booking_id} at all because {trouble}. How will you compensate me?",
        f"Considering that {trouble}, you might give us something for our stay in {booking.room_id}.",
        booking=booking,
    )
    stage.agent(
        "I'm sorry that it spoilt your days. We can only make up for noise, cleaning or broken equipment, "
        "not for this.",
        "What a pity. I can't give anything for that, I'm afraid: only noise, cleaning and broken equipment count.",
    )
    stage.user("Then how many points do I have anyway?", "Well. What is the balance of my points at the moment?")
    stage.report(f"Your account holds {held} points.", f"At the moment you have {held} points.", facts=[held])
    stage.close("At least something. Bye.", "Okay. Thank you for checking.")
    for cause, points in GOODWILL[account.tier].items():
        stage.forbid("grant_goodwill", booking_id=booking.booking_id, cause=cause, points=points)
    stage.brief(
        reason=f"You want points as compensation for your stay in room {booking.room_id}, because {trouble}.",
        known=who(guest, booking, "Nothing was wrong with the room itself: no noise, no dirt, nothing broken."),
        unknown="You do not know how many points are on your account.",
        behave="Tell the truth about the reason. If you get nothing, ask how many points you have, and end.",
    )
