"""What a component is: a pipeline step with typed parameters, a plan, and a run.

A component says beforehand, from public facts alone, what it will do (:meth:`Component.plan`), and does it
(:meth:`Component.run`). ``plan`` is called at every participant, the dealer and guests included, and must
give equal results there; ``run`` is called at every participant too, and sees only its own data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel

from coterie.crypto import canonical
from coterie.learn.errors import ROWS_HIDDEN
from coterie.learn.planned import (
    BY_OWN_IDS,
    EACH,
    FOR_GUESTS,
    MIN_GROUP,
    Earlier,
    Engine,
    Finding,
    FrameShape,
    HiddenShape,
    JobFacts,
    Measured,
    Params,
    PlannedTape,
    ResultKind,
    Reveal,
    Statement,
    StepPlan,
    Total,
)

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from coterie.data import ColumnType, Dataset, Scratch, VerticalFrame
    from coterie.fl import LastingCoordinator, LastingSums, Sums
    from coterie.mpc import Correlations, Network, TapeFile, TapeFiles
    from coterie.psi import Checkpoint
    from coterie.wire import Mesh

__all__ = [
    "BY_OWN_IDS",
    "EACH",
    "FOR_GUESTS",
    "MIN_GROUP",
    "Component",
    "Earlier",
    "Engine",
    "Finding",
    "FrameShape",
    "HiddenShape",
    "JobFacts",
    "Measured",
    "Params",
    "PlanContext",
    "PlannedTape",
    "Progress",
    "ResultKind",
    "Reveal",
    "RunContext",
    "Statement",
    "StepPlan",
    "Total",
    "synced",
]

P = TypeVar("P", bound=Params)


class Progress(Protocol):
    """How a step says how far it is."""

    def __call__(self, done: int, total: int, what: str, *, unit: str | None = None) -> None:
        """``done`` of ``total``; raises when the job was cancelled.

        :param what: what is being done, in a few words.
        :param unit: what is counted, in the plural, where one takes about as long as another: rows, trees.
            Then people are told how many there are in a second, and the time that is left.
        """


@dataclass
class PlanContext:
    """What a component may look at while it plans. Data is not among it."""

    engine: Engine
    step: str
    parties: tuple[str, ...]
    """Those with data, in the agreement's order: who computes, but in the TEE."""
    dealer: str | None
    receivers: Mapping[str, tuple[str, ...]]
    """Result kind to the parties that the agreement grants it to."""
    dataset_rows: Mapping[str, int]
    """Different ids of each party's dataset: what is intersected."""
    columns: Mapping[str, tuple[str, ...]]
    """Feature columns that the job uses of each party's dataset, in model order."""
    label_holder: str
    label: str
    frames: MutableMapping[str, FrameShape]
    """"all" before a split, "train" and "test" after it. A component replaces what it changes."""
    models: MutableMapping[str, Any]
    """Public facts of the models made so far, by step name."""
    repeated_ids: tuple[str, ...] = ()
    """Parties of whose datasets some ids have several rows: they have more rows than "dataset_rows"."""
    all_rows: Mapping[str, int] = field(default_factory=dict)
    """Rows of each party's dataset: of an id that is repeated, all of them."""
    network: Network | None = None
    """As the initiator measured it; None where it was not measured."""
    correlations: Correlations = "stream"
    """Whether a dealer takes part in runs, or has dealt into tape files before."""
    guests: tuple[str, ...] = ()
    """Parties without data in the job that receive results. The dealer may be one of them."""
    exact: bool = True
    """Whether the frames' sizes are known. Where not they are the most there can be, and the plan must bound
    what is planned for fewer."""
    min_group: int = MIN_GROUP
    """Fewest rows, and fewest of each label value, of any group of rows that a result tells of: a bin, a
    segment, a cell. What is smaller is merged, or left out."""
    min_rows: int = 0
    """Fewest common rows of a job. What comes of more or fewer is checked where their number is known."""
    scored: frozenset[tuple[str, str]] = frozenset()
    """Model step and frame of the scores that their receivers have already: they are not computed twice."""
    types: Mapping[str, Mapping[str, ColumnType]] = field(default_factory=dict)
    """Declared type of each column that the agreement grants, by party and name."""
    earlier: tuple[Earlier, ...] = ()
    """The job's steps before this one, in order."""
    later: tuple[tuple[str, Params], ...] = ()
    """Component and parameters of each step after it."""
    job: str = ""
    """Its id."""
    agreement: str = ""
    """The digest of its terms."""
    labelled: bool = True
    """Whether the label is among the job's data. Where not, the job has saved pipelines score new rows, and
    label and its holder are theirs."""
    pipelines: Mapping[str, BaseModel] = field(default_factory=dict)
    """Public parts of the saved pipelines that the job uses, by the name under which its steps know them."""
    horizontal: bool = False
    """Whether the parties have the same columns of different rows. ``label_holder`` is :data:`EACH` then, and
    ``columns`` are equal for every party."""
    coordinator: str | None = None
    """Of engine fl: who adds up what the parties have masked. A party with data, or one without."""
    minimum: int | None = None
    """Of engine fl: parties that every sum has at least, where the job goes on without who drops out; None
    where all are in each. Numbers of rows are then what sums tell, not what was planned."""
    colluding: int | None = None
    """Of engine fl: parties that may collude, for noise to be enough against them. None for as many as sums
    allow."""

    @property
    def owners(self) -> tuple[str, ...]:
        """Whose columns there can be, in model order: the parties with data; of horizontal frames
        :data:`EACH`."""
        return (EACH,) if self.horizontal else self.parties

    @property
    def everybody(self) -> tuple[str, ...]:
        """All who are told public sizes, each once: who computes, deals (now or before), adds up, receives.
        Nobody in engine tee, where sizes are known inside the TEE alone."""
        if self.engine == "tee":
            return ()
        helpers = tuple(name for name in (self.dealer, self.coordinator) if name)
        return tuple(dict.fromkeys((*self.parties, *helpers, *self.guests)))

    @property
    def widest(self) -> int:
        """Feature columns of whoever holds the most, in the datasets or in a frame: of one party; in engine
        tee of all together."""
        spread = (self.columns, *(shape.columns for shape in self.frames.values()))
        widths = ([len(names) for names in columns.values()] for columns in spread)
        return max(sum(one) if self.engine == "tee" else max(one, default=0) for one in widths)

    def receiving(self, kind: ResultKind) -> tuple[str, ...]:
        """Who gets results of that kind where a step makes them: the parties with data, then the guests, to
        whom the agreement grants it."""
        guests = kind not in BY_OWN_IDS if self.engine == "tee" else kind in FOR_GUESTS
        if self.engine == "fl":  # whose jobs have none
            guests = False
        named = (*self.parties, *(self.guests if guests else ()))
        return tuple(party for party in named if party in self.receivers.get(kind, ()))


