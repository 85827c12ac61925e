"""A pipeline between real nodes: saved by one job, used by later ones on new rows."""

from __future__ import annotations

import contextlib
import csv
import json
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from coterie.ledger import verify
from coterie.node import JobView, PipelineView
from tests.cli.conftest import call
from tests.node.conftest import Daemon, Trio, ended, refused

COMPONENTS = """
  - {name: align}
  - {name: fill}
  - {name: standardize}
  - {name: logistic, params: {passes: {max: 10}}}
  - {name: save, params: {name: {one_of: [score]}}}"""
RESULTS = """
  - {kind: pipeline, to: [lender, payments]}
  - {kind: coefficients, to: [lender]}"""
SCORING = """
  - {name: align}
  - {name: predict, params: {pipeline: {one_of: [score@1, score@2, DIGEST]}}}"""
DATASETS = """
  - {name: applicants, owner: lender, id: customer, columns: [age]}
  - {name: fresh, owner: payments, id: user, columns: [flow, ratio]}"""
SPECS = {
    "lender": """\
name: applicants
source: {kind: csv, path: applicants.csv}
id_rule: [nfkc, trim, lower]
columns:
  - {name: customer, type: text, role: id}
  - {name: age, type: float}
""",
    "payments": """\
name: fresh
source: {kind: csv, path: fresh.csv}
id_rule: [nfkc, trim, lower]
columns:
  - {name: user, type: text, role: id}
  - {name: flow, type: float}
  - {name: ratio, type: float, nullable: true}
""",
}
NEW = 90
BOTH = range(20, 80)
"""New people whom both parties know."""


def write_new(folder: Path) -> None:
    chance = random.Random(3)
    people = [(f"n{number:03d}", *(chance.gauss(0, 1) for _ in range(3))) for number in range(NEW)]
    applicants = [f"{name},{age:.3f}" for name, age, _, _ in people[: BOTH.stop]]
    fresh = [f"{name.upper()},{flow:.3f},{ratio:.3f}" for name, _, flow, ratio in people[BOTH.start :]]
    (folder / "applicants.csv").write_text("\n".join(["customer,age", *applicants]) + "\n")
    (folder / "fresh.csv").write_text("\n".join(["user,flow,ratio", *fresh]) + "\n")


@dataclass
class Saved:
    """What the parties of the tests below share."""

    trio: Trio
    folder: Path
    training: JobView
    pipeline: PipelineView

    def submit(self, reference: str, who: Daemon | None = None, **terms: str) -> str:
        """A job that scores the new people."""
        return (who or self.trio.lender).client.submit(self.spec(reference, **terms)).id

    def spec(self, reference: str, datasets: str = DATASETS, **terms: str) -> str:
        """The same, under an agreement of its own."""
        given = {
            "components": SCORING.replace("DIGEST", f'"{self.pipeline.identity}"'),
            "datasets": datasets,
            "min_rows": "20",
            "results": "\n  - {kind: scores, to: [lender]}",
            **terms,
        }
        agreement = self.trio.agree(**given)
        spec = self.trio.job(agreement, f"[align, {{predict: {{pipeline: '{reference}'}}}}]")
        return spec.replace("lender: customers, payments: behaviour", "lender: applicants, payments: fresh")


