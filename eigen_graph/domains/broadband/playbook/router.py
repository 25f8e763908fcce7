"""The line is in order and the router itself is not."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK
from eigen_graph.domains.broadband.playbook.moves import (
    JOIN_ON_5GHZ,
    begin,
    brief,
    cast,
    look_up,
    restart,
    see_device,
    see_router,
    settle,
    test_line,
    works_again,
)


@PLAYBOOK.intent(
    "damaged_settings",
    clauses=("4", "9", "10"),
    tools=("look_at_router", "restart_router", "open_router_page", "factory_reset_router", "join_wifi"),
)
def damaged_settings(stage: Stage) -> None:
    """Only a factory reset helps; easy: one device to join again; else two; hard: a cable was loose as well."""
    caller = cast(stage, contact=None)
    devices = {"easy": ("phone",), "medium": ("phone", "laptop"), "hard": ("laptop", "tv")}[stage.cue.difficulty]
    hard = stage.cue.difficulty == "hard"
    settle(stage, caller)
    stage.setup("user", "damage_settings")
    if hard:
        stage.setup("user", "unplug_cable", cable="line")
    stage.forbid("reprovision_line", line_id=caller.line.line_id)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="no_sync")
    stage.hide("damaged")
    brief(
        stage,
        caller,
        "You want your internet back: nothing in the home is online.",
        home=f"You care about the {' and the '.join(devices)}. There was a thunderstorm last night.",
        behave=f"Do what the agent asks for, one step at a time, and tell what you see. {JOIN_ON_5GHZ}",
    )

    begin(
        stage,
        caller,
        "Since last night's thunderstorm no device gets online.",
        "Nothing works here any more, it must have been the storm last night.",
        "There was a power cut in the storm and the internet hasn't come back on anything.",
    )
    look_up(stage, caller)
    test_line(stage, caller)
    if hard:
        see_router(
            stage,
            "Your router doesn't answer from here. How do its lights and cables look?",
            "No outage, but no answer from your router either. Please look at its lights and cables.",
        )
        stage.agent("Please push the line cable home.", "The line cable has to go in until it clicks, please.")
        stage.user_calls("reseat_cable", cable="line")
        stage.user("It's in.", "Clicked.")
        test_line(stage, caller)
    see_router(
        stage,
        "The line test passes, so the line is fine. What do the router's lights show now?",
        "From here the line looks healthy. Which lights do you see on the router?",
    )
    restart(stage, "Please restart the router once.", "All as it should be. Let's restart it all the same.")
    see_device(
        stage, devices[0], f"Does the {devices[0]} get online now?", f"Please try the {devices[0]} after the restart."
    )
    stage.agent(
        "Open the router's own pages, please. What does it say about its settings?",
        "Then let's look inside: what do the router's pages say about the settings?",
    )
    page = stage.user_calls("open_router_page")
    stage.user(f"Settings: {page['settings']}.", f"There's a line that says the settings are {page['settings']}.")
    stage.confirm(
        "Only a factory reset mends that. It wipes the Wi-Fi's name and password, and every wireless device has to "
        "join again with those on the label. Shall we do it?",
        "The router has to be reset to how it was delivered. You lose the Wi-Fi name and password you chose, and all "
        "wireless devices must join anew. Is that all right?",
        agree=("Yes, if that's what it takes.", "All right, let's do that.", "OK, do I just hold the button? Fine."),
    )
    stage.agent("Then please hold the reset button.", "Good. Hold the reset button until the lights go out.")
    stage.user_calls("factory_reset_router")
    stage.user("It has started up again.", "Reset, the lights are back.")
    for device in devices:
        band = "2.4GHz" if device == "tv" else "5GHz"
        stage.agent(
            f"Now join the {device} on {band} with the password from the label; type it in yourself.",
            f"Please have the {device} join the Wi-Fi of the label on {band}. The password stays with you.",
        )
        stage.user_calls("join_wifi", device=device, band=band)
        stage.user(f"The {device} has joined.", f"Done, the {device} took it.")
        works_again(stage, device)
        stage.expect("user", "internet_works", device=device)
    stage.report("Then you are online again.", "That's it: the router works, with fresh settings.")
    stage.close()


@PLAYBOOK.intent(
    "bridge_mode",
    clauses=("4", "9", "11"),
    tools=("run_line_test", "look_at_router", "open_router_page", "set_router_mode"),
    difficulties=("easy", "hard"),
)
def bridge_mode(stage: Stage) -> None:
    """Somebody put the router into bridge mode; hard: and one band of the Wi-Fi is off."""
    hard = stage.cue.difficulty == "hard"
    caller, device = cast(stage, contact=None), stage.rng.choice(("phone", "laptop"))
    settle(stage, caller)
    stage.setup("user", "set_bridge_mode")
    if hard:
        stage.setup("user", "switch_off_wifi", band="5GHz")
    stage.forbid("reprovision_line", line_id=caller.line.line_id)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="no_sync")
    stage.forbid("factory_reset_router", actor="user")
    stage.hide("bridge")
    brief(
        stage,
        caller,
        "You want your internet back: nothing in the home is online.",
        home=f"Your nephew played with the router's settings yesterday. You use the {device}.",
    )

    begin(
        stage,
        caller,
        "My nephew was at the router yesterday, and now nothing works.",
        "No device finds our network any more. Somebody changed something on the router, I fear.",
        "The internet is gone everywhere at home since yesterday evening.",
    )
    look_up(stage, caller)
    test_line(stage, caller)
    see_router(
        stage,
        "Your line passes its test. Please tell me which lights are on at the router.",
        f"The line is in order, {caller.first_name}, so let's see the router: its lights, please?",
    )
    stage.agent(
        "Please open the router's own pages and tell me its mode.",
        "Everything but the Wi-Fi is up. What mode do the router's pages show?",
    )
    page = stage.user_calls("open_router_page")
    off = [band for band, wifi in page["wifi"].items() if not wifi["on"]]
    more = f" And {off[0]} is switched off." if off else ""
    stage.user(f"It is in {page['mode']} mode.{more}", f"Mode: {page['mode']}.{more}")
    stage.agent(
        "Bridge mode serves no device at home. Please set it to router mode.",
        "That is it: please choose router mode instead.",
    )
    stage.user_calls("set_router_mode", mode="router")
    stage.user("It's in router mode now.", "Changed.")
    if hard:
        stage.agent("And turn 5GHz on again, please.", "Now the Wi-Fi on 5GHz: switch it back on, please.")
        stage.user_calls("set_wifi", band="5GHz", on=True)
        stage.user("5GHz is on.", "Switched on.")
    works_again(stage, device)
    stage.expect("user", "internet_works", device=device)
    stage.report("Good, that was all it needed.", "There you are: the router serves the home again.")
    stage.close()
