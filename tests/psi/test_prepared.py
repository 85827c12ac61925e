"""Prepared tables and questions to them, against Python sets and against plain integers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie import psi
from coterie.errors import CoterieError
from coterie.psi.prepared_making import MERGED, prepare
from coterie.psi.prepared_table import table_tag_bytes
from coterie.wire import Channel, Mesh
from tests.kernels import group
from tests.psi.pair import Recorder, Stream, play
from tests.psi.tables import BINDING, KEY, OWNER, hashes, made, make

# These change only when the protocol does: nodes with other ones do not understand each other.
GOLDEN_ASKER = "24c494c78e63d753560951354c793e615027fd2fb1448ccc7a9db20ae82fd9bc"
GOLDEN_OWNER = "ff890069f710c138da1ee1f6c19f8909e3289db98baa9d40a1657cde3c2d26ac"
GOLDEN_TABLE = "2218d64a7c5107f2267c0fef5e5e4d0ae6a75258a2f0d0269efe25791e9e523a"


def held(path: Path, names: list[object]) -> list[bool]:
    """By a question and its answer, as between two nodes."""
    with psi.PreparedTable.open(path) as table:
        question = psi.Question.of(hashes(names))
        values = question.values(table.head.table, *KEY.answer(question.points), table.head.width)
        return cast("list[bool]", table.holds(values).tolist())


@pytest.mark.parametrize("count", [1, 2, 255, 8192, 8193])
def test_a_table_holds_its_ids_and_no_others(tmp_path: Path, count: int) -> None:
    """With 8192 ids an index begins; 1 and 2 are the least."""
    path = made(tmp_path, range(count))
    asked: list[object] = [0, count - 1, count, -1, "0 ", "０", count // 2, 0]
    assert held(path, asked) == [name in set(range(count)) for name in asked[:4]] + [False, False, True, True]


@settings(max_examples=20, deadline=None)
@given(
    own=st.sets(st.text(max_size=3), min_size=1, max_size=40),
    asked=st.lists(st.text(max_size=3), min_size=1, max_size=40),
)
def test_lookups_agree_with_sets(
    tmp_path_factory: pytest.TempPathFactory, own: set[str], asked: list[str]
) -> None:
    path = made(tmp_path_factory.mktemp("table"), sorted(own), chunk=7)
    assert held(path, list(asked)) == [name in own for name in asked]


def test_search_finds_every_tag_at_every_size_of_buckets(tmp_path: Path) -> None:
    """Tables whose index has none, one and two leading bytes: every id by its tag, neighbours of tags not."""
    for count, bucket in [(100, 0), (9000, 1)]:
        path = made(tmp_path, range(count), chunk=4000)
        with psi.PreparedTable.open(path) as table:
            assert table.head.bucket == bucket
            tags = KEY.tags(hashes(range(count)), table.head.width)
            assert table.holds(tags).all()
            for step in (1, 255):
                near = tags.copy()
                near[:, -1] += step
                assert not table.holds(near).any()
            edges = np.stack([np.zeros(table.head.width, np.uint8), np.full(table.head.width, 255, np.uint8)])
            assert not table.holds(edges).any()
            assert table.holds(tags[:0]).shape == (0,)
            with pytest.raises(ValueError, match="shape"):
                table.holds(tags[:, :-1])


def test_an_index_of_two_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tables of two million ids have it."""
    monkeypatch.setattr("coterie.psi.prepared_making.bucket_bytes", lambda rows: 2)
    path = made(tmp_path, range(3000))
    assert psi.take_table(path, tmp_path / "taken", BINDING, OWNER.public).bucket == 2
    assert held(path, [0, 2999, 3000]) == [True, True, False]


