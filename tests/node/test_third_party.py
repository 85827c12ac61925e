"""Three parties and a hub as real daemons: a party that only receives results, and one that deals; and
jobs of engine fl, of three parties with the same columns.

The third party has a dataset of its own under the agreements, which the first jobs do not use.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from coterie.cli import main
from coterie.ledger import verify
from coterie.mpc import peek
from coterie.node import AgreementView
from tests.jobs import banks
from tests.jobs.measures import of_all_rows

from .conftest import BEHAVIOUR, COMMON, CUSTOMERS, JOB, TERMS, Daemon, ended, refused, write_tables
from .test_schemas import over

TRAINED = "[align, split, fill, standardize, logistic]"
MEASURED = "[align, split, fill, standardize, logistic, evaluate, report]"

RESULTS = """\
results:
  - {{kind: model, to: [lender, payments, telecom]}}
  - {{kind: coefficients, to: [lender, telecom]}}
  - {{kind: common_ids, to: [lender, telecom]}}
  - {{kind: metrics, to: [lender, payments, telecom]}}
  - {{kind: scores, to: [lender]}}
  - {{kind: report, to: [telecom]}}
"""


@dataclass
class Four:
    """The daemons by name, and how they agree."""

    daemons: dict[str, Daemon]
    made: int = 0

    @property
    def lender(self) -> Daemon:
        return self.daemons["lender"]

    @property
    def telecom(self) -> Daemon:
        return self.daemons["telecom"]

    def agree(self, *, dealer: str = "hub", telecom: str = "person") -> AgreementView:
        """An agreement that all three have signed. ``telecom``: how it approves."""
        self.made += 1
        head, _, rest = TERMS.partition("results:")
        text = head + RESULTS + rest[rest.index("min_rows") :]
        text = text.replace("parties: [lender, payments]", "parties: [lender, payments, telecom]")
        text = text.replace("dealer: hub", f"dealer: {dealer}")
        text = text.replace("payments: automatic}}", f"payments: automatic, telecom: {telecom}}}}}")
        usage = "  - {{name: usage, owner: telecom, id: user, columns: [flow, ratio]}}\n"
        text = text.replace("components:\n", f"{usage}components:\n").format(number=self.made)
        if dealer != "hub":
            text = text.replace("services: [hub]\n", "")
        draft = self.lender.client.draft_agreement(text)
        self.lender.client.offer_agreement(draft.id)
        for name in ("lender", "payments", "telecom"):
            signed = self.daemons[name].client.sign_agreement(draft.id)
        assert not signed.missing
        return signed

    def job(self, agreement: AgreementView, more: str = "receivers: [telecom]", steps: str = TRAINED) -> str:
        return JOB.format(agreement=agreement.id, steps=steps).replace("steps:", f"{more}\nsteps:")

    def check_account(self, job: str, names: set[str]) -> None:
        """Plan and fact, approvals, end and countersignatures in everybody's ledger."""
        for name in names:
            daemon = self.daemons[name]
            for entry in daemon.client.ledger(kind="egress", job=job):
                assert entry.body["sent"] == entry.body["planned"], (name, entry.body["step"])
                rounds = entry.body["rounds"]
                assert rounds["used"] == rounds["planned"], (name, entry.body["step"])
            approvals = {one.body["party"] for one in daemon.client.ledger(kind="approval", job=job)}
            assert approvals == names
            sizes = [one.body.get("sizes", {}) for one in daemon.client.ledger(kind="plan", job=job)]
            assert {"rows.all": COMMON} in sizes
            assert set(daemon.client.wait(job, timeout=10).countersigned_by) == names - {name}
            report = verify(
                daemon.home / "ledger", peers=[self.daemons[one].home / "ledger" for one in names]
            )
            assert report.ok, report.findings


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Four]:
    base = tmp_path_factory.mktemp("four")
    made = Four({name: Daemon(base / name) for name in ("lender", "payments", "telecom")})
    made.daemons["hub"] = Daemon(base / "hub", "hub")
    daemons = list(made.daemons.values())
    for daemon in daemons:
        daemon.start()
    try:
        for daemon in daemons:
            daemon.await_up()
        for number, inviter in enumerate(daemons):
            for guest in daemons[:number]:
                guest.client.accept(str(inviter.client.invite(hours=1).text))
        write_tables(base / "data")
        made.lender.client.add_dataset(CUSTOMERS, base / "data")
        made.daemons["payments"].client.add_dataset(BEHAVIOUR, base / "data")
        made.telecom.client.add_dataset(BEHAVIOUR.replace("name: behaviour", "name: usage"), base / "data")
        yield made
        for daemon in daemons:
            daemon.client.close()
            daemon.ask_to_stop()
        assert [daemon.stop() for daemon in daemons] == [0, 0, 0, 0]
    finally:
        for daemon in daemons:
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()


