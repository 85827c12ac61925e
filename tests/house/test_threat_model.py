"""What the threat model calls a test is one, and no line of its tables is without."""

from __future__ import annotations

import re
from pathlib import Path

from tests.tee.test_security_page import missing

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security" / "threat-model.md"


def untested(text: str) -> list[str]:
    """Threats whose line names no test."""
    threats = text.partition("\n## Threats\n")[2].partition("\n## ")[0]
    lines = [line for line in threats.splitlines() if re.match(r"\| (?!threat )", line)]
    assert lines
    return [line.split("|")[1].strip() for line in lines if "::test_" not in line]


def test_every_test_that_is_named_exists() -> None:
    assert missing(PAGE.read_text(encoding="utf-8")) == []


def test_every_threat_has_one() -> None:
    assert untested(PAGE.read_text(encoding="utf-8")) == []


def test_a_threat_without_one_is_found() -> None:
    head = "\n## Threats\n\n| threat | defence | test |\n|---|---|---|\n"
    assert untested(f"{head}| a | b | `x.py::test_c` |\n| d | e | |\n") == ["d"]
