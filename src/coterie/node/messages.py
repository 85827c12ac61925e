"""What nodes say to each other over the peer channel: typed requests and answers.

Both ends are authenticated by then. What a peer may say about which agreement or job, the receiver checks.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, StringConstraints

from coterie.agreement import MODULE_BYTES, Agreement, Revocation
from coterie.data import DatasetFacts
from coterie.jobs import Approval, Proposal
from coterie.ledger import Countersignature, Entry, SignedHead
from coterie.tee import DatasetRecord

from .views import ApprovalMode, JobState, ParticipantView, Role
from .watching.views import StallView

__all__ = [
    "AgreementPull",
    "AgreementPush",
    "ApprovalPush",
    "FactsAnswer",
    "FactsQuestion",
    "Failure",
    "HeadAnswer",
    "HeadOffer",
    "Hello",
    "HelloAnswer",
    "JobAgain",
    "JobAnswer",
    "JobBroke",
    "JobEnd",
    "JobPlace",
    "JobProgress",
    "JobQuestion",
    "JobStalled",
    "JobStand",
    "JobStart",
    "KeptAnswer",
    "KeptQuestion",
    "LookupAnswer",
    "LookupQuestion",
    "Ok",
    "PlaceAnswer",
    "Probe",
    "Propose",
    "ProposeAnswer",
    "SchemaQuestion",
    "SealAnswer",
    "SealQuestion",
    "SealedDrop",
    "SealedDropped",
    "StandAnswer",
]

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Attempt = Annotated[int, Field(ge=0, le=2**31)]
Text = Annotated[str, StringConstraints(max_length=500)]


class Message(BaseModel):
    """Base: nothing unknown is accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Ok(Message):
    """Taken."""


class Hello(Message):
    """Are you there?"""


class Probe(Message):
    """How long does a message of this size take? Answered by :class:`Ok`."""

    padding: Annotated[str, StringConstraints(max_length=2**20, pattern=r"^0*$")]


class HelloAnswer(Message):
    """Yes, and this is my version and my clock."""

    name: str
    role: Role
    version: str
    time: str


class AgreementPush(Message):
    """An agreement with the signatures and revocations that the sender has. Taken as often as it comes."""

    agreement: Agreement
    revocations: tuple[Revocation, ...] = Field(default=(), max_length=64)
    drafted_by: str
    id_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, repr=False
    )
    """Key of the id hashes, for owners of datasets alone."""
    modules: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=MODULE_BYTES)], ...],
        Field(max_length=16, repr=False, exclude_if=lambda modules: not modules),
    ] = ()
    """Files of the modules that it lists, as far as the sender has them: to be read before it is signed."""


class AgreementPull(Message):
    """What do you have of this agreement? Answered by :class:`AgreementPush`."""

    agreement: Digest


class FactsQuestion(Message):
    """The public facts of a dataset that an agreement names."""

    agreement: Digest
    dataset: Annotated[str, StringConstraints(max_length=100)]


class FactsAnswer(Message):
    facts: DatasetFacts


class LookupQuestion(Message):
    """Which of these blinded ids are in the receiver's prepared table? Each counts against the agreement."""

    agreement: Digest
    dataset: Annotated[str, StringConstraints(max_length=100)]
    table: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    points: Annotated[Base64Bytes, Field(max_length=2**21, repr=False)]
    """32 bytes each."""


class LookupAnswer(Message):
    """Of each blinded id the answer, and one proof for all."""

    answers: Annotated[Base64Bytes, Field(max_length=2**21, repr=False)]
    proof: Annotated[Base64Bytes, Field(max_length=64, repr=False)]
    left: Annotated[int, Field(ge=0)]
    """How many ids the asker may still ask for."""


class SchemaQuestion(Message):
    """Compare the columns of an offered dataset. First asked without ``begin``: the receiver says whether it
    takes part, and waits; then with it: it counts the run and begins. Answered by :class:`Ok`."""

    run: JobId
    parties: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=64)], ...], Field(min_length=2, max_length=5)
    ]
    """Sorted."""
    dataset: Annotated[str, StringConstraints(max_length=100)] | None
    """Of the receiver; None for the one that it offers to these parties."""
    begin: bool


