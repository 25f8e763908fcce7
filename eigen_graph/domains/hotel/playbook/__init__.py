"""What guests want, acted out."""

from eigen_graph.core import Playbook

PLAYBOOK = Playbook()
