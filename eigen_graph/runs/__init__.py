"""What a run leaves behind: its folder, its ledger, and the data sets that are views of it."""

from eigen_graph.runs.coverage import Cell
from eigen_graph.runs.folder import RunFolder, RunInfo
from eigen_graph.runs.ledger import Ledger
from eigen_graph.runs.lock import RunLockedError
from eigen_graph.runs.reader import Counts, LedgerError, LedgerReader, Spent
from eigen_graph.runs.rows import Attempt, Fate, InstanceRow, PlanRow, instance_id

__all__ = [
    "Attempt",
    "Cell",
    "Counts",
    "Fate",
    "InstanceRow",
    "Ledger",
    "LedgerError",
    "LedgerReader",
    "PlanRow",
    "RunFolder",
    "RunInfo",
    "RunLockedError",
    "Spent",
    "instance_id",
]
