"""Whether the roles of a run can be played together."""

from __future__ import annotations

from eigen_graph.core import EigenGraphError
from eigen_graph.graphs.workflow import WorkflowSpec
from eigen_graph.models import Cast, Role, Seat


def require_playable(cast: Cast, workflow: WorkflowSpec) -> None:
    """A scripted verifier, user, agent or reviewer goes by its case: what another model wrote is none.

    Raises:
        EigenGraphError: One is to play that.
    """
    if isinstance(own := cast.players["writer"], Seat):
        raise EigenGraphError(
            f"{own.label} is an agent of your own, which takes the agent's chair only: give it as --agent-model, and "
            "name a model for the other roles (--model)"
        )
    acting: list[Role] = ["user", "agent", "reviewer"]
    if any(node.kind == "verifier" for node in workflow.nodes.values()):
        acting.insert(0, "verifier")
    lost = [role for role in acting if cast.players[role].plays_cases]
    if lost and not cast.players["writer"].plays_cases:
        raise EigenGraphError(
            f"a scripted {' and '.join(lost)} can play only what the scripted writer wrote: "
            f"give the {' and the '.join(lost)} a model too, or leave the writer scripted"
        )
