"""Comparisons of schemas before there is an agreement: offers, who takes part, and what came of it.

Nobody's columns are compared but those of a dataset that its steward has offered to all others of the
comparison. Each offer is for a number of runs; the ledger, which has an entry before each, is what counts
them. What is learned is in :mod:`coterie.node.comparing`; the parties run it over links of their own, as
those of jobs, through the same front doors.

``home/schemas/offers/<dataset>.json`` has what is offered, ``home/schemas/runs/<run>.json`` what came of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from coterie.crypto import atomic_write, canonical, now, timestamp, write_error
from coterie.errors import UNEXPECTED, CoterieError
from coterie.psi import MOST_PARTIES
from coterie.wire import LinkMesh

from .comparing import compare, draft_of, normal, require_comparable
from .core import Core
from .datasets import Datasets
from .errors import (
    COMPARISON_SLOW,
    COMPARISON_UNKNOWN,
    COMPARISON_WRONG,
    COMPARISONS_BUSY,
    HUB_HOLDS_NO_DATA,
    NODE_STOPPED,
    SCHEMA_NOT_OFFERED,
    SCHEMA_RUNS_USED_UP,
)
from .failures import error_view, failure_for_peers, log_unexpected
from .messages import Ok, SchemaQuestion
from .network import Network
from .schema_views import CommonColumnView, SchemaOfferView, SchemaRunView
from .views import ColumnView

__all__ = ["Schemas"]

AT_ONCE = 8
RESERVED_SECONDS = 60.0
"""From a party's word that it takes part to the beginning."""
RUN_SECONDS = 60.0
"""Of a comparison: it takes a fraction of a second and some round trips."""
SHOWN = 200
"""Runs that are listed, the newest."""

V = TypeVar("V", bound=BaseModel)


@dataclass
class Run:
    """A comparison that this node takes part in, from its word on."""

    id: str
    parties: tuple[str, ...]
    asked_by: str
    dataset: str
    columns: tuple[ColumnView, ...]
    offer: SchemaOfferView | None
    """None where this node's own steward asks."""
    began: str
    until: float
    """Of the monotonic clock."""
    mesh: LinkMesh | None = None

    def view(self) -> SchemaRunView:
        return SchemaRunView(
            id=self.id,
            dataset=self.dataset,
            parties=self.parties,
            asked_by=self.asked_by,
            state="running",
            began=self.began,
        )


