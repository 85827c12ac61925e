"""A job as the initiator proposes it: the spec with the public facts that plans are derived from."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from coterie.agreement import (
    COLUMN_NOT_GRANTED,
    DEALER_NOT_NAMED,
    MODULE_BYTES,
    MODULE_NAME,
    PARTY_NOT_LISTED,
    Terms,
)
from coterie.crypto import now, timestamp
from coterie.data import ID_COLUMNS_DIFFER, DatasetFacts
from coterie.learn import EACH, Engine, Pipeline
from coterie.mpc import MOST_PARTIES
from coterie.tee import DatasetRecord

from .errors import (
    COLUMN_UNKNOWN,
    DATASETS_INVALID,
    ID_RULES_DIFFER,
    KEPT_TAKES_PART,
    LABEL_INVALID,
    NO_COLUMNS,
    TOO_MANY_COMPUTE,
)
from .horizontal import check_parties, coordinator_of, same_columns
from .spec import JobSpec

__all__ = ["NetworkFacts", "Proposal", "Roles", "check_kept", "new_job_id", "propose", "roles_of"]

JOB_ID = re.compile(r"^[0-9a-f]{32}$")


def new_job_id() -> str:
    """128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(16)


class NetworkFacts(BaseModel):
    """The line between participants, in the classes of :class:`coterie.mpc.Network`. Plans choose protocols
    by it; what a job computes and reveals does not depend on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency: Annotated[float, Field(gt=0, le=10)]
    """Seconds, one way."""
    bandwidth: Annotated[float, Field(ge=1, le=1e12)]
    """Bytes per second."""


class Proposal(BaseModel):
    """What the initiator sends to every participant. It holds no data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: Annotated[str, Field(pattern=JOB_ID.pattern)]
    spec: JobSpec
    agreement: str
    """Digest of the terms."""
    initiator: str
    facts: dict[str, DatasetFacts]
    """Party to the public facts of its dataset."""
    network: NetworkFacts | None = None
    """As the initiator measured it: the slowest of its lines to the other participants."""
    sealed: Annotated[
        dict[str, DatasetRecord], Field(max_length=16, exclude_if=lambda sealed: not sealed)
    ] = {}
    """Of engine tee: each owner's record of the data that it has sealed for jobs under this agreement."""
    pipelines: Annotated[
        dict[Annotated[str, Field(max_length=80)], Pipeline],
        Field(max_length=16, exclude_if=lambda pipelines: not pipelines),
    ] = {}
    """Public parts of the saved pipelines that the job uses, by the name under which its steps know them."""
    modules: Annotated[
        dict[Annotated[str, Field(pattern=MODULE_NAME)], Annotated[str, Field(max_length=MODULE_BYTES)]],
        Field(max_length=16, repr=False, exclude_if=lambda modules: not modules),
    ] = {}
    """Files of the users' modules that the job runs, by the agreement's names of them."""
    created: str


def propose(
    spec: JobSpec,
    agreement: str,
    initiator: str,
    facts: Mapping[str, DatasetFacts],
    network: NetworkFacts | None = None,
    sealed: Mapping[str, DatasetRecord] | None = None,
    pipelines: Mapping[str, Pipeline] | None = None,
    modules: Mapping[str, str] | None = None,
) -> Proposal:
    """A new proposal under a fresh job id."""
    return Proposal(
        job=new_job_id(),
        spec=spec,
        agreement=agreement,
        initiator=initiator,
        facts=dict(facts),
        network=network,
        sealed=dict(sealed or {}),
        pipelines=dict(pipelines or {}),
        modules=dict(modules or {}),
        created=timestamp(now()),
    )


@dataclass(frozen=True)
class Roles:
    """Who does what in a job."""

    parties: tuple[str, ...]
    """Those with a dataset, sorted by name: who computes, but in engine tee."""
    dealer: str | None
    label_holder: str
    label: str
    columns: Mapping[str, tuple[str, ...]]
    """Feature columns by party, in model order."""
    receivers: Mapping[str, tuple[str, ...]]
    """Result kind to the parties that may have it."""
    guests: tuple[str, ...]
    """Parties without a dataset that receive results, sorted by name."""
    host: str | None
    """Of engine tee: on whose machine it runs."""
    kept: tuple[str, ...] = ()
    """Parties with a dataset that take no part, as a key keeper has their keys; sorted by name."""
    labelled: bool = True
    """Whether the label is in the holder's dataset: not in jobs that score new rows by a saved pipeline,
    whose label and holder these are."""
    horizontal: bool = False
    """Whether the parties have the same columns of different rows. Everybody has the label then, and its
    holder is ``each``."""
    coordinator: str | None = None
    """Of engine fl: who adds up, a party with data or not."""

    @property
    def labelling(self) -> tuple[str, ...]:
        """Whose datasets have the label in the job."""
        if self.horizontal and self.labelled:
            return self.parties
        return (self.label_holder,) if self.labelled else ()


