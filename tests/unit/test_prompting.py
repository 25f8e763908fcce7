"""Prompts: sections that can be addressed, placeholders that are all filled, every rendered change read."""

from __future__ import annotations

import pytest

from eigen_graph.core import EigenGraphError, UnknownNameError
from eigen_graph.graphs.prompting import Prompt, bundled

NAMES = ("agent", "planner", "reviewer", "user", "verifier", "writer")


@pytest.mark.parametrize("name", NAMES)
def test_text_round_trip(name: str) -> None:
    prompt = bundled(name)
    assert Prompt.parse(name, prompt.to_text()) == prompt


def test_an_empty_section_takes_its_heading_along() -> None:
    prompt = Prompt.parse("x", "# system\n## One\nkept\n## Two\n{{nothing}}\n")
    assert prompt.part("system", nothing="") == "## One\n\nkept"


def test_values_are_never_read_as_templates() -> None:
    prompt = Prompt.parse("x", "# system\n## One\n{{a}}\n")
    assert prompt.part("system", a="{{b}} {0} %s") == "## One\n\n{{b}} {0} %s"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("stray", "line 1: text outside a section"),
        ("# system\nstray", "line 2: text outside a section"),
        ("# other\n", "line 1: a part is one of system, request"),
        ("## early\n", "line 1: section 'early' has no part or is double"),
        ("# system\n## a\n## a\n", "line 3: section 'a' has no part or is double"),
    ],
)
def test_a_malformed_file_says_where(text: str, fault: str) -> None:
    with pytest.raises(EigenGraphError, match=fault):
        Prompt.parse("x", text)


def test_a_missing_value_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"prompt 'x' asks for \{\{b\}\}; known here: a"):
        Prompt.parse("x", "# system\n## One\n{{b}}\n").part("system", a="1")


def test_an_unknown_prompt_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match=r"agent, planner, .*reviewer, user, verifier, writer"):
        bundled("poet")
