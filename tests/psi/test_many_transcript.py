"""What several parties say: frozen by a hash for each, and recomputed in plain integers."""

from __future__ import annotations

import hashlib
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes, okvs_cells, okvs_decode
from tests.kernels import group
from tests.kernels.test_ristretto import DOMAIN
from tests.psi.group import Record, recorded
from tests.psi.pair import Stream, ids

# These change only when the protocol does: nodes with other ones do not understand each other.
GOLDEN = {
    "alpha": "a5181182346aefc62b99af8dd6195f80423a1277d0c2bdda213f5e5f425abe88",
    "beta": "5f5acc68ffc808ca39e057093bbf0d1c1349f9bf69c8b80d5577ad383412d0d5",
    "gamma": "14a28212310ed6ccdfdbd56968823ff447d3075bd2a9d8f7ed3d2fd92b8365ad",
}


def test_the_transcript_is_the_golden_one() -> None:
    sets = {"alpha": [*range(300)], "beta": [*range(200, 450)], "gamma": [*range(100, 400)]}
    records, _ = recorded(sets, chunk=64)
    assert {name: record.digest() for name, record in records.items()} == GOLDEN


def shapes(record: Record) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(peer, tag, array.shape) for peer, tag, array in record.sent]


def test_messages_come_in_the_order_of_the_protocol() -> None:
    records, _ = recorded({"a": [*range(5)], "b": [*range(3)], "c": [*range(4)]}, chunk=64)
    # b asks. Shares of 2 + 40 bits, tags of 2 + 4 + 40.
    table_a, table_c = 3 * (4 + 12) + 64, 3 * (3 + 12) + 64
    asks = [("psi/points", (3, 32)), ("psi/key", (32,)), ("psi/common", (3, 6)), ("psi/digest", (32,))]
    assert [(tag, shape) for peer, tag, shape in shapes(records["b"]) if peer == "a"] == asks
    assert [(tag, shape) for peer, tag, shape in shapes(records["b"]) if peer == "c"] == asks
    assert shapes(records["a"]) == [
        ("c", "psi/seed", (32,)),
        ("b", "psi/answers", (3, 32)),
        *[("b", "psi/table", (part, 6)) for part in (64, table_a - 64)],
        ("b", "psi/digest", (32,)),
        ("c", "psi/digest", (32,)),
    ]
    assert shapes(records["c"]) == [
        ("b", "psi/answers", (3, 32)),
        *[("b", "psi/table", (part, 6)) for part in (64, table_c - 64)],
        ("a", "psi/digest", (32,)),
        ("b", "psi/digest", (32,)),
    ]


def exponent(name: str) -> int:
    """A party draws its scalar first."""
    return int.from_bytes(Stream(name)(64), "little") % group.ORDER


def element(name: str) -> group.Element:
    return group.derive(group.expand_message(ids(name).tobytes(), DOMAIN))


def hashed(data: bytes, key: bytes) -> bytes:
    return keyed_hashes([data], key)[0].tobytes()


def xor(*values: bytes) -> bytes:
    return reduce(lambda one, other: bytes(a ^ b for a, b in zip(one, other, strict=True)), values)


def told(table: NDArray[np.uint8], rows: int, name: str, secret: int, width: int) -> bytes:
    """What a table holds for a name: its value without the mask."""
    whole = (secret * element(name)).encode() + ids(name).tobytes()
    value = hashed(whole, b"coterie/psi/value/v2".ljust(32, b"\0"))
    cells = np.zeros((okvs_cells(rows), 16), dtype=np.uint8)
    cells[:, :width] = table
    key = np.frombuffer(value[:16], dtype=np.uint8).reshape(1, 16)
    read = okvs_decode(cells, key, b"coterie/psi/many", rows)[0, :width]
    return xor(value[16 : 16 + width], read.tobytes())


def test_every_message_is_what_the_mathematics_says() -> None:
    sets = {
        "a": ["u", "v", "w", "x"],
        "b": ["x", "y", "v"],
        "c": ["v", "t", "x", "y", "w"],
        "d": ["v", "y", "x", "s"],
    }
    records, results = recorded(sets, chunk=8192)
    secrets = {name: exponent(name) for name in sets}
    points = {(secrets["b"] * element(name)).encode(): name for name in sets["b"]}
    sent = [row.tobytes() for row in records["b"].of("a", "psi/points")]
    asked = [points[row] for row in sent]
    assert sorted(asked) == sorted(sets["b"])

    seeds = {
        frozenset(pair): records[pair[0]].of(pair[1], "psi/seed").tobytes() for pair in ("ac", "ad", "cd")
    }
    assert len(set(seeds.values())) == 3
    for me in "acd":
        answers = [row.tobytes() for row in records[me].of("b", "psi/answers")]
        assert answers == [(secrets[me] * (secrets["b"] * element(name))).encode() for name in asked]
        assert [row.tobytes() for row in records["b"].of(me, "psi/points")] == sent
        table = records[me].of("b", "psi/table")
        for name in "stuvwxyz":
            shares = [hashed(ids(name).tobytes(), seeds[frozenset({me, j})])[:6] for j in "acd" if j != me]
            found = told(table, len(sets[me]), name, secrets[me], 6)
            assert (found == xor(*shares)) == (name in sets[me])

    key = records["b"].of("a", "psi/key").tobytes()
    tags = {name: hashed(ids(name).tobytes(), key)[:6] for name in "stuvwxyz"}
    listed = [row.tobytes() for row in records["b"].of("a", "psi/common")]
    assert len(listed) == 3
    common = sorted({"v", "x"}, key=tags.__getitem__)
    assert set(listed) & set(tags.values()) == {tags[name] for name in common}
    assert all(result == common for result in results.values())
    digest = hashlib.sha256(b"coterie/psi/common/v1\0" + b"".join(tags[name] for name in common)).digest()
    for me in sets:
        assert all(records[me].of(peer, "psi/digest").tobytes() == digest for peer in sets if peer != me)


def test_nothing_but_the_common_rows_is_told_of_ids() -> None:
    # Neither an id's hash nor its tag: of all rows of all parties, only common ones have a tag on the wire.
    records, _ = recorded({"a": [1, 2, 3], "b": [2, 3, 4], "c": [3, 4, 5]}, chunk=8192)
    key = records["a"].of("b", "psi/key").tobytes()
    wire = b"".join(array.tobytes() for record in records.values() for _, _, array in record.sent)
    for name in range(1, 6):
        assert ids(name).tobytes() not in wire
        assert (hashed(ids(name).tobytes(), key)[:6] in wire) == (name == 3)
