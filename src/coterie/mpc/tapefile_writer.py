"""Tape files at the dealer: all parties' files of one dealing, written side by side in constant memory."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import (
    Identity,
    PublicIdentity,
    SealingStream,
    canonical,
    now,
    random_key,
    random_seed,
    sync_directory,
    timestamp,
    write_error,
)
from coterie.mpc.corrections import Sink
from coterie.mpc.dealer import Dealer
from coterie.mpc.errors import BAD_ROLES, TAPE_OTHER, TAPE_SHORT, TAPE_THERE
from coterie.mpc.follower import Progress
from coterie.mpc.seeds import OWN, SERIAL, Entropy, SeedBook
from coterie.mpc.tape import KEEP, Tape
from coterie.mpc.tapefile import DOMAIN, LENGTH, MAGIC, Binding, Named, Part, TapeHead, info_of

SUFFIX = ".tape"


def file_name(binding: Binding, party: str) -> str:
    """What a dealer calls a party's file."""
    return f"{binding.job[:12]}-stage-{binding.stage}-{party}{SUFFIX}"


class TapeFiles(Sink):
    """The files of one dealing. Nothing is at its place before :meth:`finish`. A context: what is not
    finished at its end is taken away."""

    def __init__(
        self,
        directory: Path,
        identity: Identity,
        binding: Binding,
        parts: Mapping[PublicIdentity, Sequence[Part]],
    ) -> None:
        """:param identity: the dealer's.
        :param parts: by compute party what its file holds, in order.

        Errors: CT-1120, CT-1121 from the disk, CT-1102 for a party that nothing can be sealed to, CT-2149
        where files of another dealing are in the folder.
        """
        self.serial = secrets.token_hex(SERIAL)
        self._directory = directory
        self._files: dict[str, _File] = {}
        try:
            for party, own in parts.items():
                head = TapeHead(
                    **binding.model_dump(),
                    dealer=Named.of(identity.public),
                    party=Named.of(party),
                    serial=self.serial,
                    created=timestamp(now()),
                    parts=tuple(own),
                )
                place = directory / file_name(binding, party.name)
                self._files[party.name] = _File(place, identity, party, head)
        except BaseException:
            self.abandon()
            raise

    def begin(self, tape: Tape, seeds: Mapping[str, bytes]) -> None:
        """Go to the next part, which must be this tape's. Errors: CT-2144."""
        for party, file in self._files.items():
            file.begin(seeds[party], tape.digest)

    def put(self, party: str, tag: str, array: NDArray[Any]) -> None:
        """Errors: CT-1120, CT-1121, CT-2143 for a correction that the tape does not foresee."""
        plain = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        self._files[party].write(plain.reshape(-1).view(np.uint8).data, tag)

    def finish(self) -> tuple[Path, ...]:
        """Sign the files and put them at their places: all, or none. Errors: CT-1120, CT-1121, CT-2143,
        CT-2149.
        """
        for file in self._files.values():
            file.seal()
        done: list[Path] = []
        try:
            for file in self._files.values():
                done.append(file.publish())
        except BaseException:
            for path in done:
                path.unlink(missing_ok=True)
            raise
        return tuple(done)

    def abandon(self) -> None:
        """Take away what is not finished."""
        for file in self._files.values():
            file.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()


def deal_ahead(
    tape: Tape,
    files: TapeFiles,
    *,
    progress: Progress | None = None,
    keep: int = KEEP,
    entropy: Entropy = random_seed,
) -> None:
    """Deal all that ``tape`` asks for into tape files, with fresh seeds.

    :param keep: bytes of masks of private inputs to hold in memory.

    Errors: CT-2109 (a tape whose dealer is to be there), and those of :meth:`TapeFiles.put`.
    """
    if tape.setting.correlations != "tape":
        raise BAD_ROLES("the dealer of this tape deals while it is run", party=tape.setting.dealer)
    seeds = {party: entropy() for party in tape.setting.parties}
    files.begin(tape, seeds)
    dealer = Dealer(tape, files, keep)
    dealer.book = SeedBook(seeds | {OWN: entropy()})
    for _ in dealer.walk(progress):
        pass


class _File:
    """One party's file on its way."""

    def __init__(self, place: Path, identity: Identity, party: PublicIdentity, head: TapeHead) -> None:
        self._place = place
        self._refuse_another()
        self._identity = identity
        self._hash = hashlib.sha256()
        self._due = list(head.parts)
        self._left = 0
        key, data = random_key(), canonical(head)
        sealed = party.seal(key, info_of(data))
        self._draft = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise write_error(place, error) from error
        self._file = os.fdopen(descriptor, "wb")
        self._stream = SealingStream(key, self._append)
        self._append(MAGIC + LENGTH.pack(len(data)) + data + sealed)

    def begin(self, seed: bytes, tape: str) -> None:
        self._end_part()
        if not self._due or self._due[0].tape != tape:
            raise TAPE_OTHER(f"{tape} where {self._due[0].tape if self._due else 'nothing'} is due")
        self._stream.write(seed)
        self._left = self._due.pop(0).corrections

    def write(self, data: memoryview, tag: str) -> None:
        if len(data) > self._left:
            raise TAPE_SHORT(f"{tag!r} has {len(data)} bytes where {self._left} are planned")
        self._left -= len(data)
        self._stream.write(data)

    def seal(self) -> None:
        """All of it is on disk then, signed."""
        self._end_part()
        if self._due:
            raise TAPE_SHORT(f"{len(self._due)} tapes were not dealt")
        self._stream.finish()
        try:
            self._file.write(self._identity.sign(DOMAIN, self._hash.digest()))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise write_error(self._place, error) from error

    def _refuse_another(self) -> None:
        """One that another party's may have been handed out with already stays."""
        if os.path.lexists(self._place):
            raise TAPE_THERE(str(self._place))

    def publish(self) -> Path:
        """Put it at its place."""
        self._refuse_another()
        try:
            self._draft.rename(self._place)
            sync_directory(self._place.parent)
        except OSError as error:
            raise write_error(self._place, error) from error
        return self._place

    def abandon(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._draft.unlink()

    def _end_part(self) -> None:
        if self._left:
            raise TAPE_SHORT(f"{self._left} planned bytes were not dealt")

    def _append(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise write_error(self._place, error) from error
        self._hash.update(data)
