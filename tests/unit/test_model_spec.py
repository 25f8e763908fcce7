"""Model specs and budgets: what is read, what is refused and how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.core import EigenGraphError
from eigen_graph.models import Budget, ModelSpec


def test_reads_names_with_slashes_and_colons_and_every_option() -> None:
    options = "structured=tool&temperature=0.7&top_p=0.9&max_tokens=512&send_case=true&in=0.15&out=0.6"
    spec = ModelSpec.parse(f"openai:Qwen/Qwen3-30B:free?{options}")
    assert (spec.kind, spec.name, spec.structured) == ("openai", "Qwen/Qwen3-30B:free", "tool")
    assert (spec.temperature, spec.top_p, spec.max_tokens, spec.send_case) == (0.7, 0.9, 512, True)
    assert spec.prices == (0.15, 0.6)
    assert ModelSpec.parse(str(spec)) == spec


@given(
    st.builds(
        ModelSpec,
        kind=st.just("openai"),
        name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9./:_-]{0,30}", fullmatch=True),
        structured=st.sampled_from(["json_schema", "tool"]),
        temperature=st.none() | st.floats(0, 5),
        seed=st.none() | st.integers(),
        send_case=st.booleans(),
        send_seed=st.booleans(),
        base_url=st.none() | st.text().map(lambda rest: f"https://{rest}"),
        price_in=st.none() | st.floats(0, 1e6),
        price_out=st.none() | st.floats(0, 1e6),
    )
    | st.builds(ModelSpec, kind=st.just("scripted"), faults=st.floats(0, 1))
    | st.builds(
        ModelSpec,
        kind=st.just("hf"),
        name=st.from_regex(r"[A-Za-z0-9./:_-]{1,30}", fullmatch=True),
        temperature=st.none() | st.floats(0, 5),
        max_tokens=st.none() | st.integers(1, 9_999),
        seed=st.none() | st.integers(),
        device=st.sampled_from(["auto", "cpu", "cuda:1"]),
    )
)
def test_what_is_written_is_read_back(spec: ModelSpec) -> None:
    assert ModelSpec.parse(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gpt-5", "known are scripted, openai:NAME (see --base-url) and hf:FOLDER"),
        ("", "known are scripted, openai:NAME (see --base-url) and hf:FOLDER"),
        ("scripted:x", "known are scripted, openai:NAME (see --base-url) and hf:FOLDER"),
        ("openai:", "lacks the model's name"),
        ("hf:", "lacks the model's folder: write hf:FOLDER"),
        ("hf:x?device=the gpu", "device must be auto, cpu, cuda"),
        ("hf:x?base_url=http://h/v1", "no option 'base_url'; known: temperature, top_p, max_tokens, seed, device"),
        ("openai:m?warmth=1", "no option 'warmth'; known: structured, temperature"),
        ("scripted?temperature=1", "no option 'temperature'; known: faults"),
        ("scripted?faults=2", "faults must be a number from 0 to 1"),
        ("scripted?faults=nan", "faults must be a number from 0 to 1"),
        ("openai:m?structured=yaml", "structured must be json_schema or tool"),
        ("openai:m?send_case=maybe", "send_case must be true or false"),
        ("openai:m?max_tokens=0", "max_tokens must be a positive whole number"),
        ("openai:m?base_url=localhost:8000/v1", "base_url must be a URL"),
        ("openai:m?base_url=http://h/v1&key_env=A-KEY", "key_env must be the name of an environment variable"),
        ("openai:m?key_env=KEY", "of a base_url of its own"),
        ("openai:m?temperature", "options are written"),
    ],
)
def test_refuses_with_one_line_that_says_what_is_known(text: str, says: str) -> None:
    with pytest.raises(EigenGraphError) as raised:
        ModelSpec.parse(text)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("$5", Budget(usd=5)),
        ("2.50usd", Budget(usd=2.5)),
        ("200000tokens", Budget(tokens=200_000)),
        ("1.5M tokens", Budget(tokens=1_500_000)),
        ("500k tokens", Budget(tokens=500_000)),
    ],
)
def test_budgets_are_money_or_tokens(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget


@pytest.mark.parametrize("text", ["5", "five", "$5tokens", "$5k", "", "-5usd"])
def test_a_budget_that_is_neither_is_refused(text: str) -> None:
    with pytest.raises(EigenGraphError, match="neither money nor tokens"):
        Budget.parse(text)
