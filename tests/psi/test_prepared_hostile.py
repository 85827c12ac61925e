"""Prepared tables and answers that are not what they should be."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from coterie import psi
from coterie._kernels import ristretto_mul, voprf_prove
from coterie.crypto import Identity, canonical
from coterie.errors import CoterieError, PeerMisbehaved
from coterie.psi.prepared_table import DOMAIN, MAGIC, TableHead
from coterie.wire import Mesh
from tests.psi.pair import play
from tests.psi.tables import BINDING, KEY, OWNER, hashes, made

Head = dict[str, Any]


def refused(path: Path, target: Path, **changed: object) -> str:
    """The code that taking the table in is refused with; nothing is left at the target."""
    binding = BINDING.model_copy(update={name: value for name, value in changed.items() if name != "owner"})
    owner = cast("Identity", changed.get("owner", OWNER))
    with pytest.raises(CoterieError) as caught:
        psi.take_table(path, target, binding, owner.public)
    assert not list(target.parent.glob(f"*{target.name}*"))
    return caught.value.code


def forged(path: Path, head: Head | None = None, body: bytes | None = None) -> Path:
    """The table with another head or body, signed by its owner anew."""
    real = psi.peek_table(path)
    content = path.read_bytes()
    data = canonical({**real.model_dump(mode="json"), **(head or {})})
    rest = content[real.start : -64] if body is None else body
    whole = MAGIC + struct.pack("<I", len(data)) + data + rest
    path.write_bytes(whole + OWNER.sign(DOMAIN, hashlib.sha256(whole).digest()))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return made(tmp_path, range(300))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "taken-in"


def test_a_forgery_of_nothing_is_a_table(path: Path, target: Path) -> None:
    assert psi.take_table(forged(path), target, BINDING, OWNER.public).entries == 300


@pytest.mark.parametrize("size", [0, 10, 16, 17, 19, 21, 200])
def test_a_table_that_ends_early(path: Path, target: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
    assert refused(path, target) == ("CT-2030" if size < 17 else "CT-2031")


def test_a_byte_too_few_and_too_many(path: Path, target: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert refused(path, target) == "CT-2031"
    path.write_bytes(whole + b"\0")
    assert refused(path, target) == "CT-2032"
    with pytest.raises(CoterieError) as caught:
        psi.PreparedTable.open(path)
    assert caught.value.code == "CT-2032"


def test_every_part_is_signed(path: Path, target: Path) -> None:
    whole, head = path.read_bytes(), psi.peek_table(path)
    for place in (head.start, head.start + 300 * head.rest, len(whole) - 65, len(whole) - 1):
        other = bytearray(whole)
        other[place] ^= 1
        path.write_bytes(other)
        assert refused(path, target) == "CT-2032"


@pytest.mark.parametrize(
    "head",
    [
        {"version": 2},
        {"entries": 0},
        {"entries": 2**40},
        {"entries": 1.5},
        {"entries": "300"},
        {"width": 17},
        {"width": 8},  # enough for nothing: 40 + 9 + 20 bits are needed
        {"bucket": 3},
        {"bucket": -1},
        {"table": "zz"},
        {"table": "AB" * 32},
        {"lookups": 0},
        {"lookups": 2**50},
        {"created": "now"},
        {"owner": {"name": "bank", "key": "00"}},
        {"owner": {"name": "../bank", "key": "00" * 32}},
        {"more": 1},
    ],
)
def test_heads_of_another_form(path: Path, target: Path, head: Head) -> None:
    assert refused(forged(path, head), target) == "CT-2030"


def test_a_head_is_bounded_and_canonical_before_it_is_read(path: Path, target: Path) -> None:
    path.write_bytes(MAGIC + struct.pack("<I", 2**32 - 1) + b"{}")
    assert refused(path, target) == "CT-2030"
    real = canonical(TableHead.model_validate(psi_head(path.parent)))
    loose = real.replace(b":", b": ", 1)
    path.write_bytes(MAGIC + struct.pack("<I", len(loose)) + loose)
    assert refused(path, target) == "CT-2030"


def psi_head(folder: Path) -> Head:
    return psi.peek_table(made(folder, range(3))).model_dump()


@pytest.mark.parametrize("head", [{"entries": 301}, {"entries": 1 << 36, "width": 13}, {"bucket": 2}])
def test_a_head_of_another_size_than_the_file(path: Path, target: Path, head: Head) -> None:
    """What would need terabytes is refused by the file's size, before anything is made for it."""
    assert refused(forged(path, head), target) == "CT-2031"


def test_tags_out_of_order_and_twice(path: Path, target: Path) -> None:
    head = psi.peek_table(path)
    content = path.read_bytes()
    rows = [content[head.start + head.rest * row :][: head.rest] for row in range(300)]
    index = content[head.start + 300 * head.rest : -64]
    for wrong in ([*rows[1:], rows[0]], [rows[0], *rows[:-1]], [rows[1], rows[0], *rows[2:]]):
        assert refused(forged(path, body=b"".join(wrong) + index), target) == "CT-2032"


