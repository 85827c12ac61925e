"""Drafts under which no job could run are refused where they are written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from coterie.agreement import Terms, draft
from coterie.errors import CoterieError
from coterie.node.drafting import draft_problems

KEYS = {name: f"{number:02}" * 32 for number, name in enumerate(("north", "south", "east"), 11)}
OWN = {"loans": {"key", "bad", "age"}}
NOW = datetime(2026, 11, 23, tzinfo=UTC)

TEXT = """\
name: loans
parties: [north, south, east]
datasets:
  - {name: loans, owner: north, id: key, label: bad, columns: [age]}
  - {name: loans, owner: south, id: key, label: bad, columns: [years]}
  - {name: loans, owner: east, id: key, label: bad, columns: [age]}
components:
  - {name: boosting, params: {rounds: {max: 100}}}
  - {name: of-another-version, params: {depth: {any: true}}}
engines: [fl]
results: []
min_rows: 10
not_before: 2026-01-01T00:00:00Z
expires: 2027-01-01T00:00:00Z
max_runs: 1
"""


def drafted(text: str) -> Terms:
    return draft(text, KEYS, lambda terms: draft_problems(terms, "north", OWN, NOW))


def test_what_can_run_is_taken() -> None:
    assert drafted(TEXT).name == "loans"
    assert drafted(TEXT.replace("{name: loans, owner: north", "{name: later, owner: north")).name == "loans"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "[age]}\n  - {name: loans, owner: south",
            "[Age]}\n  - {name: loans, owner: south",
            "no column 'Age'",
        ),
        (
            "{max: 100}",
            "{max: 100}, roundz: {max: 9}",
            "line 8, components.0.params.roundz: 'boosting' has no",
        ),
        ("2027-01-01", "2026-11-23", "line 14, expires: it is over"),
        ("  - {name: loans, owner: east, id: key, label: bad, columns: [age]}\n", "", "here are 2"),
    ],
)
def test_what_cannot_is_refused_with_its_line(old: str, new: str, told: str) -> None:
    assert TEXT.count(old) == 1
    with pytest.raises(CoterieError) as caught:
        drafted(TEXT.replace(old, new))
    assert caught.value.code == "CT-1601"
    assert told in caught.value.detail
