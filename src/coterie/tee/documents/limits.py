"""What several grants allow together: what is derived from several data sets inherits their intersection.

Limits form a meet-semilattice: :func:`meet` is commutative, associative and idempotent, and what it gives
allows nothing that one of its arguments refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import TypeVar

from coterie.agreement import Assurance, EvidenceType, PlatformPolicy, ResultKind
from coterie.crypto import PartyName, canonical
from coterie.data import ColumnName, Many
from coterie.tee.documents.base import ContentName, Count, Size, Time, make
from coterie.tee.documents.errors import GRANTS_TOO_LARGE
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.manifest import JobManifest, ManifestOutput
from coterie.tee.evidence.model import Document, Hex, Name

K = TypeVar("K", str, int)
V = TypeVar("V")


class OutputLimit(Document):
    """Who may receive results of a kind, and how much one step may let out of it."""

    receivers: Many[PartyName]
    max_bytes: Count


class Limits(Document):
    """What may be done at most. All lists are sorted, so that equal limits are equal documents."""

    assurances: Many[Assurance]
    hosts: Many[PartyName]
    datasets: dict[ContentName, Many[ColumnName] | None]
    """Data sets that may be joined, and the features of them that may be used; None where no grant of this
    data set is among those that the limits are of."""
    outputs: dict[ResultKind, OutputLimit]
    min_rows: Count
    not_before: Time
    expires: Time
    max_runs: Count
    min_interval: Size
    measurements: dict[EvidenceType, Many[dict[Name, Hex]]]
    platform: PlatformPolicy

    def holds_at(self, moment: str) -> bool:
        """Whether ``moment`` (RFC 3339) is within the time of all of them."""
        return self.not_before <= moment < self.expires

    def refusals(self, manifest: JobManifest) -> Iterator[str]:
        """Every way in which a job goes beyond the limits, in words."""
        if manifest.host not in self.hosts:
            yield f"the host '{manifest.host}'"
        if manifest.assurance not in self.assurances:
            yield f"a {manifest.assurance} platform"
        for kind, sets in manifest.measurements.items():
            if any(one not in self.measurements.get(kind, ()) for one in sets):
                yield f"other code on {kind} than was granted"
            if kind not in self.platform.types:
                yield f"a platform of type {kind}"
        for dataset in manifest.datasets:
            if dataset.dataset not in self.datasets:
                yield f"{dataset.dataset} in the same job"
            elif (columns := self.datasets[dataset.dataset]) is not None:
                beyond = [name for name in dataset.columns if name not in columns]
                yield from (f"column '{name}' of {dataset.dataset}" for name in beyond)
            if dataset.rows < self.min_rows:
                yield f"{dataset.rows} rows of {dataset.dataset}, where {self.min_rows} are the fewest"
        if manifest.min_rows < self.min_rows:
            yield f"statistics over {manifest.min_rows} rows, where {self.min_rows} are the fewest"
        for output in manifest.outputs:
            yield from self._output(output)

    def _output(self, output: ManifestOutput) -> Iterator[str]:
        granted = self.outputs.get(output.kind)
        if granted is None:
            yield f"results of kind {output.kind}"
            return
        yield from (
            f"{output.kind} to '{party}'" for party in output.receivers if party not in granted.receivers
        )
        if output.max_bytes > granted.max_bytes:
            yield f"{output.max_bytes:,} bytes of {output.kind}, where {granted.max_bytes:,} are the most"


def limits_of(grant: Grant) -> Limits:
    """What one grant allows."""
    return Limits(
        assurances=(grant.assurance,),
        hosts=_sorted(grant.hosts),
        datasets={
            **{partner.dataset: None for partner in grant.partners},
            grant.dataset: _sorted(grant.columns),
        },
        outputs={
            output.kind: OutputLimit(receivers=_sorted(output.receivers), max_bytes=output.max_bytes)
            for output in grant.outputs
            if output.receivers
        },
        min_rows=grant.min_rows,
        not_before=grant.not_before,
        expires=grant.expires,
        max_runs=grant.max_runs,
        min_interval=grant.min_interval,
        measurements={kind: _in_order(sets) for kind, sets in grant.measurements.items() if sets},
        platform=meet_policies(grant.platform, grant.platform),
    )


def meet(a: Limits, b: Limits) -> Limits:
    """What both allow. Errors: CT-2274 where their lists together are longer than a policy may have."""
    measurements = {
        kind: tuple(one for one in a.measurements[kind] if one in b.measurements[kind])
        for kind in a.measurements
        if kind in b.measurements
    }
    outputs = {
        kind: OutputLimit(receivers=receivers, max_bytes=min(one.max_bytes, b.outputs[kind].max_bytes))
        for kind, one in a.outputs.items()
        if kind in b.outputs and (receivers := _both(one.receivers, b.outputs[kind].receivers))
    }
    return Limits(
        assurances=tuple(one for one in a.assurances if one in b.assurances),
        hosts=_both(a.hosts, b.hosts),
        datasets={
            name: _columns(columns, b.datasets[name])
            for name, columns in a.datasets.items()
            if name in b.datasets
        },
        outputs=outputs,
        min_rows=max(a.min_rows, b.min_rows),
        not_before=max(a.not_before, b.not_before),
        expires=min(a.expires, b.expires),
        max_runs=min(a.max_runs, b.max_runs),
        min_interval=max(a.min_interval, b.min_interval),
        measurements={kind: _in_order(sets) for kind, sets in measurements.items() if sets},
        platform=meet_policies(a.platform, b.platform),
    )


def inherited(grants: Iterable[Grant]) -> Limits:
    """What all grants allow together: what every result of a run over their data sets is under.

    :param grants: at least one.

    Errors: CT-2274.
    """
    return reduce(meet, map(limits_of, grants))


def meet_policies(a: PlatformPolicy, b: PlatformPolicy) -> PlatformPolicy:
    """The policy that a platform meets where it meets both. Errors: CT-2274."""
    bits = _join(a.platform, b.platform, _lower)
    agree = all(a.platform[name] == b.platform[name] for name in a.platform if name in b.platform)
    ages = [age for age in (a.max_age_days, b.max_age_days) if age is not None]
    fields = {
        # A bit that must be both so and otherwise is met by no platform.
        "types": _both(a.types, b.types) if agree else (),
        "simulated": a.simulated and b.simulated,
        "migration": a.migration and b.migration,
        "tcb_statuses": _both(a.tcb_statuses, b.tcb_statuses),
        "accepted_advisories": _both(a.accepted_advisories, b.accepted_advisories),
        "denied_advisories": _sorted((*a.denied_advisories, *b.denied_advisories)),
        "minimum_svns": _minimum_svns(a.minimum_svns, b.minimum_svns),
        "chips": _chips(a, b),
        "vmpls": _both(a.vmpls, b.vmpls),
        "platform": bits,
        "missing_crl": a.missing_crl and b.missing_crl,
        "max_age_days": min(ages) if ages else None,
    }
    return make(PlatformPolicy, GRANTS_TOO_LARGE, fields)


def _minimum_svns(a: dict[str, dict[str, int]], b: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    def stated(key: str) -> bool:
        # An SNP product without a minimum is refused, so a minimum of the one alone would allow it for both.
        return (key in a and key in b) if key.startswith("snp-") else True

    return {key: _join(a.get(key, {}), b.get(key, {}), max) for key in {**a, **b} if stated(key)}


def _chips(a: PlatformPolicy, b: PlatformPolicy) -> object:
    if a.chips == "any":
        return b.chips if b.chips == "any" else _sorted(b.chips)
    return _sorted(a.chips) if b.chips == "any" else _both(a.chips, b.chips)


def _columns(a: tuple[str, ...] | None, b: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if a is None or b is None:
        return b if a is None else a
    return _both(a, b)


def _join(a: dict[str, V], b: dict[str, V], both: Callable[[V, V], V]) -> dict[str, V]:
    """The entries of both; where both have one, what ``both`` makes of them."""
    return {**a, **b, **{key: both(a[key], b[key]) for key in a if key in b}}


def _lower(a: bool | int, b: bool | int) -> bool | int:
    """One of two, whichever comes first; ``true`` and 1 are equal, and not the same in JSON."""
    return min(a, b, key=lambda bit: (int(bit), isinstance(bit, bool)))


def _both(a: Iterable[K], b: Iterable[K]) -> tuple[K, ...]:
    return tuple(sorted(set(a) & set(b)))


def _sorted(names: Iterable[K]) -> tuple[K, ...]:
    return tuple(sorted(set(names)))


def _in_order(sets: Iterable[dict[str, str]]) -> tuple[dict[str, str], ...]:
    return tuple({canonical(one): one for one in sorted(sets, key=canonical)}.values())
