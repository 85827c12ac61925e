"""A party's look at the evidence of a dealing, before it takes anything of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from coterie.agreement import AttestedTerms
from coterie.tee.dealing.binding import DealingSubject, TapeEvidence
from coterie.tee.dealing.errors import OTHER_DEALING
from coterie.tee.evidence.appraise import appraise
from coterie.tee.evidence.errors import NONCE_REFUSED
from coterie.tee.evidence.model import Claims
from coterie.tee.evidence.reference import ReferenceValues
from coterie.tee.evidence.roots import Roots
from coterie.tee.release.releaser import Verifying


@dataclass(frozen=True)
class ExpectedDealing:
    """What a party knows by itself of the dealing that it has asked for."""

    subject: DealingSubject
    party: str
    key: str
    """Raw Ed25519 public key of the party, in hex."""
    nonce: str | None
    """The one that it gave out for this stage and has not seen again; None where there is none."""
    parties: tuple[str, ...]
    """All compute parties."""


def check_dealing(
    proof: TapeEvidence,
    expected: ExpectedDealing,
    terms: AttestedTerms,
    verifying: Verifying,
    roots: Roots,
    now: datetime,
    reference: ReferenceValues | None = None,
) -> tuple[Claims, str]:
    """Whether attested code that the agreement names has dealt what this party asked for. Whether a file is
    the one that was dealt, is seen by its signature under ``proof.binding.signing_pk`` and by its body's
    digest there.

    :param reference: what this party asks of platforms beyond the agreement.

    Spends nothing: the caller sees to it that the nonce counts once. Gives the claims, and the digest under
    which the endorsements are in the archive.

    Errors: CT-2245 (no such nonce is out), CT-2313 (another dealing), CT-2233 (simulated, under the profile
    ``production``), CT-2240 (the platform, the code, or what the evidence is bound to), and the others of
    verifying.
    """
    binding = proof.binding
    if wrong := list(_differences(proof, expected)):
        raise OTHER_DEALING(", ".join(wrong), party=expected.party)
    if expected.nonce is None or binding.nonce != expected.nonce:
        raise NONCE_REFUSED("it is not the one in this party's request, or was used already")
    pinned = roots.with_simulated(terms.simulated_roots)
    claims, endorsements = verifying.verify(proof.evidence, proof.endorsements, now, pinned)
    agreed = ReferenceValues(
        version="coterie/reference/v1", measurements=terms.measurements, platform=terms.platform
    )
    data, subject = binding.report_data(), binding.subject.digest_bytes
    for values in (agreed, reference):
        if values is not None:
            appraise(claims, values, report_data=data, job=subject).require()
    return claims, endorsements


def _differences(proof: TapeEvidence, expected: ExpectedDealing) -> Iterator[str]:
    binding = proof.binding
    for field in DealingSubject.model_fields:
        if getattr(binding.subject, field) != getattr(expected.subject, field):
            yield field
    own = binding.file(expected.party)
    if binding.party != expected.party or own is None or own.key != expected.key:
        yield "party"
    if sorted(one.party for one in binding.files) != sorted(expected.parties):
        yield "files"
    if binding.assurance != proof.evidence.assurance:
        yield "assurance"
