"""The benchmark of secure sums and of models over them: sides agree on tiny data; records say all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace

import numpy as np
import pytest

from bench import fl
from bench.fl import fedavg, flower_side, glm, ours, ours_process, pooled
from bench.fl.glm_party import HELPER, train
from bench.fl.horizontal import PARTIES
from bench.fl.records import PLAIN, records_of
from bench.fl.rows import part
from bench.fl.side import Run
from bench.fl.work import FLOWER, HIDDEN, OURS, WORKS, Sum
from bench.vectors import RANGE, values
from coterie.wire import local_meshes

SMALL = Sum("small", 6, 50, 1, 18, (OURS, HIDDEN, FLOWER), once=(FLOWER,))


def measured(side: str, clients_s: float, server_s: float, sent: int) -> Run:
    return Run(side, clients_s, server_s, 9.0, sent, 70, 1e-6, 2**20, {"keys": 0.5})


def test_records_tell_processor_and_bytes_beside_the_plain_vector() -> None:
    runs = [
        measured(OURS, 1.0, 1.0, 210),
        measured(OURS, 2.0, 2.0, 210),
        measured(OURS, 2.5, 1.0, 200),
        measured(HIDDEN, 3.0, 1.0, 210),
        replace(measured(FLOWER, 25.0, 10.0, 500), wire_s=0.7),
    ]
    first, hidden, plain = records_of(SMALL, runs, None)
    assert (first.peer, first.ours_s, first.peer_s, first.ratio) == (FLOWER, 3.5, 35.0, 10.0)
    assert (first.ours_bytes, first.peer_bytes) == (210, 500)
    assert first.note is not None
    assert "10 s at the server" in first.note
    assert "0.7 s for messages, not counted" in first.note
    assert (hidden.work, hidden.ours_s, hidden.peer) == ("small/total hidden", 4.0, None)
    assert (plain.work, plain.peer, plain.ours_bytes, plain.peer_bytes) == ("small/bytes", PLAIN, 210, 200)
    assert plain.note == "1.0500 times the vector"
    alone, _, told = records_of(SMALL, runs[:1], "not measured: no Flower")
    assert (alone.ours_s, alone.peer) == (2.0, None)
    assert told.note == "not measured: no Flower"


def test_a_total_that_is_too_far_off_ends_the_benchmark() -> None:
    one = measured(OURS, 1.0, 1.0, 1)
    one.check(1e-6)
    with pytest.raises(RuntimeError, match="coterie: the total is 1e-06 off; rounding explains 1e-07"):
        one.check(1e-7)
    with pytest.raises(RuntimeError, match="nan off"):
        replace(one, error=float("nan")).check(1.0)


@pytest.mark.parametrize("side", [OURS, HIDDEN])
def test_ours_sums_what_the_clients_that_stay_have(side: str) -> None:
    one = Run.of(side, ours_process.measured(SMALL, side))
    assert 0.0 < one.error <= SMALL.form.error(SMALL.left)
    assert one.sent > SMALL.plain
    assert one.parts["masked"] > 0.0
    assert one.seconds == pytest.approx(one.clients_s + one.server_s)


def test_flower_gets_as_many_neighbours_and_shares() -> None:
    large = WORKS[0]
    assert large.neighbours == 51
    assert flower_side.shares_of(large.neighbours) == 51
    assert flower_side.shares_of(40) == 41
    assert 2.0**-large.frac == 2 * flower_side.RANGE / flower_side.STEPS
    assert all(work.form.limit(work.clients) >= RANGE for work in WORKS)
    assert fl.works()[:4] == ["secure_sum_100x1e6", "clients_500", "glm_3_parties", "trees_300k"]


def test_sides_are_measured_in_turn_and_slow_ones_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(work: Sum, side: str) -> Run:
        assert work is SMALL
        return measured(side, 1.0, 0.0, 210)

    monkeypatch.setattr(fl, "WORKS", (SMALL,))
    monkeypatch.setattr(fl, "OTHERS", {})
    monkeypatch.setattr(ours, "measure", measure)
    monkeypatch.setattr(flower_side, "measure", measure)
    records, runs = fl.benchmark(turns=2, works=None, without=frozenset())
    assert [run["side"] for run in runs] == [OURS, HIDDEN, FLOWER, OURS, HIDDEN]
    assert [record.work for record in records] == ["small", "small/total hidden", "small/bytes"]
    _, runs = fl.benchmark(turns=1, works=["small"], without=frozenset({"flwr", HIDDEN}))
    assert [run["side"] for run in runs] == [OURS]
    assert fl.benchmark(turns=1, works=["other"], without=frozenset()) == ([], [])


def test_vectors_are_the_same_for_every_side() -> None:
    first = values(3, 1000)
    assert np.array_equal(values(3, 1000), first)
    assert not np.array_equal(values(4, 1000), first)
    assert np.abs(first).max() < 1.0


def test_the_pooled_sides_fit_the_same_model() -> None:
    rows = pooled.pooled(200, 3, 3)
    assert np.array_equal(rows.features[200:400], part(200, 3, 1).features)
    (first, errors, _), (second, none, _) = (fit(rows) for fit in pooled.FITS.values())
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-8)
    assert len(errors) == 4
    assert none == []


def test_three_parties_and_a_helper_fit_the_pooled_rows() -> None:
    size = glm.Size(400, 3)
    meshes = local_meshes((*PARTIES, HELPER))
    with ThreadPoolExecutor(len(meshes)) as pool:
        running = {name: pool.submit(train, asdict(size), name, mesh) for name, mesh in meshes.items()}
        found = {name: one.result() for name, one in running.items()}
    statistics = found[PARTIES[0]]["published"]["statistics"]
    coefficients, errors = glm.told(statistics, size.columns)
    expected, of_expected, _ = pooled.by_statsmodels(pooled.pooled(size.rows, size.columns, len(PARTIES)))
    np.testing.assert_allclose(coefficients, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(errors, of_expected, rtol=1e-6)
    assert 0 < found[PARTIES[0]]["looks"] <= 8
    assert all(0 < one["sent"] <= one["planned"] for one in found.values())


def test_records_of_models_tell_how_far_they_are_apart() -> None:
    mine = glm.Run(glm.OURS, 1.0, 2.0, [1.0, 2.0], [0.1, 0.1], 5, 1000, 30)
    peer = glm.Run(pooled.STATSMODELS, 2.0, 2.0, [1.0, 2.5], [0.1, 0.3], 6)
    other = glm.Run(pooled.SKLEARN, 0.5, 0.5, [1.25, 2.0], [], 4)
    first, second = glm.records_of([mine, peer, other], None)
    assert (first.peer, first.ratio, first.rounds, first.error) == (pooled.STATSMODELS, 2.0, 5, 0.5)
    assert first.note is not None
    assert "standard errors differ by at most 0.2" in first.note
    assert (second.ratio, second.error, second.ours_bytes) == (0.5, 0.25, 1000)
    assert "standard errors" not in str(second.note)
    assert [one.note for one in glm.records_of([mine], "no statsmodels")][1:] == ["no statsmodels"]


def test_averaging_of_networks_beside_flowers() -> None:
    """Time, and both curves."""
    runs = [
        fedavg.Run(fedavg.OURS, 6.0, [0.2, 0.8]),
        fedavg.Run(fedavg.OPEN, 5.0, [0.2, 0.8]),
        fedavg.Run(fedavg.FLOWER, 4.0, [0.25, 0.75]),
    ]
    first, second = fedavg.records_of(runs, None)
    assert (first.work, first.ours_s, first.peer_s, first.rounds) == ("fedavg_mnist", 6.0, 4.0, 2)
    assert first.error == pytest.approx(0.05)
    assert first.note is not None
    assert "0.250, 0.750" in first.note
    assert (second.work, second.ours_s) == ("fedavg_mnist/sums in the open", 5.0)
