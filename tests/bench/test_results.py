"""What benchmarks write: merged work by work, and made into a page with pictures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import page, plots, run
from bench.kernels import bound
from bench.kernels.limits import measure
from bench.kernels.table import KERNELS
from bench.peers import PeerMissing
from bench.processes import run_together
from bench.records import Record, compare
from bench.turns import by_side, in_turn, largest, middle

MACHINE = {"processor": "P", "load before": "0.1"}


def record(work: str, peer: str, ours: float, theirs: float, **more: Any) -> Record:
    return compare(work, ours_s=ours, peer=peer, peer_s=theirs, **more)


def results(path: Path) -> list[str]:
    return [f"{one['work']} {one['peer_s']}" for one in json.loads(path.read_text(encoding="utf-8"))]


def conditions(*works: str, turns: int = 3) -> dict[str, Any]:
    return {work: {"environment": MACHINE, "turns": turns} for work in works}


def test_works_measured_again_take_the_place_of_what_was(tmp_path: Path) -> None:
    first = [record("a", "p", 1.0, 2.0), record("a/input", "p", 1.0, 3.0), record("b", "p", 1.0, 4.0)]
    runs = [{"work": "a", "seconds": 1.0}, {"work": "b", "seconds": 1.0}]
    path = run.write("name", first, runs, conditions("a", "b"), tmp_path)
    assert results(path) == ["a 2.0", "a/input 3.0", "b 4.0"]
    again = [record("a", "p", 1.0, 5.0)]
    run.write("name", again, [{"work": "a", "seconds": 5.0}], conditions("a", turns=4), tmp_path)
    assert results(path) == ["b 4.0", "a 5.0"]
    details = json.loads(path.with_suffix(".details.json").read_text(encoding="utf-8"))
    assert details["runs"] == [{"work": "b", "seconds": 1.0}, {"work": "a", "seconds": 5.0}]
    assert {work: how["turns"] for work, how in details["works"].items()} == {"b": 3, "a": 4}


def test_benchmarks_that_name_their_works_run_them_one_by_one() -> None:
    alone = cast(Any, SimpleNamespace())
    several = cast(Any, SimpleNamespace(works=lambda: ["a", "b"]))
    assert run.portions(alone, None) == [None]
    assert run.portions(alone, ["x", "y"]) == [["x", "y"]]
    assert run.portions(several, None) == [["a"], ["b"]]
    assert run.portions(several, ["b", "b"]) == [["b"]]
    assert run.base("a/input") == "a"


def some_results(folder: Path) -> None:
    operations = [
        record("less_1e6", "spu 0.9.5 semi2k", 0.25, 2.0, ours_bytes=100, peer_bytes=450, error=0.0),
        record("less_1e6", "spu 0.9.5 semi2k fast", 0.25, 1.0, ours_bytes=100, peer_bytes=400, error=0.0),
        record("less_1e6", "spu 0.9.5 semi2k worse", 0.25, 1.5, ours_bytes=100, peer_bytes=400, error=0.0),
        record("less_1e6", "spu 0.9.5 aby3", 0.25, 0.5, ours_bytes=100, peer_bytes=900, error=0.0),
        record("less_1e6/input", "spu 0.9.5 semi2k", 1.0, 0.1, note="apart"),
        Record("lonely", ours_s=0.5, peer="none"),
    ]
    errors = {"semi2k": 0.01, "semi2k fast": 0.12, "semi2k worse": 0.2, "aby3": 0.01}
    runs = [
        {"work": "less_1e6", "side": f"spu 0.9.5 {side}", "error": error} for side, error in errors.items()
    ]
    run.write("operations", operations, runs, conditions("less_1e6", "lonely"), folder)
    kernels = [Record("kernels/limits", note="fast"), record("kernels/x", "limit of the memory", 0.2, 0.1)]
    run.write("kernels", kernels, [], conditions("kernels", turns=1), folder)


def test_the_page_tells_the_fastest_and_the_most_exact_peers(tmp_path: Path) -> None:
    some_results(tmp_path)
    text = page.page(tmp_path, tmp_path / "pictures")
    assert [line for line in text.splitlines() if line.startswith("| less_1e6 | 0.25 s")] == [
        "| less_1e6 | 0.25 s | 0 | spu 0.9.5 semi2k fast: 1 s | **4.0** | 0.12 | 4.0 |",
        "| less_1e6 | 0.25 s | 0 | spu 0.9.5 semi2k: 2 s | **8.0** | 0.01 | 4.5 |",
        "| less_1e6 | 0.25 s | 0 | spu 0.9.5 aby3: 0.5 s | **2.0** | 0.01 | 9.0 |",
    ]
    assert "`make bench NAME=operations`, turns 3; processor P; load before 0.1." in text
    assert "- less_1e6/input, spu 0.9.5 semi2k: apart" in text
    assert "| kernels/x | limit of the memory | 0.5 | 0.2 | 0.1 |  |" in text
    for name in ("operations", "kernels"):
        assert f"![{name}](pictures/speed-{name}.svg)" in text
        picture = (tmp_path / "pictures" / f"speed-{name}.svg").read_bytes()
        assert b"</svg>" in picture
        assert len(picture) < 60_000


def test_what_was_not_measured_again_stays_on_the_page(tmp_path: Path) -> None:
    some_results(tmp_path)
    text = page.page(tmp_path, tmp_path / "pictures")
    assert page.merged("", text).rstrip() == page.merged(text, text).rstrip()
    before = "# Speed\n\n## In short\n\nold\n\n## kernels\n\nold figures\n\n## lan\n\nkept\n\n### too\n"
    now = page.merged(before, text)
    assert "old\n" not in now
    assert "old figures" not in now
    assert "\n## lan\n\nkept\n\n### too\n\n## operations\n" in now
    assert now.startswith(page.HEAD.rstrip())


def test_pictures_are_the_same_for_the_same_records(tmp_path: Path) -> None:
    some_results(tmp_path)
    records = json.loads((tmp_path / "operations.json").read_text(encoding="utf-8"))
    drawn = []
    for name in ("one.svg", "two.svg"):
        assert plots.draw(records, tmp_path / name)
        drawn.append((tmp_path / name).read_bytes())
    assert drawn[0] == drawn[1]
    assert b"4 \xc3\x97" in drawn[0]
    assert not plots.draw([asdict(Record("lonely", ours_s=0.5))], tmp_path / "none.svg")
    assert not (tmp_path / "none.svg").exists()


def test_sides_are_measured_in_turn() -> None:
    calls: list[str] = []

    def side(name: str, seconds: float) -> Any:
        def measured() -> list[Any]:
            calls.append(name)
            return [SimpleNamespace(side=name, seconds=seconds + len(calls), error=None)]

        return measured

    runs, missing = in_turn("w", {"ours": side("ours", 0), "other": side("other", 10)}, 3)
    assert calls == ["ours", "other"] * 3
    assert missing is None
    mine, others = by_side(runs, "ours")
    assert (middle(mine), largest(mine, "seconds"), middle(others["other"])) == (3.0, 5.0, 14.0)
    assert (middle([]), middle(mine, "error")) == (None, None)


def test_a_peer_that_is_missing_leaves_the_others() -> None:
    calls: list[str] = []

    def side(name: str) -> Any:
        def measured() -> list[Any]:
            calls.append(name)
            if name.startswith("gone"):
                raise PeerMissing("no registry")
            return [SimpleNamespace(side=name, seconds=1.0)]

        return measured

    runs, missing = in_turn("w", {name: side(name) for name in ("gone a", "gone b", "here")}, 2)
    assert calls == ["gone a", "here", "here"]
    assert [run.side for run in runs] == ["here", "here"]
    assert missing == "not measured: no registry"


def test_the_longest_of_three_limits_counts() -> None:
    rates = {"read": 1.0, "write": 1.0, "products": 100.0, "blocks": 10.0}
    needs = {"memory_s": 0.5, "products": 10, "blocks": 1}
    assert bound(needs, rates) == ("memory", 0.5)
    assert bound(needs | {"products": 100}, rates) == ("multiplier", 1.0)
    assert bound(needs | {"blocks": 20}, rates) == ("cipher", 2.0)
    assert bound(needs | {"blocks": 20}, rates | {"blocks": 0.0}) == ("memory", 0.5)


def test_every_kernel_of_the_table_runs() -> None:
    found = measure(KERNELS, scale=0.002, seconds=0.0)["kernels"]
    assert list(found) == list(KERNELS)
    for one in found.values():
        assert one["seconds"] >= 0.0
        assert one["read"] + one["written"] > 0


def test_when_a_process_fails_the_others_are_ended(tmp_path: Path) -> None:
    commands = {"good": ("sh", "-c", "exec sleep 60"), "bad": ("sh", "-c", "echo it is broken >&2; exit 3")}
    with pytest.raises(RuntimeError, match="bad failed:\nit is broken"):
        run_together(commands, tmp_path, seconds=50)
    with pytest.raises(RuntimeError, match="good took more than"):
        run_together({"good": ("sh", "-c", "exec sleep 60")}, tmp_path, seconds=0.1)
