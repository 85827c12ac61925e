"""The life of a job, through the SDK alone: plan, approvals, run, results, ledgers; and refusals."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from sklearn.metrics import roc_auc_score

from coterie.agreement import Terms
from coterie.data import DatasetFacts
from coterie.errors import CoterieError
from coterie.jobs import derive_plan, propose, validate_spec
from coterie.ledger import verify
from coterie.mpc.network import BANDWIDTHS, LATENCIES
from coterie.node import JobView
from coterie.node.messages import FactsAnswer, FactsQuestion, Propose, ProposeAnswer
from tests.node.conftest import COMMON, Trio, ended, refused
from tests.node.test_agreements import as_peer


def test_a_joint_job_from_plan_to_proof(trio: Trio, tmp_path: Path) -> None:
    agreement = trio.agree(approval="{lender: automatic, payments: person}", max_runs="1")
    lender, payments, hub = (daemon.client for daemon in (trio.lender, trio.payments, trio.hub))
    spec = trio.job(agreement, "[align, split, fill, standardize, logistic, evaluate, report]")
    preview = lender.preview(spec)
    assert set(preview.summary["learns"]) == {"lender", "payments", "hub"}
    network = preview.document["network"]
    assert network["latency"] in LATENCIES
    assert network["bandwidth"] * 8 in BANDWIDTHS
    job = lender.submit(spec)
    approve(trio, job)
    seen: list[JobView] = []
    done = lender.wait(job.id, seen.append, timeout=60)
    assert (done.state, done.error) == ("done", None)
    assert {one.state for one in done.participants} == {"done"}
    assert {"running", "done"} <= {view.state for view in seen}
    assert {one.step for one in seen[-1].participants} == {"report"}
    assert list(done.steps) == ["align", "split", "fill", "standardize", "logistic", "evaluate", "report"]
    for client in (payments, hub):
        assert client.wait(job.id, timeout=10).plan == done.plan == lender.plan(job.id).digest
    assert set(done.countersigned_by) == {"payments", "hub"}
    check_results(trio, done, tmp_path)
    check_entries(trio, done)
    check_ledgers(trio)
    assert lender.agreement(agreement.id).runs_used == 1
    with refused("CT-1625"):
        lender.submit(spec)


def approve(trio: Trio, job: JobView) -> None:
    """As the steward of the payment platform does."""
    assert job.state == "proposed"
    states = {one.party: (one.mode, one.state) for one in trio.payments.client.job(job.id).approvals}
    assert states["payments"] == ("person", "waiting")
    assert trio.payments.client.plan(job.id).document == trio.lender.client.plan(job.id).document
    with refused("CT-5051"):
        trio.lender.client.approve(job.id)
    trio.payments.client.approve(job.id)


def check_results(trio: Trio, job: JobView, folder: Path) -> None:
    received = {daemon.name: {one.kind for one in daemon.client.results(job.id)} for daemon in trio.all}
    assert received == {
        "hub": set(),
        "lender": {"common_ids", "model", "scores", "metrics", "report"},
        "payments": {"model", "metrics"},
    }
    check_scores(trio, job, folder)
    result = next(one for one in job.results if one.kind == "common_ids")
    assert result.name == "align/common_ids.csv"
    path = trio.lender.client.download(job.id, result.name, folder)
    assert len(list(csv.reader(io.StringIO(path.read_text())))) == COMMON + 1
    assert path.stat().st_size == result.size
    for name in ("align/nothing.csv", "../../node.yaml", "%2e%2e/node.yaml"):
        with refused("CT-5015"):
            trio.lender.client.download(job.id, name, folder / "x")
    kept = trio.lender.home / "jobs" / job.id / "results" / "align" / "common_ids.csv"
    kept.write_bytes(kept.read_bytes()[:-2])
    with refused("CT-6055"):
        trio.lender.client.download(job.id, result.name, folder / "y")
    assert not (folder / "y").exists()


def check_scores(trio: Trio, job: JobView, folder: Path) -> None:
    """The scores that the lender received give the metrics that both received, by another library's count."""
    scores = parquet.read_table(trio.lender.client.download(job.id, "evaluate/scores.parquet", folder))
    told = json.loads(trio.payments.client.download(job.id, "evaluate/metrics.json", folder).read_text())
    with (trio.data / "customers.csv").open() as table:
        labels = {row["customer"]: int(row["bad"]) for row in csv.DictReader(table)}
    label = [labels[name] for name in scores.column(0).to_pylist()]
    auc = roc_auc_score(label, scores.column("score").to_pylist())
    assert auc == pytest.approx(told["joint"]["auc"], abs=1e-9)
    assert auc > 0.7, (
        "behaviour, which decides the label, is in the score; few rows, and another split in every run"
    )