def results(daemon: Daemon, job: str, folder: Path) -> dict[str, bytes]:
    """What a node has received, by kind; but what is of its own rows alone."""
    found = {}
    for one in daemon.client.results(job):
        if not one.name.endswith("/own.json"):
            content = daemon.client.download(job, one.name, folder / daemon.name)
            found[one.kind] = content.read_bytes()
    return found


def test_a_party_that_only_receives_results(four: Four, tmp_path: Path) -> None:
    spec = four.job(four.agree(), steps=MEASURED)
    preview = four.lender.client.preview(spec)
    assert preview.document["guests"] == ["telecom"]
    job = four.lender.client.submit(spec)
    assert job.state == "proposed"
    modes = {one.party: (one.mode, one.state) for one in four.telecom.client.job(job.id).approvals}
    assert modes["telecom"] == ("person", "waiting")
    plan = four.telecom.client.plan(job.id)
    assert plan.document == four.lender.client.plan(job.id).document
    assert "telecom" not in plan.document["parties"]
    assert {line.partition(":")[0] for line in plan.summary["learns"]["telecom"]} == {
        "align",
        "split",
        "logistic",
        "evaluate",
        "report",
    }
    four.telecom.client.approve(job.id)
    done = four.lender.client.wait(job.id, timeout=60)
    assert [one.party for one in done.participants] == ["lender", "payments", "hub", "telecom"]
    assert {one.step for one in done.participants} == {"report"}
    four.telecom.client.wait(job.id, timeout=10)
    ours, theirs = (results(one, job.id, tmp_path) for one in (four.lender, four.telecom))
    assert set(theirs) == {"coefficients", "metrics", "report"}
    assert theirs["coefficients"] == ours["coefficients"]
    measures = [of_all_rows(json.loads(one["metrics"])) for one in (theirs, ours)]
    assert measures[0] == measures[1]
    assert set(json.loads(theirs["coefficients"])["coefficients"]) == {"lender", "payments"}
    four.check_account(job.id, {"lender", "payments", "hub", "telecom"})
    told = [entry.body for entry in four.telecom.client.ledger(kind="result", job=job.id)]
    assert {one["kind"] for one in told} == set(theirs)
    shown = [entry.body for entry in four.lender.client.ledger(kind="reveal", job=job.id)]
    assert ["lender", "telecom"] in [one["to"] for one in shown]


def test_a_receiver_that_says_no(four: Four) -> None:
    job = four.lender.client.submit(four.job(four.agree()))
    four.telecom.client.refuse(job.id, "not our case")
    for name in ("lender", "payments", "hub", "telecom"):
        view = ended(four.daemons[name].client, job.id)
        assert view.error is not None
        assert (view.state, view.error.code, view.error.party) == ("refused", "CT-5053", "telecom")


def test_who_would_receive_nothing_may_not_ask_for_the_job(four: Four) -> None:
    with refused("CT-5054"):
        four.telecom.client.submit(four.job(four.agree(), more=""))


def test_a_receiver_whose_worker_dies_leads_to_another_attempt(four: Four) -> None:
    job = four.lender.client.submit(four.job(four.agree(telecom="automatic")))
    worker = four.telecom.worker()
    os.kill(worker, signal.SIGSTOP)
    for name in ("lender", "payments", "hub"):
        four.daemons[name].worker()
    os.kill(worker, signal.SIGKILL)
    for name in ("lender", "payments", "hub", "telecom"):
        view = ended(four.daemons[name].client, job.id)
        assert (view.state, len(view.attempts)) == ("done", 2)
        assert (view.attempts[0].code, view.attempts[0].party) == ("CT-5060", "telecom")


