"""Logistic models on weights of evidence of what a selection leaves, be it one feature of one party."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import statsmodels.api as sm
from pydantic import BaseModel

from coterie.data import VerticalFrame
from coterie.learn.component import Component, Engine, FrameShape, Params, RunContext, Statement
from coterie.learn.evaluate import Evaluate
from coterie.learn.glm import Glm
from coterie.learn.logistic import Logistic
from coterie.learn.reasons import Reasons
from coterie.learn.transform import Transform

from .card_data import GLM, OWNERS, ROWS, play, pooled, steps, tables, to_all
from .pipeline import Outcome


class _Nothing(BaseModel):
    pass


class Keep(Transform[Params, _Nothing]):
    """Leaves some columns, as a selection does."""

    name: ClassVar[str] = "keep"
    summary: ClassVar[str] = ""
    Parameters: ClassVar = Params
    State: ClassVar = _Nothing
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})
    statement: ClassVar[Statement] = Statement(protocol="none")

    def __init__(self, kept: Sequence[str]) -> None:
        self.kept = frozenset(kept)

    def learn(self, training: VerticalFrame, params: Params, context: RunContext) -> _Nothing:
        return _Nothing()

    def transform(self, frame: VerticalFrame, params: Params, state: _Nothing) -> VerticalFrame:
        names = self._left(frame.columns[frame.owner])
        label = [frame.label] if frame.owner == frame.label_holder else []
        return frame.reshaped(frame.table.select([*names, *label]), names)

    def shape(self, shape: FrameShape, params: Params) -> FrameShape:
        return replace(shape, columns={owner: self._left(names) for owner, names in shape.columns.items()})

    def _left(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name in self.kept)


TABLE = {**GLM, "statistics": True}
AFTER = (
    ("reasons", Reasons(), {"frame": "all"}),
    ("evaluate", Evaluate(), {"frame": "all"}),
)


def points(outcome: Outcome) -> dict[str, Any]:
    card = json.loads(outcome.published["scorecard/card.scorecard.json"])
    return {one["name"]: [bin["points"] for bin in one["bins"]] for one in card["columns"]}


@pytest.mark.parametrize(
    ("kept", "trainer", "parties"),
    [
        (("calls",), ("glm", Glm(), TABLE), 3),
        (("calls",), ("logistic", Logistic(), {"passes": 10}), 2),
        (("age", "income", "calls", "delays", "region"), ("glm", Glm(), TABLE), 2),
    ],
)
def test_models_of_what_is_left(
    kept: tuple[str, ...], trainer: tuple[str, Component[Any], Any], parties: int
) -> None:
    """Points, scores and measures as of pooled columns, and the table of statsmodels."""
    pipeline = steps(*AFTER, before=(("keep", Keep(kept), {}),), trainer=trainer)
    data, kinds = tables(ROWS, parties), ("statistics", "coefficients", "reasons", "metrics")
    receivers = {**to_all(data, *kinds), "scores": ("lender",)}
    joint = play(data, pipeline, receivers=receivers)
    whole = play(pooled(ROWS, parties), pipeline, *kinds, "scores")["lender"]
    found: dict[str, Any] = {}
    for party, names in OWNERS[parties].items():
        has_part = party == "lender" or any(name in kept for name in names)
        assert ("scorecard/card.scorecard.json" in joint[party].published) == has_part
        found |= points(joint[party]) if has_part else {}
    assert found == points(whole)
    assert sorted(found) == sorted(kept)
    measured = [
        json.loads(one.published["metrics/metrics.json"])["joint"] for one in (joint["lender"], whole)
    ]
    assert measured[0]["auc"] == measured[1]["auc"]
    if trainer[0] == "glm":
        same_as_statsmodels(json.loads(joint["lender"].published["statistics/glm.statistics.json"]), whole)


def same_as_statsmodels(table: dict[str, Any], whole: Outcome) -> None:
    frame = whole.last.frames["all"]
    names = frame.columns["lender"]
    theirs = sm.Logit(frame.labels(), sm.add_constant(frame.matrix(names))).fit(disp=0)
    lines = {name: line for own in table["coefficients"].values() for name, line in own.items()}
    ours = [table["intercept"], *(lines[name] for name in names)]
    for what, values, near in (
        ("estimate", theirs.params, 1e-4),
        ("standard_error", theirs.bse, 1e-4),
        ("p", theirs.pvalues, 1e-4),
    ):
        np.testing.assert_allclose([line[what] for line in ours], values, atol=near)
    assert table["deviance"] == pytest.approx(-2 * theirs.llf, rel=2e-4)
    assert table["aic"] == pytest.approx(theirs.aic, rel=2e-4)
