"""The grant: what the owner of one data set allows to be done with it. What is not written is refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from coterie.agreement import ComponentTerms, ResultKind
from coterie.crypto import Identity, PartyName
from coterie.data import ColumnName, IdNames, Many, id_names
from coterie.tee.container.record import Owner
from coterie.tee.documents.base import (
    DOCUMENT_LIMIT,
    ContentName,
    Count,
    KeyHex,
    Signed,
    Size,
    Time,
    make,
    read,
    repeated,
)
from coterie.tee.documents.errors import GRANT_INVALID
from coterie.tee.evidence.binding import Sha256
from coterie.tee.evidence.model import Assurance, Document
from coterie.tee.evidence.reference import Measurements, PlatformPolicy

DOMAIN = "coterie/grant/v1"


class GrantedOutput(Document):
    """A kind of result, who may receive it, and how much of it."""

    kind: ResultKind
    receivers: Annotated[Many[PartyName], Field(max_length=64)]
    max_bytes: Count
    """Most bytes of plaintext that one step may let out of it."""


class Partner(Document):
    """A data set of another owner that may be joined with this one."""

    owner: PartyName
    dataset: ContentName


class Grant(Signed):
    """One data set, signed by its owner. A run needs the grants of all owners at once."""

    version: Literal["coterie/grant/v1"] = "coterie/grant/v1"
    owner: Owner
    agreement: Sha256
    dataset: ContentName
    record: Sha256
    """Digest of the record: which sealing of the data set."""
    manifest: Sha256 | None
    """The one job that is allowed; None: every job within ``components``."""
    components: Annotated[Many[ComponentTerms], Field(max_length=256)] | None
    """Steps that jobs may have. Every parameter needs a bound that it is within. None beside a manifest."""
    id: IdNames
    columns: Annotated[Many[ColumnName], Field(max_length=10_000)]
    label: ColumnName | None
    partners: Annotated[Many[Partner], Field(max_length=256)]
    outputs: Annotated[Many[GrantedOutput], Field(max_length=64)]
    min_rows: Count
    """Fewest rows behind any released statistic."""
    keys: Annotated[dict[PartyName, KeyHex], Field(max_length=64)]
    """Keys of everybody whom the grant names, its owner among them."""
    hosts: Annotated[Many[PartyName], Field(max_length=64)]
    not_before: Time
    expires: Time
    """The first second in which it holds no longer."""
    max_runs: Count
    min_interval: Size
    """Seconds from one release to the next, at least."""
    assurance: Assurance
    measurements: Measurements
    platform: PlatformPolicy
    created: Time

    @classmethod
    def sign(cls, identity: Identity, fields: dict[str, Any]) -> Grant:
        """A grant of ``fields`` (all but owner and signature) by ``identity``. Errors: CT-2271."""
        owner = Owner(name=identity.public.name, key=identity.public.key)
        unsigned = make(cls, GRANT_INVALID, {**fields, "owner": owner, "signature": "00" * 64})
        return unsigned.with_signature(identity.sign(DOMAIN, unsigned.signed_body()))

    @classmethod
    def parse(cls, data: bytes) -> Grant:
        """Read a grant of at most 4 MiB, in canonical form. Whether its signature holds, :meth:`verify`
        says. Errors: CT-2271.
        """
        return read(cls, data, DOCUMENT_LIMIT, GRANT_INVALID)

    def verify(self) -> None:
        """The owner that it names signed it; whose key that is, is for the manifest. Errors: CT-1101."""
        self.check_signature(self.owner.name, self.owner.key, DOMAIN)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.manifest is None) == (self.components is None):
            raise ValueError("manifest: either one job or bounds of components, not both")
        if self.not_before >= self.expires:
            raise ValueError("expires: it is not after not_before")
        if not self.dataset.startswith(f"{self.owner.name}/"):
            raise ValueError(f"dataset: not one of {self.owner.name}")
        if self.keys.get(self.owner.name) != self.owner.key:
            raise ValueError("keys: the owner's is not the one that signs")
        for partner in self.partners:
            if not partner.dataset.startswith(f"{partner.owner}/"):
                raise ValueError(f"partners: {partner.dataset} is not one of {partner.owner}")
        for field, names in self._lists():
            if (name := repeated(names)) is not None:
                raise ValueError(f"{field}: '{name}' is named twice")
        named = {*(one.owner for one in self.partners), *self.hosts}
        named |= {party for output in self.outputs for party in output.receivers}
        if lacking := sorted(named - set(self.keys)):
            raise ValueError(f"keys: '{lacking[0]}' has none")
        return self

    def _lists(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        label = () if self.label is None else (self.label,)
        return (
            ("columns", (*id_names(self.id), *self.columns, *label)),
            ("components", tuple(one.name for one in self.components or ())),
            ("partners", (self.dataset, *(one.dataset for one in self.partners))),
            ("outputs", tuple(one.kind for one in self.outputs)),
            ("hosts", self.hosts),
            ("keys", tuple(self.keys.values())),
            *(("outputs", one.receivers) for one in self.outputs),
        )
