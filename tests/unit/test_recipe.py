"""Recipes: the bundled ones, files of one's own, single settings, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from eigen_graph.core import EigenGraphError, UnknownNameError
from eigen_graph.domains import load_domain
from eigen_graph.rl.recipe import Recipe, bundled, load_recipe, read_recipe

SMALL = {"name": "small", "domain": "broadband"}


@pytest.mark.parametrize("name", ["cpu_smollm2", "cpu_tiny", "gpu_multi", "gpu_single", "paper"])
def test_the_bundled_ones_are_recipes(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description.endswith(".")
    assert recipe.device == name.partition("_")[0].replace("paper", "gpu")
    assert load_domain(recipe.domain).name == recipe.domain


def test_these_are_all() -> None:
    assert sorted(bundled()) == ["cpu_smollm2", "cpu_tiny", "gpu_multi", "gpu_single", "paper"]


def test_the_paper_recipe_holds_to_what_is_stated() -> None:
    grpo = load_recipe("paper").grpo
    assert grpo.groups * grpo.group_size == 512
    assert (grpo.scale, grpo.mean_over, grpo.user, grpo.kl) == ("group", "group", "trained", 0.0)
    assert grpo.filter is not None


@pytest.mark.parametrize("name", ["learning_rate", "clip_low", "epochs", "max_tokens", "temperature"])
def test_the_paper_recipe_marks_what_was_never_stated(name: str) -> None:
    lines = [line for line in bundled()["paper"].splitlines() if f"{name}:" in line]
    assert lines
    assert all("# not stated" in line for line in lines)


@pytest.mark.parametrize("name", sorted(bundled()))
def test_a_resolved_recipe_reads_back(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    assert load_recipe(tmp_path / "recipe.yaml") == recipe


def test_single_settings_are_changed() -> None:
    recipe = load_recipe(
        "cpu_tiny",
        ["grpo.steps=2", "model.lora.rank=8", "grpo.filter=null", "report_to=[trackio]", "name=mine", "seed= 7"],
    )
    assert recipe.grpo.steps == 2
    assert recipe.model.lora is not None
    assert recipe.model.lora.rank == 8
    assert recipe.grpo.filter is None
    assert recipe.report_to == ("trackio",)
    assert (recipe.name, recipe.seed) == ("mine", 7)
    assert load_recipe("cpu_tiny").grpo.filter is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("grpo.steps", "write key=value"),
        ("=3", "write key=value"),
        ("grpo.stps=3", r"grpo\.stps: .*did you mean 'steps'\?"),
        ("model.lora.size=3", r"model\.lora\.size.*known are rank, alpha"),
        ("grpo.steps=many", r"grpo\.steps: "),
        ("grpo.steps=0", r"grpo\.steps: .*greater than or equal to 1"),
        ("name.x=1", "name is no section"),
        ("grpo.micro_batch=5", "micro_batch 5 does not divide"),
        ("grpo.vllm={mode: server}", "needs vllm.server"),
        ("model.dtype=float8", r"model\.dtype: .*'float32'"),
        ("grpo.steps={a: [", r"grpo\.steps: "),
        ("grpo..steps=3", "extra|Extra"),
    ],
)
def test_a_wrong_change_is_named(change: str, said: str) -> None:
    with pytest.raises(EigenGraphError, match=said):
        load_recipe("cpu_tiny", [change])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n- b",
        "just words",
        "name: [",
        "name: small",
        "name: small\ndomain: hotel\nsurprise: 1",
        "!!python/object/apply:os.system ['true']",
        "name: &a [*a]\ndomain: hotel",
        "a: &a {a: *a}",
        "{" * 3000,
        "\x00",
        "name: 1\ndomain: {x: y}",
        "name: small\ndomain: hotel\nseed: .nan",
        "name: small\ndomain: hotel\ngrpo: {clip_low: .inf, steps: -1}",
        "? [a]\n: b",
        "1: 2",
    ],
)
def test_a_file_that_is_none_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(EigenGraphError, match=r"mine\.yaml") as caught:
        load_recipe(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(EigenGraphError, match="cannot read recipe"):
        load_recipe(tmp_path / "mine.yaml")


def test_an_unknown_name_is_told_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'cpu_tiny'\?"):
        load_recipe("cpu_tini")
    with pytest.raises(UnknownNameError, match="bundled are cpu_smollm2"):
        load_recipe(tmp_path / "nothing.yaml")
    with pytest.raises(UnknownNameError, match="no recipe"):
        load_recipe(tmp_path)


def test_the_user_model_is_the_recipes_own_unless_it_has_one() -> None:
    assert read_recipe(SMALL, "test").user_model.start == "tiny"
    other = read_recipe({**SMALL, "user": {"model": {"start": "smollm2"}}}, "test")
    assert (other.user_model.start, other.model.start) == ("smollm2", "tiny")


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted(Recipe.model_fields)), value=_values)
def test_whatever_a_section_holds_it_is_a_recipe_or_one_clear_error(key: str, value: object) -> None:
    try:
        recipe = read_recipe({**SMALL, key: value}, "test")
    except EigenGraphError:
        return
    assert read_recipe(yaml.safe_load(recipe.to_yaml()), "again") == recipe
