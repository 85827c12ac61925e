"""What the REST API says: one frozen record for each thing that a person or a program can ask for.

Times are RFC 3339 strings in UTC. Nothing here holds a secret, except the two records that exist to hand one
over once: :class:`InvitationView` when it has just been made, and :class:`NewToken`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .attempt_views import AttemptView
from .lost_views import DropoutsView
from .privacy_views import PlanPrivacyView, PrivacyView
from .watching.views import StallView

__all__ = [
    "AgreementState",
    "AgreementView",
    "ApprovalView",
    "Check",
    "ColumnView",
    "ComponentView",
    "DatasetView",
    "DealingView",
    "EntryView",
    "ErrorView",
    "HeadView",
    "HealthView",
    "IdentityView",
    "InvitationView",
    "JobState",
    "JobView",
    "NewToken",
    "ParticipantView",
    "PeerView",
    "PlanView",
    "ResultView",
    "RevocationView",
    "Role",
    "SealedView",
    "TapeView",
    "TokenRole",
    "TokenView",
    "VersionView",
    "WaitingView",
]

Role = Literal["node", "hub"]
TokenRole = Literal["admin", "analyst", "steward", "operator", "auditor", "reader", "monitor"]
AgreementState = Literal["draft", "offered", "active", "expired", "revoked", "suspended"]
JobState = Literal[
    "proposed", "starting", "running", "resuming", "finishing", "done", "failed", "refused", "cancelled"
]
"""``resuming``: something was lost, and another attempt is about to begin."""


class View(BaseModel):
    """Base: frozen, and tolerant of fields that a newer node adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ErrorView(View):
    """A :class:`coterie.errors.CoterieError` as JSON; also the body of every failed request."""

    code: str
    family: str
    title: str
    detail: str
    next_step: str
    party: str | None = None
    step: str | None = None


class HealthView(View):
    """The node is up and its store and ledger answer."""

    status: Literal["ok"]
    name: str
    role: Role
    time: str


class VersionView(View):
    """What runs here."""

    coterie: str
    api: str
    python: str
    platform: str


class IdentityView(View):
    """Who this node is, as its peers know it."""

    name: str
    role: Role
    key: str
    """Ed25519 public key, hex."""
    fingerprint: str
    address: str | None
    """``host:port`` that peers dial; None where they cannot dial this node."""
    api_fingerprint: str
    """SHA-256 of the certificate of the REST API: what a client pins."""


class PeerView(View):
    """A party whose key is pinned here."""

    name: str
    key: str
    fingerprint: str
    address: str | None
    added: str
    last_seen: str | None = None
    """When it last answered or asked, since this node was started."""


class InvitationView(View):
    """A one-time invitation. ``text`` is shown once, when it is made; whoever holds it can become a peer."""

    id: str
    expires: str
    created: str
    used_by: str | None = None
    text: str | None = Field(default=None, repr=False)


class TokenView(View):
    """A token of the REST API, without its secret."""

    id: str
    name: str
    role: TokenRole
    created: str


class NewToken(TokenView):
    """A token that was just made; ``secret`` is shown once and kept only as a hash."""

    secret: str = Field(repr=False)


class ColumnView(View):
    """A declared column of a dataset."""

    name: str
    type: str
    role: str
    nullable: bool
    rule: tuple[str, ...] | None = None
    """Of an id column: its own steps in place of the dataset's rule."""


class DatasetView(View):
    """A table registered at this node. Rows stay where they are; these are its public facts, and how many
    rows are left out, which nobody else is told."""

    name: str
    owner: str
    rows: int
    """Those that count: not the ones left out."""
    ids: int
    """Different ids among them."""
    without_id: int
    """Rows left out for want of an id."""
    repeated: int
    """Rows left out because one before them has their id."""
    columns: tuple[ColumnView, ...]
    source: str
    """Where it is read from, in words."""
    added: str


class SealedView(View):
    """Sealed data at this node."""

    file: str
    """Its id: how it is removed."""
    dataset: str
    """``owner/name``."""
    whose: Literal["own", "held"]
    """``held``: another party's, which this node hosts and cannot read."""
    agreement: str
    """That it is sealed for."""
    root: str
    size: int
    """Bytes of ciphertext."""
    rows: int | None
    created: str


class DocumentView(View):
    """A document for somebody else, as it is to be handed over: canonical JSON, to the byte."""

    document: str


class DepositView(DocumentView):
    """A deposit of this party's, to be handed to the keeper's host."""

    deposit: str
    """The key of its log: its name."""
    dataset: str
    """``owner/name``."""
    agreement: str
    runs: int
    expires: str
    container: str
    """The sealed data on the node's machine, for the host."""
    record: str
    """What belongs to it."""


class RevocationView(View):
    """A party's word that an agreement holds no longer."""

    party: str
    time: str
    reason: str


class AgreementView(View):
    """An agreement as this node knows it. ``id`` is the digest of the signed terms."""

    id: str
    name: str
    state: AgreementState
    drafted_by: str
    terms: dict[str, Any]
    signers: tuple[str, ...]
    """Everybody whose signature is needed."""
    signed_by: tuple[str, ...]
    not_offered_to: tuple[str, ...] = ()
    """Signers that have not received it yet; the node goes on trying."""
    revocations: tuple[RevocationView, ...] = ()
    runs_used: int = 0
    key_here: bool = True
    """This node holds the key of the id hashes (a dealer never does)."""
    privacy: tuple[PrivacyView, ...] = ()
    """Of each dataset that has a budget."""
    persons: tuple[str, ...] = ()
    """Of this party's people, those who have said yes, where it takes several."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Who has not signed yet."""
        return tuple(name for name in self.signers if name not in self.signed_by)


