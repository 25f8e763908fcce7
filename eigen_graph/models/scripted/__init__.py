"""The offline model: every role played from a domain's playbook."""

from eigen_graph.models.scripted.chat import ScriptedChat, require_playbook
from eigen_graph.models.scripted.faults import Family, Fault, FaultKind, planned_faults

__all__ = ["Family", "Fault", "FaultKind", "ScriptedChat", "planned_faults", "require_playbook"]
