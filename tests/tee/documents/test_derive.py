"""Grants come from the agreement and the job: nothing in them is anybody's invention."""

from __future__ import annotations

from typing import Any

import pytest

from coterie.agreement import Bound, PlatformPolicy
from coterie.errors import CoterieError
from coterie.tee.container.record import DOMAIN, DatasetRecord, schema_digest
from coterie.tee.documents.derive import grant_for, grant_within, manifest_refusals
from coterie.tee.documents.grants import grant_refusals
from tests.tee.documents.conftest import Job
from tests.tee.joint import DRAFT, MEASUREMENT, NOW, agreed, sealed


def code(job: Job, **changes: Any) -> str:
    with pytest.raises(CoterieError) as caught:
        job.grant(manifest=job.changed(**changes))
    return caught.value.code


def test_a_grant_for_one_job_is_as_narrow_as_the_job(job: Job) -> None:
    grant = job.grant("payments")
    terms = job.terms
    grant.verify()
    assert grant.manifest == job.manifest.digest
    assert (grant.columns, grant.label, grant.id) == (("spend",), None, "client")
    assert [one.dataset for one in grant.partners] == ["lender/loans"]
    assert [(one.kind, one.receivers, one.max_bytes) for one in grant.outputs] == [
        ("model", ("lender", "payments"), 500_000),
        ("scores", ("lender",), 100_000),
    ]
    assert (grant.not_before, grant.expires, grant.min_rows) == (terms.not_before, terms.expires, 100)
    assert (grant.max_runs, grant.min_interval, grant.hosts) == (2, 0, ("hub",))
    assert grant.keys == job.manifest.keys
    assert grant == job.grant("payments")


def test_a_reusable_grant_says_what_the_agreement_says(job: Job) -> None:
    grant = job.grant("payments", reusable=True)
    assert grant.manifest is None
    assert grant.columns == ("spend", "balance")
    assert {one.kind for one in grant.outputs} == {"model", "metrics", "scores"}
    assert grant.max_runs == 10
    components = {one.name: one.params for one in grant.components or ()}
    assert components == {
        "align": {"reveal": Bound(one_of=(False,))},
        "boosting": {"trees": Bound(max=300), "depth": Bound(one_of=(4,))},
    }


def test_a_grant_before_there_is_any_job(job: Job) -> None:
    defaults = {"align": {"reveal": False}, "boosting": {"depth": 4, "trees": 100}, "neural": {"hidden": [8]}}
    options = {"now": NOW, "max_runs": 3}
    made = grant_within(
        job.terms, job.records["payments"], job.who["payments"], "simulated", defaults, **options
    )
    other = job.grant("payments", reusable=True, max_runs=3)
    assert made == other  # the job at hand has the default values: nothing else comes from it
    assert not list(grant_refusals(made, job.manifest, job.records["payments"], other.created))
    few = grant_within(job.terms, job.records["payments"], job.who["payments"], "simulated", {}, **options)
    refused = list(grant_refusals(few, job.manifest, job.records["payments"], other.created))
    assert any("has no bound" in reason for reason in refused)


def test_a_grant_before_there_is_any_job_is_for_own_data_that_is_agreed(job: Job) -> None:
    record = job.records["payments"]

    def code_of(record: DatasetRecord, owner: str = "payments") -> str:
        with pytest.raises(CoterieError) as caught:
            grant_within(job.terms, record, job.who[owner], "simulated", {}, now=NOW, max_runs=1)
        return caught.value.code

    assert code_of(record, "lender") == "CT-2208"
    assert code_of(record.model_copy(update={"rows": 5})) == "CT-1101"
    name = record.dataset.removeprefix("payments/")
    fewer = tuple(column for column in record.columns if column.name != "balance")
    hashed = "sha256:" + schema_digest(fewer, record.id_rule).hex()
    for changes, told in (
        ({"dataset": f"payments/{name}2"}, "CT-2276"),
        ({"columns": fewer, "schema_hash": hashed}, "CT-2275"),
    ):
        other = record.model_copy(update=changes)
        signature = job.who["payments"].sign(DOMAIN, other.signed_body())
        assert code_of(other.model_copy(update={"signature": signature.hex()})) == told


