"""Tape files: runs without a dealer, the format byte by byte, and every file that must not be used."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from coterie import mpc
from coterie.crypto import Identity, PublicIdentity
from coterie.errors import CoterieError
from coterie.mpc import Binding, Context, Dealing, Part, Program, Tape, TapeFile, TapeFiles, deal_ahead, peek
from coterie.mpc.tapefile import TapeHead
from coterie.mpc.tapefile_writer import file_name
from coterie.wire import local_meshes

from .rig import DEALER, NAMES, play
from .test_tape import inputs, training

JOB = Binding(job="0f" * 16, stage=1, plan="sha256:" + "ab" * 32)
STEP = "train"


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    homes: Path = tmp_path_factory.mktemp("homes")
    return {name: Identity.create(homes / name, name) for name in (*NAMES, DEALER, "mallory")}


def ahead(program: Program | None = None) -> Tape:
    return mpc.trace(program or training(), NAMES[:2], DEALER, (), "tape")


def parts_of(identities: Mapping[str, Identity], *tapes: Tape) -> dict[PublicIdentity, list[Part]]:
    return {
        identities[name].public: [Part.of(STEP, tape, name) for tape in tapes]
        for name in tapes[0].setting.parties
    }


def write(
    folder: Path,
    identities: Mapping[str, Identity],
    *tapes: Tape,
    binding: Binding = JOB,
    dealer: str = DEALER,
) -> dict[str, Path]:
    """Deal; gives each party's file."""
    parties = tapes[0].setting.parties
    with TapeFiles(folder, identities[dealer], binding, parts_of(identities, *tapes)) as files:
        for tape in tapes:
            deal_ahead(tape, files)
        return dict(zip(parties, files.finish(), strict=True))


_open: list[TapeFile] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes what :func:`opened` opened."""
    yield
    while _open:
        _open.pop().close()


def opened(path: Path, identities: Mapping[str, Identity], party: str = NAMES[0]) -> TapeFile:
    _open.append(TapeFile.open(path, identities[party], identities[DEALER].public))
    return _open[-1]


def from_files(folder: Path, identities: Mapping[str, Identity]) -> Callable[[Tape], Mapping[str, Dealing]]:
    def dealt(tape: Tape) -> Mapping[str, Dealing]:
        paths = write(folder, identities, tape)
        return {party: opened(path, identities, party).dealing(STEP, tape) for party, path in paths.items()}

    return dealt


# Runs


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("n", [40, 70_000])
def test_a_run_without_its_dealer(
    tmp_path: Path, identities: dict[str, Identity], count: int, n: int
) -> None:
    played = play(training(n), inputs(n), NAMES[:count], dealt=from_files(tmp_path, identities))
    streamed = mpc.trace(training(n), NAMES[:count], DEALER)
    assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}
    assert played.depths == dict(played.tape.rounds)
    assert set(played.meshes) == set(NAMES[:count])
    assert DEALER not in played.tape.sent
    for party in NAMES[:count]:
        assert DEALER not in played.tape.sent[party]
        assert played.tape.rounds[party] <= streamed.rounds[party]
    assert dict(played.tape.corrections) == dict(streamed.corrections)
    assert streamed.sent[DEALER][NAMES[count - 1]] == streamed.corrections[NAMES[count - 1]] + 48
    wanted = mpc.twin(training(n), NAMES[:count], inputs(n), "fixed").revealed["gradient"]
    got = played.outputs["lender"].revealed["gradient"]
    assert np.abs(got - wanted).max() < n * 4 * 2.0**-12


def test_guests_need_no_file_and_a_dealer_may_still_be_one(
    tmp_path: Path, identities: dict[str, Identity]
) -> None:
    def program(ctx: Context) -> None:
        x, y = (ctx.provided(name, name, (5,), 8.0) for name in ("bureau", DEALER))
        (product,) = ctx.truncate(x * y, frac=18)
        ctx.reveal(product, [DEALER, "bureau"], "product")

    given = {"bureau": np.arange(5.0), DEALER: np.array([-1.5, 2, 3, 0.25, -8])}
    played = play(program, given, guests=("bureau", DEALER), dealt=from_files(tmp_path, identities))
    for name in ("bureau", DEALER):
        np.testing.assert_allclose(
            played.outputs[name].revealed["product"], given["bureau"] * given[DEALER], atol=1e-5
        )
    assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}


def test_several_tapes_in_one_file(tmp_path: Path, identities: dict[str, Identity]) -> None:
    tapes = [ahead(training(n)) for n in (30, 50, 10)]
    paths = write(tmp_path, identities, *tapes)
    files = {party: opened(path, identities, party) for party, path in paths.items()}
    for n, tape in ((10, tapes[2]), (30, tapes[0])):
        dealings = {party: file.dealing(STEP, tape) for party, file in files.items()}
        played = play(training(n), inputs(n), dealt=lambda _, dealings=dealings: dealings)
        wanted = mpc.twin(training(n), NAMES[:2], inputs(n), "fixed").revealed["gradient"]
        assert np.abs(played.outputs["lender"].revealed["gradient"] - wanted).max() < n * 4 * 2.0**-12


def test_two_dealings_of_one_tape_have_nothing_in_common(
    tmp_path: Path, identities: dict[str, Identity]
) -> None:
    tape = ahead()
    files = [
        opened(write(tmp_path / name, identities, tape)["telecom"], identities, "telecom") for name in "ab"
    ]
    one, other = (file.dealing(STEP, tape) for file in files)
    assert one.serial != other.serial
    assert one.seed != other.seed
    size = tape.corrections["telecom"]
    first, second = (dealing.take("all", np.uint8, (size,)) for dealing in (one, other))
    assert (first == second).mean() < 0.05
    assert tape.corrections["lender"] == 0


def test_parts_of_two_dealings_do_not_run(tmp_path: Path, identities: dict[str, Identity]) -> None:
    def dealt(tape: Tape) -> Mapping[str, Dealing]:
        paths = {name: write(tmp_path / name, identities, tape)[name] for name in NAMES[:2]}
        return {name: opened(path, identities, name).dealing(STEP, tape) for name, path in paths.items()}

    played = play(training(), inputs(), dealt=dealt, raises=False)
    codes = {error.code for error in played.errors.values() if isinstance(error, CoterieError)}
    assert codes == {"CT-2148"}
    assert set(played.errors) == set(NAMES[:2])
    assert all(sum(targets.values()) == 32 + 16 + 16 + 16 for targets in played.sent().values())


def test_a_tape_and_how_it_is_dealt_go_together(tmp_path: Path, identities: dict[str, Identity]) -> None:
    tape, streamed = ahead(), mpc.trace(training(), NAMES[:2], DEALER)
    dealing = opened(write(tmp_path, identities, tape)["lender"], identities).dealing(STEP, tape)
    meshes = local_meshes([*NAMES[:2], DEALER])
    assert tape.digest != streamed.digest
    for wrong, given in ((tape, None), (streamed, dealing)):
        with pytest.raises(CoterieError, match="CT-2144"):
            mpc.run(training(), wrong, meshes["lender"], inputs(), correlations=given)
    with pytest.raises(CoterieError, match="CT-2109"):
        mpc.deal(tape, meshes[DEALER])
    with pytest.raises(CoterieError, match="CT-2109"):
        write(tmp_path, identities, streamed)


# The format


def test_the_format_by_other_means(tmp_path: Path, identities: dict[str, Identity]) -> None:
    """Read as docs/formats/tapes.md says, without this project's code."""
    tape = ahead(training(70_000))
    path = write(tmp_path, identities, tape)["telecom"]
    data = path.read_bytes()
    assert data[:16] == b"coterie tape v1\n"
    (size,) = struct.unpack("<I", data[16:20])
    head = json.loads(data[20 : 20 + size])
    assert head["parts"] == [{"step": STEP, "tape": tape.digest, "corrections": tape.corrections["telecom"]}]
    assert (head["job"], head["stage"], head["plan"]) == (JOB.job, 1, JOB.plan)
    key = bytes.fromhex(head["dealer"]["key"])
    assert key.hex() == identities[DEALER].public.key
    whole = hashlib.sha256(data[:-64]).digest()
    Ed25519PublicKey.from_public_bytes(key).verify(data[-64:], b"coterie/tape/v1\0" + whole)

    pem = load_pem_private_key(identities["telecom"].key_path.read_bytes(), None)
    scalar = hashlib.sha512(pem.private_bytes_raw()).digest()[:32]  # type: ignore[union-attr]
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    body = 20 + size
    info = b"coterie/tape/v1\0" + data[20:body]
    secret = suite.decrypt(data[body : body + 80], X25519PrivateKey.from_private_bytes(scalar), info)
    plain, segments = b"", data[body + 80 : -64]
    for number, start in enumerate(range(0, len(segments), 2**18 + 16)):
        last = start + 2**18 + 16 >= len(segments)
        nonce = number.to_bytes(11, "big") + bytes([last])
        plain += AESGCM(secret).decrypt(nonce, segments[start : start + 2**18 + 16], None)
    assert len(plain) == 16 + tape.corrections["telecom"]
    dealing = opened(path, identities, "telecom").dealing(STEP, tape)
    assert dealing.seed == plain[:16]
    assert dealing.take("all", np.uint8, (len(plain) - 16,)).tobytes() == plain[16:]
    assert dealing.serial.hex() == head["serial"]