def test_a_party_asks_deals_and_receives(four: Four, tmp_path: Path) -> None:
    """No hub, no outsider: the third party asks for the job, is the dealer, and approves as a party does."""
    agreement = four.agree(dealer="telecom")
    assert not agreement.terms["services"]
    job = four.telecom.client.submit(four.job(agreement))
    assert job.initiator == "telecom"
    four.telecom.client.approve(job.id)
    done = four.lender.client.wait(job.id, timeout=60)
    assert [one.party for one in done.participants] == ["lender", "payments", "telecom"]
    four.telecom.client.wait(job.id, timeout=10)
    ours, theirs = (results(one, job.id, tmp_path) for one in (four.lender, four.telecom))
    assert theirs == {"coefficients": ours["coefficients"]}
    four.check_account(job.id, {"lender", "payments", "telecom"})


def test_a_party_that_deals_cannot_compute_in_the_same_job(four: Four) -> None:
    agreement = four.agree(dealer="telecom")
    spec = four.job(agreement, more="").replace("payments: behaviour", "telecom: usage")
    with refused("CT-1634") as caught:
        four.lender.client.submit(spec)
    assert "'telecom' cannot deal and compute in one job" in caught.value.detail
    refusal = four.lender.client.ledger(kind="refusal")[-1].body
    assert (refusal["code"], refusal["agreement"]) == ("CT-1634", agreement.id)


def test_a_party_deals_before_and_receives_in_the_run(four: Four, tmp_path: Path) -> None:
    spec = four.job(four.agree(dealer="telecom", telecom="automatic"))
    job = four.lender.client.submit(spec.replace("engine: mpc", "engine: mpc\ncorrelations: tape")).id
    deadline = time.monotonic() + 20
    while "tape file of stage 2" not in (four.lender.client.job(job).participant("lender").what or ""):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    request = four.telecom.client.stage_request(job, 2)
    assert request == four.lender.client.stage_request(job, 2)
    dealing = four.telecom.client.deal(json.dumps(request), tmp_path / "dealt")
    for file in map(Path, four.telecom.client.wait_dealing(dealing.id).files):
        four.daemons[peek(file).party.name].client.add_tape(file)
    assert four.lender.client.wait(job, timeout=60).state == "done"
    four.telecom.client.wait(job, timeout=10)
    ours, theirs = (results(one, job, tmp_path) for one in (four.lender, four.telecom))
    assert theirs == {"coefficients": ours["coefficients"]}
    four.check_account(job, {"lender", "payments", "telecom"})


def test_a_receiver_must_be_a_party_that_receives_something(four: Four) -> None:
    agreement = four.agree()
    for receiver, code in (("hub", "CT-1626"), ("mallory", "CT-1626")):
        with refused(code):
            four.lender.client.submit(four.job(agreement, more=f"receivers: [{receiver}]"))
    with refused("CT-4025") as caught:
        four.lender.client.submit(four.job(agreement, steps="[align]"))
    assert caught.value.party == "telecom"


LOANS = """\
name: banks-{number}
parties: [lender, payments, telecom]
services: {services}
datasets:
  - {{name: loans, owner: lender, id: key, label: bad, columns: [a, b, c]}}
  - {{name: loans, owner: payments, id: key, label: bad, columns: [c, b, a]}}
  - {{name: loans, owner: telecom, id: key, label: bad, columns: [a, b, c]}}
components: [{{name: stack}}, {{name: split}}, {{name: standardize}}, {{name: logistic}}, {{name: evaluate}}]
engines: [fl]
results:
  - {{kind: coefficients, to: [lender, payments, telecom]}}
  - {{kind: metrics, to: [{told}]}}
min_rows: 50
not_before: "2026-01-01T00:00:00Z"
expires: "2096-01-01T00:00:00Z"
max_runs: 10
approval: {{lender: automatic, payments: automatic, telecom: automatic}}
"""
POOLED = """\
name: score of three
agreement: {agreement}
engine: fl
frame: horizontal
datasets: {{lender: loans, payments: loans, telecom: loans}}
steps: [stack, split, standardize, logistic, evaluate]
"""
NAMES = ("lender", "payments", "telecom")


@pytest.fixture(scope="module")
def lenders(four: Four, tmp_path_factory: pytest.TempPathFactory) -> Four:
    """The three have loans, too."""
    folder = tmp_path_factory.mktemp("loans")
    for name, spec in banks.write_tables(folder, NAMES).items():
        described = spec.model_dump_json(exclude={"source"}, exclude_defaults=True)
        source = {"kind": "csv", "path": f"{name}.csv"}
        four.daemons[name].client.add_dataset(json.dumps({**json.loads(described), "source": source}), folder)
    return four


