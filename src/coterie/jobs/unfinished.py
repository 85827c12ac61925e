"""What runs keep of a long step, so that the same job, submitted again, goes on there and not at its start.

A file for each step, in a folder of its agreement at every party for itself. Its name is a digest of what the
step depends on: the agreement, the step and its parameters, and the public facts of all datasets. What it is
bound to beyond that, own rows above all, the step's protocol puts inside. It holds no key, and goes when the
job that uses it is done.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from coterie.crypto import append, atomic_write, canonical, read_at_most, write_error
from coterie.errors import CoterieError

from .proposal import Proposal
from .registry import component, parameters
from .spec import Step

__all__ = ["Unfinished", "agreement_folder", "unfinished_steps"]

log = logging.getLogger("coterie.jobs")

_VERSION = 1
_BYTES_PER_ROW = 8
_MORE_BYTES = 1 << 20
"""Beside row numbers: the counts of each bucket, and what the file begins and ends with."""


def agreement_folder(agreement: str) -> str:
    """Name of the folder for an agreement of that digest."""
    return agreement.removeprefix("sha256:")


def unfinished_steps(proposal: Proposal) -> Iterator[tuple[str, str]]:
    """The steps of a job that can go on, with the names of their files."""
    if proposal.spec.engine not in ("mpc", "fl"):
        return
    for step in proposal.spec.steps:
        if component(step.component).resumes:
            yield step.name, _name(proposal, step)


def _name(proposal: Proposal, step: Step) -> str:
    depends = {
        "version": _VERSION,
        "agreement": proposal.agreement,
        "step": step.name,
        "component": step.component,
        "params": parameters(step).model_dump(mode="json"),
        "facts": {party: facts.model_dump(mode="json") for party, facts in proposal.facts.items()},
    }
    return hashlib.sha256(canonical(depends)).hexdigest()


class Unfinished:
    """Where one step keeps how far it is. Implements :class:`coterie.psi.Checkpoint`."""

    def __init__(self, place: Path, rows: int, goes_on: Callable[[], None], disk: int = 0) -> None:
        """:param rows: of the own dataset: no more is kept than their numbers,
        :param disk: and so many bytes that the step's plan names.
        :param goes_on: called where a run goes on with what was kept.
        """
        self._place, self._goes_on = place, goes_on
        self._most = _BYTES_PER_ROW * rows + disk + _MORE_BYTES
        self._useless = False
        self._size: int | None = None
        """Of what this run has kept; None where it has kept nothing."""

    def load(self) -> bytes | None:
        """What was kept last, with what was added. What cannot be read is nothing: the step begins anew."""
        try:
            data = read_at_most(self._place, self._most) if self._place.exists() else None
        except (CoterieError, OSError):
            return None
        if data is None or len(data) > self._most:
            return None
        return data

    def used(self) -> None:
        """The run goes on with it, and sends less."""
        self._goes_on()

    def save(self, data: bytes) -> None:
        """Keep it in place of what was kept before. A run that cannot keep anything goes on without."""
        if self._useless or len(data) > self._most:
            return
        with self._tried():
            self._make_folder()
            atomic_write(self._place, data)
            self._size = len(data)

    def add(self, data: bytes) -> None:
        """Keep it behind what this run has kept."""
        if self._useless or self._size is None or self._size + len(data) > self._most:
            return
        with self._tried():
            append(self._place, data)
            self._size += len(data)

    @contextmanager
    def _tried(self) -> Iterator[None]:
        """What fails once is not tried again: behind a part of a record nothing would count."""
        try:
            yield
        except CoterieError as error:
            self._useless = True
            log.warning("how far the step is cannot be kept: %s", error)

    def _make_folder(self) -> None:
        try:
            self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(self._place, error) from error

    def clear(self) -> None:
        """The step is done, but the job may yet fail: :meth:`remove` comes when it has not."""

    def remove(self) -> None:
        """The job is done."""
        try:
            self._place.unlink(missing_ok=True)
        except OSError as error:
            log.warning("what was kept of a step cannot be removed: %s", error.strerror)
