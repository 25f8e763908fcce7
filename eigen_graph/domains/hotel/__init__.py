"""A seaside hotel: bookings, rates, payments and points; the user can only talk.

This is the example of how to write a domain. Read it in this order:

1. `records.py`: the tables. Frozen records that hold tuples.
2. `generate.py`: the database, made from one seed. `arithmetic.py` and `rules.py` beside it.
3. `tools/`: what the agent can do. The tools refuse what no booking system would do, and no more: the policy must bind.
4. `policy.md`: the numbered clauses the agent works under.
5. `invariants.py`: what must hold whatever happens; `setups.py`: starting conditions and assertions for tasks.
6. `playbook/`: intents, for the offline model.

`eigen-graph domains check hotel` proves that the parts agree.
"""

from functools import cache
from pathlib import Path

from eigen_graph.core import Domain, Policy, Side
from eigen_graph.domains.hotel import generate
from eigen_graph.domains.hotel.invariants import INVARIANTS
from eigen_graph.domains.hotel.playbook import PLAYBOOK
from eigen_graph.domains.hotel.rules import NOW
from eigen_graph.domains.hotel.setups import ASSERTIONS, SETUPS
from eigen_graph.domains.hotel.tools import TOOLS


@cache
def domain() -> Domain:
    """The hotel, built once a process."""
    return Domain(
        name="hotel",
        title="A seaside hotel: bookings, rates, payments and points; the user can only talk",
        policy=Policy(Path(__file__).with_name("policy.md").read_text(encoding="utf-8")),
        agent=Side(generate.build(), TOOLS, setups=SETUPS, assertions=ASSERTIONS),
        now=NOW,
        playbook=PLAYBOOK,
        invariants=INVARIANTS,
    )
