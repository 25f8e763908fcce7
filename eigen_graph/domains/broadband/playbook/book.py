"""The playbook that the themes fill."""

from typing import Final

from eigen_graph.core import Playbook

PLAYBOOK: Final = Playbook()
"""Every intent of the domain."""
