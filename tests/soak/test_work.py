"""What a soak compares, and what it draws from its seed."""

from __future__ import annotations

import itertools
import json

from soak import chaos
from soak.figures import percentile
from soak.work import KINDS, differences


def test_a_percentile_is_a_value_that_was_there() -> None:
    assert percentile([], 0.5) is None
    assert [percentile([3.0, 1.0, 2.0], part) for part in (0.01, 0.34, 0.5, 0.67, 1.0)] == [1, 2, 2, 3, 3]
    assert percentile(list(map(float, range(1, 201))), 0.99) == 198.0


def result(**more: object) -> dict[str, dict[str, bytes]]:
    return {"alpha": {"a.json": json.dumps({"auc": 0.8, "rows": 210, "names": ["x"], **more}).encode()}}


def test_results_are_compared_to_the_byte_or_within_rounding() -> None:
    exact, rounded = KINDS["clear"], KINDS["mpc"]
    assert differences(exact, result(), result()) == []
    assert differences(exact, result(), result(auc=0.8 + 1e-12))
    assert differences(rounded, result(), result(auc=0.8 + 1e-4)) == []
    assert differences(rounded, result(), result(auc=0.81))
    assert differences(rounded, result(), result(auc=float("nan")))
    assert differences(rounded, result(), result(rows=211))
    assert differences(rounded, result(), result(names=["y"]))
    assert differences(rounded, result(), {}) == ["alpha: a.json: not there"]
    assert differences(rounded, {}, result()) == ["alpha: a.json: not known"]


def test_the_seed_says_what_befalls_whom() -> None:
    engines = list(KINDS)

    def drawn(seed: int) -> tuple[list[chaos.Kill], list[chaos.Hurt]]:
        some = itertools.islice(chaos.kills(seed, 7.5, engines), 240)
        return list(some), list(itertools.islice(chaos.hurts(seed, 1.4, 10.0), 1200))

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    kills, hurts = drawn(7)
    assert {one.process for one in kills} == set(chaos.KILLS)
    assert abs(sum(one.wait for one in kills) / 240 - 7.5) < 0.6
    assert {fault: sum(one.fault == fault for one in hurts) for fault in chaos.FAULTS} == dict.fromkeys(
        chaos.FAULTS, 240
    )
    assert max(one.seconds for one in hurts) > 10.0, "some last longer than the nodes' patience"
    few = list(itertools.islice(chaos.kills(7, 7.5, ["clear", "fl"]), 100))
    assert not {"runner", "dealer worker", "host worker"} & {one.process for one in few}
