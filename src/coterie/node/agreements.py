"""Agreements at this node: drafted or received, signed by a steward, exchanged with the other parties."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy import func, select, update

from coterie.agreement import RUNS_USED_UP, Agreement, Revocation, Terms, commitment, draft, is_id_key
from coterie.crypto import now, parse_timestamp, random_key, timestamp
from coterie.errors import CoterieError, Unavailable

from .core import Core
from .datasets import Datasets
from .drafting import draft_problems
from .errors import (
    AGREEMENT_NOT_ACTIVE,
    AGREEMENT_UNKNOWN,
    ALREADY_AGREED,
    AMBIGUOUS,
    HUB_HOLDS_NO_DATA,
    KEY_MISSING,
    KEY_NOT_COMMITTED,
    NOT_CONCERNED,
    TOO_MANY_OFFERS,
)
from .messages import AgreementPull, AgreementPush, Ok
from .modules import Modules
from .network import Network
from .outbox import Outbox
from .people.consents import Consents
from .people.roles import Principal
from .privacy import Budgets
from .store import AgreementRow, RevocationRow, RunRow
from .views import AgreementState, AgreementView, RevocationView

__all__ = ["Agreements"]

log = logging.getLogger("coterie.node")

_MOST_UNSIGNED = 1000
"""Agreements without this party's signature that are kept: a peer cannot fill the disk with offers."""


def owners(terms: Terms) -> frozenset[str]:
    """Those who may hold the key of the id hashes."""
    asking = (party for lookup in terms.lookups for party in lookup.to)
    return frozenset((*(dataset.owner for dataset in terms.datasets), *asking))


