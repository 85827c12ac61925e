"""Prepared tables for tests: their owner, ids, files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import Identity
from coterie.psi import TableBinding, TableHead, TableKey, prepare

OWNER = Identity.in_memory("bank")
BINDING = TableBinding(agreement="sha256:" + "ab" * 32, dataset="customers", lookups=1_000_000)
KEY = TableKey(bytes(range(32)), BINDING)


def hashes(names: Iterable[object]) -> NDArray[np.uint8]:
    """Keyed hashes of ids as they come from a dataset: any 32 bytes, here SHA-256."""
    rows = [hashlib.sha256(str(name).encode()).digest() for name in names]
    return np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(-1, 32)


def made(folder: Path, names: Iterable[object], *, chunk: int = 1000, key: TableKey = KEY) -> Path:
    """A table's file."""
    ids = hashes(names)
    path = folder / "customers.table"
    make(path, ids, chunk=chunk, key=key)
    return path


def make(
    path: Path,
    ids: NDArray[np.uint8],
    *,
    chunk: int = 1000,
    key: TableKey = KEY,
    binding: TableBinding = BINDING,
) -> TableHead:
    chunks = [ids[start : start + chunk] for start in range(0, len(ids), chunk)]
    return prepare(chunks, len(ids), key, binding, OWNER, path, path.with_suffix(".work"))
