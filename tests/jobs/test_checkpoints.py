"""Jobs that are broken in the middle and go on: results as of a run that nothing has disturbed, nothing used
twice.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from coterie.data import Scratch
from coterie.fl import MeshSums
from coterie.jobs import CANCELLED, Assignment, checkpoint_folder, derive_plan, last_common, marks
from coterie.jobs.checkpoints import Checkpoints, Reached
from coterie.jobs.journal import Journal
from coterie.jobs.saved_state import Reader, Unsavable, Writer
from coterie.mpc.seeds import SeedBook

from . import banks, test_learners
from .conftest import Bench, make_bench

KILLED = CANCELLED
"""As good as any: it is raised in the middle of a step."""


def broken(made: Bench, *breaks: tuple[str, str]) -> list[str | None]:
    """Run a job in attempts, each of which a party ends in a step; gives the marks that they go on from."""
    participants = derive_plan(made.proposal, made.terms).participants
    gone_on: list[str | None] = []
    for attempt in range(len(breaks) + 1):
        kept = [marks(checkpoint_folder(made.folder / name)) for name in participants]
        mark = last_common(kept) if attempt else None
        gone_on.append(mark)
        for recorder in made.recorders.values():
            recorder.cancel_at = None
        if attempt < len(breaks):
            party, step = breaks[attempt]
            made.recorders[party].cancel_at, made.recorders[party].cancelled = step, KILLED("")
        made.errors.clear()
        told = {"keeps": True, "attempt": attempt, "mark": mark}
        made.run(lambda _, one, told=told: Assignment.model_validate({**one.model_dump(), **told}))  # type: ignore[misc]
        if attempt < len(breaks):
            # The others, too, but where they are through: then they go back with it.
            assert made.errors[party].code == KILLED.code
    assert not made.errors, made.errors
    return gone_on


def contents(made: Bench, *left_out: str) -> dict[tuple[str, str], str]:
    """Digests of all results by party and name."""
    return {
        (party, name): hashlib.sha256(path.read_bytes()).hexdigest()
        for party, recorder in made.recorders.items()
        for name, path in recorder.files.items()
        if not any(word in name for word in left_out)
    }


class Used:
    """All that hides values, over all attempts: of which seed which stream, of which sum which keys."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.books: list[SeedBook] = []
        self.sums: list[bytes] = []
        made, begun = SeedBook.__init__, MeshSums.__init__

        def book(this: SeedBook, seeds: dict[str, bytes]) -> None:
            made(this, seeds)
            self.books.append(this)

        def sums(this: MeshSums, *given: Any) -> None:
            begun(this, *given)
            self.sums.extend(this._run.pairs.values())
            self.sums.append(this._run.secret)

        patch.setattr(SeedBook, "__init__", book)
        patch.setattr(MeshSums, "__init__", sums)

    def check(self, sharing: int) -> None:
        """Each seed is in one run of a tape, in which a book lets no stream be used for two things.

        :param sharing: participants that have a secret in common, at most.
        """
        streams = Counter(
            (book._seeds[label], number) for book in self.books for label, number in book.claims
        )
        assert all(count <= sharing for count in streams.values())
        assert all(count <= sharing for count in Counter(self.sums).values())
        assert streams or self.sums


def test_a_secure_job_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = Used(monkeypatch)
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = make_bench(tmp_path / "whole")
    whole.run()
    assert not whole.errors
    parts = make_bench(tmp_path / "parts")
    breaks = ("lender", "align"), ("payments", "standardize"), ("hub", "logistic"), ("lender", "evaluate")
    first, second, *others = broken(parts, *breaks)
    assert first is None
    assert second is None, "nobody had done a step"
    assert all(mark is not None for mark in others)
    assert len(set(others)) == len(others)
    used.check(3)
    found, expected = (
        json.loads(one.recorders["lender"].files["evaluate/metrics.json"].read_bytes())
        for one in (parts, whole)
    )
    assert found.keys() == expected.keys()
    assert found["joint"]["auc"] == pytest.approx(expected["joint"]["auc"], abs=1e-3)
    # What was done is not done again, and each attempt's reveals are in the ledger.
    ran = [body["step"] for body in parts.recorders["payments"].bodies("egress")]
    assert ran.count("fill") == 1
    assert ran.count("logistic") == 2


def test_sums_of_banks_go_on_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = Used(monkeypatch)
    steps = [
        "stack",
        {"split": {"test": 0.3}},
        "standardize",
        {"logistic": {"passes": 4}},
        "evaluate",
        "report",
    ]
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = banks.make_bench(tmp_path / "whole", steps=steps)
    whole.run()
    parts = banks.make_bench(tmp_path / "parts", steps=steps)
    marks_of = broken(parts, ("hub", "standardize"), ("west", "evaluate"), ("east", "report"))
    assert marks_of[1] is not None
    assert len(set(marks_of)) == 4
    used.check(2 * len(banks.BANKS))
    # A report says of which job it is, and when.
    assert contents(parts, "report") == contents(whole, "report")
    assert contents(parts)


