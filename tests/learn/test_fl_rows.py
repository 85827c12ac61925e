"""Rows that each party chooses among its own, or weighs: the same as of the pooled table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.learn.choosing import told_alike
from coterie.learn.component import EACH
from coterie.learn.filter import Filter
from coterie.learn.onehot import Onehot
from coterie.learn.sample import Sample
from coterie.learn.split import Split
from coterie.learn.stack import Stack
from tests.learn.horizontal import planning_of, run
from tests.learn.horizontal_data import NAMES, datasets, whole
from tests.learn.test_fl_binning import table

TABLE = table(1500)
BEFORE: list[Any] = [
    ("stack", Stack(), {}),
    ("split", Split(), {"method": "time", "by": "each.income", "since": 20_000.0}),
]
"""By a fixed value, as the pooled table: at random each party draws a share of its own."""


def both(*steps: Any) -> tuple[dict[str, Any], Any]:
    """Outcomes of engine fl, by party, and of engine clear."""
    found = run(datasets(TABLE, "bad"), [*BEFORE, *steps], label="bad")
    return found, run(whole(TABLE, "bad"), [*BEFORE, *steps], label="bad", engine="clear")["all"]


def test_the_same_rows_stay() -> None:
    step = ("filter", Filter(), {"party": "each", "where": "grade > 2 or bad == 1", "with_label": True})
    found, pooled = both(step)
    for name in ("all", "train", "test"):
        keys = np.vstack([found[party].frames[name].keys for party in NAMES])
        wanted = pooled.frames[name].keys
        assert sorted(map(bytes, keys)) == sorted(map(bytes, wanted))
        assert 100 < len(wanted) < 1500


def test_of_what_is_drawn_counts_are_known_before() -> None:
    """Else who knows the key of the ids sees a count change where a share passes the hash of somebody."""
    step = ("sample", Sample(), {"fraction": 0.3})
    found = run(datasets(TABLE, "bad"), [BEFORE[0], ("split", Split(), {"test": 0.41}), step], label="bad")
    for party, rows in (("east", 250), ("north", 500), ("west", 750)):
        before, after = found[party].contexts["sample"].planning.frames, found[party].frames
        assert before["test"].horizontal is not None
        assert before["test"].horizontal[party] == round(0.41 * rows)
        for name in ("train", "test"):
            assert after[name].rows == round(0.3 * before[name].horizontal[party])
        assert after["all"].rows == after["train"].rows + after["test"].rows


def test_weights_are_those_of_the_pooled_labels() -> None:
    found, pooled = both(("sample", Sample(), {"method": "weights", "share": 0.4}))

    def weights(outcome: Any) -> set[float]:
        return set(outcome.frames["train"].column(EACH, "sample_weight").to_pylist())

    assert len(weights(pooled)) == 2
    for name in NAMES:
        assert sorted(weights(found[name])) == pytest.approx(sorted(weights(pooled)), rel=1e-12)


def test_no_party_tells_of_few_rows() -> None:
    """Of 250 rows of the first party, five are beyond the condition; or five have the label."""
    income = np.sort(TABLE["income"][:250])[-6]
    step = ("filter", Filter(), {"party": "each", "where": f"income <= {float(income)!r} or grade < 9"})
    run(datasets(TABLE, "bad"), [*BEFORE[:1], step], label="bad")
    step = ("filter", Filter(), {"party": "each", "where": f"income <= {float(income)!r}"})
    with pytest.raises(CoterieError) as caught:
        run(datasets(TABLE, "bad"), [*BEFORE[:1], step], label="bad")
    assert caught.value.code == "CT-3300"
    few = {**TABLE, "bad": np.where(np.arange(1500) < 245, 0, TABLE["bad"])}
    weigh = [*BEFORE[:1], ("sample", Sample(), {"method": "weights"})]
    outcome = run(datasets(few, "bad"), weigh, label="bad")["west"]
    told = sorted(set(outcome.frames["all"].column(EACH, "sample_weight").to_pylist()))
    others = few["bad"][250:].mean()
    assert told == pytest.approx([0.5 / (1 - others), 0.5 / others], rel=1e-12)


def coded(outcome: Any) -> tuple[tuple[str, ...], Any]:
    frame = outcome.frames["all"]
    order = np.argsort([bytes(key) for key in frame.keys])
    return frame.columns[EACH], frame.matrix(frame.columns[EACH])[order]


@pytest.mark.parametrize("missing", ["category", "zeros"])
def test_categories_are_those_of_the_pooled_rows(missing: str) -> None:
    odd = np.arange(1500) % 10 == 0
    given = {
        "town": np.where(odd, None, TABLE["town"]),
        "grade": TABLE["grade"] - 2,
        "owns": TABLE["debt"] > 5,
        "income": TABLE["income"],
        "bad": TABLE["bad"],
    }
    columns = [f"each.{name}" for name in ("owns", "town", "grade")]
    steps = [*BEFORE, ("onehot", Onehot(), {"columns": columns, "categories": 4, "missing": missing})]
    found = run(datasets(given, "bad"), steps, label="bad", min_group=1)
    names, values = coded(run(whole(given, "bad"), steps, label="bad", min_group=1, engine="clear")["all"])
    assert {"owns#2", "town#3", "grade#5"} <= set(names)
    assert all(coded(found[name])[0] == names for name in NAMES)
    rows = np.vstack([coded(found[name])[1] for name in NAMES])
    keys = [bytes(key) for name in NAMES for key in sorted(map(bytes, found[name].frames["all"].keys))]
    assert (rows[np.argsort(np.array(keys, "S32"))] == values).all()


def test_categories_of_few_rows_of_a_party_are_not_told() -> None:
    """Nineteen rows of one party have a category of their own: it shares the column of what is left."""
    odd = np.arange(1500)
    given = {"town": np.where(odd % 2, "Genf", "Basel").astype(object), "bad": TABLE["bad"]}
    given["town"][:38:2] = "Oz"
    steps = [BEFORE[0], ("onehot", Onehot(), {"columns": ["each.town"]})]
    found = run(datasets(given, "bad"), steps, label="bad")
    state = found["west"].contexts["onehot"].models["onehot"].states[EACH].columns["town"]
    assert state.known == ("Genf", "Basel")
    assert state.rows == (750, 625, 125)  # of 106 in Basel, too, their party keeps silent


def test_parties_that_have_found_other_categories_find_out() -> None:
    planning = planning_of(datasets(TABLE, "bad"), "bad")
    told = {f"columns.0@{name}": 3 for name in NAMES}
    assert told_alike(planning, told) == {"columns.0": 3}
    with pytest.raises(CoterieError) as caught:
        told_alike(planning, {**told, "columns.0@west": 4})
    assert (caught.value.code, caught.value.party) == ("CT-3237", "west")
