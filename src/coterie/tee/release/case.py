"""All that one run rests on, as releasers and runners check it: manifest, grants, records, checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from coterie.tee.container.record import DatasetRecord
from coterie.tee.documents.exchange import Checkpoint, LoggedGrant
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.grants import grants_root, judge
from coterie.tee.documents.limits import Limits
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.evidence.binding import ReportBinding
from coterie.tee.evidence.model import Assurance
from coterie.tee.release.errors import CHECKPOINT_REFUSED


@dataclass(frozen=True)
class Case:
    """One job with everything that its owners have signed."""

    manifest: JobManifest
    grants: tuple[Grant, ...]
    records: tuple[DatasetRecord, ...]
    checkpoint: Checkpoint

    @cached_property
    def job(self) -> str:
        """Digest of the manifest: how messages name the run."""
        return self.manifest.digest

    @cached_property
    def grants_root(self) -> str:
        """Merkle root over the grants."""
        return grants_root(self.grants)

    def grant(self, owner: str) -> Grant:
        """The grant of an owner; :meth:`check` has seen to it that there is one of each."""
        return next(grant for grant in self.grants if grant.owner.name == owner)

    def record(self, owner: str) -> DatasetRecord:
        """The record of an owner."""
        return next(record for record in self.records if record.owner.name == owner)

    def logged(self, owner: str) -> LoggedGrant:
        """What the checkpoint says of an owner's ledger."""
        return next(one for one in self.checkpoint.logged if one.owner == owner)

    def check(self, moment: str) -> Limits:
        """Every owner grants the job, and has signed that its ledger has the grant.

        :param moment: the time now, RFC 3339.

        Returns what the run and all its results are under.

        Errors: CT-2275, CT-2279, each with the reasons.
        """
        limits = judge(self.manifest, self.grants, self.records, moment).require()
        if reasons := list(self._checkpoint_refusals()):
            raise CHECKPOINT_REFUSED("; ".join(reasons))
        return limits

    def binding(
        self, *, provider: str, nonce: str, hpke_pk: str, receipt_pk: str, assurance: Assurance | None = None
    ) -> ReportBinding:
        """What evidence for ``provider`` is made over: the manifest's assurance, unless another is given."""
        return ReportBinding(
            nonce=nonce,
            provider=provider,
            hpke_pk=hpke_pk,
            receipt_pk=receipt_pk,
            job=self.job,
            grants_root=self.grants_root,
            log_checkpoint=self.checkpoint.digest,
            assurance=assurance or self.manifest.assurance,
        )

    def _checkpoint_refusals(self) -> Iterator[str]:
        if self.checkpoint.manifest != self.job:
            yield "the checkpoint is for another job"
        owners = [one.owner for one in self.checkpoint.logged]
        if sorted(owners) != sorted(self.manifest.owners):
            yield "the checkpoint does not have exactly one entry of each owner"
            return
        for one in self.checkpoint.logged:
            if one.grant != self.grant(one.owner).digest:
                yield f"'{one.owner}' has logged another grant"
            if one.head.party != one.owner or not one.head.signed_with(self.manifest.keys[one.owner]):
                yield f"'{one.owner}' did not sign the head of its ledger"
            if one.entry > one.head.seq:
                yield f"entry {one.entry} of '{one.owner}' is behind the head"
