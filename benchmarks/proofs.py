"""How good checkers are at telling wrong dialogues from right ones: ours, and tau2's bases on the same tasks.

What counts as a wrong dialogue is fixed before any checker is asked: another end state than the solution's (and the
alternatives'), a required fact unsaid, or a broken procedure. Our own bases look at just these three, so without a
program their kill rate is 1 by construction; the figure says something for checkers by program, and for tau2's bases,
which see neither procedure nor (when only DB is in the basis) words.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from eigen_graph.checkers import Proof, build_checker, prove
from eigen_graph.core import DIFFICULTIES, Cue, Domain, NoCaseError, Task
from eigen_graph.core.writing import task_from_case
from eigen_graph.domains import load_domain

SEEDS = 6


def tasks(domain: Domain) -> Iterator[Task]:
    """A few tasks of every intent."""
    assert domain.playbook is not None
    for intent in domain.playbook.intents:
        for seed in range(SEEDS):
            cue = Cue(domain=domain.name, seed=seed, intent=intent, difficulty=DIFFICULTIES[seed % len(DIFFICULTIES)])
            try:
                yield task_from_case(domain.playbook.case(domain, cue))
            except NoCaseError:
                continue


def row(name: str, kind: str, proofs: list[Proof], seconds: float) -> str:
    """One line of the table."""
    rates = [proof.kill_rate for proof in proofs]
    low = sorted(rates)[len(rates) // 20]
    refused = sum(len(proof.rejected_variants) for proof in proofs)
    tried, variants = sum(proof.mutants for proof in proofs), sum(proof.variants for proof in proofs)
    return (
        f"| {name} | {kind} | {len(proofs)} | {tried} | {statistics.mean(rates):.3f} | {low:.2f} "
        f"| {refused} of {variants} | {seconds / len(proofs) * 1e3:.0f} |"
    )


def main() -> None:
    """Print the table."""
    print(
        "| domain | judged by | tasks | mutants | mean kill rate | 5th percentile | variants refused | CPU ms a proof |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in ("hotel", "broadband"):
        domain = load_domain(name)
        kinds: dict[str, tuple[list[Proof], list[float]]] = {}
        for task in tasks(domain):
            ours = build_checker(task, domain)
            tau2 = build_checker(task, domain, basis=task.criteria.reward_basis)
            for kind, checker in (("a program" if "code" in ours.basis else "our bases", ours), ("tau2's bases", tau2)):
                proofs, seconds = kinds.setdefault(kind, ([], []))
                began = time.process_time()
                proofs.append(prove(checker, domain))
                seconds.append(time.process_time() - began)
        for kind, (proofs, seconds) in kinds.items():
            print(row(name, kind, proofs, sum(seconds)))


if __name__ == "__main__":
    main()
