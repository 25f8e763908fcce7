"""Data sets made of a run's accepted dialogues. They are views of the ledger: made anew at any time, never edited."""

from eigen_graph.runs.datasets.duplicates import Duplicate
from eigen_graph.runs.datasets.export import export_run
from eigen_graph.runs.datasets.formats import FORMATS, PLAIN
from eigen_graph.runs.datasets.report import ExportReport

__all__ = ["FORMATS", "PLAIN", "Duplicate", "ExportReport", "export_run"]
