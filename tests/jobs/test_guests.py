"""Parties without data in the job: who only receives results, and who deals and is no outsider."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest
from sklearn.metrics import roc_auc_score

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.jobs import derive_plan, parse_spec, parts_of, validate_spec
from coterie.learn.component import FOR_GUESTS

from .conftest import STEPS, Bench, make_bench
from .measures import of_all_rows
from .test_dealing import PARTIES, Desk

Make = Callable[..., Bench]

KEYS = {"lender": "11" * 32, "payments": "22" * 32}
REGULATOR = {**KEYS, "regulator": "44" * 32}
TELECOM = {**KEYS, "telecom": "55" * 32}
KINDS = ("model", "coefficients", "statistics", "loss", "metrics", "report", "common_ids")


def granted(*names: str) -> list[dict[str, Any]]:
    """Every kind to these, but for scores, which are the label holder's."""
    return [{"kind": kind, "to": names} for kind in KINDS] + [{"kind": "scores", "to": ["lender"]}]


def documents(made: Bench, party: str) -> dict[str, Any]:
    """What a party received as JSON, by kind."""
    files = made.recorders[party].files
    return {
        name.split(".")[-2].rpartition("/")[2]: json.loads(path.read_text())
        for name, path in files.items()
        if name.endswith(".json")
    }


