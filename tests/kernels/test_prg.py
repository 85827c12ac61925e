"""Random streams against the AES of the ``cryptography`` package."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie import _kernels

SEED = bytes(range(16))
WORD = st.integers(0, 2**64 - 1)
SEEDS = st.binary(min_size=16, max_size=16)


def stream(seed: bytes, id: int, n: int, offset: int = 0) -> NDArray[np.uint64]:
    """The definition by another implementation: encrypted counter blocks, from the first word's on."""
    blocks = np.empty((n // 2 + 2, 2), dtype="<u8")
    blocks[:, 0] = id
    blocks[:, 1] = np.arange(len(blocks), dtype=np.uint64) + np.uint64(offset // 2)
    cipher = Cipher(algorithms.AES128(seed), modes.ECB()).encryptor()
    words = np.frombuffer(cipher.update(blocks.tobytes()), dtype="<u8")
    return words[offset % 2 :][:n].astype(np.uint64)


def test_first_words_never_change() -> None:
    # AES-128 of the all-zero block under the all-zero key: NIST SP 800-38A, GCM's H for that key.
    expected = bytes.fromhex("66e94bd4ef8a2c3b884cfa59ca342b2e")
    assert _kernels.prg_u64(bytes(16), 0, 2).tobytes() == expected


def test_is_counter_mode() -> None:
    # Counter mode of the library counts big-endian; one block has no carries to disagree about.
    block = (5).to_bytes(8, "little") + bytes(8)
    expected = Cipher(algorithms.AES128(SEED), modes.CTR(block)).encryptor().update(bytes(16))
    assert _kernels.prg_u64(SEED, 5, 2).tobytes() == expected


@given(SEEDS, WORD, st.integers(0, 3000), st.one_of(st.integers(0, 5000), st.integers(2**63, 2**64 - 4000)))
@settings(max_examples=60, deadline=None)
def test_any_part_of_any_stream(seed: bytes, id: int, n: int, offset: int) -> None:
    words = _kernels.prg_u64(seed, id, n, offset)
    assert words.dtype == np.uint64
    assert words.shape == (n,)
    np.testing.assert_array_equal(words, stream(seed, id, n, offset))


@pytest.mark.parametrize("n", [2**15 - 1, 2**15, 2**15 + 1, 300_001])
def test_long_streams_on_all_cores(n: int) -> None:
    np.testing.assert_array_equal(_kernels.prg_u64(SEED, 2**64 - 1, n, 7), stream(SEED, 2**64 - 1, n, 7))


@given(st.lists(SEEDS, max_size=5), WORD, st.sampled_from([0, 1, 511, 512, 513, 40_000]))
@settings(max_examples=25, deadline=None)
def test_sums_and_differences(seeds: list[bytes], id: int, n: int) -> None:
    total = sum((stream(seed, id, n) for seed in seeds), np.zeros(n, np.uint64))
    np.testing.assert_array_equal(_kernels.prg_sum_u64(seeds, id, n), total)
    target = stream(SEED, 1, n)
    np.testing.assert_array_equal(_kernels.prg_sub_u64(target, seeds, id), target - total)


def test_difference_keeps_the_shape_and_the_target() -> None:
    target = np.arange(24, dtype=np.uint64).reshape(2, 3, 4)
    result = _kernels.prg_sub_u64(target, [SEED], 3)
    np.testing.assert_array_equal(result, target - stream(SEED, 3, 24).reshape(2, 3, 4))
    np.testing.assert_array_equal(target.ravel(), np.arange(24))


@pytest.mark.parametrize(
    ("seed", "id", "n", "offset", "says"),
    [
        (bytes(15), 0, 1, 0, "16 bytes, not 15"),
        (bytes(17), 0, 1, 0, "16 bytes, not 17"),
        (SEED, -1, 1, 0, "id must be from 0"),
        (SEED, 2**64, 1, 0, "id must be from 0"),
        (SEED, 0, -1, 0, "n must be from 0"),
        (SEED, 0, 2**61, 0, "n is too large"),
        (SEED, 0, 1, -1, "offset must be from 0"),
        (SEED, 0, 1, 2**64 - 1, "offset \\+ n is too large"),
    ],
)
def test_values_out_of_range_are_refused(seed: bytes, id: int, n: int, offset: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _kernels.prg_u64(seed, id, n, offset)


def test_what_memory_cannot_hold_is_refused() -> None:
    with pytest.raises(MemoryError):
        _kernels.prg_u64(SEED, 0, 2**58)


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="seed must be bytes"):
        _kernels.prg_u64("sixteen letters!", 0, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="id must be a whole number"):
        _kernels.prg_u64(SEED, 1.0, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="16 bytes, not 3"):
        _kernels.prg_sum_u64([SEED, b"abc"], 0, 1)
    with pytest.raises(TypeError, match="target must be an array"):
        _kernels.prg_sub_u64([1, 2], [SEED], 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="target must have elements of type uint64, not int64"):
        _kernels.prg_sub_u64(np.zeros(3, np.int64), [SEED], 0)
    with pytest.raises(ValueError, match="target must be C-contiguous"):
        _kernels.prg_sub_u64(np.zeros(6, np.uint64)[::2], [SEED], 0)
    with pytest.raises(ValueError, match="target must be C-contiguous"):
        _kernels.prg_sub_u64(np.zeros((3, 2), np.uint64).T, [SEED], 0)
    misaligned = np.frombuffer(bytes(17), np.uint8)[1:].view(np.uint64)
    assert not misaligned.flags.aligned
    with pytest.raises(ValueError, match="aligned"):
        _kernels.prg_sub_u64(misaligned, [SEED], 0)


EVERYTHING = """
import hashlib, numpy as np
from coterie import _kernels as k
n, d = 30_000, 7
seed, other = bytes(16), bytes(range(16))
a = k.prg_u64(seed, 1, n * d).reshape(n, d)
b, c = k.prg_u64(seed, 2, d), k.prg_u64(seed, 3, n)
i = a.astype(np.int32)
mask, factors = k.prg_u64(seed, 4, n), np.sin(np.arange(1.0, 13.0))
high, msb = k.deal_truncation(mask, 18)
square = k.prg_u64(seed, 9, 300 * 300).reshape(300, 300)
results = [
    k.matmul(square, square), k.matmul_t(square, square), k.prg_matmul_t(seed, 5, 300, 300, square),
    a, k.prg_sum_u64([seed, other], 5, n * d), k.prg_sub_u64(a, [seed, other], 6),
    k.matmul(a, b), k.matmul_t(a, c), k.matmul(i, b), k.matmul_t(i, c), k.matmul_t(a, a),
    k.matmul(a[:, 1:], b[1:]),
    k.prg_matmul(seed, 7, n, d, b), k.prg_matmul_t(seed, 7, n, d, c),
    high, msb, k.truncate(mask, high, msb, 18, True), k.low_bits_pack(mask, 41),
    k.low_bits_unpack(k.low_bits_pack(mask, 41), 41),
    k.trig_deal(mask, 41, 12, 1, 1, 14, False, [seed, other], 8),
    k.trig_eval(c, factors, None, 41, 1, 1, 14, 28, False, None, seed, 8),
]
print(hashlib.sha256(b"".join(result.tobytes() for result in results)).hexdigest())
"""


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    def digest(threads: int) -> str:
        environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
        return subprocess.run(
            [sys.executable, "-c", EVERYTHING], env=environment, check=True, capture_output=True, text=True
        ).stdout

    assert len({digest(threads) for threads in (1, 2, 5)}) == 1
