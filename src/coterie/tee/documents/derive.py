"""Where a grant comes from: the agreement and the job's manifest, and nothing else.

The agreement is the one source of truth. A person who has signed it and approved the job's plan signs
nothing more: the grant says the same to machines that never see the agreement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from coterie.agreement import (
    ASSURANCE,
    TEE_NOT_AGREED,
    Assurance,
    ComponentTerms,
    DatasetTerms,
    PlatformPolicy,
    TeeTerms,
    Terms,
)
from coterie.crypto import Identity, timestamp
from coterie.data import id_names
from coterie.tee.container.record import DatasetRecord
from coterie.tee.documents.errors import BEYOND_TERMS, NOT_GRANTED
from coterie.tee.documents.grant import Grant, GrantedOutput, Partner
from coterie.tee.documents.grants import TOLD, grant_refusals
from coterie.tee.documents.limits import meet_policies
from coterie.tee.documents.manifest import JobManifest, ManifestDataset, ManifestOutput, ManifestStep


def grant_for(
    terms: Terms,
    manifest: JobManifest,
    record: DatasetRecord,
    owner: Identity,
    policy: PlatformPolicy | None = None,
    *,
    now: datetime,
    reusable: bool = False,
    max_runs: int | None = None,
) -> Grant:
    """The owner's grant for a job under the agreement, signed. Whether the owner wants it is asked before.

    :param record: of the owner's sealed data set.
    :param policy: what the owner asks of platforms beyond the agreement.
    :param reusable: a grant for every job within the agreement's components, instead of this one alone. A
        parameter for which the agreement has no bound is held at its value in this job.
    :param max_runs: fewer runs than are agreed: what is left of them, or what a key keeper may use.

    Errors: CT-1637 where the agreement has no section ``tee``; CT-2276 for a job beyond the terms, with the
    reasons; CT-2275 for a job that the owner's data does not fit; CT-2274.
    """
    tee = require_tee(terms)
    if reasons := list(manifest_refusals(terms, manifest)):
        raise BEYOND_TERMS("; ".join(reasons[:TOLD]))
    used = manifest.dataset(owner.name)
    granted = None if used is None else _terms_of(terms, used)
    if used is None or granted is None:
        raise BEYOND_TERMS(f"the job uses no data of '{owner.name}'")
    basis = _Basis(terms, tee, used.owner, granted, manifest.assurance)
    fields = basis.all_jobs(_stated(manifest)) if reusable else basis.one_job(manifest, used)
    grant = basis.signed(owner, record, policy, now, max_runs, fields)
    if reasons := list(grant_refusals(grant, manifest, record, timestamp(now))):
        raise NOT_GRANTED("; ".join(reasons[:TOLD]), party=owner.name)
    return grant


def grant_within(
    terms: Terms,
    record: DatasetRecord,
    owner: Identity,
    assurance: Assurance,
    defaults: Mapping[str, Mapping[str, Any]],
    *,
    now: datetime,
    max_runs: int,
    policy: PlatformPolicy | None = None,
) -> Grant:
    """The owner's grant for every job within the agreement, before there is any: for an owner that will be
    offline.

    :param record: of the owner's data set, sealed for the agreement.
    :param defaults: by component, the value of each parameter that has a default: where the agreement has no
        bound, the parameter is held at it. A parameter with neither is refused in every job.
    :param max_runs: at most those of the agreement.

    Errors: CT-1637, CT-2276 where the agreement does not list the data set; CT-2208, CT-1101 for a record of
    somebody else's; CT-2275 for one that lacks a column of it.
    """
    tee = require_tee(terms)
    record.verify(owner.public)
    granted = terms.dataset(owner.name, record.dataset.removeprefix(f"{owner.name}/"))
    if granted is None:
        raise BEYOND_TERMS(record.dataset)
    sealed = {column.name for column in record.columns}
    for name in (*id_names(granted.id), granted.label, *granted.columns):
        if name is not None and name not in sealed:
            raise NOT_GRANTED(f"column '{name}' was not sealed", party=owner.name)
    values = {name: {key: [value] for key, value in one.items()} for name, one in defaults.items()}
    basis = _Basis(terms, tee, owner.name, granted, assurance)
    return basis.signed(owner, record, policy, now, max_runs, basis.all_jobs(values))


def require_tee(terms: Terms) -> TeeTerms:
    """The section ``tee`` of terms that allow the engine. Errors: CT-1637, CT-2276."""
    if "tee" not in terms.engines:
        raise BEYOND_TERMS("the engine 'tee' is not among the agreed ones")
    if terms.tee is None:
        raise TEE_NOT_AGREED(f"'{terms.name}'")
    return terms.tee


def manifest_refusals(terms: Terms, manifest: JobManifest) -> Iterator[str]:
    """Every way in which a manifest goes beyond an agreement, in words.

    Parameters without a bound must have the component's default value: that is held against the components
    themselves when the plan is approved, and the manifest names that plan.

    Errors: CT-1637, CT-2276 where jobs of this engine are not agreed at all.
    """
    tee = require_tee(terms)
    if manifest.agreement != terms.id:
        yield "it is under another agreement"
    if manifest.host != tee.host:
        yield f"the host '{manifest.host}' instead of '{tee.host}'"
    known = {**terms.parties, **terms.services}
    for name, key in manifest.keys.items():
        if known.get(name) != key:
            yield f"'{name}' with a key that the agreement does not have"
    if manifest.min_rows < terms.min_rows:
        yield f"statistics over {manifest.min_rows} rows, where {terms.min_rows} are the fewest"
    for dataset in manifest.datasets:
        yield from _dataset_refusals(terms, dataset)
    for step in manifest.steps:
        yield from _step_refusals(terms, step)
    for output in manifest.outputs:
        yield from _output_refusals(terms, tee, output)
    yield from _platform_refusals(tee, manifest)


def _dataset_refusals(terms: Terms, used: ManifestDataset) -> Iterator[str]:
    granted = _terms_of(terms, used)
    if granted is None:
        yield used.dataset
        return
    if used.id != granted.id:
        yield f"column '{', '.join(id_names(used.id))}' of {used.dataset} as the id"
    if used.label is not None and used.label != granted.label:
        yield f"column '{used.label}' of {used.dataset} as the label"
    for column in used.columns:
        if column not in granted.columns:
            yield f"column '{column}' of {used.dataset}"
    if used.rows < terms.min_rows:
        yield f"{used.rows} rows of {used.dataset}, where {terms.min_rows} are the fewest"


def _step_refusals(terms: Terms, step: ManifestStep) -> Iterator[str]:
    component = terms.component(step.component)
    if component is None:
        yield f"the component '{step.component}'"
        return
    for name, bound in component.params.items():
        if name not in step.params:
            yield f"'{name}' of step '{step.name}' is bounded but not stated"
        elif (outside := bound.refusal(step.params[name])) is not None:
            yield f"'{name}' of step '{step.name}' {outside}"


def _output_refusals(terms: Terms, tee: TeeTerms, output: ManifestOutput) -> Iterator[str]:
    granted = terms.receivers(output.kind)
    for receiver in output.receivers:
        if receiver not in granted:
            yield f"{output.kind} to '{receiver}'"
    if output.max_bytes > tee.max_output_bytes:
        yield f"{output.max_bytes:,} bytes of {output.kind}, where {tee.max_output_bytes:,} are the most"


def _platform_refusals(tee: TeeTerms, manifest: JobManifest) -> Iterator[str]:
    for kind, sets in manifest.measurements.items():
        if kind not in tee.platform.types:
            yield f"a platform of type {kind}"
        elif any(one not in tee.measurements.get(kind, ()) for one in sets):
            yield f"other code on {kind} than was agreed"


def _terms_of(terms: Terms, used: ManifestDataset) -> DatasetTerms | None:
    return terms.dataset(used.owner, used.dataset.removeprefix(f"{used.owner}/"))


@dataclass(frozen=True)
class _Basis:
    """What one owner's grant is derived from."""

    terms: Terms
    tee: TeeTerms
    owner: str
    granted: DatasetTerms
    assurance: Assurance

    def signed(
        self,
        owner: Identity,
        record: DatasetRecord,
        policy: PlatformPolicy | None,
        now: datetime,
        max_runs: int | None,
        fields: Mapping[str, Any],
    ) -> Grant:
        """The grant of these fields and of what all grants have in common."""
        terms, tee = self.terms, self.tee
        runs = fields["max_runs"] if max_runs is None else min(max_runs, fields["max_runs"])
        return Grant.sign(
            owner,
            {
                "agreement": terms.id,
                "dataset": record.dataset,
                "record": record.digest,
                "id": self.granted.id,
                "min_rows": terms.min_rows,
                "hosts": (tee.host,),
                "not_before": terms.not_before,
                "expires": terms.expires,
                "min_interval": tee.min_interval,
                "assurance": self.assurance,
                "platform": tee.platform if policy is None else meet_policies(tee.platform, policy),
                "created": timestamp(now),
                **fields,
                "max_runs": runs,
            },
        )

    def one_job(self, manifest: JobManifest, used: ManifestDataset) -> dict[str, Any]:
        """The fields of a grant for the manifest alone: as narrow as the job is."""
        outputs: dict[str, GrantedOutput] = {}
        for output in manifest.outputs:
            before = outputs.get(output.kind)
            outputs[output.kind] = GrantedOutput(
                kind=output.kind,
                receivers=tuple(dict.fromkeys((*(before.receivers if before else ()), *output.receivers))),
                max_bytes=max(output.max_bytes, before.max_bytes if before else 1),
            )
        others = [one for one in manifest.datasets if one.owner != self.owner]
        return {
            "manifest": manifest.digest,
            "components": None,
            "columns": used.columns,
            "label": used.label,
            "partners": tuple(Partner(owner=one.owner, dataset=one.dataset) for one in others),
            "outputs": tuple(outputs.values()),
            "keys": manifest.keys,
            "max_runs": self.tee.attempts,
            "measurements": manifest.measurements,
        }

    def all_jobs(self, values: Mapping[str, Mapping[str, Sequence[Any]]]) -> dict[str, Any]:
        """The fields of a grant for every job within the agreement.

        :param values: by component and parameter, what a parameter without a bound may be.
        """
        terms, tee = self.terms, self.tee
        others = [one for one in terms.datasets if one.owner != self.owner]
        outputs = [
            GrantedOutput(kind=one.kind, receivers=one.to, max_bytes=tee.max_output_bytes)
            for one in terms.results
        ]
        receivers = {party for one in terms.results for party in one.to}
        named = {self.owner, tee.host, *(one.owner for one in others), *receivers}
        keys = {**terms.parties, **terms.services}
        measurements = {
            kind: sets
            for kind, sets in tee.measurements.items()
            if ASSURANCE[kind] == self.assurance and kind in tee.platform.types
        }
        return {
            "manifest": None,
            "components": tuple(_bounded(one, values.get(one.name, {})) for one in terms.components),
            "columns": self.granted.columns,
            "label": self.granted.label,
            "partners": tuple(Partner(owner=one.owner, dataset=f"{one.owner}/{one.name}") for one in others),
            "outputs": tuple(outputs),
            "keys": {name: keys[name] for name in sorted(named)},
            "max_runs": terms.max_runs,
            "measurements": measurements,
        }


def _stated(manifest: JobManifest) -> dict[str, dict[str, list[Any]]]:
    """What a job's steps state, by component and parameter: steps of one component may differ."""
    values: dict[str, dict[str, list[Any]]] = {}
    for step in manifest.steps:
        for name, value in step.params.items():
            values.setdefault(step.component, {}).setdefault(name, []).append(value)
    return values


def _bounded(component: ComponentTerms, values: Mapping[str, Sequence[Any]]) -> ComponentTerms:
    """The component with a bound for every parameter that has a value: the agreement's, or these values."""
    fixed = {name: {"one_of": tuple(found)} for name, found in values.items() if name not in component.params}
    plain = {name: bound.model_dump() for name, bound in component.params.items()}
    return ComponentTerms.model_validate({"name": component.name, "params": {**plain, **fixed}})