def roles_of(proposal: Proposal, terms: Terms) -> Roles:
    """Read the roles off the agreement.

    :raises CoterieError: CT-1446, CT-1626, CT-1628, CT-1634, CT-1641, CT-4004 to CT-4008, CT-4024, CT-4040,
        CT-4044 to CT-4046.
    """
    spec = proposal.spec
    parties = tuple(sorted(spec.datasets))
    if set(proposal.facts) != set(parties):
        raise DATASETS_INVALID("facts are needed of just the parties that have a dataset in the job")
    _check_number(spec.engine, len(parties))
    dealer = terms.dealer if spec.engine == "mpc" else None
    if dealer in parties:
        raise DEALER_NOT_NAMED(f"'{dealer}' cannot deal and compute in one job", party=dealer)
    guests = tuple(sorted(spec.receivers))
    if strangers := [name for name in guests if name not in terms.parties]:
        raise PARTY_NOT_LISTED(f"'{strangers[0]}' would receive results")
    receivers: dict[str, tuple[str, ...]] = {}
    for grant in terms.results:
        receivers[grant.kind] = tuple(sorted({*receivers.get(grant.kind, ()), *grant.to}))
    if spec.frame == "horizontal":
        return _horizontal_roles(proposal, terms, parties, receivers)
    columns: dict[str, tuple[str, ...]] = {}
    labels: list[tuple[str, str]] = []
    for party in parties:
        columns[party], label = _columns_of(proposal, terms, party)
        if label is not None:
            labels.append((party, label))
    labelled = bool(labels)
    if not labels:
        labels = sorted({(one.label_holder, one.label) for one in proposal.pipelines.values()})
    if len(labels) != 1:
        whose = (
            "saved pipelines have different labels" if labels and not labelled else "datasets have a label"
        )
        raise LABEL_INVALID(f"{len(labels)} of the job's {whose}")
    if labels[0][0] not in parties:
        raise DATASETS_INVALID(f"{labels[0][0]!r}, the pipeline's label holder, has no dataset in the job")
    _check_id_rules(proposal, parties)
    host = terms.tee.host if spec.engine == "tee" and terms.tee is not None else None
    check_kept(spec, proposal.initiator, host)
    kept = tuple(sorted(spec.kept))
    return Roles(
        parties, dealer, labels[0][0], labels[0][1], columns, receivers, guests, host, kept, labelled
    )


def _check_number(engine: Engine, parties: int) -> None:
    """Of parties with a dataset. Errors: CT-4004, CT-4024."""
    if engine == "clear" and parties != 1:
        raise DATASETS_INVALID("engine clear works on data that one party owns")
    if engine == "mpc" and parties < 2:
        raise DATASETS_INVALID("engine mpc needs the datasets of two parties or more")
    if engine == "mpc" and parties > MOST_PARTIES:
        raise TOO_MANY_COMPUTE(f"{parties} have a dataset in it, at most {MOST_PARTIES} can compute")


def _horizontal_roles(
    proposal: Proposal, terms: Terms, parties: tuple[str, ...], receivers: Mapping[str, tuple[str, ...]]
) -> Roles:
    """Errors: CT-1628, CT-1641, CT-4004, CT-4005, CT-4044 to CT-4046."""
    check_parties(proposal.spec, parties)
    facts = {party: proposal.facts[party] for party in parties}
    labels = {one.label for one in proposal.pipelines.values()}
    saved = labels.pop() if len(labels) == 1 else None
    features, label, labelled = same_columns(proposal.spec, terms, facts, saved)
    return Roles(
        parties=parties,
        dealer=None,
        label_holder=EACH,
        label=label,
        columns=dict.fromkeys(parties, features),
        receivers=receivers,
        guests=(),
        host=None,
        labelled=labelled,
        horizontal=True,
        coordinator=coordinator_of(proposal.spec, terms, parties),
    )


def check_kept(spec: JobSpec, initiator: str, host: str | None) -> None:
    """Whose key is kept is none of those who must be online. Errors: CT-4040."""
    for name, what in ((initiator, "submits the job"), (host, "is its host")):
        if name in spec.kept:
            raise KEPT_TAKES_PART(f"'{name}' {what}", party=name)


def _check_id_rules(proposal: Proposal, parties: tuple[str, ...]) -> None:
    """Errors: CT-1446, CT-4007."""
    first, *others = ((party, proposal.facts[party].rules) for party in parties)
    for party, rules in others:
        if len(rules) != len(first[1]):
            raise ID_COLUMNS_DIFFER(f"{len(first[1])} at {first[0]}, {len(rules)} at {party}", party=party)
        for part, (one, other) in enumerate(zip(first[1], rules, strict=True), start=1):
            if one != other:
                told = f"[{', '.join(one)}] at {first[0]}, [{', '.join(other)}] at {party}"
                where = f"id column {part}: " if len(rules) > 1 else ""
                raise ID_RULES_DIFFER(where + told, party=party)


def _columns_of(proposal: Proposal, terms: Terms, party: str) -> tuple[tuple[str, ...], str | None]:
    """A party's features for this job, and the label column where its dataset has one."""
    name = proposal.spec.datasets[party]
    granted = next((one for one in terms.datasets if one.owner == party and one.name == name), None)
    if granted is None:
        raise DATASETS_INVALID(f"the agreement does not list dataset {name!r} of {party!r}", party=party)
    facts = proposal.facts[party]
    if (facts.name, facts.owner) != (name, party):
        raise DATASETS_INVALID(f"the facts are not those of dataset {name!r} of {party!r}", party=party)
    by_name = {column.name: column for column in facts.columns}
    absent = [column for column in granted.columns if column not in by_name]
    if absent:
        raise COLUMN_UNKNOWN(f"{absent[0]!r} is agreed but not in dataset {name!r} of {party!r}", party=party)
    features = tuple(column for column in granted.columns if by_name[column].role == "feature")
    wanted = proposal.spec.columns.get(party, features)
    unknown = [column for column in wanted if column not in features]
    if unknown:
        raise COLUMN_NOT_GRANTED(f"{unknown[0]!r} as a feature of dataset {name!r} of {party!r}", party=party)
    if len(set(wanted)) != len(wanted):
        raise COLUMN_UNKNOWN(f"a column of {party!r} is named twice", party=party)
    if not wanted and granted.label is None and not proposal.pipelines:
        raise NO_COLUMNS(f"{party!r} has neither a feature nor the label in it", party=party)
    return tuple(wanted), granted.label
