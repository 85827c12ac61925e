"""The tree of hashes: roots as `veritysetup format --salt=-` gives them, and what it says of the file."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from coterie.tee.image.verity import BLOCK, append_tree

ROOTS = {
    1: "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7",
    2: "40348a04124dfed65316e7f843c9846e0cb48dfd4a6cdd50879fa303677f1c6c",
    128: "e873e1c89a881020dd2c792031aa4319e2ddf64fdb6733f4e15b8c9363c0ecec",
    129: "f67bab4ff390a42fd14c4d7407e10c03485f97b67ebd95819b863f43f667bd2d",
    16385: "7f081cafed23b8dea26f6e008de0df39098f66ef4b9220bf382ed0451a879408",
}
"""By blocks, of which number n holds n (4096 bytes, big-endian): no level, one, two, three, and the edges."""


def data(blocks: int) -> bytes:
    return b"".join(number.to_bytes(BLOCK, "big") for number in range(blocks))


def verified(path: Path, root: str, blocks: int) -> bool:
    line = ["veritysetup", "verify", str(path), str(path), root, f"--hash-offset={blocks * BLOCK}"]
    return subprocess.run(line, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("blocks", ROOTS)
def test_roots_are_those_of_veritysetup(tmp_path: Path, blocks: int) -> None:
    path = tmp_path / "data"
    path.write_bytes(data(blocks))
    made = append_tree(path, bytes(16))
    assert (made.root.hex(), made.blocks) == (ROOTS[blocks], blocks)
    assert path.read_bytes().startswith(data(blocks) + b"verity\0\0")


@pytest.mark.skipif(shutil.which("veritysetup") is None, reason="cryptsetup-bin is not installed")
@pytest.mark.parametrize("blocks", [2, 128, 129])
def test_veritysetup_reads_the_file_and_sees_every_change(tmp_path: Path, blocks: int) -> None:
    path = tmp_path / "data"
    path.write_bytes(data(blocks))
    root = append_tree(path, bytes(range(16))).root.hex()
    assert verified(path, root, blocks)
    whole = path.read_bytes()
    for place in (0, blocks * BLOCK - 1, (blocks + 1) * BLOCK + 7):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert not verified(path, root, blocks), place


def test_half_a_block_is_filled_with_zeros(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x" * 100)
    made = append_tree(path, bytes(16))
    assert made.root == hashlib.sha256(b"x" * 100 + bytes(BLOCK - 100)).digest()
    assert path.stat().st_size == 2 * BLOCK


def test_nothing_has_no_tree(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="nothing"):
        append_tree(path, bytes(16))
