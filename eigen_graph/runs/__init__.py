"""What a run leaves behind: its folder, its ledger, and the data sets that are views of it."""

from eigen_graph.runs.coverage import Cell
from eigen_graph.runs.folder import RunFolder, RunInfo
from eigen_graph.runs.ledger import Ledger
from eigen_graph.runs.lineage import CandidateFate, CandidateRow, GenerationRow, LineageRow, NoteRow, RoundRow
from eigen_graph.runs.lock import RunLockedError
from eigen_graph.runs.reader import Counts, LedgerError, LedgerReader
from eigen_graph.runs.rows import (
    Attempt,
    EpisodeRow,
    Fate,
    InstanceRow,
    PlanRow,
    arm_instance_id,
    episode_id,
    instance_id,
)
from eigen_graph.runs.spending import Cost, Spent

__all__ = [
    "Attempt",
    "CandidateFate",
    "CandidateRow",
    "Cell",
    "Cost",
    "Counts",
    "EpisodeRow",
    "Fate",
    "GenerationRow",
    "InstanceRow",
    "Ledger",
    "LedgerError",
    "LedgerReader",
    "LineageRow",
    "NoteRow",
    "PlanRow",
    "RoundRow",
    "RunFolder",
    "RunInfo",
    "RunLockedError",
    "Spent",
    "arm_instance_id",
    "episode_id",
    "instance_id",
]
