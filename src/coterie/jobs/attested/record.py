"""The record of an attested run: all that anybody needs to check it, with no word of the data in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from coterie.agreement import Agreement, Terms
from coterie.crypto import PartyName, canonical, digest, parse_timestamp
from coterie.errors import CoterieError
from coterie.jobs.attested.manifest import manifest_of
from coterie.jobs.attested.sealed import RECORD
from coterie.jobs.errors import RUN_RECORD_INVALID
from coterie.jobs.plan import Plan, derive_plan
from coterie.jobs.proposal import Proposal
from coterie.tee import (
    Case,
    Checkpoint,
    Claims,
    Endorsements,
    Grant,
    JobManifest,
    Limits,
    Proof,
    Receipt,
    ReferenceValues,
    ReleaseRequest,
    Roots,
    appraise,
    check_receipt,
    read_document,
    require_tee,
    verify_evidence,
)

CLOCKS: Final = timedelta(minutes=5)
"""By how much the clocks of a host and of a receiver may differ."""

Grants = Annotated[tuple[Grant, ...], Field(max_length=16, strict=False)]


class RunRecord(BaseModel):
    """One run: what was agreed, granted, proven, received and given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal["coterie/run/v1"] = "coterie/run/v1"
    agreement: Agreement
    proposal: Proposal
    manifest: JobManifest
    grants: Grants
    checkpoint: Checkpoint
    requests: Annotated[dict[PartyName, ReleaseRequest], Field(max_length=16)]
    """By owner: the evidence that it released its key for, and the vendor's endorsements."""
    receipt: Receipt

    def to_bytes(self) -> bytes:
        """The canonical document (RFC 8785)."""
        return canonical(self)

    @classmethod
    def parse(cls, data: bytes) -> RunRecord:
        """Read a record in canonical form; whether it holds, :func:`check_run` says. Errors: CT-4034."""
        return read_document(cls, data, RECORD, RUN_RECORD_INVALID)

    @property
    def digest(self) -> str:
        """Of the canonical document."""
        return digest(self.to_bytes())

    @property
    def case(self) -> Case:
        """What the run rested on."""
        return Case(self.manifest, self.grants, tuple(self.proposal.sealed.values()), self.checkpoint)


@dataclass(frozen=True)
class CheckedRun:
    """A record that holds."""

    record: RunRecord
    terms: Terms
    plan: Plan
    limits: Limits
    """What its results are under."""
    claims: Mapping[str, Claims]
    """By owner: what was verified of the platform."""


def check_run(record: RunRecord, roots: Roots, now: datetime | None = None) -> CheckedRun:
    """Whether a record holds: everything is derived and verified again, as its owners did, at the time of the
    run.

    :param roots: whom the checker believes; simulated roots that the agreement names count beside them, but
        under the profile ``production``.
    :param now: at a receiver, to whom the run has only just ended.

    Errors: CT-4034 with what does not hold; CT-16xx where the agreement is not signed, and all those of
    planning, evidence and receipts.
    """
    record.agreement.verify()
    terms = record.agreement.terms
    plan = check_derived(record)
    moment = moment_of(record, now)
    limits = record.case.check(record.receipt.started)
    proofs = {owner: proof_of(record, owner, limits, moment, roots) for owner in record.manifest.owners}
    check_receipt(record.receipt, record.case, proofs)
    return CheckedRun(record, terms, plan, limits, {owner: proof.claims for owner, proof in proofs.items()})


def check_derived(record: RunRecord) -> Plan:
    """The plan of the record's proposal under its agreement, which gives its manifest.

    Errors: CT-4034, and those of planning.
    """
    plan = derive_plan(record.proposal, record.agreement.terms)
    if manifest_of(record.proposal, plan, record.agreement.terms) != record.manifest:
        raise RUN_RECORD_INVALID("the manifest is not that of the proposal under the agreement")
    return plan


def moment_of(record: RunRecord, now: datetime | None) -> datetime:
    """When the evidence was new. A runner's clock is its host's: who has a clock compares."""
    started = parse_timestamp(record.receipt.started)
    if started < parse_timestamp(record.proposal.created) - CLOCKS:
        raise RUN_RECORD_INVALID("the run began before it was proposed")
    if now is not None and started > now + CLOCKS:
        raise RUN_RECORD_INVALID(f"the run began at {record.receipt.started}, which is not yet")
    return started


def proof_of(
    record: RunRecord,
    owner: str,
    limits: Limits,
    moment: datetime,
    roots: Roots,
    archived: Endorsements | None = None,
) -> Proof:
    """What an owner released its key for, verified and appraised again.

    :param limits: of all grants.
    :param moment: when the evidence was new.
    :param archived: endorsements that the owner had of its own; None for those in the record.

    Errors: CT-4034, those of evidence.
    """
    request = record.requests.get(owner)
    if request is None or len(record.requests) != len(record.manifest.owners):
        raise RUN_RECORD_INVALID("evidence is needed for each owner, and for nobody else", party=owner)
    tee = require_tee(record.agreement.terms)
    if record.manifest.assurance == "simulated" and tee.simulated_roots:
        roots = roots.with_simulated(tee.simulated_roots)
    reference = ReferenceValues(
        version="coterie/reference/v1", measurements=record.manifest.measurements, platform=limits.platform
    )
    endorsements = archived or request.endorsements or Endorsements(type=request.evidence.type)
    try:
        claims = verify_evidence(request.evidence, endorsements, moment, roots)
        data, job = request.binding.report_data(), record.manifest.digest_bytes
        appraise(claims, reference, report_data=data, job=job).require()
    except CoterieError as error:
        raise error.at(party=owner) from None
    return Proof(request.binding, claims)
