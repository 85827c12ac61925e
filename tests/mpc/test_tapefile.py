"""Tape files: runs without a dealer, the format byte by byte, and every file that must not be used."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from coterie import mpc
from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.mpc import Context, Dealing, Tape, peek
from coterie.mpc.tapefile_writer import file_name
from coterie.wire import local_meshes

from .rig import DEALER, NAMES, play
from .tapefiles import JOB, STEP, ahead, from_files, opened, write
from .test_tape import inputs, training

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
        write(tmp_path / "streamed", identities, streamed)


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