def check_entries(trio: Trio, job: JobView) -> None:
    plans = trio.lender.client.ledger(kind="plan", job=job.id)
    assert COMMON in [entry.body.get("sizes", {}).get("rows.all") for entry in plans]
    for daemon in trio.all:
        egress = daemon.client.ledger(kind="egress", job=job.id)
        assert egress
        for entry in egress:
            assert entry.body["sent"] == entry.body["planned"], entry.body["step"]
        approvals = [entry.body["party"] for entry in daemon.client.ledger(kind="approval", job=job.id)]
        assert sorted(approvals) == ["hub", "lender", "payments"]
        events = [entry.body["event"] for entry in daemon.client.ledger(kind="job", job=job.id)]
        assert events == ["started", "ended"]


def check_ledgers(trio: Trio) -> None:
    for daemon in trio.all:
        others = [other for other in trio.all if other is not daemon]
        report = verify(daemon.home / "ledger", peers=[other.home / "ledger" for other in others])
        assert report.ok, report.findings
        assert set(report.countersigned) >= {other.name for other in others}


def test_a_person_refuses(trio: Trio) -> None:
    agreement = trio.agree(approval="{lender: automatic, payments: person}")
    job = trio.lender.client.submit(trio.job(agreement))
    trio.payments.client.refuse(job.id, "not today")
    for daemon in trio.all:
        view = ended(daemon.client, job.id)
        assert view.state == "refused"
        assert view.error is not None
        assert (view.error.code, view.error.party, view.error.detail) == ("CT-5053", "payments", "not today")
    with pytest.raises(CoterieError, match="CT-5053"):
        trio.lender.client.wait(job.id)
    assert trio.payments.client.ledger(kind="refusal", job=job.id)[-1].body["detail"] == "not today"
    with refused("CT-5051"):
        trio.payments.client.approve(job.id)


def test_what_the_agreement_does_not_grant(trio: Trio) -> None:
    agreement = trio.agree(components="[{name: align}]")
    lender = trio.lender.client
    job = trio.job(agreement)
    secret = job.replace("steps:", "columns: {lender: [secret]}\nsteps:")
    with pytest.raises(CoterieError, match=r"CT-(1628|4005)"):
        lender.submit(secret)
    with refused("CT-1630"):
        lender.submit(trio.job(agreement, "[align, split]"))
    with refused("CT-1629"):
        lender.submit(trio.job(trio.agree(engines="[fl, clear]")))
    with refused("CT-1633"):
        lender.submit(trio.job(trio.agree(min_rows="100000")))
    assert trio.lender.client.ledger(kind="refusal")[-1].body["code"] == "CT-1633"


def test_wrong_jobs(trio: Trio) -> None:
    agreement = trio.agree()
    lender = trio.lender.client
    with refused("CT-4001"):
        lender.submit("steps: [")
    with refused("CT-4002"):
        lender.submit(trio.job(agreement, "[align, divine]"))
    with refused("CT-5034"):
        trio.hub.client.submit(trio.job(agreement))
    with pytest.raises(CoterieError, match=r"CT-(4004|5031|5032)"):
        lender.submit(trio.job(agreement).replace("customers", "nothing"))
    with refused("CT-5050"):
        lender.job("0" * 32)