def test_one_party_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    columns = test_learners.FEATURES
    steps = ["align", "split", test_learners.BOOSTING, "evaluate"]
    whole = test_learners.ran(tmp_path / "whole", steps, columns)
    parts = Bench(tmp_path / "parts", whole.terms, whole.proposal, whole.specs, whole.recorders)
    expected = contents(whole)
    for step in ("boosting", "evaluate"):
        whole.recorders["lender"].files.clear()
        assert broken(parts, ("lender", step))[1] is not None
        whole.recorders["lender"].files |= {
            f"{path.parent.name}/{path.name}": path
            for path in (tmp_path / "parts").glob("lender/results/*/*")
        }
        assert contents(parts) == expected

    kept = checkpoint_folder(tmp_path / "parts" / "lender")
    last = marks(kept)[-1]
    source = tmp_path / "whole" / "customers.csv"
    source.write_text(source.read_text() + "K9999,1,30,3.5,clerk\n")
    again = {"keeps": True, "attempt": 2, "mark": last}
    parts.run(lambda _, one: Assignment.model_validate({**one.model_dump(), **again}))
    assert parts.errors["lender"].code == "CT-4070"


def test_only_steps_of_one_attempt_are_common() -> None:
    assert last_common([("a", "b", "c"), ("a", "b")]) == "b"
    assert last_common([("a", "b", "d"), ("a", "b", "c")]) == "b"
    assert last_common([("a", "b"), ()]) is None
    assert last_common([("x", "b"), ("a", "b")]) == "b"


def test_what_is_kept_is_what_was_there(tmp_path: Path) -> None:
    folder, numbers = tmp_path / "checkpoints", np.asfortranarray(np.arange(12.0).reshape(3, 4))
    table = pa.table({"a": pa.array([1.5, None, -0.0]), "b": pa.array(["x", "", None], pa.large_string())})
    state = {
        "numbers": numbers,
        "empty": np.empty((0, 4), np.int8),
        "one": np.float32(0.1),
        "table": table,
        "none": table.select([]),
        "plain": (None, True, 2**70, float("-inf"), b"\0", frozenset({3}), [1, (2,)]),
        "scratch": Scratch(tmp_path),
        "reached": Reached(1, "align", 0, 0, None, ()),
        ("all", "a"): "a key",
    }
    kept = Checkpoints(folder, "sha256:plan")
    first = Reached(1, "align", 0, 0, None, ())
    kept.save(first, state)
    size = sum(path.stat().st_size for path in folder.iterdir())
    kept.save(Reached(2, "split", 0, 0, None, ()), state | {"more": np.ones(3)})
    assert (folder.stat().st_mode & 0o777, {path.stat().st_mode & 0o777 for path in folder.iterdir()}) == (
        0o700,
        {0o600},
    )
    both = marks(folder)
    assert len(both) == 2
    scratch = Scratch(tmp_path)
    reached, found = Checkpoints(folder, "sha256:plan").load(both[1], scratch)
    assert (reached.number, reached.step) == (2, "split")
    assert found["numbers"].flags.f_contiguous
    assert (found["numbers"] == numbers).all()
    assert found["numbers"].flags.writeable
    assert found["empty"].shape == (0, 4)
    assert (found["one"], found["one"].dtype) == (np.float32(0.1), np.float32)
    assert found["table"].equals(table)
    assert found["none"].num_rows == 3
    assert (found["plain"], found["reached"], found["scratch"]) == (state["plain"], first, scratch)
    assert found["all", "a"] == "a key"

    # Behind the step that a run goes on from nothing is left: it would not fit to what comes.
    Checkpoints(folder, "sha256:plan").load(both[0], scratch)
    assert marks(folder) == both[:1]
    place = next(folder.iterdir())
    assert place.stat().st_size == size
    whole = place.read_bytes()
    for at in (3, 60, len(whole) - 80):
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Exception, match="CT-4022"):
            Checkpoints(folder, "sha256:plan").load(both[0], scratch)
    place.write_bytes(whole)
    with pytest.raises(Exception, match="CT-4022"):
        Checkpoints(folder, "sha256:other").load(both[0], scratch)


def test_what_cannot_be_kept_is_left_out_and_nothing_foreign_is_made(tmp_path: Path) -> None:
    for strange in (object(), lambda: 0, np.array([object()]), tmp_path.open, json.JSONDecoder):
        with pytest.raises(Unsavable):
            Writer(lambda content: "").node({"x": strange})
    kept = Checkpoints(tmp_path / "checkpoints", "sha256:plan")
    kept.save(Reached(1, "align", 0, 0, None, ()), {"x": object()})
    kept.save(Reached(2, "split", 0, 0, None, ()), {"x": 1})
    assert marks(tmp_path / "checkpoints") == ()  # without a gap
    for name in ("os:system", "subprocess:Popen", "coterie.jobs.checkpoints:os", "coterie.jobs.run:shutil"):
        with pytest.raises((ValueError, KeyError)):
            Reader(lambda name: pa.py_buffer(b""), None).value(["object", name, ["dict"]])


def test_a_line_that_a_crash_has_cut_is_taken_away(tmp_path: Path) -> None:
    place = tmp_path / "journal.jsonl"
    Journal(place).append("begin", step="align")
    with place.open("ab") as file:
        file.write(b'{"event":"end","st')
    Journal(place).append("start")
    assert [entry["event"] for entry in Journal(place).entries()] == ["begin", "start"]
