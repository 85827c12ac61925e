"""Tape files for tests: dealt, opened, closed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

from coterie import mpc
from coterie.crypto import Identity, PublicIdentity
from coterie.mpc import Binding, Dealing, Part, Program, Tape, TapeFile, TapeFiles, deal_ahead

from .rig import DEALER, NAMES
from .test_tape import training

JOB = Binding(job="0f" * 16, stage=1, plan="sha256:" + "ab" * 32)
STEP = "train"


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


def close_all() -> None:
    """Close what :func:`opened` opened."""
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


def body(path: Path) -> int:
    """Where the sealed key begins."""
    return 20 + int(struct.unpack("<I", path.read_bytes()[16:20])[0])
