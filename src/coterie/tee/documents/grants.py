"""The grants of one run together: does every owner allow this job? One refusal is enough."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from coterie.agreement import ComponentTerms
from coterie.crypto import PartyName
from coterie.data import Many, id_names
from coterie.errors import CoterieError
from coterie.tee.container.merkle import LEAF, RootBuilder
from coterie.tee.container.record import DatasetRecord
from coterie.tee.documents.errors import NOT_GRANTED
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.limits import Limits, inherited, limits_of
from coterie.tee.documents.manifest import JobManifest, ManifestDataset, ManifestStep
from coterie.tee.evidence.model import Document

TOLD = 6
"""Refusals that an error quotes; the verdict has all."""


class GrantRefusal(Document):
    """Why one owner's grant does not allow a job."""

    owner: PartyName
    reason: str


class Verdict(Document):
    """The answer of all grants together, with every reason against."""

    allowed: bool
    refusals: Many[GrantRefusal]
    limits: Limits | None
    """What the run and all its results are under; None where it is not allowed."""

    def require(self) -> Limits:
        """Go on only with a job that every owner has granted. Errors: CT-2275 with the reasons."""
        if self.limits is not None and self.allowed:
            return self.limits
        told = "; ".join(f"{refusal.owner}: {refusal.reason}" for refusal in self.refusals[:TOLD])
        more = f"; and {len(self.refusals) - TOLD} more" if len(self.refusals) > TOLD else ""
        raise NOT_GRANTED(told + more, party=self.refusals[0].owner)


def judge(
    manifest: JobManifest, grants: Sequence[Grant], records: Sequence[DatasetRecord], moment: str
) -> Verdict:
    """Whether every owner's grant allows the job with these records, signatures included. Same arguments,
    same answer.

    :param records: of the sealed data sets that would be opened.
    :param moment: the time now, RFC 3339.

    Deny by default: exactly one grant and one record are needed of every owner.
    """
    refusals = [
        *_one_of_each("grant", manifest, [grant.owner.name for grant in grants]),
        *_one_of_each("record", manifest, [record.owner.name for record in records]),
    ]
    by_owner = {record.owner.name: record for record in records}
    for grant in grants:
        reasons = grant_refusals(grant, manifest, by_owner.get(grant.owner.name), moment)
        refusals += (GrantRefusal(owner=grant.owner.name, reason=reason) for reason in reasons)
    limits: Limits | None = None
    if not refusals:
        try:
            limits = inherited(grants)
        except CoterieError as error:
            refusals.append(GrantRefusal(owner=manifest.host, reason=error.detail))
    return Verdict(allowed=not refusals, refusals=tuple(refusals), limits=limits)


def grants_root(grants: Iterable[Grant]) -> str:
    """``sha256:`` and the root of the Merkle tree (RFC 6962, section 2.1) over the signed bodies of the
    grants, in the order of their data sets' names.

    :param grants: at least one.
    """
    tree = RootBuilder()
    for grant in sorted(grants, key=lambda one: one.dataset):
        tree.add(hashlib.sha256(LEAF + grant.signed_body()).digest())
    return f"sha256:{tree.root().hex()}"


def grant_refusals(
    grant: Grant, manifest: JobManifest, record: DatasetRecord | None, moment: str
) -> Iterator[str]:
    """Every reason for which one grant does not allow a job."""
    used = manifest.dataset(grant.owner.name)
    if used is None or manifest.keys.get(grant.owner.name) != grant.owner.key:
        yield "the job uses no data of this owner and key"
        return
    try:
        grant.verify()
    except CoterieError:
        yield "the owner did not sign this grant"
        return
    if grant.agreement != manifest.agreement:
        yield "the job is under another agreement"
    yield from _job(grant, manifest)
    yield from _data(grant, used, record)
    for name, key in manifest.keys.items():
        if grant.keys.get(name) != key:
            yield f"'{name}' with this key"
    limits = limits_of(grant)
    if not limits.holds_at(moment):
        yield f"the time {moment}: it holds from {grant.not_before} and until before {grant.expires}"
    yield from limits.refusals(manifest)


def _one_of_each(what: str, manifest: JobManifest, owners: Sequence[str]) -> Iterator[GrantRefusal]:
    for owner in manifest.owners:
        if (count := owners.count(owner)) != 1:
            told = f"gave no {what}" if not count else f"gave {count} {what}s"
            yield GrantRefusal(owner=owner, reason=told)
    for owner in sorted(set(owners) - set(manifest.owners)):
        yield GrantRefusal(owner=owner, reason=f"gave a {what} and has no data in the job")


def _job(grant: Grant, manifest: JobManifest) -> Iterator[str]:
    if grant.manifest is not None and grant.manifest != manifest.digest:
        yield "it is for another job"
    if grant.components is not None:
        components = {component.name: component for component in grant.components}
        for step in manifest.steps:
            yield from _step(components, step)


def _step(components: Mapping[str, ComponentTerms], step: ManifestStep) -> Iterator[str]:
    component = components.get(step.component)
    if component is None:
        yield f"the component '{step.component}'"
        return
    for name, value in step.params.items():
        bound = component.params.get(name)
        outside = "has no bound" if bound is None else bound.refusal(value)
        if outside is not None:
            yield f"'{name}' of step '{step.name}' {outside}"
    for name in component.params:
        if name not in step.params:
            yield f"'{name}' of step '{step.name}' is bounded but not stated"


def _data(grant: Grant, used: ManifestDataset, record: DatasetRecord | None) -> Iterator[str]:
    if used.dataset != grant.dataset or used.record != grant.record:
        yield f"{used.dataset} as the job names it: the grant is for another sealing or data set"
    if used.id != grant.id:
        yield f"column '{', '.join(id_names(used.id))}' as the id"
    if used.label is not None and used.label != grant.label:
        yield f"column '{used.label}' as the label"
    if record is not None:
        yield from _record(grant, used, record)


def _record(grant: Grant, used: ManifestDataset, record: DatasetRecord) -> Iterator[str]:
    try:
        record.verify_own()
    except CoterieError:
        yield "the owner did not sign this record"
        return
    if (record.owner, record.digest, record.dataset) != (grant.owner, grant.record, grant.dataset):
        yield "the record is another than the one granted"
    roles = {column.name: column.role for column in record.columns}
    # An agreement may grant as a feature what its owner's table has as the label, never an id.
    wrong = [name for name in used.columns if roles.get(name) not in ("feature", "label")]
    # All of them, in their order: a part of a composite id would be compared with other people's.
    if [name for name, role in roles.items() if role == "id"] != list(id_names(used.id)):
        wrong.extend(id_names(used.id))
    if used.label is not None and roles.get(used.label) not in ("feature", "label"):
        wrong.append(used.label)
    for name in wrong:
        yield f"column '{name}': the record has none that could be used so"
    if record.ids is not None and record.ids < grant.min_rows:
        yield f"{record.ids} different ids of {used.dataset}, where {grant.min_rows} are the fewest"
    if record.rows != used.rows:
        yield f"{used.rows} rows: the record says {record.rows}"
