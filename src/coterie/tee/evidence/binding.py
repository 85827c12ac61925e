"""What evidence is bound to: the run, the key, the provider's nonce; and where each platform carries it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from coterie.crypto import PartyName
from coterie.tee.evidence.model import Assurance, Document, EvidenceType, Hex

DOMAIN: Final = b"coterie/ra/v1"
NONCE: Final = 32
"""Bytes of a nonce."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class ReportBinding(Document):
    """All that one exchange between a runner and a provider is about. Its digest goes into the evidence."""

    version: Literal["coterie/ra/v1"] = "coterie/ra/v1"
    nonce: Annotated[Hex, Field(min_length=2 * NONCE, max_length=2 * NONCE)]
    """The provider's, fresh."""
    provider: PartyName
    hpke_pk: Annotated[Hex, Field(min_length=64, max_length=8192)]
    """Public key that the runner made for this run: whoever is given data keys."""
    receipt_pk: Annotated[Hex, Field(min_length=64, max_length=64)]
    """Raw Ed25519 public key that the runner made for this run: it signs the receipt."""
    job: Sha256
    """Digest of the job's manifest."""
    grants_root: Sha256
    """Merkle root over the grants of all owners."""
    log_checkpoint: Sha256
    """Digest of the checkpoint of the log that the runner has seen."""
    assurance: Assurance

    def report_data(self) -> bytes:
        """``SHA-512("coterie/ra/v1" || canonical(self))``: the 64 bytes that the attester is asked to have
        signed.
        """
        return hashlib.sha512(DOMAIN + self.to_bytes()).digest()


def reported(kind: EvidenceType, report_data: bytes) -> bytes:
    """What a platform of this type carries where the 64 bytes of ``report_data`` were asked for.

    A TPM carries SHA-256 of them: many have no room for 64 (Part 2, 10.4.3, TPM2B_DATA).
    """
    return hashlib.sha256(report_data).digest() if kind in ("tpm", "swtpm") else report_data


def launched(kind: EvidenceType, job: bytes) -> bytes | None:
    """What a platform of this type has in its launch-bound field when it was started for the job.

    :param job: the 32-byte SHA-256 digest of the job's manifest.

    SNP has it in HOST_DATA, TDX in MRCONFIGID with zeros behind it, Nitro and TPM as the only extension of
    PCR 16. SGX has no such field: None.
    """
    if kind == "sgx":
        return None
    if kind == "tdx":
        return job.ljust(48, b"\0")
    if kind == "nitro":
        return hashlib.sha384(bytes(48) + job).digest()
    if kind in ("tpm", "swtpm"):
        return hashlib.sha256(bytes(32) + job).digest()
    return job
