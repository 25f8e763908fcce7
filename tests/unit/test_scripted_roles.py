"""The scripted roles: beats in lockstep, each kind of fault played and blamed, forms read from the prompts."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from lending import Talk, make, talk
from pydantic import BaseModel

from eigen_graph.core import STOP, Actor, Case, Cue, Domain, EigenGraphError, Environment, TaskDraft
from eigen_graph.models import ROLES, Cast, Fault, Scene, ScriptedChat, calls_of, planned_faults
from eigen_graph.models.scripted import reviewer
from eigen_graph.models.scripted.transcript import mentions

DOMAIN = make()
BORROW = Cue(domain=DOMAIN.name, seed=3, intent="borrow")
DIALOGUE_KINDS = (
    "forgotten_confirmation",
    "wrong_argument",
    "unauthorised_write",
    "unreported_fact",
    "malformed_call",
    "early_stop",
    "leak",
)
WRITING_KINDS = ("wrong_gold", "malformed_json", "missing_action", "invented_fact")


def case_of(cue: Cue) -> Case:
    assert DOMAIN.playbook
    return DOMAIN.playbook.case(DOMAIN, cue)


def attempt_with(kind: str, family: Any = "dialogue") -> tuple[int, Fault]:
    """The first attempt at which this kind of fault is drawn."""
    for attempt in range(200):
        fault = planned_faults(DOMAIN, case_of(BORROW), 1.0, attempt, family)
        if fault and fault.kind == kind:
            return attempt, fault
    raise AssertionError(kind)


def reward(scene: Scene, talked: Talk) -> int:
    """A checker in miniature: right end state, facts said, nothing lent before the agent had asked."""
    case = case_of(scene.cue or BORROW)
    world, gold = Environment(DOMAIN), Environment(DOMAIN)
    for call in case.actions:
        gold.run(call.name, call.arguments, call.requestor)
    spoken = ""
    unasked = False
    for message in talked.messages:
        for call in message.tool_calls:
            actor: Actor = "user" if message.role == "user" else "assistant"
            error = world.answer(call, actor).error
            unasked |= call.name == "lend_book" and not error and spoken.count("a") < 2  # the greeting and a proposal
        if message.role != "tool" and not message.tool_calls:
            spoken += message.role[0]
    told = "\n".join(m.content or "" for m in talked.messages if m.role == "assistant")
    said = all(mentions(told, fact) for fact in case.facts)
    return int(talked.stopped and world.same_as(gold) and said and not unasked)


def review(scene: Scene, talked: Talk, got: int) -> dict[str, Any]:
    verdict = {"reward": got, "parts": [], "termination": "user_stop" if talked.stopped else "max_steps"}
    return reviewer.judge(DOMAIN, case_of(scene.cue or BORROW), talked.transcript(), verdict)


@pytest.mark.parametrize("seed", range(12))
async def test_without_faults_both_sides_play_the_case_beat_by_beat(seed: int) -> None:
    scene = Scene(id="s", cue=Cue(domain=DOMAIN.name, seed=seed))
    talked = await talk(Cast.build("scripted", domain=DOMAIN), DOMAIN, scene)
    played = [
        (m.role, (m.content or "").replace(f" {STOP}", ""), m.tool_calls[0].name if m.tool_calls else "")
        for m in talked.messages[1:]
        if m.role != "tool"
    ]
    beats = case_of(scene.cue or BORROW).beats
    assert played == [(beat.actor, beat.text, beat.call.name if beat.call else "") for beat in beats]
    assert reward(scene, talked) == 1
    assert review(scene, talked, 1)["decision"] == "accept"
    again = await talk(Cast.build("scripted", domain=DOMAIN), DOMAIN, scene)
    assert again.messages == talked.messages  # tool call ids included


@pytest.mark.parametrize("kind", DIALOGUE_KINDS)
async def test_each_fault_of_a_dialogue_shows_and_is_blamed_on_who_made_it(kind: str) -> None:
    attempt, fault = attempt_with(kind)
    scene = Scene(id="s", cue=BORROW, attempt=attempt)
    talked = await talk(Cast.build("scripted?faults=1", domain=DOMAIN), DOMAIN, scene)
    got = reward(scene, talked)
    found = review(scene, talked, got)
    assert talked.stopped
    if fault.blame is None:
        assert (got, found["decision"]) == (1, "accept")
        return
    assert got == int(kind == "leak")  # a leak spoils no end state: the reviewer must see it
    assert (found["decision"], found["blame"]) == ("repair", fault.blame)
    at = found["evidence"][0]
    assert talked.messages[at].role == ("user" if fault.role == "user" else "assistant")
    if fault.call:
        assert [(c.name, c.arguments) for c in talked.messages[at].tool_calls] == [
            (fault.call.name, fault.call.arguments)
        ]


async def test_every_attempt_draws_anew_and_at_the_rate_asked_for() -> None:
    drawn = [planned_faults(DOMAIN, case_of(BORROW), 0.3, attempt) for attempt in range(600)]
    kinds = Counter(fault.kind for fault in drawn if fault)
    assert set(kinds) == set(DIALOGUE_KINDS)
    assert 0.22 < kinds.total() / len(drawn) < 0.38
    assert drawn == [planned_faults(DOMAIN, case_of(BORROW), 0.3, attempt) for attempt in range(600)]
    assert not any(planned_faults(DOMAIN, case_of(BORROW), 0.0, attempt) for attempt in range(50))


def test_a_fault_that_cannot_matter_is_not_planted() -> None:
    asking = case_of(Cue(domain=DOMAIN.name, seed=3, intent="ask"))
    kinds = {fault.kind for a in range(200) if (fault := planned_faults(DOMAIN, asking, 1.0, a))}
    assert kinds == {"unreported_fact", "malformed_call"}  # nothing is written, agreed to, hidden or forbidden here


async def test_a_repeated_call_makes_a_malformed_one_good() -> None:
    attempt, fault = attempt_with("malformed_call")
    scene = Scene(id="s", cue=BORROW, attempt=attempt)
    talked = await talk(Cast.build("scripted?faults=1", domain=DOMAIN), DOMAIN, scene)
    broken = [i for i, m in enumerate(talked.messages) if any(isinstance(c.arguments, str) for c in m.tool_calls)]
    assert len(broken) == 1
    call = case_of(BORROW).beats[fault.at].call
    assert call
    again = talked.messages[broken[0] + 2].tool_calls[0]
    assert (again.name, again.arguments) == (call.name, call.arguments)


async def test_each_role_suffers_only_its_own_faults() -> None:
    attempt, _ = attempt_with("leak")
    cast = Cast.build("scripted", overrides={"agent": "scripted?faults=1"}, domain=DOMAIN)
    scene = Scene(id="s", cue=BORROW, attempt=attempt)
    assert review(scene, await talk(cast, DOMAIN, scene), 1)["decision"] == "accept"


def test_a_task_that_asks_too_much_is_blamed_on_the_task() -> None:
    case, calls = case_of(BORROW), iter(range(99))
    entries: list[dict[str, Any]] = [{"i": 0, "speaker": "agent", "text": "Hi!"}]
    for beat in case.beats:
        entry: dict[str, Any] = {"i": len(entries), "speaker": "agent" if beat.actor == "assistant" else "user"}
        if beat.call:
            entries.append(entry | {"calls": [{"name": beat.call.name, "arguments": beat.call.arguments}]})
            entries.append({"i": len(entries), "speaker": "tool", "result": f"ok {next(calls)}"})
        else:
            entries.append(entry | {"text": beat.text + (STOP if beat.kind == "close" else "")})
    verdict = {"reward": 0, "parts": [{"name": "said", "passed": False, "reason": "REF-1"}], "termination": "user_stop"}
    found = reviewer.judge(DOMAIN, case, entries, verdict)
    assert (found["decision"], found["blame"]) == ("reject", "task")
    assert "said" in found["reason"]


def submit_tool() -> Any:
    @tool(args_schema=TaskDraft)
    def submit_task(**draft: Any) -> str:  # noqa: ARG001  # only its schema is offered
        """Submit the task."""
        return "accepted"

    return submit_task


async def write(faults: str, attempt: int = 0) -> list[Any]:
    """What the writer calls, its first submission refused with an error."""
    cast = Cast.build(f"scripted{faults}", domain=DOMAIN)
    messages: list[BaseMessage] = [HumanMessage("Write a task.")]
    calls: list[Any] = []
    while True:
        tools = [DOMAIN.agent.toolbox["find_book"].tool, submit_tool()]
        reply = await cast.chat("writer", messages, tools=tools, scene=Scene(id="s", cue=BORROW, attempt=attempt))
        messages.append(reply)
        if not calls_of(reply):
            return calls
        calls += calls_of(reply)
        refused = sum(call.name == "submit_task" for call in calls) == 1 and calls[-1].name == "submit_task"
        messages.append(ToolMessage("Error: no" if refused else "accepted", tool_call_id=calls[-1].id))


async def test_the_writer_looks_around_and_submits_the_case() -> None:
    calls = await write("")
    assert [call.name for call in calls] == ["find_book", "submit_task", "submit_task"]
    assert TaskDraft.model_validate(calls[1].arguments) == TaskDraft.from_case(case_of(BORROW))
    assert calls[2].arguments == calls[1].arguments


@pytest.mark.parametrize("kind", WRITING_KINDS)
async def test_each_fault_of_a_writer_is_made_good_when_refused(kind: str) -> None:
    attempt, fault = attempt_with(kind, "writing")
    _, first, second = await write("?faults=1", attempt)
    case = case_of(BORROW)
    assert TaskDraft.model_validate(second.arguments) == TaskDraft.from_case(case)
    assert fault.blame == ("task" if kind in {"missing_action", "invented_fact"} else None)
    if kind == "malformed_json":
        assert isinstance(first.arguments, str)
        return
    draft = TaskDraft.model_validate(first.arguments)
    world, gold = Environment(DOMAIN), Environment(DOMAIN)
    failed = [world.run(call.name, call.arguments, call.requestor).error for call in draft.actions]
    for call in case.actions:
        gold.run(call.name, call.arguments, call.requestor)
    assert any(failed) == (kind == "wrong_gold")
    assert world.same_as(gold) == (kind == "invented_fact")
    assert set(draft.communicate_info) - set(case.facts) == ({fault.text} if kind == "invented_fact" else set())


class PlanDraft(BaseModel):
    row: int
    title: str
    synthesis: str
    evaluation: str


class Plans(BaseModel):
    plans: list[PlanDraft]


ROWS = [
    {"row": n, "clause": "2", "clause_text": "Ask before.", "tool": "lend_book", "difficulty": d, "persona": p}
    for n, (d, p) in enumerate([("easy", "terse"), ("hard", "chatty")], 5)
]
ROWS_PROMPT = f"An example:\n```json rows\n[]\n```\nYours:\n```json rows\n{json.dumps(ROWS, indent=1)}\n```\nBegin."


@pytest.mark.parametrize("mode", ["json_schema", "tool"])
@pytest.mark.parametrize("faults", ["0", "1"])
async def test_the_planner_words_every_row_of_the_last_block(mode: str, faults: str) -> None:
    cast = Cast.build(f"scripted?faults={faults}&structured={mode}", domain=DOMAIN)
    answer = await cast.structured("planner", [HumanMessage(ROWS_PROMPT)], Plans, scene=Scene(id="p"))
    assert [plan.row for plan in answer.plans] == [5, 6]
    assert "Ask before." in answer.plans[0].synthesis
    assert "lend_book" in answer.plans[0].evaluation
    assert answer.plans[0].title != answer.plans[1].title
    assert cast.meter.by_role["planner"].calls == 1 + int(faults)  # the broken answer was repaired


class Review(BaseModel):
    decision: str
    blame: str
    evidence: list[int]
    reason: str


async def test_the_reviewer_reads_its_blocks_and_repairs_a_broken_answer() -> None:
    scene = Scene(id="s", cue=BORROW)
    talked = await talk(Cast.build("scripted", domain=DOMAIN), DOMAIN, scene)
    prompt = (
        f"```json verdict\n{json.dumps({'reward': 1.0, 'parts': [], 'termination': 'user_stop'})}\n```\n"
        f"```json transcript\n{json.dumps(talked.transcript(), indent=0)}\n```"
    )
    calls = set()
    for number in range(12):
        cast = Cast.build("scripted?faults=1", domain=DOMAIN)
        where = scene.model_copy(update={"attempt": number})
        answer = await cast.structured("reviewer", [HumanMessage(prompt)], Review, scene=where)
        assert (answer.decision, answer.blame) == ("accept", "none")
        calls.add(cast.meter.by_role["reviewer"].calls)
    assert calls == {1, 2}


def test_without_a_playbook_both_ways_out_are_named() -> None:
    with pytest.raises(EigenGraphError, match=r"no playbook.*playbook=Playbook\(\).*--model openai:NAME"):
        Cast.build("scripted", domain=Domain("bare", DOMAIN.policy, DOMAIN.agent))


def test_roles_that_not_every_run_has_need_no_playbook() -> None:
    bare = Domain("bare", DOMAIN.policy, DOMAIN.agent)
    others = dict.fromkeys(("planner", "writer", "user", "agent", "reviewer"), ScriptedChat())
    assert set(Cast.build("scripted", overrides=others, domain=bare).players) == set(ROLES)
    with pytest.raises(EigenGraphError, match="no playbook"):
        Cast.build("scripted", overrides={**others, "agent": "scripted"}, domain=bare)


async def test_without_a_case_a_role_says_what_it_needs() -> None:
    with pytest.raises(EigenGraphError, match="give the scene a cue, or name a model"):
        await Cast.build("scripted", domain=DOMAIN).chat("agent", [HumanMessage("Hi")], scene=Scene(id="s"))
    cue = Cue(domain="other", seed=1)
    with pytest.raises(EigenGraphError, match="no domain 'other' to play"):
        await Cast.build("scripted", domain=DOMAIN).chat("user", [HumanMessage("Hi")], scene=Scene(id="s", cue=cue))


@pytest.mark.parametrize(
    ("text", "fact", "held"),
    [
        ("The fee is $1,200.00.", "1200", True),
        ("The fee is 1200", "1,200.00", True),
        ("It costs $480", "4", False),
        ("4.5 per day", "4", False),
        ("See you on 2025-06-04.", "2025-06-04", True),
        ("Room 12A", "12", False),
        ("VOLUME 3!", "Volume 3", True),
    ],
)
def test_facts_are_held_as_words_and_numbers(text: str, fact: str, held: bool) -> None:  # noqa: FBT001  # a table
    assert mentions(text, fact) is held


async def test_streamed_replies_are_the_same() -> None:
    model: Any = Cast.build("scripted", domain=DOMAIN).players["agent"].chat
    bound = model.bind(eigen=Scene(id="s", cue=BORROW).metadata("agent"))
    messages = [AIMessage("Hi!"), HumanMessage("May I?")]
    whole = await bound.ainvoke(messages)
    total, *parts = [part async for part in bound.astream(messages)]
    for part in parts:
        total += part
    assert calls_of(total) == calls_of(whole) != ()
    assert total.usage_metadata == whole.usage_metadata


async def test_a_graph_that_is_watched_token_by_token_plays_the_same_case() -> None:
    cast = Cast.build("scripted", domain=DOMAIN)

    async def agent(_: dict[str, Any]) -> dict[str, Any]:
        reply = await cast.chat("agent", [HumanMessage("May I?")], scene=Scene(id="s", cue=BORROW))
        return {"called": calls_of(reply)[0].name}

    graph = StateGraph(dict).add_node(agent).add_edge(START, "agent").compile()
    modes = [mode async for mode, _ in graph.astream({}, stream_mode=["messages", "values"])]
    assert "messages" in modes
    final = [value async for mode, value in graph.astream({}, stream_mode=["messages", "values"]) if mode == "values"]
    assert final[-1] == {"called": "find_book"}
