"""The runner's image has all that components can import: whichever a job names, it is run."""

from __future__ import annotations

import ast
import importlib.metadata
import sys
from pathlib import Path

from coterie.tee.sandbox.contents import ROOMS_LEFT_OUT, Contents, installed

NOT_IN_RUNS = {"sevsnpmeasure", "torch", "dp_accounting"}
"""What only operators' commands and engine fl import, which the image does not run."""
SOURCE = Path(__file__).parents[2] / "src" / "coterie"


def imported(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"coterie"}


def test_every_import_of_the_rooms_in_the_image_is_in_the_image() -> None:
    needed: dict[str, Path] = {}
    for path in SOURCE.rglob("*.py"):
        if path.relative_to(SOURCE).parts[0] not in ROOMS_LEFT_OUT:
            needed |= dict.fromkeys(imported(path), path)
    assert {"numpy", "xgboost", "jinja2"} <= set(needed)
    carried = {name.partition("/")[0].removesuffix(".py") for name, _ in installed(Contents().distributions)}
    of = importlib.metadata.packages_distributions()
    absent = set(needed) & set(of) - carried - NOT_IN_RUNS
    assert {name: needed[name] for name in absent} == {}
