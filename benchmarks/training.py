"""Training in small: does GRPO raise held-out pass^1 over its SFT start, and what do its parts do?

Every seed splits the same synthesized dialogues anew, makes models of its own and trains them by the recipe `cpu_tiny`.
From each seed's SFT start, GRPO is then run in other ways, as many steps each. The questions are the paper's: RL with a
faulty user model fell below its start there (telecom: SFT 85.4, RL with the base user 75.6, with the trained one 95.6),
dynamic filtering was worth 5.5 points (airline, 65.0 to 70.5), more episodes a task 6.5 (64.0 to 70.5). The models here
have a million parameters and learn which calls to hand to a person: what is measured is the machinery, in one place.

    python benchmarks/training.py                # three seeds, two at a time; two hours on two cores
    python benchmarks/training.py --table OUT    # the table again, from what is there
"""

# ruff: noqa: PLC0415  # what trains is imported only in the processes that do

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from scipy.stats import t

RECIPE = "cpu_tiny"
FULL = "full"
ARMS: dict[str, tuple[str, ...]] = {
    FULL: (),
    "no dynamic filtering": ("grpo.filter=null",),
    "faulty user": ("user.sft.steps=30", "user.sft.save_every=30"),
    "groups of 4, twice as many": ("grpo.group_size=4", "grpo.groups=16"),
}
"""What is changed in the recipe, by name."""


_COLUMNS = (
    "GRPO",
    "seeds",
    "pass^1 before",
    "after, each seed",
    "mean",
    "gain over SFT, 95 %",
    "against full, 95 %",
    "gain, scripted user",
    "episodes",
    "mixed groups",
    "spoiled by the user",
)


class Done(NamedTuple):
    """What came of one arm of one seed."""

    arm: str
    seed: int
    figures: dict[str, Any]


