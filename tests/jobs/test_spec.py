"""The job file."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.jobs import parse_spec

GOOD = """
name: score
agreement: credit
engine: mpc
datasets: {lender: customers, payments: behaviour}
steps:
  - align
  - split: {test: 0.25}
  - {component: fill, name: mend, params: {method: mean}}
"""


def test_the_three_ways_to_write_a_step() -> None:
    spec = parse_spec(GOOD)
    assert [(step.component, step.name, step.params) for step in spec.steps] == [
        ("align", "align", {}),
        ("split", "split", {"test": 0.25}),
        ("fill", "mend", {"method": "mean"}),
    ]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (("engine: mpc", "engine: magic"), "engine"),
        (("name: score\n", ""), "name"),
        (("  - align\n", "  - align\n  - align\n"), "two steps are named"),
        (("steps:", "surprise: 1\nsteps:"), "surprise"),
        (("datasets:", "columns: {other: [a]}\ndatasets:"), "other"),
        (("name: score", "name: [unclosed"), "not YAML at line"),
        (("{test: 0.25}", "[1, 2]"), "steps.1"),
        (("  - align\n", "  - {component: align, name: stage-1}\n"), "'stage-1'"),
        (("steps:", "kept: [payments]\nsteps:"), "kept: in engine mpc"),
        (("engine: mpc", "engine: tee\nkept: [telecom]"), "kept: 'telecom' has no dataset"),
        (("engine: mpc", "engine: tee\nkept: [payments, payments]"), "kept: 'payments' is named twice"),
    ],
)
def test_a_wrong_field_is_named(change: tuple[str, str], names: str) -> None:
    with pytest.raises(CoterieError) as caught:
        parse_spec(GOOD.replace(*change))
    assert caught.value.code == "CT-4001"
    assert names in caught.value.detail


def test_kept_owners_are_in_a_document_where_there_are_any() -> None:
    assert "kept" not in parse_spec(GOOD).model_dump()
    text = GOOD.replace("engine: mpc", "engine: tee\nkept: [payments]")
    assert parse_spec(text).model_dump(mode="json")["kept"] == ["payments"]


def test_an_oversized_file_is_refused() -> None:
    with pytest.raises(CoterieError, match="CT-4001"):
        parse_spec("# " + "x" * 300_000 + GOOD)


def test_dates_are_texts() -> None:
    text = GOOD.replace("test: 0.25", "method: time, by: lender.day, since: 2026-01-31")
    assert parse_spec(text).steps[1].params["since"] == "2026-01-31"


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_by_a_code(text: str) -> None:
    with contextlib.suppress(CoterieError):
        parse_spec(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 5000, "nested deeper"),
        ("- " * 5000, "nested deeper"),
        ("name: !!timestamp x", "tags"),
        ("name: !!python/name:os.system", "tags"),
        ("name: 0x_", "not YAML"),
    ],
    ids=["brackets", "dashes", "tag", "object", "number"],
)
def test_texts_that_harm_a_reader_of_yaml(text: str, problem: str) -> None:
    with pytest.raises(CoterieError, match=rf"^CT-4001.*{problem}"):
        parse_spec(text)


def test_aliases_are_refused_before_they_are_expanded() -> None:
    bomb = (
        GOOD
        + "  - component: fill\n    name: bomb\n    params:\n      a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    )
    for level in range(1, 12):
        bomb += f"      a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    with pytest.raises(CoterieError, match=r"^CT-4001.*aliases"):
        parse_spec(bomb)