@pytest.fixture(scope="module")
def saved(trio: Trio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    folder = tmp_path_factory.mktemp("new")
    write_new(folder)
    agreement = trio.agree(components=COMPONENTS, results=RESULTS)
    spec = trio.job(agreement, "[align, fill, standardize, {logistic: {passes: 8}}, {save: {name: score}}]")
    training = trio.lender.client.wait(trio.lender.client.submit(spec).id, timeout=60)
    assert (training.state, training.error) == ("done", None)
    for daemon in trio.all:
        ended(daemon.client, training.id)
    trio.lender.client.add_dataset(SPECS["lender"], folder)
    trio.payments.client.add_dataset(SPECS["payments"], folder)
    yield Saved(trio, folder, training, trio.lender.client.pipeline("score"))
    trio.lender.client.remove_dataset("applicants")
    trio.payments.client.remove_dataset("fresh")


def test_both_have_a_part_of_the_same_pipeline(saved: Saved, tmp_path: Path) -> None:
    mine, theirs = (one.client.pipeline("score@1") for one in (saved.trio.lender, saved.trio.payments))
    assert mine.identity == theirs.identity == saved.trio.payments.client.pipeline(mine.identity).identity
    assert mine.steps == ("fill", "standardize", "logistic")
    assert {party: [one.name for one in own] for party, own in mine.columns.items()} == {
        "lender": ["age"],
        "payments": ["flow", "ratio"],
    }
    assert (mine.label_holder, mine.label, mine.job) == ("lender", "bad", saved.training.id)
    assert saved.trio.hub.client.pipelines() == []
    with refused("CT-5086"):
        saved.trio.hub.client.pipeline("score")
    for daemon in (saved.trio.lender, saved.trio.payments):
        (file,) = (daemon.home / "jobs" / saved.training.id).glob("results/save/*.pipeline")
        assert file.stat().st_mode & 0o777 == 0o600


def test_what_the_command_line_says(saved: Saved) -> None:
    home = ("--home", str(saved.trio.payments.home), "pipeline")
    listed, shown = call(*home, "list"), call(*home, "show", "score")
    assert (listed.status, shown.status) == (0, 0)
    assert "score@1" in listed.out
    assert saved.pipeline.identity in shown.out
    assert all(name in shown.out for name in ("age", "flow", "ratio", "bad of lender", "standardize"))
    assert call(*home, "show", "score@1", "--json").json["identity"] == saved.pipeline.identity
    assert call(*home, "show", "none").code == "CT-5086"
    assert call("--home", str(saved.trio.hub.home), "pipeline", "list").out.startswith("No pipelines yet.")


def standardized(trio: Trio) -> tuple[dict[str, float], dict[str, float]]:
    """Mean and deviation of each column over the people whom both parties know."""
    with (trio.data / "customers.csv").open() as one, (trio.data / "behaviour.csv").open() as other:
        behaviour = {row["user"].lower(): row for row in csv.DictReader(other)}
        rows = [
            {**row, **behaviour[row["customer"]]}
            for row in csv.DictReader(one)
            if row["customer"] in behaviour
        ]
    values = {name: np.array([float(row[name]) for row in rows]) for name in ("age", "flow", "ratio")}
    return {k: v.mean() for k, v in values.items()}, {k: v.std() for k, v in values.items()}


def test_new_rows_are_scored_for_the_label_holder(saved: Saved, tmp_path: Path) -> None:
    trio = saved.trio
    done = trio.lender.client.wait(saved.submit("score@1"), timeout=60)
    assert (done.state, done.error) == ("done", None)
    for daemon in trio.all:
        ended(daemon.client, done.id)
        assert verify(daemon.home / "ledger").ok
    assert {one.kind for one in trio.lender.client.results(done.id)} == {"scores"}
    assert trio.payments.client.results(done.id) == []
    table = pq.read_table(
        trio.lender.client.download(done.id, "predict/scores.parquet", tmp_path)
    ).to_pydict()
    found = dict(zip(table["customer"], table["score"], strict=True))
    assert sorted(found) == [f"n{number:03d}" for number in BOTH]
    # The same by hand, from the coefficients that the lender was given.
    name = next(
        one.name for one in trio.lender.client.results(saved.training.id) if one.kind == "coefficients"
    )
    model = json.loads(trio.lender.client.download(saved.training.id, name, tmp_path).read_text())
    weights = {**model["coefficients"]["lender"], **model["coefficients"]["payments"]}
    mean, deviation = standardized(trio)
    with (saved.folder / "applicants.csv").open() as one, (saved.folder / "fresh.csv").open() as other:
        fresh = {row["user"].lower(): row for row in csv.DictReader(other)}
        for row in csv.DictReader(one):
            if row["customer"] in fresh:
                values = {**row, **fresh[row["customer"]]}
                logit = model["intercept"] + sum(
                    weight * (float(values[name]) - mean[name]) / deviation[name]
                    for name, weight in weights.items()
                )
                assert found[row["customer"]] == pytest.approx(1 / (1 + np.exp(-logit)), abs=2e-3)
    plan = trio.hub.client.plan(done.id).document
    step = plan["stages"][1]["steps"][-1]
    assert step["params"] == {"pipeline": "score@1", "identity": saved.pipeline.identity}


def test_the_other_party_may_ask_and_receive(saved: Saved) -> None:
    trio = saved.trio
    results = "\n  - {kind: scores, to: [payments]}"
    job = saved.submit(saved.pipeline.identity, trio.payments, results=results)
    done = trio.payments.client.wait(job, timeout=60)
    assert (done.state, done.error) == ("done", None)
    ended(trio.lender.client, job)
    assert [one.name for one in done.results] == ["predict/scores.parquet"]
    assert trio.lender.client.results(job) == []


def test_what_is_refused_before_anything_runs(saved: Saved) -> None:
    with refused("CT-5086"):
        saved.submit("score@2")
    with refused("CT-1630"):
        saved.submit("score@1", components="\n  - {name: align}")
    with refused("CT-3187"):
        saved.submit("score@1", results="\n  - {kind: metrics, to: [lender]}")
    narrow = DATASETS.replace("[flow, ratio]", "[flow]")
    with refused("CT-3183") as drift:
        saved.submit("score@1", datasets=narrow)
    assert "'ratio' of payments is missing" in str(drift.value)


def test_another_pipeline_of_that_name_at_a_peer(saved: Saved) -> None:
    """Numbers are each node's own: where they differ, only the digest tells which pipeline is meant."""
    trio = saved.trio
    other = saved.pipeline.identity[:-4] + "beef"
    with contextlib.closing(sqlite3.connect(trio.payments.home / "store.sqlite")) as store, store:
        store.execute("UPDATE pipelines SET number = 2")
    try:
        with refused("CT-5086") as missing:
            saved.submit("score@1")
        assert missing.value.party == "payments"
        columns = "name, 1, job, document, path, size, made, removed"
        with contextlib.closing(sqlite3.connect(trio.payments.home / "store.sqlite")) as store, store:
            store.execute(f"INSERT INTO pipelines SELECT '{other}', {columns} FROM pipelines")
        with refused("CT-5087") as differs:
            saved.submit("score@1")
        assert differs.value.party == "payments"
        plan = trio.lender.client.preview(saved.spec(saved.pipeline.identity))
        assert plan.document["stages"][1]["steps"][-1]["params"]["identity"] == saved.pipeline.identity
    finally:
        with contextlib.closing(sqlite3.connect(trio.payments.home / "store.sqlite")) as store, store:
            store.execute("DELETE FROM pipelines WHERE identity = ?", (other,))
            store.execute("UPDATE pipelines SET number = 1")


def test_a_party_that_has_lost_its_part(saved: Saved) -> None:
    """Its file is damaged, then gone: told before, or as soon as it is read, at everybody alike."""
    trio = saved.trio
    (file,) = (trio.payments.home / "jobs" / saved.training.id).glob("results/save/*.pipeline")
    whole = file.read_bytes()
    try:
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        job = saved.submit("score@1")
        for daemon in trio.all:
            view = ended(daemon.client, job)
            assert view.error is not None
            assert (view.error.code, view.error.party) == ("CT-3181", "payments")
    finally:
        file.write_bytes(whole)


def test_whoever_removes_its_part_ends_the_use(saved: Saved) -> None:
    """The number is not given again: another pipeline of the name is the next one."""
    trio, identity = saved.trio, saved.pipeline.identity
    folder = trio.payments.home / "jobs" / saved.training.id
    (file,) = folder.glob("results/save/*.pipeline")
    copies = [one for one in folder.rglob("*") if one.is_file() and one.read_bytes() == file.read_bytes()]
    assert len(copies) == 2
    waiting = saved.submit(identity, approval="{lender: automatic, payments: person}")
    with refused("CT-5088"):
        trio.payments.client.remove_pipeline(identity)
    trio.payments.client.refuse(waiting, "no")
    trio.payments.client.remove_pipeline(identity, "the campaign is over")
    assert not any(one.exists() for one in copies)
    assert trio.payments.client.pipelines() == []
    (entry,) = (one for one in trio.payments.client.ledger(kind="result") if "event" in one.body)
    assert (entry.body["event"], entry.body["reason"]) == ("removed", "the campaign is over")
    with refused("CT-5086") as gone:
        saved.submit("score@1")
    assert "removed" in str(gone.value)
    assert gone.value.party == "payments"
    agreement = trio.agree(components=COMPONENTS, results=RESULTS)
    spec = trio.job(agreement, "[align, standardize, {logistic: {passes: 2}}, {save: {name: score}}]")
    again = trio.lender.client.wait(trio.lender.client.submit(spec).id, timeout=60)
    assert (again.state, again.error) == ("done", None)
    ended(trio.payments.client, again.id)
    assert [one.reference for one in trio.payments.client.pipelines()] == ["score@2"]
    assert [one.reference for one in trio.lender.client.pipelines()] == ["score@2", "score@1"]
