"""The scripted reflector: from the failures that cost most to the patches that answer them, by rule.

It changes no prompt: it has no words of its own. Each rule looks for one kind of waste or loss in the evidence, builds
a patch as plain JSON, and estimates what the patch is worth in the evidence's own unit of cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eigen_graph.models.scripted.part import Line, Part, block

_MAX_OPS = 4
_MAX_VISITS = 8
_MAX_SUBMISSIONS = 20
_SUBMISSIONS = 4
"""A run's own limit, where no patch has set one."""
_CURED = 0.8
"""Share of flawed tasks that come out right when written again."""
_REDONE = 0.5
"""Share of dialogues that come out right when done over, where the evidence shows none."""
_KEPT = 0.4
"""Share of a dialogue before its first fault, where the evidence shows none."""
_VERIFY = 1 / 3
"""What reading a task costs, in readings of a dialogue."""
_SHARES = {"agent": 0.45, "user": 0.1, "reviewer": 0.1, "writer": 0.35}
"""Of the roles in the cost, where the evidence has none."""

Op = dict[str, Any]


@dataclass(frozen=True)
class _Answer:
    """A patch, and what it is expected to be worth."""

    worth: float
    why: str
    ops: list[Op]


@dataclass(frozen=True)
class _Engine:
    """A workflow with what became of its instances."""

    nodes: Mapping[str, Mapping[str, Any]]
    ways: Mapping[tuple[str, str], str]
    settings: Mapping[str, Any]
    groups: list[Mapping[str, Any]]
    redone: list[Mapping[str, Any]]
    tried: int
    play: float
    """Cost of one dialogue, its review included."""
    read: float
    """Cost of one review."""
    write: float
    """Cost of one task."""
    accepted: float
    """Cost of one accepted dialogue, all told: what one more is worth."""

    @classmethod
    def of(cls, workflow: Mapping[str, Any], evidence: Mapping[str, Any]) -> _Engine:
        tried = evidence.get("tried") or 1
        cost = evidence.get("cost") or float(tried)
        shares = evidence.get("cost_by_role") or _SHARES
        plays = evidence.get("plays") or 1
        return cls(
            nodes=workflow["nodes"],
            ways={(edge["source"], edge["outcome"]): edge["target"] for edge in workflow["edges"]},
            settings=workflow.get("settings") or {},
            groups=evidence.get("groups") or [],
            redone=evidence.get("redone") or [],
            tried=tried,
            play=cost * sum(shares.get(role, 0.0) for role in ("agent", "user", "reviewer")) / plays,
            read=cost * shares.get("reviewer", 0.0) / plays,
            write=cost * shares.get("writer", 0.0) / tried,
            accepted=evidence.get("cost_per_accepted") or cost,
        )

    def kind(self, name: str) -> str:
        """A node's kind; empty for an end."""
        return str(self.nodes[name]["kind"]) if name in self.nodes else ""

    def first(self, kind: str) -> str:
        """A node of a kind; empty when there is none."""
        return next((name for name in self.nodes if self.kind(name) == kind), "")

    def free(self, name: str) -> str:
        """A name that no node has."""
        names = [name, *(f"{name}_{number}" for number in range(2, len(self.nodes) + 2))]
        return next(free for free in names if free not in self.nodes)

    @cached_property
    def cured(self) -> float:
        """Share of dialogues done over that were accepted in the end."""
        count = sum(entry["count"] for entry in self.redone)
        return sum(entry["cured"] for entry in self.redone) / count if count else _REDONE

    def kept(self, node: str) -> float:
        """Share of the dialogues that a node has done over that came before the first fault."""
        known = [(entry["count"], entry["kept"]) for entry in self.redone if entry["node"] == node]
        counts = [(count, kept) for count, kept in known if kept is not None]
        return sum(count * kept for count, kept in counts) / sum(count for count, _ in counts) if counts else _KEPT

    def raised(self, *names: str, by: int = 1) -> list[Op]:
        """Operations that allow nodes more visits, where more can be allowed."""
        found = []
        for name in dict.fromkeys(names):
            visits = self.nodes[name]["visits"]
            if visits < _MAX_VISITS:
                found.append(_set(name, "visits", min(_MAX_VISITS, visits + by)))
        return found

    def path(self, start: str, end: str) -> list[str]:
        """The nodes of a shortest way, both ends included; only the start when there is none."""
        ways = [[start]]
        for way in ways:  # which grows
            if way[-1] == end:
                return way
            seen = {name for other in ways for name in other}
            steps = dict.fromkeys(to for (source, _), to in self.ways.items() if source == way[-1])
            ways += [[*way, to] for to in steps if to in self.nodes and to not in seen]
        return [start]