def _nothing() -> None:
    """Outside of jobs nobody counts what is sent."""


@dataclass
class RunContext:
    """What a component works with while it runs, at one participant."""

    engine: Engine
    step: str
    me: str
    """This participant; no party in engine tee."""
    parties: tuple[str, ...]
    dealer: str | None
    receivers: Mapping[str, tuple[str, ...]]
    mesh: Mesh
    plan: StepPlan
    planning: PlanContext
    """The plan context as it was when this step was planned: to trace the same program again."""
    id_key: bytes
    """32 bytes, shared by the parties with data (others have zeros): keys the id hashes."""
    datasets: Mapping[str, Dataset]
    """The datasets that are here, by owner: the own one; all owners' in engine tee; none at the dealer and at
    guests. The own one of a horizontal job is that of :data:`EACH`."""
    frames: MutableMapping[str, VerticalFrame]
    models: MutableMapping[str, Any]
    """What is here of each model, by step name."""
    progress: Progress
    """Tells how far the step is."""
    publish: Callable[[str, str, bytes, tuple[str, ...]], None]
    """``publish(kind, file name, content, receivers)``: keeps a result for receivers who are served here.
    Components call :meth:`give`."""
    job: JobFacts | None = None
    """None outside a job, as when a component is used by hand."""
    scratch: Scratch | None = None
    """Where what is too long for memory lies while the job runs; None for memory."""
    memory: int | None = None
    """Bytes of private arrays that a run holds in memory; None where nobody has said."""
    findings: MutableMapping[str, list[Finding]] = field(default_factory=dict)
    """What this job has given so far, by receiver who is served here; in the order in which it was given."""
    scores: MutableMapping[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)
    """Scores that are here already, by model step and frame."""
    pipelines: Mapping[str, Path] = field(default_factory=dict)
    """This party's own files of saved pipelines, by the name under which the job's steps know them."""
    modules: Mapping[str, bytes] = field(default_factory=dict)
    """Files of users' modules, each of which is what the agreement lists under its name."""
    checkpoint: Checkpoint | None = None
    """Where a step that ``resumes`` keeps how far it is; None where nothing is kept."""
    goes_on: Callable[[], None] = _nothing
    """Says that the step goes on where an earlier run broke off, and so may send less than was planned."""
    tapes: TapeFile | TapeFiles | None = None
    """Where what is dealt does not come by links: this party's file of the stage; at the dealer the files
    that it writes."""
    lasting: LastingSums | LastingCoordinator | None = None
    """In engine fl, where parties may drop out: the sums of the whole run, or who adds them up."""
    adder: Sums | None = None
    """In engine fl, at a party with data, while a step runs: the sums that it has planned."""

    @property
    def folder(self) -> Path | None:
        """For the files of runs."""
        return None if self.scratch is None else self.scratch.folder

    @property
    def dataset(self) -> Dataset | None:
        """Own dataset; None at the dealer, at guests, and in engine tee."""
        return self.datasets.get(EACH if self.horizontal else self.me)

    @property
    def horizontal(self) -> bool:
        """Whether the parties have the same columns of different rows."""
        return self.planning.horizontal

    @property
    def mine(self) -> tuple[str, ...]:
        """Whose columns are here, in model order: this party's; in engine tee every owner's. Of horizontal
        frames :data:`EACH`, wherever there are rows."""
        if self.horizontal:
            return (EACH,) if self.engine == "tee" or self.me in self.parties else ()
        if self.engine == "tee":
            return self.parties
        return tuple(party for party in self.parties if party == self.me)

    @property
    def computes(self) -> bool:
        """Whether this participant holds data in the job. A dealer and guests hold none."""
        return bool(self.mine)

    def receiving(self, kind: ResultKind) -> tuple[str, ...]:
        """The planned receivers of that kind of result who are served here: this party, where it is one; in
        engine tee all of them."""
        planned = self.plan.results.get(kind, ())
        return planned if self.engine == "tee" else tuple(party for party in planned if party == self.me)

    def give(
        self,
        kind: ResultKind,
        name: str,
        content: bytes | Callable[[], bytes],
        to: Iterable[str] | None = None,
    ) -> None:
        """Publish a result to its receivers, as far as they are served here.

        :param content: or what makes it, which is called only where there is a receiver.
        :param to: only to those of them, where the content is not for all; :data:`EACH` for whoever is here.
        """
        served = self._served(kind, to)
        if served:
            self.publish(kind, name, content() if callable(content) else content, served)

    def _served(self, kind: ResultKind, to: Iterable[str] | None) -> tuple[str, ...]:
        """The receivers here, those of them to whom it goes."""
        wanted = None if to is None else frozenset(to)
        if wanted is None or EACH in wanted:
            return self.receiving(kind)
        return tuple(party for party in self.receiving(kind) if party in wanted)

    def tell(
        self,
        kind: ResultKind,
        document: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
        to: Iterable[str] | None = None,
        name: str | None = None,
    ) -> None:
        """Give a document to its receivers as canonical JSON, and keep it for their reports.

        :param document: plain values; or what makes it, which is called only where there is a receiver.
        :param to: only to those of them, where the content is not for all.
        :param name: of the file; ``<step>.<kind>.json`` if it is not given.
        """
        served = self._served(kind, to)
        if not served:
            return
        plain = document() if callable(document) else document
        self.note(kind, plain, served)
        self.give(kind, name or f"{self.step}.{kind}.json", canonical(plain), served)

    def note(
        self,
        kind: ResultKind,
        document: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
        to: Iterable[str] | None = None,
    ) -> None:
        """Keep a document for the reports of the receivers of that kind, without a file of its own.

        :param document: plain values; or what makes it, which is called only where there is a receiver.
        :param to: only to those of them, where the content is not for all.
        """
        served = self._served(kind, to)
        if not served:
            return
        plain = document() if callable(document) else document
        for party in served:
            finding = Finding(self.step, self.plan.component, kind, plain)
            self.findings.setdefault(party, []).append(finding)

    def sums(self) -> Sums:
        """In engine fl, at a party with data: the sums over all parties that the step has planned. Raises
        ValueError where it has planned none."""
        if self.adder is None:
            raise ValueError(f"step '{self.step}' has planned no sums")
        return self.adder

    @property
    def deals_ahead(self) -> bool:
        """Whether this is the dealer before the run: nobody is there to send to, or to hear from."""
        return self.tapes is not None and not self.computes


