"""A broadband provider's help line, whose customers have a router to look at: both parties have tools.

This is the bundled example of *dual control*: agent and user each have a database and tools over it, and most faults
are mended only by both. How it is put together, as a pattern for a domain of your own:

- `records.py`   what either side stores: frozen records, one type a table.
- `database.py`  both databases, generated from a seed.
- `home.py`      what follows from the home's state: who is online, how fast. Derived, so never stored and never stale.
- `sync.py`      what one side does that the other sees; runs after every write, so it must be cheap and idempotent.
- `agent_lookups.py`, `agent_tools.py`, `user_tools.py`  LangChain tools made with `@domain_tool`. They do what a back
  office or a device would do, and refuse only what those would refuse; the rules are the policy's.
- `setups.py`    starting conditions that a task may bring about: the faults.
- `assertions.py`  named predicates for how things must stand in the end.
- `invariants.py`  what no call may ever break; `eigen-graph domains check broadband` looks.
- `policy.md`    what the agent must and must not do, in numbered clauses.
- `playbook/`    intents acted out on a stage: what offline runs are played from, and worked examples for a model.

Three choices are worth copying. *No counters and no free text in the databases*: two right ways to the same end leave
the same state, so a checker may compare states. *Ids follow from the tables' contents*: a replay gives the same ones.
*A careless call has an effect* (re-provisioning throws the home offline): what the policy forbids shows in the state.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from eigen_graph.core import Domain, Policy, Side
from eigen_graph.domains.broadband.agent_tools import AGENT_TOOLS
from eigen_graph.domains.broadband.assertions import AGENT_ASSERTIONS, USER_ASSERTIONS
from eigen_graph.domains.broadband.database import NOW, build
from eigen_graph.domains.broadband.invariants import INVARIANTS
from eigen_graph.domains.broadband.playbook import PLAYBOOK
from eigen_graph.domains.broadband.setups import AGENT_SETUPS, USER_SETUPS
from eigen_graph.domains.broadband.sync import sync
from eigen_graph.domains.broadband.user_tools import USER_TOOLS


@cache
def domain() -> Domain:
    """The domain, built once a process."""
    agent_db, user_db = build()
    return Domain(
        name="broadband",
        title="Faults, bills and contracts of a broadband provider; the customer has a router to look at",
        policy=Policy(Path(__file__).with_name("policy.md").read_text(encoding="utf-8")),
        agent=Side(agent_db, AGENT_TOOLS, AGENT_SETUPS, AGENT_ASSERTIONS),
        user=Side(user_db, USER_TOOLS, USER_SETUPS, USER_ASSERTIONS),
        sync=sync,
        now=NOW,
        playbook=PLAYBOOK,
        invariants=INVARIANTS,
    )
