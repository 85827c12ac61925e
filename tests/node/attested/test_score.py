"""A joint score from sealed data to sealed results: what comes out, who gets it, and what is written down."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from sklearn.metrics import roc_auc_score

from coterie.agreement import Terms
from coterie.jobs import check_run, replay
from coterie.ledger import verify
from coterie.tee import Roots
from tests.node.attested.clear import in_the_clear
from tests.node.attested.conftest import EVERYBODY, PARTIES, Scored
from tests.node.attested.search import clear, everything, found, values
from tests.node.attested.world import COLUMNS, COMMON, ROWS
from tests.node.conftest import refused
from tests.node.test_agreements import stored

COMMON_TO_ALL = {
    "logistic/logistic.coefficients.json",
    "glm/glm.coefficients.json",
    "glm/glm.statistics.json",
    "boosting/boosting.importance.json",
    "of_logistic/metrics.json",
    "of_boosting/metrics.json",
}
MODELS = {f"{name}/{name}.model" for name in ("logistic", "boosting", "glm", "neural")}
LOSSES = {"boosting/boosting.loss.json", "neural/neural.loss.json"}
REPORTS = {"report/report.html"}
SCORES = {"of_logistic/scores.parquet", "of_boosting/scores.parquet"}
REVEALING = {"align", "logistic", "of_logistic", "boosting", "of_boosting", "glm", "neural", "report"}
RECEIVED = {
    "lender": {"align/common_ids.csv", *COMMON_TO_ALL, *MODELS, *LOSSES, *SCORES},
    "payments": {*COMMON_TO_ALL, *REPORTS},
    "telecom": {*COMMON_TO_ALL, *MODELS, *REPORTS},
}


def test_every_receiver_gets_what_it_would_get_in_the_clear(scored: Scored, tmp_path: Path) -> None:
    """Each file to the bit what one process gives that has both tables: and that is held against others'
    libraries elsewhere."""
    world = scored.world
    _, key = stored(world.lender.home, scored.agreement.id)
    assert key is not None
    tables = {"lender": world.table("loans"), "payments": world.table("flows")}
    record = world.record("lender", scored.job)
    wanted = in_the_clear(record, tables, key, world.image, tmp_path / "clear")
    for party in PARTIES:
        received = world.files(party, scored.job)
        assert set(received) == set(wanted[party]) == RECEIVED[party]
        differing = [name for name in received if undated(received[name]) != undated(wanted[party][name])]
        assert differing == []
    assert world.files("hub", scored.job) == {}


def undated(content: bytes) -> bytes:
    """A report says in which minute it was made; nothing else does."""
    return re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d UTC", b"", content)


def test_the_scores_are_good_by_another_librarys_count(scored: Scored) -> None:
    files = scored.world.files("lender", scored.job)
    loans = scored.world.tables["loans"]
    label = dict(zip(loans["customer"], loans["bad"], strict=True))
    for step in ("of_logistic", "of_boosting"):
        scores = parquet.read_table(io.BytesIO(files[f"{step}/scores.parquet"]))
        auc = roc_auc_score([label[one] for one in scores.column(0).to_pylist()], scores.column("score"))
        told = json.loads(files[f"{step}/metrics.json"])
        assert auc == pytest.approx(told["joint"]["auc"], abs=1e-9)
        assert told["joint"]["auc"] > 0.7 > 0.5 < told["auc_gain"] + 0.5
    assert len(files["align/common_ids.csv"].splitlines()) == COMMON + 1


def test_nothing_in_clear_is_at_the_host_nor_in_any_log(scored: Scored) -> None:
    """Ids as they are written, in both cases, and values as text and as eight bytes."""
    world = scored.world
    logs = [one for daemon in world.daemons.values() for one in daemon.home.rglob("*.log")]
    assert len(logs) > 10
    host = everything(world.hub.home)
    assert any(path.suffix == ".sealed" for path in host)
    secrets = [*clear(world, "loans"), *clear(world, "flows")]
    assert len(secrets) > 40
    assert found(secrets, [*host, *logs]) == []
    assert found(secrets, everything(world.bank.home)) == []


def test_no_owner_has_the_others_data(scored: Scored) -> None:
    """But for the ids that both have, which the lender is told."""
    world = scored.world
    own = {name: set(map(str.lower, world.tables[name][COLUMNS[name][0]])) for name in ("loans", "flows")}
    for here, theirs, mine in (("lender", "flows", "loans"), ("payments", "loans", "flows")):
        secrets = [name.encode() for name in own[theirs] - own[mine]]
        assert len(secrets) == ROWS - COMMON
        secrets += values(world, theirs)
        assert found(secrets, everything(world.daemons[here].home)) == []
    both = [name.encode() for name in own["loans"] & own["flows"]]
    assert found(both[:1], everything(world.lender.home)) != [], "the search finds what is there"


def test_keys_never_leave_the_homes_of_their_owners(scored: Scored) -> None:
    world = scored.world
    _, id_key = stored(world.lender.home, scored.agreement.id)
    assert id_key is not None
    assert found([id_key, id_key.hex().encode()], everything(world.payments.home)) != []
    for party in ("hub", "telecom", "bank"):
        assert found([id_key, id_key.hex().encode()], everything(world.daemons[party].home)) == []
    for owner in ("lender", "payments"):
        keys = [
            json.loads(path.read_bytes())["key"] for path in (world.daemons[owner].home / "keys").iterdir()
        ]
        secrets = [form for key in keys for form in (key.encode(), bytes.fromhex(key))]
        assert secrets
        others = [one.home for name, one in world.daemons.items() if name != owner]
        assert found(secrets, [path for home in others for path in everything(home)]) == []
        kept = [path.parent.name for path in everything(world.daemons[owner].home) if found(secrets, [path])]
        assert set(kept) == {"keys"}


def test_what_each_party_has_written_down(scored: Scored) -> None:
    for party in EVERYBODY:
        entries = scored.entries(party)
        kinds = [one.kind for one in entries]
        told = {(one.body["step"], one.body["what"]) for one in entries if one.kind == "reveal"}
        assert {step for step, _ in told} == REVEALING
        last = max(index for index, kind in enumerate(kinds) if kind == "reveal")
        if party in ("lender", "payments"):
            order = [last, kinds.index("grant"), kinds.index("release"), kinds.index("receipt")]
            assert order == sorted(order), kinds
            assert (kinds.count("grant"), kinds.count("release")) == (1, 1)
        else:
            assert not {"grant", "release"} & set(kinds)
            assert last < kinds.index("receipt")
        results = [one.body["name"] for one in entries if one.kind == "result"]
        assert len(results) == len(RECEIVED.get(party, ()))
        assert [one.body["event"] for one in entries if one.kind == "job"] == ["started", "ended"]
        assert kinds.count("approval") == len(EVERYBODY)
    held = [one.body for one in scored.entries("hub") if one.kind == "sealed"]
    record = scored.world.record("hub", scored.job)
    assert {(one["event"], one["root"]) for one in held} == {
        ("held", one.root) for one in record.proposal.sealed.values()
    }
    receipts = {
        one.body["receipt"] for name in EVERYBODY for one in scored.entries(name) if one.kind == "receipt"
    }
    assert receipts == {record.receipt.digest}


def test_no_more_was_sent_than_was_planned(scored: Scored) -> None:
    document = scored.world.lender.client.plan(scored.job.id).document
    planned = {step["step"]: step["sent"] for step in document["transfers"]}
    assert list(planned) == ["stage-upload", "stage-release", "stage-results"]
    sent: dict[tuple[str, str, str], int] = {}
    received: dict[tuple[str, str, str], int] = {}
    for party in EVERYBODY:
        entries = [one.body for one in scored.entries(party) if one.kind == "egress"]
        assert [one["step"] for one in entries] == list(planned)
        for one in entries:
            assert one["planned"] == planned[one["step"]].get(party, {})
            assert all(count <= one["planned"][peer] for peer, count in one["sent"].items())
            assert one["rounds"]["used"] <= one["rounds"]["planned"]
            sent |= {(one["step"], party, peer): count for peer, count in one["sent"].items()}
            received |= {(one["step"], peer, party): count for peer, count in one["received"].items()}
    assert sent == received
    assert {(source, to) for step, source, to in sent if step == "stage-upload"} == {
        ("lender", "hub"),
        ("payments", "hub"),
        ("hub", "lender"),
        ("hub", "payments"),
    }
    record = scored.world.record("lender", scored.job)
    for party, one in record.proposal.sealed.items():
        assert sent["stage-upload", party, "hub"] >= one.preamble.header.size > 5_000
    assert all(source == "hub" for step, source, _ in sent if step == "stage-results")


def test_ledgers_are_in_order(scored: Scored) -> None:
    for party in EVERYBODY:
        others = [name for name in EVERYBODY if name != party]
        daemons = scored.world.daemons
        report = verify(
            daemons[party].home / "ledger", peers=[daemons[one].home / "ledger" for one in others]
        )
        assert report.ok, report.findings
        assert set(others) <= set(report.countersigned)


def test_everybody_has_the_record_of_the_run_and_it_holds(scored: Scored) -> None:
    """Also the party that brought no data, and the host."""
    world = scored.world
    records = {party: world.record(party, scored.job) for party in EVERYBODY}
    assert len({one.digest for one in records.values()}) == 1
    record = records["telecom"]
    pins = Terms.model_validate(scored.agreement.terms).tee
    assert pins is not None
    checked = check_run(record, Roots(profile="development"))
    assert {claims.type for claims in checked.claims.values()} == {"sim"}
    assert {one.assurance for one in checked.claims.values()} == {"simulated"}
    assert {output.receivers for output in record.receipt.outputs} == {
        ("lender",),
        ("payments",),  # its own page
        ("telecom",),
        ("lender", "telecom"),
        ("payments", "telecom"),
        ("lender", "payments", "telecom"),
    }
    ledgers = [world.daemons[name].home / "ledger" for name in EVERYBODY]
    sealed = world.hub.home / "jobs" / scored.job.id / "results" / "run"
    found = replay(record, Roots(profile="development"), ledgers=ledgers, sealed=sealed)
    assert found.ok, [one for one in found.checks if not one.ok]
    with refused("CT-2233"):
        check_run(record, Roots(profile="production"))


def test_the_data_is_sealed_and_sent_once_for_an_agreement(scored: Scored) -> None:
    world = scored.world
    before = world.record("lender", scored.job).proposal.sealed
    job = world.submit(scored.agreement)
    world.done(job)
    assert world.record("hub", job).proposal.sealed == before
    for party in ("lender", "payments"):
        told = [one.body for one in world.daemons[party].client.ledger(kind="egress", job=job.id)]
        upload = next(one for one in told if one["step"] == "stage-upload")
        assert upload["sent"] == {}
        sealed = [one.body for one in world.daemons[party].client.ledger(kind="sealed")]
        mine = [one for one in sealed if one.get("agreement") == scored.agreement.id]
        assert len(mine) == 1
    assert set(world.files("payments", job)) == set()
    assert set(world.files("lender", job)) == {"align/common_ids.csv"}
    told = {one.id for one in world.telecom.client.jobs()}
    assert scored.job.id in told
    assert job.id not in told, "who is not named in a job hears nothing of it"
