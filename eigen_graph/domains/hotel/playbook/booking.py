"""New bookings."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.arithmetic import is_free, plan_prices, shift
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.judging import NEW_BOOKING, program
from eigen_graph.domains.hotel.playbook.moves import (
    a_card,
    arrive,
    free_rooms,
    look_for_room,
    look_for_rooms,
    money,
    one_thing_more,
    some_dates,
    spoken,
    stay_price,
    who,
)
from eigen_graph.domains.hotel.records import Booking, Guest, Method, PlanId, Room

_TOOLS = ("identify_guest", "get_guest", "search_rooms", "create_booking")
_PLANS: tuple[PlanId, ...] = ("flexible", "saver", "advance")
_PLAN_WISHES: dict[PlanId, str] = {
    "flexible": "the flexible rate, in case something comes up",
    "saver": "the saver rate, as before",
    "advance": "the cheapest rate; I'm sure we are coming",
}


def _book(
    stage: Stage, guest: Guest, room: Room, pay: Method, *, first: str, last: str, adults: int, plan: PlanId
) -> str:
    """Propose a room, agree, book; the total. The report is the caller's."""
    nightly = plan_prices(stage.db, room)[plan]
    total = money(stay_price(first, last, nightly))
    stage.hide(total)
    stage.confirm(
        f"Room {room.room_id}, a {room.kind} room with {room.view} view, is free from {first} to {last}: "
        f"{money(nightly)} a night at the {plan} rate, {total} euros in all, charged to your {pay.label}. "
        "Shall I book?",
        f"I have room {room.room_id} for {first} to {last} ({room.kind}, {room.view} view). At the {plan} rate that "
        f"is {total} euros, which I would charge to the {pay.label} now. Do you want it?",
    )
    stage.agent_calls(
        "create_booking",
        guest_id=guest.guest_id,
        room_id=room.room_id,
        check_in=first,
        check_out=last,
        adults=adults,
        plan=plan,
        method_id=pay.method_id,
    )
    return total


def _last_booking(stage: Stage) -> Booking:
    booking: Booking = list(stage.db["bookings"].values())[-1]
    return booking


@PLAYBOOK.intent("book_the_same_room", clauses=("1", "4", "5", "7"), tools=(*_TOOLS, "add_extra"))
def book_the_same_room(stage: Stage) -> None:
    """A guest of before wants the same room again."""
    past: Booking = stage.pick("bookings", lambda b: b.status == "checked_out")
    guest: Guest = stage.db["guests"][past.guest_id]
    room: Room = stage.db["rooms"][past.room_id]
    first, last, _ = some_dates(stage)
    if not is_free(stage.db, room.room_id, first, last):
        first, last = shift(first, 45), shift(last, 45)
    plan = stage.rng.choice(_PLANS)
    card = a_card(stage, guest)
    people = "One adult" if past.adults == 1 else f"{past.adults} adults"
    arrive(
        stage,
        guest,
        f"I was in room {room.room_id} not long ago and want it again, from {spoken(first)} to {spoken(last)}.",
        f"Is room {room.room_id} to be had from {spoken(first)} until {spoken(last)}? There would be {people} again.",
        f"I'd like to book room {room.room_id} once more: {spoken(first)} to {spoken(last)}, {people.lower()}.",
    )
    stage.agent(
        "Good to have you back. How many adults will you be, which rate would you like (flexible, saver or advance), "
        "and which card shall I charge?",
        "With pleasure. For how many adults, at which rate (flexible, saver, advance), and on which of your cards?",
    )
    stage.user(
        f"{people}, and {_PLAN_WISHES[plan]}. My {card.label}, please.",
        f"I'd take {_PLAN_WISHES[plan]}. {people}; you can charge the {card.label}.",
    )
    look_for_rooms(
        stage,
        check_in=first,
        check_out=last,
        adults=past.adults,
        kind=room.kind,
        view=room.view,
        floor=room.floor,
    )
    total = _book(stage, guest, room, card, first=first, last=last, adults=past.adults, plan=plan)
    made = _last_booking(stage)
    stage.report(
        f"It's booked: {made.booking_id}, room {room.room_id}, {first} to {last}, {total} euros paid.",
        f"Room {room.room_id} is yours from {first} to {last} under number {made.booking_id}; {total} euros charged.",
        facts=[made.booking_id, total],
    )
    stage.hide(made.booking_id)
    for other in _PLANS:
        if other != plan:
            stage.forbid(
                "create_booking",
                guest_id=guest.guest_id,
                room_id=room.room_id,
                check_in=first,
                check_out=last,
                adults=past.adults,
                plan=other,
                method_id=card.method_id,
            )
    more = one_thing_more(stage, made, guest)
    stage.close()
    stage.brief(
        reason=f"You want to book room {room.room_id} again, from {first} to {last}.",
        known=who(guest, None, f"Who comes: {people.lower()}. You pay with your {card.label}."),
        unknown="You do not know whether it is free or what it costs, nor the number of the new booking.",
        behave=f"Say what you want when you are asked: {_PLAN_WISHES[plan]} (the {plan} rate). Agree to the price. Ask "
        f"for the number of the new booking unless you are told." + more.replace(made.booking_id, "the new booking"),
    )


