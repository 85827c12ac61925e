"""Tape files that must not be used, and dealers that go wrong."""

from __future__ import annotations

import itertools
import json
import os
import resource
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.mpc import Part, TapeFiles, deal_ahead, peek, take_copy
from coterie.mpc.tapefile import TapeHead
from coterie.mpc.tapefile_writer import file_name

from .rig import DEALER, NAMES, play
from .tapefiles import JOB, STEP, ahead, body, opened, parts_of, write
from .test_tape import inputs, training

# Files that must not be used


def altered(path: Path, place: int) -> None:
    """Turn a bit; of a hexadecimal digit that nothing but the signature holds, one that leaves it a digit."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1 if data[place] not in b"af" else 3
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (lambda path: 0, "CT-2140"),  # magic
        (lambda path: 18, "CT-2140"),  # a head of 64 KiB more
        (lambda path: 20, "CT-2140"),  # no JSON
        (lambda path: body(path) - 40, "CT-2141"),  # another serial number
        (lambda path: body(path) + 0, "CT-2141"),  # the sealed key
        (lambda path: body(path) + 80, "CT-2141"),  # the first byte of the stream
        (lambda path: -65, "CT-2141"),  # the last
        (lambda path: -64, "CT-2141"),  # the signature
    ],
)
def test_an_altered_file(
    tmp_path: Path, identities: dict[str, Identity], place: Callable[[Path], int], code: str
) -> None:
    path = write(tmp_path, identities, ahead())["lender"]
    opened(path, identities).close()
    altered(path, place(path))
    with pytest.raises(CoterieError) as caught:
        opened(path, identities)
    assert caught.value.code in (code, "CT-2142")  # a longer head may also look like a file cut off


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, identities: dict[str, Identity]) -> Path:
    """A file of several segments."""
    return write(tmp_path_factory.mktemp("whole"), identities, ahead(training(12_000)))["telecom"]


def places(path: Path) -> st.SearchStrategy[int]:
    """Bytes of a file, every part of it as likely as the others."""
    size = path.stat().st_size
    edges = (0, 16, 20, body(path), body(path) + 80, size - 64, size)
    return st.one_of(*(st.integers(start, end - 1) for start, end in itertools.pairwise(edges)))


@given(st.data())
@settings(max_examples=100)
def test_no_bit_can_be_turned_and_no_end_cut_off(
    whole: Path,
    tmp_path_factory: pytest.TempPathFactory,
    identities: dict[str, Identity],
    data: st.DataObject,
) -> None:
    place, bit = data.draw(places(whole)), data.draw(st.integers(0, 7))
    content = bytearray(whole.read_bytes())
    content[place] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "changed.tape"
    for changed in (bytes(content), bytes(content[:place])):
        path.write_bytes(changed)
        with pytest.raises(CoterieError, match=r"^CT-214[01256] "):
            opened(path, identities, "telecom")


@pytest.mark.parametrize("left", [0.0, 0.3, 0.9, 1.0])
def test_a_file_that_is_not_whole(tmp_path: Path, identities: dict[str, Identity], left: float) -> None:
    path = write(tmp_path, identities, ahead())["telecom"]
    data = path.read_bytes()
    for count in (max(17, int(len(data) * left) - 1), 40):
        path.write_bytes(data[:count])
        with pytest.raises(CoterieError, match="CT-2142"):
            opened(path, identities, "telecom")
    path.write_bytes(data + b"\0")
    with pytest.raises(CoterieError, match="CT-2141"):
        opened(path, identities, "telecom")


def test_files_of_others(tmp_path: Path, identities: dict[str, Identity]) -> None:
    paths = write(tmp_path / "good", identities, ahead())
    with pytest.raises(CoterieError, match=r"CT-2145.*for telecom"):
        opened(paths["telecom"], identities, "lender")
    forged = write(tmp_path / "forged", identities, ahead(), dealer="mallory")["lender"]
    with pytest.raises(CoterieError, match=r"CT-2146.*mallory"):
        opened(forged, identities)
    # mallory's work under the dealer's name
    data = forged.read_bytes()
    names = [identities[name].public for name in ("mallory", DEALER)]
    head = json.loads(data[20 : body(forged)])
    head["dealer"] = {"name": names[1].name, "key": names[1].key}
    text = mpc_canonical(head)
    forged.write_bytes(data[:16] + struct.pack("<I", len(text)) + text + data[body(forged) :])
    with pytest.raises(CoterieError, match=r"CT-2141.*by hub"):
        opened(forged, identities)


def mpc_canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def test_a_file_for_another_job_stage_or_plan(tmp_path: Path, identities: dict[str, Identity]) -> None:
    tape = ahead()
    file = opened(write(tmp_path, identities, tape)["lender"], identities)
    parts = [Part.of(STEP, tape, "lender")]
    file.require(JOB, parts)
    for field, value in (("job", "1f" * 16), ("stage", 2), ("plan", "sha256:" + "cd" * 32)):
        with pytest.raises(CoterieError, match=f"CT-2144.*{field}"):
            file.require(JOB.model_copy(update={field: value}), parts)
    other = ahead(training(41))
    for wrong in (
        [],
        [*parts, parts[0]],
        [Part.of("score", tape, "lender")],
        [Part.of(STEP, other, "lender")],
    ):
        with pytest.raises(CoterieError, match="CT-2144"):
            file.require(JOB, wrong)
    for step, missing in (("score", tape), (STEP, other)):
        with pytest.raises(CoterieError, match="CT-2144"):
            file.dealing(step, missing)


def test_a_file_that_is_too_short_for_its_tape(tmp_path: Path, identities: dict[str, Identity]) -> None:
    tape = ahead()
    file = opened(write(tmp_path, identities, tape)["telecom"], identities, "telecom")
    part = Part.of(STEP, tape, "telecom")
    with pytest.raises(CoterieError, match="CT-2143"):
        file.require(JOB, [part.model_copy(update={"corrections": part.corrections + 8})])
    dealing = file.dealing(STEP, tape)
    dealing.take("most", np.uint8, (part.corrections - 7,))
    with pytest.raises(CoterieError, match=r"CT-2143.*'one more'"):
        dealing.take("one more", np.uint64, (1,))


def test_one_tape_may_be_dealt_for_two_runs(tmp_path: Path, identities: dict[str, Identity]) -> None:
    tape = ahead()
    paths = write(tmp_path, identities, tape, tape)
    files = {party: opened(path, identities, party) for party, path in paths.items()}
    seeds = set()
    for _ in range(2):
        dealings = {party: file.dealing(STEP, tape) for party, file in files.items()}
        seeds |= {dealing.seed for dealing in dealings.values()}
        played = play(training(), inputs(), dealt=lambda _, dealings=dealings: dealings)
        assert "gradient" in played.outputs["lender"].revealed
    assert len(seeds) == 4
    with pytest.raises(CoterieError, match="CT-2147"):
        files["lender"].dealing(STEP, tape)


def test_parts_may_be_read_by_turns(tmp_path: Path, identities: dict[str, Identity]) -> None:
    tapes = [ahead(training(n)) for n in (30, 50)]
    path = write(tmp_path, identities, *tapes)["telecom"]

    def read(by_turns: bool) -> list[bytes]:
        with opened(path, identities, "telecom") as file:
            if by_turns:
                dealings = [file.dealing(STEP, tape) for tape in tapes]
                return [dealing.seed + dealing.take("x", np.uint8, (99,)).tobytes() for dealing in dealings]
            return [
                dealing.seed + dealing.take("x", np.uint8, (99,)).tobytes()
                for dealing in (file.dealing(STEP, tape) for tape in tapes)
            ]

    assert read(by_turns=True) == read(by_turns=False)


def test_a_part_is_given_out_once(tmp_path: Path, identities: dict[str, Identity]) -> None:
    tape = ahead()
    with opened(write(tmp_path, identities, tape)["lender"], identities) as file:
        file.dealing(STEP, tape)
        with pytest.raises(CoterieError, match="CT-2147"):
            file.dealing(STEP, tape)


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, identities: dict[str, Identity]) -> None:
    """It is held open: what changes is the content behind the checks."""
    tape = ahead(training(70_000))
    path = write(tmp_path, identities, tape)["telecom"]
    dealing = opened(path, identities, "telecom").dealing(STEP, tape)
    with path.open("r+b") as file:
        file.seek(body(path) + 80 + 3 * 2**18)
        file.write(b"\0" * 100)
    dealing.take("first", np.uint8, (2**18,))
    with pytest.raises(CoterieError, match="CT-2141"):
        dealing.take("fourth", np.uint8, (3 * 2**18,))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"more": 1},
        {"parts": []},
        {"serial": "00"},
        {"stage": -1},
        {"parts": [{"step": STEP, "tape": JOB.plan, "corrections": -1}]},
    ],
)
def test_heads_that_are_none(tmp_path: Path, identities: dict[str, Identity], change: dict[str, Any]) -> None:
    path = write(tmp_path, identities, ahead())["lender"]
    data = path.read_bytes()
    head = json.loads(data[20 : body(path)]) | change
    for text in (mpc_canonical(head), json.dumps(head).encode()):
        path.write_bytes(data[:16] + struct.pack("<I", len(text)) + text + data[body(path) :])
        with pytest.raises(CoterieError, match="CT-2140"):
            peek(path)


@pytest.mark.parametrize("name", ["nothing", "pipe", "folder", "loop", "zero\0byte"])
def test_what_is_no_file(tmp_path: Path, identities: dict[str, Identity], name: str) -> None:
    """And nobody waits for a pipe's writer."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for call in (lambda: peek(tmp_path / name), lambda: opened(tmp_path / name, identities)):
        with pytest.raises(CoterieError, match="CT-1122"):
            call()


