"""A stage dealt by an attested process: what it is told, what its host does, what a party expects of it.

The process derives the stage from public facts, as a dealer's node does, and deals it under a signing key of
its own. So who runs it can neither know what is dealt nor deal anything else in its name; who was to be
convinced of that, and of what, is in the evidence that each party gets beside its tape file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from coterie.agreement import ASSURANCE, Assurance, AttestedTerms, EvidenceType, Terms
from coterie.crypto import atomic_write, canonical, digest
from coterie.mpc import Named, TapeFolder, most_bytes, peek
from coterie.tee import (
    Attest,
    Attester,
    DealingOrder,
    DealingSubject,
    Endorsements,
    ExpectedDealing,
    Platform,
    RunLimits,
    Sandbox,
    TapeEvidence,
    attester_for,
    deal_attested,
    expected_measurements,
)

from .dealing import Derived, StageRequest, binding_of, parts_by_party
from .errors import HOST_DIFFERS, REQUESTS_DIFFER

__all__ = [
    "DEALER_MODULE",
    "DealerHost",
    "DealingFacts",
    "deal_stage_attested",
    "dealer_host",
    "discard_dealt",
    "evidence_path",
    "expected_dealing",
    "merge_requests",
    "subject_of",
]

DEALER_MODULE: Final = "coterie.jobs.dealer_runner"
"""What runs in the sandbox."""
SUFFIX: Final = ".evidence"
SECONDS: Final = 24 * 3600
LEAST_MEMORY: Final = 2 << 30
"""Bytes, beside what the plan says that a participant needs: interpreter and libraries."""


@dataclass(frozen=True)
class DealerHost:
    """What the dealer's machine has for attested dealings."""

    sandbox: Sandbox
    """Of :data:`DEALER_MODULE`."""
    attest: Attest
    assurance: Assurance
    endorsements: Endorsements | None = None
    """What is known here of the platform's vendor, for parties that have none."""


def dealer_host(image: Path, simulated: Path, platform: Platform, agreed: AttestedTerms) -> DealerHost:
    """This machine as a dealer's.

    :param image: the runner's image.
    :param simulated: folder of the simulated root.
    :param agreed: whatever is attested, this must be in it: parties would refuse the rest. Attesting raises
        CT-4033 where it is not.
    """
    kind: EvidenceType = "sgx" if platform == "gramine" else platform

    def attest(measured: bytes, subject: bytes) -> Attester:
        sets = agreed.measurements.get(kind, ())
        if kind not in agreed.platform.types:
            raise HOST_DIFFERS(f"the platform is {platform}, which `dealer_tee` does not allow")
        if ASSURANCE[kind] == "simulated":
            here = expected_measurements(platform, measured)
            if not any(all(here.get(name) == value for name, value in one.items()) for one in sets):
                raise HOST_DIFFERS(f"the dealer's code measures {', '.join(here.values())}")
        return attester_for(platform, simulated, measured, subject)

    return DealerHost(Sandbox(image, DEALER_MODULE), attest, ASSURANCE[kind])


