"""Everything that a node's REST API offers, as typed calls."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from coterie.node import (
    AgreementView,
    Check,
    ComponentView,
    DatasetView,
    DealingView,
    DepositView,
    DocumentView,
    EntryView,
    HeadView,
    HealthView,
    IdentityView,
    InvitationView,
    JobView,
    LookupTableView,
    LookupView,
    NewToken,
    PeerView,
    PipelineView,
    PlanView,
    ReadyView,
    ResultView,
    SealedView,
    TapeView,
    TokenRole,
    TokenView,
    VersionView,
)

from .connection import raised
from .errors import DOWNLOAD_DAMAGED, STILL_RUNNING
from .modules import ModuleCalls
from .people import PeopleCalls
from .schemas import SchemaCalls

READING = 86400.0
"""Seconds for which a node may read a table before it answers."""

__all__ = ["Client"]

_LOOKED_UP = 16384
"""Ids of a request: some hundred KiB."""

_CHUNK = 2**16


class Client(ModuleCalls, PeopleCalls, SchemaCalls):
    """A connection to one node, as the holder of one token. Threads may share it."""

    # -- the node itself

    def health(self) -> HealthView:
        return self._get("/health", HealthView)

    def ready(self) -> ReadyView:
        """Whether the node can take work, and what is missing."""
        return self._get("/ready", ReadyView)

    def version(self) -> VersionView:
        return self._get("/version", VersionView)

    def identity(self) -> IdentityView:
        return self._get("/identity", IdentityView)

    def components(self) -> list[ComponentView]:
        """The pipeline steps that this node can run, with the JSON schema of their parameters."""
        return self._list("/components", ComponentView)

    def doctor(self) -> list[Check]:
        """Keys, clock, port, peers, versions, disk, permissions: each with what to do about it."""
        return self._list("/doctor", Check)

    def tokens(self) -> list[TokenView]:
        return self._list("/tokens", TokenView)

    def create_token(self, name: str, role: TokenRole = "analyst") -> NewToken:
        """A new token. Its secret is in the answer and nowhere else."""
        return self._post("/tokens", NewToken, {"name": name, "role": role})

    def remove_token(self, token_id: str) -> None:
        self._call("DELETE", f"/tokens/{_part(token_id)}")

    # -- peers

    def invite(self, hours: float = 24.0) -> InvitationView:
        """A one-time invitation; hand its ``text`` to the other party over a way that you trust."""
        return self._post("/invitations", InvitationView, {"hours": hours})

    def invitations(self) -> list[InvitationView]:
        return self._list("/invitations", InvitationView)

    def remove_invitation(self, invitation_id: str) -> None:
        self._call("DELETE", f"/invitations/{_part(invitation_id)}")

    def accept(self, invitation: str) -> PeerView:
        """Accept another party's invitation: both nodes pin each other's keys."""
        return self._post("/peers", PeerView, {"invitation": invitation})

    def peers(self) -> list[PeerView]:
        return self._list("/peers", PeerView)

    def remove_peer(self, name: str) -> None:
        """Forget a peer's key: it is refused from now on."""
        self._call("DELETE", f"/peers/{_part(name)}")

    def revoke_peer(self, name: str, reason: str) -> None:
        """Declare a peer's key lost or stolen: for good, nothing of it counts here any more."""
        self._call("POST", f"/peers/{_part(name)}/revoke", {"reason": reason})

    # -- datasets

    def add_dataset(self, spec: str, folder: Path | None = None) -> DatasetView:
        """Register a table at this node. It is read and checked as a whole; it stays where it is.

        :param spec: the dataset's description, YAML text.
        :param folder: where relative paths in it start, on the node's machine; the node's home if None.
        :raises CoterieError: what is wrong with the description or the table (CT-14xx, CT-15xx).
        """
        start = None if folder is None else str(folder.absolute())
        return self._post("/datasets", DatasetView, {"spec": spec, "folder": start}, timeout=READING)

    def refresh_dataset(self, name: str) -> DatasetView:
        """Have a registered table read and checked again, and of a query its database asked again. Jobs that
        are submitted from now on are about the rows that are found.

        :raises CoterieError: CT-5031, and what is wrong with the table now; it stays known as it was then.
        """
        return self._post(f"/datasets/{_part(name)}/refresh", DatasetView, timeout=READING)

    def datasets(self) -> list[DatasetView]:
        return self._list("/datasets", DatasetView)

    def dataset(self, name: str) -> DatasetView:
        return self._get(f"/datasets/{_part(name)}", DatasetView)

    def remove_dataset(self, name: str) -> None:
        """Forget a dataset. The file stays; rows that were taken by a query are removed."""
        self._call("DELETE", f"/datasets/{_part(name)}")

    def pipelines(self) -> list[PipelineView]:
        """The saved pipelines that this party has a part of."""
        return self._list("/pipelines", PipelineView)

    def pipeline(self, reference: str) -> PipelineView:
        """:param reference: ``name@number``, its digest, or the name alone for the newest."""
        return self._get(f"/pipelines/{_part(reference)}", PipelineView)

    def remove_pipeline(self, reference: str, reason: str = "") -> None:
        """Delete this party's part of a pipeline: nobody can score by it any more.

        :param reference: ``name@number`` or its digest.
        """
        self._call("DELETE", f"/pipelines/{_part(reference)}?reason={_part(reason)}")

    def sealed(self) -> list[SealedView]:
        """What this node has sealed, and what it holds of others as their host."""
        return self._list("/sealed", SealedView)

    def add_sealed(self, agreement: str, container: Path, record: Path) -> SealedView:
        """At a host: take in an owner's sealed data. Both paths are on the node's machine."""
        body = {"agreement": agreement, "container": str(container), "record": str(record)}
        return self._post("/sealed", SealedView, body)

    def challenge_keeper(self, agreement: str, dataset: str) -> DocumentView:
        """Seal a dataset for an agreement, and challenge a key keeper at the agreement's host."""
        return self._post("/keeper/challenges", DocumentView, {"agreement": agreement, "dataset": dataset})

    def deposit_key(self, agreement: str, dataset: str, offer: str, runs: int, days: int) -> DepositView:
        """The data key for the keeper that answered the challenge.

        :param offer: the answer, as it came.
        :param runs: of the agreement's, at most.
        :param days: until the keeper wipes the key.
        """
        body = {"agreement": agreement, "dataset": dataset, "offer": offer, "runs": runs, "days": days}
        return self._post("/keeper/deposits", DepositView, body)

    def withdraw_key(self, deposit: str) -> DocumentView:
        """The word that ends a deposit, for the keeper's host.

        :param deposit: the key of its log.
        """
        return self._post(f"/keeper/deposits/{_part(deposit)}/withdraw", DocumentView)

    def remove_sealed(self, file: str, reason: str = "") -> None:
        """Destroy the key of own sealed data, which its host then deletes; or delete what is held of others.

        :param file: its id.
        """
        self._call("DELETE", f"/sealed/{_part(file)}?reason={_part(reason)}")

    # -- agreements: every ``agreement`` is its id (digest) or its name

    def draft_agreement(self, text: str) -> AgreementView:
        """Store a draft.

        :param text: the terms, YAML. Names of parties are completed with the pinned keys.
        """
        return self._post("/agreements", AgreementView, {"text": text})

    def offer_agreement(self, agreement: str) -> AgreementView:
        """Send it to its other parties, for them to read and sign. Who is away gets it later."""
        return self._post(f"/agreements/{_part(agreement)}/offer", AgreementView)

    def sign_agreement(self, agreement: str) -> AgreementView:
        """Sign the terms in this party's name, and send the signature to the others."""
        return self._post(f"/agreements/{_part(agreement)}/sign", AgreementView)

    def sync_agreement(self, agreement: str) -> AgreementView:
        """Ask the other parties now for signatures and revocations."""
        return self._post(f"/agreements/{_part(agreement)}/sync", AgreementView)

    def revoke_agreement(self, agreement: str, reason: str = "") -> AgreementView:
        """End it. Any party may, at any time; running jobs under it are cancelled."""
        return self._post(f"/agreements/{_part(agreement)}/revoke", AgreementView, {"reason": reason})

    def agreements(self) -> list[AgreementView]:
        return self._list("/agreements", AgreementView)

    def agreement(self, agreement: str) -> AgreementView:
        return self._get(f"/agreements/{_part(agreement)}", AgreementView)

    # -- jobs

    def submit(self, spec: str) -> JobView:
        """Propose a job to the parties of its agreement.

        :param spec: YAML text.
        :returns: the job as it stands once every participant has checked the plan: it may wait for people.
        :raises CoterieError: every reason for which this or another party refuses it.
        """
        return self._post("/jobs", JobView, {"spec": spec})

    def submit_again(self, job: str) -> JobView:
        """Propose a job once more, as it was written, under a new id. Steps that can go on where a run of it
        broke off do so, where every party has kept its part.
        """
        return self._post(f"/jobs/{_part(job)}/again", JobView)

    def preview(self, spec: str) -> PlanView:
        """The plan that :meth:`submit` would propose; nothing is proposed, ``job`` is a mere example."""
        return self._post("/jobs/preview", PlanView, {"spec": spec})

    def jobs(self) -> list[JobView]:
        """Newest first."""
        return self._list("/jobs", JobView)

    def job(self, job: str) -> JobView:
        return self._get(f"/jobs/{_part(job)}", JobView)

    def plan(self, job: str) -> PlanView:
        return self._get(f"/jobs/{_part(job)}/plan", PlanView)

    def approve(self, job: str) -> JobView:
        """Approve the plan in this party's name."""
        return self._post(f"/jobs/{_part(job)}/approve", JobView)

    def refuse(self, job: str, reason: str = "") -> JobView:
        """Refuse the plan: the job ends at every participant."""
        return self._post(f"/jobs/{_part(job)}/refuse", JobView, {"reason": reason})

    def cancel(self, job: str, reason: str = "") -> JobView:
        """End a job at every participant."""
        return self._post(f"/jobs/{_part(job)}/cancel", JobView, {"reason": reason})

    def wait(
        self,
        job: str,
        on_progress: Callable[[JobView], None] | None = None,
        *,
        timeout: float | None = None,
        interval: float = 0.3,
    ) -> JobView:
        """Follow a job to its end.

        :param on_progress: called with every change of the job's view.
        :param timeout: seconds; None waits as long as the job takes.
        :returns: the job, ``done``.
        :raises CoterieError: the code with which the job failed, was refused or was cancelled; CT-6054 after
            ``timeout``: the job goes on.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        last: JobView | None = None
        while True:
            view = self.job(job)
            if on_progress is not None and view != last:
                on_progress(view)
            last = view
            if view.over:
                if view.error is not None:
                    raise raised(view.error)
                return view
            if deadline is not None and time.monotonic() > deadline:
                raise STILL_RUNNING(f"job {job} is {view.state}")
            time.sleep(interval)

    def results(self, job: str) -> list[ResultView]:
        """The results that this party received."""
        return self._list(f"/jobs/{_part(job)}/results", ResultView)

    def download(self, job: str, name: str, to: Path) -> Path:
        """Write a result to a file.

        :param to: the file, or a folder in which the result keeps its name.
        :raises CoterieError: CT-6055 if the content does not have the digest that the node recorded.
        """
        known = {result.name: result for result in self.results(job)}
        target = to / Path(name).name if to.is_dir() else to
        partial = target.with_name(target.name + ".part")
        hashed = hashlib.sha256()
        answer = self._open("GET", f"/jobs/{_part(job)}/results/{quote(name)}", None)
        try:
            with partial.open("wb") as file:
                for chunk in answer.stream(_CHUNK):
                    hashed.update(chunk)
                    file.write(chunk)
        except urllib3.exceptions.HTTPError as error:
            raise self._away(error) from error
        finally:
            answer.release_conn()
        if name in known and known[name].digest != f"sha256:{hashed.hexdigest()}":
            partial.unlink()
            raise DOWNLOAD_DAMAGED(f"{name} of job {job}")
        partial.replace(target)
        return target

    # -- lookups

    def prepare_lookups(self, agreement: str, dataset: str) -> LookupTableView:
        """At the owner: begin to prepare a table of an own dataset, or go on; see :meth:`lookup_tables`."""
        body = {"agreement": agreement, "dataset": dataset}
        return self._post("/lookups/prepare", LookupTableView, body)

    def add_lookup_table(self, path: Path) -> LookupTableView:
        """Have the node take in a table of another party. The path is on the node's machine."""
        return self._post("/lookups/tables", LookupTableView, {"path": str(path)})

    def lookup_tables(self) -> list[LookupTableView]:
        """Own tables, and those that were taken in."""
        return self._list("/lookups/tables", LookupTableView)

    def remove_lookup_table(self, agreement: str, dataset: str) -> None:
        """Delete the tables of a dataset under an agreement; an own one with its key."""
        self._call("POST", "/lookups/remove", {"agreement": agreement, "dataset": dataset})

    def look_up(
        self,
        agreement: str,
        dataset: str,
        ids: Sequence[str | Sequence[str]],
        owner: str | None = None,
    ) -> LookupView:
        """Which of these ids the owner of a dataset has. Each counts against the agreement.

        :param ids: texts; of a composite id the parts.
        :param owner: where several parties have a dataset of this name.
        """
        parts = [[one] if isinstance(one, str) else list(one) for one in ids]
        found: list[LookupView] = []
        for start in range(0, len(parts), _LOOKED_UP):
            some = parts[start : start + _LOOKED_UP]
            body = {"agreement": agreement, "dataset": dataset, "ids": some, "owner": owner}
            found.append(self._post("/lookups/ask", LookupView, body))
        left = [one.left for one in found if one.left is not None]
        held = tuple(one for view in found for one in view.held)
        return LookupView(held=held, left=min(left, default=None))

    # -- tape files

    def add_tape(self, path: Path) -> TapeView:
        """Have the node take in a tape file of this party. The path is on the node's machine."""
        return self._post("/tapes", TapeView, {"path": str(path)})

    def tapes(self) -> list[TapeView]:
        """Files that wait for their jobs, then those that were used."""
        return self._list("/tapes", TapeView)

    def stage_request(self, job: str, stage: int) -> dict[str, Any]:
        """What the job's dealer is asked for, to be handed to it: the exact plan of a stage, no data."""
        found: dict[str, Any] = json.loads(self._call("GET", f"/jobs/{_part(job)}/stages/{stage}"))
        return found

    def deal(self, request: str, folder: Path, *others: str) -> DealingView:
        """At the dealer's node: begin to write a stage's tape files into a folder on the node's machine.

        :param request: JSON, see :meth:`stage_request`.
        :param others: the other compute parties' requests, where the agreement asks for an attested dealer.
        """
        body = {"request": request, "folder": str(folder), "others": list(others)}
        return self._post("/dealings", DealingView, body)

    def dealing(self, dealing: str) -> DealingView:
        """How far it is."""
        return self._get(f"/dealings/{_part(dealing)}", DealingView)

    def wait_dealing(
        self, dealing: str, on_progress: Callable[[DealingView], None] | None = None, interval: float = 0.2
    ) -> DealingView:
        """Until its files are written.

        :raises CoterieError: the code with which it has failed.
        """
        while (view := self.dealing(dealing)).state == "running":
            if on_progress is not None:
                on_progress(view)
            time.sleep(interval)
        if view.error is not None:
            raise raised(view.error)
        return view

    def cancel_dealing(self, dealing: str) -> DealingView:
        """End it; nothing of it is left."""
        return self._post(f"/dealings/{_part(dealing)}/cancel", DealingView)

    # -- ledger

    def ledger(
        self, *, kind: str | None = None, job: str | None = None, after: int | None = None, limit: int = 1000
    ) -> list[EntryView]:
        """Entries of this party's ledger, oldest first.

        :param after: only entries with a greater sequence number.
        """
        wanted = {"kind": kind, "job": job, "after": after, "limit": limit}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        return self._list(f"/ledger?{query}", EntryView)

    def ledger_head(self) -> HeadView:
        return self._get("/ledger/head", HeadView)


def _part(text: str) -> str:
    return quote(text, safe="")
