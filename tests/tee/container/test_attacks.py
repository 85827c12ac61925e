"""What a host can do to a container that it holds, and what becomes of it: nothing is given out, and it is
noticed.
"""

from __future__ import annotations

import builtins
import io
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.crypto import random_key
from coterie.errors import CoterieError
from coterie.tee.container import opening
from coterie.tee.container.chunks import root_of
from coterie.tee.container.header import CHUNK, LARGEST, MAGIC, TAG, Header, Preamble
from coterie.tee.container.opening import OpenContainer, open_in_memory, open_stream
from coterie.tee.container.schedule import Schedule
from tests.tee.container.conftest import Made
from tests.tee.container.oracle import hkdf, pattern

STEP = CHUNK + TAG


def refused(data: bytes, key: bytes, plain: bytes, code: str = r"CT-220[1234]") -> None:
    """By every way of opening, with or without its root, and never with a byte that is not the owner's."""
    given_out = io.BytesIO()
    with pytest.raises(CoterieError, match=code):
        open_stream(io.BytesIO(data), given_out.write, key)
    out = given_out.getvalue()
    assert out == plain[: len(out)]
    with pytest.raises(CoterieError, match=code):
        open_in_memory(io.BytesIO(data), key)
    seen = io.BytesIO()
    with pytest.raises(CoterieError, match=code):
        read_on(data, key, seen)
    assert seen.getvalue() == plain[: len(seen.getvalue())]


def read_on(data: bytes, key: bytes, seen: io.BytesIO) -> None:
    with OpenContainer(io.BytesIO(data), key) as opened:
        while part := opened.read(CHUNK // 2):
            seen.write(part)


def unproven(data: bytes, root: bytes) -> None:
    """Without a key: the form or the root tells."""
    code, found = "", b""
    try:
        found = root_of(io.BytesIO(data))[1]
    except CoterieError as error:
        code = error.code
    assert found != root
    assert code in ("", "CT-2201", "CT-2202", "CT-2203")


Attack = Callable[[Made, Made], bytes]

ATTACKS: dict[str, Attack] = {
    "two chunks exchanged": lambda a, b: a.head + a.chunks[1] + a.chunks[0] + a.chunks[2],
    "the last chunk moved forward": lambda a, b: a.head + a.chunks[0] + a.chunks[2] + a.chunks[1],
    "a chunk repeated for the next": lambda a, b: a.head + a.chunks[0] + a.chunks[0] + a.chunks[2],
    "a chunk left out": lambda a, b: a.head + a.chunks[0] + a.chunks[2],
    "the last chunk cut off": lambda a, b: a.head + a.chunks[0] + a.chunks[1],
    "all chunks cut off": lambda a, b: a.head,
    "one byte cut off": lambda a, b: a.data[:-1],
    "cut inside the first chunk": lambda a, b: a.data[: len(a.head) + 100],
    "cut inside the header": lambda a, b: a.data[:40],
    "one byte appended": lambda a, b: a.data + b"\0",
    "the last chunk appended again": lambda a, b: a.data + a.chunks[2],
    "another file's chunk appended": lambda a, b: a.data + b.chunks[2],
    "a chunk of another file": lambda a, b: a.head + a.chunks[0] + b.chunks[1] + a.chunks[2],
    "the last chunk of another file": lambda a, b: a.head + a.chunks[0] + a.chunks[1] + b.chunks[2],
    "another file's header": lambda a, b: b.head + b"".join(a.chunks),
    "another file in its place": lambda a, b: b.data,
    "another file's commitment": lambda a, b: a.head[:-32] + b.head[-32:] + b"".join(a.chunks),
    "the container in the container": lambda a, b: a.head + a.data,
    "line ends changed on the way": lambda a, b: a.data.replace(b"\r\n", b"\n", 1),
    "nothing": lambda a, b: b"",
    "zeros": lambda a, b: bytes(len(a.data)),
}


@pytest.mark.parametrize("what", ATTACKS)
def test_the_host_rearranges(what: str, three: Made, other: Made) -> None:
    data = ATTACKS[what](three, other)
    refused(data, three.sealed.key, three.plain)
    unproven(data, three.sealed.root)


def header_with(made: Made, **changes: object) -> bytes:
    """The file under a header that the host has edited."""
    fields = {**made.sealed.preamble.header.__dict__, **changes}
    header = Header(**fields).encode()
    return MAGIC + len(header).to_bytes(2, "big") + header + made.head[-32:] + b"".join(made.chunks)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"suite": 2},
        {"chunk": CHUNK // 2},
        {"file_id": bytes(16)},
        {"size": 3 * CHUNK - 1},
        {"size": 3 * CHUNK + 1},
        {"size": 2 * CHUNK},
        {"size": 0},
        {"dataset": "lender/others"},
        {"dataset": "mallory/customers"},
        {"schema": bytes(32)},
    ],
    ids=str,
)
def test_the_host_edits_the_header(three: Made, changes: dict[str, object]) -> None:
    data = header_with(three, **changes)
    refused(data, three.sealed.key, b"", r"CT-220[1234]")
    unproven(data, three.sealed.root)


