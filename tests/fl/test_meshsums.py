"""Sums over a mesh: the totals of LocalSums, the bytes and rounds that were foretold."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.fl import (
    EXACT,
    Cost,
    Fixed,
    LocalSums,
    MeshSums,
    Sums,
    coordinate,
    cost,
    cost_begin,
    cost_end,
)
from coterie.wire import Mesh, local_meshes

RUN = b"job 7, step train"
NAMES = ("a", "b", "c", "d")
KEY = b"what contributors know"
FORMS = (EXACT, Fixed(64, 20), Fixed(32, 10))


def program(sums: Sums) -> list[NDArray[np.float64]]:
    """Three totals of different shapes and formats."""
    rng = np.random.default_rng(sums.contributors.index(sums.me))
    return [
        sums.total(f"sum {k}", rng.normal(size=shape) * 10, form)
        for k, (shape, form) in enumerate(zip(((2, 3), (7,), (4, 1)), FORMS, strict=True))
    ]


def play(
    coordinator: str, part: Callable[[MeshSums], Any], key: bytes | None = KEY
) -> tuple[dict[str, Any], dict[str, Mesh]]:
    """Results or errors of all by name, and their meshes; last of all how deep their messages went."""
    depths: dict[str, int] = {}
    everybody = dict.fromkeys((*NAMES, coordinator))
    meshes = local_meshes(list(everybody))

    def run(name: str) -> Any:
        mesh = meshes[name]
        with mesh.step("train"):
            try:
                if name not in NAMES:
                    return coordinate(mesh, NAMES, RUN, most_bytes=1000)
                return part(MeshSums(mesh, NAMES, coordinator, RUN, key))
            except CoterieError as error:
                mesh.fail(error)
                return error
            finally:
                depths[name] = mesh.depth

    with ThreadPoolExecutor(len(meshes)) as pool:
        results = dict(zip(meshes, pool.map(run, meshes), strict=True))
    results["depth"] = max(depths.values())
    return results, meshes


def whole(sums: MeshSums) -> list[NDArray[np.float64]]:
    totals = program(sums)
    sums.close()
    return totals


def once(sums: MeshSums) -> None:
    sums.total("x", np.ones(3))
    sums.close()


@pytest.mark.parametrize(("coordinator", "key"), [("hub", KEY), ("hub", None), ("b", None)])
def test_totals_bytes_and_rounds_are_those_foretold(coordinator: str, key: bytes | None) -> None:
    results, meshes = play(coordinator, whole, key)
    local = LocalSums.group(*NAMES)
    with ThreadPoolExecutor(len(NAMES)) as pool:
        expected = next(iter(pool.map(program, local.values())))
    for name in NAMES:
        for total, right in zip(results[name], expected, strict=True):
            np.testing.assert_array_equal(total, right)
    if coordinator == "hub":
        assert results["hub"] == 3
    costs = [
        cost_begin(NAMES, coordinator),
        *(cost(NAMES, coordinator, count, form) for count, form in zip((6, 7, 4), FORMS, strict=True)),
        cost_end(NAMES, coordinator),
    ]
    for name, mesh in meshes.items():
        sent = {peer: traffic.sent for peer, traffic in mesh.egress()["train"].items() if traffic.sent}
        assert sent == added(costs, name)
    assert results["depth"] == sum(one.rounds for one in costs)


SOME = (("a", "c", "d"), None, ("a", "b", "d"), ("b", "c", "d"))


def of_some(sums: Sums) -> list[tuple[NDArray[np.float64], tuple[str, ...]]]:
    """Totals of some contributors, and whose they were; the others give what does not count."""
    rng = np.random.default_rng(sums.contributors.index(sums.me))
    totals = []
    for k, among in enumerate(SOME):
        values = rng.normal(size=4) if among is None or sums.me in among else np.full(4, np.nan)
        totals.append((sums.total(f"sum {k}", values, among=among), sums.counted))
    return totals


@pytest.mark.parametrize(("coordinator", "key"), [("hub", KEY), ("b", None)])
def test_totals_of_some_are_known_to_all_and_cost_what_is_foretold(
    coordinator: str, key: bytes | None
) -> None:
    def part(sums: MeshSums) -> Any:
        totals = of_some(sums)
        sums.close()
        return totals

    results, meshes = play(coordinator, part, key)
    local = LocalSums.group(*NAMES)
    with ThreadPoolExecutor(len(NAMES)) as pool:
        expected = next(iter(pool.map(of_some, local.values())))
    for name in NAMES:
        for (total, counted), (right, among) in zip(results[name], expected, strict=True):
            np.testing.assert_array_equal(total, right)
            assert counted == among
    assert [among for _, among in expected] == [one or NAMES for one in SOME]
    begin, end = cost_begin(NAMES, coordinator), cost_end(NAMES, coordinator)
    costs = [begin, *(cost(NAMES, coordinator, 4, EXACT, among=among) for among in SOME), end]
    bounds = [cost(NAMES, coordinator, 4, EXACT, parts=3) for _ in range(3)]
    for name, mesh in meshes.items():
        sent = {peer: traffic.sent for peer, traffic in mesh.egress()["train"].items() if traffic.sent}
        assert sent == added(costs, name)
        most = added([begin, *bounds, cost(NAMES, coordinator, 4, EXACT), end], name)
        assert all(count <= most[peer] for peer, count in sent.items())
    assert results["depth"] == sum(one.rounds for one in costs)


@pytest.mark.parametrize(
    ("among", "code"), [(("a", "b"), "CT-2404"), (("b", "a", "c"), "CT-2403"), (("a", "b", "x"), "CT-2403")]
)
def test_totals_of_some_are_of_three_contributors_in_their_order(among: tuple[str, ...], code: str) -> None:
    assert codes(play("hub", lambda sums: sums.total("x", np.ones(1), among=among))[0]) == {code}
    with pytest.raises(CoterieError, match=code):
        LocalSums.group(*NAMES)["a"].total("x", np.ones(1), among=among)


def codes(results: dict[str, Any]) -> set[str]:
    return {error.code for name, error in results.items() if name != "depth"}


def added(costs: list[Cost], name: str) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in costs:
        for peer, count in one.sent.get(name, {}).items():
            total[peer] = total.get(peer, 0) + count
    return total


def test_no_values_cost_nothing() -> None:
    def part(sums: MeshSums) -> tuple[int, ...]:
        total = sums.total("none", np.zeros((0, 2)))
        sums.close()
        return total.shape

    results, _ = play("hub", part)
    assert (results["a"], results["hub"]) == ((0, 2), 0)
    assert cost(NAMES, "hub", 0, EXACT) == Cost({}, 0)


def test_contributors_who_sum_different_things_are_told() -> None:
    results, _ = play("hub", lambda sums: sums.total("this" if sums.me < "c" else "that", np.zeros(2)))
    assert codes(results) == {"CT-2411"}
    assert results["a"].party == "c"


def test_more_values_than_a_coordinator_takes_are_refused() -> None:
    results, _ = play("hub", lambda sums: sums.total("many", np.zeros(63)))
    assert codes(results) == {"CT-2410"}


@pytest.mark.parametrize(
    "header",
    [
        (1, 64, 60, 0, 15),
        (1, 48, 0, 0, 15),
        (2, 64, 0, 0, 15),
        (1, 64, 0, 2, 15),
        (1, 64, 0, 0, 31),
        (1, 64, 0, 0, 3),
    ],
)
def test_headers_of_no_sum_are_their_senders_fault(header: tuple[int, ...]) -> None:
    def part(sums: MeshSums) -> Any:
        channel = sums._mesh.to("hub")
        head = bytes(header[:4]) + bytes(4) + (1).to_bytes(8, "little") + bytes(24) + bytes(header[4:])
        channel.send_bytes("fl/next", head)
        return channel.recv_bytes("fl/total", 1000)

    results, _ = play("hub", part)
    assert codes(results) == {"CT-2410"}
    assert results["hub"].party == "a"


def test_what_no_format_holds_ends_the_job_with_its_code() -> None:
    def part(sums: MeshSums) -> None:
        sums.total("x", np.full(2, np.nan if sums.me == "b" else 1.0))

    results, _ = play("hub", part)
    assert codes(results) == {"CT-2401"}


def test_totals_are_hidden_from_a_coordinator_that_knows_the_given_key() -> None:
    """It may be an owner that has no data in this job: the key is of the contributors' secrets too."""
    keys = [play("hub", lambda sums: (sums._group_key, sums.close())[0])[0] for _ in range(2)]
    for one in keys:
        assert len({one[name] for name in NAMES}) == 1
        assert len(one["a"]) == 32
    assert keys[0]["a"] != keys[1]["a"]
    given = cost_begin(NAMES, "hub").sent["a"]
    assert given == {"b": 96, "c": 96, "d": 96, "hub": 32}, "the coordinator is told no secret"


