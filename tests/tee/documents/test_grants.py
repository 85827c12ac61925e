"""Grants together: whatever one of them does not say, the job may not do."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from coterie.crypto import timestamp
from coterie.data import Column
from coterie.errors import CoterieError
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.grants import grants_root, judge
from tests.tee.documents.conftest import Job
from tests.tee.joint import NOW, resigned, sealed

MOMENT = timestamp(NOW)


def reasons(job: Job, *grants: Grant, manifest: Any = None, moment: str = MOMENT) -> str:
    verdict = judge(manifest or job.manifest, grants, tuple(job.records.values()), moment)
    assert verdict.allowed == (not verdict.refusals) == (verdict.limits is not None)
    return "; ".join(f"{one.owner}: {one.reason}" for one in verdict.refusals)


def test_a_job_that_all_grant(job: Job) -> None:
    for grants in (
        job.grants(),
        job.grants(reusable=True),
        (job.grant(), job.grant("payments", reusable=True)),
    ):
        verdict = judge(job.manifest, grants, tuple(job.records.values()), MOMENT)
        limits = verdict.require()
        assert limits.outputs["model"].receivers == ("lender", "payments")
        assert limits.outputs["scores"].receivers == ("lender",)
        assert set(limits.datasets) == {"lender/loans", "payments/accounts"}
        assert limits.datasets["lender/loans"] == ("age", "income")


def test_every_owner_is_asked_once(job: Job) -> None:
    lender, payments = job.grants()
    assert reasons(job, lender) == "payments: gave no grant"
    assert "lender: gave 2 grants" in reasons(job, lender, lender, payments)
    assert "gave no grant" in reasons(job)
    records = tuple(job.records.values())
    verdict = judge(job.manifest, (lender, payments), records[:1], MOMENT)
    assert [one.reason for one in verdict.refusals] == ["gave no record"]
    with pytest.raises(CoterieError, match="payments: gave no record") as caught:
        verdict.require()
    assert (caught.value.code, caught.value.party) == ("CT-2275", "payments")


LATER, LATEST = (timestamp(NOW + timedelta(days=days)) for days in (600, 700))
CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"agreement": "sha256:" + "00" * 32}, "under another agreement"),
    ({"manifest": "sha256:" + "00" * 32}, "for another job"),
    ({"record": "sha256:" + "00" * 32}, "another sealing"),
    ({"columns": ("income",)}, "column 'age'"),
    ({"columns": ("income", "customer"), "id": "age"}, "'customer' as the id"),
    ({"label": None}, "'default' as the label"),
    ({"partners": ()}, "payments/accounts in the same job"),
    ({"outputs": ()}, "results of kind model"),
    ({"min_rows": 101}, "statistics over 100 rows"),
    ({"min_rows": 1001}, "1000 rows of lender/loans"),
    ({"hosts": ()}, "the host 'hub'"),
    ({"hosts": ("payments",)}, "the host 'hub'"),
    ({"expires": MOMENT}, "the time"),
    ({"not_before": LATER, "expires": LATEST}, "the time"),
    ({"assurance": "hardware"}, "a simulated platform"),
    ({"measurements": {}}, "other code on sim"),
    ({"measurements": {"sim": ({"measurement": "00" * 32},)}}, "other code on sim"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES)
def test_what_one_grant_does_not_say(job: Job, change: dict[str, Any], reason: str) -> None:
    lender, payments = job.grants()
    narrowed = resigned(lender, job.who["lender"], **change)
    told = reasons(job, narrowed, payments)
    assert reason in told
    assert "payments:" not in told


def test_outputs_are_held_to_kind_size_and_receivers(job: Job) -> None:
    lender, payments = job.grants()
    model, scores = lender.outputs

    def told(*outputs: Any) -> str:
        return reasons(job, resigned(lender, job.who["lender"], outputs=outputs), payments)

    assert told(model, scores) == ""
    assert told(model) == "lender: results of kind scores"
    assert "model to 'payments'" in told(model.model_copy(update={"receivers": ("lender",)}), scores)
    assert "500,000 bytes of model" in told(model.model_copy(update={"max_bytes": 499_999}), scores)


def test_a_party_under_another_key(job: Job) -> None:
    lender, payments = job.grants()
    keys = lender.keys | {"hub": job.who["mallory"].public.key}
    assert (
        reasons(job, resigned(lender, job.who["lender"], keys=keys), payments)
        == "lender: 'hub' with this key"
    )


def test_a_grant_signed_by_somebody_else(job: Job) -> None:
    lender, payments = job.grants()
    edited = lender.model_copy(update={"max_runs": 9})
    assert reasons(job, edited, payments) == "lender: the owner did not sign this grant"
    mallory = job.who["mallory"]
    stolen = resigned(
        lender, mallory, dataset="mallory/loans", keys=lender.keys | {"mallory": mallory.public.key}
    )
    assert "mallory: gave a grant and has no data in the job" in reasons(job, stolen, payments)


def test_a_record_of_another_sealing_or_hand(job: Job) -> None:
    grants, payments = job.grants(), job.records["payments"]
    other, _ = sealed(job.who["lender"])
    verdict = judge(job.manifest, grants, (other, payments), MOMENT)
    assert "another than the one granted" in verdict.refusals[0].reason
    forged = job.records["lender"].model_copy(update={"rows": 5})
    verdict = judge(job.manifest, grants, (forged, payments), MOMENT)
    assert "did not sign this record" in verdict.refusals[0].reason


def test_columns_that_the_record_has_not_or_in_another_role(job: Job) -> None:
    datasets = [dict(one) for one in job.fields["datasets"]]
    datasets[1] |= {"columns": ["spend", "bonus"], "id": "note"}
    manifest = job.changed(datasets=datasets)
    changes = {"columns": ("spend", "bonus"), "id": "note", "manifest": manifest.digest}
    payments = resigned(job.grant("payments"), job.who["payments"], **changes)
    lender = resigned(job.grant(), job.who["lender"], manifest=manifest.digest)
    told = reasons(job, lender, payments, manifest=manifest)
    assert "column 'bonus': the record has none" in told
    assert "column 'note': the record has none" in told
    datasets[0] |= {"rows": 999}
    assert "the record says 1000" in reasons(job, *job.grants(), manifest=job.changed(datasets=datasets))


def test_all_parts_of_an_id_are_granted_in_their_order(job: Job) -> None:
    who = job.who["payments"]
    names = ("client", "born")
    columns = tuple(Column(name=name, type="text", role="id") for name in names)
    record, _ = sealed(who, columns=(*columns, Column(name="spend", type="float")))
    records = {**job.records, "payments": record}

    def told(id_names: Any) -> str:
        datasets = [dict(one) for one in job.fields["datasets"]]
        datasets[1] |= {"id": id_names, "record": record.digest}
        manifest = job.changed(datasets=datasets)
        changes = {"id": id_names, "record": record.digest, "manifest": manifest.digest}
        payments = resigned(job.grant("payments"), who, **changes)
        lender = resigned(job.grant(), job.who["lender"], manifest=manifest.digest)
        verdict = judge(manifest, (lender, payments), tuple(records.values()), MOMENT)
        return "; ".join(one.reason for one in verdict.refusals if one.owner == "payments")

    assert told(names) == ""
    for wrong in ("client", "born", ("born", "client")):
        assert "the record has none that could be used so" in told(wrong)


@pytest.mark.parametrize(("ids", "few"), [(99, True), (100, False)])
def test_different_ids_are_held_to_the_fewest_rows(job: Job, ids: int, few: bool) -> None:
    who = job.who["payments"]
    record, _ = sealed(who, ids=ids)
    datasets = [dict(one) for one in job.fields["datasets"]]
    datasets[1] |= {"record": record.digest}
    manifest = job.changed(datasets=datasets)
    changes = {"record": record.digest, "manifest": manifest.digest}
    payments = resigned(job.grant("payments"), who, **changes)
    lender = resigned(job.grant(), job.who["lender"], manifest=manifest.digest)
    verdict = judge(manifest, (lender, payments), (job.records["lender"], record), MOMENT)
    told = "; ".join(one.reason for one in verdict.refusals if one.owner == "payments")
    assert told == (f"{ids} different ids of payments/accounts, where 100 are the fewest" if few else "")


def test_bounds_of_components(job: Job) -> None:
    grants = job.grants(reusable=True)

    def told(**params: Any) -> str:
        steps = [job.fields["steps"][0], {"name": "train", "component": "boosting", "params": params}]
        return reasons(job, *grants, manifest=job.changed(steps=steps))

    assert told(trees=10, depth=4) == ""
    assert "'trees' of step 'train' is above 300" in told(trees=301, depth=4)
    assert "'depth' of step 'train' is not one of" in told(trees=10, depth=5)
    assert "'leaf' of step 'train' has no bound" in told(trees=10, depth=4, leaf=1)
    assert "'trees' of step 'train' is bounded but not stated" in told(depth=4)
    steps = [{"name": "train", "component": "neural", "params": {}}]
    assert "the component 'neural'" in reasons(
        job, *grants, manifest=job.changed(steps=steps, outputs=[job.fields["outputs"][0]])
    )


def test_the_root_is_the_tree_of_rfc_6962(job: Job) -> None:
    def leaf(grant: Grant) -> bytes:
        return hashlib.sha256(b"\0" + grant.signed_body()).digest()

    lender, payments = job.grants()
    both = hashlib.sha256(b"\1" + leaf(lender) + leaf(payments)).hexdigest()
    assert grants_root((lender, payments)) == grants_root((payments, lender)) == f"sha256:{both}"
    assert grants_root((lender,)) == f"sha256:{leaf(lender).hex()}"
    assert grants_root((job.grant(reusable=True), payments)) != grants_root((lender, payments))
