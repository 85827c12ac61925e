"""Containers to attack, made once."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from coterie.crypto import Identity
from coterie.tee.container.header import CHUNK, TAG
from coterie.tee.container.merkle import Tree, leaf_hash
from coterie.tee.container.record import DatasetRecord, sign_record
from coterie.tee.container.sealing import Sealed, seal
from tests.tee.container.oracle import pattern


@dataclass(frozen=True)
class Made:
    """A container with all that its owner knows."""

    plain: bytes
    data: bytes
    sealed: Sealed
    record: DatasetRecord

    @cached_property
    def head(self) -> bytes:
        return self.sealed.preamble.encode()

    @cached_property
    def chunks(self) -> tuple[bytes, ...]:
        body = self.data[len(self.head) :]
        return tuple(body[start : start + CHUNK + TAG] for start in range(0, len(body), CHUNK + TAG))

    @cached_property
    def tree(self) -> Tree:
        digest = self.sealed.preamble.digest
        return Tree(leaf_hash(digest, index, chunk) for index, chunk in enumerate(self.chunks))


def make(identity: Identity, size: int, dataset: str = "customers", seed: int = 0) -> Made:
    plain, data = pattern(size + seed)[seed:], io.BytesIO()
    made = seal(io.BytesIO(plain), data.write, size=size, dataset=f"{identity.name}/{dataset}")
    return Made(plain, data.getvalue(), made, sign_record(identity, made))


@pytest.fixture(scope="package")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.create(tmp_path_factory.mktemp("lender"), "lender")


@pytest.fixture(scope="package")
def mallory(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.create(tmp_path_factory.mktemp("mallory"), "mallory")


@pytest.fixture(scope="package")
def three(lender: Identity) -> Made:
    """Three full chunks: a cut at the end of a chunk, or a swap of two, changes no length."""
    return make(lender, 3 * CHUNK)


@pytest.fixture(scope="package")
def other(lender: Identity) -> Made:
    """The same owner's next one, of the same size and name."""
    return make(lender, 3 * CHUNK, seed=7)


@pytest.fixture(scope="package")
def small(lender: Identity) -> Made:
    return make(lender, 1000)


@pytest.fixture
def container(tmp_path: Path, three: Made) -> Path:
    path = tmp_path / "customers.sealed"
    path.write_bytes(three.data)
    return path
