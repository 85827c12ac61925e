"""Which trusted environments will do: types of platforms, their measurements, and what they must be.

These are terms of agreements and of grants, so they are written down here; whether a platform meets them
is found out in :mod:`coterie.tee`. The words are those of its evidence.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

__all__ = ["ASSURANCE", "REQUIRED", "Assurance", "EvidenceType", "Measurements", "PlatformPolicy"]

EvidenceType = Literal["sgx", "tdx", "snp", "nitro", "tpm", "swtpm", "sim"]
Assurance = Literal["hardware", "simulated"]

ASSURANCE: Final[dict[EvidenceType, Assurance]] = {
    "sgx": "hardware",
    "tdx": "hardware",
    "snp": "hardware",
    "nitro": "hardware",
    "tpm": "hardware",
    "swtpm": "simulated",
    "sim": "simulated",
}

REQUIRED: Final[dict[EvidenceType, frozenset[str]]] = {
    "sgx": frozenset({"mr_enclave"}),
    "tdx": frozenset({"mr_td", "rtmr0", "rtmr1", "rtmr2", "rtmr3"}),
    "snp": frozenset({"measurement"}),
    "nitro": frozenset({"pcr0"}),
    "tpm": frozenset(),
    "swtpm": frozenset(),
    "sim": frozenset({"measurement"}),
}
"""Measurements that a set must name at least: less would let other code pass. A TPM's depend on the boot."""

SVN_KEYS: Final = ("sgx", "tdx", "snp-milan", "snp-genoa", "snp-turin", "nitro", "tpm", "swtpm", "sim")
_SNP_SVNS = frozenset({"bootloader", "tee", "snp", "microcode"})

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in hex."""
Hex = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{2})*$", max_length=1024)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,62}$")]
Advisory = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9-]{2,40}$")]
Status = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,60}$")]
Chip = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,256}$")]
Svn = Annotated[int, Field(ge=0, lt=2**53)]

MeasurementSet = dict[Name, Hex]


def _many(limit: int) -> object:
    return Field(max_length=limit, strict=False)


def _complete(measurements: dict[EvidenceType, tuple[MeasurementSet, ...]]) -> object:
    for kind, sets in measurements.items():
        for one in sets:
            lacking = REQUIRED[kind] - set(one)
            if lacking or not one:
                needed = ", ".join(sorted(lacking)) or "at least one PCR"
                raise ValueError(f"a set of {kind} lacks {needed}")
    return measurements


Measurements = Annotated[
    dict[EvidenceType, Annotated[tuple[MeasurementSet, ...], _many(256)]], AfterValidator(_complete)
]
"""By type, sets of measurements. A platform passes if one of the sets fits it in every value."""


class PlatformPolicy(BaseModel):
    """What a platform must be. Agreements and grants carry one, and the reference values of a node do: all
    hold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    types: Annotated[tuple[EvidenceType, ...], _many(8)]
    simulated: bool = False
    """Whether simulated platforms pass. Nothing that is released to one can be opened by hardware, or the
    other way round."""
    debug: Literal[False] = False
    migration: bool = False
    """Whether the platform may be moved to another machine by an agent of the host."""
    tcb_statuses: Annotated[tuple[Status, ...], _many(16)] = ("UpToDate",)
    """The vendor's words that are good enough, for types where the vendor has a word."""
    accepted_advisories: Annotated[tuple[Advisory, ...], _many(256)] = ()
    """Open advisories that are accepted. Any other that is open refuses the platform."""
    denied_advisories: Annotated[tuple[Advisory, ...], _many(256)] = ()
    """Advisories that refuse the platform even if they are accepted elsewhere."""
    minimum_svns: dict[str, dict[Name, Svn]] = Field(default_factory=dict, max_length=16)
    """Lowest security versions, by type (for SNP by product, such as ``snp-milan``) and component."""
    chips: Literal["any"] | Annotated[tuple[Chip, ...], _many(4096)]
    """Machines that are allowed, by their id; ``any`` must be said. An empty list allows none."""
    vmpls: Annotated[tuple[Annotated[int, Field(ge=0, le=3)], ...], _many(4)] = (0,)
    platform: dict[Name, bool | int] = Field(default_factory=dict, max_length=64)
    """Further bits that must be so, such as ``platform.smt: false``."""
    missing_crl: bool = False
    """Whether evidence passes for which the vendor has revocation lists and none was given."""
    max_age_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """Greatest age of the endorsements that the vendor renews; None: as long as the vendor says."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for key, minimum in self.minimum_svns.items():
            if key not in SVN_KEYS:
                raise ValueError(f"minimum_svns: '{key[:40]}' is none of {', '.join(SVN_KEYS)}")
            if key.startswith("snp-") and not set(minimum) >= _SNP_SVNS:
                raise ValueError(f"minimum_svns: {key} needs bootloader, tee, snp and microcode")
        if not self.simulated and any(ASSURANCE[kind] == "simulated" for kind in self.types):
            raise ValueError("types: a simulated type needs `simulated: true`")
        return self