def main() -> None:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", nargs="*", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe, for all arms")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trainings at once, a core each")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark-training"))
    parser.add_argument("--table", type=Path, metavar="OUT", help="only print the table of what is there")
    parser.add_argument("--one", nargs=2, metavar=("ARM", "SEED"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(asked.one[0], int(asked.one[1]), asked.out, asked.set)
        return
    if asked.table is None:
        began = time.time()
        synthesized(asked.out, asked.set)
        seeds = range(1, asked.seeds + 1)
        # The full trainings first: the others begin where these began.
        each([(FULL, seed) for seed in seeds] + [(arm, s) for s in seeds for arm in asked.arms if arm != FULL], asked)
        print(f"{(time.time() - began) / 60:.0f} minutes, {asked.jobs} at a time\n")
    print(table(list(found(asked.table or asked.out))))


def synthesized(out: Path, changes: Sequence[str]) -> None:
    """The dialogues that every seed splits anew."""
    from eigen_graph.rl.folder import TrainingFolder
    from eigen_graph.rl.recipe import load_recipe
    from eigen_graph.rl.synthesis import synthesize
    from eigen_graph.rl.waiting import at_once

    folder = TrainingFolder.enter(out / "dialogues", load_recipe(RECIPE, changes))
    with folder.lock():
        at_once(synthesize(folder, tell))


def each(work: Sequence[tuple[str, int]], asked: argparse.Namespace) -> None:
    """Run trainings in processes of their own, some at a time, each after the full one of its seed."""
    ended = {seed: threading.Event() for _, seed in work}

    def run(job: tuple[str, int]) -> None:
        arm, seed = job
        if arm == FULL:
            try:
                train(arm, seed)
            finally:
                ended[seed].set()
        else:
            ended[seed].wait()
            train(arm, seed)

    def train(arm: str, seed: int) -> None:
        if result(asked.out, arm, seed).exists():
            return
        command = [sys.executable, __file__, "--one", arm, str(seed), "--out", str(asked.out)]
        command += [part for change in asked.set for part in ("--set", change)]
        log = result(asked.out, arm, seed).with_suffix(".log")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as file:
            code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
        print(f"{arm}, seed {seed}: {'done' if not code else f'failed, see {log}'}", flush=True)

    with ThreadPoolExecutor(asked.jobs) as pool:
        list(pool.map(run, work))


def one(arm: str, seed: int, out: Path, changes: Sequence[str]) -> None:
    """One arm of one seed; its figures go into a file."""
    from eigen_graph.rl.quiet import prepare_process

    prepare_process()
    from eigen_graph.rl import stages
    from eigen_graph.rl.data import prepare
    from eigen_graph.rl.folder import TrainingFolder
    from eigen_graph.rl.grpo import train_grpo
    from eigen_graph.rl.held_out import USER_TOKENS, evaluated, local_spec, user_spec
    from eigen_graph.rl.recipe import load_recipe

    recipe = load_recipe(RECIPE, [f"seed={seed}", "threads=1", *changes, *ARMS[arm]])
    began = time.time()
    path = out / slug(arm, seed)
    figures: dict[str, Any] = {}
    folder = TrainingFolder.enter(path, recipe)
    with folder.lock():
        data = prepare(folder.data, recipe, [out / "dialogues" / "run"])
        if arm in {FULL, "faulty user"}:
            report = stages.train_user(folder, data, tell)
            figures["user_faults"] = report.faults_per_100
            figures["user_passes"] = report.passes(recipe.user.fidelity)
        if arm == FULL:
            stages.train_agent(folder, data, tell)
        start = out / slug(FULL, seed) / "agent" / "model"
        stage, main_user = folder.stage("grpo"), out / slug(FULL, seed) / "user" / "model"
        if (
            recipe.grpo.user == "trained"
            and arm not in {FULL, "faulty user"}
            and not folder.stage("user").model.exists()
        ):
            folder.stage("user").model.parent.mkdir(parents=True, exist_ok=True)
            folder.stage("user").model.symlink_to(main_user.resolve())
        train_grpo(
            stage, recipe, data, start=start, user_spec=user_spec(folder, recipe.grpo.user), tell=tell, force=True
        )
        # Every arm is measured with the users of the full training: the trained one, and one that is a script.
        trained = local_spec(main_user, temperature=recipe.user.fidelity.temperature, max_tokens=USER_TOKENS)
        users = {"": trained, "_scripted": "scripted"}
        after = {
            user: evaluated(folder, f"grpo{user.replace('_', '-')}", stage.model, data, tell, user=spec)
            for user, spec in users.items()
        }
        if arm == FULL:
            before = {
                user: pass1(evaluated(folder, f"agent{user.replace('_', '-')}", start, data, tell, user=spec))
                for user, spec in users.items()
            }
        else:
            known = json.loads(result(out, FULL, seed).read_text())
            before = {user: known[f"before{user}"] for user in users}
        lines = [json.loads(line) for line in (stage.path / "rollouts.jsonl").read_text().splitlines()]
    figures |= {
        **{f"before{user}": value for user, value in before.items()},
        **{f"after{user}": pass1(results) for user, results in after.items()},
        "floor": max(floor["value"] for floor in after[""].summary["floors"]),
        "steps": len(lines),
        "episodes": sum(line["episodes"]["played"] for line in lines),
        "mixed": statistics.mean(line["groups"]["mixed_share"] for line in lines),
        "idle": statistics.mean(line["groups"]["kept"] < recipe.grpo.groups for line in lines),
        "user_fault_rate": statistics.mean(line["episodes"]["user_fault_rate"] for line in lines),
        "seconds": round(time.time() - began),
    }
    result(out, arm, seed).write_text(json.dumps(figures, indent=1))


def pass1(results: Any) -> float:
    """Of an evaluation."""
    return float(results.summary["pass_hat"][0]["value"])


def found(out: Path) -> Iterator[Done]:
    """All that is there."""
    for arm in ARMS:
        for seed in range(1, 100):
            if (path := result(out, arm, seed)).exists():
                yield Done(arm, seed, json.loads(path.read_text()))


def table(done: Sequence[Done]) -> str:
    """Means over seeds, and the difference from the full training, paired by seed."""
    by_arm = {arm: {one.seed: one.figures for one in done if one.arm == arm} for arm in ARMS}
    full = by_arm[FULL]
    lines = [
        f"| {' | '.join(_COLUMNS)} |",
        "|---" * len(_COLUMNS) + "|",
    ]
    for arm, seeds in by_arm.items():
        if not seeds:
            continue
        after = [figures["after"] for figures in seeds.values()]
        gains = [figures["after"] - figures["before"] for figures in seeds.values()]
        gaps = [figures["after"] - full[seed]["after"] for seed, figures in seeds.items() if seed in full]
        cells = [
            arm,
            str(len(seeds)),
            f"{statistics.mean(f['before'] for f in seeds.values()):.3f}",
            ", ".join(f"{value:.3f}" for value in after),
            f"{statistics.mean(after):.3f}",
            interval(gains),
            "" if arm == FULL else interval(gaps),
            interval([f["after_scripted"] - f["before_scripted"] for f in seeds.values()]),
            f"{statistics.mean(f['episodes'] for f in seeds.values()):,.0f}",
            f"{statistics.mean(f['mixed'] for f in seeds.values()):.0%}",
            f"{statistics.mean(f['user_fault_rate'] for f in seeds.values()):.0%} of episodes",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    floor = statistics.mean(one.figures["floor"] for one in done)
    users = {arm: [f["user_faults"] for f in seeds.values() if "user_faults" in f] for arm, seeds in by_arm.items()}
    told = "; ".join(f"{arm}: {', '.join(f'{v:.0f}' for v in values)}" for arm, values in users.items() if values)
    return "\n".join([*lines, "", f"Best inert agent: {floor:.3f}. Faults per 100 dialogues of the users: {told}."])


def interval(values: Sequence[float]) -> str:
    """Mean and Student's 95 % interval over seeds."""
    if len(values) < 2:
        return f"{values[0]:+.3f}" if values else ""
    half = t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.mean(values)
    return f"{mean:+.3f} ({mean - half:+.3f} to {mean + half:+.3f})"


def slug(arm: str, seed: int) -> str:
    """The folder of an arm of a seed."""
    return f"{arm.replace(',', '').replace(' ', '-')}-{seed}"


def result(out: Path, arm: str, seed: int) -> Path:
    """Where its figures are."""
    return out / "results" / f"{slug(arm, seed)}.json"


def tell(line: str) -> None:
    """To the log."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
