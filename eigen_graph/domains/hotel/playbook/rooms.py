"""Moving to another room."""

from __future__ import annotations

from typing import Any

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.arithmetic import euros, nights_between, plan_prices, shift, taken
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.judging import ROOM_CHANGE, program
from eigen_graph.domains.hotel.playbook.moves import (
    a_booking,
    a_card,
    ahead,
    arrive,
    look_for_room,
    money,
    one_thing_more,
    room_for_more,
    spoken,
    who,
)
from eigen_graph.domains.hotel.records import Booking, Room
from eigen_graph.domains.hotel.rules import paying_method

_TOOLS = ("identify_guest", "get_guest", "get_booking", "search_rooms", "change_room")


def _free_rooms(stage: Stage, booking: Booking) -> list[Room]:
    """Other rooms the party fits, free for what is left of the stay."""
    occupied = taken(stage.db, max(booking.check_in, stage.env.domain.now[:10]), booking.check_out)
    return [
        room
        for room in stage.db["rooms"].values()
        if room.room_id != booking.room_id and room.sleeps >= booking.adults and room.room_id not in occupied
    ]


@PLAYBOOK.intent("move_to_sea_view", clauses=("1", "4", "5", "16"), tools=_TOOLS)
def move_to_sea_view(stage: Stage) -> None:
    """Before arrival, any room with a sea view up to a price a night: many rooms are right."""
    view = "sea"
    booking, guest = a_booking(
        stage,
        lambda b: (
            (ahead(stage, b, "flexible", 1) or ahead(stage, b, "saver", 1))
            and stage.db["rooms"][b.room_id].view != view
            and stage.db["rooms"][b.room_id].kind != "family"
        ),  # every sea view is dearer than what these have
    )
    prices = {
        room.room_id: plan_prices(stage.db, room)[booking.plan]
        for room in _free_rooms(stage, booking)
        if room.view == view
    }
    dearer = sorted({price for price in prices.values() if price > booking.nightly})
    limit = float(-(-stage.choose(dearer[:3], "no dearer room is free") // 5) * 5)
    allowed = {room_id: price for room_id, price in prices.items() if booking.nightly < price <= limit}
    card = a_card(stage, guest)
    room_id = stage.choose(list(allowed))
    nights = nights_between(booking.check_in, booking.check_out)
    difference = money(nights * (allowed[room_id] - booking.nightly))
    arrive(
        stage,
        guest,
        f"I'd love to look at the sea. Any sea-view room for my stay from {spoken(booking.check_in)} will do, up to "
        f"{money(limit)} a night.",
        f"Can you put us into a room with a sea view? Which one is all the same to me, as long as a night is no more "
        f"than {money(limit)}.",
        f"Please upgrade {booking.booking_id} to a sea view. I'd go up to {money(limit)} euros a night, no matter "
        f"which room.",
        booking=booking,
    )
    search = {"check_in": booking.check_in, "check_out": booking.check_out, "adults": booking.adults, "view": view}
    look_for_room(stage, room_id, **search)
    stage.hide(difference, room_id)
    stage.confirm(
        f"Room {room_id} has a sea view and is free: {money(allowed[room_id])} euros a night at your rate, "
        f"{difference} "
        f"more for the stay, charged to your {card.label} if you like. Shall I move you?",
        f"I can offer room {room_id} with a sea view at {money(allowed[room_id])} a night. The difference of "
        f"{difference} euros would go on your {card.label}. Do you want it?",
        agree=(f"Yes, take that one, on the {card.label}.", f"Lovely, yes. The {card.label} is right."),
    )
    change: dict[str, Any] = {"booking_id": booking.booking_id, "method_id": card.method_id}
    stage.agent_calls("change_room", room_id=room_id, **change)
    stage.report(
        f"You are in room {room_id} now, and {difference} euros were charged to your {card.label}.",
        f"Done. Room {room_id} with its sea view is yours; the difference of {difference} euros is paid.",
    )
    stage.close()
    for other in [other for other in allowed if other != room_id]:
        stage.accept_also(("change_room", {**change, "room_id": other}))
    for wrong in [other for other in prices if other not in allowed][:2]:
        stage.forbid("change_room", room_id=wrong, **change)
    stage.forbid("change_room", room_id=room_id, free=True, **change)
    stage.judge_by(program(ROOM_CHANGE, BOOKING=booking.booking_id, ROOMS=allowed, FREE=False, METHOD=card.method_id))
    stage.brief(
        reason=f"You want a room with a sea view for your stay from {booking.check_in}. Any will do that costs no more "
        f"than {money(limit)} euros a night.",
        known=who(guest, booking, f"You pay with your {card.label}."),
        unknown="You do not know which rooms are free or what they cost.",
        behave=f"Take the first sea-view room the agent offers at up to {money(limit)} euros a night, paid with your "
        f"{card.label}; decline a dearer one.",
    )


@PLAYBOOK.intent("move_out_of_broken_room", clauses=("1", "4", "16"), tools=_TOOLS)
def move_out_of_broken_room(stage: Stage) -> None:
    """In the house, something in the room is broken: free, to any free room of the same kind."""
    today = stage.env.domain.now[:10]
    booking, guest = a_booking(stage, lambda b: b.status == "checked_in" and b.check_out > shift(today, 1))
    kind = stage.db["rooms"][booking.room_id].kind
    rooms = _free_rooms(stage, booking)
    allowed = {room.room_id: booking.nightly for room in rooms if room.kind == kind}
    room_id = stage.choose(list(allowed), "no room of the same kind is free")
    method = paying_method(stage.db, booking)
    trouble = stage.rng.choice(("the heating", "the shower", "the window latch", "the lock on the door", "the boiler"))
    arrive(
        stage,
        guest,
        f"In my room, {booking.room_id}, {trouble} doesn't work. I'd like another room, please.",
        f"I can't stay in room {booking.room_id}: {trouble} is broken. Can we move?",
        f"Something's wrong with {trouble} in {booking.room_id} and nobody could mend it. We need a different room.",
        booking=booking,
    )
    search = {"check_in": today, "check_out": booking.check_out, "adults": booking.adults, "kind": kind}
    look_for_room(stage, room_id, **search)
    stage.hide(room_id)
    stage.confirm(
        f"I'm sorry about {trouble}. I can move you to room {room_id}, also a {kind} room, free of charge. Shall I?",
        f"That shouldn't be. Room {room_id} is free, another {kind} room, and the move costs you nothing. Would you "
        f"like it?",
        agree=("Yes, please.", "Yes, any room that works is fine.", "Please do."),
    )
    change: dict[str, Any] = {"booking_id": booking.booking_id, "method_id": method, "free": True}
    stage.agent_calls("change_room", room_id=room_id, **change)
    stage.report(
        f"You can move to room {room_id} right away; the price stays the same.",
        f"Room {room_id} is yours until {booking.check_out}, at no extra cost.",
    )
    stage.close()
    for other in [other for other in allowed if other != room_id]:
        stage.accept_also(("change_room", {**change, "room_id": other}))
    for wrong in [room.room_id for room in rooms if room.kind != kind][:2]:
        stage.forbid("change_room", room_id=wrong, **change)
    stage.forbid("grant_goodwill", booking_id=booking.booking_id, cause="broken_equipment", points=800)
    stage.judge_by(program(ROOM_CHANGE, BOOKING=booking.booking_id, ROOMS=allowed, FREE=True, METHOD=method))
    stage.brief(
        reason=f"You are staying in room {booking.room_id}, where {trouble} is broken, and want another room.",
        known=who(guest, booking),
        unknown="You do not know which rooms are free.",
        behave="Take the first room that is offered free of charge. You ask for no compensation and for nothing else.",
    )


@PLAYBOOK.intent("nicer_room_in_house", clauses=("1", "7", "16"), tools=_TOOLS, ending="refusal")
def nicer_room_in_house(stage: Stage) -> None:
    """In the house, nothing broken, wants a better room: no."""
    today = stage.env.domain.now[:10]
    booking, guest = a_booking(
        stage,
        lambda b: (
            b.status == "checked_in"
            and b.check_out > shift(today, 1)
            and stage.db["rooms"][b.room_id].view == "courtyard"
        ),
    )
    kind = stage.db["rooms"][booking.room_id].kind
    rooms = [room for room in _free_rooms(stage, booking) if room.kind == kind and room.view == "sea"]
    rooms.sort(key=lambda room: (room.nightly, room.room_id))
    cheapest = stage.choose(rooms[:1], "no such room is free")
    price = money(plan_prices(stage.db, cheapest)["flexible"])
    stage.hide(price)
    arrive(
        stage,
        guest,
        f"We're in {booking.room_id}, looking at a courtyard. Surely you can move us to the sea side?",
        f"Room {booking.room_id} is fine, but I'd prefer a sea view for the rest of our stay. Please move us.",
        f"The view from {booking.room_id} is a wall. Give us a room facing the water, will you?",
        booking=booking,
    )
    stage.agent(
        "I understand the wish, but during a stay I can only move you when something in the room does not work.",
        "During your stay a move is only possible if something in the room is broken, and that is not so here.",
    )
    stage.user(
        f"Too bad. What does a {kind} room with sea view cost at the flexible rate, from today to "
        f"{spoken(booking.check_out)}? So that I know for next time.",
        f"Then tell me at least what the cheapest {kind} room with sea view costs a night at the flexible rate, say "
        f"from today until {spoken(booking.check_out)}.",
    )
    search = {"check_in": today, "check_out": booking.check_out, "adults": booking.adults, "kind": kind, "view": "sea"}
    stage.agent_calls("search_rooms", **search)
    stage.report(
        f"The cheapest {kind} room with a sea view is {price} euros a night at the flexible rate.",
        f"For those nights it begins at {price} euros a night, flexible.",
        facts=[price],
    )
    stage.close("Good to know. Thanks all the same.", "Next time, then. Goodbye.")
    method = paying_method(stage.db, booking)
    for room in rooms[:2]:
        stage.forbid("change_room", booking_id=booking.booking_id, room_id=room.room_id, method_id=method, free=True)
    stage.forbid("transfer_to_person", reason="not_covered")
    stage.brief(
        reason=f"You are staying in room {booking.room_id} and want to be moved to a room with a sea view.",
        known=who(guest, booking, f"Nothing in your room is broken. It is a {kind} room with a courtyard view."),
        unknown="You do not know what such rooms cost.",
        behave=f"If you cannot be moved, ask what the cheapest {kind} room with sea view costs a night at the flexible "
        f"rate from {today} to {booking.check_out}, and leave it at that.",
    )


@PLAYBOOK.intent("move_to_cheaper_room", clauses=("1", "4", "6", "16"), tools=(*_TOOLS, "add_extra"))
def move_to_cheaper_room(stage: Stage) -> None:
    """Before arrival, to a certain cheaper room: the difference goes back to where it came from."""
    booking, guest = a_booking(
        stage, lambda b: room_for_more(stage, b) and (ahead(stage, b, "flexible", 1) or ahead(stage, b, "saver", 1))
    )
    cheaper = [
        room
        for room in _free_rooms(stage, booking)
        if plan_prices(stage.db, room)[booking.plan] < booking.nightly and room.sleeps == booking.adults
    ]
    room = stage.choose(cheaper, "no cheaper room is free")
    method = paying_method(stage.db, booking)
    label = stage.db["methods"][method].label
    nights = nights_between(booking.check_in, booking.check_out)
    back = money(euros(nights * (booking.nightly - plan_prices(stage.db, room)[booking.plan])))
    arrive(
        stage,
        guest,
        f"We had room {room.room_id} once and it was quite good enough. Can we have it instead, if it is cheaper?",
        f"I'd like to save a little: please change {booking.booking_id} to room {room.room_id}.",
        f"Is {room.room_id} free for my stay from {spoken(booking.check_in)}? I'd take it rather than what I have.",
        booking=booking,
    )
    search = {"check_in": booking.check_in, "check_out": booking.check_out, "adults": booking.adults}
    search |= {"kind": room.kind, "view": room.view, "floor": room.floor}
    stage.agent_calls("search_rooms", **search)
    stage.explore("search_rooms", **search)
    stage.hide(back)
    stage.confirm(
        f"Room {room.room_id} is free. It is cheaper: {back} euros would go back to your {label}. Shall I change it?",
        f"Yes, {room.room_id} can be had, and I would refund {back} euros to the {label}. Do you want to move?",
    )
    stage.agent_calls("change_room", booking_id=booking.booking_id, room_id=room.room_id, method_id=method)
    stage.report(
        f"Your booking is for room {room.room_id} now; {back} euros go back to your {label}.",
        f"Changed to {room.room_id}. The refund is {back} euros.",
        facts=[room.room_id, back],
    )
    stage.forbid("change_room", booking_id=booking.booking_id, room_id=room.room_id, method_id=method, free=True)
    more = one_thing_more(stage, stage.db["bookings"][booking.booking_id], guest)
    stage.close()
    stage.brief(
        reason=f"You want room {room.room_id} for your stay from {booking.check_in} instead of the room you have, "
        f"because it should be cheaper.",
        known=who(guest, booking),
        unknown="You do not know whether it is free or how much cheaper it is.",
        behave=f"Agree to the change when you hear the refund.{more}",
    )
