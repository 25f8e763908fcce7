"""Checker programs for intents that several end states fulfil.

They run in the sandbox's Python: no imports, no classes. Each is a constant, and what it needs of the case stands in
assignments before it.
"""

from __future__ import annotations

from typing import Any, Final


def program(source: str, **values: Any) -> str:
    """A checker's source, with the case's values in front."""
    return "\n".join([*(f"{name} = {value!r}" for name, value in values.items()), source])


NEW_BOOKING: Final = '''
def check(changes, calls, said):
    """One new booking of any of ROOMS, on the TERMS, paid with METHOD; nothing else; its total was said."""
    bookings = [change for change in changes if change["table"] == "bookings"]
    payments = [change for change in changes if change["table"] == "payments"]
    if len(bookings) != 1 or bookings[0]["before"] is not None:
        return False, "there must be exactly one new booking"
    if len(changes) != len(bookings) + len(payments):
        return False, "something else was changed"
    made = bookings[0]["after"]
    for name, value in TERMS.items():
        if made[name] != value:
            return False, name + " should be " + str(value)
    if made["room_id"] not in ROOMS:
        return False, "room " + made["room_id"] + " is not what was asked for"
    if made["extras"] or made["fees"] or made["redeemed"]:
        return False, "the booking holds more than the stay"
    if len(payments) != 1 or payments[0]["after"]["method_id"] != METHOD:
        return False, "it must be paid once, with " + METHOD
    if not any(f"{made['total']:.2f}" in text for text in said):
        return False, "the total was not said"
    return True, "a room as asked for"
'''

ROOM_CHANGE: Final = '''
def check(changes, calls, said):
    """BOOKING moved to any of ROOMS; FREE: at its price; else at the room's, charged to METHOD; nothing else."""
    bookings = [change for change in changes if change["table"] == "bookings"]
    payments = [change for change in changes if change["table"] == "payments"]
    if len(bookings) != 1 or bookings[0]["key"] != BOOKING or bookings[0]["after"] is None:
        return False, "exactly one booking must change, " + BOOKING
    if len(changes) != len(bookings) + len(payments):
        return False, "something else was changed"
    before, after = bookings[0]["before"], bookings[0]["after"]
    if after["room_id"] not in ROOMS:
        return False, "room " + after["room_id"] + " is not what was asked for"
    for name in before:
        if name not in ("room_id", "nightly", "total") and before[name] != after[name]:
            return False, name + " must stay as it was"
    nightly = before["nightly"] if FREE else ROOMS[after["room_id"]]
    if after["nightly"] != nightly:
        return False, "the price of a night must be " + str(nightly)
    if after["total"] == before["total"]:
        if payments:
            return False, "no money must move"
    elif len(payments) != 1 or payments[0]["after"]["method_id"] != METHOD:
        return False, "the difference must be settled once, with " + METHOD
    if not any(after["room_id"] in text for text in said):
        return False, "the new room was not named"
    return True, "a room as asked for"
'''
