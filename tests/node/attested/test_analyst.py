"""What a risk analyst does all day, sealed: the components that the job of `test_score` leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.node.attested.clear import in_the_clear
from tests.node.attested.conftest import EVERYBODY, PARTIES, Scored
from tests.node.attested.test_score import undated
from tests.node.attested.world import BOTH, SCORE, World
from tests.node.test_agreements import stored

STEPS: list[dict[str, Any]] = [
    {"overlap": {}},
    {"align": {}},
    {"derive": {"columns": {"lender.level": "age + 2 * income", "payments.busy": "flow > 0.5"}}},
    {"cast": {"columns": {"payments.busy": "category"}}},
    {"filter": {"party": "payments", "where": "ratio < 9"}},
    {"sample": {"fraction": 0.9}},
    {"split": {}},
    {"describe": {}},
    {"crosstab": {"groups": 3}},
    {"fill": {}},
    {"clip": {"low_quantile": 0.01, "high_quantile": 0.99}},
    {"onehot": {"columns": ["payments.busy"], "categories": 3, "drop": "first"}},
    {"correlate": {"method": "spearman"}},
    {"minmax": {}},
    {"pca": {"output": "none"}},
    {"kmeans": {"clusters": 2}},
    {"bin": {"method": "quantile", "bins": 3}},
    {"woe": {}},
    {"select": {"drop": ["lender.level", "payments.busy#1"], "min_iv": 0.0001}},
    {"vif": {}},
    {"naive_bayes": {}},
    {"glm": {"family": "logistic"}},
    {"scorecard": {}},
    {"evaluate": {"bins": 4}},
    {"reasons": {"most": 2}},
    {"stability": {"bins": 3}},
    {"compare": {}},
    {"decide": {"max_bad_rate": 0.4, "bands": 3}},
    {"report": {}},
]
KINDS = {
    "lender": (
        "metrics",
        "scores",
        "reasons",
        "bins",
        "scorecard",
        "profile",
        "correlations",
        "iv",
        "report",
    ),
    "payments": ("bins", "scorecard", "iv", "report"),
    "telecom": ("coefficients", "metrics", "correlations", "selection", "profile", "report"),
}
"""Profiles go to the telecom alone: other tests search the owners' homes for each other's values, and
quantiles of so few rows are some."""
REFUSED = {"save", "predict", "stack"}
"""In engine tee: pipelines, and jobs on horizontal frames."""


@pytest.fixture(scope="module")
def worked(five: World) -> Scored:
    components = [
        {"name": name, "params": {parameter: {"any": True} for parameter in params}}
        for step in STEPS
        for name, params in step.items()
    ]
    every = sorted({kind for kinds in KINDS.values() for kind in kinds})
    results = [{"kind": kind, "to": [party for party in KINDS if kind in KINDS[party]]} for kind in every]
    agreement = five.agree(
        PARTIES, owners=("lender", "payments"), components=components, results=results, min_group=2
    )
    job = five.submit(agreement, STEPS, receivers=["telecom"])
    five.done(job, *EVERYBODY)
    return Scored(five, agreement, five.lender.client.job(job.id))


def test_every_receiver_gets_what_it_would_get_in_the_clear(worked: Scored, tmp_path: Path) -> None:
    world = worked.world
    _, key = stored(world.lender.home, worked.agreement.id)
    assert key is not None
    tables = {"lender": world.table("loans"), "payments": world.table("flows")}
    record = world.record("lender", worked.job)
    wanted = in_the_clear(record, tables, key, world.image, tmp_path / "clear")
    for party in PARTIES:
        received = world.files(party, worked.job)
        assert set(received) == set(wanted[party])
        assert [n for n in received if undated(received[n]) != undated(wanted[party][n])] == []


def test_to_each_its_own(worked: Scored) -> None:
    files = {party: set(worked.world.files(party, worked.job)) for party in PARTIES}
    own = {"bin/bin.bins.json", "scorecard/scorecard.scorecard.json"}
    assert own <= files["lender"]
    assert own <= files["payments"]
    assert not own & files["telecom"]
    assert {"reasons/reasons.parquet", "evaluate/scores.parquet"} <= files["lender"]
    assert all("report/report.html" in names for names in files.values())
    cards = {
        party: worked.world.files(party, worked.job)["scorecard/scorecard.scorecard.json"] for party in BOTH
    }
    assert b'"name":"age"' in cards["lender"]
    assert b'"name":"age"' not in cards["payments"]


def test_every_component_is_in_one_of_the_jobs(worked: Scored) -> None:
    named = {name if isinstance(name, str) else name.get("component", next(iter(name))) for name in SCORE}
    named |= {name for step in STEPS for name in step}
    known = worked.world.lender.client.components()
    assert named | REFUSED == {one.name for one in known if "tee" in one.engines}
