"""docs/functions.md is what the functions say of themselves and what tapes say they cost."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from coterie.mpc import functions

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("functions_page", ROOT / "scripts" / "functions_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_functions_say(generator: ModuleType) -> None:
    assert (ROOT / "docs" / "functions.md").read_text(encoding="utf-8") == generator.page(), "run `make docs`"


def test_letters_of_the_cost_lines_are_explained(generator: ModuleType) -> None:
    sections = {text.partition("\n")[0]: text for text in generator.page().split("\n## ")[1:]}
    assert "its cost, C below" in sections["Comparison"]
    assert "C the cost of comparing" in sections["Ordering"]
    assert "N is the number of classes" in sections["Selection"]
    assert not any(mark in text for text in sections.values() for mark in (":param", ":func:", "~"))


@pytest.mark.parametrize("name", functions.__all__)
def test_every_function_says_what_it_costs(name: str, generator: ModuleType) -> None:
    text = getattr(functions, name).__doc__
    free = generator._module(getattr(functions, name)) == "shape" or name == "gaussian_sigma"
    assert free or any(word in text for word in ("Cost", ":func:`", "round")), name