class Agreements:
    """Each agreement once, under the digest of its terms."""

    def __init__(
        self,
        core: Core,
        network: Network,
        outbox: Outbox,
        budgets: Budgets,
        modules: Modules,
        datasets: Datasets,
        consents: Consents,
    ) -> None:
        self._core = core
        self._network = network
        self._outbox = outbox
        self._budgets = budgets
        self._modules = modules
        self._datasets = datasets
        self._consents = consents
        self.on_revoked: Callable[[str], Awaitable[None]] | None = None
        """Told the id of an agreement that was just revoked."""

    # -- what a steward does

    def draft(self, text: str) -> AgreementView:
        """Keep a draft, with a new key for the id hashes that its terms commit to.

        :raises CoterieError: CT-1601, CT-5034, CT-5042, CT-5045.
        """
        if self._core.is_hub:
            raise HUB_HOLDS_NO_DATA(self._core.name)
        own = {one.name: {column.name for column in one.columns} for one in self._datasets.views()}
        terms = draft(text, self._core.keys(), lambda made: draft_problems(made, self._core.name, own, now()))
        if self._core.name not in terms.parties:
            raise NOT_CONCERNED(f"{self._core.name!r} is none of its parties")
        key = random_key()
        terms = Terms.model_validate({**terms.model_dump(), "id_key": commitment(key)})
        made = Agreement(terms=terms)
        Agreement.from_bytes(made.to_bytes())  # what could not be read again must not get into the store
        with self._core.store.session() as session:
            same = session.scalars(select(AgreementRow).where(AgreementRow.name == terms.name))
            for row in same:
                known = Agreement.from_bytes(row.document.encode()).terms
                if known.model_copy(update={"id_key": None}) == terms.model_copy(update={"id_key": None}):
                    raise ALREADY_AGREED(row.id)
            session.add(_row(made, self._core.name, key, offered=False))
        return self.show(terms.id)

    async def offer(self, name: str) -> AgreementView:
        """Send it to the other parties. :raises CoterieError: CT-5040, CT-5041."""
        row, agreement = self._find(name)
        self._refuse_ended(row, agreement)
        self._mark_offered(row.id)
        await self._push(agreement.id)
        return self.show(row.id)

    async def sign(self, name: str, by: Principal) -> AgreementView:
        """A person's yes: signs in this party's name, if the terms ask for no more people.

        :raises CoterieError: CT-16xx, CT-4063, CT-5040, CT-5041, CT-5044, CT-5127, CT-5128.
        """
        row, agreement = self._find(name)
        self._refuse_ended(row, agreement)
        if agreement.terms.id_key and self._core.name in owners(agreement.terms) and row.id_key is None:
            raise KEY_MISSING(agreement.terms.name)
        self._modules.require(agreement.terms)
        signed = agreement.sign(self._core.identity, self._core.keys())
        needed = agreement.terms.persons_of(self._core.name)
        if await self._consents.give(f"agreement {row.id}", by, "agree", needed) < needed:
            return self.show(row.id)
        await self._core.record("agreement", {**_about(signed), "event": "signed", "party": self._core.name})
        await self._keep(signed)
        self._mark_offered(row.id)
        await self._push(row.id)
        return self.show(row.id)

    async def revoke(self, name: str, reason: str) -> AgreementView:
        """End it, and tell everybody. :raises CoterieError: CT-1603, CT-5040."""
        row, agreement = self._find(name)
        revocation = Revocation.make(agreement, self._core.identity, reason[:500], now=now())
        await self._keep_revocation(agreement, revocation)
        await self._push(row.id)
        return self.show(row.id)

    async def sync(self, name: str) -> AgreementView:
        """Ask the others for what this node may have missed. Who is away is passed over."""
        _, agreement = self._find(name)
        await asyncio.gather(*(self._pull(peer, agreement.id) for peer in self._others(agreement.terms)))
        return self.show(agreement.id)

    def views(self) -> list[AgreementView]:
        """Newest first."""
        with self._core.store.session() as session:
            rows = list(session.scalars(select(AgreementRow).order_by(AgreementRow.created.desc())))
        return [self._view(row) for row in rows]

    def show(self, name: str) -> AgreementView:
        """:raises CoterieError: CT-5040, CT-5016."""
        return self._view(self._find(name)[0])

    # -- what jobs need

    def get(self, name: str) -> Agreement:
        """By digest or name, in any state. :raises CoterieError: CT-5040, CT-5016."""
        return self._find(name)[1]

    async def in_force(self, name: str, ask: str | None = None) -> Agreement:
        """An agreement that all have signed; where signatures are missing, the others are asked once.

        :param ask: the peer to get it from where it is not known here at all.
        :raises CoterieError: CT-5040, CT-5041; CT-5140 where a party's key was revoked.
        """
        try:
            row, agreement = self._find(name)
        except CoterieError as error:
            if error.code != AGREEMENT_UNKNOWN.code or ask is None:
                raise
            await self._pull(ask, name)
            row, agreement = self._find(name)
        if agreement.missing:
            await self.sync(row.id)
            row, agreement = self._find(row.id)
        if agreement.missing:
            raise self._never_in_force(row, agreement)
        self._core.require_keys(agreement.terms)
        return agreement

    def revocations(self, agreement: str) -> tuple[Revocation, ...]:
        """All that this node has received of that agreement."""
        with self._core.store.session() as session:
            found = session.scalars(select(RevocationRow).where(RevocationRow.agreement == agreement))
            return tuple(Revocation.from_bytes(row.document.encode()) for row in found)

    def runs_used(self, agreement: str, but: str | None = None) -> int:
        """Runs that this node has started, of all jobs but one."""
        counting = select(func.count()).where(RunRow.agreement == agreement, RunRow.job != (but or ""))
        with self._core.store.session() as session:
            counted = session.scalar(counting)
        return int(counted or 0)

    def count_run(self, job: str, agreement: str) -> None:
        """Take one of the agreement's runs, once for all attempts at a job. Jobs that start at once have all
        seen it free until here.

        :raises CoterieError: CT-5040, CT-1625.
        """
        allowed = self.get(agreement).terms.max_runs
        with self._core.store.session() as session:
            if session.get(RunRow, job) is not None:
                return
            used = session.scalar(select(func.count()).where(RunRow.agreement == agreement)) or 0
            if used >= allowed:
                raise RUNS_USED_UP(f"{used} of {allowed}", party=self._core.name)
            session.add(RunRow(job=job, agreement=agreement, started=timestamp(now())))

    def id_key(self, agreement: Agreement) -> bytes:
        """The key of the id hashes: zeros where this node is none of those who hold it (a dealer).

        :raises CoterieError: CT-5044.
        """
        if self._core.name not in owners(agreement.terms) or agreement.terms.id_key is None:
            return bytes(32)
        row, _ = self._find(agreement.id)
        if row.id_key is None:
            raise KEY_MISSING(agreement.terms.name, party=self._core.name)
        return row.id_key

    # -- what peers send

    async def receive(self, peer: str, push: AgreementPush) -> Ok:
        """Take what a peer knows of an agreement.

        :raises CoterieError: CT-1602, CT-1604, CT-1606, CT-5042, CT-5043, CT-5046.
        """
        terms = push.agreement.terms
        self._check_concerned(peer, terms)
        checked = Agreement(terms=terms).merge(push.agreement)
        Agreement.from_bytes(checked.to_bytes())  # what could not be read again must not get into the store
        key = self._checked_key(peer, push)
        with self._core.store.session() as session:
            if session.get(AgreementRow, checked.id) is None:
                self._core.allowance.take(peer)
                unsigned = [
                    one for one in session.scalars(select(AgreementRow)) if not self._signed_here(one)
                ]
                if len(unsigned) >= _MOST_UNSIGNED:
                    raise TOO_MANY_OFFERS(str(_MOST_UNSIGNED), party=self._core.name)
                drafter = push.drafted_by if push.drafted_by in terms.parties else peer
                session.add(_row(Agreement(terms=terms), drafter, None, offered=True))
        if key is not None:
            with self._core.store.session() as session:
                missing = (AgreementRow.id == checked.id, AgreementRow.id_key.is_(None))
                session.execute(update(AgreementRow).where(*missing).values(id_key=key))
        self._modules.keep(checked.terms, push.modules)
        await self._keep(checked)
        for revocation in push.revocations:
            await self._keep_revocation(checked, revocation)
        return Ok()

    def answer_pull(self, peer: str, pull: AgreementPull) -> AgreementPush:
        """:raises CoterieError: CT-5040, also where it does not concern the asker."""
        row, agreement = self._find(pull.agreement)
        self.check_names(peer, agreement)
        return self._push_for(peer, row, agreement)

    def check_names(self, peer: str, agreement: Agreement) -> None:
        """That an agreement names this peer, with the key that is pinned now: another party may have come
        under the name of one that left.

        :raises CoterieError: CT-5040.
        """
        named = {**agreement.terms.services, **agreement.terms.parties}.get(peer)
        if named is None or named != self._core.keys().get(peer):
            raise AGREEMENT_UNKNOWN(agreement.id, party=self._core.name)

    # -- inside

    def _check_concerned(self, peer: str, terms: Terms) -> None:
        concerned = {**terms.services, **terms.parties}
        if concerned.get(peer) != self._core.peer(peer).key:
            raise NOT_CONCERNED(f"{terms.name!r} does not name {peer!r} with its key", party=peer)
        if concerned.get(self._core.name) != self._core.identity.public.key:
            raise NOT_CONCERNED(f"{terms.name!r} does not name {self._core.name!r} with its key", party=peer)
        helpers = {terms.dealer, terms.coordinator, terms.tee and terms.tee.host}
        if self._core.is_hub and self._core.name not in helpers:
            raise NOT_CONCERNED(
                f"{terms.name!r} names {self._core.name!r} neither as dealer or coordinator nor as host",
                party=peer,
            )

    def _checked_key(self, peer: str, push: AgreementPush) -> bytes | None:
        terms = push.agreement.terms
        if push.id_key is None or self._core.name not in owners(terms):
            return None
        key = bytes.fromhex(push.id_key)
        if not is_id_key(key, terms):
            raise KEY_NOT_COMMITTED(terms.name, party=peer)
        return key

    def _signed_here(self, row: AgreementRow) -> bool:
        return self._core.name in Agreement.from_bytes(row.document.encode()).signatures

    async def _keep(self, agreement: Agreement) -> None:
        """Merge into the store. With the last signature the agreement is in force, and services get it."""
        with self._core.store.session() as session:
            row = session.get_one(AgreementRow, agreement.id)
            before = Agreement.from_bytes(row.document.encode())
            merged = before.merge(agreement)
            row.document = merged.to_bytes().decode()
        if before.missing and not merged.missing:
            merged.verify()
            await self._core.record("agreement", {**_about(merged), "event": "in force"})
            if merged.terms.services and not self._core.is_hub:
                services = [name for name in merged.terms.services if self._is_peer(name)]
                await self._send(agreement.id, services)

    async def _keep_revocation(self, agreement: Agreement, revocation: Revocation) -> None:
        revocation.verify(agreement.terms)
        with self._core.store.session() as session:
            if session.get(RevocationRow, (agreement.id, revocation.party)) is not None:
                return
            document = revocation.to_bytes().decode()
            session.add(RevocationRow(agreement=agreement.id, party=revocation.party, document=document))
        body = {"agreement": agreement.id, "party": revocation.party, "reason": revocation.reason}
        await self._core.record("revocation", body)
        if self.on_revoked is not None:
            await self.on_revoked(agreement.id)

    async def _push(self, agreement: str) -> None:
        """Send all that is known of it to its other parties, and to services once all have signed."""
        _, document = self._find(agreement)
        targets = self._others(document.terms, services=not document.missing)
        await self._send(agreement, targets)

    async def _send(self, agreement: str, targets: list[str]) -> None:
        row, document = self._find(agreement)
        sending = [
            self._outbox.send([peer], f"agreement {row.id}", self._push_for(peer, row, document))
            for peer in targets
        ]
        await asyncio.gather(*sending)

    def _push_for(self, peer: str, row: AgreementRow, agreement: Agreement) -> AgreementPush:
        holds = peer in owners(agreement.terms) and row.id_key is not None
        return AgreementPush(
            agreement=agreement,
            revocations=self.revocations(row.id),
            drafted_by=row.drafted_by,
            id_key=row.id_key.hex() if holds and row.id_key is not None else None,
            modules=self._modules.sources(agreement.terms),
        )

    async def _pull(self, peer: str, agreement: str) -> None:
        try:
            await self.receive(
                peer, await self._network.ask(peer, AgreementPull(agreement=agreement), AgreementPush)
            )
        except Unavailable as error:
            log.info("agreement %s not asked of %s: %s", agreement, peer, error.code)
        except CoterieError as error:
            log.warning("agreement %s of %s not taken: %s", agreement, peer, error)

    def _others(self, terms: Terms, *, services: bool = True) -> list[str]:
        concerned = {**(terms.services if services else {}), **terms.parties}
        known = self._core.keys()
        return sorted(n for n, key in concerned.items() if n != self._core.name and known.get(n) == key)

    def _is_peer(self, name: str) -> bool:
        known = self._core.keys()
        return name in known and name != self._core.name

    def _mark_offered(self, agreement: str) -> None:
        with self._core.store.session() as session:
            session.execute(update(AgreementRow).where(AgreementRow.id == agreement).values(offered=True))

    def _refuse_ended(self, row: AgreementRow, agreement: Agreement) -> None:
        state = self._state(row, agreement)
        if state in ("revoked", "expired"):
            raise AGREEMENT_NOT_ACTIVE(f"{agreement.terms.name} is {state}")

    def _never_in_force(self, row: AgreementRow, agreement: Agreement) -> CoterieError:
        """CT-5041, with who has not signed, and whether anybody still can."""
        state, missing = self._state(row, agreement), ", ".join(agreement.missing)
        told = f"{agreement.terms.name}: not signed by {missing}"
        if state in ("revoked", "expired"):
            return AGREEMENT_NOT_ACTIVE(
                f"{told}, and {state}", next_step="Make a new one: nobody can sign this one any more."
            )
        return AGREEMENT_NOT_ACTIVE(told, next_step=f"Have it signed by {missing}.")

    def _find(self, name: str) -> tuple[AgreementRow, Agreement]:
        with self._core.store.session() as session:
            row = session.get(AgreementRow, name)
            rows = (
                [row] if row else list(session.scalars(select(AgreementRow).where(AgreementRow.name == name)))
            )
        found = [(one, Agreement.from_bytes(one.document.encode())) for one in rows]
        live = [pair for pair in found if self._state(*pair) not in ("revoked", "expired", "suspended")]
        chosen = live if len(found) > 1 and live else found
        if not chosen:
            raise AGREEMENT_UNKNOWN(repr(name[:80]), party=self._core.name)
        if len(chosen) > 1:
            raise AMBIGUOUS(f"{len(chosen)} agreements are named {name!r}")
        return chosen[0]

    def _state(self, row: AgreementRow, agreement: Agreement) -> AgreementState:
        if self.revocations(row.id):
            return "revoked"
        if now() > parse_timestamp(agreement.terms.expires):
            return "expired"
        if self._core.revoked(agreement.terms):
            return "suspended"
        if not agreement.missing:
            return "active"
        return "offered" if row.offered else "draft"

    def _view(self, row: AgreementRow) -> AgreementView:
        agreement = Agreement.from_bytes(row.document.encode())
        terms = agreement.terms
        return AgreementView(
            id=row.id,
            name=row.name,
            state=self._state(row, agreement),
            drafted_by=row.drafted_by,
            terms=terms.model_dump(mode="json"),
            signers=tuple(terms.parties),
            signed_by=tuple(sorted(agreement.signatures)),
            not_offered_to=self._outbox.waiting_for(f"agreement {row.id}"),
            revocations=tuple(
                RevocationView(party=one.party, time=one.time, reason=one.reason)
                for one in self.revocations(row.id)
            ),
            runs_used=self.runs_used(row.id),
            key_here=row.id_key is not None,
            privacy=self._budgets.views(row.id, terms),
            persons=tuple(self._consents.given(f"agreement {row.id}", "agree")),
        )


def _row(agreement: Agreement, drafted_by: str, key: bytes | None, *, offered: bool) -> AgreementRow:
    return AgreementRow(
        id=agreement.id,
        name=agreement.terms.name,
        document=agreement.to_bytes().decode(),
        drafted_by=drafted_by,
        offered=offered,
        id_key=key,
        created=timestamp(now()),
    )


def _about(agreement: Agreement) -> dict[str, object]:
    return {
        "agreement": agreement.id,
        "name": agreement.terms.name,
        "signed_by": sorted(agreement.signatures),
    }
