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
        "a": "726d318c789bdc4f24f18e6ff5728d3961c1815bf0c506a0926b2b0a2a21931a",
        "b": "8bc7342119917a464041d5a76690dd03143895012c3f0c13ba7227de4430c2f2",
    },
    "malicious": {
        "a": "765357413181b60cf20a2afd0c3d389f74d861fdaff74ea4a76ae341373223c7",
        "b": "0060effd8f0ba4783b81c33d2bb71efe26ceaa349857f6f685d236bf45c6764d",
    },
    "buckets": {
        "a": "ef6567d53ff537482386f481bf0026d58cb585ab4c53ddded73b41dc8df7bf1a",
        "b": "bb86d85cf4661424b6bd622eee75afbdb116876d90fdf1d780adfd9127d032d5",
    },
    "several": {
        "a": "1033bf8a2946ea7b3a70b5b5f90d73cb8cc46c6771e90f927408d43e4877c644",
        "b": "f025115c48697a953147a5eec085a4fae41f21d73ed0682922857913084ed87a",
        "c": "7576346c6a8e7996e1d84db036c73de57d9d0efb34d1bf77c6b8727a5f942267",
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
