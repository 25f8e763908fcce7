"""The playbook that every theme adds its intents to."""

from eigen_graph.core import Playbook

PLAYBOOK = Playbook()
"""What guests want, by name."""
