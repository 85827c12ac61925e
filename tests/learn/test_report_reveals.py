"""What plans say of what becomes known has its Chinese."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.learn.report.sections.reveals import told

LEARN = Path(__file__).parents[2] / "src" / "coterie" / "learn"
KINDS = ("Reveal", "Total")
CHINESE = re.compile("[\u4e00-\u9fff]")


def template(node: ast.expr) -> str | None:
    """A text with something in its places."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "x.y" for one in node.values)
    return None


def named(function: ast.AST, name: str) -> Iterator[str]:
    """What a local name stands for, wherever it is given a text."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and any(
            isinstance(to, ast.Name) and to.id == name for to in node.targets
        ):
            branches = (
                [node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value]
            )
            yield from (text for one in branches if (text := template(one)) is not None)


def reveals() -> Iterator[tuple[str, str]]:
    """File and text of every reveal and every sum over parties whose text can be read off the code."""
    for path in sorted(LEARN.rglob("*.py")):
        code = path.read_text(encoding="utf-8")
        if "Reveal(" not in code and "Total(" not in code:
            continue
        parts = path.relative_to(LEARN.parents[1]).with_suffix("").parts
        module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
        for function in ast.walk(ast.parse(code)):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") in KINDS and call.args:
                    first = call.args[0]
                    if (text := template(first)) is not None:
                        yield parts[-2], text
                    elif isinstance(first, ast.Name):
                        known = getattr(module, first.id, None)
                        found = [known] if isinstance(known, str) else named(function, first.id)
                        yield from ((parts[-2], one) for one in found)


FOUND = sorted(set(reveals()))


def test_the_search_finds_most_of_them() -> None:
    assert len(FOUND) > 35


@pytest.mark.parametrize(("room", "text"), FOUND)
def test_a_reveal_has_its_chinese(room: str, text: str) -> None:
    if room != "report":  # which is on no page: it tells nothing new
        assert CHINESE.search(str(told(text).zh)), text


@pytest.mark.parametrize(
    "what", ["score of each own row", "points of each own row, summed over all features"]
)
@pytest.mark.parametrize("of_what", ["", " of 'test' by 'trees'"])
def test_scores_of_own_rows_have_their_chinese(what: str, of_what: str) -> None:
    chinese = told(f"the {what}{of_what}").zh
    assert "自有" in chinese
    assert ("trees" in chinese) == bool(of_what)
    assert "row" not in chinese


def test_names_in_it_stay_and_are_escaped() -> None:
    both = told("which rows are for the test, the latest by lender.<b>")
    assert "lender.&lt;b&gt;" in both.zh
    assert "lender.&lt;b&gt;" in both.en
    assert "哪些样本" in both.zh


def test_what_is_not_known_stays_english_and_is_escaped() -> None:
    assert told("a new <thing>").zh == '<span class="foreign">a new &lt;thing&gt;</span>'
