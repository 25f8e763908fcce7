"""What customers call about: each intent a function that acts its dialogue out on a stage.

The modules group intents by theme; importing them registers what they hold with `PLAYBOOK`.
"""

from eigen_graph.domains.broadband.playbook import (
    contract,
    devices,
    handover,
    line,
    money,
    outages,
    provisioning,
    router,
    technician,
    wifi,
)
from eigen_graph.domains.broadband.playbook.book import PLAYBOOK

THEMES = (line, provisioning, router, technician, outages, wifi, devices, money, contract, handover)
"""Every module with intents."""

__all__ = ["PLAYBOOK", "THEMES"]
