"""The roots of trust, pinned: SHA-256 digests of the vendors' root keys, as SubjectPublicKeyInfo in DER.

Certificates come with the endorsements; only these digests decide. They are public facts, to be compared
with what the vendors publish:

- Intel SGX Root CA, valid to 2049-12-31 (certificates.trustedservices.intel.com); it signs for SGX and TDX.
- AMD root keys ARK-Milan, ARK-Genoa, ARK-Turin (kdsintf.amd.com, ``/vcek/v1/<product>/cert_chain``).
- AWS Nitro Enclaves Root-G1, valid to 2049-10-28; the certificate's SHA-256 fingerprint, which AWS prints
  in its guide, is 641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from coterie.tee.evidence.errors import SIMULATED_REFUSED, UNTRUSTED_ROOT

Profile = Literal["production", "development"]

SIMULATED: Final = "SIMULATED"
"""Organisation in every certificate of the simulated root, and part of every simulated blob."""

_DIGEST = re.compile(r"[0-9a-f]{64}")

INTEL: Final = MappingProxyType(
    {"Intel SGX Root CA": "a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e"}
)
AMD: Final = MappingProxyType(
    {
        "Milan": "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9",
        "Genoa": "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831",
        "Turin": "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08",
    }
)
NITRO: Final = MappingProxyType(
    {"aws.nitro-enclaves": "f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225"}
)


@dataclass(frozen=True)
class Roots:
    """Whom a verifier believes: the vendors, and what the operator pins beside them.

    Errors: CT-2233 for a simulated root in the profile ``production``; CT-2235 for other vendors' roots
    than the pinned ones in that profile, for what is no digest, and for a key that is pinned as hardware
    and as simulated.
    """

    profile: Profile = "production"
    intel: Mapping[str, str] = field(default_factory=lambda: INTEL)
    amd: Mapping[str, str] = field(default_factory=lambda: AMD)
    nitro: Mapping[str, str] = field(default_factory=lambda: NITRO)
    tpm: frozenset[str] = field(default=frozenset())
    """Digests of root keys that certify attestation keys of TPMs."""
    tpm_keys: frozenset[str] = field(default=frozenset())
    """Digests of attestation keys of TPMs that are trusted as they are."""
    simulated: frozenset[str] = field(default=frozenset())
    """Digests of keys of simulated roots."""

    def __post_init__(self) -> None:
        if self.profile == "production" and self.simulated:
            raise SIMULATED_REFUSED("a simulated root is configured under the profile production")
        vendors = [(self.intel, INTEL), (self.amd, AMD), (self.nitro, NITRO)]
        if self.profile == "production" and any(
            not given.items() <= known.items() for given, known in vendors
        ):
            raise UNTRUSTED_ROOT("other roots than the vendors' under the profile production")
        hardware = {*self.tpm, *self.tpm_keys, *(key for given, _ in vendors for key in given.values())}
        for pinned in (*hardware, *self.simulated):
            if not _DIGEST.fullmatch(pinned):
                raise UNTRUSTED_ROOT(f"'{pinned[:80]}' is no SHA-256 digest in hex")
        if self.simulated & hardware:
            raise UNTRUSTED_ROOT("one key is pinned both as hardware and as simulated")

    def with_simulated(self, pins: Iterable[str]) -> Roots:
        """These roots, and simulated ones beside them. Errors: CT-2233 under the profile ``production``,
        CT-2235.
        """
        return replace(self, simulated=self.simulated | frozenset(pins))

    @property
    def accepts_simulated(self) -> bool:
        """Whether the simulated verifiers exist at all under this profile."""
        return self.profile != "production"