def test_order_is_looked_at_across_pieces(path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coterie.psi.prepared_table.PIECE", 100)
    assert psi.take_table(path, target, BINDING, OWNER.public).entries == 300
    target.unlink()
    head, content = psi.peek_table(path), path.read_bytes()
    start = head.start + 99 * head.rest
    body = bytearray(content[head.start : -64])
    at = start - head.start
    body[at : at + 2 * head.rest] = (
        content[start + head.rest : start + 2 * head.rest] + content[start : start + head.rest]
    )
    assert refused(forged(path, body=bytes(body)), target) == "CT-2032"


@pytest.mark.parametrize("limits", [[1, 300], [0, 299], [0, 301], [0, 2**64 - 1], [2**63, 300]], ids=str)
def test_an_index_that_is_none(path: Path, target: Path, limits: list[int]) -> None:
    head, content = psi.peek_table(path), path.read_bytes()
    body = content[head.start : head.start + 300 * head.rest] + struct.pack("<2Q", *limits)
    assert refused(forged(path, body=body), target) == "CT-2032"


def test_a_larger_index_that_goes_back(tmp_path: Path, target: Path) -> None:
    path = made(tmp_path, range(8192), chunk=8192)
    head, content = psi.peek_table(path), path.read_bytes()
    assert head.bucket == 1
    middle = head.start + 8192 * head.rest
    limits = np.frombuffer(content[middle:-64], "<u8").copy()
    limits[100], limits[101] = limits[101], limits[100]
    body = content[head.start : middle] + limits.tobytes()
    assert refused(forged(path, body=body), target) == "CT-2032"


def test_lookups_stay_inside_a_file_that_was_altered_later(tmp_path: Path) -> None:
    """Nobody checks at each start; numbers from the file are held within it."""
    path = made(tmp_path, range(8192), chunk=8192)
    head, content = psi.peek_table(path), bytearray(path.read_bytes())
    middle = head.start + 8192 * head.rest
    content[middle:-64] = b"\xff" * head.index
    path.write_bytes(content)
    with psi.PreparedTable.open(path) as table:
        assert table.holds(KEY.tags(hashes(range(50)), head.width)).shape == (50,)


def test_tables_for_something_else(path: Path, target: Path) -> None:
    assert refused(path, target, agreement="sha256:" + "00" * 32) == "CT-2033"
    assert refused(path, target, dataset="others") == "CT-2033"
    assert refused(path, target, lookups=1_000_001) == "CT-2033"
    assert refused(path, target, owner=Identity.in_memory("bank")) == "CT-2033"
    assert refused(path, target, owner=Identity.in_memory("shop")) == "CT-2033"


def test_another_owner_cannot_sign_for_this_one(path: Path, target: Path) -> None:
    head = psi.peek_table(path)
    content = path.read_bytes()[:-64]
    thief = Identity.in_memory("bank")
    path.write_bytes(content + thief.sign(DOMAIN, hashlib.sha256(content).digest()))
    assert refused(path, target) == "CT-2032"
    assert head == psi.peek_table(path)


def test_what_is_no_file(tmp_path: Path, target: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        assert refused(path, target) == "CT-1122"


def test_answers_by_another_key_are_refused(path: Path) -> None:
    other = psi.TableKey(bytes(32), BINDING)
    question = psi.Question.of(hashes([1, 2, 3]))
    head = psi.peek_table(path)
    answers, proof = KEY.answer(question.points)
    assert question.values(head.table, answers, proof, head.width).shape == (3, head.width)
    one_wrong = answers.copy()
    one_wrong[1] = ristretto_mul(answers[1:2], other._secret)[0]
    for wrong, shown in [
        other.answer(question.points),
        (other.answer(question.points)[0], proof),
        (answers, other.answer(question.points)[1]),
        (one_wrong, proof),
        (answers[[1, 0, 2]], proof),
        (answers[:2], proof),
        (answers, proof[:-1]),
        (answers, bytes(64)),
        # The RFC's proof of several pairs: errors could be sought that cancel.
        (answers, voprf_prove(KEY._secret, question.points, answers, bytes([7, *bytes(31)]))),
        (np.zeros_like(answers), proof),
        (np.full_like(answers, 255), proof),
    ]:
        with pytest.raises(CoterieError) as caught:
            question.values(head.table, np.ascontiguousarray(wrong), shown, head.width, party="bank")
        assert caught.value.code == "CT-2034"
        assert isinstance(caught.value, PeerMisbehaved)


def test_a_cheating_owner_ends_the_run_of_both(path: Path) -> None:
    cheat = psi.TableKey(bytes(32), BINDING)
    with psi.PreparedTable.open(path) as table:
        asked, answered, _ = play(
            lambda mesh: psi.ask(mesh.to("b"), table, hashes([1, 2])),
            lambda mesh: psi.answer(mesh.to("a"), cheat, 2),
        )
    assert asked.code == "CT-2034"
    assert answered is None or answered.code == "CT-2034"


@pytest.mark.parametrize("point", [bytes(32), b"\xff" * 32])
def test_questions_that_are_no_elements(point: bytes) -> None:
    """The identity, whose answer would be itself; and no element."""

    def hostile(mesh: Mesh) -> None:
        mesh.to("b").send_array("lookup/points", np.frombuffer(point * 2, np.uint8).reshape(2, 32))
        mesh.to("b").recv_array("lookup/answers", np.uint8, (2, 32))

    asked, answered, _ = play(hostile, lambda mesh: psi.answer(mesh.to("a"), KEY, 2))
    assert answered.code == "CT-2003"
    assert asked.code == "CT-2003"


def test_questions_are_bounded() -> None:
    for count in (0, 65537):
        with pytest.raises(CoterieError) as caught:
            KEY.answer(np.zeros((count, 32), np.uint8))
        assert caught.value.code == "CT-2006"
    for ids in (np.zeros((2, 31), np.uint8), np.zeros(32, np.uint8), np.zeros((2, 32), np.int64)):
        with pytest.raises(CoterieError) as caught:
            psi.Question.of(cast("Any", ids))
        assert caught.value.code == "CT-2006"