class Component(ABC, Generic[P]):
    """A step that pipelines can name."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One sentence for listings."""
    Parameters: ClassVar[type[Params]]
    engines: ClassVar[frozenset[Engine]]
    ends_stage: ClassVar[bool] = False
    """True where only the run can tell the sizes that later steps plan with."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Modules that :meth:`run` loads when it needs them, and nothing before."""
    reads_datasets: ClassVar[bool] = False
    """True where it takes columns out of the datasets. All others have them from frames."""
    resumes: ClassVar[bool] = False
    """True where :meth:`run` keeps how far it is in the context's ``checkpoint``, and goes on there when the
    same job is submitted again."""
    needs_label: ClassVar[bool] = True
    """False where it can be a step of a job whose data has no label."""
    takes_hidden: ClassVar[bool] = False
    """True where it can be a step of a job whose rows are hidden: see :class:`FrameShape`. All others are
    refused there (CT-3212)."""
    version: ClassVar[int] = 1
    """Of what the step keeps for later jobs, where it keeps anything: another one where what was kept before
    cannot be read any more, or would have another effect."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()  # of Generic, for bases with more parameters
        # The TEE runs what runs in the clear: no component says so of itself.
        if "clear" in cls.__dict__.get("engines", ()):
            cls.engines = cls.engines | {"tee"}
        if "plan" in cls.__dict__:
            cls.plan = _refusing_hidden(cls.plan)  # type: ignore[method-assign, assignment]

    def reads(self, params: P) -> bool:  # noqa: ARG002
        """Whether it takes columns out of the datasets with these parameters: see ``reads_datasets``."""
        return self.reads_datasets

    def uses_pipelines(self, params: P) -> tuple[str, ...]:  # noqa: ARG002
        """References of the saved pipelines that it uses with these parameters."""
        return ()

    def uses_modules(self, params: P) -> tuple[str, ...]:  # noqa: ARG002
        """Names of the users' modules that it runs with these parameters."""
        return ()

    @abstractmethod
    def plan(self, context: PlanContext, params: P) -> StepPlan:
        """Say what :meth:`run` will do, and update ``context.frames`` and ``context.models``."""

    @abstractmethod
    def run(self, context: RunContext, params: P) -> None:
        """Do it, and update ``context.frames`` and ``context.models``."""

    def facts(self, context: RunContext) -> dict[str, int]:  # noqa: ARG002
        """Public sizes that only the run could tell, such as ``{"rows.all": 117}``.

        Asked of every party after :meth:`run` of a component that ends a stage. The answers must be equal,
        and all participants are told them, the dealer included: each is among the plan's reveals.
        """
        return {}

    def apply_facts(self, context: PlanContext, facts: Mapping[str, int]) -> None:
        """Put the sizes of :meth:`facts` in place of the bounds that :meth:`plan` worked with."""


def _refusing_hidden(
    plan: Callable[[Component[P], PlanContext, P], StepPlan],
) -> Callable[[Component[P], PlanContext, P], StepPlan]:
    """No step looks at rows as if they were common, where nobody knows it, because somebody forgot to ask."""

    @wraps(plan)
    def asked(self: Component[P], context: PlanContext, params: P) -> StepPlan:
        if not self.takes_hidden and any(shape.hidden for shape in context.frames.values()):
            raise ROWS_HIDDEN(f"'{self.name}'", step=context.step)
        return plan(self, context, params)

    return asked


def synced(frames: Mapping[str, VerticalFrame], shapes: Mapping[str, FrameShape]) -> dict[str, VerticalFrame]:
    """The frames with the columns that their public shapes have: those of other parties change without a
    message."""
    return {
        name: frame.with_columns_of(shapes[name].columns) if name in shapes else frame
        for name, frame in frames.items()
    }