@PLAYBOOK.intent("book_any_room", clauses=("1", "4", "5", "7"), tools=_TOOLS)
def book_any_room(stage: Stage) -> None:
    """Any room with a certain view up to a price a night: many are right."""
    guest: Guest = stage.pick("guests", lambda g: True)  # noqa: ARG005  # anybody
    card = a_card(stage, guest)
    first, last, _ = some_dates(stage)
    adults = stage.rng.choice((1, 2))
    view = stage.rng.choice(("sea", "garden"))
    plan = stage.rng.choice(_PLANS)
    fitting = [room for room in free_rooms(stage, first, last) if room.view == view and room.sleeps >= adults]
    prices = {room.room_id: plan_prices(stage.db, room)[plan] for room in fitting}
    levels = sorted(set(prices.values()))
    limit = float(-(-stage.choose(levels[1:5], "too few rooms are free") // 10) * 10)
    allowed = [room_id for room_id, price in prices.items() if price <= limit]
    room: Room = stage.db["rooms"][stage.choose(allowed)]
    arrive(
        stage,
        guest,
        f"I need a room with a {view} view from {spoken(first)} to {spoken(last)}, up to {money(limit)} a night at the "
        f"{plan} rate. Which one doesn't matter.",
        f"Do you have anything with a {view} view between {spoken(first)} and {spoken(last)}? "
        f"{plan.capitalize()} rate, "
        f"no more than {money(limit)} euros a night.",
        f"Book me any {view}-view room for {spoken(first)} to {spoken(last)}, please. My limit is "
        f"{money(limit)} a night, "
        f"{plan} rate.",
    )
    stage.agent(
        "Let me see. How many adults are you, and which card may I charge?",
        "For how many adults, please, and with which card would you pay?",
    )
    people = "Just me" if adults == 1 else "Two of us"
    stage.user(f"{people}. Take my {card.label}.", f"{people}, and the {card.label}, please.")
    look_for_room(stage, room.room_id, check_in=first, check_out=last, adults=adults, view=view)
    total = _book(stage, guest, room, card, first=first, last=last, adults=adults, plan=plan)
    stage.report(
        f"Room {room.room_id} is booked for you from {first} to {last}; I have charged {total} euros.",
        f"Booked: room {room.room_id}, {first} until {last}, {total} euros on your {card.label}.",
    )
    stage.close()
    booked = stage.calls[-1].arguments
    for other in [other for other in allowed if other != room.room_id]:
        stage.accept_also(("create_booking", {**booked, "room_id": other}))
    too_dear = [other for other in prices if other not in allowed]
    other_views = [
        other.room_id for other in free_rooms(stage, first, last) if other.view != view and other.sleeps >= adults
    ]
    for wrong in (*too_dear[:1], *other_views[:1]):
        stage.forbid("create_booking", **{**booked, "room_id": wrong})
    terms = {name: booked[name] for name in ("guest_id", "check_in", "check_out", "adults", "plan")}
    stage.judge_by(program(NEW_BOOKING, ROOMS=allowed, TERMS=terms, METHOD=card.method_id))
    stage.brief(
        reason=f"You want a room with a {view} view from {first} to {last} for {adults} adult(s) at the {plan} rate. "
        f"Any will do that costs no more than {money(limit)} euros a night.",
        known=who(guest, None, f"You pay with your {card.label}."),
        unknown="You do not know which rooms are free or what they cost.",
        behave=f"Take the first such room that is offered at up to {money(limit)} euros a night; decline a dearer one.",
    )


@PLAYBOOK.intent("pay_with_voucher", clauses=("1", "4", "5"), tools=_TOOLS)
def pay_with_voucher(stage: Stage) -> None:
    """A new booking on a gift voucher that covers it."""
    voucher: Method = stage.pick("methods", lambda m: m.kind == "voucher" and m.balance >= 150)  # noqa: PLR2004  # a night
    guest: Guest = stage.db["guests"][voucher.guest_id]
    first = shift(stage.env.domain.now[:10], stage.rng.randint(9, 60))
    last = shift(first, 1)
    room: Room = stage.choose([r for r in free_rooms(stage, first, last) if r.kind == "double"], "no room is free")
    left = money((voucher.balance or 0.0) - plan_prices(stage.db, room)["flexible"])
    stage.hide(left)
    arrive(
        stage,
        guest,
        f"I was given a voucher and want to spend it: room {room.room_id} on {spoken(first)}, one night, two adults.",
        f"Can my {voucher.label} pay for a night? I'd like room {room.room_id}, arriving {spoken(first)}.",
        f"I'd like to use a gift voucher for one night in {room.room_id} from {spoken(first)}, for the two of us.",
    )
    stage.agent(
        "A voucher pays for a new booking. Which rate would you like: flexible, saver or advance?",
        "Yes, that is what it is for. At which rate shall I look: flexible, saver or advance?",
    )
    stage.user("Flexible, please, for two adults.", "For two adults, the flexible one.")
    kind, view = room.kind, room.view
    look_for_rooms(stage, check_in=first, check_out=last, adults=2, kind=kind, view=view, floor=room.floor)
    total = _book(stage, guest, room, voucher, first=first, last=last, adults=2, plan="flexible")
    stage.report(
        f"Room {room.room_id} is booked for {first}. The voucher paid {total} euros and {left} euros are left on it.",
        f"Done: {first}, room {room.room_id}, {total} euros from your voucher. It still holds {left} euros.",
        facts=[total, left],
    )
    stage.close()
    booked = stage.calls[-1].arguments
    card = a_card(stage, guest)
    stage.forbid("create_booking", **{**booked, "method_id": card.method_id})
    stage.brief(
        reason=f"You want to spend your {voucher.label} on one night in room {room.room_id} from {first}, two adults.",
        known=who(guest, None, f"You have a {voucher.label} on your profile."),
        unknown="You do not remember how much is on the voucher, nor what the room costs.",
        behave="Choose the flexible rate when asked. Agree to the price. Ask what is left on the voucher unless told.",
    )
