"""Vector oblivious linear evaluation: c = a·Δ + b, exact costs, and what goes over the wire."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie._kernels import gf128_scale_add
from coterie.errors import Bug, CoterieError
from coterie.psi import dealt, noise, vole
from coterie.psi.vole import VoleGiven, VoleTaken
from coterie.wire import Mesh, local_meshes
from tests.kernels.test_gf128 import numbers, times
from tests.psi.pair import STEP, Recorder, Stream, play

SILENT = noise.DIRECT + 1

# These change only when the protocol does: nodes with other ones do not understand each other.
GOLDEN = {
    (3, False): (
        "51ad1d2765e4201a5224baddb0464d669dc4d716dab29cb468f1aa957af89c1b",
        "597ae4c1d6d6d499f2d89c0f4cc4e2a83dd20bbd30ef6b5b153dd3d63d53c517",
    ),
    (SILENT, False): (
        "a9c677ee7fa6cb9e19e77b0b9010b56c4c67f5734b7bf0b1d4ee6b74834dd354",
        "70dfe4bc422eb85c816196fa352ffb03ee7b116a27dcfb3dc56721a64231c55e",
    ),
    (SILENT, True): (
        "5f5ab42a321e4f266231f60d47c63b1624519a74af8fef50f95a7dba3f14946c",
        "9a07a46f2fc58331b07a96d0885f1db4d06c90176371b6b6584736cb68cbaa5f",
    ),
}


def holds(given: VoleGiven, taken: VoleTaken) -> bool:
    return np.array_equal(gf128_scale_add(taken.a, given.delta, given.b), taken.c)


def run(n: int, *, malicious: bool = False, **options: Any) -> tuple[VoleGiven, VoleTaken, dict[str, Mesh]]:
    given, taken, meshes = play(
        lambda mesh: vole.give(mesh.to("b"), n, malicious=malicious, **options),
        lambda mesh: vole.take(mesh.to("a"), n, malicious=malicious, **options),
    )
    for result in (given, taken):
        if isinstance(result, CoterieError):
            raise result
    return given, taken, meshes


@pytest.mark.parametrize("malicious", [False, True])
@pytest.mark.parametrize("n", [1, 2, 100, noise.DIRECT, SILENT, noise.SHORTEST + 1, 20_000])
def test_the_relation_holds_at_the_planned_cost(n: int, malicious: bool) -> None:
    given, taken, meshes = run(n, malicious=malicious)
    assert given.b.shape == taken.a.shape == taken.c.shape == (n, 16)
    assert holds(given, taken)
    cost = vole.vole_cost(n, malicious)
    assert meshes["a"].egress()[STEP]["b"].sent == cost.giver_bytes
    assert meshes["b"].egress()[STEP]["a"].sent == cost.taker_bytes


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 1500), st.booleans())
def test_the_relation_holds_for_any_length(n: int, malicious: bool) -> None:
    given, taken, _ = run(n, malicious=malicious)
    delta = int.from_bytes(given.delta, "little")
    places = [0, n // 2, n - 1]
    for a, b, c in zip(*(numbers(rows[places]) for rows in (taken.a, given.b, taken.c)), strict=True):
        assert times(a, delta) ^ b == c


@pytest.mark.parametrize(("n", "malicious", "rounds"), [(5, False, 2), (SILENT, False, 3), (SILENT, True, 5)])
def test_rounds_are_the_depth(n: int, malicious: bool, rounds: int) -> None:
    depths: dict[str, int] = {}

    def party(program: Callable[..., Any], peer: str) -> Callable[[Mesh], None]:
        def step(mesh: Mesh) -> None:
            program(mesh.to(peer), n, malicious=malicious)
            depths[mesh.me] = mesh.depth

        return step

    play(party(vole.give, "b"), party(vole.take, "a"))
    assert max(depths.values()) == vole.vole_cost(n, malicious).rounds == rounds


def test_no_secret_is_shown() -> None:
    given, taken, _ = run(2)
    assert (repr(given), repr(taken)) == ("VoleGiven(n=2)", "VoleTaken(n=2)")


def test_every_run_and_every_entry_is_another() -> None:
    given, taken, _ = run(2000)
    other, again, _ = run(2000)
    assert given.delta != other.delta
    for rows in (given.b, taken.a, taken.c, again.a):
        assert len(np.unique(rows, axis=0)) == 2000
        # 256 000 bits: seven standard deviations.
        assert abs(np.unpackbits(rows).mean() - 0.5) < 0.007
    assert not (taken.a == again.a).all(axis=1).any()


def test_the_noise_is_enough() -> None:
    # (1 - δ)^t of a field whose elements are nearly never zero, δ = 0.2: see psi/noise.py.
    assert noise.POINTS * -math.log2(1 - 0.2) >= 128
    for n in (noise.DIRECT + 1, 5000, 1_400_000, noise.LONGEST):
        shape = noise.shape_of(n, malicious=False)
        assert shape.length >= 2 * max(n, noise.SHORTEST)
        assert 2**shape.depth >= shape.width > 2 ** (shape.depth - 1)
        assert shape.points == noise.POINTS


def test_a_million_elements_take_little() -> None:
    cost = vole.vole_cost(1_400_000)
    assert cost.giver_bytes + cost.taker_bytes == 410_912
    assert cost.rounds == 3
    assert [cost.giver_bytes, cost.taker_bytes] == [
        sum(size for turn in vole.vole_turns(1_400_000) for who, size in turn if who == name)
        for name in ("giver", "taker")
    ]


def test_memory_is_as_planned() -> None:
    n = 60_000
    tracemalloc.start()
    try:
        run(n)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Both parties are in this process, and the giver needs less.
    assert peak < 2 * vole.vole_cost(n).memory


def test_progress_is_told_and_can_cancel() -> None:
    told: list[tuple[int, int, str]] = []
    run(3000, progress=lambda *state: told.append(state))
    assert {total for _, total, _ in told} == {3000}
    assert {what for _, _, what in told} == {"oblivious transfers", "trees", "code"}


@pytest.mark.parametrize("n", [0, -1, noise.LONGEST + 1])
def test_lengths_are_bounded(n: int) -> None:
    mesh = local_meshes(["a", "b"])["a"]
    calls: list[Callable[[], Any]] = [
        lambda: vole.give(mesh.to("b"), n),
        lambda: vole.take(mesh.to("b"), n),
        lambda: vole.vole_cost(n),
        lambda: dealt.deal(mesh.to("b"), mesh.to("b"), n),
        lambda: dealt.give_dealt(mesh.to("b"), n),
        lambda: dealt.take_dealt(mesh.to("b"), n),
    ]
    for call in calls:
        with pytest.raises(Bug) as caught:
            call()
        assert caught.value.code == "CT-2006"


@pytest.mark.parametrize(("n", "malicious"), GOLDEN)
def test_the_transcript_is_the_golden_one(n: int, malicious: bool) -> None:
    recorders: dict[str, Recorder] = {}

    def recorded(mesh: Mesh, peer: str) -> Any:
        recorders[mesh.me] = Recorder(mesh)
        recorders[mesh.me].to(peer)
        return recorders[mesh.me]

    given, taken, _ = play(
        lambda mesh: vole.give(recorded(mesh, "b"), n, random=Stream("a"), malicious=malicious),
        lambda mesh: vole.take(recorded(mesh, "a"), n, random=Stream("b"), malicious=malicious),
    )
    assert holds(given, taken)
    assert (recorders["a"].digest(), recorders["b"].digest()) == GOLDEN[n, malicious]


def three(n: int, **options: Any) -> tuple[VoleGiven, VoleTaken, dict[str, Mesh]]:
    meshes = local_meshes(["dealer", "giver", "taker"])

    def dealer() -> None:
        mesh = meshes["dealer"]
        with mesh.step(STEP):
            dealt.deal(mesh.to("giver"), mesh.to("taker"), n, **options)

    with ThreadPoolExecutor(3) as pool:
        dealing = pool.submit(dealer)
        given = pool.submit(dealt.give_dealt, meshes["giver"].to("dealer"), n)
        taken = pool.submit(dealt.take_dealt, meshes["taker"].to("dealer"), n)
        dealing.result(timeout=30)
        return given.result(timeout=30), taken.result(timeout=30), cast(dict[str, Mesh], meshes)


@pytest.mark.parametrize("n", [1, dealt.CHUNK, dealt.CHUNK + 1])
def test_a_dealer_deals_the_same(n: int) -> None:
    given, taken, meshes = three(n)
    assert given.b.shape == taken.a.shape == taken.c.shape == (n, 16)
    assert holds(given, taken)
    sent = meshes["dealer"].egress()[STEP]
    assert (sent["giver"].sent, sent["taker"].sent) == dealt.dealt_bytes(n)


def test_what_a_dealer_deals_is_a_matter_of_its_seeds() -> None:
    given, taken, _ = three(7, random=Stream("dealer"))
    again, _, _ = three(7, random=Stream("dealer"))
    assert given.delta == again.delta
    assert np.array_equal(given.b, again.b)
    other, _, _ = three(7)
    assert given.delta != other.delta
    assert not (taken.a == taken.c).all(axis=1).any()


@pytest.mark.parametrize(
    ("send", "take"),
    [
        ([np.zeros(15, np.uint8)], dealt.take_dealt),
        ([np.zeros(17, np.uint8)], dealt.give_dealt),
        ([np.zeros(16, np.uint8), np.zeros((4, 16), np.uint8)], dealt.give_dealt),
    ],
    ids=["short seed", "long seed", "a row less"],
)
def test_a_dealers_messages_of_another_size_are_refused(
    send: list[NDArray[np.uint8]], take: Callable[..., Any]
) -> None:
    def dealer(mesh: Mesh) -> None:
        for tag, array in zip(("dealt/seed", "dealt/correction"), send, strict=False):
            mesh.to("b").send_array(tag, array)

    _, error, _ = play(dealer, lambda mesh: take(mesh.to("a"), 5))
    assert isinstance(error, CoterieError)
    assert (error.code, error.party) == ("CT-1202", "a")