def test_chunks_and_ranges_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes but for the time, however ids come and the merge is cut; repeated ids count once."""
    ids = hashes([*range(3000), *range(500)])
    contents = []
    monkeypatch.setattr("coterie.psi.prepared_making.RUN_ROWS", 700)
    for number, (chunk, merged) in enumerate([(3500, MERGED), (1, MERGED), (999, 64), (1 << 20, 1)]):
        monkeypatch.setattr("coterie.psi.prepared_making.MERGED", merged)
        if chunk == 1:
            parts = [ids[:1], ids[1:1], ids[1:]]
        else:
            parts = [ids[start : start + chunk] for start in range(0, len(ids), chunk)]
        path = tmp_path / f"{number}.table"
        head = prepare(parts, len(ids), KEY, BINDING, OWNER, path, tmp_path / "work")
        assert head.entries == 3000
        assert not (tmp_path / "work").exists()
        contents.append(path.read_bytes()[head.start : -64])
    assert len(set(contents)) == 1


def test_preparing_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = hashes(range(3000))
    chunks = [ids[:1000], ids[1000:2000], ids[2000:]]
    computed: list[int] = []

    class Counting(psi.TableKey):
        def tags(self, hashes: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
            computed.append(len(hashes))
            return super().tags(hashes, width)

    key = Counting(bytes(range(32)), BINDING)
    path, work = tmp_path / "table", tmp_path / "work"

    class StoppedError(Exception):
        pass

    def stop(done: int, total: int, what: str) -> None:
        assert total == 3000
        assert what == "preparing ids"
        if done == 2400:
            raise StoppedError

    monkeypatch.setattr("coterie.psi.prepared_making.RUN_ROWS", 1000)
    monkeypatch.setattr("coterie.psi.prepared_making.PIECE", 400)
    with pytest.raises(StoppedError):
        prepare(chunks, 3000, key, BINDING, OWNER, path, work, progress=stop)
    assert not path.exists()
    assert computed == [400, 400, 200, 400, 400, 200, 400]
    # Of what is there, one chunk is of other ids by now, and one run was cut.
    chunks[0] = hashes(range(5000, 6000))
    run = work / "000001.run"
    run.write_bytes(run.read_bytes()[:-1])
    prepare(chunks, 3000, key, BINDING, OWNER, path, work)
    assert sum(computed) == 2400 + 3000
    assert held(path, [0, 5000, 1500, 2500]) == [False, True, True, True]
    prepare([ids[:1000]], 1000, key, BINDING, OWNER, path, work)  # nothing of the old folder is left
    assert held(path, [0, 5000, 1500, 2500]) == [True, False, False, False]


@pytest.mark.parametrize("rows", [999, 1001])
def test_another_number_of_ids_than_said_is_refused(tmp_path: Path, rows: int) -> None:
    with pytest.raises(CoterieError) as caught:
        prepare([hashes(range(1000))], rows, KEY, BINDING, OWNER, tmp_path / "t", tmp_path / "work")
    assert caught.value.code == "CT-2035"
    assert not (tmp_path / "t").exists()


def test_a_table_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CoterieError) as caught:
        prepare([], 0, KEY, BINDING, OWNER, tmp_path / "t", tmp_path / "work")
    assert caught.value.code == "CT-2001"


@pytest.mark.parametrize(
    ("entries", "lookups"), [(1, 1), (100_000_000, 1_000_000), (1 << 36, 1 << 48), (3, 5)]
)
def test_tags_are_long_enough(entries: int, lookups: int) -> None:
    width = table_tag_bytes(entries, lookups)
    assert entries * lookups * 2**40 <= 2 ** (8 * width)
    assert width <= 16


def test_tags_behave_as_uniform_ones() -> None:
    """The bound rests on it: of 20000 · 64 pairs of different ids, 2^-16 agree in two bytes, give or take."""
    table = {row.tobytes() for row in KEY.tags(hashes(range(64)), 2)}
    others = KEY.tags(hashes(range(100, 20100)), 2)
    found = sum(row.tobytes() in table for row in others)
    assert 5 <= found <= 40  # 19.5 on average, standard deviation 4.4


def recorded(path: Path, names: list[object]) -> tuple[Recorder, Recorder, list[bool]]:
    recorders: dict[str, Recorder] = {}

    def channel(mesh: Mesh, peer: str) -> Channel:
        recorders[mesh.me] = Recorder(mesh).to(peer)
        return cast("Channel", recorders[mesh.me])

    with psi.PreparedTable.open(path) as table:

        def asking(mesh: Mesh) -> tuple[list[bool], int]:
            found = psi.ask(channel(mesh, "b"), table, hashes(names), random=Stream("a"))
            return found.tolist(), mesh.depth

        def answering(mesh: Mesh) -> int:
            psi.answer(channel(mesh, "a"), KEY, len(names), random=Stream("b"))
            return mesh.depth

        cost = psi.lookup_cost(len(names))
        one, two, meshes = play(asking, answering, (cost.asked, cost.answered))
    assert meshes["a"].egress()["align"]["b"].sent == cost.asked
    assert meshes["b"].egress()["align"]["a"].sent == cost.answered
    assert (one[1], two) == (psi.LOOKUP_ROUNDS_ASKER, psi.LOOKUP_ROUNDS_OWNER)
    return recorders["a"], recorders["b"], one[0]


def test_the_transcript_is_the_golden_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coterie.psi.prepared.BATCH", 8)
    path = made(tmp_path, range(100))
    asker, owner, found = recorded(path, list(range(90, 111)))
    assert found == [True] * 10 + [False] * 11
    assert (asker.digest(), owner.digest()) == (GOLDEN_ASKER, GOLDEN_OWNER)
    head = psi.peek_table(path)
    assert hashlib.sha256(path.read_bytes()[head.start : -64]).hexdigest() == GOLDEN_TABLE


def test_every_message_is_what_the_mathematics_says(tmp_path: Path) -> None:
    path = made(tmp_path, ["u", "v"])
    asker, owner, found = recorded(path, ["v", "x"])
    assert found == [True, False]
    assert [tag for tag, _ in asker.sent] == ["lookup/points"]
    assert [tag for tag, _ in owner.sent] == ["lookup/answers", "lookup/proof"]
    domain = b"HashToGroup-OPRFV1-\x01-ristretto255-SHA512"
    wide = Stream("a")(128)
    secret = int.from_bytes(KEY._secret, "little")
    for row, name in enumerate(["v", "x"]):
        blind = int.from_bytes(wide[64 * row : 64 * row + 64], "little") % group.ORDER
        element = group.derive(group.expand_message(hashes([name]).tobytes(), domain))
        assert (blind * element).encode() == asker.of("lookup/points")[row].tobytes()
        assert (secret * (blind * element)).encode() == owner.of("lookup/answers")[row].tobytes()
        whole = (
            b"\x00\x20" + hashes([name]).tobytes() + b"\x00\x20" + (secret * element).encode() + b"Finalize"
        )
        assert KEY.tags(hashes([name]), 64)[0].tobytes() == hashlib.sha512(whole).digest()


def test_no_id_and_no_hash_of_one_is_on_the_wire_or_in_the_table(tmp_path: Path) -> None:
    canary = "canary-13800138000"
    path = made(tmp_path, [canary, *range(20)])
    asker, owner, found = recorded(path, [canary, "absent"])
    assert found == [True, False]
    wire = b"".join(array.tobytes() for _, array in [*asker.sent, *owner.sent])
    for text in (canary.encode(), hashes([canary]).tobytes()[:8]):
        assert text not in wire
        assert text not in path.read_bytes()
    assert wire.count(KEY.tags(hashes([canary]), 6).tobytes()) == 0


def test_the_same_question_is_never_seen_twice() -> None:
    one, two = (psi.Question.of(hashes(["x", "x"])) for _ in range(2))
    assert len({row.tobytes() for question in (one, two) for row in question.points}) == 4


def test_a_large_question_has_a_proof_for_each_batch() -> None:
    cost = psi.lookup_cost(16385)
    assert (cost.asked, cost.answered) == (32 * 16385, 32 * 16385 + 128)


def test_keys_are_of_one_binding_and_say_nothing_of_themselves() -> None:
    other = psi.TableKey(bytes(range(32)), BINDING.model_copy(update={"lookups": 5}))
    assert other.table != KEY.table
    assert KEY._secret.hex() not in repr(KEY)
    with pytest.raises(CoterieError) as caught:
        psi.TableKey(b"short", BINDING)
    assert caught.value.code == "CT-2006"


def test_a_long_table_is_made_in_the_memory_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are asked for when those before them are on the disk, however small their chunks are."""
    monkeypatch.setattr("coterie.psi.prepared_making.RUN_ROWS", 1000)
    there: list[int] = []

    def chunks() -> Iterator[NDArray[np.uint8]]:
        for start in range(0, 5000, 500):
            there.append(len(list((tmp_path / "w").glob("*.run"))))
            yield hashes(range(start, start + 500))

    prepare(chunks(), 5000, KEY, BINDING, OWNER, tmp_path / "t", tmp_path / "w")
    assert there == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_owner_signs_what_was_made(tmp_path: Path) -> None:
    head = make(tmp_path / "t", hashes(range(5)))
    assert head.owner.name == "bank"
    assert head.binding == BINDING
    assert psi.take_table(tmp_path / "t", tmp_path / "taken", BINDING, OWNER.public) == head
    assert (tmp_path / "taken").read_bytes() == (tmp_path / "t").read_bytes()
