"""Is a simulated user fit for RL? Its turns beside a reference's, its faults by kind, and a gate. Needs no torch."""

from eigen_graph.rl.fidelity.faults import KINDS, MEANING, Fault, FaultKind, faults_in
from eigen_graph.rl.fidelity.measure import measure, scripted_references
from eigen_graph.rl.fidelity.recorded import recorded, recorded_references
from eigen_graph.rl.fidelity.report import DialogueRecord, FidelityReport, FreeRecord, StopBehaviour

__all__ = [
    "KINDS",
    "MEANING",
    "DialogueRecord",
    "Fault",
    "FaultKind",
    "FidelityReport",
    "FreeRecord",
    "StopBehaviour",
    "faults_in",
    "measure",
    "recorded",
    "recorded_references",
    "scripted_references",
]
