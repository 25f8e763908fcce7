"""Evaluating agents: many trials of every task, judged by checkers, summed up as pass^k with intervals and floors."""

from eigen_graph.evaluation.results import Episode, EvaluationInfo, Results

__all__ = ["Episode", "EvaluationInfo", "Results"]
