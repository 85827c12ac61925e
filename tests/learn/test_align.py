"""Rows of three and more parties: found together; a whole pipeline over them against one table."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from coterie import psi
from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.evaluate import Evaluate
from coterie.learn.fill import Fill
from coterie.learn.logistic import Logistic
from coterie.learn.split import Split
from coterie.learn.standardize import Standardize

from .pipeline import ID_KEY, Outcome, dataset, people, run

NAMES = ("lender", "payments", "telecom", "shop", "grid")
ALIGN = ("align", Align(), {})


def tables(parties: int, rows: int = 240, each: int = 180) -> tuple[dict[str, Any], list[str]]:
    """Tables of other people in another order at each party, and those who are in all."""
    ids, _ = people(rows)
    drawn = np.random.default_rng(5)
    given, common = {}, set(ids)
    for name in NAMES[:parties]:
        own = drawn.permutation(rows)[:each]
        columns: dict[str, Any] = {f"{name}_a": drawn.normal(own, 1), f"{name}_b": drawn.normal(0, 1, each)}
        if name == "lender":
            columns["bad"] = drawn.integers(0, 2, each)
        given[name] = dataset([ids[k] for k in own], columns, label="bad")
        common &= {ids[k] for k in own}
    return given, sorted(common)


@pytest.mark.parametrize("method", ["dh", "oprf"])
@pytest.mark.parametrize("parties", [2, 3, 4, 5])
def test_parties_find_the_rows_of_all_in_one_order(parties: int, method: str) -> None:
    given, common = tables(parties)
    receivers = {"common_ids": ("payments",)}
    align = ("align", Align(), {"method": method})
    outcomes = run(given, (align,), label="bad", label_holder="lender", dealer="hub", receivers=receivers)
    frames = {name: outcomes[name].frames["all"] for name in given}
    keys = frames["lender"].keys
    for name, frame in frames.items():
        assert frame.rows == len(common)
        assert np.array_equal(frame.keys, keys)
        table = given[name]
        hashes = [row.tobytes() for row in table.keyed_ids(ID_KEY)]
        rows = [hashes.index(key.tobytes()) for key in frame.keys]
        assert sorted(table.ids.to_pylist()[row] for row in rows) == common
        assert frame.parts[name][f"{name}_a"].to_pylist() == table.table[f"{name}_a"].take(rows).to_pylist()
    listed = outcomes["payments"].published["common_ids/common_ids.csv"].decode().split()
    assert sorted(line.strip('"') for line in listed[1:]) == common
    assert outcomes["hub"].published == outcomes["lender"].published == {}


def test_the_plan_says_who_sends_and_who_learns_what() -> None:
    given, _ = tables(3)
    plan = run(given, (ALIGN,), label="bad", label_holder="lender", dealer="hub")["hub"].plans["align"]
    cost = psi.cost_many(dict.fromkeys(NAMES[:3], 180))
    assert plan.sent == cost.sent
    assert plan.rounds == {"lender": 4, "payments": 4, "telecom": 4, "hub": 0}
    assert [(one.what, one.to, one.values) for one in plan.reveals] == [
        ("which of its own rows are common", NAMES[:3], 180),
        ("number of common rows", (*NAMES[:3], "hub"), 1),
    ]
    assert plan.statement is not None
    assert plan.statement.threshold == "all but one of the parties"
    assert "nobody learns what fewer than all have in common" in plan.statement.leaks
    two = run(tables(2)[0], (ALIGN,), label="bad", label_holder="lender")["lender"].plans["align"]
    assert two.statement is not None
    assert two.statement.threshold == "one of the two parties"


def test_rows_that_only_pairs_have_are_not_enough() -> None:
    ids = [f"p{k}" for k in range(30)]
    given = {
        name: dataset(
            [one for k, one in enumerate(ids) if k % 3 != place],
            {name: range(20), **({"bad": [0, 1] * 10} if place == 0 else {})},
            label="bad",
        )
        for place, name in enumerate(NAMES[:3])
    }
    with pytest.raises(CoterieError, match=r"CT-3011.*0 common"):
        run(given, (ALIGN,), label="bad", label_holder="lender")


def test_six_parties_are_too_many() -> None:
    six = {name: dataset(["a", "b"], {name: [1, 2]}) for name in (*NAMES, "sixth")}
    with pytest.raises(CoterieError, match=r"CT-3010.*6 parties"):
        run(six, (ALIGN,), label="bad", label_holder="lender")


def test_a_row_that_one_party_has_twice_is_refused() -> None:
    given, _ = tables(3)
    given["telecom"] = dataset(["x", "y", "x"], {"telecom_a": [1, 2, 3]})
    with pytest.raises(CoterieError, match="CT-2002"):
        run(given, (ALIGN,), label="bad", label_holder="lender")


STEPS = (
    ALIGN,
    ("split", Split(), {"test": 0.3}),
    ("fill", Fill(), {"method": "mean"}),
    ("standardize", Standardize(), {}),
    ("logistic", Logistic(), {"l2": 0.05, "passes": 60}),
    ("evaluate", Evaluate(), {}),
)


def borrowers(parties: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables of several owners; and of one who has all columns, of the common rows only."""
    rows = 600
    ids, random = people(rows)
    features = random.normal(0, 1, (rows, 2 * parties))
    logits = features @ np.linspace(-1.2, 1.2, 2 * parties)
    labels = (random.random(rows) < 1 / (1 + np.exp(-logits))).astype(int)
    features[random.random(features.shape) < 0.05] = np.nan
    kept = [np.sort(random.permutation(rows)[:540]) for _ in range(parties)]
    given = {}
    for place, name in enumerate(NAMES[:parties]):
        own = random.permutation(kept[place])
        columns: dict[str, Any] = {f"c{j}": features[own, j] for j in (2 * place, 2 * place + 1)}
        if place == 0:
            columns["bad"] = labels[own]
        given[name] = dataset([ids[k] for k in own], columns, label="bad")
    common = sorted(set.intersection(*(set(one.tolist()) for one in kept)))
    joined = {f"c{j}": features[common, j] for j in range(2 * parties)}
    whole = dataset([ids[k] for k in common], {**joined, "bad": labels[common]}, label="bad")
    return given, {"lender": whole}


def told(outcome: Outcome, kind: str) -> dict[str, Any]:
    found = next(content for name, content in outcome.published.items() if name.startswith(f"{kind}/"))
    document = json.loads(found)
    assert isinstance(document, dict)
    return document


def test_a_whole_pipeline_of_three_parties_is_that_of_one_table() -> None:
    receivers = {"coefficients": ("lender",), "metrics": ("lender",)}
    several, one = borrowers(3)
    settings: dict[str, Any] = {"label": "bad", "label_holder": "lender", "receivers": receivers}
    joint = run(several, STEPS, dealer="hub", **settings)["lender"]
    pooled = run(one, STEPS, engine="clear", **settings)["lender"]
    assert joint.frames["train"].rows == pooled.frames["train"].rows
    ours, theirs = (
        {
            name: value
            for owned in told(each, "coefficients")["coefficients"].values()
            for name, value in owned.items()
        }
        for each in (joint, pooled)
    )
    assert ours == pytest.approx(theirs, abs=2e-3)
    assert told(joint, "metrics")["joint"]["auc"] == pytest.approx(
        told(pooled, "metrics")["joint"]["auc"], abs=2e-3
    )
    assert told(joint, "metrics")["joint"]["auc"] > 0.7
