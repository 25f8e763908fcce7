"""The data set's card: what is in it, how it was made, what it cost, and where its holes are."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from typing import Any

from eigen_graph import __version__
from eigen_graph.checkers.likeness import ACTIONS, GOAL, RECORDS
from eigen_graph.core import DIFFICULTIES, Domain
from eigen_graph.runs.coverage import Cell
from eigen_graph.runs.datasets.dialogues import View
from eigen_graph.runs.datasets.overlap import Overlap
from eigen_graph.runs.datasets.report import ExportReport
from eigen_graph.runs.folder import RunFolder
from eigen_graph.runs.reader import LedgerReader

CARD = "README.md"
_MAX_LISTED = 50
"""Duplicates named one by one; the rest are only counted."""
_PRIVATE = frozenset({"out", "base_url", "api_key", "domain"})
"""Settings that say where a run was made, which nobody else needs."""
_LONG = frozenset({"workflow", "prompts"})
"""Settings that the digests stand for."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

_ABOUT = {
    "sft": "the agent's view: `messages` (OpenAI chat), `tools`, `loss_mask`",
    "user_sft": "the simulated user's view, roles swapped; its own tool calls are in it, the agent's are not",
    "rl": "tasks with the checker that judges each, and the database both mean",
    "tasks": "tau2 task JSON",
    "openai": "the agent's view as OpenAI's fine-tuning takes it: `messages`, `tools`; `weight` 0 for the greeting",
    "sharegpt": "the agent's view as ShareGPT's readers have it, without the greeting; `dataset_info.json` beside it",
    "trl/sft": "the agent's view for TRL's SFTTrainer; `sft.py` beside it trains on it",
    "trl/tasks": "tasks with checkers for TRL's GRPOTrainer; `grpo.py` beside it trains on them",
    "verifiers": "tasks with checkers, in a package for verifiers",
    "openenv": "tasks with checkers, in a package for OpenEnv: an environment's server and its client",
}
"""By a file's path without its ending, or by its folder."""


def write_card(folder: RunFolder, ledger: LedgerReader, report: ExportReport, domain: Domain, view: View) -> None:
    """Write `README.md` beside the data, with the front matter that the Hugging Face hub reads."""
    sections = (
        _front(folder, report, domain),
        _head(folder, report, domain, view),
        _made(ledger, report),
        _evolved(ledger),
        _yield(ledger, report),
        _costs(ledger, report),
        _reading(report),
        _coverage(ledger.cells()),
        _duplicates(report),
        _overlap(report.overlap),
    )
    part = report.folder / f"{CARD}.part"
    part.write_text("\n".join(line for section in sections for line in section) + "\n", encoding="utf-8")
    part.replace(report.folder / CARD)


def _front(folder: RunFolder, report: ExportReport, domain: Domain) -> Iterator[str]:
    size = next((name for bound, name in _SIZES if report.exported < bound), "n>1M")
    yield "---"
    yield f"pretty_name: {json.dumps(f'{domain.name}: verified tool-use dialogues')}"
    yield "task_categories: [text-generation]"
    yield "tags: [synthetic, tool-use, multi-turn, function-calling, verifiable-rewards, eigen-graph]"
    yield f"size_categories: [{json.dumps(size)}]"
    configs = [name for name in report.files if name.endswith(".parquet") or name == "rl.jsonl"]
    if configs:
        yield "configs:"
    for name in configs:
        yield f"- config_name: {name.partition('.')[0]}"
        yield f"  data_files: {name}"
    yield f"eigen_graph: {json.dumps({'version': folder.info.eigen_graph, 'database': folder.info.database})}"
    yield "---"


def _head(folder: RunFolder, report: ExportReport, domain: Domain, view: View) -> Iterator[str]:
    yield f"\n# {domain.name}: verified tool-use dialogues\n"
    yield (
        f"{report.exported} instances of the domain `{domain.name}`{f' ({domain.title})' if domain.title else ''}, "
        f"each accepted by its own executable checker and by a reviewer. "
        f"Made by eigen_graph {folder.info.eigen_graph} on {folder.info.created}, exported by {__version__}.\n"
    )
    if domain.judged_by:
        yield f"**Judged by {domain.judged_by}.**\n"
    yield "| file | rows | what |"
    yield "|---|---|---|"
    for name, rows in report.files.items():
        stem = name.partition(".")[0]
        about = _ABOUT.get(stem) or _ABOUT[stem.partition("/")[0]]
        per = f", one row a {view}" if stem in ("sft", "user_sft") else ""
        yield f"| `{name}` | {rows} | {about}{per} |"
    settings = ", ".join(f"{name} {json.dumps(value)}" for name, value in _told(folder.info.settings)) or "none"
    yield f"\nDatabase digest: `{folder.info.database or 'not recorded'}`. Settings: {settings}."


