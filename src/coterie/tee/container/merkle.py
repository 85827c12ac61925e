"""The hash tree over a container: RFC 6962, section 2.1, with leaves that know their file and their place.

A leaf is SHA-256 of 0x00, the digest of the preamble, the chunk's number in 4 bytes, and the chunk as it lies
in the file. So the root is over every byte of the container, and neither another file's chunk nor the same
chunk at another place is a leaf of this tree. A node is SHA-256 of 0x01 and its two children.

The tree is over ciphertext: who has no key can check each chunk against a root that the owner has signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from coterie.tee.container.header import DIGEST

NODE = b"\1"
LEAF = b"\0"
LONGEST_PROOF = 32
"""Hashes on the way from a leaf to the root, for any number that 4 bytes hold."""


def leaf_hash(preamble: bytes, index: int, chunk: bytes | bytearray | memoryview) -> bytes:
    """The leaf of a chunk.

    :param preamble: digest of the file's preamble.
    :param chunk: ciphertext and tag.
    """
    made = hashlib.sha256(LEAF + preamble + index.to_bytes(4, "big"))
    made.update(chunk)
    return made.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(NODE + left + right).digest()


class RootBuilder:
    """The root of leaves that come one after another; keeps one hash for each bit of their number."""

    def __init__(self) -> None:
        self._whole: list[tuple[int, bytes]] = []
        """Size and root of the full subtrees so far, falling in size."""

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        size = 1
        while self._whole and self._whole[-1][0] == size:
            leaf, size = node_hash(self._whole.pop()[1], leaf), 2 * size
        self._whole.append((size, leaf))

    def root(self) -> bytes:
        """The root of the leaves so far, at least one."""
        result = self._whole[-1][1]
        for _, left in reversed(self._whole[:-1]):
            result = node_hash(left, result)
        return result


class Tree:
    """All levels, for proofs: 64 bytes for each leaf."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        level = bytearray().join(leaves)
        if not level or len(level) % DIGEST:
            raise ValueError("a tree has leaves of 32 bytes")
        self._levels = [level]
        while len(level) > DIGEST:
            above = bytearray()
            for start in range(0, len(level), 2 * DIGEST):
                pair = bytes(level[start : start + 2 * DIGEST])
                # The last of an odd number moves up as it is, which gives the shape of RFC 6962.
                above += node_hash(pair[:DIGEST], pair[DIGEST:]) if len(pair) == 2 * DIGEST else pair
            self._levels.append(above)
            level = above

    @property
    def root(self) -> bytes:
        return bytes(self._levels[-1])

    @property
    def size(self) -> int:
        """Leaves."""
        return len(self._levels[0]) // DIGEST

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The audit path of a leaf (RFC 6962, section 2.1.1), from the leaf upwards."""
        if not 0 <= index < self.size:
            raise IndexError(index)
        path = []
        for level in self._levels[:-1]:
            start = (index ^ 1) * DIGEST
            if start < len(level):
                path.append(bytes(level[start : start + DIGEST]))
            index //= 2
        return tuple(path)


def proof_length(index: int, size: int) -> int:
    """Hashes in the audit path of leaf ``index`` among ``size``."""
    count, last = 0, size - 1
    while last:
        count += index != last or index % 2 == 1
        index, last = index // 2, last // 2
    return count


def proven(root: bytes, leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bool:
    """Whether the tree of ``size`` leaves with this root has ``leaf`` at ``index`` (RFC 9162, section
    2.1.3.2).
    """
    if not 0 <= index < size or len(proof) != proof_length(index, size):
        return False
    if any(len(one) != DIGEST for one in proof):
        return False
    path, last = iter(proof), size - 1
    while last:
        if index % 2:
            leaf = node_hash(next(path), leaf)
        elif index != last:
            leaf = node_hash(leaf, next(path))
        index, last = index // 2, last // 2
    return leaf == root