def test_a_short_group_key_is_refused() -> None:
    with pytest.raises(CoterieError, match="CT-2403"):
        MeshSums(local_meshes(list(NAMES))["a"], NAMES, "a", RUN, b"short")


def test_fewer_than_three_contributors_are_refused() -> None:
    with pytest.raises(CoterieError, match="CT-2404"):
        MeshSums(local_meshes(["a", "b"])["a"], ("a", "b"), "a", RUN)
    with pytest.raises(CoterieError, match="CT-2403"):
        MeshSums(local_meshes(["hub", "b"])["hub"], ("a", "b", "c"), "hub", RUN)


def test_a_message_of_another_size_ends_the_job() -> None:
    def part(sums: MeshSums) -> Any:
        if sums.me != "c":
            return sums.total("x", np.ones(3))
        channel = sums._mesh.to("hub")
        channel.send_bytes("fl/next", b"short")
        return channel.recv_bytes("fl/total", 1000)

    assert codes(play("hub", part)[0]) == {"CT-2411"}


def test_a_run_whose_sum_failed_takes_no_other() -> None:
    """Its number, and so its masks, would be those of the sum that failed."""
    meshes = local_meshes(["a", "b", "c"])
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda name: MeshSums(meshes[name], ["a", "b", "c"], "c", b"r" * 16), meshes))
    with pytest.raises(CoterieError, match="CT-2401"):
        made[0].total("what", np.array([np.nan]))
    with pytest.raises(CoterieError, match="CT-2419"):
        made[0].total("what", np.array([1.0]))