ApprovalMode = Literal["automatic", "person", "two-persons"]
"""Who says yes to a job in a party's name: its node, a person, or two."""


class ApprovalView(View):
    """Where one participant's approval of the plan stands."""

    party: str
    state: Literal["waiting", "approved", "refused"]
    mode: ApprovalMode
    time: str | None = None
    persons: int = 0
    """How many of this party's people have said yes, where it takes several."""


class WaitingView(View):
    """A worker waits for this peer, since then, for the value with this tag."""

    peer: str = Field(max_length=64)
    since: str = Field(max_length=64)
    what: str = Field(max_length=400)
    link: str = Field(default="up", max_length=400)
    """State of the link in words."""
    size: int | None = Field(default=None, ge=0, lt=2**63)
    """Bytes of that value, where it is an array: its size follows from the plan."""
    here: int = Field(default=0, ge=0, lt=2**63)
    """Of these, how many have arrived."""


class ParticipantView(View):
    """How far one participant's worker is, as last heard."""

    party: str = Field(max_length=64)
    state: JobState
    step: str | None = Field(default=None, max_length=200)
    what: str | None = Field(default=None, max_length=200)
    done: int = 0
    total: int = 0
    unit: str | None = Field(default=None, max_length=32)
    """What ``done`` and ``total`` count, where one takes about as long as another: rows, trees."""
    rate: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Of these in a second, over the last seconds; None as long as too little is known."""
    left: int | None = Field(default=None, ge=0)
    """Seconds that the step needs at this rate."""
    waiting: tuple[WaitingView, ...] = Field(default=(), max_length=64)
    updated: str | None = Field(default=None, max_length=64)
    moved: int = Field(default=0, ge=0, lt=2**63)
    """A number that grows with what it gets done, and only then."""
    further: str | None = Field(default=None, max_length=64)
    """When this node saw it come further for the last time."""


class ResultView(View):
    """A result that this party received."""

    name: str
    kind: str
    step: str
    digest: str
    size: int
    """Bytes."""


class JobView(View):
    """A job as this node sees it."""

    id: str
    name: str
    agreement: str
    engine: str
    initiator: str
    state: JobState
    created: str
    started: str | None = None
    ended: str | None = None
    plan: str | None = None
    """Digest of the plan that was derived here."""
    steps: tuple[str, ...] = ()
    approvals: tuple[ApprovalView, ...] = ()
    participants: tuple[ParticipantView, ...] = ()
    results: tuple[ResultView, ...] = ()
    error: ErrorView | None = None
    countersigned_by: tuple[str, ...] = ()
    """Peers that countersigned this party's ledger at the end of the job."""
    goes_on: str | None = None
    """The step of which this party keeps how far it is: the same job, submitted again, goes on there."""

    dropouts: DropoutsView | None = None
    """Of a job that goes on without parties."""
    stalls: tuple[StallView, ...] = ()
    """Whose nodes say that nobody comes further."""
    attempts: tuple[AttemptView, ...] = ()
    """Of a job that has lost a process or a link: all so far, the present one last."""

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed", "refused", "cancelled")

    def participant(self, party: str) -> ParticipantView:
        """:raises KeyError: if the party takes no part."""
        for known in self.participants:
            if known.party == party:
                return known
        raise KeyError(party)


class PlanView(View):
    """The plan of a job: what will be sent, computed and revealed, and what it costs of privacy budgets."""

    job: str
    digest: str
    summary: dict[str, Any]
    document: dict[str, Any]
    privacy: tuple[PlanPrivacyView, ...] = ()


class TapeView(View):
    """A tape file of this party."""

    job: str
    stage: int
    plan: str
    """Digest of the stage's plan."""
    serial: str
    """Equal in the files that were dealt together."""
    dealer: str
    size: int
    """Bytes."""
    state: Literal["ready", "used"]
    assurance: Literal["hardware", "simulated"] | None = None
    """Of the platform that an attested dealer dealt on; None for a dealer that is trusted by its name."""


class DealingView(View):
    """A stage that this node, as its dealer, deals into tape files."""

    id: str
    job: str
    stage: int
    state: Literal["running", "done", "failed"]
    step: str | None = None
    done: int = 0
    total: int = 0
    serial: str | None = None
    files: tuple[str, ...] = ()
    """Paths, once it is done. Of an attested dealing the evidence lies beside each, with ``.evidence`` at
    the end of its name."""
    assurance: Literal["hardware", "simulated"] | None = None
    """Of the platform of an attested dealing, once it is done."""
    error: ErrorView | None = None


class ComponentView(View):
    """A pipeline step that this node can run."""

    name: str
    summary: str
    engines: tuple[str, ...]
    parameters: dict[str, Any]
    """JSON schema."""


class EntryView(View):
    """One entry of this party's ledger."""

    seq: int
    time: str
    kind: str
    body: dict[str, Any]
    hash: str


class HeadView(View):
    """The end of this party's ledger, signed."""

    party: str
    seq: int
    hash: str
    time: str
    signature: str


class Check(View):
    """One finding of the doctor."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    next_step: str | None = None
