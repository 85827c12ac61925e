"""The tree, against the known answers of Certificate Transparency and RFC 6962's own definition."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.tee.container.merkle import RootBuilder, Tree, leaf_hash, proof_length, proven
from tests.tee.container import oracle

INPUTS = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Roots of the first n inputs: the test data of the Certificate Transparency project."""

counts = st.integers(1, 70)


def some_leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(bytes([number])).digest() for number in range(count)]


def built(leaves: list[bytes]) -> bytes:
    builder = RootBuilder()
    for leaf in leaves:
        builder.add(leaf)
    return builder.root()


def test_known_roots() -> None:
    leaves = [hashlib.sha256(b"\0" + bytes.fromhex(text)).digest() for text in INPUTS]
    for count, root in enumerate(ROOTS, start=1):
        assert built(leaves[:count]).hex() == Tree(leaves[:count]).root.hex() == root


@given(counts)
def test_roots_and_proofs_are_those_of_the_definition(count: int) -> None:
    leaves = some_leaves(count)
    tree = Tree(leaves)
    assert built(leaves) == tree.root == oracle.tree_hash(leaves)
    for index in range(count):
        proof = tree.proof(index)
        assert list(proof) == oracle.path(index, leaves)
        assert len(proof) == proof_length(index, count)
        assert proven(tree.root, leaves[index], index, count, proof)


@given(counts, st.data())
def test_a_proof_holds_for_its_leaf_and_place_only(count: int, data: st.DataObject) -> None:
    leaves = some_leaves(count)
    tree = Tree(leaves)
    index, other = (data.draw(st.integers(0, count - 1)) for _ in range(2))
    proof = tree.proof(index)
    if other != index:
        assert not proven(tree.root, leaves[index], other, count, proof)
        assert not proven(tree.root, leaves[other], index, count, proof)
        assert not proven(tree.root, leaves[index], index, count, tree.proof(other)) or proof == tree.proof(
            other
        )
    assert not proven(bytes(32), leaves[index], index, count, proof)
    assert not proven(tree.root, leaves[index], index, count, (*proof, bytes(32)))
    assert not proven(tree.root, leaves[index], count, count, proof)
    for place, one in enumerate(proof):
        flipped = bytes([one[0] ^ 1]) + one[1:]
        assert not proven(
            tree.root, leaves[index], index, count, (*proof[:place], flipped, *proof[place + 1 :])
        )
        assert not proven(
            tree.root, leaves[index], index, count, (*proof[:place], one[:-1], *proof[place + 1 :])
        )


def test_a_node_is_no_leaf() -> None:
    """Second preimages: a tree of two is not a tree of one whose leaf is the node."""
    leaves = some_leaves(2)
    tree = Tree(leaves)
    assert not proven(tree.root, tree.root, 0, 2, tree.proof(0))
    assert leaf_hash(leaves[0], 0, leaves[1]) != tree.root


def test_leaves_differ_by_file_and_place() -> None:
    made = {leaf_hash(file, index, b"chunk") for file in (bytes(32), b"\1" * 32) for index in range(3)}
    assert len(made) == 6


@pytest.mark.parametrize("leaves", [[], [b"short"]])
def test_trees_that_are_none(leaves: list[bytes]) -> None:
    with pytest.raises(ValueError, match="leaves"):
        Tree(leaves)
    with pytest.raises(IndexError):
        Tree(some_leaves(3)).proof(3)