@pytest.fixture(scope="module")
def supervised(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A job whose results go to a regulator, too; done."""
    made = make_bench(
        tmp_path_factory.mktemp("supervised"),
        parties=REGULATOR,
        receivers=("regulator",),
        results=granted("lender", "payments", "regulator"),
        steps=[*STEPS, "report"],
    )
    made.run()
    assert not made.errors, made.errors
    return made


def check_account(made: Bench) -> None:
    """Plan and fact of every participant, byte for byte, and sent is received."""
    for name, recorder in made.recorders.items():
        for body in recorder.bodies("egress"):
            assert body["sent"] == body["planned"], (name, body)
            assert body["rounds"]["used"] == body["rounds"]["planned"], (name, body)
            for receiver, count in body["sent"].items():
                there = made.recorders[receiver].bodies("egress")
                (other,) = (one for one in there if one["step"] == body["step"])
                assert other["received"][name] == count


def same_told(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Documents by kind, but that others are told of larger groups of rows."""
    for kind, document in theirs.items():
        if kind == "metrics":
            assert (document["guarded"], ours[kind]["guarded"]) == (True, False)
            assert of_all_rows(document) == of_all_rows(ours[kind])
        else:
            assert document == ours[kind]


def test_who_only_receives_gets_what_the_others_get(supervised: Bench) -> None:
    kinds = {body["kind"] for body in supervised.recorders["regulator"].bodies("result")}
    assert kinds == {"coefficients", "metrics", "report"}
    ours, theirs = (documents(supervised, name) for name in ("lender", "regulator"))
    assert set(theirs) == {"coefficients", "metrics"}
    same_told(theirs, ours)
    check_account(supervised)


def test_what_it_gets_is_right(supervised: Bench) -> None:
    """By another library's count, and by the signs of the coefficients that made the labels."""
    told = documents(supervised, "regulator")
    sizes = [[body["sizes"] for body in one.bodies("plan")] for one in supervised.recorders.values()]
    assert sizes == [sizes[0]] * 4
    assert set(sizes[0][2]) == {"rows.train", "rows.test"}
    scores = parquet.read_table(supervised.recorders["lender"].files["evaluate/scores.parquet"])
    table = supervised.specs["lender"].source.path
    labels = dict(line.lower().split(",")[:2] for line in Path(table).read_text().splitlines())
    truth = [int(labels[key]) for key in scores.column(0).to_pylist()]
    auc = roc_auc_score(truth, scores.column("score").to_pylist())
    assert told["metrics"]["joint"]["auc"] == pytest.approx(auc, abs=1e-9)
    found = told["coefficients"]["coefficients"]
    values = [found[party][name] for party, name in (("lender", "a"), ("lender", "b"), ("payments", "c"))]
    assert np.sign(values).tolist() == [1, -1, 1]


def test_it_is_sent_nothing_but_its_results_and_sizes(supervised: Bench) -> None:
    """And sends nothing but its word on plans, and what it adds to seeds."""
    entries = {body["step"]: body for body in supervised.recorders["regulator"].bodies("egress")}
    seeds, coefficients, word, sizes = 48, 5 * 8, 128, 16384
    assert set(entries) == {
        "stage-0",
        "stage-1",
        "stage-2",
        "report",
        *(next(iter(s)) if isinstance(s, dict) else s for s in STEPS),
    }
    for step, body in entries.items():
        sent: dict[str, int] = {}
        received: dict[str, int] = {}
        if step.startswith("stage-"):
            sent = dict.fromkeys(("hub", "lender", "payments"), word)
            told = 0 if step == "stage-0" else sizes
            received = {"hub": word, "lender": word + told, "payments": word + told}
        elif step == "logistic":
            sent = dict.fromkeys(PARTIES, seeds)
            received = dict.fromkeys(PARTIES, seeds + coefficients)
        elif step == "evaluate":
            plan = derive_plan(supervised.proposal, supervised.terms).stages[-1].step("evaluate")
            received = {"lender": plan.sent["lender"]["regulator"]}
        assert (body["sent"], body["received"]) == (sent, received), step


def test_the_plan_shows_what_it_learns_and_that_it_computes_nothing(supervised: Bench) -> None:
    plan = derive_plan(supervised.proposal, supervised.terms)
    assert (plan.parties, plan.guests) == (PARTIES, ("regulator",))
    assert plan.participants == (*PARTIES, "hub", "regulator")
    document = plan.to_document()
    assert document["guests"] == ["regulator"]
    assert "regulator" not in document["parties"]
    assert "regulator" not in document["data"]
    learns = plan.summary()["learns"]["regulator"]
    assert [line.partition(" (")[0].partition(":")[0] for line in learns] == [
        "align",
        "split",
        "logistic",
        "evaluate",
        "evaluate",
        "report",
    ]
    disclosed = [shown for step in plan.steps for shown in step.disclosed if "regulator" in shown.to]
    assert [shown.name for shown in disclosed] == ["coefficients"]
    for step in plan.steps:
        assert "regulator" not in step.results.get("model", ())
        assert "regulator" not in step.results.get("common_ids", ())


def test_the_report_lists_it(supervised: Bench) -> None:
    text = supervised.recorders["regulator"].files["report/report.html"].read_text()
    assert "receives results, without data" in text
    assert "deals random numbers, without data" in text


def test_plans_without_such_a_party_are_as_they_were(bench: Make) -> None:
    made = bench(parties=REGULATOR, results=granted("lender", "payments", "regulator"))
    plan = derive_plan(made.proposal, made.terms)
    assert plan.participants == (*PARTIES, "hub")
    assert "guests" not in plan.to_document()
    assert "regulator" not in json.dumps(plan.to_document())


GLM = {"family": "logistic", "statistics": True, "loss_every": 1, "tolerance": 0.5, "iterations": 4}


def test_statistics_and_losses_of_a_training_that_ends_early(bench: Make) -> None:
    """A receiver of the end's statistics alone has no part in the steps before, and hears when they end."""
    results = [
        {"kind": "loss", "to": ["payments", "telecom"]},
        {"kind": "coefficients", "to": ["telecom", "regulator"]},
        {"kind": "statistics", "to": ["lender", "regulator"]},
    ]
    steps = [*STEPS[:4], {"glm": GLM}]
    parties = {**REGULATOR, **TELECOM}
    made = bench(parties=parties, receivers=("telecom", "regulator"), results=results, steps=steps)
    made.run()
    assert not made.errors, made.errors
    found = {name: documents(made, name) for name in (*PARTIES, "regulator", "telecom")}
    assert {name: set(one) for name, one in found.items()} == {
        "lender": {"statistics"},
        "payments": {"loss"},
        "regulator": {"coefficients", "statistics"},
        "telecom": {"coefficients", "loss"},
    }
    assert found["telecom"]["loss"] == found["payments"]["loss"]
    assert 1 < len(found["telecom"]["loss"]["loss"]) < 4
    assert found["telecom"]["coefficients"] == found["regulator"]["coefficients"]
    mine, theirs = found["lender"]["statistics"], found["regulator"]["statistics"]
    assert json.dumps(mine["deviance"]) == json.dumps(theirs["deviance"])
    assert "regulator" not in {
        p for s in made.recorders["hub"].bodies("egress") for p in s["received"] if s["step"] == "glm"
    }


def test_who_decides_when_a_training_ends_computes(bench: Make) -> None:
    results = [{"kind": "loss", "to": ["regulator"]}, {"kind": "statistics", "to": ["regulator"]}]
    steps = [*STEPS[:4], {"glm": GLM}]
    made = bench(parties=REGULATOR, receivers=("regulator",), results=results, steps=steps)
    with pytest.raises(CoterieError, match=r"CT-3065.*'loss'"):
        derive_plan(made.proposal, made.terms)
    steps = [*STEPS[:4], {"glm": {**GLM, "tolerance": None}}]
    made = bench(parties=REGULATOR, receivers=("regulator",), results=results, steps=steps)
    made.run()
    assert not made.errors, made.errors
    assert set(documents(made, "regulator")) == {"loss", "statistics"}
    check_account(made)


# Three parties without an outsider


def test_a_party_that_deals(bench: Make) -> None:
    made = bench(parties=TELECOM, services={}, dealer="telecom")
    made.run()
    assert not made.errors, made.errors
    assert derive_plan(made.proposal, made.terms).participants == (*PARTIES, "telecom")
    assert not made.recorders["telecom"].files
    assert not made.recorders["telecom"].bodies("result")
    for body in made.recorders["telecom"].bodies("egress"):
        told = {"stage-1": 16384, "stage-2": 16384}.get(body["step"], 0)
        seeds = {"logistic": 48, "evaluate": 48}.get(body["step"], 0)
        word = 128 if body["step"].startswith("stage-") else 0
        assert sum(body["received"].values()) == 2 * (told + seeds + word), body["step"]


def test_a_party_that_deals_and_receives(bench: Make) -> None:
    made = bench(
        parties=TELECOM,
        services={},
        dealer="telecom",
        receivers=("telecom",),
        results=granted("lender", "payments", "telecom"),
        steps=[*STEPS, "report"],
    )
    plan = derive_plan(made.proposal, made.terms)
    assert plan.participants == (*PARTIES, "telecom")
    assert (plan.dealer, plan.guests) == ("telecom", ("telecom",))
    made.run()
    assert not made.errors, made.errors
    same_told(documents(made, "telecom"), documents(made, "lender"))
    assert set(documents(made, "telecom")) == {"coefficients", "metrics"}
    text = made.recorders["telecom"].files["report/report.html"].read_text()
    assert "deals random numbers and receives results, without data" in text
    check_account(made)


@pytest.mark.parametrize("steps", [["align"], STEPS])
def test_a_party_that_deals_has_no_data_in_the_job(bench: Make, steps: list[Any]) -> None:
    made = bench(parties=TELECOM, services={}, dealer="payments", steps=steps)
    with pytest.raises(CoterieError, match=r"CT-1634.*'payments' cannot deal and compute") as caught:
        derive_plan(made.proposal, made.terms)
    assert caught.value.party == "payments"


def test_a_party_that_deals_before_and_receives_in_the_run(
    bench: Make, tmp_path_factory: pytest.TempPathFactory
) -> None:
    homes = tmp_path_factory.mktemp("homes")
    identities = {name: Identity.create(homes / name, name) for name in (*PARTIES, "telecom")}
    steps = [*STEPS[:4], {"glm": GLM}, STEPS[-1]]
    made = bench(
        parties=TELECOM,
        services={},
        dealer="telecom",
        receivers=("telecom",),
        results=granted("lender", "payments", "telecom"),
        steps=steps,
        correlations="tape",
    )
    desk = Desk(made, identities, dealer="telecom")
    plan = derive_plan(made.proposal, made.terms)
    assert plan.participants == (*PARTIES, "telecom")
    assert not parts_of(plan.stages[2], "telecom")
    for name in PARTIES:
        made.recorders[name].tapes = desk.find(name)
    thread = threading.Thread(target=made.run)
    thread.start()
    requests = [desk.request(name) for name in ("telecom", "lender")]
    desk.given.update(desk.deal(desk.derive(requests[1]))[1])
    thread.join(60)
    assert not made.errors, made.errors
    assert requests[0] == requests[1]
    assert set(documents(made, "telecom")) == {"coefficients", "statistics", "loss", "metrics"}
    same_told(documents(made, "telecom"), documents(made, "lender"))
    assert not made.recorders["telecom"].bodies("tape")
    assert not made.recorders["telecom"].waited


# What is refused


def spec_with(**changes: Any) -> dict[str, Any]:
    plain = {
        "name": "x",
        "agreement": "y",
        "engine": "mpc",
        "datasets": {"lender": "customers", "payments": "behaviour"},
        "steps": ["align"],
    }
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"receivers": ["lender"]}, "'lender' has a dataset"),
        ({"receivers": ["regulator", "regulator"]}, "named twice"),
        ({"receivers": "regulator"}, "receivers"),
        ({"receivers": [f"r{n}" for n in range(9)]}, "receivers"),
        ({"receivers": ["r" * 65]}, "receivers"),
        ({"engine": "clear", "datasets": {"lender": "x"}, "receivers": ["regulator"]}, "engine clear"),
    ],
)
def test_receivers_that_a_spec_cannot_have(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(CoterieError, match=r"^CT-4001.*receivers") as caught:
        validate_spec(spec_with(**changes))
    assert names in caught.value.detail


def test_receivers_are_read_from_a_job_file() -> None:
    text = (
        "name: x\nagreement: y\nengine: mpc\ndatasets: {a: b, c: d}\nreceivers: [regulator]\nsteps: [align]\n"
    )
    assert parse_spec(text).receivers == ("regulator",)


@pytest.mark.parametrize("name", ["mallory", "hub"])
def test_a_receiver_is_a_party_of_the_agreement(bench: Make, name: str) -> None:
    made = bench(receivers=(name,))
    with pytest.raises(CoterieError, match=f"CT-1626.*'{name}' would receive results"):
        derive_plan(made.proposal, made.terms)


@pytest.mark.parametrize("kind", ["model", "common_ids", "metrics"])
def test_a_receiver_of_nothing_takes_no_part(bench: Make, kind: str) -> None:
    """Nothing is granted to it, or only what a party without data cannot have, or what no step makes."""
    results = [{"kind": kind, "to": ["lender", "payments", *([] if kind == "metrics" else ["regulator"])]}]
    made = bench(parties=REGULATOR, receivers=("regulator",), results=results)
    with pytest.raises(CoterieError, match=r"CT-4025.*'regulator'"):
        derive_plan(made.proposal, made.terms)
    made = bench(parties=REGULATOR, receivers=("regulator",), results=granted("regulator"), steps=STEPS[:4])
    with pytest.raises(CoterieError, match=r"CT-4025.*'regulator'"):
        derive_plan(made.proposal, made.terms)


def test_shares_and_lists_by_id_are_of_who_computes() -> None:
    assert {"model", "scores", "common_ids"}.isdisjoint(FOR_GUESTS)


def crowd(bench: Make, count: int) -> Bench:
    """A job of so many parties with data: all but the first have the same table."""
    names = [*PARTIES, *(f"bank{n:02}" for n in range(count - 2))]
    more = [{"name": "behaviour", "owner": name, "id": "key", "columns": ["c", "d"]} for name in names[2:]]
    parties = {name: f"{n:02x}" * 32 for n, name in enumerate(names)}
    plain = bench()
    made = bench(parties=parties, datasets=[*(d.model_dump() for d in plain.terms.datasets), *more])
    facts, theirs = dict(made.proposal.facts), made.proposal.facts["payments"]
    facts |= {name: theirs.model_copy(update={"owner": name}) for name in names[2:]}
    datasets = {**made.proposal.spec.datasets, **dict.fromkeys(names[2:], "behaviour")}
    spec = made.proposal.spec.model_copy(update={"datasets": datasets})
    made.proposal = made.proposal.model_copy(update={"spec": spec, "facts": facts})
    made.specs |= dict.fromkeys(names[2:], made.specs["payments"])
    return made


def test_three_parties_with_data_run_a_whole_job(bench: Make) -> None:
    made = crowd(bench, 3)
    made.run()
    assert not made.errors, made.errors
    check_account(made)
    sizes = [one.bodies("plan")[1]["sizes"] for one in made.recorders.values()]
    # The third has the table of the second, so that all three have in common what the two have.
    both = bench(steps=STEPS[:2])
    both.run()
    assert sizes == [both.recorders["lender"].bodies("plan")[1]["sizes"]] * 4
    assert documents(made, "lender")["metrics"]["joint"]["auc"] > 0.7


@pytest.mark.parametrize("count", [5, 6, 16])
def test_more_parties_with_data_than_can_compute(bench: Make, count: int) -> None:
    made = crowd(bench, count)
    if count > 5:
        with pytest.raises(CoterieError, match=f"^CT-4024.*{count} "):
            derive_plan(made.proposal, made.terms)
        return
    plan = derive_plan(made.proposal, made.terms)
    assert len(plan.parties) == 5
    (align,) = (step for stage in plan.stages for step in stage.steps if step.step == "align")
    assert all(len(align.sent[party]) == 4 for party in plan.parties)
