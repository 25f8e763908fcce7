"""Seeded dialogues for tests of the report, with their listing and their pieces."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Iterator
from itertools import islice
from typing import Any

from eigen_graph.report.data import Change, Dialogue, Listing, Part, Said

STAGES = ("scenario", "checker", "dialogue", "judge", "reviewer")
BLAMES = ("task", "user", "agent", "tool", "checker", "infrastructure")
TOOLS = (
    *("identify_guest", "get_guest", "get_booking", "search_rooms", "book_room", "change_dates", "cancel_booking"),
    *("add_extra", "grant_goodwill", "check_in_online", "transfer_to_a_colleague"),
)
CLAUSES = tuple(str(number) for number in range(1, 15))
PERSONAS = ("precise", "hurried", "confused", "chatty")
DIFFICULTIES = ("easy", "medium", "hard")
WISHES = (
    "You want to cancel your stay that begins today, 2026-05-11.",
    "You want two more nights on your booking, and breakfast for the child.",
    "You want to know why 146.00 was kept, and have it back if the policy allows it.",
    "You want to move your stay by a week without paying more.",
)


def packed(dialogues: Iterator[Dialogue] | list[Dialogue], size: int) -> Iterator[str]:
    """Dialogues as pieces of a page."""
    rest = iter(dialogues)
    while batch := list(islice(rest, size)):
        plain = json.dumps([one.model_dump(mode="json", by_alias=True) for one in batch], ensure_ascii=False)
        yield base64.b64encode(gzip.compress(plain.encode(), mtime=0)).decode()


def listing(count: int, *, seed: int = 1, sources: tuple[str, ...] = ("run",)) -> Listing:
    """Rows of all sorts."""
    draw = random.Random(seed)
    rows = [_row(number, draw, sources) for number in range(count)]
    return Listing(**{name: tuple(row[name] for row in rows) for name in Listing.model_fields if rows})


def _row(number: int, draw: random.Random, sources: tuple[str, ...]) -> dict[str, Any]:
    source = draw.choice(sources)
    generation = draw.choice((0, 0, 1, 2))
    fate = draw.choices(("accepted", "rejected", "dropped"), (7, 3, 0.3))[0]
    if source != "run":
        fate = {"accepted": "solved", "rejected": "failed", "dropped": "infrastructure"}[fate]
    good = fate in ("accepted", "solved")
    return {
        "id": f"g{generation}-{number:06d}" if source == "run" else f"{source}/{number // 4:04d}.{number % 4}",
        "source": source,
        "fate": fate,
        "stage": "reviewer" if good else draw.choice(STAGES),
        "blame": "" if good else draw.choice(BLAMES),
        "generation": generation,
        "difficulty": draw.choice(DIFFICULTIES),
        "persona": draw.choice(PERSONAS),
        "clauses": " ".join(draw.sample(CLAUSES, draw.randint(1, 3))),
        "tools": " ".join(draw.sample(TOOLS, draw.randint(1, 4))),
        "messages": draw.randint(4, 40),
        "kill_rate": draw.choice((1.0, 1.0, 0.95, None)),
        "title": draw.choice(WISHES),
    }


def dialogues(rows: Listing, *, seed: int = 1) -> Iterator[Dialogue]:
    """The dialogues behind a listing."""
    draw = random.Random(seed)
    for number, name in enumerate(rows.id):
        yield dialogue(name, rows.fate[number], rows.blame[number], rows.title[number], draw)


def dialogue(name: str, fate: str, blame: str, title: str, draw: random.Random) -> Dialogue:
    """One in which both sides speak and call, records change, and a review points at a message."""
    booking = f"B{draw.randint(1000000, 9999999)}"
    fee = draw.choice((0.0, 73.5, 146.0))
    good = fate in ("accepted", "solved")
    guest = {"guest_id": f"G{draw.randint(1000, 9999)}", "name": "Patrick Palmer", "cards": ["card-86a", "card-12c"]}
    seen = {"booking_id": booking, "from": "2026-05-11", "to": "2026-05-13", "rate": 146.0, "status": "confirmed"}
    found = {**guest, "bookings": [seen, {**seen, "booking_id": "B4170511", "from": "2026-09-01", "to": "2026-09-04"}]}
    said = (
        Said(role="assistant", content="Hi! How can I help you today?"),
        Said(role="user", content=f"Good morning. {title}"),
        Said(role="assistant", content="Your booking number and postcode, please?", calls=()),
        Said(role="user", content=f"It is {booking}, and the postcode is B7U 9YL."),
        Said(role="assistant", calls=(_call("c1", "identify_guest", booking_id=booking, postcode="B7U 9YL"),)),
        Said(role="tool", call_id="c1", requestor="assistant", content=json.dumps(found)),
        Said(role="user", calls=(_call("c2", "check_inbox", folder="bookings"),)),
        Said(role="tool", call_id="c2", requestor="user", content="1 message: your confirmation"),
        Said(
            role="assistant",
            content=f"Cancelling today keeps {fee:.2f}. Shall I?",
            evidence=() if good else ("the fee was named before the policy was checked (clause 6)",),
        ),
        Said(role="user", content="Yes, please.\nAnd send me a confirmation."),
        Said(role="assistant", calls=(_call("c3", "cancel_booking", True, booking_id=booking, fee=-1),)),
        Said(role="tool", call_id="c3", error=True, content="Error: the fee must not be negative"),
        Said(role="assistant", calls=(_call("c4", "cancel_booking", True, booking_id=booking, fee=fee),)),
        Said(
            role="tool",
            call_id="c4",
            content='{"cancelled": true}',
            changes=(
                Change(
                    side="agent", table="bookings", key=booking, field="status", before="confirmed", after="cancelled"
                ),
                Change(side="agent", table="bookings", key=booking, field="fee", before=None, after=fee),
                Change(
                    side="agent",
                    table="refunds",
                    key="R1",
                    before=None,
                    after={"refund_id": "R1", "amount": 146.0 - fee, "to": "card-86a", "lines": [1, 2]},
                ),
                Change(side="user", table="inbox", key="m2", before=None, after={"subject": "Cancelled"}),
            ),
        ),
        Said(role="assistant", content=f"Done: {fee:.2f} is kept, the rest goes to your card."),
        Said(role="user", content="Thank you, bye!"),
    )
    return Dialogue(
        id=name,
        title=title,
        fate=fate,
        blame=blame,
        reason="" if good else "the agent named a fee before it looked at the booking",
        scenario={"reason_for_call": title, "known_info": "You are Patrick Palmer.", "persona": "Formal and exact."},
        solution=(f'identify_guest(booking_id="{booking}")', f'cancel_booking(booking_id="{booking}", fee=146.0)'),
        said=said,
        termination="user_stop",
        reward=1.0 if good else 0.0,
        parts=(
            Part(name="state", passed=good, reason="" if good else "bookings differ: fee 0.0, expected 146.0"),
            Part(name="communicate", passed=True),
            Part(name="procedure", passed=None, reason="not reached"),
        ),
        review={"decision": "accept" if good else "reject", "reason": "kept the policy", "evidence": [8]},
        proof={"mutants": 15, "killed": 14, "kill_rate": 14 / 15, "survivors": ["extra note"], "equivalent": 3},
    )


def _call(name: str, tool: str, writes: bool = False, **arguments: Any) -> dict[str, Any]:  # noqa: FBT001, FBT002
    return {"id": name, "name": tool, "arguments": arguments, "writes": writes}