def agreed(
    four: Four, services: str, told: str = "lender, payments, telecom", text: str = LOANS
) -> AgreementView:
    """An agreement on loans that all three have signed."""
    four.made += 1
    text = text.format(number=four.made, services=services, told=told)
    draft = four.lender.client.draft_agreement(text)
    four.lender.client.offer_agreement(draft.id)
    signed = [four.daemons[name].client.sign_agreement(draft.id) for name in NAMES]
    assert not signed[-1].missing
    return signed[-1]


@pytest.mark.parametrize("services", ["[hub]\ncoordinator: hub", "[]"])
def test_parties_with_the_same_columns_learn_one_model(lenders: Four, tmp_path: Path, services: str) -> None:
    """With a hub that adds up, and among themselves."""
    everybody = (*NAMES, "hub") if "hub" in services else NAMES
    job = lenders.lender.client.submit(POOLED.format(agreement=agreed(lenders, services).id))
    done = lenders.lender.client.wait(job.id, timeout=60)
    assert tuple(one.party for one in done.participants) == everybody
    plan = lenders.telecom.client.plan(job.id).document
    assert plan["coordinator"] == ("hub" if "hub" in services else "lender")
    found = []
    for name in NAMES:
        lenders.daemons[name].client.wait(job.id, timeout=10)
        found.append(results(lenders.daemons[name], job.id, tmp_path))
    assert found[0] == found[1] == found[2]
    assert set(json.loads(found[0]["coefficients"])["coefficients"]["each"]) == {"a", "b", "c"}
    assert json.loads(found[0]["metrics"])["joint"]["auc"] > 0.75
    for name in everybody:
        client = lenders.daemons[name].client
        for entry in client.ledger(kind="egress", job=job.id):
            assert entry.body["step"] == "logistic" or entry.body["sent"] == entry.body["planned"]
        told = {entry.body["what"] for entry in client.ledger(kind="reveal", job=job.id)}
        assert any(one.startswith("rows of either label by bin") for one in told)
        assert set(client.wait(job.id, timeout=10).countersigned_by) == {*everybody} - {name}


def test_three_find_the_columns_that_all_have(lenders: Four) -> None:
    """Before any agreement: links between all three, and only what all have is told."""
    lender, payments, telecom = (lenders.daemons[name].client for name in NAMES)
    payments.offer_schema("loans", ["lender", "telecom"], columns=["key", "a", "bad"])
    telecom.offer_schema("loans", ["lender"])
    others = {"payments": "loans", "telecom": "loans"}
    with refused("CT-5100") as caught:
        lender.common_schema("loans", others)
    assert caught.value.party == "telecom"  # it has not offered them to payments
    telecom.offer_schema("loans", ["lender", "payments"])
    asked = lender.common_schema("loans", others)
    for client in (lender, payments, telecom):
        found = over(client, asked.id)
        assert (found.state, found.parties, found.common) == ("done", NAMES, asked.common)
    assert {one.name for one in asked.common} == {"key", "a", "bad"}
    assert [one.used for one in payments.schema_offers()] == [1]


def test_a_job_of_sums_is_begun_again(lenders: Four) -> None:
    job = lenders.lender.client.submit(POOLED.format(agreement=agreed(lenders, "[]").id))
    worker = lenders.telecom.worker()
    os.kill(worker, signal.SIGKILL)
    for name in NAMES:
        view = ended(lenders.daemons[name].client, job.id)
        assert (view.state, len(view.attempts)) == ("done", 2)
        assert (view.attempts[0].code, view.attempts[0].party) == ("CT-5060", "telecom")


def test_who_learns_counts_must_be_granted_metrics(lenders: Four) -> None:
    """All parties with data learn what is counted."""
    with refused("CT-1632") as caught:
        lenders.lender.client.submit(POOLED.format(agreement=agreed(lenders, "[]", told="lender").id))
    assert "metrics to 'telecom'" in caught.value.detail
    attested = POOLED.format(agreement=agreed(lenders, "[]").id).replace("engine: fl", "engine: tee")
    with refused("CT-4044"):
        lenders.lender.client.submit(attested)


PRIVATE = LOANS.replace(
    "columns: [a, b, c]}}\n",
    "columns: [a, b, c], privacy: {{unit: record, epsilon: 2, delta: 1.0e-6}}}}\n",
    1,
).replace("{{name: logistic}}", "{{name: logistic, params: {{privacy: {{any: true}}}}}}")