def play(part: Part) -> Line:
    """As many patches as are wanted, the most promising first; broken off once in a while, right when asked again."""
    round_ = block(part.messages, "round")
    workflow, evidence = block(part.messages, "workflow"), block(part.messages, "evidence")
    history = [entry for entry in block(part.messages, "history") if _concerns(entry, workflow)]
    known = [entry.get("ops") or [] for entry in (*history, *round_["proposed"])]
    found = [answer for answer in answers(workflow, evidence) if not any(_same(answer.ops, ops) for ops in known)]
    patches = [{"why": answer.why, "ops": answer.ops} for answer in found[: round_["wanted"]]]
    diagnosis = found[0].why if found else "No failure is left that a rule of mine answers."
    slipped = not part.own and part.faults.slips("reflector", part.scene, part.attempt, part.faults.rate)
    return Line(answer={"diagnosis": diagnosis, "patches": patches}, broken=slipped)


def answers(workflow: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[_Answer]:
    """All patches that the rules find worth a try, the most promising first.

    Args:
        workflow: A WorkflowSpec as JSON, with `settings` beside `nodes` and `edges`.
        evidence: The report, as JSON.
    """
    engine = _Engine.of(workflow, evidence)
    found = [answer for rule in _RULES for answer in rule(engine) if answer.worth > 0]
    return sorted(found, key=lambda answer: -answer.worth)


def _mend(engine: _Engine) -> Iterator[_Answer]:
    """Dialogues are played again from the start: go on from the first fault instead."""
    judge = engine.first("judge")
    for (node, outcome), target in engine.ways.items():
        if engine.kind(node) not in {"judge", "reviewer"} or engine.kind(target) != "dialogue":
            continue
        again = [e for e in engine.redone if (e["node"], e["outcome"]) == (node, outcome) and e["leads_to"] == target]
        count = sum(entry["count"] for entry in again)
        lost = sum(g["count"] for g in engine.groups if g["spent"] and (g["node"], g["outcome"]) == (node, outcome))
        kept = engine.kept(node)
        worth = count * engine.play * kept + lost * (engine.cured * engine.accepted - engine.play * (1 - kept))
        if not count and not lost:
            continue
        why = (
            f"{count} dialogues were played again from the start though about {kept:.0%} of their messages came before "
            f"the first fault, and {lost} instances were lost with no play left: mend from the fault instead."
        )
        if mender := engine.first("repair"):
            yield _Answer(worth, why, [{"op": "reroute", "source": node, "outcome": outcome, "target": mender}])
            continue
        added = {
            "op": "add_node",
            "name": engine.free("repair"),
            "kind": "repair",
            "after": {"source": node, "outcome": outcome},
            "routes": {"finished": judge},
            "visits": 2,
        }
        yield _Answer(worth, why, [added, *engine.raised(*engine.path(judge, node))][:_MAX_OPS])


def _verify(engine: _Engine) -> Iterator[_Answer]:
    """Dialogues are played on tasks that turn out flawed: read the tasks before."""
    lost = sum(group["played"] for group in engine.groups if group["blame"] == "task")
    scenario, checker = engine.first("scenario"), engine.first("checker")
    if not lost or engine.first("verifier") or engine.kind(sound := engine.ways[checker, "proven"]) != "dialogue":
        return
    worth = lost * (_CURED * engine.accepted + engine.play - engine.write) - engine.tried * engine.read * _VERIFY
    why = (
        f"{lost} dialogues were played on tasks that were found flawed only then: have a verifier read each task first."
    )
    added = {
        "op": "add_node",
        "name": engine.free("verifier"),
        "kind": "verifier",
        "after": {"source": checker, "outcome": "proven"},
        "routes": {"sound": sound, "flawed": scenario},
        "visits": min(_MAX_VISITS, engine.nodes[scenario]["visits"] + 1),
    }
    yield _Answer(worth, why, [added, *engine.raised(scenario, checker)])


def _rewrite(engine: _Engine) -> Iterator[_Answer]:
    """Flawed tasks are given up: have them written again."""
    scenario, dialogue = engine.first("scenario"), engine.first("dialogue")
    for (node, outcome), target in engine.ways.items():
        if engine.kind(node) != "reviewer" or outcome != "reject" or target in engine.nodes:
            continue
        groups = [group for group in engine.groups if (group["node"], group["outcome"]) == (node, outcome)]
        lost = sum(group["count"] for group in groups if group["blame"] == "task")
        if not lost:
            continue
        worth = lost * (_CURED * engine.accepted - engine.write - engine.play)
        why = f"{lost} instances were rejected at {node} for a flawed task: have it written again."
        again = [to for (source, _), to in engine.ways.items() if engine.kind(source) in {"judge", "reviewer"}]
        loop = [engine.first("judge"), node, dialogue if dialogue in again else scenario]
        reroute = {"op": "reroute", "source": node, "outcome": outcome, "target": scenario}
        yield _Answer(worth, why, [reroute, *engine.raised(*loop)])


def _revisit(engine: _Engine) -> Iterator[_Answer]:
    """Instances end because a node has no visit left: allow it, and those after it, one more."""
    lost: dict[tuple[str, str], int] = {}
    for group in engine.groups:
        if group["spent"] and group["leads_to"] in engine.nodes and group["node"] in engine.nodes:
            place = group["leads_to"], group["node"]
            lost[place] = lost.get(place, 0) + group["count"]
    for (target, node), count in lost.items():
        path = engine.path(target, node)
        # What more than these would be needed cannot be asked for in one patch: the scarcest visits come first.
        scarce = sorted(path[1:], key=lambda name: int(engine.nodes[name]["visits"]))[: _MAX_OPS - 1]
        ops = engine.raised(target, *(name for name in path if name in scarce))
        kinds = {engine.kind(name) for name in path}
        cost = engine.write * ("scenario" in kinds) + engine.play * ("dialogue" in kinds)
        cost += engine.play * (1 - engine.kept(node)) * ("repair" in kinds)
        chance = _CURED if engine.kind(target) == "scenario" else engine.cured
        why = f"{count} instances ended at {node} because {target} had no visit left: allow one more."
        if ops and ops[0]["node"] == target:
            yield _Answer(count * (chance * engine.accepted - cost), why, ops)


def _skip_review(engine: _Engine) -> Iterator[_Answer]:
    """What the checker has failed is read only to be sent back: send it back at once."""
    for (judge, outcome), node in engine.ways.items():
        if (engine.kind(judge), outcome, engine.kind(node)) != ("judge", "fail", "reviewer"):
            continue
        back = engine.ways[node, "repair"]
        sent = [e for e in (*engine.redone, *engine.groups) if (e["node"], e["outcome"]) == (node, "repair")]
        read = sum(entry["failed"] for entry in sent)
        given_up = sum(g["failed"] for g in engine.groups if (g["node"], g["outcome"]) == (node, "reject"))
        in_vain = engine.play * (1.0 if engine.kind(back) == "dialogue" else 1 - engine.kept(node))
        worth = read * engine.read - given_up * in_vain
        why = f"{read} reviews only sent back what the checker had failed: lead {judge}.fail to {back} at once."
        if back in engine.nodes:
            yield _Answer(worth, why, [{"op": "reroute", "source": judge, "outcome": outcome, "target": back}])


def _resubmit(engine: _Engine) -> Iterator[_Answer]:
    """Writers run out of submissions: allow more."""
    lost = sum(
        group["count"] for group in engine.groups if (group["stage"], group["outcome"]) == ("scenario", "failed")
    )
    limit = engine.settings.get("max_submissions") or _SUBMISSIONS
    if lost and limit < _MAX_SUBMISSIONS:
        worth = lost * (_REDONE * engine.accepted - engine.write)
        why = f"{lost} tasks were never written validly: allow more submissions."
        yield _Answer(worth, why, [_set("", "max_submissions", min(_MAX_SUBMISSIONS, limit + 2))])


_RULES: tuple[Callable[[_Engine], Iterator[_Answer]], ...] = (
    _mend,
    _verify,
    _rewrite,
    _revisit,
    _skip_review,
    _resubmit,
)


def _set(node: str, name: str, value: int) -> Op:
    return {"op": "set_param", "node": node, "name": name, "value": value}


def _concerns(entry: Mapping[str, Any], workflow: Mapping[str, Any]) -> bool:
    """Whether something tried before was tried on this blueprint, as far as is known."""
    return entry.get("on") in {None, workflow.get("digest")}


def _same(ops: list[Op], others: list[Any]) -> bool:
    """Whether these are the others, which may also spell out what is left out here."""
    return len(ops) == len(others) and all(
        isinstance(other, dict) and all(other.get(name) == value for name, value in op.items())
        for op, other in zip(ops, others, strict=True)
    )
