"""The format: published vectors, made again by an implementation that shares no code, and read strictly."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.tee.container.header import (
    CHUNK,
    HEADER_LIMIT,
    LARGEST,
    Header,
    Preamble,
    check_content_name,
    read_preamble,
)
from coterie.tee.container.merkle import Tree
from coterie.tee.container.opening import open_in_memory
from coterie.tee.container.schedule import Schedule
from coterie.tee.container.sealing import seal_under
from coterie.tee.container.wrapping import RunnerKey
from tests.tee.container import oracle

CASES = oracle.vectors("container")["containers"]
REFUSED = oracle.vectors("container")["refused_headers"]


def unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["what"])
def test_the_other_implementation_makes_the_vectors(case: dict[str, Any]) -> None:
    key, plain = bytes.fromhex(case["key"]), oracle.pattern(case["size"])
    head = oracle.header(bytes.fromhex(case["file_id"]), case["size"], case["dataset"], unhex(case["schema"]))
    preamble, chunks = oracle.sealed(key, head, plain)
    whole = preamble + b"".join(chunks)
    leaves = [oracle.leaf(preamble, index, chunk) for index, chunk in enumerate(chunks)]
    assert head.hex() == case["header"]
    assert preamble.hex() == case["preamble"]
    assert len(whole) == case["container_size"]
    assert hashlib.sha256(whole).hexdigest() == case["container_sha256"]
    assert "container" not in case or whole.hex() == case["container"]
    assert [leaf.hex() for leaf in leaves] == case["leaves"]
    assert oracle.tree_hash(leaves).hex() == case["root"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["what"])
def test_so_does_the_product(case: dict[str, Any]) -> None:
    key, plain = bytes.fromhex(case["key"]), oracle.pattern(case["size"])
    header = Header.make(bytes.fromhex(case["file_id"]), case["size"], case["dataset"], unhex(case["schema"]))
    schedule = Schedule.derive(key, header)
    assert header.encode().hex() == case["header"]
    assert (schedule.aad.hex(), schedule.prefix.hex()) == (case["header_digest"], case["nonce_prefix"])
    whole = io.BytesIO()
    made = seal_under(key, header, io.BytesIO(plain), whole.write)
    assert made.preamble.encode().hex() == case["preamble"]
    assert made.root.hex() == case["root"]
    assert len(whole.getvalue()) == case["container_size"] == made.preamble.file_size
    assert hashlib.sha256(whole.getvalue()).hexdigest() == case["container_sha256"]
    tree = Tree(bytes.fromhex(leaf) for leaf in case["leaves"])
    assert [[one.hex() for one in tree.proof(i)] for i in range(tree.size)] == case["proofs"]
    whole.seek(0)
    assert open_in_memory(whole, key, root=bytes.fromhex(case["root"])) == (made.preamble, plain)


def test_a_wrapped_key_of_the_vectors_is_unwrapped_by_both() -> None:
    case = oracle.vectors("wrapped-keys")["suite_2"]
    mlkem = MLKEM768PrivateKey.from_seed_bytes(bytes.fromhex(case["mlkem_seed"]))
    x25519 = X25519PrivateKey.from_private_bytes(bytes.fromhex(case["x25519_private"]))
    wrapped, info = bytes.fromhex(case["wrapped"]), bytes.fromhex(case["info"])
    runner = RunnerKey(mlkem, x25519)
    assert runner.public.hex() == case["public"]
    assert runner.unwrap(wrapped, info).hex() == case["key"]
    assert oracle.unwrapped(wrapped, mlkem, x25519, info).hex() == case["key"]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["why"])
def test_headers_that_are_refused(case: dict[str, str]) -> None:
    with pytest.raises(CoterieError, match="CT-2201"):
        Header.parse(bytes.fromhex(case["header"]))


names = st.from_regex(r"\A[a-z0-9][a-z0-9._-]{0,30}(/[a-z0-9][a-z0-9._-]{0,30}){0,2}\Z")
digests = st.binary(min_size=32, max_size=32)


@given(st.binary(min_size=16, max_size=16), st.integers(0, LARGEST), names, st.none() | digests)
def test_headers_are_deterministic_cbor(file_id: bytes, size: int, name: str, schema: bytes | None) -> None:
    header = Header.make(file_id, size, name, schema)
    data = header.encode()
    assert data == oracle.header(file_id, size, name, schema)
    assert len(data) <= HEADER_LIMIT
    assert Header.parse(data) == header


@given(st.integers(0, 60), st.integers(1, 255), st.sampled_from(CASES))
def test_a_changed_header_is_refused_or_another_header(place: int, change: int, case: dict[str, Any]) -> None:
    """Whatever is accepted has this one encoding: no two readers can differ in what a header says."""
    data = bytearray.fromhex(case["header"])
    data[place % len(data)] ^= change
    code, again = "CT-2201", bytes(data)
    try:
        again = Header.parse(again).encode()
    except CoterieError as error:
        code = error.code
    assert (code, again) == ("CT-2201", data)


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_with_a_code(data: bytes) -> None:
    with pytest.raises(CoterieError, match=r"CT-220[12]"):
        Preamble.parse(data)
    with pytest.raises(CoterieError, match=r"CT-220[12]"):
        read_preamble(io.BytesIO(b"coterie sealed\r\n" + data))


@pytest.mark.parametrize(
    "name", ["", "/", "a/", "/a", "a//b", ".", "a/../b", "A/b", "a b", "ä", "a" * 129, "a\n"]
)
def test_names_that_no_content_has(name: str) -> None:
    with pytest.raises(CoterieError, match="CT-2215"):
        check_content_name(name)


@pytest.mark.parametrize("size", [-1, LARGEST + 1])
def test_sizes_that_cannot_be_sealed(size: int) -> None:
    with pytest.raises(CoterieError, match="CT-2205"):
        Header.make(bytes(16), size, "a/b")


@pytest.mark.parametrize(
    ("size", "chunks"),
    [(0, 1), (1, 1), (CHUNK - 1, 1), (CHUNK, 1), (CHUNK + 1, 2), (3 * CHUNK, 3), (LARGEST, 1 << 22)],
)
def test_how_many_chunks_there_are(size: int, chunks: int) -> None:
    header = Header.make(bytes(16), size, "a/b")
    assert header.chunks == chunks
    assert all(header.length(index) == CHUNK for index in range(min(chunks - 1, 3)))
    assert (chunks - 1) * CHUNK + header.length(chunks - 1) == size
