"""tau2-bench as domains: airline, retail and telecom from the installed package, judged as it judges, forked for free.

`load("telecom")` (or `load_domain("tau2:telecom")`) imports tau2's environment, nothing of its evaluator or of its
model clients, and touches no network. With TAU2_DATA_DIR set, policies, databases and tasks come from there.
"""

from __future__ import annotations

from eigen_graph.domains.tau2.load import NAMES, PREFIX, load

__all__ = ["NAMES", "PREFIX", "load"]
