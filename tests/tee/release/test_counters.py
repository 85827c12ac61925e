"""Counts on disk only grow, and what is damaged counts as nothing left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coterie.errors import CoterieError
from coterie.tee.release.counters import Allowance, FileCounters, MemoryCounters, Spent, in_job, one_more

GRANT = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
MOMENT = "2026-11-23T12:00:00Z"


def code(call: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(CoterieError) as caught:
        call(*arguments)
    return caught.value.code


def test_counts_are_kept(tmp_path: Path) -> None:
    counters = FileCounters(tmp_path / "counters")
    nothing = counters.spent(GRANT)
    assert (nothing.runs, nothing.last) == (0, None)
    counters.keep(one_more(nothing, MOMENT))
    again = FileCounters(tmp_path / "counters")
    assert again.spent(GRANT) == Spent(counted=GRANT, runs=1, last=MOMENT)
    assert again.spent(OTHER).runs == 0
    assert in_job(GRANT, OTHER) != in_job(OTHER, GRANT)


def test_counts_do_not_go_back(tmp_path: Path) -> None:
    counters = FileCounters(tmp_path)
    counters.keep(Spent(counted=GRANT, runs=2, last=MOMENT))
    assert code(counters.keep, Spent(counted=GRANT, runs=1, last=MOMENT)) == "CT-2282"
    assert code(counters.keep, Spent(counted=GRANT, runs=3, last="2026-11-23T11:59:59Z")) == "CT-2282"
    assert counters.spent(GRANT).runs == 2


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"x" * 10_000, Spent(counted=OTHER, runs=0, last=None).to_bytes()]
)
def test_a_damaged_count_is_no_count(tmp_path: Path, content: bytes) -> None:
    counters = FileCounters(tmp_path)
    (tmp_path / f"{GRANT[7:]}.json").write_bytes(content)
    assert code(counters.spent, GRANT) == "CT-2282"
    assert code(counters.keep, Spent(counted=GRANT, runs=9, last=MOMENT)) == "CT-2282"


def test_a_count_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / f"{GRANT[7:]}.json").mkdir()
    assert code(FileCounters(tmp_path).spent, GRANT) == "CT-2282"
    assert code(FileCounters, tmp_path / "no" / "folder") == "CT-1121"


def test_an_allowance() -> None:
    spent = Spent(counted=GRANT, runs=1, last=MOMENT)
    Allowance(GRANT, 2, 60).check(spent, AT + timedelta(seconds=60))
    assert code(Allowance(GRANT, 1, 0).check, spent, AT) == "CT-2280"
    assert code(Allowance(GRANT, 2, 60).check, spent, AT + timedelta(seconds=59)) == "CT-2281"
    assert code(Allowance(GRANT, 2, 2**40).check, spent, AT) == "CT-2281"
    assert code(Allowance(GRANT, 2, 0).check, spent, AT - timedelta(seconds=1)) == "CT-2283"


def test_counts_in_memory_only_grow() -> None:
    counters = MemoryCounters()
    assert counters.spent("sha256:" + "1" * 64).runs == 0
    once = Spent(counted="sha256:" + "1" * 64, runs=2, last="2026-11-22T20:00:00Z")
    counters.keep(once)
    counters.keep(once.model_copy(update={"runs": 1, "last": None}))
    assert counters.spent(once.counted) == once
