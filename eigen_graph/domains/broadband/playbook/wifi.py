"""The line is fine and so is the router, but its Wi-Fi is not, or a device does not get into it."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.broadband import home
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK
from eigen_graph.domains.broadband.playbook.moves import (
    begin,
    brief,
    cast,
    see_device,
    see_speed,
    settle,
    works_again,
)
from eigen_graph.domains.broadband.playbook.programs import ONE_OF_THE_CHANNELS
from eigen_graph.domains.broadband.records import Band

_PAGE = (
    "Then it is about the Wi-Fi. Please open the router's own pages: what do they say about each band?",
    "So the line is in order. What do the router's pages show for 2.4GHz and for 5GHz?",
)


@PLAYBOOK.intent(
    "wifi_off",
    clauses=("5", "9", "11"),
    tools=("check_device", "open_router_page", "set_wifi", "join_wifi"),
)
def wifi_off(stage: Stage) -> None:
    """A band is off; medium: both are; hard: and a device has forgotten the network."""
    level = stage.cue.difficulty
    caller = cast(stage, contact=None)
    off: tuple[Band, ...] = ("2.4GHz", "5GHz") if level == "medium" else ("5GHz",)
    settle(stage, caller)
    for band in off:
        stage.setup("user", "switch_off_wifi", band=band)
    if level == "hard":
        stage.setup("user", "forget_wifi", device="laptop")
    stage.forbid("reprovision_line", line_id=caller.line.line_id)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="no_sync")
    stage.forbid("factory_reset_router", actor="user")
    brief(
        stage,
        caller,
        "The phone and the laptop get no Wi-Fi any more, and you want it back.",
        home="The desktop, wired to the router, works. The laptop and the phone used 5GHz.",
    )

    begin(
        stage,
        caller,
        "Phone and laptop have lost the Wi-Fi.",
        "The Wi-Fi has disappeared for my phone and my laptop.",
        "Neither my laptop nor my phone gets into our Wi-Fi any longer.",
    )
    see_device(
        stage,
        "desktop",
        f"Thank you, {caller.first_name}. Is there a device that works, the desktop perhaps?",
        "Let's see how far the line gets: is the wired desktop online?",
    )
    stage.agent(*_PAGE)
    page = stage.user_calls("open_router_page")
    stage.user(_bands(page["wifi"]), f"Here it is. {_bands(page['wifi'])}")
    names = " and ".join(off)
    stage.agent(f"Please turn {names} on.", f"{names} should be on. Switch that on, please.")
    for band in off:
        stage.user_calls("set_wifi", band=band, on=True)
    stage.user("Switched on.", f"OK, {names} on.")
    if level == "hard":
        see_device(stage, "laptop", "How is the laptop now?", "Does the laptop come back by itself?")
        stage.agent(
            "It has forgotten your network. Let it join on 5GHz again and type in the password yourself.",
            "Please have it join the Wi-Fi on 5GHz once more. I don't need the password, only the laptop does.",
        )
        stage.user_calls("join_wifi", device="laptop", band="5GHz")
        stage.user("The laptop has joined.", "That worked, it's in.")
        works_again(stage, "laptop")
        stage.expect("user", "wifi_connected", device="laptop")
    works_again(stage, "phone")
    stage.expect("user", "internet_works", device="phone")
    stage.report("Then your Wi-Fi is back.", "Good, that was the switch on the router's pages.")
    stage.close()


@PLAYBOOK.intent(
    "crowded_channel",
    clauses=("5", "9", "11"),
    tools=("run_speed_test", "open_router_page", "set_wifi"),
)
def crowded_channel(stage: Stage) -> None:
    """Neighbours crowd the channel; any free one is right. Hard: on 5GHz, where the router has five to choose from."""
    band: Band = "5GHz" if stage.cue.difficulty == "hard" else "2.4GHz"
    device = "tablet" if band == "2.4GHz" else stage.rng.choice(("phone", "laptop"))
    caller = cast(stage, contact=None)
    free = sorted(stage.rng.sample(home.CHANNELS[band], 1 if stage.cue.difficulty == "easy" else 2))
    busy = [channel for channel in home.CHANNELS[band] if channel not in free]
    settle(stage, caller)
    stage.setup("user", "crowd_wifi", band=band, busy=busy)
    stage.forbid("reprovision_line", line_id=caller.line.line_id)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="slow_line")
    stage.forbid("set_wifi", actor="user", band=band, on=False)
    stage.hide("channel")
    brief(
        stage,
        caller,
        f"Wi-Fi on the {device} has become slow, most of all in the evening, and you want it faster.",
        home=f"The {device} uses the Wi-Fi on {band}. The wired desktop is as fast as ever.",
    )

    begin(
        stage,
        caller,
        f"The Wi-Fi is a snail lately, on the {device} at least.",
        "Our Wi-Fi has become so slow, since the new neighbours moved in.",
        f"Watching anything on the {device} is impossible, the Wi-Fi hardly moves.",
    )
    see_speed(stage, "desktop", "How fast is the wired desktop?", "Please run a speed test on the wired desktop first.")
    before = see_speed(stage, device, f"That is fine. And on the {device}?", f"Now the same on the {device}, please.")
    stage.agent(*_PAGE)
    wifi = stage.user_calls("open_router_page")["wifi"][band]
    used = ", ".join(map(str, wifi["channels_used_by_neighbours"]))
    stage.user(
        f"{band} is on channel {wifi['channel']}; the neighbours use {used}.",
        f"Channel {wifi['channel']} on {band}. It says neighbours are on {used}.",
    )
    target = stage.rng.choice(free)
    stage.agent(
        f"You share that with the neighbours. Please set {band} to channel {target}, which is free.",
        f"That is the trouble: too many on one channel. Change {band} to {target}, please.",
    )
    stage.user_calls("set_wifi", band=band, channel=target)
    stage.user(f"It's on {target} now.", f"Changed to {target}.")
    after = see_speed(stage, device, f"And the {device} now?", f"Please measure on the {device} once more.")
    stage.expect("user", "speed_at_least", device=device, mbps=after)
    stage.report(f"{after} instead of {before} Mbps: that was it.", "Much better. The neighbours were the reason.")
    stage.close()
    if len(free) > 1:
        stage.judge_by(f"BAND = {band!r}\nFREE = {free!r}\n{ONE_OF_THE_CHANNELS}")
        for other in [channel for channel in free if channel != target]:
            stage.accept_also(
                *(
                    call.model_copy(update={"arguments": {"band": band, "channel": other}})
                    if call.name == "set_wifi"
                    else call
                    for call in stage.actions
                )
            )


@PLAYBOOK.intent(
    "far_corner",
    clauses=("3", "5", "9"),
    tools=("check_device", "run_speed_test", "join_wifi"),
    difficulties=("easy", "hard"),
)
def far_corner(stage: Stage) -> None:
    """One device far from the router is on 5GHz, which does not carry; hard: and a VPN is on."""
    hard = stage.cue.difficulty == "hard"
    caller, device = cast(stage, contact=None), stage.rng.choice(("laptop", "tablet", "phone"))
    place = stage.rng.choice(("attic", "garden room", "cellar", "far bedroom"))
    settle(stage, caller)
    stage.setup("user", "carry_off", device=device, band="5GHz")
    if hard:
        stage.setup("user", "turn_switch", device=device, switch="vpn", on=True)
    stage.forbid("reprovision_line", line_id=caller.line.line_id)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="slow_line")
    stage.forbid("set_wifi", actor="user", band="5GHz", on=False)
    stage.hide("5GHz")
    brief(
        stage,
        caller,
        f"The {device} is slow in the {place}, while everything near the router is fast.",
        behave="You offer to read out the Wi-Fi password when a network has to be joined; do not insist.",
    )

    begin(
        stage,
        caller,
        f"In our {place} the {device} is unbearably slow.",
        f"I moved my work to the {place} and the {device} crawls there, everything else is fine.",
        f"Why is the {device} so slow in the {place}? The others are quick.",
    )
    see_device(
        stage,
        device,
        f"As the others are fine, let's look at the {device}: what is it connected to, and what settings does it show?",
        f"Then it's that device. Please check the {device}'s connection and settings.",
    )
    if hard:
        stage.agent("First, please turn off the VPN.", "Two things, then. To begin with, switch the VPN off.")
        stage.user_calls("set_device_switch", device=device, switch="vpn", on=False)
        stage.user("The VPN is off.", "Done, no VPN.")
    stage.agent(
        f"5GHz does not get through walls well. Please let the {device} join the network on 2.4GHz.",
        f"On 5GHz little arrives in the {place}. Join the Wi-Fi on 2.4GHz with the {device}, please.",
    )
    stage.user("It'll want the password. Shall I read it out?", "For the password, do I tell you what's on the label?")
    stage.agent(
        "No, please keep it to yourself and type it in there.",
        "Please don't: just enter it on the device, nobody else needs it.",
    )
    stage.user_calls("join_wifi", device=device, band="2.4GHz")
    stage.user("It has joined.", "Fine, it's on 2.4GHz now.")
    after = see_speed(stage, device, "What does a speed test say there now?", f"And the speed in the {place} now?")
    stage.expect("user", "speed_at_least", device=device, mbps=after)
    stage.report(f"That is about what 2.4GHz can carry into the {place}.", "Good, that should do for up there.")
    stage.close()


def _bands(wifi: dict[str, dict[str, object]]) -> str:
    return " ".join(f"{band} is {'on' if state['on'] else 'switched off'}." for band, state in wifi.items())
