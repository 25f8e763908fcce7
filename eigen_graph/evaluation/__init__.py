"""Evaluating agents: many trials of every task, judged by checkers, summed up as pass^k with intervals and floors."""

from eigen_graph.evaluation.engine import Evaluation
from eigen_graph.evaluation.evaluate import evaluate
from eigen_graph.evaluation.folder import context_for
from eigen_graph.evaluation.results import Episode, EvaluationInfo, Results
from eigen_graph.evaluation.settings import EvaluationSettings
from eigen_graph.evaluation.summary import Summary, summarize

__all__ = [
    "Episode",
    "Evaluation",
    "EvaluationInfo",
    "EvaluationSettings",
    "Results",
    "Summary",
    "context_for",
    "evaluate",
    "summarize",
]
