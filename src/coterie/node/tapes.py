"""Tape files at the party they are for: taken in, listed, handed to jobs, used once.

They lie in ``home/tapes/<job>/stage-<n>.tape``. That a file is used is in the ledger before its first mask
is, and the ledger alone decides whether it was: a copy of the file changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coterie.crypto import CANNOT_READ, sync_directory, write_error
from coterie.jobs import StageRequest, stage_file
from coterie.mpc import TAPE_OTHER, TAPE_USED, TapeFile, TapeHead, peek

from .agreements import Agreements
from .core import Core
from .errors import JOB_STATE, STAGE_UNKNOWN
from .home import tape_place
from .jobbook import JobBook
from .views import TapeView

__all__ = ["Tapes"]


class Tapes:
    """The node's tape files, and the requests for them."""

    def __init__(self, core: Core, agreements: Agreements, book: JobBook) -> None:
        self._core = core
        self._agreements = agreements
        self._book = book
        self._using = asyncio.Lock()

    async def add(self, path: Path) -> TapeView:
        """Check a file and take a copy of it in. It replaces one for the same stage that is not used yet.

        :raises CoterieError: CT-1122, CT-2140 to CT-2142, CT-2145, CT-2146 (the file), CT-2144 (no job here
            that asks for it), CT-2147 (it was used), CT-5051 (the job is over), CT-1120, CT-1121 (disk).
        """
        head = await asyncio.to_thread(peek, path)
        dealer = self._dealer_of(head)
        await self._refuse_used(head.serial)
        await asyncio.to_thread(self._take, path, head, dealer)
        await self._core.record("tape", {"event": "added", **_body(head)})
        return _view(head, "ready")

    def _dealer_of(self, head: TapeHead) -> str:
        """Who must have signed a file for this job."""
        if not self._book.known(head.job):
            raise TAPE_OTHER(f"this node knows no job {head.job[:12]}", party=self._core.name)
        if self._book.over(head.job):
            raise JOB_STATE(f"it is {self._book.state(head.job)}")
        proposal = self._book.proposal(head.job)
        dealer = self._agreements.get(proposal.agreement).terms.dealer
        if dealer is None or proposal.spec.correlations != "tape":
            raise TAPE_OTHER(f"job {head.job[:12]} uses no tape files", party=self._core.name)
        return dealer

    def _take(self, path: Path, head: TapeHead, dealer: str) -> None:
        """The copy is what is checked: the file may change under one's hands."""
        place = tape_place(self._core.home.path, head.job, head.stage)
        draft = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _copy(path, draft)
            with TapeFile.open(draft, self._core.identity, self._core.public(dealer)) as file:
                if file.head != head:
                    raise TAPE_OTHER(f"{path.name} was exchanged meanwhile")
            draft.rename(place)
            sync_directory(place.parent)
        except OSError as error:
            raise write_error(place, error) from error
        finally:
            draft.unlink(missing_ok=True)

    async def use(self, job: str, body: Mapping[str, Any]) -> None:
        """Write down that a job uses a file now, and take the file away: the job has it open.

        :raises CoterieError: CT-2147 where the ledger says that it was used before.
        """
        async with self._using:
            await self._refuse_used(str(body["serial"]))
            await self._core.record("tape", {**body, "job": job})
        place = tape_place(self._core.home.path, job, int(body["stage"]))
        await asyncio.to_thread(_remove, place)

    async def _refuse_used(self, serial: str) -> None:
        used = await asyncio.to_thread(self._used)
        if serial in used:
            raise TAPE_USED(f"serial {serial}", party=self._core.name)

    def _used(self) -> dict[str, Mapping[str, Any]]:
        """What the ledger says of used files, by serial."""
        entries = self._core.ledger.entries("tape")
        return {str(one.body["serial"]): one.body for one in entries if one.body.get("event") == "used"}

    async def views(self) -> list[TapeView]:
        """Files that wait for their jobs, then those that were used."""
        return await asyncio.to_thread(self._views)

    def _views(self) -> list[TapeView]:
        used = self._used()
        ready = []
        for path in sorted(self._core.home.tapes.glob("*/*.tape")):
            head = peek(path)
            if head.serial not in used:
                ready.append(_view(head, "ready"))
        return [*ready, *(TapeView.model_validate({**body, "state": "used"}) for body in used.values())]

    async def sweep(self) -> None:
        """Take away the files of jobs that are over: nothing will ever use them."""
        for folder in self._core.home.tapes.glob("*"):
            if not self._book.known(folder.name) or self._book.over(folder.name):
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def request(self, job: str, stage: int) -> StageRequest:
        """What the dealer is asked for: the stage's exact plan, as the job has come to it.

        :raises CoterieError: CT-5050, CT-5070 (the job has not come so far, or the stage needs nothing).
        """
        proposal = self._book.proposal(job)
        path = self._core.home.job(job) / stage_file(stage)
        try:
            ready = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise STAGE_UNKNOWN(f"stage {stage} of job {job[:12]}", party=self._core.name) from None
        except OSError as error:
            raise CANNOT_READ(f"{path.name}: {error.strerror}") from error
        approvals = tuple(self._book.approvals(job).values())
        return StageRequest.model_validate({"proposal": proposal, "approvals": approvals, **ready})


def _remove(place: Path) -> None:
    """The file, and its folder where that is empty then."""
    place.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        place.parent.rmdir()


def _copy(path: Path, draft: Path) -> None:
    """In constant memory, readable by this node alone, and on disk when it is done."""
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        try:
            source = path.open("rb")
        except OSError as error:
            raise CANNOT_READ(f"{path}: {error.strerror}") from error
        with source:
            shutil.copyfileobj(source, target, 1024 * 1024)
        target.flush()
        os.fsync(target.fileno())


def _body(head: TapeHead) -> dict[str, Any]:
    """What is written down and shown of a file."""
    binding = {"job": head.job, "stage": head.stage, "plan": head.plan}
    return {**binding, "serial": head.serial, "dealer": head.dealer.name, "size": head.file_size}


def _view(head: TapeHead, state: str) -> TapeView:
    return TapeView.model_validate({**_body(head), "state": state})