@pytest.mark.parametrize(("epsilon", "code"), [(0.8, None), (1.5, "CT-1656")])
def test_another_attempt_draws_new_noise_and_costs_of_the_budget(
    lenders: Four, epsilon: float, code: str | None
) -> None:
    spec = POOLED.format(agreement=agreed(lenders, "[]", text=PRIVATE).id)
    steps = f"{{logistic: {{privacy: {{epsilon: {epsilon}}}}}}}"
    job = lenders.lender.client.submit(spec.replace("split, standardize, logistic, evaluate", steps))
    worker = lenders.telecom.worker()
    os.kill(worker, signal.SIGSTOP)
    for name in NAMES[:-1]:
        lenders.daemons[name].worker()
    os.kill(worker, signal.SIGKILL)
    for name in NAMES:
        view = ended(lenders.daemons[name].client, job.id, 60)
        assert view.state == ("failed" if code else "done")
        assert (view.error.code if view.error else None) == code
        spent = [
            one.body["attempt"] for one in lenders.daemons[name].client.ledger(kind="privacy", job=job.id)[1:]
        ]
        assert spent == ([] if code else [1])
        (known,) = lenders.daemons[name].client.agreement(job.agreement).privacy
        assert known.spent is not None
        assert epsilon * 1.2 < known.spent < 2 if code is None else known.spent <= epsilon


def test_a_privacy_budget_is_spent_and_refused_when_empty(
    lenders: Four, capsys: pytest.CaptureFixture[str]
) -> None:
    agreement = agreed(lenders, "[]", text=PRIVATE)
    spec = POOLED.format(agreement=agreement.id)
    with refused("CT-1655") as caught:
        lenders.lender.client.submit(spec)
    assert "step 'evaluate', dataset 'loans' of 'lender'" in caught.value.detail
    noisy = spec.replace("split, standardize, logistic, evaluate", "{logistic: {privacy: {epsilon: 1.5}}}")
    job = lenders.lender.client.submit(noisy)
    for name in NAMES:
        assert lenders.daemons[name].client.wait(job.id, timeout=60).state == "done"
        (entry,) = lenders.daemons[name].client.ledger(kind="privacy", job=job.id)
        assert (entry.body["datasets"], entry.body["spends"][0]["times"]) == ([["lender", "loans"]], 30)
        (view,) = lenders.daemons[name].client.agreement(agreement.id).privacy
        assert (view.jobs, view.epsilon) == (1, 2)
        assert view.spent is not None
        assert 1.4 < view.spent <= 1.5
        (planned,) = lenders.daemons[name].client.plan(job.id).privacy
        assert planned.cost == planned.together == view.spent
    # Each would fit alone; and whoever asks, the owner's node and all others say no.
    for name in ("lender", "telecom"):
        with refused("CT-1656"):
            lenders.daemons[name].client.submit(noisy)
    with pytest.raises(SystemExit, match="0"):
        main(["--home", str(lenders.lender.home), "privacy"])
    told = " ".join(capsys.readouterr().out.split())
    assert "lender/loans" in told
    assert f"{view.spent:.4g} of 2" in told
    with pytest.raises(SystemExit, match="0"):
        main(["--home", str(lenders.lender.home), "agreement", "show", agreement.id])
    assert "each record is private to epsilon 2, delta 1e-06" in " ".join(capsys.readouterr().out.split())


@pytest.fixture
def south(lenders: Four, tmp_path: Path) -> Iterator[Daemon]:
    """A fourth party."""
    daemon = Daemon(tmp_path / "south")
    daemon.start()
    try:
        daemon.await_up()
        for name in NAMES:
            daemon.client.accept(str(lenders.daemons[name].client.invite(hours=1).text))
        yield daemon
        daemon.client.close()
        assert daemon.stop() == 0
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()


