"""What goes over the wire in intersections by an oblivious function: frozen by a hash for each party."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from coterie import psi
from coterie.psi import Method
from coterie.wire import Mesh
from tests.psi.group import Record, play_all
from tests.psi.pair import Stream, ids

# These change only when the protocol does: nodes with other ones do not understand each other.
GOLDEN = {
    "semi-honest": {
        "a": "d0096113522ba2141c1cdb5c6b43be0ec07cc501e8fe4f5de4606409284a13f9",
        "b": "671664940f0f6e65905becb8224a416066b505f346773eb879f1698ed41b74b1",
    },
    "malicious": {
        "a": "4ea270a34e90c381534c0869227fcc5f06cd060ac0393ee065d5e71102b668a6",
        "b": "aa4584a51b4460b96bf93f2c8e6bd6d868b88df50eda4f46d5fc51aa60e585e5",
    },
    "buckets": {
        "a": "3a61360ee1a1b01a324d4b9601b727ee361b7331b9bc0692dcfc94e83e1f3977",
        "b": "9d2fe8e7dbf3e2d79524926decdc1df0fd913be580a365084d580c4006d9b59b",
    },
    "several": {
        "a": "b9fc29ea50a4ed02639cfdaaf7694c05956f8fa751ae6c3d82cea7b3406fc692",
        "b": "fd586ee7941bc1517e0ef92ce7532970b2ae9bc9aae40f800cdb12e2e5b93e13",
        "c": "cffe4841d4d40c3bfc53b2858434da00b51b39218dd9cc940983318fb2e6557f",
    },
}
METHODS = {
    "semi-honest": Method("oprf"),
    "malicious": Method("oprf", "malicious"),
    "buckets": Method("oprf", bucket_rows=100),
    "several": Method("oprf"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_transcript_is_the_golden_one(name: str) -> None:
    sets = {"a": range(150), "b": range(100, 270), "c": range(50, 290)}
    parties = tuple(GOLDEN[name])
    rows = {party: len(sets[party]) for party in parties}
    records: dict[str, Record] = {}

    def program(mesh: Mesh) -> Any:
        records[mesh.me] = Record(mesh)
        own = ids(*sets[mesh.me])
        return psi.intersect(cast(Mesh, records[mesh.me]), rows, own, METHODS[name], random=Stream(mesh.me))

    programs: dict[str, Callable[[Mesh], Any]] = dict.fromkeys(parties, program)
    play_all(programs)
    assert {party: records[party].digest() for party in parties} == GOLDEN[name]
