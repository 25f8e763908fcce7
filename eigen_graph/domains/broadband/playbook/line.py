"""Nothing in the home is online, for a cable or for what the network should deliver."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK
from eigen_graph.domains.broadband.playbook.moves import (
    OWN_DEVICES,
    begin,
    brief,
    cast,
    look_up,
    restart,
    see_router,
    settle,
    test_line,
    works_again,
)

_NOTHING_WORKS = (
    "Nothing in our home gets online any more.",
    "The internet is gone on every single device.",
    "We have no connection at all, whatever I try it with.",
    "My internet has stopped working, on the phone as much as on the computer.",
)


@PLAYBOOK.intent(
    "loose_cable",
    clauses=("1", "4", "7", "9"),
    tools=("check_outage", "run_line_test", "look_at_router", "reseat_cable", "check_device"),
)
def loose_cable(stage: Stage) -> None:
    """Easy: the power cable; else the line cable; hard: and the network has lost the profile."""
    hard = stage.cue.difficulty == "hard"
    caller, device = cast(stage, contact=None), stage.rng.choice((*OWN_DEVICES, "desktop"))
    cable = "power" if stage.cue.difficulty == "easy" else "line"
    if hard:
        stage.setup("assistant", "drop_profile", line_id=caller.line.line_id)
        stage.hide("profile")
    else:
        stage.forbid("reprovision_line", line_id=caller.line.line_id)
    settle(stage, caller)
    stage.setup("user", "unplug_cable", cable=cable)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="no_sync")
    stage.forbid("transfer_to_person", reason="priority_care")
    stage.forbid("factory_reset_router", actor="user")
    stage.hide("no_sync", "no_power")
    brief(stage, caller, "You want your internet back: nothing in the home is online.", home=f"You use a {device}.")

    begin(stage, caller, *_NOTHING_WORKS)
    look_up(stage, caller)
    test_line(stage, caller)
    see_router(
        stage,
        f"Thank you, {caller.first_name}. There is no outage, but the line test gets no answer from your router. "
        f"Please go and look at it: which lights are on, and are all cables in?",
        "I see no outage, yet your router doesn't answer from here. What do its lights and its cables look like?",
    )
    stage.agent(
        f"Then please push the {cable} cable firmly home.",
        f"That explains it. Take the {cable} cable out and push it back in until it clicks, please.",
    )
    stage.user_calls("reseat_cable", cable=cable)
    stage.user("It clicked.", "OK, it's in and won't come out again.", "Done, that was really just hanging there.")
    test_line(stage, caller)
    if hard:
        stage.agent_calls("reprovision_line", line_id=caller.line.line_id)
        restart(
            stage,
            "Your router answers again, but its profile was missing in our network. I have set it anew; please restart "
            "the router now so that it picks it up.",
            "Better: the line is in sync. The network had also lost your profile, which I have put back. A restart of "
            "the router is needed for it.",
        )
    works_again(stage, device)
    stage.expect("user", "internet_works", device=device)
    stage.expect("assistant", "line_delivers_plan", line_id=caller.line.line_id)
    stage.report(
        f"Then all is well again: the {cable} cable had come loose. Anything else?",
        f"Glad to hear it. It was the {cable} cable. Is there anything else I can do?",
    )
    stage.close()


@PLAYBOOK.intent(
    "lost_profile",
    clauses=("4", "8", "9"),
    tools=("run_line_test", "reprovision_line", "restart_router", "check_device"),
    difficulties=("easy", "hard"),
)
def lost_profile(stage: Stage) -> None:
    """The network has lost the profile; hard: and the device's DNS server was set by hand."""
    hard = stage.cue.difficulty == "hard"
    caller, device = cast(stage, contact=None), stage.rng.choice(("phone", "laptop", "desktop"))
    stage.setup("assistant", "drop_profile", line_id=caller.line.line_id)
    settle(stage, caller)
    if hard:
        stage.setup("user", "set_manually", device=device, setting="dns")
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="no_sync")
    stage.forbid("transfer_to_person", reason="security")
    stage.forbid("factory_reset_router", actor="user")
    stage.hide("profile", "dns")
    brief(
        stage,
        caller,
        "You want your internet back: nothing in the home is online.",
        home=f"You have restarted the router already. You mostly use the {device}.",
    )

    begin(stage, caller, *_NOTHING_WORKS, "No internet anywhere at home, and I did restart the router.")
    look_up(stage, caller)
    test_line(stage, caller)
    stage.agent_calls("reprovision_line", line_id=caller.line.line_id)
    restart(
        stage,
        "There is no outage and your router answers, but the network had lost the profile of your line. I have set it "
        "again. Please restart the router once more: it takes the profile up only when it starts.",
        f"Found it, {caller.first_name}: your line's profile was missing in our network. It is set again, and now the "
        f"router needs a restart to pick it up, even if you have restarted it before.",
    )
    works_again(stage, device)
    if hard:
        stage.agent(
            "The line itself is fine now, so that is the device. Please set its DNS server back to automatic.",
            f"Then one more thing, on the {device} alone: change the DNS server from manual to automatic, please.",
        )
        stage.user_calls("set_device_automatic", device=device, setting="dns")
        stage.user("It's automatic now.", "Found it, changed.")
        works_again(stage, device)
    stage.expect("user", "internet_works", device=device)
    stage.expect("user", "router_online")
    stage.report("Good, then everything runs again.", "Perfect. Your connection is back as it should be.")
    stage.close()
