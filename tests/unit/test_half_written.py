"""A domain that somebody is still writing: every slip is one clear line that says where, and what to do."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from eigen_graph.core import EigenGraphError
from eigen_graph.domains import load_domain
from eigen_graph.domains.check import Finding, check_domain
from eigen_graph.domains.scaffold import write_scaffold

Edit = tuple[str, str, str]
"""A file, what stands there, and what shall."""
_number = count()
DOCSTRING = '''
    """An order in full.

    Args:
        order_id: Number of the order, e.g. O1001.
        runtime: The shop.
    """'''


def edited(parent: Path, edit: Edit) -> str:
    """A new domain, under a name that no other has in this process, with an edit; its reference."""
    folder = write_scaffold(f"half_written_{next(_number)}", parent)
    file, old, new = edit
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    return f"{folder}/"


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (("tools.py", "def get_order(", "def get_order "), r"SyntaxError: .*tools\.py, line \d+"),
        (("tools.py", DOCSTRING, ""), r"tool 'get_order' has no docstring: .*`Args:`.*tools\.py, line \d+"),
        (
            ("tools.py", "get_order(order_id: str, runtime: Runtime)", "get_order(order_id, runtime)"),
            r"tool 'get_order': .*Annotate every argument with its type.*tools\.py, line \d+",
        ),
        (("tools.py", "email: The e", "mail: The e"), "tool 'find_customer': .*and describe under `Args:` those"),
        (("tools.py", "return_order]", "return_order, ship]"), r"NameError: .*'ship'.*tools\.py, line \d+"),
        (("records.py", "total: float", "price: float"), "orders 'O1001': price: Field required; .*domains draft"),
        (("playbook.py", 'clauses=("1", "4")', 'clauses="4"'), r"clauses and tools are lists.*line \d+"),
        (("playbook.py", '"return_too_late"', '"cancel"'), r"two intents called 'cancel'.*line \d+"),
    ],
)
def test_what_does_not_load(tmp_path: Path, edit: Edit, says: str) -> None:
    reference = edited(tmp_path, edit)
    with pytest.raises(EigenGraphError, match=says) as raised:
        load_domain(reference)
    assert not [noise for noise in ("\n", "EigenGraphError", "site-packages") if noise in str(raised.value)]


def found(tmp_path: Path, edit: Edit) -> list[Finding]:
    return [finding for finding in check_domain(load_domain(edited(tmp_path, edit))) if finding.severity != "hint"]


@pytest.mark.parametrize(
    ("edit", "where", "says"),
    [
        (("policy.md", "`get_order`", "`fetch_order`"), "clause 1", "`fetch_order`, which is no tool"),
        (("policy.md", "3. `cancel", "- `cancel"), "intent cancel", "there are 1, 2, 4"),
        (("policy.md", "2026-03-02", "Monday"), "policy", "does not say which day it is"),
        (("playbook.py", "{order.total:.2f}", "{order.price:.2f}"), "intent cancel", "playbook.py, line "),
        (("playbook.py", "email=customer.email", "mail=customer.email"), "intent return", "it takes email"),
        (("playbook.py", "    stage.close()\n", ""), "intent cancel", "must open with the user and end with close()"),
    ],
)
def test_what_loads_and_is_not_right(tmp_path: Path, edit: Edit, where: str, says: str) -> None:
    findings = [finding for finding in found(tmp_path, edit) if finding.where == where]
    assert any(says in str(finding) for finding in findings)
    assert not any("intent " in finding.what for finding in findings), "where it is need not be said twice"


def test_an_intent_that_breaks_hides_no_tool(tmp_path: Path) -> None:
    """Whether its tools are used is not known: that is no second thing to mend."""
    edit = ("playbook.py", "{order.total:.2f}", "{order.price:.2f}")
    assert [finding.where for finding in found(tmp_path, edit)] == ["intent cancel"]