def test_no_job_of_engine_tee_without_a_place_for_it(trio: Trio) -> None:
    """The agreement names the engine, and no host: nothing is even sealed."""
    agreement = trio.agree(engines="[mpc, tee]")
    job = trio.job(agreement).replace("engine: mpc", "engine: tee")
    for ask in (trio.lender.client.submit, trio.lender.client.preview):
        with pytest.raises(CoterieError, match=r"CT-1637.*section `tee`"):
            ask(job)
    given = {
        "name": "x",
        "agreement": agreement.id,
        "engine": "tee",
        "datasets": {"lender": "customers", "payments": "behaviour"},
        "steps": ["align"],
    }
    facts = {"lender": asyncio.run(_facts(trio, agreement.id))}
    proposal = propose(validate_spec(given), agreement.id, "lender", facts)
    client, there = as_peer(trio.lender, trio.payments)
    with pytest.raises(CoterieError, match="CT-4004") as caught:
        asyncio.run(client.call(there, "job/propose", Propose(proposal=proposal, plan={}), ProposeAnswer))
    assert caught.value.party == "payments"
    assert trio.payments.client.ledger(kind="refusal")[-1].body["code"] == "CT-4004"
    assert not list((trio.payments.home / "sealed").glob(f"{agreement.id.removeprefix('sha256:')[:16]}*"))


def test_a_dataset_that_has_changed_is_not_planned_with(trio: Trio) -> None:
    table = trio.data / "behaviour.csv"
    before = table.read_text()
    table.write_text(before.rstrip().rpartition("\n")[0] + "\n")
    try:
        with refused("CT-5033"):
            trio.lender.client.submit(trio.job(trio.agree()))
    finally:
        table.write_text(before)


def test_a_plan_that_differs_is_refused_and_the_difference_named(trio: Trio) -> None:
    agreement = trio.agree()
    client, there = as_peer(trio.lender, trio.payments)
    question = FactsQuestion(agreement=agreement.id, dataset="behaviour")
    theirs = asyncio.run(client.call(there, "facts", question, FactsAnswer)).facts
    assert {column.name for column in theirs.columns} == {"user", "flow", "ratio"}
    mine = asyncio.run(_facts(trio, agreement.id))
    wrong = theirs.model_copy(update={"rows": theirs.rows + 1})
    spec = validate_spec(
        {
            "name": "x",
            "agreement": agreement.id,
            "engine": "mpc",
            "datasets": {"lender": "customers", "payments": "behaviour"},
            "steps": ["align"],
        }
    )
    terms = Terms.model_validate(agreement.terms)
    proposal = propose(spec, agreement.id, "lender", {"lender": mine, "payments": wrong})
    message = Propose(proposal=proposal, plan=derive_plan(proposal, terms).to_document())
    with pytest.raises(CoterieError, match="CT-4010") as caught:
        asyncio.run(client.call(there, "job/propose", message, ProposeAnswer))
    assert "rows: 300 here, 301 there" in caught.value.detail
    faster = proposal.model_copy(update={"facts": {"lender": mine, "payments": theirs}})
    document = derive_plan(faster, terms).to_document()
    document["stages"][0]["steps"][1]["sent"]["payments"]["lender"] += 1
    with pytest.raises(CoterieError, match=r"CT-4010.*sent\.payments\.lender"):
        asyncio.run(client.call(there, "job/propose", Propose(proposal=faster, plan=document), ProposeAnswer))
    assert trio.payments.client.ledger(kind="refusal", job=proposal.job)[-1].body["code"] == "CT-4010"
    other = proposal.model_copy(update={"initiator": "hub"})
    with refused("CT-5052"):
        asyncio.run(
            client.call(there, "job/propose", message.model_copy(update={"proposal": other}), ProposeAnswer)
        )


async def _facts(trio: Trio, agreement: str) -> DatasetFacts:
    client, there = as_peer(trio.payments, trio.lender)
    question = FactsQuestion(agreement=agreement, dataset="customers")
    answer = await client.call(there, "facts", question, FactsAnswer)
    assert "secret" not in {column.name for column in answer.facts.columns}
    with refused("CT-5032"):
        await client.call(there, "facts", question.model_copy(update={"dataset": "secrets"}), FactsAnswer)
    return answer.facts
