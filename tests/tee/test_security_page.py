"""What docs/security/tee.md calls a test is one."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security" / "tee.md"


def missing(text: str) -> list[str]:
    """Tests that are named and are not there."""
    named = re.findall(r"`([a-z_/]+\.py)::(\w+)`", text)
    assert named
    return [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"^(async )?def {name}\(", read(ROOT / "tests" / path), re.MULTILINE)
    ]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def test_every_test_that_is_named_exists() -> None:
    assert missing(PAGE.read_text(encoding="utf-8")) == []


def test_one_that_does_not_is_found() -> None:
    assert missing("`tee/gone.py::test_it` `tee/test_security_page.py::test_it`") == [
        "tee/gone.py::test_it",
        "tee/test_security_page.py::test_it",
    ]
