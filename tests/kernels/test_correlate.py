"""Trees, correlated columns, the code and key transfers against plain Python."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from coterie._kernels import (
    code_compress,
    code_compress_both,
    columns_combine,
    columns_to_rows,
    correlate_columns,
    endemic_choose,
    endemic_give,
    endemic_take,
    gf128_scale,
    ggm_punctured,
    ggm_trees,
)
from tests.kernels import group
from tests.kernels.test_gf128 import numbers, rows, times

Bytes = NDArray[np.uint8]

SESSION = bytes(range(50, 66))
DOMAIN = b"coterie-ot-v1-ristretto255_XMD:SHA-512_R255MAP_RO_"
GENERATOR = group.decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))


def random(*shape: int) -> Bytes:
    name = repr(shape).encode()
    data = hashlib.shake_256(name).digest(int(np.prod(shape)))
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def aes(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def xor(*blocks: bytes) -> bytes:
    arrays = [np.frombuffer(block, dtype=np.uint8) for block in blocks]
    return bytes(np.bitwise_xor.reduce(arrays).tobytes())


def stream(seed: bytes, number: int, words: int, size: int) -> list[int]:
    """Words of ``size`` bytes of PRG(seed, number)."""
    blocks = -(-words * size // 16)
    data = aes(seed, b"".join(struct.pack("<QQ", number, block) for block in range(blocks)))
    form = {4: "I", 8: "Q"}[size]
    return list(struct.unpack(f"<{words}{form}", data[: words * size]))


def test_the_reference_cipher_is_that_of_the_standard() -> None:
    # FIPS 197, appendix B.
    key, plain = "2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734"
    assert aes(bytes.fromhex(key), bytes.fromhex(plain)).hex() == "3925841d02dc09fbdc118597196a0b32"


def tree(number: int, root: bytes, width: int) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
    """All leaves of the tree, and its levels' sums."""
    depth = (width - 1).bit_length()
    nodes, sums = [root], []
    for level in range(1, depth + 1):
        keys = [aes(SESSION, (number << 16 | 2 * level + side).to_bytes(16, "little")) for side in (0, 1)]
        nodes = [xor(aes(keys[side], node), node) for node in nodes for side in (0, 1)]
        nodes = nodes[: -(-width // (1 << (depth - level)))]
        sums.append((xor(bytes(16), *nodes[::2]), xor(bytes(16), *nodes[1::2])))
    return nodes, sums


@pytest.mark.parametrize("width", [2, 3, 16, 21, 150])
def test_trees_are_those_of_the_definition(width: int) -> None:
    roots = random(3, 16)
    leaves, sums = ggm_trees(roots, width, SESSION)
    for number in range(3):
        nodes, added = tree(number, roots[number].tobytes(), width)
        assert leaves[number].tobytes() == b"".join(nodes)
        assert sums[number].tobytes() == b"".join(left + right for left, right in added)


@pytest.mark.parametrize("width", [2, 5, 16, 130])
def test_a_punctured_tree_has_all_other_leaves(width: int) -> None:
    depth = (width - 1).bit_length()
    points = np.unique([0, width // 2, width - 1, width - 2]).astype(np.uint64)
    count = len(points)
    leaves, sums = ggm_trees(random(count, 16), width, SESSION)
    paths = points[:, None] >> np.arange(depth - 1, -1, -1, dtype=np.uint64) & np.uint64(1)
    known = sums[np.arange(count)[:, None], np.arange(depth), 1 - paths.astype(int)]
    totals = random(count, 16, 1)[:, :, 0]
    found = ggm_punctured(points, known, np.ascontiguousarray(totals), width, SESSION)
    for number, point in enumerate(points.tolist()):
        others = np.delete(leaves[number], point, axis=0)
        np.testing.assert_array_equal(np.delete(found[number], point, axis=0), others)
        assert found[number, point].tobytes() == xor(totals[number].tobytes(), *map(bytes, others))


def test_columns_are_correlated() -> None:
    seeds, offsets, blocks = random(2, 16, 16), np.array([0, 13], dtype=np.uint8), 3
    common, columns = correlate_columns(seeds, offsets, blocks)
    for number, offset in enumerate(offsets.tolist()):
        streams = [struct.pack("<6Q", *stream(seed.tobytes(), number, 6, 8)) for seed in seeds[number]]
        assert common[number].tobytes() == xor(*streams)
        for bit in range(4):
            chosen = [streams[x] for x in range(16) if (x ^ offset) >> bit & 1]
            assert columns[4 * number + bit].tobytes() == xor(*chosen)


def test_columns_do_not_depend_on_the_lacking_seed() -> None:
    seeds = random(1, 16, 16).copy()
    _, before = correlate_columns(seeds, np.array([6], dtype=np.uint8), 40)
    seeds[0, 6] ^= 255
    _, after = correlate_columns(seeds, np.array([6], dtype=np.uint8), 40)
    np.testing.assert_array_equal(before, after)


def test_columns_become_rows() -> None:
    columns = random(128, 3, 16)
    bits = np.unpackbits(columns.reshape(128, -1), axis=1, bitorder="little")
    expected = np.packbits(bits.T, axis=1, bitorder="little")
    np.testing.assert_array_equal(columns_to_rows(columns), expected)


def test_columns_combine_as_coefficients() -> None:
    columns = random(128, 300, 16)
    found = numbers(columns_combine(columns))
    for place in (0, 255, 256, 299):
        expected = 0
        for degree in range(128):
            expected ^= times(1 << degree, numbers(columns[degree, place : place + 1])[0])
        assert found[place] == expected


def compressed(vector: Bytes, n: int, seed: bytes) -> Bytes:
    """The code's map as its definition says."""
    length = len(vector)
    states = np.concatenate([np.zeros((25, 16), dtype=np.uint8), vector])
    for row, word in enumerate(stream(seed, 0, length, 4)):
        for back in range(1, 25):
            if word >> (back - 1) & 1:
                states[25 + row] ^= states[25 + row - back]
        states[25 + row] ^= states[row]
    out = np.zeros((n, 16), dtype=np.uint8)
    for part in range(21):
        begin, end = part * length // 21, (part + 1) * length // 21
        places = [begin + (word * (end - begin) >> 32) for word in stream(seed, 1 + part, n, 4)]
        out ^= states[25:][places]
    return out


@pytest.mark.parametrize(("length", "n"), [(21, 21), (50, 1), (2100, 1050), (3001, 1499)])
def test_the_code_is_that_of_the_definition(length: int, n: int) -> None:
    vector, seed = random(length, 16), bytes(range(16))
    np.testing.assert_array_equal(code_compress(vector, n, seed), compressed(vector, n, seed))


def test_two_vectors_are_mapped_as_each_alone() -> None:
    vector, seed = random(2500, 16), bytes(range(1, 17))
    places, values = np.array([0, 77, 2499], dtype=np.uint64), random(3, 16)
    sparse = np.zeros_like(vector)
    sparse[places] = values
    first, second = code_compress_both(places, values, vector, 1300, seed)
    np.testing.assert_array_equal(first, compressed(sparse, 1300, seed))
    np.testing.assert_array_equal(second, compressed(vector, 1300, seed))


def test_the_code_is_linear_over_the_field() -> None:
    # More rows than a piece of parallel work has.
    vector, seed = random(300_000, 16), bytes(16)
    factor = bytes(range(9, 25))
    mapped = code_compress(vector, 280_000, seed)
    again = code_compress(gf128_scale(vector, factor), 280_000, seed)
    np.testing.assert_array_equal(again, gf128_scale(mapped, factor))
    np.testing.assert_array_equal(code_compress(vector, 10, seed), mapped[:10])


def test_words_of_the_code_are_heavy() -> None:
    # The generator's columns, 128 at once as the bits of elements. A random word has N / 2 bits.
    length, n = 8400, 4096
    columns = []
    for first in range(0, length, 128):
        count = min(128, length - first)
        vector = np.zeros((length, 16), dtype=np.uint8)
        vector[first : first + count] = np.packbits(
            np.eye(count, 128, dtype=np.uint8), axis=1, bitorder="little"
        )
        columns.append(code_compress(vector, n, SESSION))
    words = np.concatenate(columns, axis=1).view(np.uint64)
    assert np.bitwise_count(words).sum(axis=1).min() > 0.4 * length
    pairs = min(
        int(np.bitwise_count(words[row + 1 :] ^ words[row]).sum(axis=1).min()) for row in range(0, n - 1, 64)
    )
    assert pairs > 0.4 * length


def hashed(side: int, index: int, element: bytes) -> group.Element:
    message = bytes([side]) + index.to_bytes(8, "little") + element
    return group.derive(group.expand_message(message, DOMAIN))


def test_key_transfers_are_those_of_the_definition() -> None:
    assert GENERATOR is not None
    choices, noise = np.array([0, 1, 1], dtype=np.uint8), random(3, 128)
    elements, secrets = endemic_choose(choices, noise)
    for index, choice in enumerate(choices.tolist()):
        secret = int.from_bytes(noise[index, :64].tobytes(), "little") % group.ORDER
        other = group.derive(noise[index, 64:].tobytes()).encode()
        assert secrets[index].tobytes() == secret.to_bytes(32, "little")
        assert elements[index, 1 - choice].tobytes() == other
        own = group.decode(elements[index, choice].tobytes())
        assert own is not None
        assert (own + hashed(choice, index, other)).encode() == (secret * GENERATOR).encode()
    scalar = 0x1234567890ABCDEF << 100
    shared = endemic_give(elements, scalar.to_bytes(32, "little"))
    for index in range(3):
        for side in (0, 1):
            element = group.decode(elements[index, side].tobytes())
            assert element is not None
            sum_ = element + hashed(side, index, elements[index, 1 - side].tobytes())
            assert shared[index, side].tobytes() == (scalar * sum_).encode()
    taken = endemic_take(secrets, (scalar * GENERATOR).encode())
    np.testing.assert_array_equal(taken, shared[np.arange(3), choices])


def test_refuses_what_is_no_element() -> None:
    elements, secrets = endemic_choose(np.zeros(20, dtype=np.uint8), random(20, 128))
    for bad in (bytes(32), b"\xff" * 32):
        changed = elements.copy()
        changed[17, 1] = np.frombuffer(bad, dtype=np.uint8)
        with pytest.raises(ValueError, match="transfer 17 has what is not the canonical encoding"):
            endemic_give(changed, (5).to_bytes(32, "little"))
        with pytest.raises(ValueError, match="point is not the canonical encoding"):
            endemic_take(secrets, bad)


def test_refuses_wrong_forms() -> None:
    roots, points = random(2, 16), np.array([0, 5], dtype=np.uint64)
    with pytest.raises(ValueError, match="width must be from 2"):
        ggm_trees(roots, 1, SESSION)
    with pytest.raises(ValueError, match="below width"):
        ggm_punctured(points, random(2, 3, 16), roots, 5, SESSION)
    with pytest.raises(ValueError, match=r"sums must have shape \(2, 3, 16\)"):
        ggm_punctured(points, random(2, 2, 16), roots, 6, SESSION)
    with pytest.raises(ValueError, match="offsets must be from 0 to 15"):
        correlate_columns(random(1, 16, 16), np.array([16], dtype=np.uint8), 1)
    with pytest.raises(ValueError, match="blocks must be from 1"):
        correlate_columns(random(1, 16, 16), np.array([0], dtype=np.uint8), 0)
    with pytest.raises(ValueError, match="columns must have shape"):
        columns_combine(random(127, 2, 16))
    with pytest.raises(ValueError, match="from 21 to"):
        code_compress(random(20, 16), 1, SESSION)
    with pytest.raises(ValueError, match="n be from 1"):
        code_compress(random(30, 16), 31, SESSION)
    with pytest.raises(ValueError, match="places must have shape"):
        code_compress_both(np.array([30], dtype=np.uint64), rows(1), random(30, 16), 5, SESSION)
    with pytest.raises(ValueError, match="choices must have shape"):
        endemic_choose(np.array([2], dtype=np.uint8), random(1, 128))