def test_a_job_with_a_minimum_goes_on_without_a_party_whose_worker_dies(
    lenders: Four, south: Daemon, tmp_path: Path
) -> None:
    """A fourth has loans as well, so that three are left."""
    spec = banks.write_tables(tmp_path, ("lender", "payments", "south"))["south"]
    described = spec.model_dump_json(exclude={"source"}, exclude_defaults=True)
    source = {"kind": "csv", "path": "south.csv"}
    south.client.add_dataset(json.dumps({**json.loads(described), "source": source}), tmp_path)
    everybody, daemons = ("south", *NAMES), {**lenders.daemons, "south": south}
    text = LOANS.replace("[lender, payments, telecom]", "[south, lender, payments, telecom]")
    text = text.replace("services: {services}", "minimum: 3\ncoordinator: lender")
    text = text.replace(
        "datasets:\n",
        "datasets:\n  - {{name: loans, owner: south, id: key, label: bad, columns: [a, b, c]}}\n",
    )
    text = text.replace("approval: {{", "approval: {{south: automatic, ")
    lenders.made += 1
    draft = lenders.lender.client.draft_agreement(text.format(number=lenders.made, told=", ".join(everybody)))
    lenders.lender.client.offer_agreement(draft.id)
    for name in everybody:
        agreement = daemons[name].client.sign_agreement(draft.id)
    models = "".join(f", {{{{component: logistic, name: model-{number}}}}}" for number in range(6))
    job = POOLED.replace("datasets: {{", "minimum: 3\ndatasets: {{south: loans, ").replace(
        ", logistic, evaluate", models
    )
    started = lenders.lender.client.submit(job.format(agreement=agreement.id))
    worker, deadline = lenders.telecom.worker(), time.monotonic() + 20
    while not [
        one
        for one in lenders.telecom.client.ledger(kind="egress", job=started.id)
        if one.body["step"] == "standardize"
    ]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(worker, signal.SIGKILL)
    found = []
    for name in ("south", "lender", "payments"):
        client = daemons[name].client
        done = client.wait(started.id, timeout=60)
        assert done.state == "done"
        assert done.participant("telecom").state == "failed"
        assert set(done.countersigned_by) == {"south", "lender", "payments"} - {name}
        told = [one.body for one in client.ledger(kind="job", job=started.id)]
        (lost,) = (one for one in told if one["event"] == "lost")
        assert (lost["party"], lost["code"]) == ("telecom", "CT-5060")
        assert done.dropouts is not None
        assert [(one.party, one.step) for one in done.dropouts.lost] == [("telecom", lost.get("step"))]
        counted = client.ledger(kind="counted", job=started.id)
        assert [one.body["without"] for one in counted] == [["telecom"]]
        found.append(results(daemons[name], started.id, tmp_path))
    assert found[0] == found[1] == found[2]
    view = ended(lenders.telecom.client, started.id)
    assert view.error is not None
    assert (view.state, view.error.code) == ("failed", "CT-5060")
    assert view.dropouts is not None
    assert view.dropouts.out
    assert view.goes_on is None, "the others go on"
    assert "failed" not in {one.state for one in view.participants if one.party != "telecom"}


def test_a_party_scores_with_the_others_and_alone(lenders: Four, tmp_path: Path) -> None:
    """Every node keeps the whole pipeline of a job of sums, under the same name."""
    text = LOANS.replace(
        "{{name: evaluate}}", "{{name: save}}, {{name: predict, params: {{pipeline: {{any: true}}}}}}"
    )
    text = text.replace("engines: [fl]", "engines: [fl, clear]")
    for kind in ("pipeline", "scores"):
        text = text.replace(
            "results:\n", f"results:\n  - {{{{kind: {kind}, to: [lender, payments, telecom]}}}}\n"
        )
    spec = POOLED.format(agreement=agreed(lenders, "[]", text=text).id)
    client = lenders.telecom.client
    job = client.submit(spec.replace("evaluate", "save"))
    for name in NAMES:
        lenders.daemons[name].client.wait(job.id, timeout=60)
    (kept,) = (one for one in client.pipelines() if one.job == job.id)
    assert (kept.engine, set(kept.columns)) == ("fl", {"each"})
    steps = f"steps: [stack, predict: {{pipeline: {kept.reference}}}]"
    again = spec.replace("steps: [stack, split, standardize, logistic, evaluate]", steps)
    alone = again.replace("engine: fl", "engine: clear").replace("lender: loans, payments: loans, ", "")
    scores = []
    for one in (again, alone):
        scoring = client.submit(one)
        client.wait(scoring.id, timeout=60)
        (listed,) = client.results(scoring.id)
        scores.append(client.download(scoring.id, listed.name, tmp_path / str(len(scores))).read_bytes())
    assert scores[0] == scores[1]