class SealQuestion(Message):
    """The record of a dataset that is sealed for an agreement: it is sealed now, where it is not yet."""

    agreement: Digest
    dataset: Annotated[str, StringConstraints(max_length=100)]


class SealAnswer(Message):
    """``record`` is None while it is being sealed: ask again."""

    record: DatasetRecord | None


class KeptQuestion(Message):
    """At the host: of which sealed data does the key keeper have the key now?"""

    agreement: Digest
    owner: Annotated[str, StringConstraints(max_length=64)]
    dataset: Annotated[str, StringConstraints(max_length=100)]


class KeptAnswer(Message):
    """Signed by its owner."""

    record: DatasetRecord


class SealedDrop(Message):
    """The sender's sealed data shall be deleted at the receiver, its host."""

    file: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    reason: Text


class SealedDropped(Message):
    """Sealed data of the receiver was deleted at the sender: the entry of its ledger that says so."""

    entry: Entry


class Propose(Message):
    """The initiator's proposal, with the plan that it has derived."""

    proposal: Proposal
    plan: dict[str, Any]


class ProposeAnswer(Message):
    """The plan is the same here and within the agreement. ``approval`` is None where a person is asked."""

    mode: ApprovalMode
    approval: Approval | None


class ApprovalPush(Message):
    """A participant's approval, given by a person after the proposal."""

    approval: Approval


class JobPlace(Message):
    """May this job, which all have approved, have a worker at your node now? It is asked again until it may,
    and then until it starts.
    """

    job: JobId


class PlaceAnswer(Message):
    """It has a place, which is kept for a while; or it waits for one, in its turn."""

    given: bool
    ahead: Annotated[int, Field(ge=0, le=2**31)] = 0
    """Jobs that asked before it and wait, too."""


class JobStart(Message):
    """All approvals are there: start."""

    job: JobId
    approvals: tuple[Approval, ...] = Field(max_length=64)


class Failure(Message):
    """A coded error, as its origin tells it."""

    code: Annotated[str, StringConstraints(max_length=7)]
    detail: Text | None = None
    next_step: Text | None = None
    party: Annotated[str, StringConstraints(max_length=64)] | None = None
    step: Annotated[str, StringConstraints(max_length=64)] | None = None


class JobBroke(Message):
    """The sender has lost something of an attempt: its worker, its node, or the way to somebody. To the
    initiator, who sees to the next one."""

    job: JobId
    attempt: Attempt
    failure: Failure


class JobStand(Message):
    """The initiator prepares this attempt: end what runs of an earlier one, and say what you have kept."""

    job: JobId
    attempt: Attempt
    approvals: tuple[Approval, ...] = Field(max_length=64)
    failure: Failure
    """What broke the one before."""


class StandAnswer(Message):
    """Nothing runs here any more."""

    marks: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")], ...] = Field(max_length=10_000)
    """Of the steps that are kept, see :mod:`coterie.jobs.checkpoints`."""


class JobAgain(Message):
    """All stand: begin this attempt behind the step with that mark."""

    job: JobId
    attempt: Attempt
    mark: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None


class JobProgress(Message):
    """How far the sender's worker is."""

    job: JobId
    view: ParticipantView


class JobStalled(Message):
    """At the sender's, nobody has come further for as long as its operator waits."""

    job: JobId
    stall: StallView
    over: bool = False
    """It was so, and somebody has come further since."""


class JobEnd(Message):
    """The sender's part of a job is over. Other than ``done``, it ends the job for everybody."""

    job: JobId
    state: Literal["done", "failed", "refused", "cancelled"]
    attempt: Attempt = 0
    """Which one is done."""
    error: Failure | None = None


class JobQuestion(Message):
    """In which state is this job at your side? For a node that has heard nothing for long."""

    job: JobId


class JobAnswer(Message):
    state: JobState
    finished: bool
    """The answerer's own worker has finished its part."""
    attempt: Attempt = 0
    """Of which attempt."""
    error: Failure | None = None


class HeadOffer(Message):
    """The sender's ledger ends here: countersign it."""

    job: JobId
    head: SignedHead


class HeadAnswer(Message):
    countersignature: Countersignature
