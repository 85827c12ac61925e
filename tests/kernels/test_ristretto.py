"""Ristretto255 against the RFCs' vectors and against plain integers."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie._kernels import ristretto_hash_mul, ristretto_mul, ristretto_scalar
from tests.kernels import group

DOMAIN = b"coterie-psi-v1-ristretto255_XMD:SHA-512_R255MAP_RO_"

# RFC 9496, appendix A.1: encodings of 0, 1, ..., 15 times the generator.
MULTIPLES = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    "da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
    "e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e",
    "f64746d3c92b13050ed8d80236a7f0007c3b3f962f5ba793d19a601ebb1df403",
    "44f53520926ec81fbd5a387845beb7df85a96a24ece18738bdcfa6a7822a176d",
    "903293d8f2287ebe10e2374dc1a53e0bc887e592699f02d077d5263cdd55601c",
    "02622ace8f7303a31cafc63f8fc48fdc16e1c8c8d234b2f0d6685282a9076031",
    "20706fd788b2720a1ed2a5dad4952b01f413bcf0e7564de8cdc816689e2db95f",
    "bce83f8ba5dd2fa572864c24ba1810f9522bc6004afe95877ac73241cafdab42",
    "e4549ee16b9aa03099ca208c67adafcafa4c3f3e4e5303de6026e3ca8ff84460",
    "aa52e000df2e16f55fb1032fc33bc42742dad6bd5a8fc0be0167436c5948501f",
    "46376b80f409b29dc2b5f6f0c52591990896e5716f41477cd30085ab7f10301e",
    "e0c418f7c8d9c4cdd7395b93ea124f3ad99021bb681dfc3302a9d99a2e53e64e",
]

# RFC 9496, appendix A.2.
INVALID = [
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
    "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
    "c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
    "47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24",
    "f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
    "87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
    "de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b",
    "bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042",
    "2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08",
    "f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22",
    "8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731",
    "2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
    "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
    "d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
    "8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
    "32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
    "227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165",
    "5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
    "445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]

GENERATOR = bytes.fromhex(MULTIPLES[1])


def rows(*items: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(items), dtype=np.uint8).reshape(-1, 32)


def scalar(value: int) -> bytes:
    return value.to_bytes(32, "little")


@st.composite
def scalars(draw: st.DrawFn) -> bytes:
    return ristretto_scalar(draw(st.binary(min_size=64, max_size=64).filter(any)))


def test_the_integers_agree_with_the_rfc() -> None:
    generator = group.decode(GENERATOR)
    assert generator
    assert [(k * generator).encode().hex() for k in range(16)] == MULTIPLES
    assert [text for text in INVALID if group.decode(bytes.fromhex(text))] == []
    uniform = hashlib.sha512(b"Ristretto is traditionally a short shot of espresso coffee").digest()
    derived = "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46"
    assert group.derive(uniform).encode().hex() == derived


def test_multiples_of_the_generator() -> None:
    for k in range(1, 16):
        assert ristretto_mul(rows(GENERATOR), scalar(k)).tobytes().hex() == MULTIPLES[k]
    assert ristretto_mul(rows(GENERATOR), scalar(group.ORDER - 1)).tobytes() != GENERATOR


@settings(max_examples=15, deadline=None)
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=3), scalars())
def test_hashing_and_multiplying_agree_with_the_integers(items: list[bytes], secret: bytes) -> None:
    number = int.from_bytes(secret, "little")
    expected = [number * group.derive(group.expand_message(item, DOMAIN)) for item in items]
    blinded = ristretto_hash_mul(rows(*items), secret)
    assert [row.tobytes() for row in blinded] == [element.encode() for element in expected]
    again = ristretto_mul(blinded, secret)
    assert [row.tobytes() for row in again] == [(number * element).encode() for element in expected]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=20), scalars(), scalars())
def test_the_order_of_blinding_does_not_matter(items: list[bytes], a: bytes, b: bytes) -> None:
    one = ristretto_mul(ristretto_hash_mul(rows(*items), a), b)
    other = ristretto_mul(ristretto_hash_mul(rows(*items), b), a)
    np.testing.assert_array_equal(one, other)
    assert len(np.unique(one, axis=0)) == len(set(items))


def test_a_scalar_and_its_inverse_cancel() -> None:
    secret = ristretto_scalar(bytes(range(64)))
    inverse = scalar(pow(int.from_bytes(secret, "little"), -1, group.ORDER))
    points = ristretto_hash_mul(np.arange(320, dtype=np.uint8).reshape(10, 32), scalar(1))
    np.testing.assert_array_equal(ristretto_mul(ristretto_mul(points, secret), inverse), points)


@pytest.mark.parametrize("text", [*INVALID, MULTIPLES[0]])
def test_what_is_no_element_is_refused_with_its_row(text: str) -> None:
    points = rows(*[GENERATOR] * 300).copy()
    points[[170, 299]] = np.frombuffer(bytes.fromhex(text), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"^row 170 of points "):
        ristretto_mul(points, scalar(2))


@given(st.binary(min_size=64, max_size=64).filter(any))
def test_scalars_are_reduced_and_never_zero(data: bytes) -> None:
    assert ristretto_scalar(data) == scalar(int.from_bytes(data, "little") % group.ORDER)


def test_a_scalar_of_zero_is_refused() -> None:
    for value in (0, group.ORDER, 5 * group.ORDER):
        with pytest.raises(ValueError, match="not random"):
            ristretto_scalar(value.to_bytes(64, "little"))
    with pytest.raises(ValueError, match="zero"):
        ristretto_mul(rows(GENERATOR), scalar(0))
    with pytest.raises(ValueError, match="order"):
        ristretto_hash_mul(rows(GENERATOR), scalar(group.ORDER))


def test_empty_input_gives_empty_output() -> None:
    nothing = np.zeros((0, 32), dtype=np.uint8)
    assert ristretto_hash_mul(nothing, scalar(5)).shape == (0, 32)
    assert ristretto_mul(nothing, scalar(5)).shape == (0, 32)


def test_wrong_arguments_are_refused() -> None:
    points = rows(GENERATOR, GENERATOR)
    with pytest.raises(ValueError, match=r"shape \(n, 32\)"):
        ristretto_mul(points.reshape(-1), scalar(2))
    with pytest.raises(ValueError, match=r"shape \(n, 32\)"):
        ristretto_hash_mul(np.zeros((2, 31), dtype=np.uint8), scalar(2))
    with pytest.raises(ValueError, match="uint8"):
        ristretto_mul(points.astype(np.int64), scalar(2))
    with pytest.raises(ValueError, match="contiguous"):
        ristretto_mul(np.asfortranarray(points), scalar(2))
    with pytest.raises(ValueError, match="32 bytes, not 33"):
        ristretto_mul(points, bytes(33))
    with pytest.raises(ValueError, match="64 bytes, not 32"):
        ristretto_scalar(bytes(32))
