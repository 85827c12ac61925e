"""Sealed keys and streams: known keys, every byte altered, every cut, other readers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.crypto import SEALED_KEY, Identity, SealingStream, UnsealingStream, random_key, sealed_size
from coterie.crypto.sealing import SEGMENT, TAG, montgomery, seal_key, unseal_key
from coterie.errors import CoterieError

INFO = b"what it is for"


def test_the_known_pair() -> None:
    """The pair that libsodium's tests of the same conversion give (``ed25519_convert``)."""
    seed = bytes.fromhex("421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee")
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert montgomery(public).hex() == "f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50"


@given(st.binary(min_size=32, max_size=32))
@settings(max_examples=30, deadline=None)
def test_what_is_sealed_to_a_public_key_its_private_key_opens(seed: bytes) -> None:
    """OpenSSL derives the private side, so that it vouches for the conversion of the public one."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    sealed = seal_key("a", private.public_key().public_bytes_raw().hex(), bytes(32), INFO)
    assert len(sealed) == SEALED_KEY
    assert unseal_key(private, sealed, INFO) == bytes(32)


def test_nobody_else_opens_a_key_and_nobody_for_another_purpose(tmp_path: Path) -> None:
    one, other = (Identity.create(tmp_path / name, name) for name in ("one", "other"))
    key = random_key()
    sealed = one.public.seal(key, INFO)
    assert one.unseal(sealed, INFO) == key
    assert one.public.seal(key, INFO) != sealed
    for reader, text, info in (
        (other, sealed, INFO),
        (one, sealed, b"something else"),
        (one, sealed[:-1], INFO),
        (one, b"", INFO),
        *((one, flipped(sealed, place), INFO) for place in (0, 31, 32, SEALED_KEY - 1)),
    ):
        with pytest.raises(CoterieError, match="CT-1130"):
            reader.unseal(text, info)


@pytest.mark.parametrize("y", [1, 0, 2**255 - 20])
def test_keys_that_are_points_of_small_order_are_refused(y: int) -> None:
    """To seal to such a key would be to seal to everybody."""
    with pytest.raises(CoterieError, match="CT-1102"):
        seal_key("mallory", y.to_bytes(32, "little").hex(), bytes(32), INFO)


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def stream(key: bytes, *parts: bytes) -> bytes:
    file = io.BytesIO()
    sealing = SealingStream(key, file.write)
    for part in parts:
        sealing.write(part)
    sealing.finish()
    return file.getvalue()


def read(key: bytes, data: bytes, size: int, start: int = 0) -> bytes:
    target = bytearray(size)
    UnsealingStream(key, io.BytesIO(data), start, size).read_into(memoryview(target))
    return bytes(target)


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 5])
def test_streams_of_all_sizes(size: int) -> None:
    key, plain = random_key(), bytes(range(256)) * (size // 256 + 1)
    data = stream(key, plain[: size // 3], b"", plain[size // 3 : size])
    assert len(data) == sealed_size(size)
    assert read(key, b"head" + data, size, 4) == plain[:size]


def test_a_stream_is_as_the_format_says() -> None:
    """By AES-GCM alone, without this room's code."""
    key, plain = random_key(), b"x" * (SEGMENT + 10)
    data = stream(key, plain)
    cut = SEGMENT + TAG
    assert AESGCM(key).decrypt(bytes(11) + b"\0", data[:cut], None) == plain[:SEGMENT]
    assert AESGCM(key).decrypt(bytes(10) + b"\1\1", data[cut:], None) == plain[SEGMENT:]


def test_it_is_read_from_any_place_on() -> None:
    key, plain = random_key(), bytes(i % 251 for i in range(2 * SEGMENT + 99))
    reader = UnsealingStream(key, io.BytesIO(stream(key, plain)), 0, len(plain))
    for place, count in ((SEGMENT - 3, 10), (2 * SEGMENT + 90, 9), (5, 0), (0, SEGMENT + 1)):
        target = bytearray(count)
        reader.seek(place)
        reader.read_into(memoryview(target))
        assert target == plain[place : place + count]


def test_altered_moved_and_cut_segments_are_noticed() -> None:
    key, size = random_key(), 2 * SEGMENT + 100
    data = stream(key, bytes(size))
    step = SEGMENT + TAG
    swapped = data[step : 2 * step] + data[:step] + data[2 * step :]
    assert read(key, data, size) == bytes(size)
    for wrong, length in (
        *((flipped(data, place), size) for place in (0, step - 1, step, len(data) - 1)),
        (swapped, size),
        (data[:-1], size),
        (data[: 2 * step], size),
        (data[:step], SEGMENT),  # cut at the end of a segment, and declared to be so short
        (data[: 2 * step] + data[2 * step :] * 2, 2 * SEGMENT + 216),
    ):
        with pytest.raises(CoterieError, match="CT-1130"):
            read(key, wrong, length)
    with pytest.raises(CoterieError, match="CT-1130"):
        read(random_key(), data, size)


def test_no_more_is_read_than_there_is() -> None:
    key = random_key()
    reader = UnsealingStream(key, io.BytesIO(stream(key, b"four")), 0, 4)
    with pytest.raises(CoterieError, match="CT-1130"):
        reader.read_into(memoryview(bytearray(5)))