def test_a_copy_is_checked_and_no_longer_than_its_head_says(
    tmp_path: Path, identities: dict[str, Identity]
) -> None:
    path, target = write(tmp_path, identities, ahead())["telecom"], tmp_path / "copy"
    head, me, dealer = peek(path), identities["telecom"], identities[DEALER].public
    take_copy(path, target, head, me, dealer)
    assert target.read_bytes() == path.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CoterieError, match="CT-1121"):
        take_copy(path, target, head, me, dealer)  # nothing is written over
    for party in ("lender", "platform"):  # for another party; and one that has no part in it
        with pytest.raises(CoterieError, match="CT-2145"):
            take_copy(path, tmp_path / party, head, identities[party], dealer)
    with pytest.raises(CoterieError, match="CT-2146"):
        take_copy(path, tmp_path / "dealer", head, me, identities["mallory"].public)
    with pytest.raises(CoterieError, match=r"CT-2144.*exchanged"):
        take_copy(path, tmp_path / "other", head.model_copy(update={"stage": 7}), me, dealer)
    with path.open("ab") as file:
        file.truncate(2**42)
    with pytest.raises(CoterieError, match="CT-2141"):
        take_copy(path, tmp_path / "long", head, me, dealer)
    assert {one.name for one in tmp_path.iterdir() if one.stat().st_size < 2**42} == {
        "copy",
        peek(path).job[:12] + "-stage-1-lender.tape",
    }


