"""One way into all verifiers: pure functions, no network, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from coterie.crypto import timestamp
from coterie.tee.evidence import intel, nitro, simulated, snp, tpm
from coterie.tee.evidence.errors import BAD_ENDORSEMENTS, BAD_EVIDENCE, SIMULATED_REFUSED
from coterie.tee.evidence.model import Claims, Endorsements, Evidence, EvidenceType, Statements
from coterie.tee.evidence.roots import Profile, Roots

Verifier = Callable[[Evidence, Endorsements, datetime, Roots], Claims]

HARDWARE: Final[Mapping[EvidenceType, Verifier]] = MappingProxyType(
    {
        "sgx": intel.verify,
        "tdx": intel.verify,
        "snp": snp.verify,
        "nitro": nitro.verify,
        "tpm": tpm.verify,
    }
)
_SIMULATED: Final[Mapping[EvidenceType, Verifier]] = MappingProxyType(
    {"sim": simulated.verify, "swtpm": simulated.verify_swtpm}
)
_STATES: Final[Mapping[EvidenceType, Callable[[Evidence], Statements]]] = MappingProxyType(
    {
        "sgx": intel.state,
        "tdx": intel.state,
        "snp": snp.state,
        "nitro": nitro.state,
        "tpm": tpm.state,
        "sim": simulated.state,
        "swtpm": simulated.state_swtpm,
    }
)

_BESIDE: Final[Mapping[EvidenceType, frozenset[str]]] = MappingProxyType(
    {
        "snp": frozenset({"certificates"}),
        "tdx": frozenset({"certificates"}),
        "tpm": frozenset({"signature", "pcrs"}),
    }
)
"""What may come beside the blob; nothing else may."""

SELF_CONTAINED: Final = frozenset({"nitro", "sim", "swtpm"})
"""Types whose evidence brings its chain: their endorsements are empty."""


def verifiers(profile: Profile) -> Mapping[EvidenceType, Verifier]:
    """The verifiers that exist under a profile; ``production`` has none for simulated evidence."""
    return HARDWARE if profile == "production" else MappingProxyType({**HARDWARE, **_SIMULATED})


def verify(evidence: Evidence, endorsements: Endorsements, now: datetime, roots: Roots) -> Claims:
    """What is to be believed of ``evidence`` at the time ``now``. Nothing else has a say: no network, no
    clock.

    That it verifies says that a platform of this type made it, not that the platform is good enough: that
    is for :func:`coterie.tee.appraise`, which also looks at the nonce.

    :param now: an aware time; certificates, lists and collateral must be valid then.

    Errors: CT-2230 (form), CT-2231 (signature), CT-2232 (unsupported), CT-2233 (simulated where that is not
    accepted), CT-2234 to CT-2237 (endorsements: unusable, other root, not valid then, of another
    platform), CT-2238 (the vendor does not vouch), CT-2239 (revoked), CT-1112 (a time without its zone).
    """
    timestamp(now)
    verifier = verifiers(roots.profile).get(evidence.type)
    if verifier is None:
        raise SIMULATED_REFUSED(f"the profile {roots.profile} has no verifier for {evidence.type}")
    _check_beside(evidence)
    if endorsements.type != evidence.type:
        raise BAD_ENDORSEMENTS(f"they are for {endorsements.type}, the evidence is of type {evidence.type}")
    return verifier(evidence, endorsements, now, roots)


def state(evidence: Evidence) -> Statements:
    """What ``evidence`` says of itself. Nothing is verified: anybody can write such evidence.

    Errors: CT-2230, CT-2232.
    """
    _check_beside(evidence)
    return _STATES[evidence.type](evidence)


def _check_beside(evidence: Evidence) -> None:
    if extra := set(evidence.aux) - _BESIDE.get(evidence.type, frozenset()):
        raise BAD_EVIDENCE(f"evidence of type {evidence.type} has no part {sorted(extra)[0]}")
