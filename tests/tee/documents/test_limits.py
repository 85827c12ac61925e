"""The intersection of grants: commutative, associative, idempotent, and never wider than any of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.agreement import EvidenceType, PlatformPolicy
from coterie.crypto import canonical, timestamp
from coterie.errors import CoterieError
from coterie.tee.documents.limits import Limits, OutputLimit, inherited, limits_of, meet, meet_policies
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.evidence.appraise import appraise
from coterie.tee.evidence.model import Claims
from coterie.tee.evidence.reference import ReferenceValues
from tests.tee.documents.conftest import Job

HARD: tuple[EvidenceType, ...] = ("snp", "tdx", "sgx", "nitro")
SOFT: tuple[EvidenceType, ...] = ("sim", "swtpm")
KINDS = ("model", "scores", "metrics")
PEOPLE = ("hub", "lender", "payments")
COLUMNS = ("age", "balance", "income", "spend")
DATASETS = ("lender/loans", "payments/accounts")
MEASURED = ("measurement", "mr_enclave", "pcr0", "mr_td", "rtmr0", "rtmr1", "rtmr2", "rtmr3")
SETS = tuple(dict.fromkeys(MEASURED, f"{n:02x}" * 32) for n in range(3))
STATUSES = ("UpToDate", "SWHardeningNeeded")
START = datetime(2026, 1, 1, tzinfo=UTC)


def some(names: tuple[Any, ...], least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    """Some of ``names``, in their order."""
    chosen = st.sets(st.sampled_from(range(len(names))), min_size=least)
    return chosen.map(lambda which: tuple(names[i] for i in sorted(which)))


def mostly(names: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Often all of ``names``: intersections of few names are empty."""
    return st.one_of(st.just(names), some(names, 1))


times = st.integers(0, 40).map(lambda day: timestamp(START + timedelta(days=day)))
svns = st.fixed_dictionaries(
    {name: st.sampled_from([0, 5, 9]) for name in ("bootloader", "tee", "snp", "microcode")}
)
bits = st.dictionaries(
    st.sampled_from(["platform.smt", "abi_minor"]), st.sampled_from([False, True, 0, 1, 2])
)


@st.composite
def policies(draw: st.DrawFn) -> PlatformPolicy:
    simulated = draw(st.booleans())
    return PlatformPolicy(
        types=draw(mostly((*HARD, *SOFT) if simulated else HARD)),
        simulated=simulated,
        migration=draw(st.booleans()),
        tcb_statuses=draw(mostly(STATUSES)),
        accepted_advisories=draw(mostly(("INTEL-SA-00001", "INTEL-SA-00002"))),
        denied_advisories=draw(some(("INTEL-SA-00001", "INTEL-SA-00002"))),
        minimum_svns=draw(
            st.dictionaries(st.sampled_from(["snp-milan", "snp-genoa"]), svns)
            | st.dictionaries(st.just("sim"), st.fixed_dictionaries({"runner": st.integers(0, 3)}))
        ),
        chips=draw(st.sampled_from(["any", ("chip-a", "chip-b"), ("chip-a",), ()])),
        vmpls=draw(mostly((0, 1))),
        platform=draw(bits),
        missing_crl=draw(st.booleans()),
        max_age_days=draw(st.sampled_from([None, 1, 10, 40])),
    )


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    columns = st.one_of(st.none(), mostly(COLUMNS))
    output = st.builds(OutputLimit, receivers=mostly(PEOPLE), max_bytes=st.integers(1, 5))
    policy = draw(policies())
    return Limits(
        assurances=draw(some(("hardware", "simulated"))),
        hosts=draw(mostly(PEOPLE)),
        datasets={name: draw(columns) for name in draw(mostly(DATASETS))},
        outputs={kind: draw(output) for kind in draw(mostly(KINDS))},
        min_rows=draw(st.integers(1, 5)),
        not_before=draw(times),
        expires=draw(times),
        max_runs=draw(st.integers(1, 5)),
        min_interval=draw(st.integers(0, 5)),
        measurements={kind: draw(some(SETS, 1)) for kind in draw(mostly((*HARD, *SOFT)))},
        platform=meet_policies(policy, policy),
    )


@st.composite
def manifests(draw: st.DrawFn) -> JobManifest:
    kind = draw(st.sampled_from(["sim", "snp"]))
    owners = draw(mostly(DATASETS))
    outputs = [
        {
            "step": "train",
            "kind": name,
            "receivers": draw(some(PEOPLE, 1)),
            "max_bytes": draw(st.integers(1, 5)),
        }
        for name in draw(some(KINDS, 1))
    ]
    host = draw(st.sampled_from(PEOPLE))
    named = (
        {name.split("/")[0] for name in owners} | {p for one in outputs for p in one["receivers"]} | {host}
    )
    return JobManifest.model_validate(
        {
            "job": "01" * 16,
            "agreement": "sha256:" + "00" * 32,
            "plan": "sha256:" + "00" * 32,
            "steps": [{"name": "train", "component": "boosting", "params": {}}],
            "datasets": [
                {
                    "owner": name.split("/")[0],
                    "dataset": name,
                    "record": "sha256:" + "00" * 32,
                    "id": "id",
                    "columns": draw(some(COLUMNS)),
                    "label": None,
                    "rows": draw(st.integers(0, 8)),
                }
                for name in owners
            ],
            "outputs": outputs,
            "min_rows": draw(st.integers(1, 8)),
            "keys": {name: f"{PEOPLE.index(name):02x}" * 32 for name in named},
            "host": host,
            "assurance": "simulated" if kind == "sim" else "hardware",
            "measurements": {kind: draw(some(SETS, 1))},
            "created": timestamp(START),
        }
    )


