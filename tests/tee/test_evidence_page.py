"""What docs/evidence.md shows is true."""

from __future__ import annotations

import re
from pathlib import Path

from coterie.tee.evidence.model import ASSURANCE
from coterie.tee.evidence.reference import ReferenceValues

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "evidence.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_example_runs() -> None:
    scope: dict[str, object] = {}
    exec(block("python"), scope)
    assert scope["appraisal"].accepted  # type: ignore[attr-defined]


def test_the_reference_values_are_read() -> None:
    values = ReferenceValues.parse(block("yaml").encode())
    assert values.platform.minimum_svns["snp-milan"]["microcode"] == 115
    fields = set(re.findall(r"^  ([a-z_]+):", block("yaml"), re.MULTILINE)) - set(values.measurements)
    assert fields == set(type(values.platform).model_fields)


def test_every_type_is_listed() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| (hardware|simulated) \|", PAGE, re.MULTILINE))
    assert listed == ASSURANCE