def test_files_are_for_their_owners_alone_and_have_the_size_that_the_head_says(
    tmp_path: Path, identities: dict[str, Identity]
) -> None:
    paths = write(tmp_path / "new" / "folder", identities, ahead())
    for party, path in paths.items():
        assert path.name == f"{'0f' * 6}-stage-1-{party}.tape" == file_name(JOB, party)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_size == peek(path).file_size
        assert peek(path).party.name == party
    assert len({peek(path).serial for path in paths.values()}) == 1


def test_reading_is_not_bound_to_the_file_in_memory(tmp_path: Path, identities: dict[str, Identity]) -> None:
    import tracemalloc

    tape = ahead(lambda ctx: ctx.keep(ctx.truncate(ctx.zeros((1_000_000,), 36), frac=18)[0], "x"))
    path = write(tmp_path, identities, tape)["telecom"]
    assert path.stat().st_size > 16_000_000
    tracemalloc.start()
    dealing = opened(path, identities, "telecom").dealing(STEP, tape)
    for _ in range(4):
        dealing.take("some", np.uint64, (100_000,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000


# Files that must not be used


def altered(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def body(path: Path) -> int:
    return 20 + int(struct.unpack("<I", path.read_bytes()[16:20])[0])


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (lambda path: 0, "CT-2140"),  # magic
        (lambda path: 18, "CT-2140"),  # a head of 64 KiB more
        (lambda path: 20, "CT-2140"),  # no JSON
        (lambda path: body(path) - 40, "CT-2141"),  # another tape
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


def test_a_file_that_is_not_there(tmp_path: Path, identities: dict[str, Identity]) -> None:
    for call in (lambda: peek(tmp_path / "x"), lambda: opened(tmp_path / "x", identities)):
        with pytest.raises(CoterieError, match="CT-1122"):
            call()


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


def test_a_head_is_public_and_shows_no_secret() -> None:
    assert set(TapeHead.model_fields) == {
        *("version", "job", "stage", "plan", "dealer", "party", "serial", "created", "parts")
    }
