"""Seeded pages for tests of the report: a run with generations, evaluations, a training, nothing at all."""

from __future__ import annotations

import math
import random
from typing import Any

from report_dialogues import BLAMES, CLAUSES, DIFFICULTIES, TOOLS, dialogues, listing, packed

from eigen_graph.report.data import (
    Candidate,
    Cell,
    Clause,
    Drawing,
    Estimate,
    EvaluationSection,
    Figure,
    Generation,
    Kills,
    Listing,
    Page,
    PassK,
    PromptDiff,
    Reason,
    RunSection,
    Series,
    Spending,
    StageSection,
    Step,
    Survivor,
)


def workflow(title: str = "Workflow of generation 1") -> Drawing:
    """A small drawing, with a marker and a class of its own."""
    names = ("scenario", "checker", "dialogue", "judge", "reviewer")
    boxes = "".join(
        f'<g><rect x="{20 + 120 * at}" y="20" width="96" height="36" rx="5" fill="none" stroke="currentColor"/>'
        f'<text x="{68 + 120 * at}" y="43" text-anchor="middle" font-size="13" fill="currentColor">{name}</text></g>'
        f'<path d="M{116 + 120 * at} 38h20" stroke="currentColor" marker-end="url(#tip)"/>'
        for at, name in enumerate(names)
    )
    tip = '<defs><marker id="tip" refX="6" refY="3" markerWidth="6" markerHeight="6"><path d="M0 0L6 3L0 6" fill="currentColor"/></marker></defs>'  # noqa: E501
    return Drawing(
        title=title,
        svg=f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 80" width="640" height="80">{tip}{boxes}</svg>',
    )


