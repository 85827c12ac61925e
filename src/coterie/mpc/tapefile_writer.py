"""Tape files at the dealer: all parties' files of one dealing, written side by side in constant memory."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import (
    Draft,
    Known,
    SealingStream,
    Signer,
    canonical,
    now,
    random_key,
    random_seed,
    seal_key,
    timestamp,
    write_error,
)
from coterie.mpc.corrections import Sink
from coterie.mpc.dealer import Dealer
from coterie.mpc.errors import BAD_ROLES, TAPE_OTHER, TAPE_SHORT, TAPE_THERE
from coterie.mpc.follower import Progress
from coterie.mpc.seeds import OWN, SERIAL, Entropy, SeedBook
from coterie.mpc.tape import KEEP, Tape
from coterie.mpc.tapefile import (
    DOMAIN,
    Binding,
    Named,
    Part,
    TapeHead,
    begin,
    info_of,
)

K = TypeVar("K", bound=Known)

SUFFIX = ".tape"


def file_name(binding: Binding, party: str) -> str:
    """What a dealer calls a party's file."""
    return f"{binding.job[:12]}-stage-{binding.stage}-{party}{SUFFIX}"


class Target(Protocol):
    """Where one file goes; :class:`coterie.crypto.Draft` is one, for files on a disk. Nothing of it is to be
    seen before it is published."""

    def write(self, data: bytes) -> object:
        """Append."""
        ...

    def settle(self) -> None:
        """All of it is written: it can be published, surely."""
        ...

    def publish(self) -> object:
        """Put it at its place."""
        ...

    def discard(self) -> None:
        """Take away what was not published."""
        ...


class TapeFolder:
    """The places of one dealing's files in a folder: all of them appear, or none. Errors of all methods:
    CT-1120, CT-1121 from the disk, CT-2149 where files of another dealing are there.
    """

    def __init__(self, folder: Path, binding: Binding) -> None:
        self._folder = folder
        self._binding = binding
        self._drafts: dict[Path, Draft] = {}

    def target(self, party: str) -> Draft:
        """Where the party's file goes until it is published."""
        place = self._folder / file_name(self._binding, party)
        _refuse_another(place)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(place, error) from error
        self._drafts[place] = Draft(place)
        return self._drafts[place]

    def publish(self) -> tuple[Path, ...]:
        """Put them at their places."""
        done: list[Path] = []
        try:
            for place, draft in self._drafts.items():
                _refuse_another(place)
                done.append(place)
                draft.publish()
        except BaseException:
            for place in done:
                place.unlink(missing_ok=True)
            raise
        return tuple(done)

    def discard(self) -> None:
        """Take away what was not published."""
        for draft in self._drafts.values():
            draft.discard()


class TapeFiles(Sink):
    """The files of one dealing. Nothing is at its place before :meth:`finish`. A context: what is not
    finished at its end is taken away."""

    def __init__(
        self,
        place: Path | Callable[[str], Target],
        signer: Signer,
        binding: Binding,
        parts: Mapping[K, Sequence[Part]],
    ) -> None:
        """:param place: folder for the files; or what gives the target of a party's file.
        :param signer: the dealer.
        :param parts: by compute party what its file holds, in order.

        Errors: CT-1120, CT-1121 from the disk, CT-1102 for a party that nothing can be sealed to, CT-2149
        where files of another dealing are in the folder.
        """
        self.serial = secrets.token_hex(SERIAL)
        self._files: dict[str, _File] = {}
        self._folder = TapeFolder(place, binding) if isinstance(place, Path) else None
        target = self._folder.target if self._folder is not None else place
        assert not isinstance(target, Path)
        try:
            for party, own in parts.items():
                head = TapeHead(
                    **binding.model_dump(),
                    dealer=Named.of(signer.public),
                    party=Named.of(party),
                    serial=self.serial,
                    created=timestamp(now()),
                    parts=tuple(own),
                )
                self._files[party.name] = _File(target(party.name), signer, head)
        except BaseException:
            self.abandon()
            raise

    @property
    def bodies(self) -> dict[str, bytes]:
        """By party, the SHA-256 of all bytes of its file before the signature, once they are finished."""
        return {party: file.body for party, file in self._files.items()}

    def begin(self, tape: Tape, seeds: Mapping[str, bytes]) -> None:
        """Go to the next part, which must be this tape's. Errors: CT-2144."""
        for party, file in self._files.items():
            file.begin(seeds[party], tape.digest)

    def put(self, party: str, tag: str, array: NDArray[Any]) -> None:
        """Errors: CT-1120, CT-1121, CT-2143 for a correction that the tape does not foresee."""
        plain = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        self._files[party].write(plain.reshape(-1).view(np.uint8).data, tag)

    def finish(self) -> tuple[Path, ...]:
        """Sign the files and put them at their places: all, or none. Gives the paths of those in a folder.
        Errors: CT-1120, CT-1121, CT-2143, CT-2149.
        """
        for file in self._files.values():
            file.seal()
        if self._folder is not None:
            return self._folder.publish()
        for file in self._files.values():
            file.target.publish()
        return ()

    def abandon(self) -> None:
        """Take away what is not finished."""
        for file in self._files.values():
            file.target.discard()
        if self._folder is not None:
            self._folder.discard()

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


def _refuse_another(place: Path) -> None:
    """One that another party's may have been handed out with already stays."""
    if os.path.lexists(place):
        raise TAPE_THERE(str(place))


class _File:
    """One party's file on its way."""

    def __init__(self, target: Target, signer: Signer, head: TapeHead) -> None:
        self.target = target
        self.body = b""
        self._signer = signer
        self._hash = hashlib.sha256()
        self._due = list(head.parts)
        self._left = 0
        key, data = random_key(), canonical(head)
        try:
            sealed = seal_key(head.party.name, head.party.key, key, info_of(data))
            self._stream = SealingStream(key, self._append)
            self._append(begin(data) + sealed)
        except BaseException:
            target.discard()
            raise

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
        self.body = self._hash.digest()
        self.target.write(self._signer.sign(DOMAIN, self.body))
        self.target.settle()

    def _end_part(self) -> None:
        if self._left:
            raise TAPE_SHORT(f"{self._left} planned bytes were not dealt")

    def _append(self, data: bytes) -> None:
        self.target.write(data)
        self._hash.update(data)
