"""Containers as files: made and opened whole or not at all, for their owner's eyes only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from coterie.crypto import Draft, Identity, open_regular
from coterie.data import Column, IdRule, Many
from coterie.tee.container.chunks import root_of
from coterie.tee.container.errors import CONTAINER_ALTERED
from coterie.tee.container.header import PREAMBLE_LIMIT, Preamble, check_length, read_preamble
from coterie.tee.container.keystore import KeyStore
from coterie.tee.container.opening import open_stream
from coterie.tee.container.record import DatasetRecord, schema_digest, sign_record
from coterie.tee.container.sealing import seal

SUFFIX = ".sealed"
RECORD_SUFFIX = ".record"


def record_path(container: Path) -> Path:
    """Where a container's record lies: beside it."""
    return container.with_name(container.name + RECORD_SUFFIX)


def seal_file(
    source: BinaryIO,
    size: int,
    target: Path,
    *,
    dataset: str,
    identity: Identity,
    keys: KeyStore,
    columns: Many[Column] = (),
    id_rule: Many[IdRule] = (),
    rows: int | None = None,
    ids: int | None = None,
) -> DatasetRecord:
    """Seal a table (or, without columns, any bytes) to ``target``, and sign its record beside it.

    The key is kept first, then the record appears, then the container: where a container is, the other two
    are. A crash before leaves a key that opens nothing.

    :param source: ``size`` bytes from where it stands.
    :param dataset: the data set's own name; the owner's is set before it.

    Errors: CT-1120, CT-1121 from the disk; CT-2205, CT-2206, CT-2207, CT-2215.
    """
    schema = schema_digest(columns, id_rule) if columns else None
    with Draft(target) as container, Draft(record_path(target), 0o644) as signed:
        made = seal(source, container.write, size=size, dataset=f"{identity.name}/{dataset}", schema=schema)
        record = sign_record(identity, made, columns=columns, id_rule=id_rule, rows=rows, ids=ids)
        signed.write(record.model_dump_json(indent=1).encode() + b"\n")
        container.settle()
        keys.keep(made.preamble, made.key)
        signed.publish()
        container.publish()
    return record


def open_file(
    container: Path, target: Path, key: Callable[[Preamble], bytes], *, root: bytes | None = None
) -> Preamble:
    """Open a container to ``target`` (0600), which appears when the last chunk and the root were found right.

    :param key: gives the key of a container, such as :meth:`KeyStore.key`.
    :param root: as in :func:`open_stream`.

    Errors: CT-1122 (unreadable), CT-1120, CT-1121; CT-2201 to CT-2204, and what ``key`` raises.
    """
    preamble = peek(container)
    found = key(preamble)
    with reading(container) as source, Draft(target) as draft:
        if open_stream(source, draft.write, found, root=root) != preamble:
            raise CONTAINER_ALTERED("it was exchanged while it was read")
        draft.publish()
    return preamble


def verify_file(container: Path, record: DatasetRecord) -> None:
    """Every byte of the container is the record's, by its root; no key is needed. The record's signature is
    another question.

    Errors: CT-1122, CT-2201 to CT-2203, CT-2208.
    """
    record.require(peek(container))
    with reading(container) as source:
        preamble, root = root_of(source)
    record.require(preamble)
    if root != record.root_bytes:
        raise CONTAINER_ALTERED("its tree has another root than the record says")


def peek(container: Path) -> Preamble:
    """What a file says of itself; only its length is held against it. Errors: CT-1122, CT-2201 to CT-2203."""
    with reading(container) as source:
        preamble = read_preamble(source)
        check_length(preamble, source.seek(0, 2))
    return preamble


def reading(path: Path) -> BinaryIO:
    """Errors: CT-1122."""
    return open_regular(path, PREAMBLE_LIMIT)
