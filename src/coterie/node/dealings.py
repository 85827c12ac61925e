"""At a dealer's node: stages dealt ahead, into tape files. Everything is checked as for a job that it takes
part in: the agreement that it has signed itself, everybody's approvals, its own plan. Where the agreement
asks for an attested dealer, a process in a sandbox deals, and this node is but its host.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from pydantic import ValidationError
from sqlalchemy import func, select

from coterie.agreement import RUNS_USED_UP, Agreement, Assurance, Terms
from coterie.crypto import now, parse_json, timestamp
from coterie.errors import UNEXPECTED, CoterieError
from coterie.jobs import (
    CANCELLED,
    Derived,
    StageRequest,
    binding_of,
    deal_stage,
    deal_stage_attested,
    dealer_host,
    derive_stage,
    discard_dealt,
    merge_requests,
    verify_approval,
)
from coterie.tee import RUNNER_CANCELLED, ensure_image

from .agreements import Agreements
from .core import Core
from .errors import JOB_STATE, NOT_DEALER, NOT_FOUND, REQUEST_UNREADABLE
from .failures import error_view, log_unexpected
from .planning import Planning
from .store import RunRow
from .views import DealingView

__all__ = ["Dealings"]

log = logging.getLogger("coterie.node")

REQUEST_LIMIT = 2**20
MOST_KEPT = 100
"""Dealings that the node remembers when they are over, for who asks how they ended."""

P = ParamSpec("P")
T = TypeVar("T")


class Dealings:
    """Deals stages; what was dealt is in the ledger."""

    def __init__(self, core: Core, agreements: Agreements, planning: Planning) -> None:
        self._core = core
        self._agreements = agreements
        self._planning = planning
        self._views: dict[str, DealingView] = {}
        self._stop: dict[str, threading.Event] = {}
        # Threads of its own: however much is dealt, the ledger and everything else of the node goes on.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="dealing")

    async def start(self, texts: Sequence[str], folder: Path) -> DealingView:
        """Check a request and begin to deal.

        :param texts: one request; where the dealer is to be attested, one of each compute party.
        :param folder: where the files go.
        :raises CoterieError: CT-5072 (not a request), CT-5071, CT-5040, CT-16xx (the agreement does not allow
            it), CT-4010, CT-4011, CT-4014, CT-4023, CT-4027.
        """
        requests = [_parsed(text) for text in texts]
        agreement = await self._agreements.in_force(requests[0].proposal.agreement)
        request = merge_requests(requests, agreement.terms)
        if agreement.terms.dealer != self._core.name:
            raise NOT_DEALER(f"{agreement.terms.dealer or 'nobody'} deals", party=self._core.name)
        derived = await self._derive(request, agreement)
        self._count(request.proposal.job, agreement)
        number = secrets.token_hex(8)
        view = DealingView(id=number, job=request.proposal.job, stage=request.stage, state="running")
        over = [one for one in self._views.values() if one.state != "running"]
        for old in over[: max(0, len(over) - MOST_KEPT + 1)]:
            del self._views[old.id], self._stop[old.id]
        self._views[number], self._stop[number] = view, threading.Event()
        self._core.spawn(f"dealing {number}", self._deal(number, request, derived, agreement.terms, folder))
        return view

    async def _derive(self, request: StageRequest, agreement: Agreement) -> Derived:
        plan = await self._planning.derive(request.proposal, agreement)
        given = {approval.party: approval for approval in request.approvals}
        for name in plan.participants:
            if name not in given:
                raise JOB_STATE(f"{name} has not approved it", party=name)
            verify_approval(given[name], self._core.public(name), plan, agreement.terms.persons_of(name))
        await self._planning.require(request.proposal, plan, agreement)
        try:
            return await self._apart(derive_stage, request, agreement.terms)
        except CoterieError as error:
            raise error.at(party=self._core.name) from None

    async def _apart(self, work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        """In one of the threads for dealing."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, functools.partial(work, *args, **more)
        )

    def _count(self, job: str, agreement: Agreement) -> None:
        """A job takes one of the agreement's runs when its first stage is dealt.

        :raises CoterieError: CT-1625.
        """
        with self._core.store.session() as session:
            if session.get(RunRow, job) is not None:
                return
            used = session.scalar(select(func.count()).where(RunRow.agreement == agreement.id)) or 0
            if used >= agreement.terms.max_runs:
                raise RUNS_USED_UP(f"{used} of {agreement.terms.max_runs}", party=self._core.name)
            session.add(RunRow(job=job, agreement=agreement.id, started=timestamp(now())))

    async def _deal(
        self, number: str, request: StageRequest, derived: Derived, terms: Terms, folder: Path
    ) -> None:
        plan, identity = derived.approved, self._core.identity
        parties = {name: self._core.public(name) for name in plan.parties}
        assurance: Assurance | None = None

        def progress(step: str, done: int, total: int, what: str) -> None:
            del what
            if self._stop[number].is_set():
                raise CANCELLED("by the dealer's operator")
            self._change(number, step=step, done=done, total=total)

        try:
            if terms.dealer_tee is None:
                serial, paths = await self._apart(deal_stage, derived, identity, parties, folder, progress)
            else:
                given = (number, request, derived, terms, folder, progress)
                serial, paths, assurance = await self._apart(self._deal_attested, *given)
            try:
                await self._record(derived, serial, assurance)
            except CoterieError:
                discard_dealt(paths)  # nobody gets what is not written down
                raise
            files = tuple(str(path) for path in paths)
            self._change(number, state="done", serial=serial, files=files, assurance=assurance)
        except CoterieError as error:
            self._fail(number, error)
        except Exception as error:  # noqa: BLE001 - a bug here must end the dealing, not leave it running
            log_unexpected(f"dealing {number}", error)
            self._fail(number, UNEXPECTED(type(error).__name__))

    def _deal_attested(
        self,
        number: str,
        request: StageRequest,
        derived: Derived,
        terms: Terms,
        folder: Path,
        progress: Callable[[str, int, int, str], None],
    ) -> tuple[str, tuple[Path, ...], Assurance]:
        """Host a process that deals: no mask is ever in this one."""
        home, section, stop = self._core.home, terms.dealer_tee, self._stop[number]
        assert section is not None
        self._change(number, step="the sandbox")
        image = ensure_image(home.images)
        host = dealer_host(image, home.tee / "simulated", home.settings.tee.platform, section)
        try:
            dealt = deal_stage_attested(derived, request, terms, folder, host, progress, stop)
        except CoterieError as error:
            if error.code == RUNNER_CANCELLED.code:
                raise CANCELLED("by the dealer's operator") from None
            raise
        return *dealt, host.assurance

    async def _record(self, derived: Derived, serial: str, assurance: Assurance | None) -> None:
        """Write down what was dealt. :raises CoterieError: CT-1303."""
        plan = derived.approved
        binding = binding_of(plan.job, derived.stage).model_dump()
        body = {"event": "dealt", **binding, "serial": serial, "parties": list(plan.parties)}
        if assurance is not None:
            body["assurance"] = assurance
        await self._core.record("tape", {**body, "agreement": plan.agreement, "dealer": self._core.name})

    def _fail(self, number: str, error: CoterieError) -> None:
        log.info("dealing %s: %s", number, error)
        self._change(number, state="failed", error=error_view(error.at(party=self._core.name)))

    def _change(self, number: str, **values: object) -> None:
        if number in self._views:
            self._views[number] = self._views[number].model_copy(update=values)

    def view(self, number: str) -> DealingView:
        """How far it is. :raises CoterieError: CT-5015."""
        if number not in self._views:
            raise NOT_FOUND(f"dealing {number[:40]!r}")
        return self._views[number]

    def stop(self) -> None:
        """End all of them: the node stops."""
        for event in self._stop.values():
            event.set()

    def cancel(self, number: str) -> DealingView:
        """End it; nothing of it is left. :raises CoterieError: CT-5015."""
        view = self.view(number)
        self._stop[number].set()
        return view


def _parsed(text: str) -> StageRequest:
    try:
        return StageRequest.model_validate(parse_json(text.encode(), limit=REQUEST_LIMIT))
    except CoterieError as error:
        raise REQUEST_UNREADABLE(error.detail) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise REQUEST_UNREADABLE(f"{where}: {first['msg']}") from error
