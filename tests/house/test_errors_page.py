"""docs/errors.md is what the rooms declare; codes keep to their room's range, and each is raised."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from coterie.errors import ErrorCode
from tests.house.imports import SOURCE

ROOT = Path(__file__).resolve().parents[2]

RANGES = {
    "everywhere": ("10",),
    "crypto": ("11",),
    "wire": ("12",),
    "ledger": ("13",),
    "data": ("14", "15"),
    "agreement": ("16",),
    "psi": ("20",),
    "mpc": ("21",),
    "tee": ("22", "23"),
    "fl": ("24",),
    "learn": ("30", "31", "32", "33"),
    "jobs": ("40",),
    "node": ("50", "51"),
    "hub": ("52",),
    "cli": ("60",),
    "client": ("60",),
}
"""The first two digits of each room's codes."""


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("errors_page", ROOT / "scripts" / "errors_page.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rooms(generator: ModuleType) -> dict[str, list[ErrorCode]]:
    declared: dict[str, list[ErrorCode]] = generator.declarations()
    return declared


def test_the_page_is_what_is_declared(generator: ModuleType) -> None:
    written = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert written == generator.page(), "run `make docs`"


def test_every_code_is_in_the_range_of_its_room(rooms: dict[str, list[ErrorCode]]) -> None:
    strays = [
        f"{room} {code.code}"
        for room, codes in rooms.items()
        for code in codes
        if code.code[3:5] not in RANGES[room]
    ]
    assert strays == []


def test_titles_and_next_steps_are_sentences(rooms: dict[str, list[ErrorCode]]) -> None:
    for codes in rooms.values():
        for code in codes:
            begin = code.title.split()[0]
            assert begin[:1].isupper() or "." in begin, code  # a file's name keeps its case
            assert not code.title.endswith("."), code
            assert code.next_step[:1].isupper(), code
            assert code.next_step.endswith("."), code


def test_every_code_is_raised_somewhere() -> None:
    declared: dict[str, Path] = {}
    used: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                target = node.targets[0]
                if ast.unparse(node.value.func) == "define" and isinstance(target, ast.Name):
                    declared[target.id] = path
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                used.add(node.id)
            elif isinstance(node, ast.Attribute):
                used.add(node.attr)
    assert len(declared) > 2
    assert sorted(f"{path.parent.name}: {name}" for name, path in declared.items() if name not in used) == []
