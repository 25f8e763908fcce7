"""Moves that many dialogues share: who calls, how they identify themselves, where the agent looks first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from eigen_graph.core import Stage
from eigen_graph.domains.broadband.playbook.words import device_words, light_words
from eigen_graph.domains.broadband.records import Customer, Line

OWN_DEVICES = ("phone", "laptop", "tablet", "tv")
"""Wireless devices that no employer manages."""

JOIN_ON_5GHZ = "When a device is to join the Wi-Fi, use 5GHz where it can, unless the agent names another band."
"""So that it does not depend on taste which band a device ends on."""

_AS_CONTACT = 0.3
_AT_ONCE = 0.3
_NUMBER_FORGOTTEN = 0.5


class Caller(NamedTuple):
    """Who is on the phone, and about which line."""

    customer: Customer
    line: Line
    name: str
    """The caller's own name: the holder's, or a contact's."""

    @property
    def first_name(self) -> str:
        """What the agent may call them."""
        return self.name.split()[0]


def cast(
    stage: Stage,
    fits: Callable[[Line], bool] = lambda _: True,
    *,
    contact: bool | None = False,
) -> Caller:
    """Pick a caller whose line is in order.

    Args:
        stage: The stage.
        fits: What else the line must be.
        contact: Whether a contact calls rather than the holder; None: either, as it comes.
    """
    ticketed = {ticket.line_id for ticket in stage.db["tickets"].values() if ticket.status == "open"}
    customers = stage.db["customers"]
    if contact is None:
        contact = stage.rng.random() < _AS_CONTACT

    def ordinary(line: Line) -> bool:
        customer: Customer = customers[line.customer_id]
        in_order = bool(line.session) and not line.noisy and line.line_id not in ticketed
        return in_order and not customer.priority_care and (bool(customer.contacts) or not contact) and fits(line)

    line: Line = stage.pick("lines", ordinary)
    customer: Customer = customers[line.customer_id]
    stage.hide(line.line_id, customer.customer_id)
    stage.explore("find_customer", query=customer.name)
    stage.explore("get_account", customer_id=customer.customer_id)
    return Caller(customer, line, stage.rng.choice(customer.contacts) if contact else customer.name)


def settle(stage: Stage, caller: Caller) -> None:
    """Put the household on the caller's line."""
    stage.setup("user", "move_in", line_id=caller.line.line_id)


def brief(stage: Stage, caller: Caller, reason: str, *, home: str = "", unknown: str = "", behave: str = "") -> None:
    """What the simulated user is told; `home` adds to what they know."""
    customer = caller.customer
    role = "" if caller.name == customer.name else f", a contact of the account, which {customer.name} holds"
    stage.brief(
        reason=reason,
        known=(
            f"You are {caller.name}{role}. The phone number on the account is {customer.phone}, its PIN is "
            f"{customer.pin}. You live at {caller.line.address}. {home}"
        ).strip(),
        unknown=unknown or "You do not know what causes the trouble, nor any number of your account or line.",
        behave=behave or "Do in your home what the agent asks for, one step at a time, and tell what you see.",
    )


def begin(stage: Stage, caller: Caller, *openings: str) -> None:
    """The user opens, says who they are, and the agent checks it."""
    customer, rng = caller.customer, stage.rng
    on_behalf = "" if caller.name == customer.name else f", calling for {customer.name}"
    forgotten = stage.cue.difficulty == "hard" and rng.random() < _NUMBER_FORGOTTEN
    if forgotten:
        details: Sequence[str] = (
            f"I'm {caller.name}{on_behalf}. I don't know which phone number you have; the PIN is {customer.pin}.",
            f"{caller.name}{on_behalf}, PIN {customer.pin}. The phone number on file, I honestly couldn't say.",
        )
    else:
        details = (
            f"I'm {caller.name}{on_behalf}, the number is {customer.phone} and the PIN {customer.pin}.",
            f"{caller.name}{on_behalf}. Phone {customer.phone}, PIN {customer.pin}.",
            f"Sure: {caller.name}{on_behalf}, {customer.phone}, and my PIN is {customer.pin}.",
        )
    if rng.random() < _AT_ONCE:
        stage.user(*(f"{opening} {details[0]}" for opening in openings))
    else:
        stage.user(*openings)
        stage.agent(
            "I'm sorry to keep you a moment: your full name, the phone number on the account and your PIN, please.",
            "I can look into that. May I have your name, the account's phone number and the four-digit PIN first?",
            "Before I open anything I need three things: full name, phone number on the account, PIN.",
            "Of course. To begin, please tell me your name, the phone number we have for you, and your PIN.",
        )
        stage.user(*details, kind="identify")
    if forgotten:
        stage.agent_calls("find_customer", query=customer.name)
    stage.agent_calls("verify_identity", name=caller.name, phone=customer.phone, pin=customer.pin)


def look_up(stage: Stage, caller: Caller) -> None:
    """The agent opens the account, then looks for outages."""
    stage.agent_calls("get_account", customer_id=caller.customer.customer_id)
    stage.agent_calls("check_outage", line_id=caller.line.line_id)


def test_line(stage: Stage, caller: Caller) -> None:
    """The agent tests the line."""
    stage.agent_calls("run_line_test", line_id=caller.line.line_id)


def see_router(stage: Stage, *asked: str) -> dict[str, Any]:
    """The agent asks for a look at the router; the user looks and tells."""
    stage.agent(*asked)
    view: dict[str, Any] = stage.user_calls("look_at_router")
    stage.user(*light_words(view))
    return view


def see_device(stage: Stage, device: str, *asked: str) -> dict[str, Any]:
    """The agent asks how a device is doing; the user looks and tells."""
    stage.agent(*asked)
    view: dict[str, Any] = stage.user_calls("check_device", device=device)
    stage.user(*device_words(device, view))
    return view


def see_speed(stage: Stage, device: str, *asked: str) -> int:
    """The agent asks for a speed test; the user runs it and tells."""
    stage.agent(*asked)
    mbps: int = stage.user_calls("run_speed_test", device=device)["mbps"]
    stage.user(f"It says {mbps} Mbps.", f"{mbps} Mbps on the {device}.", f"I measured {mbps} Mbps just now.")
    return mbps


def restart(stage: Stage, *asked: str) -> None:
    """The agent asks for a restart; the user does it."""
    stage.agent(*asked)
    stage.user_calls("restart_router")
    stage.user(
        "It's back up, the lights have settled.",
        "Restarted. It took a minute, but it's up.",
        "OK, it has come up again.",
    )


def works_again(stage: Stage, device: str) -> None:
    """The user makes sure that a device is online."""
    see_device(
        stage,
        device,
        f"Good. Please check on the {device}: does a page open?",
        f"Let's make sure. Is the {device} online again?",
        f"That should have done it. Could you try the {device}?",
    )