def test_a_shorter_size_with_chunks_cut_to_fit(three: Made) -> None:
    """The cut ends at a chunk and the header agrees with it: still not what the key commits to."""
    data = header_with(three, size=2 * CHUNK)[:-STEP]
    assert Preamble.parse(data[: len(three.head)]).file_size == len(data)
    refused(data, three.sealed.key, b"", "CT-2204")
    unproven(data, three.sealed.root)


@pytest.mark.parametrize("size", [LARGEST, LARGEST + 1, 1 << 63, (1 << 64) - 1])
def test_absurd_sizes_take_no_memory(three: Made, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim is refused, at the latest by the commitment, before anything is made as large as it says."""
    largest = 0

    class Counted(bytearray):
        def __init__(self, source: object = b"") -> None:
            nonlocal largest
            if isinstance(source, int):
                largest = max(largest, source)
                assert source <= CHUNK + TAG
            super().__init__(source)  # type: ignore[arg-type]

    data = header_with(three, size=size)
    monkeypatch.setattr(builtins, "bytearray", Counted)
    monkeypatch.setattr(opening, "private_memory", Counted)
    for attempt in (
        lambda: open_in_memory(io.BytesIO(data), three.sealed.key),
        lambda: open_stream(io.BytesIO(data), lambda part: None, three.sealed.key),
        lambda: OpenContainer(io.BytesIO(data), three.sealed.key),
        lambda: root_of(io.BytesIO(data)),
    ):
        with pytest.raises(CoterieError, match=r"CT-220[124]"):
            attempt()
    assert largest <= CHUNK + TAG


@pytest.mark.parametrize("length", [0, 257, 65535])
def test_a_header_that_says_that_it_is_huge(length: int, three: Made) -> None:
    data = MAGIC + length.to_bytes(2, "big") + three.data[18:]
    refused(data, three.sealed.key, b"", "CT-2201")


def test_other_keys_open_nothing(three: Made, other: Made) -> None:
    for key in (
        other.sealed.key,
        random_key(),
        bytes(32),
        three.sealed.key[:-1],
        b"",
        three.sealed.key + b"\0",
    ):
        refused(three.data, key, b"", "CT-2204")
    flipped = bytes([three.sealed.key[0] ^ 1]) + three.sealed.key[1:]
    refused(three.data, flipped, b"", "CT-2204")


def two_keys_for_one_tag(keys: list[bytes], nonces: list[bytes], aad: bytes) -> bytes:
    """A ciphertext of two blocks and its tag that AES-GCM accepts under both keys.

    GHASH is linear in the ciphertext, so with one block given, the other is solved for: the attack of Dodis,
    Grubbs, Ristenpart, Woodage 2018 (Fast Message Franking), and of Albertini et al. 2022.
    """

    def block(key: bytes, data: bytes) -> int:
        return int.from_bytes(Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(data), "big")

    def times(x: int, y: int) -> int:
        result = 0
        for bit in range(127, -1, -1):
            if y >> bit & 1:
                result ^= x
            x = x >> 1 ^ (0xE1 << 120 if x & 1 else 0)
        return result

    def power(x: int, exponent: int) -> int:
        result = 1 << 127
        while exponent:
            result, x, exponent = times(result, x) if exponent & 1 else result, times(x, x), exponent >> 1
        return result

    fixed = int.from_bytes(b"the first block.", "big")
    lengths = (8 * len(aad)) << 64 | 256
    associated = [int.from_bytes(aad[:16], "big"), int.from_bytes(aad[16:], "big")]
    constant, factor = 0, 0
    for key, nonce in zip(keys, nonces, strict=True):
        h = block(key, bytes(16))
        terms = (*associated, fixed, None, lengths)
        for place, term in enumerate(terms):
            weight = power(h, len(terms) - place)
            if term is None:
                factor ^= weight
            else:
                constant ^= times(term, weight)
        constant ^= block(key, nonce + b"\0\0\0\1")
    solved = times(constant, power(factor, 2**128 - 2))
    data = fixed.to_bytes(16, "big") + solved.to_bytes(16, "big")
    h, tag = block(keys[0], bytes(16)), block(keys[0], nonces[0] + b"\0\0\0\1")
    for place, term in enumerate((*associated, fixed, solved, lengths)):
        tag ^= times(term, power(h, 5 - place))
    return data + tag.to_bytes(16, "big")


def test_one_ciphertext_for_two_keys() -> None:
    """AES-GCM alone opens it with both, to different data; the commitment lets through one key only."""
    header = Header.make(bytes(16), 32, "mallory/customers")
    salt = Schedule.derive(bytes(32), header).aad
    keys = [random_key(), random_key()]
    plans = [Schedule.derive(key, header) for key in keys]
    file_keys = [hkdf(key, salt, b"coterie/container/v1/key", 32) for key in keys]
    chunk = two_keys_for_one_tag(file_keys, [plan.nonce(0, last=True) for plan in plans], salt)
    texts = {
        AESGCM(key).decrypt(plan.nonce(0, last=True), chunk, salt)
        for key, plan in zip(file_keys, plans, strict=True)
    }
    assert len(texts) == 2, "the attack on bare AES-GCM works"
    for mine, his in (keys, reversed(keys)):
        data = Preamble(header, Schedule.derive(mine, header).commitment).encode() + chunk
        assert bytes(open_in_memory(io.BytesIO(data), mine)[1]) in texts
        refused(data, his, b"", "CT-2204")


def test_every_flipped_bit_of_a_small_container(small: Made) -> None:
    for place in range(len(small.data)):
        data = bytearray(small.data)
        data[place] ^= 1 << place % 8
        with pytest.raises(CoterieError, match=r"CT-220[1234]"):
            open_in_memory(io.BytesIO(data), small.sealed.key)
        unproven(bytes(data), small.sealed.root)


@given(st.integers(0, 3 * STEP), st.integers(0, 7))
@settings(max_examples=25)
def test_any_flipped_bit_of_a_large_one(three: Made, place: int, bit: int) -> None:
    data = bytearray(three.data)
    data[place % len(data)] ^= 1 << bit
    refused(bytes(data), three.sealed.key, three.plain)
    unproven(bytes(data), three.sealed.root)


@given(st.integers(0, 3 * STEP + 200))
@settings(max_examples=25)
def test_any_cut(three: Made, length: int) -> None:
    if length < len(three.data):
        refused(three.data[:length], three.sealed.key, three.plain, "CT-2202")


def test_the_owners_own_older_container_is_not_this_one(three: Made, other: Made) -> None:
    """Replay: it opens with its own key, so only what the record says tells it from the one that is meant."""
    with pytest.raises(CoterieError, match="CT-2203"):
        open_in_memory(io.BytesIO(other.data), other.sealed.key, root=three.sealed.root)
    with pytest.raises(CoterieError, match="CT-2203"):
        OpenContainer(io.BytesIO(other.data), other.sealed.key, root=three.sealed.root)
    target = io.BytesIO()
    with pytest.raises(CoterieError, match="CT-2203"):
        open_stream(io.BytesIO(other.data), target.write, other.sealed.key, root=three.sealed.root)
    with pytest.raises(CoterieError, match="CT-2208"):
        three.record.require(other.sealed.preamble)


def test_a_file_that_shrinks_while_it_is_read(three: Made) -> None:
    file = io.BytesIO(three.data)
    opened = OpenContainer(file, three.sealed.key)
    assert opened.read(10) == three.plain[:10]
    file.truncate(len(three.head) + STEP)
    opened.seek(CHUNK)
    with pytest.raises(CoterieError, match="CT-2202"):
        opened.read(1)


def test_nothing_of_a_chunk_is_given_out_before_all_of_it_is_found_right(three: Made) -> None:
    """The tag is at the chunk's end: its first bytes are as they were, and wait for it."""
    data = three.data[: len(three.head) + STEP - 1] + b"\xff" + three.data[len(three.head) + STEP :]
    data = (
        data
        if data != three.data
        else data[: len(three.head) + STEP - 1] + b"\0" + data[len(three.head) + STEP :]
    )
    parts: list[bytes] = []
    with pytest.raises(CoterieError, match="CT-2203"):
        open_stream(io.BytesIO(data), lambda part: parts.append(bytes(part)), three.sealed.key)
    assert parts == []
    opened = OpenContainer(io.BytesIO(data), three.sealed.key)
    target = bytearray(16)
    with pytest.raises(CoterieError, match="CT-2203"):
        opened.readinto(target)
    assert target == bytes(16)
    opened.seek(CHUNK)
    assert opened.read(100) == pattern(CHUNK + 100)[CHUNK:]
