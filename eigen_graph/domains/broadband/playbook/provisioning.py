"""Cures that start in the network and end at the router: a router it does not know, a plan it does not deliver."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK
from eigen_graph.domains.broadband.playbook.moves import (
    JOIN_ON_5GHZ,
    Caller,
    begin,
    brief,
    cast,
    look_up,
    restart,
    see_device,
    see_router,
    see_speed,
    settle,
    test_line,
    works_again,
)


@PLAYBOOK.intent(
    "new_router",
    clauses=("3", "4", "8", "9"),
    tools=("run_line_test", "read_router_label", "reprovision_line", "restart_router", "join_wifi", "set_router_mode"),
)
def new_router(stage: Stage) -> None:
    """The network does not know the router; medium: a device has to join its Wi-Fi; hard: it is in bridge mode, too."""
    caller = cast(stage, contact=None)
    serial = f"LK-{stage.rng.randrange(1_000_000, 2_000_000)}"
    settle(stage, caller)
    stage.setup(
        "user",
        "swap_router",
        serial=serial,
        network=f"Larkfield-{serial[-4:]}",
        password=f"brisk-heron-{serial[-3:]}",
    )
    if stage.cue.difficulty == "hard":
        stage.setup("user", "set_bridge_mode")
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="no_sync")
    stage.forbid("transfer_to_person", reason="house_move")
    stage.hide("unknown_router", serial)
    brief(
        stage,
        caller,
        "You have put a replacement router in place of the old one, and nothing is online since.",
        home="The desktop is wired to the router, the phone is to use its Wi-Fi.",
        behave=f"Do what the agent asks for, one step at a time, and tell what you see. {JOIN_ON_5GHZ}",
    )

    begin(
        stage,
        caller,
        "I swapped our router for a new one and now nothing is online.",
        "The replacement router is connected, but it gets no internet at all.",
        "I've just put up a new router. All cables are in, and still no internet.",
    )
    look_up(stage, caller)
    test_line(stage, caller)
    stage.agent(
        "The network does not know this router yet, so it keeps it out. Please read me the serial on its label; keep "
        "the Wi-Fi password to yourself.",
        "Your line is fine; the new router just isn't registered. What is the serial on the label underneath? I need "
        "the serial only, nothing else that stands there.",
    )
    label = stage.user_calls("read_router_label")
    stage.user(f"The serial is {label['serial']}.", f"It says {label['serial']}.", f"Serial: {label['serial']}.")
    stage.agent_calls("reprovision_line", line_id=caller.line.line_id, router_serial=label["serial"])
    restart(
        stage,
        f"Thank you, {label['serial']} is registered. Now restart the router, please.",
        "It's let in from now on. Please restart it so that it logs in.",
    )
    if stage.cue.difficulty == "hard":
        _leave_bridge_mode(stage)
    works_again(stage, "desktop")
    if stage.cue.difficulty != "easy":
        _join_phone(stage)
    stage.expect("user", "internet_works", device="desktop")
    stage.expect("assistant", "line_delivers_plan", line_id=caller.line.line_id)
    stage.report("Then your new router is in service.", "Wonderful, the new router is up and running.")
    stage.close()


def _leave_bridge_mode(stage: Stage) -> None:
    see_device(stage, "desktop", "Is the desktop online now?", "How about the desktop, does it load pages?")
    see_router(stage, "Then what do the router's lights say?", "Hm. Which lights are on at the router?")
    stage.agent(
        "The router itself is online. Please open its own pages: which mode is it in?",
        "So the line is up. Have a look at the router's pages, please, and tell me the mode.",
    )
    page = stage.user_calls("open_router_page")
    stage.user(f"It says {page['mode']} mode.", f"The mode is {page['mode']}.")
    stage.agent(
        "In that mode it serves no device. Please change it to router mode.",
        "That is for passing the line on to another router. Set it to router mode, please.",
    )
    stage.user_calls("set_router_mode", mode="router")
    stage.user("Changed to router mode.", "Done, router mode.")


def _join_phone(stage: Stage) -> None:
    stage.agent(
        "The phone still knows the old Wi-Fi. Let it join the new one on 5GHz; the password is on the label, type it "
        "in yourself.",
        "One thing is left: the phone must join the new network. Choose the 5GHz one and enter the password from the "
        "label, no need to tell me.",
    )
    stage.user_calls("join_wifi", device="phone", band="5GHz")
    stage.user("The phone has joined.", "OK, it took the password.")
    works_again(stage, "phone")
    stage.expect("user", "internet_works", device="phone")


@PLAYBOOK.intent(
    "slow_after_upgrade",
    clauses=("5", "8", "9"),
    tools=("run_speed_test", "run_line_test", "reprovision_line", "restart_router", "set_device_switch"),
    difficulties=("easy", "hard"),
)
def slow_after_upgrade(stage: Stage) -> None:
    """The plan is a faster one, the network still delivers the old; hard: a VPN on the desktop slows it further."""
    hard = stage.cue.difficulty == "hard"
    plans = stage.db["plans"]
    caller = cast(stage, lambda line: line.plan_id in {"P-D16", "P-D50", "P-F100", "P-F250"}, contact=None)
    old = plans[caller.line.plan_id]
    new = stage.choose([plan for plan in plans.values() if plan.access == old.access and plan.mbps > old.mbps])
    line_id = caller.line.line_id
    stage.setup("assistant", "sign_contract", line_id=line_id, plan_id=new.plan_id, contract_end="2027-08-31")
    stage.setup("assistant", "stale_profile", line_id=line_id, plan_id=old.plan_id)
    settle(stage, caller)
    if hard:
        stage.setup("user", "turn_switch", device="desktop", switch="vpn", on=True)
    stage.forbid("open_ticket", line_id=line_id, category="slow_line")
    stage.forbid("change_plan", line_id=line_id, plan_id=old.plan_id)
    stage.forbid("factory_reset_router", actor="user")
    stage.hide(old.profile, new.profile)
    brief(
        stage,
        caller,
        f"Since the end of August you pay for {new.name} with {new.mbps} Mbps, but get no more than before.",
        home="You measured on the desktop, which is wired to the router.",
    )

    begin(
        stage,
        caller,
        f"I changed to {new.name} weeks ago and it's no faster than before, not even on the wired desktop.",
        f"I pay for {new.mbps} Mbps and my desktop, on a cable, gets nowhere near it.",
        "The upgrade I took last month never arrived: the wired computer is as slow as ever.",
    )
    look_up(stage, caller)
    _say_speed(stage, caller, "Your plan is indeed")
    test_line(stage, caller)
    stage.agent_calls("reprovision_line", line_id=line_id)
    restart(
        stage,
        f"The network still had the profile of the old plan, {old.mbps} Mbps. I have set the right one; please restart "
        f"the router.",
        "I see it: our network was never switched to the new plan. It is now. Restart the router, please, so that it "
        "takes effect.",
    )
    if hard:
        see_speed(stage, "desktop", "And the speed on the desktop now?", "What does the test say now?")
        see_device(stage, "desktop", "Still too little. What do the desktop's network settings show?")
        stage.agent(
            "The VPN eats the rest. Please turn it off and measure once more.",
            "That VPN slows everything it carries. Switch it off for a test, please.",
        )
        stage.user_calls("set_device_switch", device="desktop", switch="vpn", on=False)
        stage.user("The VPN is off.", "Off it is.")
    see_speed(stage, "desktop", "Please run the speed test again.", "Would you measure again on the desktop?")
    stage.expect("user", "speed_at_least", device="desktop", mbps=new.mbps)
    stage.expect("assistant", "line_delivers_plan", line_id=line_id)
    stage.report(
        f"Those are the {new.mbps} Mbps of {new.name}.",
        f"That is what {new.name} promises: {new.mbps} Mbps.",
    )
    stage.close()


def _say_speed(stage: Stage, caller: Caller, lead: str) -> None:
    plan = stage.db["plans"][stage.db["lines"][caller.line.line_id].plan_id]
    see_speed(
        stage,
        "desktop",
        f"{lead} {plan.name}, {plan.mbps} Mbps. What does a speed test on the desktop say right now?",
        f"{lead} {plan.name}. Please run a speed test on the wired desktop for me.",
    )
