"""What a party keeps after each step of a job, so that another attempt goes on there.

A file for each step in ``jobs/<id>/checkpoints/``, mode 0600, written whole or not at all::

    coterie.checkpoint/1, a newline | u32 length | JSON | SHA-256 of it | arrays and columns

Each array begins at a multiple of 64 bytes behind the first one, which does so in the file.

The JSON says what the file is of, and holds the state (:mod:`coterie.jobs.saved_state`); arrays are named by
their SHA-256 and lie in the file of the step that first had them, so that what a step leaves as it was is not
written again. The file's name is the step's number and its *mark*: a digest of what is public of the run so
far, the attempt in which the step ran among it. Parties can go on from a step where all have the same mark:
shares that were made in different attempts do not fit together.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from coterie.crypto import Draft, canonical, read_at_most, sync_directory, write_error
from coterie.data import Scratch
from coterie.errors import CoterieError

from .errors import ARTEFACT_DAMAGED
from .saved_state import Reader, Unsavable, Writer

__all__ = ["Checkpoints", "Reached", "last_common", "mark_of", "marks", "step_number"]

log = logging.getLogger("coterie.jobs")

_MAGIC = b"coterie.checkpoint/1\n"
_ALIGNMENT = 64
_STATE_LIMIT = 1 << 30
"""Bytes of the JSON of one state: models of many trees."""
_FILE = re.compile(r"([0-9]{4})-([0-9a-f]{64})\.state", re.ASCII)


def mark_of(plan: str, attempt: int, number: int, step: str, told: Sequence[Mapping[str, int]]) -> str:
    """The mark of a step: 64 hex digits. It tells nothing that not all participants know.

    :param plan: digest of the job's plan.
    :param attempt: in which the step ran to its end.
    :param number: of the step, from 1 on.
    :param told: the sizes that each stage before has told.
    """
    about = {"plan": plan, "attempt": attempt, "number": number, "step": step, "told": list(told)}
    return hashlib.sha256(b"coterie/checkpoint/v1\0" + canonical(about)).hexdigest()


@dataclass(frozen=True)
class Reached:
    """How far a run is when a step has ended."""

    number: int
    """Of the step, from 1 on."""
    step: str
    attempt: int
    stage: int
    mine: dict[str, int] | None
    """What this party has told at the stage's beginning."""
    told: tuple[dict[str, int], ...]
    """What all have told at the beginning of each stage but the first, up to this one."""


def marks(folder: Path) -> tuple[str, ...]:
    """Of the steps that a party has kept, the first one first; up to the first that is not there."""
    found = dict(_files(folder))
    return tuple(found[number] for number in _unbroken(found))


def step_number(folder: Path, mark: str) -> int | None:
    """Of the step with that mark, from 1 on; None where a party has not kept it."""
    return next((number for number, found in _files(folder) if found == mark), None)


def _unbroken(found: Mapping[int, str]) -> Iterator[int]:
    number = 1
    while number in found:
        yield number
        number += 1


def _files(folder: Path) -> Iterator[tuple[int, str]]:
    for path in folder.glob("*.state"):
        if match := _FILE.fullmatch(path.name):
            yield int(match[1]), match[2]


def last_common(kept: Iterable[Sequence[str]]) -> str | None:
    """The mark of the last step that all have kept in the same attempt; None where there is none.

    :param kept: the marks of every participant, as :func:`marks` gives them.
    """
    last = None
    for at_step in zip(*kept, strict=False):
        if len(set(at_step)) == 1:
            last = at_step[0]
    return last


