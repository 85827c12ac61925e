"""The data-set record: what an owner signs of a sealed data set, for hosts, for grants, for runners.

A record says everything that the container's preamble says, so it alone determines every byte before the
first chunk, and its root every byte of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from coterie.crypto import (
    Identity,
    PartyName,
    PublicIdentity,
    canonical,
    digest,
    now,
    parse_json,
    read_at_most,
    timestamp,
    verify_signature,
)
from coterie.data import Column, ColumnName, IdRule, Many, Schema
from coterie.errors import CoterieError
from coterie.tee.container.errors import RECORD_INVALID, RECORD_OTHER, TOO_LARGE
from coterie.tee.container.header import DIGEST, LARGEST, Header, Preamble, check_content_name
from coterie.tee.container.sealing import Sealed

__all__ = [
    "ColumnName",
    "DatasetRecord",
    "Owner",
    "parse_record",
    "read_record",
    "schema_digest",
    "sign_record",
]

DOMAIN = "coterie/dataset-record/v1"
RECORD_LIMIT = 8 * 1024 * 1024
"""Bytes: 10,000 columns with the longest names."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Owner(_Document):
    """A party and its raw Ed25519 key in hex."""

    name: PartyName
    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class DatasetRecord(_Document):
    """A sealed data set, signed by its owner. Unknown fields are refused."""

    version: Literal[1] = 1
    owner: Owner
    dataset: Annotated[str, StringConstraints(max_length=128)]
    """``owner/name``, as in the header."""
    file: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    """The container's file id."""
    key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """The data key's name: the container's commitment, which no other key gives."""
    root: Digest
    """Of the tree over the ciphertext."""
    size: Annotated[int, Field(ge=0, le=LARGEST)]
    """Bytes of plaintext."""
    schema_hash: Digest | None
    """Of ``columns`` and ``id_rule``; null for content that is no table."""
    columns: Annotated[Many[Column], Field(max_length=10_000)]
    id_rule: Annotated[Many[IdRule], Field(max_length=16)]
    rows: Annotated[int, Field(ge=0, lt=2**53)] | None
    ids: Annotated[
        Annotated[int, Field(ge=0, lt=2**53)] | None, Field(exclude_if=lambda count: count is None)
    ] = None
    """Different ids, where they are fewer than rows; records of other tables do not have the field."""
    created: Time
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
    """Ed25519 by the owner, of the other fields in canonical form."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        try:
            check_content_name(self.dataset)
        except CoterieError as error:
            raise ValueError(f"dataset: {error.title.lower()}") from error
        if not self.dataset.startswith(f"{self.owner.name}/"):
            raise ValueError(f"dataset: not one of {self.owner.name}")
        if self.schema_hash is None:
            if self.columns or self.id_rule or self.rows is not None or self.ids is not None:
                raise ValueError("schema_hash: columns, id rule and rows are those of a table, which has one")
            return self
        if self.ids is not None and (self.rows is None or not self.ids < self.rows):
            raise ValueError("ids: told where they are fewer than rows")
        Schema(columns=self.columns)  # at least one id, at most one label, no name twice
        if self.schema_hash != "sha256:" + schema_digest(self.columns, self.id_rule).hex():
            raise ValueError("schema_hash: not the one of columns and id_rule")
        return self

    def signed_body(self) -> bytes:
        """Canonical JSON of all fields but the signature."""
        return canonical(self.model_dump(mode="json", exclude={"signature"}))

    @property
    def digest(self) -> str:
        """Of the signed body: how grants and manifests name this record."""
        return digest(self.signed_body())

    @property
    def root_bytes(self) -> bytes:
        """The root, 32 bytes."""
        return bytes.fromhex(self.root.removeprefix("sha256:"))

    @property
    def preamble(self) -> Preamble:
        """The only preamble that a container of this record can have."""
        schema = None if self.schema_hash is None else bytes.fromhex(self.schema_hash.removeprefix("sha256:"))
        header = Header.make(bytes.fromhex(self.file), self.size, self.dataset, schema)
        return Preamble(header, bytes.fromhex(self.key))

    def verify(self, owner: PublicIdentity | Owner) -> None:
        """It is ``owner``'s, by name, key and signature. Errors: CT-2208, CT-1101."""
        if (self.owner.name, self.owner.key) != (owner.name, owner.key):
            raise RECORD_OTHER(
                f"the record is by {self.owner.name}, key {self.owner.key[:16]}…", party=owner.name
            )
        self.verify_own()

    def verify_own(self) -> None:
        """The signature fits the key that the record itself names; whose that is, is another question.

        Errors: CT-1101.
        """
        signature = bytes.fromhex(self.signature)
        verify_signature(self.owner.name, self.owner.key, DOMAIN, self.signed_body(), signature)

    def require(self, preamble: Preamble) -> None:
        """The preamble is this record's. Errors: CT-2208."""
        own = self.preamble
        if preamble != own:
            wrong = [
                name
                for name in ("file_id", "dataset", "size", "schema")
                if getattr(preamble.header, name) != getattr(own.header, name)
            ]
            raise RECORD_OTHER(f"they differ in {', '.join(wrong) or 'the key'}")


def schema_digest(columns: Many[Column], id_rule: Many[IdRule]) -> bytes:
    """SHA-256 of the canonical JSON of ``{"columns": […], "id_rule": […]}``: what a table's schema is."""
    plain: dict[str, Any] = {
        "columns": [column.model_dump(mode="json") for column in columns],
        "id_rule": list(id_rule),
    }
    made = bytes.fromhex(digest(canonical(plain)).removeprefix("sha256:"))
    assert len(made) == DIGEST
    return made


def sign_record(
    identity: Identity,
    sealed: Sealed,
    *,
    columns: Many[Column] = (),
    id_rule: Many[IdRule] = (),
    rows: int | None = None,
    ids: int | None = None,
) -> DatasetRecord:
    """The record of what this party has just sealed.

    Errors: CT-2207 where the content's name or schema are not those of ``identity`` and ``columns``.
    """
    header = sealed.preamble.header
    body = {
        "owner": Owner(name=identity.public.name, key=identity.public.key),
        "dataset": header.dataset,
        "file": header.file_id.hex(),
        "key": sealed.preamble.commitment.hex(),
        "root": f"sha256:{sealed.root.hex()}",
        "size": header.size,
        "schema_hash": None if header.schema is None else f"sha256:{header.schema.hex()}",
        "columns": columns,
        "id_rule": id_rule,
        "rows": rows,
        "ids": ids,
        "created": timestamp(now()),
        "signature": "00" * 64,
    }
    unsigned = _record(body)
    signature = identity.sign(DOMAIN, unsigned.signed_body())
    return unsigned.model_copy(update={"signature": signature.hex()})


def parse_record(data: bytes) -> DatasetRecord:
    """A record from anywhere: its form holds; whether its signature does, :meth:`DatasetRecord.verify` says.

    Errors: CT-2207, also for unknown and for missing fields.
    """
    if len(data) > RECORD_LIMIT:
        raise TOO_LARGE(f"a record of {len(data):,} bytes")
    try:
        return _record(parse_json(data, limit=RECORD_LIMIT))
    except CoterieError as error:
        raise RECORD_INVALID(error.detail) from error


def read_record(path: Path) -> DatasetRecord:
    """A record from a file. Errors: CT-1122, CT-2205, CT-2207."""
    return parse_record(read_at_most(path, RECORD_LIMIT))


def _record(value: Any) -> DatasetRecord:
    try:
        return DatasetRecord.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise RECORD_INVALID(f"{where}: {fault['msg']}" if where else fault["msg"]) from error
