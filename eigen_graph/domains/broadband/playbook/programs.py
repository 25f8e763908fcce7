"""Checker programs for cases in which several end states are right; the intents put the names in front."""

ONE_OF_THE_SLOTS = """
def check(changes, calls, said):
    tickets = [c for c in changes if c["table"] == "tickets"]
    visits = [c for c in changes if c["table"] == "slots"]
    if len(changes) != len(tickets) + len(visits):
        return False, "something else than a ticket and a visit was changed"
    if len(tickets) != 1 or len(visits) != 1:
        return False, "there must be one new ticket and one visit"
    ticket = tickets[0]["after"]
    if tickets[0]["before"] is not None or ticket["line_id"] != LINE or ticket["category"] != "no_sync":
        return False, "the ticket is not for a line without sync"
    if visits[0]["key"] not in SLOTS:
        return False, "the customer cannot be at home then: " + visits[0]["key"]
    slot = visits[0]["after"]
    if slot["ticket_id"] != tickets[0]["key"]:
        return False, "the visit is not booked for the ticket"
    if not any(slot["date"] in text and slot["window"][:5] in text for text in said):
        return False, "the customer was not told when the technician comes"
    return True, "booked and told"
"""
"""Needs `LINE` and `SLOTS`: one ticket for the line and one visit, in a slot that suits the customer."""

ONE_OF_THE_CHANNELS = """
def check(changes, calls, said):
    if not changes:
        return False, "nothing was changed"
    for change in changes:
        if change["side"] != "user" or change["table"] != "wifi" or change["key"] != BAND:
            return False, "something else than the Wi-Fi's channel was changed: " + change["table"]
        after = change["after"]
        if after["channel"] not in FREE:
            return False, "the channel is no better than before"
        if not after["on"] or after["name"] != change["before"]["name"]:
            return False, "the network is not what it was"
    return True, "moved to a free channel"
"""
"""Needs `BAND` and `FREE`: the Wi-Fi of that band was moved to a free channel, and nothing else was touched."""