class Checkpoints:
    """The folder of one job at one party."""

    def __init__(self, folder: Path, plan: str) -> None:
        """:param plan: digest of the job's plan."""
        self._folder, self._plan = folder, plan
        self._places: dict[str, tuple[int, int, int]] = {}
        """By digest of an array: number of the file, start, size."""
        self._open = True
        """Whether steps are still kept: what is kept must have no gap."""

    # -- writing

    def save(self, reached: Reached, state: Mapping[str, Any]) -> None:
        """Keep a state. One that cannot be kept is not, nor are later ones: a run is never ended for that."""
        if not self._open:
            return
        try:
            self._save(reached, state)
        except Unsavable as problem:
            self._open = False
            log.warning("step %s and those behind it are not kept: %s cannot be", reached.step, problem)
        except (CoterieError, OSError) as error:
            self._open = False
            log.warning("step %s and those behind it are not kept: %s", reached.step, error)

    def _save(self, reached: Reached, state: Mapping[str, Any]) -> None:
        new: dict[str, memoryview] = {}

        def put(content: memoryview) -> str:
            name = hashlib.sha256(content).hexdigest()
            if name not in self._places:
                new[name] = content
            return name

        tree = Writer(put).node(dict(state))
        self._make_folder()
        places = self._places | self._laid(reached.number, new)
        head = json.dumps(
            {
                "plan": self._plan,
                "reached": vars(reached),
                "arrays": places,
                "state": tree,
            },
            separators=(",", ":"),
        ).encode()
        with Draft(self._path(reached)) as draft:
            draft.write(_MAGIC + len(head).to_bytes(4, "little") + head + hashlib.sha256(head).digest())
            at = _start(len(head))
            draft.write(bytes(at - _head_size(len(head))))
            for name, content in new.items():
                draft.write(content)
                draft.write(bytes(-places[name][2] % _ALIGNMENT))
            draft.publish()
        self._places = places

    def _laid(self, number: int, new: Mapping[str, memoryview]) -> dict[str, tuple[int, int, int]]:
        places, at = {}, 0
        for name, content in new.items():
            places[name] = (number, at, content.nbytes)
            at += content.nbytes + -content.nbytes % _ALIGNMENT
        return places

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            sync_directory(self._folder.parent)
        except OSError as error:
            raise write_error(self._folder, error) from error

    def _path(self, reached: Reached) -> Path:
        mark = mark_of(self._plan, reached.attempt, reached.number, reached.step, reached.told)
        return self._folder / f"{reached.number:04}-{mark}.state"

    # -- reading

    def load(self, mark: str, scratch: Scratch | None) -> tuple[Reached, dict[str, Any]]:
        """Go on from the step of that mark: gives what was saved, and lets go of everything behind it.

        :raises CoterieError: CT-4022 where it is not there or not what it was; CT-1122.
        """
        self.forget_after(mark)
        kept = dict(_files(self._folder))
        number = next((number for number, found in kept.items() if found == mark), None)
        if number is None:
            raise ARTEFACT_DAMAGED("the checkpoint is not there")
        head = self._head(number, mark)
        places = {name: (file, start, size) for name, (file, start, size) in head["arrays"].items()}
        files = {file: self._map(file, kept[file]) for file in {place[0] for place in places.values()}}

        def get(name: str) -> pa.Buffer:
            file, start, size = places[name]
            content = files[file].slice(start, size)
            if hashlib.sha256(content).hexdigest() != name:
                raise ARTEFACT_DAMAGED(f"an array of step {head['reached']['step']}")
            return content

        try:
            state = Reader(get, scratch).value(head["state"])
        except (ValueError, KeyError, TypeError, AttributeError, ImportError, pa.ArrowException) as error:
            raise ARTEFACT_DAMAGED(f"step {head['reached']['step']}: {type(error).__name__}") from error
        self._places = places
        reached = Reached(**{**head["reached"], "told": tuple(head["reached"]["told"])})
        if self._path(reached).name != f"{number:04}-{mark}.state":
            raise ARTEFACT_DAMAGED("the checkpoint is of another step")
        return reached, state

    def _head(self, number: int, mark: str) -> dict[str, Any]:
        path = self._folder / f"{number:04}-{mark}.state"
        before = len(_MAGIC) + 4
        size = int.from_bytes(read_at_most(path, before)[len(_MAGIC) : before], "little")
        content = read_at_most(path, _start(min(size, _STATE_LIMIT)))
        head = content[before : before + size]
        if not content.startswith(_MAGIC) or content[before + size :][:32] != hashlib.sha256(head).digest():
            raise ARTEFACT_DAMAGED(path.name)
        found: dict[str, Any] = json.loads(head)
        if found["plan"] != self._plan:
            raise ARTEFACT_DAMAGED(f"{path.name} is of another plan")
        return found

    def _map(self, number: int, mark: str) -> pa.Buffer:
        """The arrays of a file, which stay where they are until they are asked for."""
        path = self._folder / f"{number:04}-{mark}.state"
        with path.open("rb") as file:
            whole = pa.py_buffer(mmap.mmap(file.fileno(), 0, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ))
        size = int.from_bytes(whole.slice(len(_MAGIC), 4).to_pybytes(), "little")
        return whole.slice(_start(size))

    # -- letting go

    def forget_after(self, mark: str | None) -> None:
        """Delete what is kept behind the step of that mark; all of it if None. Errors: CT-1121."""
        if not self._folder.is_dir():
            return
        found = dict(_files(self._folder))
        last = next((number for number, one in found.items() if one == mark), 0)
        try:
            for number, one in found.items():
                if number > last:
                    (self._folder / f"{number:04}-{one}.state").unlink()
            for path in self._folder.glob(".*.tmp"):
                path.unlink()
            sync_directory(self._folder)
        except OSError as error:
            raise write_error(self._folder, error) from error

    def remove(self) -> None:
        """The job is over."""
        with suppress(OSError):
            shutil.rmtree(self._folder)


def _head_size(size: int) -> int:
    return len(_MAGIC) + 4 + size + 32


def _start(size: int) -> int:
    """Where arrays begin behind a head of ``size`` bytes."""
    return _head_size(size) + -_head_size(size) % _ALIGNMENT
