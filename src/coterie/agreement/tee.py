"""Terms of attested execution: where jobs of engine ``tee`` may run, and on what."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from coterie.crypto import PartyName

from .platform import Digest, Measurements, PlatformPolicy

__all__ = ["AttestedTerms", "TeeTerms"]


class AttestedTerms(BaseModel):
    """Which attested code counts, and on which platforms."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    platform: PlatformPolicy
    """What the machine must be; ``simulated: true`` must be said for one that only pretends."""
    measurements: Measurements
    """The code that may run: what releases of the runner measure, by type of platform."""
    simulated_roots: Annotated[
        tuple[Digest, ...], Field(max_length=16, strict=False, exclude_if=lambda roots: not roots)
    ] = ()
    """Digests of the keys that certify simulated platforms, as the host's node prints them. They say whose
    simulation counts, and prove nothing. A node under the profile ``production`` does not take part."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for kind in self.platform.types:
            if not self.measurements.get(kind):
                raise ValueError(f"measurements: there are none for {kind}, which platform allows")
        if self.simulated_roots and not self.platform.simulated:
            raise ValueError("simulated_roots: simulated platforms are not among those that platform allows")
        return self


class TeeTerms(AttestedTerms):
    """What engine ``tee`` needs beside the other terms. Without them no such job runs, whatever ``engines``
    says.
    """

    host: PartyName
    """The party or service on whose machine it runs. It sees ciphertext, sizes and times."""
    max_output_bytes: Annotated[int, Field(ge=1, lt=2**53)]
    """Most bytes that one step may let out of one kind of result."""
    attempts: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often keys may be released for one job: more than once only so that a run that broke off can be
    begun again."""
    min_interval: Annotated[int, Field(ge=0, le=366 * 86400)] = 0
    """Seconds from one release of a key to the next, at least."""
