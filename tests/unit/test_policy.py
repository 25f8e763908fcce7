"""Numbered clauses of a policy in Markdown."""

from __future__ import annotations

import pytest

from eigen_graph.core import Policy, UnknownNameError

TEXT = """\
# The house

You help guests. 3 of them are shown here.

## Money

1. Refund only what was paid,
   and never twice. Use `refund_charge`.
2. Ask before each charge: `charge_card`, `charge_card` or `Total price`.

   A silent guest has not agreed.

2.1) Cash is not taken,
not even at night.

This belongs to no clause.
    nor does this

10. Be kind.
## After
- not a clause
"""


def test_a_clause_runs_to_the_next_or_to_the_end_of_its_item():
    assert Policy(TEXT).clauses == {
        "1": "Refund only what was paid, and never twice. Use `refund_charge`.",
        "2": "Ask before each charge: `charge_card`, `charge_card` or `Total price`. A silent guest has not agreed.",
        "2.1": "Cash is not taken, not even at night.",
        "10": "Be kind.",
    }


def test_a_clause_names_its_tools_once():
    policy = Policy(TEXT)
    assert policy.clause("10") == "Be kind."
    assert policy.tools_named_in("2") == ("charge_card",)
    assert policy.tools_named_in("10") == ()


def test_an_unknown_clause_says_which_there_are():
    with pytest.raises(UnknownNameError, match=r"^the policy has no clause '9'; it has 1, 2, 2\.1, 10$"):
        Policy(TEXT).clause("9")


def test_a_policy_may_have_no_clauses():
    assert Policy("Be kind.").clauses == {}
    assert Policy("").clauses == {}
