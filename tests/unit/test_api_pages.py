"""The API pages of what people import: they build without a warning, and say something of every public name."""

from __future__ import annotations

import warnings
from pathlib import Path

import pdoc
import pytest
from pdoc.doc import Class, Function, Module, Variable

from eigen_graph import graphs

PAGE = Module(graphs)


@pytest.mark.parametrize("name", graphs.__all__)
def test_a_public_name_is_explained(name: str) -> None:
    found = PAGE.get(name)
    assert isinstance(found, Class | Function | Variable)
    assert found.docstring.strip()


def test_the_page_is_written(tmp_path: Path) -> None:
    pdoc.render.configure(docformat="google")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = pdoc.render.html_module(module=PAGE, all_modules={"eigen_graph.graphs": PAGE})
    (tmp_path / "graphs.html").write_text(page)
    assert all(f'id="{name}"' in page for name in graphs.__all__)
    assert "Raises" in page
