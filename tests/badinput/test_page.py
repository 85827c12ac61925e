"""docs/bad-input.md names codes that are declared, and tests that exist and speak of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.cli.conftest import call

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "bad-input.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.splitlines()
    if line.startswith("|") and not line.startswith(("|--", "| what goes wrong"))
]
"""What goes wrong, the codes, what the user sees, the test."""


@pytest.fixture(scope="module")
def declared() -> set[str]:
    return {one["code"] for one in call("errors", "--json").json}


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) > 50
    assert {len(row) for row in ROWS} == {4}


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:60] for row in ROWS])
def test_the_code_is_declared_and_the_test_is_of_it(row: tuple[str, ...], declared: set[str]) -> None:
    _, codes, _, place = row
    path, _, name = place.strip("`").partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    functions = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    assert name in functions
    for code in re.findall(r"CT-\d{4}", codes):
        assert code in declared
        # In a pattern such as CT-(1303|5005) too.
        assert re.search(rf"CT-({code[3:]}|\([\d|]*{code[3:]})", text), code
    assert re.findall(r"CT-\d{4}", codes) or codes == "none"


def test_every_test_named_here_is_a_test() -> None:
    names = re.findall(r"`(tests/[^`]+)`", PAGE)
    assert all(re.fullmatch(r"tests/\w+/test_\w+\.py::test_\w+", name) for name in names)
