"""What a worker is told when it begins."""

from __future__ import annotations

import base64
import json

from coterie.agreement import Agreement
from coterie.crypto import PublicIdentity
from coterie.jobs import Assignment, Proposal, agreement_folder

from .agreements import Agreements
from .attempts import survives
from .attested import Attested
from .core import Core
from .datasets import Datasets
from .jobbook import JobBook
from .pipe import Begin, Peer
from .pipelines import Pipelines

__all__ = ["Begins"]


class Begins:
    """Puts together all that a worker of this node needs for a job."""

    def __init__(
        self,
        core: Core,
        agreements: Agreements,
        datasets: Datasets,
        book: JobBook,
        attested: Attested,
        pipelines: Pipelines,
    ) -> None:
        self._core, self._agreements, self._datasets = core, agreements, datasets
        self._book, self._attested, self._pipelines = book, attested, pipelines

    def of(self, job: str) -> Begin:
        """:raises CoterieError: CT-5020, CT-5031, CT-5044, CT-5086, CT-5087, CT-1120."""
        proposal = self._book.proposal(job)
        agreement = self._agreements.get(proposal.agreement)
        home = self._core.home
        attested = proposal.spec.engine == "tee"
        # In engine tee no worker opens data: neither the table nor the key of the ids is its business.
        dataset = None if attested else proposal.spec.datasets.get(self._core.name)
        assignment = Assignment(
            me=self._core.name,
            proposal=proposal,
            terms=agreement.terms,
            dataset=None if dataset is None else self._datasets.spec(dataset),
            id_key=(bytes(32) if dataset is None else self._agreements.id_key(agreement)).hex(),
            directory=home.job(job),
            unfinished=home.unfinished / agreement_folder(agreement.id),
            pipelines={} if dataset is None else self._pipelines.files_for(proposal),
            keeps=not attested and survives(json.loads(self._book.row(job).plan)),
            attempt=self._book.attempts.number(job),
            mark=self._book.attempts.mark(job),
            places=self._attested.places(proposal, agreement) if attested else None,
        )
        return Begin(
            home=home.path,
            identity=self._core.identity.public,
            key=base64.b64encode(self._core.identity.handed_over()),
            assignment=assignment,
            peers=tuple(self._peer(name) for name in self._book.others(job)),
            listens=home.settings.address is not None,
            patience=home.settings.patience,
            dealer=self._dealer_of(proposal, agreement),
            memory=home.settings.memory,
            log=home.settings.log,
        )

    def _dealer_of(self, proposal: Proposal, agreement: Agreement) -> PublicIdentity | None:
        """Whose tape files the job uses, where it uses any."""
        dealer = agreement.terms.dealer
        return self._core.public(dealer) if dealer and proposal.spec.correlations == "tape" else None

    def _peer(self, name: str) -> Peer:
        address = self._core.address(name)
        return Peer(identity=address.identity, host=address.host, port=address.port)
