"""What a worker is told of its job, and what it needs of the process around it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from coterie.agreement import Agreement, EvidenceType, Terms
from coterie.data import DatasetSpec
from coterie.mpc import Binding, TapeFile
from coterie.tee import Platform, Profile

from .proposal import Proposal

__all__ = ["Assignment", "Host", "HostPlaces", "Places", "ReleaserQuestion", "link_name"]

ReleaserQuestion = Literal["grant", "admit", "challenge", "release"]


def link_name(job: str, attempt: int) -> str:
    """Under which the links of an attempt at a job are made: 32 hex digits. A worker that is left over from
    an earlier attempt finds nobody under its own.
    """
    if attempt == 0:
        return job
    return hashlib.sha256(f"coterie/attempt/v1 {job} {attempt}".encode()).hexdigest()[:32]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HostPlaces(_Record):
    """What the host of attested runs has on its machine."""

    agreement: Agreement
    """For the record of the run."""
    image: Path
    """Folder where images of the present installation are made."""
    release: Path | None
    """The image to run; None for one of the present installation."""
    simulated: Path
    """Folder of the simulated root."""
    store: Path
    """Folder of the owners' sealed data."""
    keeper: Path
    """Folder of the key keeper, for owners that are offline."""
    platform: Platform
    runs: int
    """Most at once; others wait."""
    memory: int
    """Bytes of private memory of one run."""
    seconds: int
    """From start to end of one run."""
    upload: int
    """Bytes of the largest sealed data set that is taken."""
    endorsements: tuple[Path, ...] = ()
    """Files of what the platform's vendor says of it, see :func:`coterie.tee.read_endorsements`."""
    machine: tuple[str, ...] = ()
    """The command that starts a machine for one run, see :class:`coterie.tee.Machine`; none where runs are
    started right here."""

    @property
    def evidence(self) -> EvidenceType:
        """The type of the platform's evidence."""
        return "sgx" if self.platform == "gramine" else self.platform


class Places(_Record):
    """Where a participant of a job of engine tee has its part."""

    profile: Profile
    """Whether simulated platforms can count here at all."""
    sealed: Path | None
    """The own sealed data; None without data."""
    host: HostPlaces | None
    """None at all but the host."""


class Assignment(_Record):
    """All that a worker is told. ``id_key`` is a secret: it never touches a disk or a command line."""

    me: str
    proposal: Proposal
    terms: Terms
    dataset: DatasetSpec | None
    """Own dataset; None at a dealer and at guests, and in engine tee, where no worker opens data."""
    id_key: str = Field(repr=False)
    """32 bytes in hex; zeros where there is no dataset."""
    directory: Path
    """The job's own folder."""
    unfinished: Path | None = None
    """Folder of what runs under the agreement keep of long steps; None where nothing is kept."""
    keeps: bool = False
    """Whether each step is kept when it has ended, so that another attempt can go on there."""
    attempt: int = Field(default=0, ge=0)
    """Which attempt at the job this is, from 0 on."""
    mark: str | None = None
    """Of the step behind which it goes on, see :mod:`coterie.jobs.checkpoints`; None from the start on."""
    pipelines: dict[str, Path] = {}
    """This party's own files of saved pipelines, by the name under which the job's steps know them."""
    places: Places | None = None
    """Of engine tee."""


class Host(Protocol):
    """What a worker needs of the process around it."""

    def progress(self, step: str, done: int, total: int, what: str, *, unit: str | None = None) -> None:
        """Tell how far ``step`` is, as :class:`coterie.learn.Progress` says. MUST raise the coded error where
        the job was cancelled."""

    def ledger(self, kind: str, body: Mapping[str, Any]) -> None:
        """Write to the party's ledger. MUST return only once the entry is on disk."""

    def tape(self, binding: Binding) -> TapeFile | None:
        """This party's tape file for a stage, checked as :meth:`coterie.mpc.TapeFile.open` does; None as long
        as there is none. A ledger entry of kind ``tape`` with event ``used`` MUST be refused (CT-2147) where
        one with its serial is there already.
        """

    def published(self, kind: str, name: str, path: Path, content: str, size: int) -> None:
        """A result is there: its kind, name, file, digest and size in bytes."""

    def releaser(self, question: ReleaserQuestion, *parts: bytes) -> tuple[bytes, ...]:
        """Ask this party's releaser: ``grant`` gives a grant and where it is logged; ``admit`` takes a
        checkpoint and the grants of all owners, in their order; ``challenge`` gives a challenge; ``release``
        takes a request and gives a release. Raises what the releaser does.
        """

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """A data key that was wrapped for this party. Errors: CT-2211."""
