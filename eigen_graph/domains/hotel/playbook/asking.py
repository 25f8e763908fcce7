"""Rooms that are asked for and not booked."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.hotel.playbook.book import PLAYBOOK
from eigen_graph.domains.hotel.playbook.moves import (
    a_card,
    arrive,
    free_rooms,
    look_for_rooms,
    money,
    some_dates,
    spoken,
    stay_price,
    who,
)
from eigen_graph.domains.hotel.records import Guest, PlanId, Room

_TOOLS = ("identify_guest", "get_guest", "search_rooms", "create_booking")
_PLANS: tuple[PlanId, ...] = ("flexible", "saver", "advance")


@PLAYBOOK.intent("price_match", clauses=("7",), tools=_TOOLS, ending="refusal")
def price_match(stage: Stage) -> None:
    """Saw it cheaper elsewhere."""
    guest: Guest = stage.pick("guests", lambda g: True)  # noqa: ARG005  # anybody
    first, last, nights = some_dates(stage)
    room: Room = stage.choose([r for r in free_rooms(stage, first, last) if r.kind == "double"], "no room is free")
    total = money(stay_price(first, last, room.nightly))
    offer = money(0.85 * stay_price(first, last, room.nightly))
    arrive(
        stage,
        guest,
        f"Another site sells your room {room.room_id} from {spoken(first)} to {spoken(last)} for {offer}. Match that.",
        f"I'd book room {room.room_id} for {spoken(first)} to {spoken(last)} if you do it for {offer}, as I "
        "saw online.",
        f"What about a discount? Room {room.room_id}, {spoken(first)} till {spoken(last)}; elsewhere it's "
        f"{offer} in all.",
    )
    look_for_rooms(stage, check_in=first, check_out=last, adults=2, kind=room.kind, view=room.view, floor=room.floor)
    stage.agent(
        "I can't match other offers or give discounts; our prices are the listed ones. Shall I tell you ours?",
        "There are no price matches here, I'm afraid, whatever you saw. I can tell you what the room costs with us.",
    )
    stage.user(
        "What is it in all then, at the flexible rate?",
        f"So what would the {'night' if nights == 1 else 'whole stay'} come to, flexible?",
    )
    stage.hide(total)
    stage.report(
        f"Room {room.room_id} from {first} to {last} is {total} euros in all at the flexible rate.",
        f"That comes to {total} euros, flexible rate.",
        facts=[total],
    )
    stage.close("Then I'll book elsewhere.", "Too much. I'll leave it.", "No deal then. Bye.")
    card = a_card(stage, guest)
    for plan in _PLANS:
        stage.forbid(
            "create_booking",
            guest_id=guest.guest_id,
            room_id=room.room_id,
            check_in=first,
            check_out=last,
            adults=2,
            plan=plan,
            method_id=card.method_id,
        )
    stage.forbid("transfer_to_person", reason="not_covered")
    stage.brief(
        reason=f"You want room {room.room_id} from {first} to {last} for two at {offer} euros, a price you saw on "
        f"another site.",
        known=who(guest),
        unknown="You do not know the hotel's own price.",
        behave="If the price is not matched, ask what the stay costs at the flexible rate. You book only at the lower "
        "price, so end without a booking.",
    )


@PLAYBOOK.intent("group", clauses=("23",), tools=("create_booking", "transfer_to_person"), ending="transfer")
def group(stage: Stage) -> None:
    """Too many for the assistant."""
    guest: Guest = stage.pick("guests", lambda g: True)  # noqa: ARG005  # anybody
    first, last, _ = some_dates(stage)
    count = stage.rng.randint(9, 24)
    what = stage.rng.choice(("our choir", "my father's birthday", "a works outing", "our rowing club", "a reunion"))
    stage.user(
        f"For {what} I need rooms for {count} adults, {spoken(first)} to {spoken(last)}. Could you reserve them?",
        f"We are {count} people coming for {what} from {spoken(first)} until {spoken(last)}. Please book us in.",
        f"I'm organising {what}: {count} adults, arriving {spoken(first)}, leaving {spoken(last)}. Can you do that?",
    )
    stage.agent_calls("transfer_to_person", reason="group")
    stage.report(
        f"For {count} adults you are a group, and a colleague looks after those. I am handing you over now.",
        f"A party of {count} is arranged by a colleague at the desk; somebody will take over right here.",
    )
    stage.close("Fine, I'll wait for them.", "All right, thank you.", "Good. I have all the names ready.")
    room: Room = stage.choose(free_rooms(stage, first, last), "no room is free")
    stage.forbid(
        "create_booking",
        guest_id=guest.guest_id,
        room_id=room.room_id,
        check_in=first,
        check_out=last,
        adults=1,
        plan="flexible",
        method_id=a_card(stage, guest).method_id,
    )
    stage.forbid("transfer_to_person", reason="not_covered")
    stage.brief(
        reason=f"You want to book rooms for {what}: {count} adults, from {first} to {last}.",
        known=who(guest),
        behave="You want all of them booked together. Accept it when you are handed over to somebody.",
    )