# Dealers that go wrong


def test_nothing_is_there_before_all_is_dealt(tmp_path: Path, identities: dict[str, Identity]) -> None:
    one, other = ahead(), ahead(training(41))
    with TapeFiles(tmp_path, identities[DEALER], JOB, parts_of(identities, one, other)) as files:
        deal_ahead(one, files)
        with pytest.raises(CoterieError, match="CT-2143"):
            files.finish()
        with pytest.raises(CoterieError, match="CT-2144"):
            deal_ahead(one, files)
    assert not list(tmp_path.iterdir())


def test_a_dealer_cannot_write_more_or_less_than_the_tape_says(
    tmp_path: Path, identities: dict[str, Identity]
) -> None:
    tape = ahead()
    with TapeFiles(tmp_path, identities[DEALER], JOB, parts_of(identities, tape)) as files:
        files.begin(tape, dict.fromkeys(NAMES[:2], bytes(16)))
        files.put("telecom", "x", np.zeros(tape.corrections["telecom"] - 8, np.uint8))
        with pytest.raises(CoterieError, match="CT-2143"):
            files.put("telecom", "y", np.zeros(2))
        with pytest.raises(CoterieError, match="CT-2143"):
            files.put("lender", "y", np.zeros(1))
        with pytest.raises(CoterieError, match="CT-2143"):
            files.finish()
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written(tmp_path: Path, identities: dict[str, Identity]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CoterieError, match="CT-1121"):
        write(tmp_path / "file", identities, ahead())


def test_files_of_an_earlier_dealing_stay(tmp_path: Path, identities: dict[str, Identity]) -> None:
    """One of them may have been handed out, and those of another dealing do not go with it."""
    tape = ahead()
    paths = write(tmp_path, identities, tape)
    before = paths["lender"].read_bytes()
    paths["telecom"].unlink()
    with pytest.raises(CoterieError, match="CT-2149"):
        write(tmp_path, identities, tape)
    assert [path.name for path in tmp_path.iterdir()] == [paths["lender"].name]
    assert paths["lender"].read_bytes() == before


def test_all_files_come_to_their_places_or_none(tmp_path: Path, identities: dict[str, Identity]) -> None:
    tape = ahead()
    with TapeFiles(tmp_path, identities[DEALER], JOB, parts_of(identities, tape)) as files:
        deal_ahead(tape, files)
        last = tmp_path / file_name(JOB, "telecom")
        last.mkdir()  # somebody else has come meanwhile
        with pytest.raises(CoterieError, match="CT-2149"):
            files.finish()
    assert list(tmp_path.iterdir()) == [last]


def test_a_full_disk_leaves_nothing(tmp_path: Path, identities: dict[str, Identity]) -> None:
    tape = ahead(training(40_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, hard))
    try:
        with pytest.raises(CoterieError, match="CT-1120"):
            write(tmp_path, identities, tape)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_a_head_is_public_and_shows_no_secret() -> None:
    assert set(TapeHead.model_fields) == {
        *("version", "job", "stage", "plan", "dealer", "party", "serial", "created", "parts")
    }
