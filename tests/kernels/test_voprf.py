"""The oblivious function against the vectors of RFC 9497, appendix A.1.2, and against plain integers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie._kernels import (
    ristretto_mul,
    voprf_blind,
    voprf_evaluate,
    voprf_finalize,
    voprf_key,
    voprf_prove,
    voprf_scalars,
    voprf_sum,
    voprf_verify,
)
from tests.kernels import group

SEED = bytes([0xA3]) * 32
INFO = b"test key"
SECRET = bytes.fromhex("e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909")
PUBLIC = bytes.fromhex("c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e")

INPUTS = (b"\x00", b"\x5a" * 17)
BLIND = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706"
OTHER_BLIND = "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e"
OUTPUTS = (
    (
        "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d"
        "a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c"
    ),
    (
        "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60"
        "356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6"
    ),
)

Vector = tuple[tuple[int, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], str, str]

# Of each vector: which inputs, blinds, blinded elements, answers, the proof's random scalar, the proof.
VECTORS: list[Vector] = [
    (
        (0,),
        (BLIND,),
        ("863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",),
        ("aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",),
        "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
        (
            "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd06"
            "6d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d"
        ),
    ),
    (
        (1,),
        (BLIND,),
        ("cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c",),
        ("60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468",),
        "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e",
        (
            "401a0da6264f8cf45bb2f5264bc31e109155600babb3cd4e5af7d181a2c9dc0a"
            "67154fabf031fd936051dec80b0b6ae29c9503493dde7393b722eafdf5a50b02"
        ),
    ),
    (
        (0, 1),
        (BLIND, OTHER_BLIND),
        (
            "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
            "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
        ),
        (
            "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
            "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a",
        ),
        "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c",
        (
            "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a"
            "5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08"
        ),
    ),
]

ORDER = 2**252 + 27742317777372353535851937790883648493


def rows(*texts: str | bytes) -> NDArray[np.uint8]:
    return np.stack(
        [np.frombuffer(bytes.fromhex(t) if isinstance(t, str) else t, dtype=np.uint8) for t in texts]
    )


def some(count: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def blinds(count: int) -> NDArray[np.uint8]:
    return voprf_scalars(np.random.default_rng(2).integers(0, 256, (count, 64), dtype=np.uint8))


def test_the_key_is_derived_as_the_rfc_says() -> None:
    assert voprf_key(SEED, INFO) == (SECRET, PUBLIC)


@pytest.mark.parametrize("vector", VECTORS)
def test_every_step_is_as_the_rfc_says(vector: Vector) -> None:
    which, given_blinds, blinded, answers, random, proof = vector
    for place, number in enumerate(which):
        one, blind = rows(INPUTS[number]), rows(given_blinds[place])
        assert (voprf_blind(one, blind) == rows(blinded[place])).all()
        assert (ristretto_mul(rows(blinded[place]), SECRET) == rows(answers[place])).all()
        assert voprf_finalize(one, blind, rows(answers[place]), 64).tobytes().hex() == OUTPUTS[number]
        assert voprf_evaluate(one, SECRET, 64).tobytes().hex() == OUTPUTS[number]
    pairs = (rows(*blinded), rows(*answers))
    assert voprf_prove(SECRET, *pairs, bytes.fromhex(random)).hex() == proof
    assert voprf_verify(PUBLIC, *pairs, bytes.fromhex(proof))


@pytest.mark.parametrize("count", [1, 127, 128, 129, 2500])
def test_batches_are_as_single_rows(count: int) -> None:
    """Pieces of the work are 128 and 1024 rows."""
    inputs, chosen = some(count), blinds(count)
    blinded = voprf_blind(inputs, chosen)
    answers = ristretto_mul(blinded, SECRET)
    values = voprf_finalize(inputs, chosen, answers, 20)
    assert (values == voprf_evaluate(inputs, SECRET, 64)[:, :20]).all()
    last = slice(count - 1, count)
    assert (blinded[last] == voprf_blind(inputs[last], chosen[last])).all()
    assert (values[last] == voprf_finalize(inputs[last], chosen[last], answers[last], 20)).all()
    proof = voprf_prove(SECRET, blinded, answers, blinds(1)[0].tobytes())
    assert voprf_verify(PUBLIC, blinded, answers, proof)
    answers[count - 1] = ristretto_mul(answers[last], SECRET)[0]
    assert not voprf_verify(PUBLIC, blinded, answers, proof)


def test_no_inputs_have_no_values() -> None:
    nothing = np.zeros((0, 32), np.uint8)
    assert voprf_blind(nothing, nothing).shape == (0, 32)
    assert voprf_evaluate(nothing, SECRET, 9).shape == (0, 9)
    assert voprf_finalize(nothing, nothing, nothing, 9).shape == (0, 9)


def test_a_proof_is_of_one_key_order_and_choice() -> None:
    inputs, chosen = some(5), blinds(5)
    blinded = voprf_blind(inputs, chosen)
    answers = ristretto_mul(blinded, SECRET)
    proof = voprf_prove(SECRET, blinded, answers, blinds(1)[0].tobytes())
    other_secret, other_public = voprf_key(bytes(32), b"")
    assert voprf_verify(PUBLIC, blinded, answers, proof)
    assert not voprf_verify(other_public, blinded, answers, proof)
    assert not voprf_verify(PUBLIC, blinded[::-1].copy(), answers[::-1].copy(), proof)
    assert not voprf_verify(PUBLIC, blinded[:4].copy(), answers[:4].copy(), proof)
    wrong = ristretto_mul(blinded, other_secret)
    by_another = voprf_prove(other_secret, blinded, wrong, blinds(1)[0].tobytes())
    assert not voprf_verify(PUBLIC, blinded, wrong, by_another)
    assert not voprf_verify(PUBLIC, blinded, wrong, proof)
    for place in (0, 31, 32, 63):
        forged = bytearray(proof)
        forged[place] ^= 1
        assert not voprf_verify(PUBLIC, blinded, answers, bytes(forged))


def test_what_is_no_element_or_scalar_proves_nothing() -> None:
    blinded = voprf_blind(some(3), blinds(3))
    answers = ristretto_mul(blinded, SECRET)
    proof = voprf_prove(SECRET, blinded, answers, blinds(1)[0].tobytes())
    response = int.from_bytes(proof[32:], "little")
    same = proof[:32] + (response + ORDER).to_bytes(32, "little")
    assert not voprf_verify(PUBLIC, blinded, answers, same)
    identity = blinded.copy()
    identity[1] = 0
    assert not voprf_verify(PUBLIC, identity, answers, proof)
    assert not voprf_verify(PUBLIC, blinded, identity, proof)
    assert not voprf_verify(bytes(32), blinded, answers, proof)
    assert not voprf_verify(b"\xff" * 32, blinded, answers, proof)


def test_bad_arguments_are_named() -> None:
    inputs, chosen = some(3), blinds(3)
    blinded = voprf_blind(inputs, chosen)
    answers = ristretto_mul(blinded, SECRET)
    bad = answers.copy()
    bad[2] = 0xFF
    zero = chosen.copy()
    zero[1] = 0
    above = chosen.copy()
    above[0] = np.frombuffer(ORDER.to_bytes(32, "little"), np.uint8)
    random = blinds(1)[0].tobytes()
    nothing = np.zeros((0, 32), np.uint8)
    many = np.zeros((65537, 32), np.uint8)
    calls: list[tuple[str, Callable[[], object]]] = [
        ("row 2 of answers", lambda: voprf_finalize(inputs, chosen, bad, 8)),
        ("row 2 of blinded", lambda: voprf_prove(SECRET, bad, answers, random)),
        ("row 1 of blinds", lambda: voprf_blind(inputs, zero)),
        ("row 0 of blinds", lambda: voprf_finalize(inputs, above, answers, 8)),
        ("2 blinds for 3 rows", lambda: voprf_blind(inputs, chosen[:2].copy())),
        ("2 answers for 3 rows", lambda: voprf_finalize(inputs, chosen, answers[:2].copy(), 8)),
        ("width", lambda: voprf_finalize(inputs, chosen, answers, 65)),
        ("width", lambda: voprf_evaluate(inputs, SECRET, 0)),
        ("zero", lambda: voprf_evaluate(inputs, bytes(32), 8)),
        ("shape", lambda: voprf_evaluate(inputs[0], SECRET, 8)),
        ("shape", lambda: voprf_blind(inputs[:, :0].copy(), chosen)),
        (
            "3 blinded elements and 2 answers",
            lambda: voprf_prove(SECRET, blinded, answers[:2].copy(), random),
        ),
        ("from 1 to 65536", lambda: voprf_prove(SECRET, nothing, nothing, random)),
        ("from 1 to 65536", lambda: voprf_verify(PUBLIC, many, many, bytes(64))),
        ("row 2 of answers", lambda: voprf_sum(PUBLIC, blinded, bad)),
        ("from 1 to 65536", lambda: voprf_sum(PUBLIC, many, many)),
        ("3 blinded elements and 2 answers", lambda: voprf_sum(PUBLIC, blinded, answers[:2].copy())),
        ("64 bytes", lambda: voprf_verify(PUBLIC, blinded, answers, bytes(63))),
        ("32 bytes", lambda: voprf_key(bytes(31), b"")),
        ("65535", lambda: voprf_key(bytes(32), bytes(65536))),
        ("shape", lambda: voprf_scalars(some(2))),
        ("not random", lambda: voprf_scalars(np.zeros((1, 64), np.uint8))),
    ]
    for problem, call in calls:
        with pytest.raises(ValueError, match=problem):
            call()
    for argument in ("x" * 32, None):
        with pytest.raises(TypeError):
            voprf_verify(PUBLIC, blinded, answers, argument)  # type: ignore[arg-type]


def test_pairs_are_added_up_with_weights_that_all_of_them_give() -> None:
    blinded = voprf_blind(some(3), blinds(3))
    answers = ristretto_mul(blinded, SECRET)
    domain = b"coterie/psi/lookup/pairs/v1\0"
    seed = hashlib.sha512(
        domain + PUBLIC + (3).to_bytes(8, "little") + blinded.tobytes() + answers.tobytes()
    ).digest()
    for row, side in zip(voprf_sum(PUBLIC, blinded, answers), (blinded, answers), strict=True):
        expected = group.Element(0, 1)
        for place, encoded in enumerate(side):
            weight = hashlib.sha512(seed + place.to_bytes(8, "little")).digest()[:16]
            element = group.decode(encoded.tobytes())
            assert element is not None
            expected += int.from_bytes(weight, "little") * element
        assert row.tobytes() == expected.encode()


@pytest.mark.parametrize("count", [1, 1024, 1025])
def test_the_sum_of_right_answers_is_right_and_of_one_wrong_is_not(count: int) -> None:
    """Pieces of the work are 1024 rows."""
    blinded = voprf_blind(some(count), blinds(count))
    answers = ristretto_mul(blinded, SECRET)
    pair = voprf_sum(PUBLIC, blinded, answers)
    assert (ristretto_mul(pair[:1], SECRET) == pair[1:]).all()
    answers[count - 1] = blinded[count - 1]
    pair = voprf_sum(PUBLIC, blinded, answers)
    assert not (ristretto_mul(pair[:1], SECRET) == pair[1:]).all()


def test_scalars_are_reduced() -> None:
    random = np.random.default_rng(3).integers(0, 256, (4, 64), dtype=np.uint8)
    expected = [int.from_bytes(row.tobytes(), "little") % ORDER for row in random]
    assert [int.from_bytes(row.tobytes(), "little") for row in voprf_scalars(random)] == expected