def run_section(rows: Listing, *, seed: int = 1, generations: int = 3) -> RunSection:
    """A run whose numbers come of its listing where that is easy."""
    draw = random.Random(seed)
    names = ("planned", "written", "proven", "played", "judged", "reviewed")
    left, steps = len(rows.id), []
    for label in names[:-1]:
        lost = {blame: draw.randint(0, max(1, left // 40)) for blame in draw.sample(BLAMES, 3)}
        steps.append(Step(label=label, count=left, lost=lost))
        left -= sum(lost.values())
    accepted = sum(fate == "accepted" for fate in rows.fate)
    steps += [
        Step(label="reviewed", count=left, lost={"agent": max(left - accepted, 0)}),
        Step(label="accepted", count=accepted),
    ]
    groups: dict[tuple[str, str], list[str]] = {}
    for row, fate in enumerate(rows.fate):
        if fate == "rejected":
            groups.setdefault((rows.stage[row], rows.blame[row]), []).append(rows.id[row])
    return RunSection(
        funnel=tuple(steps),
        reasons=tuple(
            Reason(
                stage=stage,
                blame=blame,
                count=len(ids),
                examples=tuple(ids[:3]),
                reason="the agent cancelled before it confirmed the fee with the user, as clause 6 asks",
            )
            for (stage, blame), ids in groups.items()
        ),
        clauses=tuple(
            Clause(number=number, text=f"Clause {number}: before a write, confirm it with the guest, and name the fee.")
            for number in CLAUSES
        ),
        coverage=tuple(
            Cell(
                clause=clause,
                tool=tool,
                difficulty=level,
                planned=(many := draw.randint(1, 9)),
                accepted=draw.choice((0, many // 2, many, many)),
            )
            for clause in CLAUSES
            for tool in TOOLS
            for level in DIFFICULTIES
            if (int(clause) * 7 + len(tool)) % 3 == 0
        ),
        kills=tuple(
            Kills(kind=kind, mutants=draw.randint(80, 900), killed=draw.randint(70, 80))
            for kind in ("dropped write", "doubled write", "wrong record", "altered argument", "fact not said")
        ),
        kill_rates=tuple(draw.choice((1.0, 1.0, 1.0, 0.93, 0.8)) for _ in range(accepted)),
        survivors=tuple(
            Survivor(instance=name, kind="altered argument", description="note='call back' instead of 'call later'")
            for name in rows.id[:14]
        ),
        generations=tuple(_generation(number, draw) for number in range(generations)),
        candidates=tuple(_candidate(number, draw) for number in range(2 * generations)),
        spending=(
            Spending(
                role="agent",
                model="openai:large",
                calls=4210,
                input_tokens=9_912_345,
                output_tokens=401_222,
                usd=12.413,
                seconds=8012.4,
            ),
            Spending(
                role="user",
                model="scripted",
                calls=3920,
                input_tokens=2_112_003,
                output_tokens=99_120,
                usd=None,
                seconds=3.2,
            ),
        ),
        workflow=workflow(),
    )


def _generation(number: int, draw: random.Random) -> Generation:
    share = 0.55 + 0.09 * number
    diff = (
        "--- dialogue/agent.md\n+++ dialogue/agent.md\n@@ -3,4 +3,5 @@\n"
        " You are an agent.\n-Be quick.\n+Name the fee.\n+Then ask.\n"
    )
    return Generation(
        number=number,
        parent=number - 1 if number else None,
        champion=number == 1,
        summary="the agent confirms a fee before it writes" if number else "",
        tried=200,
        accepted=round(200 * share),
        **{"yield": Estimate(value=share, low=share - 0.07, high=share + 0.06)},
        per_cost=Estimate(value=share * 4 + draw.random(), low=share * 3, high=share * 6),
        cost_unit="1,000 calls",
        workflow=workflow(f"Workflow of generation {number}"),
        prompts=(PromptDiff(prompt="dialogue/agent.md", diff=diff),) if number else (),
        changes=("edit_prompt dialogue/agent.md, section Rules", "set retries of judge to 2") if number else (),
    )


def _candidate(number: int, draw: random.Random) -> Candidate:
    gain = draw.uniform(-0.1, 0.2)
    return Candidate(
        id=f"p{number:04d}",
        round=number // 2 + 1,
        summary="ask for the postcode first, then look the booking up",
        fate=draw.choice(("accepted", "rejected", "invalid")),
        reason="the interval holds zero: no gain was shown",
        screened=Estimate(value=gain, low=gain - 0.1, high=gain + 0.1),
        confirmed=Estimate(value=gain / 2, low=gain - 0.2, high=gain + 0.1) if number % 2 else None,
        guards=("difficulty fell from 2.1 to 1.4",) if number % 3 == 0 else (),
    )


def evaluation(name: str, *, seed: int, tasks: int = 40) -> EvaluationSection:
    """Four trials of each task."""
    draw = random.Random(seed)
    value = draw.uniform(0.5, 0.8)
    return EvaluationSection(
        name=name,
        domain="hotel",
        agent=f"openai:{name}",
        user="scripted",
        episodes=4 * tasks,
        unjudged=2,
        infrastructure=1,
        pass_hats=tuple(
            PassK(k=k, value=value**k, low=max(0, value**k - 0.1), high=min(1, value**k + 0.09), tasks=tasks)
            for k in range(1, 5)
        ),
        floors=(Figure(label="says nothing", value="0.05", note="difference 0.61 [0.50, 0.70]"),),
        blames={"agent": 31, "user": 4},
        terminations={"user_stop": 150, "max_steps": 10},
        cost="US$ 1.22",
        against_first="" if seed == 1 else "+0.06 [-0.02, 0.14], paired over 40 tasks",
        tasks={f"hotel-{number:03d}": (draw.randint(0, 4), 4) for number in range(tasks)},
    )


def stage(name: str = "agent-grpo", *, seed: int = 3) -> StageSection:
    """A stage with a noisy reward and a smooth loss."""
    draw = random.Random(seed)
    steps = range(0, 200, 2)
    reward = tuple((float(step), 0.2 + 0.5 * (1 - math.exp(-step / 80)) + draw.gauss(0, 0.12)) for step in steps)
    return StageSection(
        stage=name,
        state="finished",
        seconds=4123.0,
        series=(
            Series(name="reward of all episodes", points=reward),
            Series(name="loss", points=tuple((float(step), 2 * math.exp(-step / 60)) for step in steps)),
            Series(name="eval loss", points=((0.0, 2.0), (100.0, 1.1), (200.0, 0.8))),
        ),
        before=Estimate(value=0.31, low=0.22, high=0.41),
        after=Estimate(value=0.58, low=0.47, high=0.68),
        floors=(Figure(label="says nothing", value="0.05"),),
        fidelity={"may enter RL": True, "reveals only what it knows": {"share": 0.98, "of": 120}, "stops": [1, 2, 3]},
    )


def page(rows: Listing, **sections: Any) -> Page:
    """A page around a listing."""
    return Page(
        title="hotel: 300 dialogues",
        subtitle="hotel, scripted agent and user, seed 1",
        made="2026-06-01T09:30:00 by eigen-graph 0.1.0",
        figures=(
            Figure(label="accepted", value="213", note="of 300 tried"),
            Figure(label="yield", value="71 %", note="95 %: 66 to 76 %"),
            Figure(label="kill rate", value="99.2 %", note="of 4,212 mutants"),
            Figure(label="cost", value="US$ 12.41", note="user unpriced"),
        ),
        listing=rows,
        **sections,
    )


def full(count: int = 300) -> tuple[Page, list[str]]:
    """A page with every section."""
    rows = listing(count, sources=("run", "run", "base", "trained"))
    whole = page(
        rows,
        run=run_section(rows),
        evaluations=(evaluation("base", seed=1), evaluation("trained", seed=2)),
        training=(stage("user-sft", seed=4), stage()),
        notes=("The run is not finished: 12 instances are left.",),
    )
    return whole, list(packed(dialogues(rows), whole.piece_size))


def empty() -> tuple[Page, list[str]]:
    """A run in which nothing was accepted, and nothing can be read."""
    section = RunSection(
        funnel=(Step(label="planned", count=4, lost={"infrastructure": 4}), Step(label="accepted", count=0)),
        reasons=(Reason(stage="scenario", blame="infrastructure", count=4, reason="the server did not answer"),),
        coverage=(Cell(clause="1", tool="get_guest", difficulty="easy", planned=4, accepted=0),),
    )
    return Page(title="hotel: nothing", made="2026-06-01T09:30:00", run=section), []
