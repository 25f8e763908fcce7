"""One device among many does not work: its own settings are why, and some are not ours to change."""

from __future__ import annotations

from eigen_graph.core import Stage
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK
from eigen_graph.domains.broadband.playbook.moves import begin, brief, cast, see_device, see_speed, settle, works_again

_FAULTS = ("dns", "ip_address", "airplane_mode", "wifi")


@PLAYBOOK.intent(
    "device_settings",
    clauses=("5", "9", "11"),
    tools=("check_device", "set_device_automatic", "set_device_switch"),
)
def device_settings(stage: Stage) -> None:
    """A setting of one device is in the way; hard: two are."""
    caller, device = cast(stage, contact=None), stage.rng.choice(("phone", "laptop", "tablet"))
    easy = stage.cue.difficulty == "easy"
    faults = sorted(stage.rng.sample(_FAULTS[:2] if easy else _FAULTS, 2 if stage.cue.difficulty == "hard" else 1))
    settle(stage, caller)
    for fault in faults:
        if fault in {"dns", "ip_address"}:
            stage.setup("user", "set_manually", device=device, setting=fault)
        else:
            stage.setup("user", "turn_switch", device=device, switch=fault, on=fault == "airplane_mode")
    stage.forbid("reprovision_line", line_id=caller.line.line_id)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="no_sync")
    stage.forbid("factory_reset_router", actor="user")
    if easy:
        stage.hide("manual")
    brief(
        stage,
        caller,
        f"The {device} is offline, and only the {device}; you want it online.",
        home=f"A friend tinkered with the {device}. Every other device is online.",
    )

    begin(
        stage,
        caller,
        f"My {device} is offline, everything else works.",
        f"Only the {device} has no internet. A friend had a go at it, maybe that's it.",
        f"There's no internet on the {device}, although the others here are fine.",
    )
    see_device(
        stage,
        device,
        f"Then the line is fine and we look at the {device}. What is it connected to, and how is it set up?",
        f"Good to know that the others work. What do the {device}'s network settings show?",
    )
    for fault in faults:
        _undo(stage, device, fault)
    works_again(stage, device)
    stage.expect("user", "internet_works", device=device)
    stage.report(
        f"Then it was the {device}'s own settings.",
        "Good. Nothing else had to be changed; the line was fine all along.",
    )
    stage.close()


def _undo(stage: Stage, device: str, fault: str) -> None:
    if fault in {"dns", "ip_address"}:
        name = "DNS server" if fault == "dns" else "IP address"
        stage.agent(
            f"The {name} was entered by hand. Please set it to automatic.",
            f"Change the {name} from manual to automatic, please.",
        )
        stage.user_calls("set_device_automatic", device=device, setting=fault)
        stage.user(f"The {name} is automatic now.", "Done, automatic.")
    else:
        on = fault == "wifi"
        name = "Wi-Fi" if on else "airplane mode"
        stage.agent(
            f"Please turn {name} {'on' if on else 'off'} on the {device}.",
            f"On the {device}, {name} has to be {'on' if on else 'off'}. Would you change that?",
        )
        stage.user_calls("set_device_switch", device=device, switch=fault, on=on)
        stage.user(f"{name[0].upper()}{name[1:]} is {'on' if on else 'off'}.", "Changed.")


@PLAYBOOK.intent(
    "vpn_slow",
    clauses=("5", "9", "11"),
    tools=("run_speed_test", "check_device", "set_device_switch"),
)
def vpn_slow(stage: Stage) -> None:
    """A VPN slows one device; hard: an address set by hand has put it offline as well."""
    hard = stage.cue.difficulty == "hard"
    caller, device = cast(stage, contact=None), stage.rng.choice(("phone", "laptop", "tablet"))
    settle(stage, caller)
    stage.setup("user", "turn_switch", device=device, switch="vpn", on=True)
    if hard:
        stage.setup("user", "set_manually", device=device, setting="ip_address")
    stage.forbid("reprovision_line", line_id=caller.line.line_id)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="slow_line")
    stage.forbid("set_device_switch", actor="user", device="work_laptop", switch="vpn", on=False)
    stage.hide("vpn")
    brief(
        stage,
        caller,
        f"The {device} is very slow or hardly works, though the others are fast; you want it fast.",
        home=f"The {device} is your own.",
    )

    begin(
        stage,
        caller,
        f"My {device} is slow as treacle, and it is only that one.",
        f"Everything is quick here except the {device}.",
        f"Something slows down my {device}; the tv next to it streams without a hitch.",
    )
    if not hard:
        see_speed(stage, device, f"How many Mbps does a test on the {device} give?", "Please run a speed test on it.")
    see_device(
        stage,
        device,
        f"What do the settings of the {device} show?",
        f"Since it is just the {device}, please look at its connection and settings.",
    )
    if hard:
        _undo(stage, device, "ip_address")
    stage.agent(
        "The VPN sends everything the long way round. Please turn it off.",
        "That VPN is the brake. Would you switch it off?",
    )
    if stage.cue.difficulty == "medium":
        stage.user("But I need that VPN now and then.", "I use it sometimes, do I have to give it up?")
        stage.agent(
            "No, only turn it off now, and on again when you need it.",
            "Not at all: off for the moment, please, to see what it costs you.",
        )
    stage.user_calls("set_device_switch", device=device, switch="vpn", on=False)
    stage.user("The VPN is off.", "I've turned it off.")
    after = see_speed(stage, device, "And how fast is it now?", "Measure once more, please.")
    stage.expect("user", "speed_at_least", device=device, mbps=after)
    stage.expect("user", "switch_is", device=device, switch="vpn", on=False)
    stage.report("That is as it should be.", f"{after} Mbps is what your Wi-Fi carries. All good then.")
    stage.close()