@st.composite
def claims(draw: st.DrawFn) -> Claims:
    kind: EvidenceType = draw(st.sampled_from((*HARD, *SOFT)))
    return Claims(
        type=kind,
        assurance="simulated" if kind in SOFT else "hardware",
        measurements=draw(st.sampled_from(SETS)),
        report_data="00" * 64,
        debug=False,
        migratable=draw(st.booleans()),
        svns=draw(svns) | {"runner": draw(st.integers(0, 3))},
        chip_id=draw(st.sampled_from(["chip-a", "chip-b"])),
        product=draw(st.sampled_from(["Milan", "Genoa"])) if kind == "snp" else None,
        vmpl=draw(st.sampled_from([None, 0, 1])),
        policy=draw(bits),
        body="sha256:" + "00" * 32,
        verified_at="2026-03-01T00:00:00Z",
        root="some root",
        tcb_status=draw(st.sampled_from(["UpToDate", "SWHardeningNeeded"]))
        if kind in ("sgx", "tdx")
        else None,
        advisories=draw(some(("INTEL-SA-00001", "INTEL-SA-00002"))),
        revocation=draw(st.sampled_from(["checked", "absent", "none"])),
        issued=draw(st.none() | st.sampled_from(["2026-02-27T00:00:00Z", "2026-01-30T00:00:00Z"])),
        valid_until=None,
    )


few = settings(max_examples=40)


def same(a: Limits, b: Limits) -> bool:
    return canonical(a) == canonical(b)


@few
@given(limits(), limits(), limits())
def test_a_semilattice(a: Limits, b: Limits, c: Limits) -> None:
    assert same(meet(a, b), meet(b, a))
    assert same(meet(meet(a, b), c), meet(a, meet(b, c)))
    assert same(meet(a, a), a)


@few
@given(limits(), limits(), manifests())
def test_both_allow_a_job_where_the_intersection_does(a: Limits, b: Limits, job: JobManifest) -> None:
    together = meet(a, b)
    assert (not list(together.refusals(job))) == (not list(a.refusals(job)) and not list(b.refusals(job)))


@few
@given(limits(), limits(), times)
def test_both_hold_when_the_intersection_does(a: Limits, b: Limits, moment: str) -> None:
    together = meet(a, b)
    assert together.holds_at(moment) == (a.holds_at(moment) and b.holds_at(moment))
    for one in (a, b):
        assert together.max_runs <= one.max_runs
        assert together.min_interval >= one.min_interval


@settings(max_examples=200)
@given(policies(), policies(), claims())
def test_both_accept_a_platform_where_the_intersection_does(
    a: PlatformPolicy, b: PlatformPolicy, said: Claims
) -> None:
    """The appraisal is the judge of what a policy means; question by question, so that one seldom answer
    does not hide the others.
    """

    def passed(policy: PlatformPolicy) -> dict[str, bool]:
        reference = ReferenceValues(
            version="coterie/reference/v1", measurements={said.type: (said.measurements,)}, platform=policy
        )
        checks = appraise(said, reference, report_data=None, job=None).checks
        return {check.name: check.outcome != "failed" for check in checks}

    one, other, together = passed(a), passed(b), passed(meet_policies(a, b))
    if any(a.platform[name] != b.platform[name] for name in a.platform if name in b.platform):
        assert not together.pop("type")  # no platform has a bit both ways
        assert not (one["platform"] and other["platform"])
        del together["platform"]
    assert together == {name: one[name] and other[name] for name in together}


@few
@given(limits(), limits(), limits(), manifests())
def test_more_grants_never_allow_more(a: Limits, b: Limits, c: Limits, job: JobManifest) -> None:
    if list(meet(a, b).refusals(job)):
        assert list(meet(meet(a, b), c).refusals(job))


def test_the_strategies_reach_allowed_jobs(job: Job) -> None:
    """The laws above would hold of limits that refuse everything."""
    grants = job.grants()
    together = inherited(grants)
    assert list(together.refusals(job.manifest)) == []
    assert same(together, meet(limits_of(grants[1]), limits_of(grants[0])))
    assert together.max_runs == 2
    assert together.hosts == ("hub",)


def test_policies_that_are_too_long_together() -> None:
    def denying(letter: str) -> PlatformPolicy:
        names = tuple(f"{letter}{number:03d}-X" for number in range(200))
        return PlatformPolicy(types=("snp",), chips="any", denied_advisories=names)

    with pytest.raises(CoterieError) as caught:
        meet_policies(denying("A"), denying("B"))
    assert caught.value.code == "CT-2274"
    assert len(meet_policies(denying("A"), denying("A")).denied_advisories) == 200