def _told(settings: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Settings worth telling: short values, wherever they stand."""
    for name, value in settings.items():
        if isinstance(value, dict) and name not in _LONG:
            yield from _told(value)
        elif isinstance(value, str | int | float) and name not in _PRIVATE:
            yield name, value


def _made(ledger: LedgerReader, report: ExportReport) -> Iterator[str]:
    yield "\n## How it was made\n"
    yield (
        "A planner chose policy clauses, tools, difficulty and persona; a writer explored the database and wrote a "
        "task with a reference solution, which was executed; a simulated user and an agent held the dialogue, each "
        "seeing only its own side; a checker built from the reference solution judged the end state, what was said "
        "and the procedure; a reviewer read the dialogue. Each checker was itself tested before it was trusted: it "
        "must pass the reference solution and its valid variants and fail its mutants.\n"
    )
    models = ledger.spent_by_model()
    if any(use["model"].startswith("scripted") for use in models):
        roles = ", ".join(sorted({use["role"] for use in models if use["model"].startswith("scripted")}))
        yield (
            f"**The offline `scripted` model played: {roles}.** Its part is procedurally exact and its wording comes "
            "from templates: good for trying, testing and teaching procedure, not for teaching language.\n"
        )
    for workflow, count in sorted(report.workflows.items()):
        yield f"- {count} by workflow `{workflow or 'not recorded'}`"


def _evolved(ledger: LedgerReader) -> Iterator[str]:
    generations = ledger.generations()
    if not generations:
        return
    yield "\n## How the engine evolved\n"
    yield (
        "The engine patched its own workflow, prompts and plans from its failures. A patch was kept only when a paired "
        "test on fresh tasks said that it accepts more for the same cost; what lost a trial is not in the data.\n"
    )
    yield "| generation | from | blueprint | instances | accepted | why |\n|---|---|---|---|---|---|"
    for row in generations:
        counts = ledger.counts(row.number)
        parent = "" if row.parent is None else row.parent
        why = " ".join(row.why.split()).replace("|", "/")
        yield f"| {row.number} | {parent} | `{row.digest}` | {counts.total} | {counts.accepted} | {why} |"


def _yield(ledger: LedgerReader, report: ExportReport) -> Iterator[str]:
    counts = ledger.counts()
    near = sum(duplicate.kind == "near" for duplicate in report.duplicates)
    yield "\n## Yield\n"
    yield (
        f"Of {counts.total} instances {counts.accepted} were accepted, {counts.rejected} rejected and {counts.dropped} "
        f"dropped because the infrastructure failed. Of the accepted, {len(report.duplicates) - near} exact and {near} "
        f"near-duplicates are left out here{_too_close(report.overlap)}, so {report.exported} remain."
    )
    for title, tally in (("Blame", counts.by_blame), ("Stage", counts.by_stage)):
        if tally:
            yield f"\n| {title.lower()} of those not accepted | instances |\n|---|---|"
            yield from (f"| {name} | {count} |" for name, count in tally.items())
    if rates := sorted(report.kill_rates):
        yield (
            f"\nKill rate of the checkers (share of mutants failed): mean {statistics.fmean(rates):.3f}, median "
            f"{statistics.median(rates):.3f}, lowest {rates[0]:.3f}, standard deviation "
            f"{statistics.pstdev(rates):.3f}, over {len(rates)} checkers."
        )


def _too_close(overlap: Overlap | None) -> str:
    return f", and {len(overlap.left_out)} that come too close to a reserved task" if overlap else ""


def _costs(ledger: LedgerReader, report: ExportReport) -> Iterator[str]:
    spent = ledger.spent()
    yield "\n## Cost\n"
    yield "Of the whole run, what was rejected included.\n"
    yield "| role | model | calls | tokens in | tokens out | USD |\n|---|---|---|---|---|---|"
    for use in ledger.spent_by_model():
        usd = "not priced" if use["cost_usd"] is None else f"{use['cost_usd']:.4f}"
        tokens = f"{use['input_tokens']} | {use['output_tokens']}"
        yield f"| {use['role']} | `{use['model']}` | {use['calls']} | {tokens} | {usd} |"
    trials = ledger.trial_spent()
    total = "not priced" if spent.cost_usd is None else f"{spent.cost_usd:.4f}"
    yield f"| all | | {spent.calls} | {spent.input_tokens} | {spent.output_tokens} | {total} |"
    if report.exported:
        each = (spent.input_tokens + spent.output_tokens) / report.exported
        usd = "" if spent.cost_usd is None else f" and ${spent.cost_usd / report.exported:.4f}"
        yield f"\nPer exported instance: {each:,.0f} tokens{usd}."
    if trials.calls:
        share = (trials.input_tokens + trials.output_tokens) / max(1, spent.input_tokens + spent.output_tokens)
        yield f"\n{share:.0%} of the tokens went into trials whose dialogues are not in the data."
    if spent.unpriced_calls and spent.cost_usd is not None:
        yield f"\n{spent.unpriced_calls} calls had no price and are not in the USD."


def _reading(report: ExportReport) -> Iterator[str]:
    if not any(name.endswith(".parquet") for name in report.files):
        return
    yield "\n## Reading it\n"
    yield (
        "In Parquet the column `tools` is JSON text, and so are the `arguments` of every tool call in both files: as "
        "objects, Arrow would give every call and tool the fields of all the others, as nulls, and they would end up "
        "in the training text. Trainers that take `tools` as JSON text (TRL does) read the Parquet files as they are; "
        "a chat template that renders `arguments` by `tojson` wants them parsed first. `loss_mask` has a 1 for each "
        "message that is trained on."
    )


def _coverage(cells: list[Cell]) -> Iterator[str]:
    if not cells:
        return
    holes = [cell for cell in cells if not cell.accepted]
    yield "\n## Coverage\n"
    yield (
        f"Accepted dialogues by what they exercise, over plans that asked for it. {len(cells) - len(holes)} of "
        f"{len(cells)} planned combinations are covered; holes are bold.\n"
    )
    names = [*DIFFICULTIES, *sorted({cell.difficulty for cell in cells} - set(DIFFICULTIES))]
    yield f"| clause | tool | {' | '.join(names)} |"
    yield f"|---|---|{'---|' * len(names)}"
    table: dict[tuple[str, str], dict[str, Cell]] = {}
    for cell in cells:
        table.setdefault((cell.clause, cell.tool), {})[cell.difficulty] = cell
    for (clause, tool), found in table.items():
        marks = [_mark(found.get(name)) for name in names]
        yield f"| {clause or 'any'} | {f'`{tool}`' if tool else 'any'} | {' | '.join(marks)} |"


def _mark(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f"{cell.accepted}/{cell.planned}" if cell.accepted else f"**0/{cell.planned}**"


def _duplicates(report: ExportReport) -> Iterator[str]:
    if not report.duplicates:
        return
    yield "\n## Left out as duplicates\n"
    yield "| instance | of | kind | similarity |\n|---|---|---|---|"
    for duplicate in report.duplicates[:_MAX_LISTED]:
        yield f"| {duplicate.id} | {duplicate.of} | {duplicate.kind} | {duplicate.similarity:g} |"
    if (more := len(report.duplicates) - _MAX_LISTED) > 0:
        yield f"\nand {more} more."


def _overlap(overlap: Overlap | None) -> Iterator[str]:
    if overlap is None:
        return
    yield "\n## Overlap with the domain's own tasks\n"
    yield (
        f"{len(overlap.reserved)} tasks of {overlap.source or 'the domain'} (task file digest `{overlap.digest}`) are "
        f"reserved for testing. Of this run {overlap.dropped} instances were dropped while they were made, because "
        f"their task equals one of these or nearly equals it, and {len(overlap.left_out)} accepted ones are left out "
        f"here for the same reason. Two tasks are nearly equal when they begin in the same world and either state one "
        f"wish (word pairs alike from {GOAL:g}) about the same records (names alike from {RECORDS:g}), or have the "
        f"same done (actions alike from {ACTIONS:g})."
    )
    if close := overlap.closest:
        yield (
            f"\nOf what is here, {close.id} comes closest to a reserved task, `{close.match.task}`: "
            f"{close.match.similarity}, {close.match.similarity.overall:.2f} on average."
        )
    if overlap.train:
        yield (
            f"\nFor information: {overlap.like_train} of what is here equal or nearly equal one of the "
            f"{len(overlap.train)} tasks of the split `train`, which may be trained on."
        )
    if overlap.left_out:
        yield "\n| left out | too close to | goal | records | actions |\n|---|---|---|---|---|"
    for name, (task, found) in overlap.left_out[:_MAX_LISTED]:
        actions = "none" if found.actions is None else f"{found.actions:.2f}"
        yield f"| {name} | `{task}` | {found.goal:.2f} | {found.records:.2f} | {actions} |"
    if (more := len(overlap.left_out) - _MAX_LISTED) > 0:
        yield f"\nand {more} more."
