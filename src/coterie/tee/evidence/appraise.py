"""Is this platform good enough? Every check is written down with its reason; one that fails refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from coterie.crypto import parse_timestamp
from coterie.tee.evidence.binding import launched, reported
from coterie.tee.evidence.errors import APPRAISAL_REFUSED
from coterie.tee.evidence.model import REPORT_DATA, Claims, Document
from coterie.tee.evidence.reference import PlatformPolicy, ReferenceValues

Outcome = Literal["passed", "failed", "skipped"]

VENDOR_STATUS: Final = frozenset({"sgx", "tdx"})
"""Types for which the vendor has a word for the patch level."""
NO_DEBUG_MODE: Final = frozenset({"tpm", "swtpm"})
NOT_NAMED: Final = 4
"""Reasons that an error quotes; the appraisal has all."""


class Check(Document):
    """One question to the claims and its answer."""

    name: str
    outcome: Outcome
    reason: str


class Appraisal(Document):
    """The answer: accepted if every check passed, or was left out on purpose."""

    accepted: bool
    checks: tuple[Check, ...]
    body: str
    """Digest of what the platform signed: the evidence that this is about."""

    def require(self) -> None:
        """Go on only with an accepted platform. Errors: CT-2240 with the reasons."""
        if not self.accepted:
            failed = [check for check in self.checks if check.outcome == "failed"]
            told = "; ".join(f"{check.name}: {check.reason}" for check in failed[:NOT_NAMED])
            more = f"; and {len(failed) - NOT_NAMED} more" if len(failed) > NOT_NAMED else ""
            raise APPRAISAL_REFUSED(told + more)


def appraise(
    claims: Claims,
    reference: ReferenceValues,
    policy: PlatformPolicy | None = None,
    *,
    report_data: bytes | None,
    job: bytes | None,
) -> Appraisal:
    """Hold claims against reference values, and against the ``policy`` of a grant beside them: both must
    hold.

    :param report_data: the 64 bytes that the evidence must be bound to; None leaves the check out, which
    is good for
        looking at evidence, never for a release.
    :param job: the 32-byte digest that must have been put in at launch; None leaves the check out.

    Deny by default: a type without measurements, an empty list, a security version that has no minimum
    where the vendor has no word for the patch level: all refuse.
    """
    checks = [
        *_bindings(claims, report_data, job),
        _measurements(claims, reference),
        *_platform(claims, reference.platform, ""),
        *(_platform(claims, policy, "grant: ") if policy is not None else ()),
    ]
    refused = any(check.outcome == "failed" for check in checks)
    return Appraisal(accepted=not refused, checks=tuple(checks), body=claims.body)


def _check(name: str, good: bool, reason: str) -> Check:
    return Check(name=name, outcome="passed" if good else "failed", reason=reason)


def _bindings(claims: Claims, report_data: bytes | None, job: bytes | None) -> Iterator[Check]:
    if report_data is None:
        yield Check(name="report data", outcome="skipped", reason="not compared: none was given")
    else:
        same = len(report_data) == REPORT_DATA and _same(
            claims.report_data, reported(claims.type, report_data)
        )
        yield _check(
            "report data", same, "is the one asked for" if same else "is for another nonce, key, job or party"
        )
    expected = None if job is None else launched(claims.type, job)
    if job is None:
        yield Check(name="launch", outcome="skipped", reason="not compared: no job was given")
    elif expected is None:
        yield Check(name="launch", outcome="skipped", reason=f"{claims.type} has no such field")
    else:
        same = claims.launch_bound is not None and _same(claims.launch_bound, expected)
        yield _check("launch", same, "started for this job" if same else "not started for this job")


def _same(stated: str, expected: bytes) -> bool:
    return bytes.fromhex(stated) == expected


def _measurements(claims: Claims, reference: ReferenceValues) -> Check:
    sets = reference.measurements.get(claims.type, ())
    if not sets:
        return _check("measurements", False, f"no reference values for {claims.type}")
    for number, one in enumerate(sets, 1):
        if all(claims.measurements.get(name) == value for name, value in one.items()):
            return _check("measurements", True, f"set {number} fits: {', '.join(one)}")
    differing = sorted(name for name, value in sets[0].items() if claims.measurements.get(name) != value)
    told = f"none of {len(sets)} sets fits; the first differs in {', '.join(differing)}"
    return _check("measurements", False, told)


def _platform(claims: Claims, policy: PlatformPolicy, prefix: str) -> Iterator[Check]:
    for check in (
        _type(claims, policy),
        _assurance(claims, policy),
        _debug(claims),
        _check("migration", policy.migration or not claims.migratable, _migration(claims)),
        _status(claims, policy),
        _advisories(claims, policy),
        _svns(claims, policy),
        _chip(claims, policy),
        _vmpl(claims, policy),
        _bits(claims, policy),
        _revocation(claims, policy),
        _age(claims, policy),
    ):
        yield check if not prefix else check.model_copy(update={"name": prefix + check.name})


def _type(claims: Claims, policy: PlatformPolicy) -> Check:
    allowed = ", ".join(policy.types) or "none"
    return _check("type", claims.type in policy.types, f"{claims.type}; allowed: {allowed}")


def _assurance(claims: Claims, policy: PlatformPolicy) -> Check:
    return _check("assurance", claims.assurance == "hardware" or policy.simulated, claims.assurance)


def _debug(claims: Claims) -> Check:
    if claims.debug is None:
        return _check("debug", claims.type in NO_DEBUG_MODE, f"{claims.type} has no debug mode")
    return _check("debug", not claims.debug, "the host can look inside" if claims.debug else "off")


def _migration(claims: Claims) -> str:
    return "the host may move it to another machine" if claims.migratable else "stays on its machine"


def _status(claims: Claims, policy: PlatformPolicy) -> Check:
    if claims.type not in VENDOR_STATUS:
        return _check("TCB status", claims.tcb_status is None, "the vendor has no word for it")
    return _check("TCB status", claims.tcb_status in policy.tcb_statuses, str(claims.tcb_status))


def _advisories(claims: Claims, policy: PlatformPolicy) -> Check:
    denied = sorted(set(claims.advisories) & set(policy.denied_advisories))
    unknown = sorted(set(claims.advisories) - set(policy.accepted_advisories))
    if denied:
        return _check("advisories", False, f"denied: {', '.join(denied)}")
    if unknown:
        return _check("advisories", False, f"open and not accepted: {', '.join(unknown)}")
    return _check("advisories", True, ", ".join(claims.advisories) or "none open")


def _svns(claims: Claims, policy: PlatformPolicy) -> Check:
    name = "security versions"
    key = f"{claims.type}-{claims.product}".lower() if claims.type == "snp" else claims.type
    minimum = policy.minimum_svns.get(key)
    if minimum is None:
        return _check(name, claims.type != "snp", f"no minimum is stated for {key}")
    low = [part for part, least in minimum.items() if claims.svns.get(part, -1) < least]
    told = ", ".join(f"{part} {claims.svns.get(part, 'unknown')} < {minimum[part]}" for part in sorted(low))
    return _check(name, not low, told or ", ".join(f"{part} {claims.svns[part]}" for part in minimum))


def _chip(claims: Claims, policy: PlatformPolicy) -> Check:
    known = str(claims.chip_id)
    shown = known[:16] + "…" * (len(known) > 16)
    if policy.chips == "any":
        return _check("chip", True, f"{shown}; any is allowed")
    return _check("chip", claims.chip_id in policy.chips, shown)


def _vmpl(claims: Claims, policy: PlatformPolicy) -> Check:
    if claims.vmpl is None:
        return _check("VMPL", claims.type != "snp", f"{claims.type} has none")
    return _check("VMPL", claims.vmpl in policy.vmpls, f"{claims.vmpl}")


def _bits(claims: Claims, policy: PlatformPolicy) -> Check:
    wrong = sorted(
        name
        for name, value in policy.platform.items()
        if name not in claims.policy or claims.policy[name] != value
    )
    told = ", ".join(f"{name} is {claims.policy.get(name, 'unknown')}" for name in wrong)
    return _check("platform", not wrong, told or f"{len(policy.platform)} bits are as they must be")


def _revocation(claims: Claims, policy: PlatformPolicy) -> Check:
    told = {
        "checked": "signed lists were searched",
        "none": "the vendor has no lists for this type",
        "absent": "no list was given",
    }
    return _check("revocation", claims.revocation != "absent" or policy.missing_crl, told[claims.revocation])


def _age(claims: Claims, policy: PlatformPolicy) -> Check:
    if claims.issued is None:
        return _check("age", True, "nothing among the endorsements is renewed")
    age = (parse_timestamp(claims.verified_at) - parse_timestamp(claims.issued)).days
    good = policy.max_age_days is None or age <= policy.max_age_days
    return _check("age", good, f"the oldest endorsement is {age} days old")
