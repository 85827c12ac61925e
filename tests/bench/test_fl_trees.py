"""The benchmark of boosted trees over sums: both sides find the same on little data; the record says all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import pytest

from bench import fl
from bench.fl import trees
from bench.fl.horizontal import PARTIES
from bench.fl.trees_party import pooled, train
from coterie.wire import local_meshes

TINY = trees.Size(rows=1500, columns=6, test=1500, params={"rounds": 4, "max_depth": 3, "shap_rows": 0})


def test_parties_find_what_the_pooled_table_tells() -> None:
    meshes = local_meshes(PARTIES)
    with ThreadPoolExecutor(len(PARTIES)) as pool:
        found = list(pool.map(lambda name: train(asdict(TINY), name, meshes[name]), PARTIES))
    peer = pooled(asdict(TINY) | {"threads": 1})
    assert len({one["auc"] for one in found}) == 1
    assert found[0]["auc"] == pytest.approx(peer["auc"], abs=0.01)
    assert peer["auc"] > 0.7
    assert all(one["sent"] > 0 for one in found)


def test_the_record_tells_the_ratio_and_both_aucs() -> None:
    ours = trees.Run(trees.OURS, 6.0, 11.0, 0.8701, 2**29, 10**9)
    peer = trees.Run(trees.PEER, 3.0, 5.5, 0.8702, 2**28)
    record, missing = trees.records_of(
        [ours, replace(ours, seconds=7.0), ours, peer], "not measured: nothing"
    )
    assert (record.work, record.peer, record.ours_s, record.peer_s) == ("trees_300k", trees.PEER, 6.0, 3.0)
    assert record.ratio == 0.5
    assert record.error == pytest.approx(1e-4)
    assert record.note is not None
    assert record.note.startswith("2.00 times the peer's time; ours: AUC 0.87010, 11 s of processor, 512 MiB")
    assert missing.note == "not measured: nothing"
    assert trees.records_of([ours], None)[0].peer_s is None
    assert trees.NAME in fl.works()