class DealingFacts(BaseModel):
    """What the process makes its plan of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: StageRequest
    """Without nonces: those are no part of what is dealt."""
    terms: Terms

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical(self)

    @property
    def subject(self) -> DealingSubject:
        """What they are about."""
        return subject_of(self.request, self.terms)


def evidence_path(tape: Path) -> Path:
    """Where the evidence for a tape file lies: beside it."""
    return tape.with_name(tape.name + SUFFIX)


def subject_of(request: StageRequest, terms: Terms) -> DealingSubject:
    """What a dealing is about: equal at the process and at every party. Nonces are no part of it."""
    return DealingSubject(
        agreement=terms.id,
        job=request.proposal.job,
        stage=request.stage,
        plan=request.plan,
        request=digest(canonical(_plain(request))),
    )


def _plain(request: StageRequest) -> StageRequest:
    """The same at all parties, in whatever order approvals have come to them."""
    approvals = tuple(sorted(request.approvals, key=lambda one: one.party))
    return request.model_copy(update={"nonces": {}, "approvals": approvals})


def merge_requests(requests: Sequence[StageRequest], terms: Terms) -> StageRequest:
    """One request with the nonces of all; of several that do not ask for the same thing, none.

    :raises CoterieError: CT-4027, also where the agreement asks for an attested dealer and a compute party's
        nonce is missing.
    """
    first = requests[0]
    nonces: dict[str, str] = {}
    for request in requests:
        if subject_of(request, terms) != subject_of(first, terms):
            raise REQUESTS_DIFFER("they are for different stages, or jobs")
        for party, nonce in request.nonces.items():
            if nonces.setdefault(party, nonce) != nonce:
                raise REQUESTS_DIFFER(f"two requests of '{party}'", party=party)
    computing = sorted(first.proposal.spec.datasets)
    if terms.dealer_tee is None:
        return first.model_copy(update={"nonces": {}})
    for party in computing:
        if party not in nonces:
            raise REQUESTS_DIFFER(f"the request of '{party}' is missing", party=party)
    return first.model_copy(update={"nonces": {party: nonces[party] for party in computing}})


def expected_dealing(request: StageRequest, terms: Terms, party: str) -> ExpectedDealing:
    """What a compute party's evidence must be of, as its own node has asked for it."""
    return ExpectedDealing(
        subject=subject_of(request, terms),
        party=party,
        key=terms.parties[party],
        nonce=request.nonces.get(party),
        parties=tuple(sorted(request.proposal.spec.datasets)),
    )


def deal_stage_attested(
    derived: Derived,
    request: StageRequest,
    terms: Terms,
    folder: Path,
    host: DealerHost,
    progress: Callable[[str, int, int, str], None],
    cancelled: threading.Event | None = None,
) -> tuple[str, tuple[Path, ...]]:
    """The host's part: write tape files, and the evidence beside each, that only the process can make.

    :param derived: of ``request``, by this node.
    :param request: with the nonces of all compute parties, see :func:`merge_requests`.
    :param progress: called with step, done, total and what; may raise to end it, and then nothing is left.
    :returns: the serial of the dealing, and the tape files.

    :raises CoterieError: CT-1120, CT-1121, CT-2149; CT-2247, CT-2248, CT-2285 to CT-2293, CT-2297, CT-2310;
        the engine's own.
    """
    binding = binding_of(derived.approved.job, derived.stage)
    keys = {name: Named(name=name, key=terms.parties[name]) for name in derived.approved.parties}
    sizes = {one.name: most_bytes(parts) for one, parts in parts_by_party(derived, keys).items()}
    order = DealingOrder(subject=subject_of(request, terms), nonces=request.nonces, assurance=host.assurance)
    memory = LEAST_MEMORY + 2 * max(step.memory for step in derived.stage.steps)
    places = TapeFolder(folder, binding)
    try:
        proofs = deal_attested(
            host.sandbox,
            order,
            DealingFacts(request=_plain(request), terms=terms).to_bytes(),
            {name: places.target(name) for name in keys},
            sizes,
            host.attest,
            endorsements=host.endorsements,
            limits=RunLimits(memory=memory, seconds=SECONDS),
            progress=partial(_told, progress),
            cancelled=cancelled,
        )
        paths = places.publish()
    finally:
        places.discard()
    try:
        return _written(dict(zip(keys, paths, strict=True)), proofs), paths
    except BaseException:
        discard_dealt(paths)
        raise


def discard_dealt(paths: Sequence[Path]) -> None:
    """Take tape files away again, with what lies beside them."""
    for path in paths:
        path.unlink(missing_ok=True)
        evidence_path(path).unlink(missing_ok=True)


def _told(progress: Callable[[str, int, int, str], None], step: str, done: int, total: int) -> None:
    progress(step, done, total, "dealing")


def _written(paths: Mapping[str, Path], proofs: Mapping[str, TapeEvidence]) -> str:
    """Put the evidence beside the files. Gives the dealing's serial."""
    for party, path in paths.items():
        atomic_write(evidence_path(path), proofs[party].to_bytes(), 0o644)
    return peek(next(iter(paths.values()))).serial
