"""Private arrays on disk: the same results to the last bit, bounded memory, nothing left behind."""

from __future__ import annotations

import os
import resource
import stat
import tempfile
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.mpc import Context, Program, trace, twin
from coterie.mpc.protocols import inputs as inputs_protocol
from coterie.mpc.protocols.product import by_blocks
from coterie.mpc.storage import BLOCK, HOLD, InMemory, OnDisk, Storage, Stored, places
from coterie.wire import local_meshes

from .rig import DEALER, NAMES, play
from .wiretap import tapped

ROWS = 330_000
"""Two blocks of own plaintext in 32 bits, and four of its masked form, at 5 columns."""
MIB = 1 << 20


@pytest.fixture
def reader() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def program(rows: int = ROWS, columns: int = 5) -> Program:
    """Every use of a private matrix: products, a sum of products, element by element, an addition."""

    def run(ctx: Context) -> None:
        mine, theirs = (ctx.private(f"x{i}", ctx.parties[i], (rows, columns), 4.0, frac=12) for i in (0, 1))
        wide = ctx.private("wide", ctx.parties[1], (rows, columns), 1e6, frac=20)
        w = ctx.zeros((columns,), 5) + ctx.private("w", ctx.parties[1], (columns,), 0.5, frac=5)
        z = ctx.dot([(mine, w), (theirs, w)])
        ctx.keep(z, "logits")
        ctx.keep(mine.T @ z, "gradient")
        ctx.keep(theirs * w, "scaled")
        ctx.keep(ctx.zeros((rows, columns)) + wide, "added")
        ctx.reveal(theirs.T @ z, ctx.parties, "total")

    return run


def values(rows: int = ROWS, columns: int = 5) -> dict[str, Any]:
    random = np.random.default_rng(11)
    return {
        "x0": random.uniform(-4, 4, (rows, columns)),
        "x1": random.uniform(-4, 4, (rows, columns)),
        "wide": random.uniform(-1e6, 1e6, (rows, columns)),
        "w": random.integers(-16, 17, columns) / 32,
    }


def test_where_arrays_lie_changes_nothing(tmp_path: Path) -> None:
    transcripts, kept = [], []
    for options in ({}, {"memory": 0, "folder": tmp_path}):
        meshes, sent = tapped(NAMES[:2])
        played = play(program(), values(), meshes=meshes, deterministic=True, run_options=options)
        assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}
        assert played.depths == dict(played.tape.rounds)
        transcripts.append(sent)
        kept.append({name: outputs.kept for name, outputs in played.outputs.items()})
    assert transcripts[0] == transcripts[1]
    for name, arrays in kept[0].items():
        for key, array in arrays.items():
            np.testing.assert_array_equal(array.words, kept[1][name][key].words)
    shares = [kept[1][name]["logits"].words for name in NAMES[:2]]
    given = values()
    np.testing.assert_allclose(
        (shares[0] + shares[1]).view(np.int64) / 2.0**17, (given["x0"] + given["x1"]) @ given["w"], atol=0.01
    )
    exact = twin(program(), NAMES[:2], given).revealed["total"]
    np.testing.assert_array_equal(played.result("total"), exact)


@given(
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 200),
    st.booleans(),
    st.sampled_from(["matmul", "matmul_t", "multiply"]),
    st.sampled_from([None, 1, 3]),
    st.integers(0, 2**32),
)
def test_products_by_blocks_are_products(
    rows: int, width: int, block: int, narrow: bool, operation: str, more: int | None, seed: int
) -> None:
    random = np.random.default_rng(seed)
    left = random.integers(-(2**31), 2**31, (rows, width), dtype=np.int64)
    if not narrow:
        left = left * 2**32 + 12345
    length = {"matmul": width, "matmul_t": rows, "multiply": width}[operation]
    shape = (length,) if more is None or operation == "multiply" else (length, more)
    right = random.integers(0, 2**64, shape, dtype=np.uint64)
    words = left.view(np.uint64)
    expected = {
        "matmul": lambda: words @ right,
        "matmul_t": lambda: words.T @ right,
        "multiply": lambda: words * right,
    }[operation]()
    with ThreadPoolExecutor(1) as executor:
        stored = OnDisk((rows, width), narrow, Path(tempfile.gettempdir()), executor, block)
        flat = (left.astype(np.int32) if narrow else words).reshape(-1)
        middle = flat.size // 2
        stored.write(0, flat[:middle])
        stored.write(middle, flat[middle:])
        np.testing.assert_array_equal(by_blocks(operation, stored, right, expected.shape), expected)
        np.testing.assert_array_equal(stored.read(1, flat.size), flat[1:])
        stored.close()