class Schemas:
    """Of one node."""

    def __init__(self, core: Core, network: Network, datasets: Datasets) -> None:
        self._core = core
        self._network = network
        self._datasets = datasets
        self._runs: dict[str, Run] = {}
        self._counting = asyncio.Lock()

    # -- offers

    async def offer(
        self, dataset: str, to: Sequence[str], runs: int, columns: Sequence[str] | None = None
    ) -> SchemaOfferView:
        """Let the columns of an own dataset be compared by these parties, and no others. It replaces an offer
        of the same dataset, and counts anew.

        :param columns: those to be compared; None for all.

        :raises CoterieError: CT-5030 (at a hub), CT-5031, CT-5020 (an unknown party), CT-5102, CT-5105.
        """
        if self._core.is_hub:
            raise HUB_HOLDS_NO_DATA(self._core.name)
        self._members((*to, self._core.name))
        made = SchemaOfferView(
            id=secrets.token_hex(16),
            dataset=dataset,
            to=tuple(sorted(to)),
            columns=None if columns is None else tuple(columns),
            runs=runs,
            used=0,
            offered=timestamp(now()),
        )
        count = len(self._columns(dataset, made.columns))
        names = {"offer": made.id, "dataset": dataset, "to": list(made.to)}
        await self._core.record("schema", {"event": "offered", **names, "runs": runs, "columns": count})
        await asyncio.to_thread(self._keep, self._offers / f"{dataset}.json", made)
        return made

    async def withdraw(self, dataset: str) -> None:
        """:raises CoterieError: CT-5104."""
        found = next((one for one in await self.offers() if one.dataset == dataset), None)
        if found is None:
            raise COMPARISON_UNKNOWN(f"an offer of {dataset[:64]!r}")
        (self._offers / f"{dataset}.json").unlink(missing_ok=True)
        await self._core.record("schema", {"event": "withdrawn", "offer": found.id, "dataset": dataset})

    async def offers(self) -> list[SchemaOfferView]:
        """By dataset, with the runs that the ledger has."""

        def read() -> list[SchemaOfferView]:
            used: dict[str, int] = {}
            for entry in self._core.ledger.entries("schema"):
                if entry.body.get("event") == "began" and isinstance(of := entry.body.get("offer"), str):
                    used[of] = used.get(of, 0) + 1
            found = _documents(self._offers, SchemaOfferView)
            return [one.model_copy(update={"used": used.get(one.id, 0)}) for one in found]

        return sorted(await asyncio.to_thread(read), key=lambda one: one.dataset)

    # -- at who asks

    async def common(self, dataset: str, others: Mapping[str, str | None]) -> SchemaRunView:
        """Compare the columns of an own dataset with those of the others, and wait for what comes of it.

        :param others: of each party the dataset, or None for the one that it offers to all of these.

        :raises CoterieError: CT-5020, CT-5030, CT-5031, CT-5102, CT-5105, CT-5106; the others' CT-5100,
            CT-5101; CT-5103 and those of links where a party is away. The run is then in :meth:`runs`, too.
        """
        if self._core.is_hub:
            raise HUB_HOLDS_NO_DATA(self._core.name)
        parties = self._members((*others, self._core.name))
        run = self._reserve(secrets.token_hex(16), parties, self._core.name, dataset, None)

        async def ask(begin: bool) -> None:
            """All of them; a refusal is raised when all have answered, so that nothing goes on behind it."""
            questions = {
                peer: SchemaQuestion(run=run.id, parties=parties, dataset=dataset, begin=begin)
                for peer, dataset in others.items()
            }
            asking = [self._network.ask(peer, question, Ok) for peer, question in questions.items()]
            for one in await asyncio.gather(*asking, return_exceptions=True):
                if isinstance(one, BaseException):
                    raise one

        try:
            await ask(begin=False)
            await self._begin(run)
        except BaseException:
            self._runs.pop(run.id, None)
            raise
        work = self._core.spawn(f"comparison {run.id}", self._work(run))
        try:
            await ask(begin=True)
        except CoterieError as error:
            assert run.mesh is not None
            run.mesh.die(error)
        done, failure = await work
        if failure is not None:
            raise failure
        return done  # type: ignore[no-any-return]

    # -- at who is asked

    async def answer(self, peer: str, question: SchemaQuestion) -> Ok:
        """Take part, if the schema was offered to all of them.

        :raises CoterieError: CT-5020, CT-5100, CT-5101, CT-5105, CT-5106.
        """
        parties = self._members(question.parties)
        if parties != question.parties or peer not in parties:
            raise COMPARISON_WRONG(f"{', '.join(question.parties)[:300]}", party=peer)
        offer = await self._offered(parties, question.dataset)
        known = self._runs.get(question.run)
        if not question.begin:
            if known is not None:
                raise COMPARISON_WRONG("it is known already", party=peer)
            self._reserve(question.run, parties, peer, offer.dataset, offer)
            return Ok()
        if known is None or known.mesh is not None or (known.asked_by, known.parties) != (peer, parties):
            raise COMPARISON_WRONG("it was not asked for before", party=peer)
        await self._begin(known)
        self._core.spawn(f"comparison {known.id}", self._work(known))
        return Ok()

    async def _offered(self, parties: Sequence[str], dataset: str | None) -> SchemaOfferView:
        """The one offer that fits. Of others, and of datasets, nothing is told."""
        others = set(parties) - {self._core.name}
        there = {one.name for one in self._datasets.views()}
        fitting = [
            one
            for one in await self.offers()
            if others <= set(one.to) and one.dataset in there and dataset in (None, one.dataset)
        ]
        if len(fitting) != 1:
            why = "several are, name one" if fitting else f"to {', '.join(sorted(others))}"
            error = SCHEMA_NOT_OFFERED(why, party=self._core.name)
            await self._core.record_refusal(error)
            raise error
        if fitting[0].used >= fitting[0].runs:
            raise SCHEMA_RUNS_USED_UP(f"{fitting[0].used} of {fitting[0].runs}", party=self._core.name)
        return fitting[0]

    # -- both

    def _members(self, parties: Sequence[str]) -> tuple[str, ...]:
        """Sorted. :raises CoterieError: CT-5105, CT-5020."""
        if len(set(parties)) != len(parties) or not 2 <= len(parties) <= MOST_PARTIES:
            raise COMPARISON_WRONG(f"{', '.join(sorted(parties))[:300]}")
        if self._core.name not in parties:
            raise COMPARISON_WRONG(f"{self._core.name} has no part in it", party=self._core.name)
        for name in parties:
            if name != self._core.name:
                self._core.peer(name)
        return tuple(sorted(parties))

    def _columns(self, dataset: str, named: Sequence[str] | None) -> tuple[ColumnView, ...]:
        """:raises CoterieError: CT-5031, CT-5102."""
        columns = self._datasets.show(dataset).columns
        found = tuple(one for one in columns if named is None or one.name in named)
        if named is not None and len(found) != len(named):
            missing = sorted(set(named) - {one.name for one in found})
            raise COMPARISON_WRONG(f"{dataset} has no column {', '.join(missing)[:200] or 'named twice'}")
        require_comparable(found)
        return found

    def _reserve(
        self, run: str, parties: tuple[str, ...], asked_by: str, dataset: str, offer: SchemaOfferView | None
    ) -> Run:
        """Expect it. :raises CoterieError: CT-5031, CT-5102, CT-5106."""
        moment = time.monotonic()
        for old in [one for one in self._runs.values() if one.mesh is None and one.until < moment]:
            del self._runs[old.id]
        if len(self._runs) >= AT_ONCE:
            raise COMPARISONS_BUSY(f"{len(self._runs)}", party=self._core.name)
        columns = self._columns(dataset, None if offer is None else offer.columns)
        until = moment + RESERVED_SECONDS
        made = Run(run, parties, asked_by, dataset, columns, offer, timestamp(now()), until)
        self._runs[run] = made
        return made

    async def _begin(self, run: Run) -> None:
        """Count it, and open the links. :raises CoterieError: CT-5101, CT-5020, CT-1303."""
        names = {"run": run.id, "dataset": run.dataset, "parties": list(run.parties), "by": run.asked_by}
        async with self._counting:
            if run.offer is not None:
                await self._offered(run.parties, run.dataset)
                names["offer"] = run.offer.id
            await self._core.record("schema", {"event": "began", **names})
        settings = self._core.home.settings
        others = [name for name in run.parties if name != self._core.name]
        run.mesh = LinkMesh(
            self._core.identity,
            run.id,
            {name: self._core.address(name) for name in others},
            listens=settings.address is not None,
            patience=min(settings.patience, RUN_SECONDS),
        )

    async def _work(self, run: Run) -> tuple[SchemaRunView, CoterieError | None]:
        """Compare; write down and keep what came of it."""
        mesh = run.mesh
        assert mesh is not None

        def work() -> tuple[ColumnView, ...]:
            try:
                found = compare(mesh, run.id, run.parties, run.columns)
                mesh.close()
            except CoterieError as error:
                mesh.fail(error)
                raise
            except Exception as error:
                log_unexpected(f"comparison {run.id}", error)
                mesh.fail(UNEXPECTED(type(error).__name__, party=self._core.name))
                raise UNEXPECTED(type(error).__name__, party=self._core.name) from error
            return found

        late = asyncio.get_running_loop().call_later(
            RUN_SECONDS,
            lambda: mesh.die(COMPARISON_SLOW(f"{RUN_SECONDS:.0f} seconds", party=self._core.name)),
        )
        names = {"run": run.id, "dataset": run.dataset}
        failure: CoterieError | None = None
        try:
            found = await asyncio.to_thread(work)
            sent = {peer: one.sent for peer, one in mesh.egress().get("schema", {}).items()}
            body = {"event": "compared", **names, "common": len(found), "sent": sent}
            done = run.view().model_copy(update={"state": "done", **self._told(run.dataset, found)})
        except CoterieError as error:
            failure = error
            body = {"event": "failed", **names, "code": failure_for_peers(error).code}
            done = run.view().model_copy(update={"state": "failed", "error": error_view(error)})
        finally:
            late.cancel()
        try:
            await self._core.record("schema", body)
            await asyncio.to_thread(self._keep, self._done / f"{run.id}.json", done)
        finally:
            self._runs.pop(run.id, None)
        return done, failure

    def _told(self, dataset: str, found: Sequence[ColumnView]) -> dict[str, object]:
        common = tuple(
            CommonColumnView(name=one.name, common=normal(one.name), type=one.type, role=one.role)
            for one in found
        )
        return {"common": common, "draft": draft_of(self._core.name, self._datasets.show(dataset), found)}

    # -- the door

    def knows(self, run: str) -> bool:
        """Whether links of that name are for a comparison."""
        return run in self._runs

    def hand_over(self, run: str, connection: socket.socket) -> bool:
        """Give a peer's connection to it; False where it has not begun."""
        found = self._runs.get(run)
        if found is None or found.mesh is None:
            return False
        with contextlib.suppress(OSError):  # then the peer dials again
            taken = connection.dup()
            taken.setblocking(True)
            found.mesh.accept(taken)
        connection.close()
        return True

    def why_not(self, run: str, peer: str) -> tuple[bool, CoterieError | None]:
        """Whether a peer's link may be taken later, or else the reason."""
        found = self._runs.get(run)
        if found is None or peer not in found.parties:
            return False, COMPARISON_UNKNOWN(run, party=self._core.name)
        return True, None

    def shut_down(self) -> None:
        """Before the node stops."""
        for run in list(self._runs.values()):
            if run.mesh is not None:
                run.mesh.die(NODE_STOPPED(self._core.name, party=self._core.name))

    def forsake(self, party: str, error: CoterieError) -> None:
        """End the comparisons that go on with a party."""
        for run in list(self._runs.values()):
            if run.mesh is not None and party in run.parties:
                run.mesh.die(error)

    # -- what there was

    async def runs(self) -> list[SchemaRunView]:
        """The newest first, those that go on before all."""
        done = await asyncio.to_thread(_documents, self._done, SchemaRunView)
        kept = {one.id for one in done}
        going = [one.view() for one in self._runs.values() if one.mesh is not None and one.id not in kept]
        return [*going, *sorted(done, key=lambda one: (one.began, one.id), reverse=True)][:SHOWN]

    async def run(self, reference: str) -> SchemaRunView:
        """One, by its id or the beginning of it; ``last`` for the newest. :raises CoterieError: CT-5104."""
        runs = await self.runs()
        found = runs[:1] if reference == "last" else [one for one in runs if one.id.startswith(reference)]
        if len(found) != 1:
            raise COMPARISON_UNKNOWN(f"{len(found)} begin with {reference[:40]!r}")
        return found[0]

    @property
    def _offers(self) -> Path:
        return self._core.home.schemas / "offers"

    @property
    def _done(self) -> Path:
        return self._core.home.schemas / "runs"

    def _keep(self, path: Path, document: BaseModel) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(path, error) from error
        atomic_write(path, canonical(document))


def _documents(folder: Path, kind: type[V]) -> list[V]:
    """Those in a folder that can be read."""
    found = []
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError, ValueError):
            found.append(kind.model_validate_json(path.read_bytes()))
    return found