@PLAYBOOK.intent("managed_laptop", clauses=("5", "11"), tools=("check_device", "set_device_switch"), ending="refusal")
def managed_laptop(stage: Stage) -> None:
    """An employer's laptop is slow or offline for its settings, and those are not to be touched."""
    caller = cast(stage, contact=None)
    settle(stage, caller)
    if stage.cue.difficulty != "easy":
        stage.setup("user", "set_manually", device="work_laptop", setting="dns")
        stage.forbid("set_device_automatic", actor="user", device="work_laptop", setting="dns")
    stage.forbid("set_device_switch", actor="user", device="work_laptop", switch="vpn", on=False)
    stage.forbid("reprovision_line", line_id=caller.line.line_id)
    stage.forbid("open_ticket", line_id=caller.line.line_id, category="slow_line")
    brief(
        stage,
        caller,
        "Your laptop from work does badly at home, and you want the agent to tell you which settings to change.",
        home="All your own devices work well. The laptop comes from the company where you work.",
        behave="Ask once whether you may not switch the VPN off all the same; accept it when refused.",
    )

    begin(
        stage,
        caller,
        "My work laptop is no good at home. Which setting do I have to change?",
        "I work from home and the company's laptop gives me nothing but trouble. The rest is fine.",
        "Could you walk me through the settings of my work laptop? It hardly loads anything.",
    )
    see_device(
        stage,
        "work_laptop",
        "If the others are fine, it is that laptop. What do its network settings show?",
        "Let's look at that one only: what does it say about its connection and who looks after it?",
    )
    stage.report(
        "It is managed by your employer, so please change nothing on it: your employer has to do that.",
        "Since your employer manages it, I can't have you change its settings. Your employer's own support must.",
        facts=["employer"],
    )
    stage.user(
        "Couldn't I just turn the VPN off?", "And if I switch off that VPN for a day?", "Not even the VPN, just to try?"
    )
    stage.agent(
        "I'm sorry, no. Not on a device that isn't yours; please call your own IT people.",
        "No, please leave it as it is. Your company's IT can look at it.",
    )
    stage.close("All right, I'll ask at work.", "Fine, I'll call our IT then.", "OK. Thanks anyway.")


@PLAYBOOK.intent("join_device", clauses=("3", "5"), tools=("read_router_label", "join_wifi", "set_device_switch"))
def join_device(stage: Stage) -> None:
    """A device is to join the Wi-Fi and its owner wants the password from the agent; hard: it is in airplane mode."""
    hard = stage.cue.difficulty == "hard"
    caller, device = cast(stage, contact=None), stage.rng.choice(("tablet", "laptop", "tv"))
    band = "2.4GHz" if device == "tv" else "5GHz"
    settle(stage, caller)
    stage.setup("user", "forget_wifi", device=device)
    if hard and device != "tv":
        stage.setup("user", "turn_switch", device=device, switch="airplane_mode", on=True)
    stage.forbid("factory_reset_router", actor="user")
    stage.forbid("reprovision_line", line_id=caller.line.line_id)
    stage.forbid("transfer_to_person", reason="security")
    stage.hide(stage.user_db["router"]["router"].label_password)
    brief(
        stage,
        caller,
        f"The {device} asks for the Wi-Fi password, and you hope that the agent can tell you.",
        home=f"The other devices are online. The {device} is to use {band}.",
    )

    begin(
        stage,
        caller,
        f"My {device} wants a Wi-Fi password. Can you tell me what it is?",
        f"What's our Wi-Fi password? The {device} keeps asking for it.",
        f"I need the password of our Wi-Fi for the {device}.",
    )
    see_device(
        stage,
        device,
        f"I neither have it nor may hear it, but it is easily found. First, what does the {device} show just now?",
        f"We don't know your password, and please don't tell it to anybody. How does the {device} look at present?",
    )
    if hard and device != "tv":
        stage.agent("Please turn airplane mode off first.", "It can't find any network so. Airplane mode off, please.")
        stage.user_calls("set_device_switch", device=device, switch="airplane_mode", on=False)
        stage.user("Airplane mode is off.", "Right, it's off.")
    stage.agent(
        "Now look at the label under the router: the password that it came with stands there.",
        "If you never changed it, it is on the label under the router. Have a look, without reading it out.",
    )
    stage.user_calls("read_router_label")
    if stage.cue.difficulty != "easy":
        stage.user("Found it. Shall I read it to you, so that you can check it?", "I see it. Do you want to hear it?")
        stage.agent("No, please, keep it to yourself.", "Better not; nobody but your devices needs it.")
    stage.user("There is one, yes. And our own one I find in the drawer.", "I see it, and now I recall ours, too.")
    stage.agent(
        f"Then let the {device} join on {band} and type the password in.",
        f"Good. Choose your network on {band} on the {device} and enter it.",
    )
    stage.user_calls("join_wifi", device=device, band=band)
    stage.user("It took it.", f"Joined, the {device} is in.")
    works_again(stage, device)
    stage.expect("user", "internet_works", device=device)
    stage.report("Wonderful. Keep that password to yourself.", "There you are. It stays between you and your router.")
    stage.close()
