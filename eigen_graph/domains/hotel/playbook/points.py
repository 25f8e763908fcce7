"""What points can pay for."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import a_booking, account_of, arrive, label_of, money, spoken, who
from eigen_graph.domains.hotel.records import Booking, Guest, Membership
from eigen_graph.domains.hotel.rules import most_points, paying_method

_LOOK = ("identify_guest", "get_guest", "get_booking")
_WORTH_ASKING = 1500
"""Points enough to choose an amount from."""


@PLAYBOOK.intent("pay_with_points", clauses=("1", "4", "20"), tools=(*_LOOK, "redeem_points"))
def pay_with_points(stage: Stage) -> None:
    """Points for a part of a booking; at hard, more than half at first."""

    def fits(booking: Booking) -> bool:
        points = stage.db["memberships"][booking.guest_id].points
        return (
            booking.status == "confirmed"
            and booking.plan != "advance"
            and min(points, most_points(booking)) >= _WORTH_ASKING
        )

    booking, guest = a_booking(stage, fits)
    account = account_of(stage, guest)
    most = min(account.points // 500 * 500, most_points(booking))
    hard = stage.cue.difficulty == "hard"
    points = most_points(booking) if hard else stage.rng.randrange(500, most + 1, 500)
    if hard and account.points < points + 500:
        points = most
    worth, left = money(points / 100), str(account.points - points)
    method = paying_method(stage.db, booking)
    label = label_of(stage, method)
    stage.hide(worth, left)
    wanted = "as many points as are allowed" if hard else f"{points} of my points"
    arrive(
        stage,
        guest,
        f"I'd like to use {wanted} for {booking.booking_id}.",
        f"Can {wanted} go towards my stay from {spoken(booking.check_in)}?",
        f"Please take {wanted} to pay for a part of the booking on {spoken(booking.check_in)}.",
        booking=booking,
    )
    limit = "That is the most for this booking: " if hard else ""
    stage.confirm(
        f"{limit}{points} points are worth {worth} euros, which I would refund to your {label}. Shall I redeem them?",
        f"For {points} points you get {worth} euros back on your {label}. {left} points remain. Do you want that?",
    )
    stage.agent_calls("redeem_points", booking_id=booking.booking_id, points=points, refund_to=method)
    stage.report(
        f"I have redeemed {points} points for {worth} euros. You have {left} points left.",
        f"Done: {worth} euros go back to your {label}, and your account still holds {left} points.",
        facts=[worth, left],
    )
    stage.expect("assistant", "points_are", guest_id=guest.guest_id, points=account.points - points)
    stage.close()
    for other in (account.points, points + 500, 100):
        if other != points and other <= account.points:
            stage.forbid("redeem_points", booking_id=booking.booking_id, points=other, refund_to=method)
    stage.brief(
        reason=f"You want to use {wanted.replace('my', 'your')} for your stay from {booking.check_in}.",
        known=who(guest, booking),
        unknown="You do not know what points are worth, or how many will be left.",
        behave="Agree to what the rules allow. Ask how many points are left unless you are told.",
    )


@PLAYBOOK.intent("points_on_advance", clauses=("1", "20"), tools=(*_LOOK, "redeem_points"), ending="refusal")
def points_on_advance(stage: Stage) -> None:
    """Points do not pay for the advance rate, and are not paid out."""
    booking, guest = a_booking(
        stage,
        lambda b: (
            b.status == "confirmed"
            and b.plan == "advance"
            and stage.db["memberships"][b.guest_id].points >= _WORTH_ASKING
        ),
    )
    account = account_of(stage, guest)
    held, method = str(account.points), paying_method(stage.db, booking)
    stage.hide(held)
    arrive(
        stage,
        guest,
        f"I want to redeem points for my stay from {spoken(booking.check_in)}.",
        f"Can I bring down the price of {booking.booking_id} with my points?",
        f"My points ought to be good for something. Use them for {booking.booking_id}, please.",
        booking=booking,
    )
    stage.agent(
        "This booking is at the advance rate, and points can only pay for flexible and saver bookings.",
        "I'm afraid points are not accepted for the advance rate, which is what you booked.",
    )
    stage.user(
        "Can you pay them out to me then? How many are there?",
        "Then give me the money, or move them to my sister. How many do I have?",
    )
    stage.report(
        f"You have {held} points. They can't be paid out or moved to anybody, but they stay on your account.",
        f"I can't pay points out or give them to somebody else. All {held} of them remain yours.",
        facts=[held],
    )
    stage.close("Then I'll save them up.", "Fine. Next time, then.")
    for points in (500, 1000):
        stage.forbid("redeem_points", booking_id=booking.booking_id, points=points, refund_to=method)
    stage.brief(
        reason=f"You want to use your points for your stay from {booking.check_in}.",
        known=who(guest, booking),
        unknown="You do not know how many points you have, or at which rate you booked.",
        behave="If points cannot be used, ask whether they can be paid out, and how many there are. Then leave it.",
    )


@PLAYBOOK.intent("how_many_points", clauses=("1", "3", "20"), tools=(*_LOOK[:2], "redeem_points"), ending="nothing")
def how_many_points(stage: Stage) -> None:
    """Only wants to know."""
    account: Membership = stage.pick("memberships", lambda m: m.points >= _WORTH_ASKING)
    guest: Guest = stage.db["guests"][account.guest_id]
    held, worth = str(account.points), money(account.points / 100)
    stage.hide(held, worth)
    arrive(
        stage,
        guest,
        "How many points do I have, and what are they worth in money?",
        "I'd like to know the balance of my points and its value in euros.",
        "Quick question: what's on my points account, and how many euros is that?",
    )
    stage.report(
        f"You have {held} points, worth {worth} euros towards a booking.",
        f"There are {held} points on your account; that is {worth} euros for a future stay.",
        facts=[held, worth],
    )
    stage.close("Nice, that's all I wanted to know.", "Good, I'll keep them for now. Bye.")
    stage.forbid("transfer_to_person", reason="not_covered")
    confirmed = [
        booking
        for booking in stage.db["bookings"].values()
        if booking.guest_id == guest.guest_id and booking.status == "confirmed" and booking.plan != "advance"
    ]
    for booking in confirmed[:1]:
        method = paying_method(stage.db, booking)
        stage.forbid("redeem_points", booking_id=booking.booking_id, points=500, refund_to=method)
    stage.brief(
        reason="You want to know how many points you have and what they are worth in euros.",
        known=who(guest),
        unknown="You do not know your balance or what a point is worth.",
        behave="Ask for both. Do not redeem anything.",
    )
