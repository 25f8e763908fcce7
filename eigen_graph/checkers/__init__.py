"""Judging, and judging the judge: executable checkers, the proof that they can tell right from wrong, and blame."""

from eigen_graph.checkers.audit import AUDITS, Defect, audit
from eigen_graph.checkers.basis import Rules, basis_of
from eigen_graph.checkers.blame import Attribution, attribute
from eigen_graph.checkers.checker import Checker, build_checker, database_digest
from eigen_graph.checkers.criteria import CRITERIA
from eigen_graph.checkers.gold import gold_trajectory
from eigen_graph.checkers.proof import prove
from eigen_graph.checkers.proof_record import Mutant, Proof, Variant
from eigen_graph.checkers.replay import replayed, untrue
from eigen_graph.checkers.tau2_criteria import TAU2_BASES
from eigen_graph.checkers.verdict import Blame, Opinion, Part, Verdict

__all__ = [
    "AUDITS",
    "CRITERIA",
    "TAU2_BASES",
    "Attribution",
    "Blame",
    "Checker",
    "Defect",
    "Mutant",
    "Opinion",
    "Part",
    "Proof",
    "Rules",
    "Variant",
    "Verdict",
    "attribute",
    "audit",
    "basis_of",
    "build_checker",
    "database_digest",
    "gold_trajectory",
    "prove",
    "replayed",
    "untrue",
]
