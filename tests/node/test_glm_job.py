"""A generalised linear model as a job between real nodes: streamed or dealt before, whole or ended early."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

from coterie.ledger import verify
from coterie.node import JobView
from tests.node.conftest import COMMON, Trio, ended

STAGE = 1
"""After the alignment."""
COMPONENTS = """
  - {name: align}
  - {name: fill}
  - {name: standardize}
  - name: glm
    params:
      family: {equals: logistic}
      statistics: {one_of: [true, false]}
      iterations: {max: 12}
      loss_every: {max: 1}
      tolerance: {one_of: [null, 0.001]}"""
RESULTS = """
  - {kind: coefficients, to: [lender]}
  - {kind: statistics, to: [lender, payments]}
  - {kind: loss, to: [payments]}"""


def submit(trio: Trio, way: str, glm: str, **terms: str) -> str:
    agreement = trio.agree(components=COMPONENTS, results=RESULTS, **terms)
    spec = trio.job(agreement, f"[align, fill, standardize, {{glm: {glm}}}]")
    return trio.lender.client.submit(spec.replace("engine: mpc", f"engine: mpc\ncorrelations: {way}")).id


def hand_out(trio: Trio, job: str, folder: Path) -> None:
    """The hub deals what the lender's worker waits for, and is away from then on."""
    client, deadline = trio.lender.client, time.monotonic() + 20
    while not (client.job(job).participant("lender").what or "").startswith("waiting for the tape file"):
        assert not client.job(job).over, client.job(job)
        assert time.monotonic() < deadline
        time.sleep(0.05)
    hub = trio.hub.client
    done = hub.wait_dealing(hub.deal(json.dumps(client.stage_request(job, STAGE)), folder).id)
    for daemon in (trio.lender, trio.payments):
        (mine,) = [file for file in done.files if daemon.name in Path(file).name]
        daemon.client.add_tape(Path(mine))


def done(trio: Trio, way: str, glm: str, folder: Path) -> JobView:
    """The job, ended well, with what it sent held against its plan."""
    job = submit(trio, way, glm)
    if way == "tape":
        hand_out(trio, job, folder / "dealt")
    view = trio.lender.client.wait(job, timeout=60)
    assert (view.state, view.error) == ("done", None)
    daemons = trio.all if way == "stream" else (trio.lender, trio.payments)
    for daemon in daemons:
        ended(daemon.client, job)
        assert verify(daemon.home / "ledger").ok
        check_egress([entry.body for entry in daemon.client.ledger(kind="egress", job=job)], glm, way)
    return view


def check_egress(bodies: list[dict[str, Any]], glm: str, way: str) -> None:
    """As planned; at most as planned where a look at the loss may end the step."""
    assert [body["step"] for body in bodies if body["step"] == "glm"]
    for body in bodies:
        assert way == "stream" or "hub" not in {*body["sent"], *body["received"]}
        rounds = body["rounds"]
        if body["step"] == "glm" and "tolerance" in glm:
            assert all(count <= body["planned"][peer] for peer, count in body["sent"].items())
            assert rounds["used"] < rounds["planned"]
        else:
            assert body["sent"] == body["planned"]
            assert rounds["used"] == rounds["planned"]


def table(trio: Trio) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features of the common people, standardised, with a column of ones; and labels."""
    with (trio.data / "customers.csv").open() as one, (trio.data / "behaviour.csv").open() as other:
        behaviour = {row["user"].lower(): row for row in csv.DictReader(other)}
        both = [
            {**row, **behaviour[row["customer"]]}
            for row in csv.DictReader(one)
            if row["customer"] in behaviour
        ]
    assert len(both) == COMMON
    features = np.array([[float(row[name]) for name in ("age", "flow", "ratio")] for row in both])
    features = (features - features.mean(0)) / features.std(0)
    return np.column_stack([features, np.ones(COMMON)]), np.array([float(row["bad"]) for row in both])


def told(trio: Trio, who: str, job: str, kind: str, folder: Path) -> Any:
    client = {daemon.name: daemon for daemon in trio.all}[who].client
    return json.loads(client.download(job, f"glm/glm.{kind}.json", folder).read_text())


def numbers(document: Any, key: str | None = None) -> list[float]:
    parts = [*document["coefficients"]["lender"].values(), *document["coefficients"]["payments"].values()]
    parts.append(document["intercept"])
    return [part if key is None else part[key] for part in parts]


def test_statistics_of_a_job_are_those_of_statsmodels(trio: Trio, tmp_path: Path) -> None:
    job = done(trio, "stream", "{family: logistic, statistics: true}", tmp_path)
    features, label = table(trio)
    best = sm.GLM(label, features, family=sm.families.Binomial()).fit(tol=1e-12)
    coefficients = told(trio, "lender", job.id, "coefficients", tmp_path)
    assert numbers(coefficients) == pytest.approx(best.params, rel=1e-3, abs=1e-6)
    statistics = told(trio, "lender", job.id, "statistics", tmp_path)
    for key, wanted in (("standard_error", best.bse), ("z", best.tvalues)):
        assert numbers(statistics, key) == pytest.approx(wanted, rel=2e-3, abs=2e-3)
    assert numbers(statistics, "p") == pytest.approx(best.pvalues, rel=2e-2, abs=2e-4)
    for key, value in (("deviance", best.deviance), ("null_deviance", best.null_deviance), ("aic", best.aic)):
        assert statistics[key] == pytest.approx(value, rel=1e-3)
    other = told(trio, "payments", job.id, "statistics", tmp_path)
    assert numbers(other, "standard_error") == numbers(statistics, "standard_error")
    assert set(numbers(other, "estimate")) == {None}
    for daemon, kinds in (
        (trio.lender, {"coefficients", "statistics"}),
        (trio.payments, {"statistics"}),
    ):
        assert {one.kind for one in daemon.client.results(job.id)} == kinds


def test_a_loss_that_no_longer_falls_ends_the_step_and_is_shown_as_agreed(trio: Trio, tmp_path: Path) -> None:
    """And leaves the rest of what was dealt before."""
    job = done(trio, "tape", "{family: logistic, iterations: 12, loss_every: 1, tolerance: 0.001}", tmp_path)
    losses = told(trio, "payments", job.id, "loss", tmp_path)["loss"]
    assert 3 <= len(losses) < 12
    features, label = table(trio)
    best = sm.GLM(label, features, family=sm.families.Binomial()).fit(tol=1e-12)
    assert losses[-1] == pytest.approx(best.deviance / 2 / COMMON, rel=1e-3)
    found = numbers(told(trio, "lender", job.id, "coefficients", tmp_path))
    assert found == pytest.approx(best.params, rel=2e-2, abs=2e-3)
    assert {one.kind for one in trio.lender.client.results(job.id)} == {"coefficients"}
    learns = trio.lender.client.plan(job.id).summary["learns"]
    assert {who for who, what in learns.items() if any("mean loss" in line for line in what)} == {"payments"}
    assert {who for who, what in learns.items() if any("which look" in line for line in what)} >= {
        "lender",
        "payments",
    }
