"""Tape files at the party they are for: taken in, listed, handed to jobs, used once.

They lie in ``home/tapes/<job>/stage-<n>.tape``. That a file is used is in the ledger before its first mask
is, and the ledger alone decides whether it was: a copy of the file changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coterie.agreement import Terms
from coterie.crypto import CANNOT_READ, sync_directory, write_error
from coterie.errors import CoterieError
from coterie.jobs import StageRequest, stage_file
from coterie.mpc import TAPE_OTHER, TAPE_USED, TapeHead, peek, take_copy

from .agreements import Agreements
from .core import Core
from .errors import JOB_STATE, STAGE_UNKNOWN
from .home import tape_place
from .jobbook import JobBook
from .proofs import TapeProofs
from .views import TapeView

__all__ = ["Tapes"]


class Tapes:
    """The node's tape files, and the requests for them."""

    def __init__(self, core: Core, agreements: Agreements, book: JobBook) -> None:
        self._core = core
        self._agreements = agreements
        self._book = book
        self._proofs = TapeProofs(core)
        self._using = asyncio.Lock()

    async def add(self, path: Path) -> TapeView:
        """Check a file and take a copy of it in. It replaces one for the same stage that is not used yet.
        Where the agreement asks for an attested dealer, the evidence that lies beside it is checked first.

        :raises CoterieError: CT-1122, CT-2140 to CT-2142, CT-2145, CT-2146 (the file), CT-2144 (no job here
            that asks for it, or not for this plan), CT-2147 (it was used, or the stage has used another),
            CT-5051 (the job is over), CT-1120, CT-1121 (disk); those of :meth:`TapeProofs.check`.
        """
        head = await asyncio.to_thread(peek, path)
        terms = self._terms_of(head)
        await asyncio.to_thread(self._refuse_useless, head)
        facts = await asyncio.to_thread(self._take, path, head, terms)
        await self._core.record("tape", {"event": "added", **_body(head), **facts})
        return _view(head, "ready", facts.get("assurance"))

    def _terms_of(self, head: TapeHead) -> Terms:
        """What the job of a file runs under: they say who must have signed it."""
        if not self._book.known(head.job):
            raise TAPE_OTHER(f"this node knows no job {head.job[:12]}", party=self._core.name)
        if self._book.over(head.job):
            raise JOB_STATE(f"it is {self._book.state(head.job)}")
        proposal = self._book.proposal(head.job)
        terms = self._agreements.get(proposal.agreement).terms
        if terms.dealer is None or proposal.spec.correlations != "tape":
            raise TAPE_OTHER(f"job {head.job[:12]} uses no tape files", party=self._core.name)
        return terms

    def _refuse_useless(self, head: TapeHead) -> None:
        """What the job could not use: it would end it, or lie there.

        :raises CoterieError: CT-2147; CT-2144 for another plan than the one that the job waits with.
        """
        self._refuse_used(head.serial, head.job, head.stage)
        try:
            due = self._ready(head.job, head.stage)["plan"]
        except FileNotFoundError:
            return  # the job has not come so far: it will check
        if head.plan != due:
            raise TAPE_OTHER(f"its plan is {head.plan}, and {due} is due", party=self._core.name)

    def _take(self, path: Path, head: TapeHead, terms: Terms) -> dict[str, Any]:
        """Take a copy in. Gives what evidence has shown, where there is to be any."""
        assert terms.dealer is not None
        proven = None
        if terms.dealer_tee is not None:
            proven = self._proofs.check(path, head, self._stage(head.job, head.stage), terms)
        signer = self._core.public(terms.dealer) if proven is None else proven.signer
        facts: dict[str, Any] = {}
        place = tape_place(self._core.home.path, head.job, head.stage)
        draft = place.with_name(f".{place.name}.{secrets.token_hex(4)}.tmp")
        try:
            self._core.home.tapes.mkdir(mode=0o700, exist_ok=True)
            place.parent.mkdir(mode=0o700, exist_ok=True)
            body = take_copy(path, draft, head, self._core.identity, signer)
            if proven is not None:
                proven.require_body(body)
                facts = self._proofs.accept(head, proven)
            draft.rename(place)
            sync_directory(place.parent)
        except OSError as error:
            raise write_error(place, error) from error
        finally:
            draft.unlink(missing_ok=True)
        return facts

    async def use(self, job: str, body: Mapping[str, Any]) -> None:
        """Write down that a job uses a file now, and take the file away: the job has it open.

        :raises CoterieError: CT-2147 where the ledger says that it was used before.
        """
        async with self._using:
            stage = int(body["stage"])
            await asyncio.to_thread(self._refuse_used, str(body["serial"]), job, stage)
            await self._core.record("tape", {**body, "job": job})
        place = tape_place(self._core.home.path, job, stage)
        await asyncio.to_thread(_remove, place)

    def _refuse_used(self, serial: str, job: str, stage: int) -> None:
        """No dealing serves twice, and no stage takes two: it is run once."""
        for one in self._used():
            if one["serial"] == serial:
                raise TAPE_USED(f"serial {serial}", party=self._core.name)
            if (one["job"], one["stage"]) == (job, stage):
                raise TAPE_USED(f"stage {stage} has taken serial {one['serial']}", party=self._core.name)

    def _used(self) -> list[Mapping[str, Any]]:
        """What the ledger says of used files."""
        entries = self._core.ledger.entries("tape")
        return [one.body for one in entries if one.body.get("event") == "used"]

    async def views(self) -> list[TapeView]:
        """Files that wait for their jobs, then those that were used."""
        return await asyncio.to_thread(self._views)

    def _views(self) -> list[TapeView]:
        heads = []
        for path in sorted(self._core.home.tapes.glob("*/*.tape")):
            with contextlib.suppress(CoterieError):  # it was used, or swept, between two looks
                heads.append(peek(path))
        # Only now: a file that is used meanwhile is written down before it is gone.
        used = self._used()
        serials, proven = {str(one["serial"]) for one in used}, self._assurances()
        ready = [_view(one, "ready", proven.get(one.serial)) for one in heads if one.serial not in serials]
        told = ({**one, "state": "used", "assurance": proven.get(str(one["serial"]))} for one in used)
        return [*ready, *(TapeView.model_validate(one) for one in told)]

    def _assurances(self) -> dict[str, str]:
        """What evidence has shown of files, by serial."""
        added = (one.body for one in self._core.ledger.entries("tape"))
        return {str(one["serial"]): str(one["assurance"]) for one in added if "assurance" in one}

    async def sweep(self) -> None:
        """Take away the files of jobs that are over: nothing will ever use them."""
        for folder in self._core.home.tapes.glob("*"):
            if not self._book.known(folder.name) or self._book.over(folder.name):
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def request(self, job: str, stage: int) -> StageRequest:
        """What the dealer is asked for: the stage's exact plan, as the job has come to it; of an attested
        dealer also evidence over this party's nonce.

        :raises CoterieError: CT-5050, CT-5070 (the job has not come so far, or the stage needs nothing).
        """
        made = self._stage(job, stage)
        terms = self._agreements.get(made.proposal.agreement).terms
        if terms.dealer_tee is None or self._core.name not in made.proposal.spec.datasets:
            return made
        return made.model_copy(update={"nonces": {self._core.name: self._proofs.nonce(job, stage)}})

    def _stage(self, job: str, stage: int) -> StageRequest:
        """The request for a stage, without a nonce. Errors: as :meth:`request`."""
        proposal = self._book.proposal(job)
        try:
            ready = self._ready(job, stage)
        except FileNotFoundError:
            raise STAGE_UNKNOWN(f"stage {stage} of job {job[:12]}", party=self._core.name) from None
        approvals = tuple(self._book.approvals(job).values())
        return StageRequest.model_validate({"proposal": proposal, "approvals": approvals, **ready})

    def _ready(self, job: str, stage: int) -> dict[str, Any]:
        """Plan and sizes of a stage that the job has come to. Raises FileNotFoundError where it has not.

        :raises CoterieError: CT-1122.
        """
        path = self._core.home.jobs / job / stage_file(stage)
        try:
            return dict(json.loads(path.read_bytes()))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise CANNOT_READ(f"{path.name}: {error.strerror}") from error


def _remove(place: Path) -> None:
    """The file, and its folder where that is empty then."""
    place.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        place.parent.rmdir()


def _body(head: TapeHead) -> dict[str, Any]:
    """What is written down and shown of a file."""
    binding = {"job": head.job, "stage": head.stage, "plan": head.plan}
    return {**binding, "serial": head.serial, "dealer": head.dealer.name, "size": head.file_size}


def _view(head: TapeHead, state: str, assurance: str | None) -> TapeView:
    return TapeView.model_validate({**_body(head), "state": state, "assurance": assurance})