def test_the_owners_own_policy_narrows_the_agreements(job: Job) -> None:
    own = PlatformPolicy(types=("sim", "snp"), simulated=True, chips=("chip-a",), max_age_days=30)
    platform = job.grant(policy=own).platform
    assert (platform.types, platform.chips, platform.max_age_days) == (("sim",), ("chip-a",), 30)
    strict = PlatformPolicy(types=("snp",), chips="any")
    with pytest.raises(CoterieError, match="a platform of type sim") as caught:
        job.grant(policy=strict)
    assert caught.value.code == "CT-2275"


def changed(fields: dict[str, Any], name: str, index: int, **changes: Any) -> dict[str, Any]:
    items = [dict(item) for item in fields[name]]
    items[index] |= changes
    return {name: items}


BEYOND: list[tuple[str, int, dict[str, Any], str]] = [
    ("datasets", 1, {"columns": ["note"]}, "column 'note'"),
    ("datasets", 1, {"dataset": "payments/other"}, "payments/other"),
    ("datasets", 1, {"id": "spend", "columns": []}, "'spend' of payments/accounts as the id"),
    ("datasets", 1, {"label": "balance"}, "'balance' of payments/accounts as the label"),
    ("datasets", 1, {"rows": 99}, "99 rows"),
    ("steps", 1, {"component": "neural"}, "the component 'neural'"),
    ("steps", 1, {"params": {"trees": 301}}, "'trees' of step 'train' is above 300"),
    ("steps", 1, {"params": {}}, "bounded but not stated"),
    ("outputs", 1, {"receivers": ["payments"]}, "scores to 'payments'"),
    ("outputs", 1, {"kind": "importance"}, "importance to 'lender'"),
    ("outputs", 1, {"max_bytes": 1_000_001}, "1,000,001 bytes"),
]


@pytest.mark.parametrize(("name", "index", "change", "reason"), BEYOND)
def test_a_job_beyond_the_agreement(
    job: Job, name: str, index: int, change: dict[str, Any], reason: str
) -> None:
    changes = changed(job.fields, name, index, **change)
    assert reason in "; ".join(manifest_refusals(job.terms, job.changed(**changes)))
    assert code(job, **changes) == "CT-2276"


def test_a_job_elsewhere_or_by_other_code(job: Job) -> None:
    keys = {name: job.fields["keys"][name] for name in ("lender", "payments")}
    assert code(job, host="payments", keys=keys) == "CT-2276"
    assert code(job, keys=job.fields["keys"] | {"hub": "09" * 32}) == "CT-2276"
    assert code(job, agreement="sha256:" + "00" * 32) == "CT-2276"
    assert code(job, min_rows=99) == "CT-2276"
    assert code(job, measurements={"sim": [{"measurement": "00" * 32}]}) == "CT-2276"
    more = [{"measurement": MEASUREMENT.hex()}, {"measurement": "00" * 32}]
    assert code(job, measurements={"sim": more}) == "CT-2276"
    assert code(job, assurance="hardware", measurements={"snp": [{"measurement": "00" * 48}]}) == "CT-2276"


def test_the_agreement_must_have_the_engine_and_the_section(job: Job) -> None:
    head, _, _ = DRAFT.partition("tee:\n")
    without = agreed(job.who, head).terms
    other = agreed(job.who, DRAFT.replace("engines: [tee]", "engines: [mpc]")).terms
    for terms, expected in ((without, "CT-1637"), (other, "CT-2276")):
        with pytest.raises(CoterieError) as caught:
            grant_for(terms, job.manifest, job.records["lender"], job.who["lender"], now=NOW)
        assert caught.value.code == expected


def test_only_owners_of_what_the_job_uses_grant(job: Job) -> None:
    with pytest.raises(CoterieError) as caught:
        grant_for(job.terms, job.manifest, job.records["lender"], job.who["hub"], now=NOW)
    assert caught.value.code == "CT-2276"
    other, _ = sealed(job.who["lender"])
    with pytest.raises(CoterieError) as caught:
        grant_for(job.terms, job.manifest, other, job.who["lender"], now=NOW)
    assert caught.value.code == "CT-2275"