def test_what_is_in_memory_of_a_matrix_on_disk_is_two_blocks(tmp_path: Path, reader: Any) -> None:
    stored = OnDisk((64 * MIB // 32, 4), False, tmp_path, reader, BLOCK)
    tracemalloc.start()
    try:
        for start in range(0, stored.size, MIB):
            stored.write(start, np.arange(start, start + MIB, dtype=np.uint64))
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        total = by_blocks("matmul_t", stored, np.ones(stored.shape[0], np.uint64), (4,))
        read = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        stored.close()
    rows = stored.shape[0]
    assert total.tolist() == [4 * rows * (rows - 1) // 2 + column * rows for column in range(4)]
    assert written < 3 * 8 * MIB
    assert read < 8 * rows + 2 * BLOCK + MIB < 64 * MIB / 2


def test_a_consumer_that_stops_early_leaves_no_read_behind(tmp_path: Path, reader: Any) -> None:
    stored = OnDisk((100, 3), True, tmp_path, reader, 120)
    stored.write(0, np.arange(300, dtype=np.int32))
    blocks = stored.blocks()
    start, first = next(blocks)
    assert (start, first.shape) == (0, (10, 3))
    blocks.close()
    assert [start for start, _ in stored.blocks()] == list(range(0, 100, 10))
    stored.close()


def test_files_are_nameless_and_private_and_gone_after_the_run(tmp_path: Path) -> None:
    folder, seen = tmp_path / "work", []

    def look(_done: int, _total: int, _what: str) -> None:
        assert list(folder.iterdir()) == []
        seen.append(open_files(folder))

    options = {"memory": 0, "folder": folder, "progress": look}
    play(program(100), values(100), run_options=options)
    assert max(map(len, seen)) == 5  # of both parties: three of their own, two masked ones
    assert {mode for files in seen for mode in files.values()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert open_files(folder) == {}

    def fail(done: int, _total: int, _what: str) -> None:
        if done == 4:
            raise RuntimeError("the run ends here")

    played = play(program(100), values(100), raises=False, run_options=options | {"progress": fail})
    assert played.errors
    assert open_files(folder) == {}
    assert list(folder.iterdir()) == []


def open_files(folder: Path) -> dict[str, int]:
    """Rights of this process's open files that lie in ``folder``, by descriptor."""
    found = {}
    for link in Path("/proc/self/fd").iterdir():
        try:
            if str(link.readlink()).startswith(f"{folder}/"):
                found[link.name] = stat.S_IMODE(link.stat().st_mode)
        except OSError:  # closed meanwhile
            continue
    return found


def test_a_disk_without_room_ends_the_run_before_anything_is_sent(tmp_path: Path) -> None:
    meshes = local_meshes([*NAMES[:2], DEALER])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, hard))
    try:
        played = play(
            program(),
            values(),
            meshes=meshes,
            raises=False,
            run_options={"memory": 0, "folder": tmp_path},
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    codes = {error.code for error in played.errors.values() if isinstance(error, CoterieError)}
    assert codes == {"CT-1120"}
    assert "private array" in str(played.errors["lender"])
    assert played.sent().get("lender", {}) == {}
    assert open_files(tmp_path) == {}


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    tape = trace(program(), NAMES[:2], DEALER)
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CoterieError, match="CT-1121"), Storage(tape.instructions, "lender", 0, folder):
            pass


def test_a_file_that_is_cut_short_is_an_error_and_no_zeros(tmp_path: Path, reader: Any) -> None:
    stored = OnDisk((100, 3), False, tmp_path, reader, 240)
    stored.write(0, np.arange(300, dtype=np.uint64))
    (descriptor,) = open_files(tmp_path)
    os.truncate(int(descriptor), 2000)
    with pytest.raises(CoterieError, match="CT-2114"):
        by_blocks("matmul", stored, np.ones(3, np.uint64), (100,))
    with pytest.raises(CoterieError, match="CT-2114"):
        stored.whole()
    stored.close()


def test_matrices_beyond_the_budget_go_to_the_disk_and_vectors_never() -> None:
    def wide(ctx: Context) -> None:
        ctx.private("vector", ctx.parties[0], (5000,), 1e9)  # 40,000 bytes
        small = ctx.private("small", ctx.parties[0], (100, 10), 1.0)  # 4,000 in 32 bits
        large = ctx.private("large", ctx.parties[0], (1000, 10), 1.0)  # 40,000
        tiny = ctx.private("tiny", ctx.parties[0], (10, 10), 1.0)  # 400
        other = ctx.private("other", ctx.parties[1], (100, 10), 1.0)  # 8,000 masked
        ctx.mask(small, large, tiny, other)

    tape = trace(wide, NAMES[:2], DEALER)

    def found(party: str, memory: int) -> list[tuple[int, bool]]:
        return [(place.size, place.disk) for place in places(tape.instructions, party, memory)]

    assert found("lender", 45_000) == [
        (40_000, False),
        (4_000, False),
        (40_000, True),
        (400, False),
        (8_000, True),
    ]
    assert found("lender", 0)[0] == (40_000, False)
    assert all(disk for _, disk in found("lender", 0)[1:])
    assert found("telecom", 90_000) == [(4_000, False), (8_000, False), (80_000, True), (800, False)]


def test_the_plan_of_five_million_rows_fits_four_gigabytes() -> None:
    tape = trace(program(5_000_000, 25), NAMES[:2], DEALER)
    own, masked = 5_000_000 * 25 * 4, 5_000_000 * 25 * 8
    # telecom: own 32-bit, own 64-bit, and lender's masked one; only the first fits the budget
    assert own < HOLD < own + masked
    assert tape.disk == 2 * masked
    assert tape.memory < 4 << 30
    small = trace(program(1000, 25), NAMES[:2], DEALER)
    assert small.disk == 0


def test_masked_inputs_go_out_in_turn_with_coming_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parties who publish at once hold a few chunks of it at a time, and it stays one round."""
    monkeypatch.setattr(inputs_protocol, "CHUNK", 1000)
    meshes = local_meshes([*NAMES[:3], DEALER])
    waiting: list[int] = []

    class Watched(InMemory):
        def write(self, start: int, values: Any) -> None:
            waiting.append(max(pipe.unread for mesh in meshes.values() for pipe in mesh.inbound))  # type: ignore[attr-defined]
            super().write(start, values)

    new = Storage.new

    def watched(self: Storage, number: int) -> Stored:
        place = self._places[number]
        return new(self, number) if place.own else Watched(place.shape)

    monkeypatch.setattr(Storage, "new", watched)

    def publish(ctx: Context) -> None:
        ctx.mask(*(ctx.private(f"x{i}", ctx.parties[i], (4000, 10), 4.0) for i in range(3)))

    given = {f"x{i}": np.full((4000, 10), i) for i in range(3)}
    played = play(publish, given, NAMES[:3], meshes=meshes)
    assert played.depths == dict(played.tape.rounds)
    assert played.depths["lender"] == 2
    assert len(waiting) == 3 * 2 * 40
    # Threads take turns as they like: far from all 40 chunks, which is what matters.
    assert max(waiting) <= (2 * inputs_protocol.AHEAD + 2) * 8000
