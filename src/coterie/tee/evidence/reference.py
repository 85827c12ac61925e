"""Reference values: which measurements are good, and what a platform must be. What is not written is
refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from coterie.crypto import CANNOT_READ, parse_json
from coterie.data import parse_yaml
from coterie.tee.evidence.errors import REFERENCE_INVALID
from coterie.tee.evidence.model import ASSURANCE, Document, EvidenceType, Hex, Name, told

MAX_REFERENCE: Final = 1024 * 1024

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

Advisory = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9-]{2,40}$")]
Status = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,60}$")]
Chip = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,256}$")]
Svn = Annotated[int, Field(ge=0, lt=2**53)]


def _many(limit: int) -> object:
    return Field(max_length=limit, strict=False)


class PlatformPolicy(Document):
    """What a platform must be. A grant carries one, and the reference values of a node carry one: both
    hold.
    """

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
    minimum_svns: Annotated[dict[str, dict[Name, Svn]], Field(default_factory=dict, max_length=16)]
    """Lowest security versions, by type (for SNP by product, such as ``snp-milan``) and component."""
    chips: Literal["any"] | Annotated[tuple[Chip, ...], _many(4096)]
    """Machines that are allowed, by their id; ``any`` must be said. An empty list allows none."""
    vmpls: Annotated[tuple[Annotated[int, Field(ge=0, le=3)], ...], _many(4)] = (0,)
    platform: Annotated[dict[Name, bool | int], Field(default_factory=dict, max_length=64)]
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


class ReferenceValues(Document):
    """A file of reference values: YAML, or JSON."""

    version: Literal["coterie/reference/v1"]
    measurements: dict[EvidenceType, Annotated[tuple[dict[Name, Hex], ...], _many(256)]]
    """By type, sets of measurements. A platform passes if one of the sets fits it in every value."""
    platform: PlatformPolicy

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for kind, sets in self.measurements.items():
            for one in sets:
                lacking = REQUIRED[kind] - set(one)
                if lacking or not one:
                    needed = ", ".join(sorted(lacking)) or "at least one PCR"
                    raise ValueError(f"measurements: a set of {kind} lacks {needed}")
        return self

    @classmethod
    def parse(cls, data: bytes) -> ReferenceValues:
        """Read a file. Unknown fields are refused, as is what would allow too much.

        Errors: CT-2241 with the line or field, CT-1402 for its YAML, CT-1110 for its JSON.
        """
        if len(data) > MAX_REFERENCE:
            raise REFERENCE_INVALID(f"{len(data)} bytes where {MAX_REFERENCE} are allowed")
        if not data.lstrip().startswith(b"{"):
            try:
                text = data.decode()
            except UnicodeDecodeError as error:
                raise REFERENCE_INVALID("it is not UTF-8") from error
            return parse_yaml(text).model(cls, REFERENCE_INVALID)
        try:
            return cls.model_validate(parse_json(data, limit=MAX_REFERENCE))
        except ValidationError as error:
            problem = told(error)
        raise REFERENCE_INVALID(problem)

    @classmethod
    def load(cls, path: Path) -> ReferenceValues:
        """Read the file at ``path``. Errors: CT-1122, and as :meth:`parse`."""
        try:
            with path.open("rb") as file:
                return cls.parse(file.read(MAX_REFERENCE + 1))
        except OSError as error:
            raise CANNOT_READ(f"{path}: {error.strerror}") from error
