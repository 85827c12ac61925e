"""Works of the benchmarks: their data, their programs, and that both sides have what they need."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import lan, narrow, networks, wan
from bench.line import Shape
from bench.logistic.work import WORKS as PASSES
from bench.operations import ours, spu_side
from bench.operations.programs import OPERATIONS, program
from bench.operations.work import WORKS, Input, Work, difference, generate, named, sized
from coterie.mpc import twin

NAMES = ("left", "right")
TOLERANCE = {"less": 0.0, "argmax": 0.0, "sort": 0.0, "where": 0.0, "shuffle": 0.0, "sigmoid": 1e-3}
TOLERANCE |= {"exp": 2.0**-12, "reciprocal": 2.0**-12, "matmul": 2.0**-15, "multiply": 2.0**-15}


def small(work: Work) -> Work:
    """The same work with few elements."""
    shapes = {1: (40,), 2: (6, 6)}
    inputs = tuple(replace(one, shape=shapes[len(one.shape)]) for one in work.inputs)
    return replace(work, name=f"small_{work.operation}", inputs=inputs)


def test_the_works_are_the_agreed_ones() -> None:
    agreed = ["less_1e6", "sigmoid_1e6", "exp_1e6", "reciprocal_1e6", "matmul_512"]
    assert [work.name for work in named(None)] == agreed
    for work in WORKS:
        sizes = {one.shape for one in work.inputs}
        prefix, _, size = work.name.rpartition("_")
        assert sizes == ({(int(size),) * 2} if prefix == "matmul" else {(int(float(size)),)})
    with pytest.raises(ValueError, match="no work is called sine_1e6"):
        named(["sine_1e6"])


def test_a_work_of_another_size() -> None:
    assert sized("less_1e6") is WORKS[0]
    assert [one.shape for one in sized("less_1e5").inputs] == [(100_000,)] * 2
    with pytest.raises(ValueError, match="no work is called matmul_100"):
        sized("matmul_100")


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.operation)
def test_values_are_the_same_in_all_number_formats(work: Work, tmp_path: Path) -> None:
    data = generate(small(work), tmp_path)
    for index, (one, values) in enumerate(zip(work.inputs, data.inputs, strict=True)):
        assert (values.min(), values.max()) == pytest.approx((one.low, one.high), abs=1e-3)
        assert (values >= one.low).all()
        assert (values <= one.high).all()
        assert np.array_equal(np.load(data.folder / f"x{index}.npy").astype(np.float64), values)
        assert np.array_equal(np.rint(values * 2**18) / 2**18, values)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.operation)
def test_programs_compute_what_they_are_called(work: Work, tmp_path: Path) -> None:
    little = small(work)
    data = generate(little, tmp_path)
    inputs = {f"x{index}": values for index, values in enumerate(data.inputs)}
    result = twin(program(little), NAMES, inputs, "fixed").kept["result"]
    assert difference(little, np.asarray(result, dtype=np.float64), data.truth) <= TOLERANCE[work.operation]


def test_the_difference_of_a_wrong_result_is_seen() -> None:
    work = Work("w", "exp", (Input((3,), 0.0, 1.0),), error="relative")
    truth = np.array([1.0, 2.0, 4.0])
    assert difference(work, truth, truth) == 0.0
    assert difference(work, np.array([1.0, 2.0, 5.0]), truth) == 0.25
    assert difference(replace(work, error="absolute"), np.array([1.0, 2.0, 5.0]), truth) == 1.0
    shuffled = replace(work, operation="shuffle")
    assert difference(shuffled, np.array([4.0, 1.0, 2.0]), truth) == 0.0
    assert difference(shuffled, np.array([4.0, 1.0, 1.0]), truth) > 0.0


def test_the_peer_has_every_operation() -> None:
    tree = ast.parse(spu_side.PARTY.read_text(encoding="utf-8"))
    (functions,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "FUNCTIONS"
    )
    assert isinstance(functions, ast.Dict)
    known = {ast.literal_eval(key) for key in functions.keys if key}
    for work in WORKS:
        for protocol in spu_side.PROTOCOLS:
            wanted = {variant.function for variant in spu_side.variants(work, protocol)}
            assert wanted <= known
            assert wanted or work.operation == "shuffle"
    assert set(OPERATIONS) == {work.operation for work in WORKS}


def test_networks_name_works_that_there_are() -> None:
    passes = {work.name for work in PASSES}
    for place in networks.PLACES:
        assert place.work in passes or sized(place.work)
    everything = [name for module in (lan, wan, narrow) for name in module.works()]
    assert sorted(everything) == sorted({place.name for place in networks.PLACES})
    assert wan.works()[0] == "wan:lr_100000x100"
    assert "round trip 50 ms" in wan.METHOD
    assert lan.benchmark(turns=1, works=["wan:less_1e6"], without=frozenset()) == ([], [])


def test_an_operation_over_a_shaped_line(tmp_path: Path) -> None:
    work = replace(small(sized("multiply_1e6")), error="absolute")
    data = generate(work, tmp_path)
    shape = Shape("slow", bits_per_second=1e7, round_trip=0.02)
    run = ours.measure(work, data, shape)
    assert run.error < 2.0**-17
    # Both factors are opened, then the product is rounded; the dealer's part comes meanwhile.
    assert run.rounds == 3
    assert run.seconds >= 2 * shape.one_way
    assert run.dealt is not None
    assert run.sent > run.dealt > 0
    assert run.first_s is not None
    assert run.first_s >= 2 * shape.one_way
