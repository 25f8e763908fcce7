"""A page of which every text is somebody's attempt to get out of it."""

from __future__ import annotations

from report_dialogues import packed
from report_samples import evaluation, stage

from eigen_graph.report.data import (
    Candidate,
    Cell,
    Change,
    Clause,
    Dialogue,
    Drawing,
    Figure,
    Generation,
    Kills,
    Listing,
    Page,
    Part,
    PromptDiff,
    Reason,
    RunSection,
    Said,
    Spending,
    Step,
    Survivor,
)

HOSTILE = (
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror='window.hacked=1'>",
    "<!--<script>",
    "{{pieces}} {{script}} ${window.hacked=1}",
    "\u202eright to left override\u202c end",
    "שלום, אני רוצה לבטל את ההזמנה 123 בבקשה",
    "👩‍👩‍👧‍👦🏳️‍🌈 family and flag",
    "Donaudampfschifffahrtsgesellschaft" * 12,
    "javascript:window.hacked=1",
    "\u2028line\u2029separators &amp; &lt;b&gt; \x00\x07",
)


def hostile() -> tuple[Page, list[str]]:
    """Every text of the page is somebody's attempt."""
    rows = Listing(
        id=(*(f"g0-{number:06d}" for number in range(len(HOSTILE) - 1)), HOSTILE[0] + "?a=b#c/d%zz"),
        source=("run",) * len(HOSTILE),
        fate=("rejected",) * len(HOSTILE),
        stage=HOSTILE,
        blame=tuple(reversed(HOSTILE)),
        generation=(0,) * len(HOSTILE),
        difficulty=("easy",) * len(HOSTILE),
        persona=HOSTILE,
        clauses=("1",) * len(HOSTILE),
        tools=tuple(text.replace(" ", "_") for text in HOSTILE),
        messages=(4,) * len(HOSTILE),
        kill_rate=(None,) * len(HOSTILE),
        title=HOSTILE,
    )
    text = "\n".join(HOSTILE)
    talk = [
        Dialogue(
            id=name,
            title=title,
            fate="rejected",
            reason=text,
            blame=title,
            scenario={title: text},
            solution=HOSTILE,
            said=(
                Said(role="user", content=title, evidence=(text,)),
                Said(role="assistant", calls=({"id": title, "name": title, "arguments": text, "writes": True},)),
                Said(
                    role="tool",
                    call_id=title,
                    content=text,
                    error=True,
                    changes=(Change(side="user", table=title, key=title, field=title, before=title, after={title: 1}),),
                ),
            ),
            parts=(Part(name=title, passed=False, reason=text),),
            review={title: text},
            proof={"survivors": list(HOSTILE)},
            note=text,
        )
        for name, title in zip(rows.id, rows.title, strict=True)
    ]
    bad = Drawing(
        title=HOSTILE[0],
        svg=(
            '<svg xmlns="http://www.w3.org/2000/svg" onload="window.hacked=1" viewBox="0 0 9 9">'
            '<script>window.hacked=1</script><a href="javascript:window.hacked=1"><text>link</text></a>'
            '<image href="http://127.0.0.1:9/x.png"/><foreignObject><img src="x"/></foreignObject>'
            '<rect width="9" height="9" fill="url(http://127.0.0.1:9/x)" onclick="window.hacked=1"/></svg>'
        ),
    )
    section = RunSection(
        funnel=(Step(label=HOSTILE[1], count=3, lost={HOSTILE[0]: 1}),),
        reasons=(Reason(stage=HOSTILE[0], blame=HOSTILE[1], count=1, examples=(rows.id[-1],), reason=text),),
        clauses=(Clause(number="1", text=text),),
        coverage=(Cell(clause="1", tool=HOSTILE[7], difficulty=HOSTILE[1], planned=2, accepted=0),),
        kills=(Kills(kind=HOSTILE[1], mutants=2, killed=1),),
        survivors=(Survivor(instance=HOSTILE[0], kind=HOSTILE[7], description=text),),
        generations=(
            Generation(number=0, summary=text, workflow=bad, changes=HOSTILE),
            Generation(
                number=1, summary=text, prompts=(PromptDiff(prompt=HOSTILE[0], diff=text),), champion=True, parent=0
            ),
        ),
        candidates=(Candidate(id=HOSTILE[7], round=1, summary=text, fate=HOSTILE[1], reason=text, guards=HOSTILE),),
        spending=(Spending(role=HOSTILE[0], model=HOSTILE[7], calls=1, input_tokens=1, output_tokens=1),),
    )
    whole = Page(
        title=HOSTILE[0],
        subtitle=HOSTILE[7],
        made=HOSTILE[1],
        figures=(Figure(label=HOSTILE[1], value=HOSTILE[7], note=text),),
        run=section,
        evaluations=(evaluation(HOSTILE[0], seed=1).model_copy(update={"tasks": {HOSTILE[7]: (0, 1)}}),),
        training=(stage(HOSTILE[0]).model_copy(update={"fidelity": {HOSTILE[1]: text}}),),
        listing=rows,
        notes=HOSTILE,
    )
    return whole, list(packed(talk, whole.piece_size))
