"""What is public of a job's steps: plans, frames, reveals, and what results there can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from coterie.agreement import Engine, ResultKind

if TYPE_CHECKING:
    from coterie.fl import Fixed, Noise
    from coterie.mpc import Disclosure

__all__ = [
    "BY_OWN_IDS",
    "EACH",
    "FOR_GUESTS",
    "MIN_GROUP",
    "Earlier",
    "Engine",
    "Finding",
    "FrameShape",
    "HiddenShape",
    "JobFacts",
    "Measured",
    "Params",
    "PlannedTape",
    "ResultKind",
    "Reveal",
    "Statement",
    "StepPlan",
    "Total",
]

EACH = "each"
"""Owner of the columns and of the label of a horizontal frame, which every party has, in public and at each
of them. A parameter names a column as ``each.column``."""

FOR_GUESTS: frozenset[ResultKind] = frozenset(
    {
        "coefficients",
        "statistics",
        "loss",
        "metrics",
        "report",
        "profile",
        "correlations",
        "iv",
        "selection",
    }
)
"""What engine mpc may give to a party without data in the job. The other kinds are a compute party's own:
shares of a model, what is of its own columns, and lists by its own ids."""

BY_OWN_IDS: frozenset[ResultKind] = frozenset({"scores", "shap", "common_ids", "reasons"})
"""Lists of rows by the receiver's own ids: a party without data has none, in any engine."""

MIN_GROUP = 20
"""Fewest rows of a group that is shown, where the agreement does not say."""


class Params(BaseModel):
    """Base of every component's parameters: unknown names are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


@dataclass(frozen=True)
class Reveal:
    """One value that becomes known to named parties beyond what each holds already."""

    what: str
    """A sentence that a lawyer can read, such as "score of each test row"."""
    to: tuple[str, ...]
    values: int
    """How many numbers."""
    kind: ResultKind | None = None
    """The kind of result that the agreement must grant each of ``to``; None for what the protocol shows."""


@dataclass(frozen=True)
class HiddenShape:
    """The public facts of rows of which nobody knows whether they are common."""

    holder: str
    """Whose rows they are, among empty ones."""
    other: str
    """Of whose columns both have shares."""
    least: int
    """So many of the rows are common, at least: the run ends where not."""
    most: int
    """And at most so many."""


@dataclass(frozen=True)
class FrameShape:
    """The public facts of a frame: a vertical one, where nothing else is said; or a horizontal one."""

    rows: int
    columns: Mapping[str, tuple[str, ...]]
    """Feature columns by party, in model order."""
    label_holder: str
    label: str
    bound: float | None = None
    """Every feature value lies in [-bound, bound], where a step has made sure of that."""
    common: int | None = None
    """How many of the rows all parties have, at most; None where they have every row."""
    apart: tuple[str, ...] = ()
    """Columns, as ``party.column``, that their owners have beside the features: row weights of ``sample``.
    They are used where a step names them, and nowhere else."""
    texts: frozenset[str] = frozenset()
    """Features, as ``party.column``, that are known to hold texts: their dataset declares it, and no step
    before has made something else of them."""
    hidden: HiddenShape | None = None
    """Where nobody knows which rows are common; only components that say so take such a frame."""
    horizontal: Mapping[str, int] | None = None
    """Rows by party of a horizontal frame: every party has rows of its own with the same columns. ``rows`` is
    their sum, ``columns`` has the one name :data:`EACH`, which is the label holder, too. So has the frame at
    a party, which is that of its own rows."""

    @property
    def width(self) -> int:
        """Number of features of all parties together."""
        return sum(len(names) for names in self.columns.values())

    @property
    def places(self) -> frozenset[str]:
        """All features, as ``party.column``."""
        return frozenset(f"{owner}.{name}" for owner, names in self.columns.items() for name in names)

    @property
    def common_rows(self) -> int:
        return self.rows if self.common is None else self.common

    def with_own_rows(self, rows: Mapping[str, int]) -> FrameShape:
        """Of a horizontal frame: with so many rows of each party."""
        return replace(self, rows=sum(rows.values()), horizontal=dict(rows))

    def with_rows(self, rows: int) -> FrameShape:
        common = None if self.common is None else min(self.common, rows)
        return replace(self, rows=rows, common=common)


@dataclass(frozen=True)
class Statement:
    """What a step's protocol assumes and shows, as in the docs' list of protocols."""

    protocol: str
    adversary: str = "semi-honest"
    threshold: str = "all but one of the compute parties"
    helper: str | None = None
    computational_bits: int = 128
    statistical_bits: int = 40
    leaks: str = "nothing beyond its output"


@dataclass(frozen=True)
class PlannedTape:
    """What must be in tape files for one program of a step."""

    digest: str
    """Of the tape."""
    corrections: Mapping[str, int]
    """Bytes by compute party."""


@dataclass(frozen=True)
class Total:
    """A sum over the parties of a horizontal frame that a step takes: see :mod:`coterie.learn.summed`."""

    what: str
    """What is added up, as its reveal says it; no two of a step are equal."""
    values: int
    """How many numbers each party adds, and learns the sums of."""
    form: Fixed
    """How a number is written while it is masked."""
    times: int = 1
    """How often at most the step takes it."""
    kind: ResultKind | None = None
    """The kind of result that the agreement must grant to all who learn it: every party with data."""
    fewer: bool = False
    """Whether it may be taken of fewer values, as earlier sums tell; the plan is ``at_most`` then."""
    parts: int | None = None
    """Over how many of the parties it is each time, at least three, where it is not over all; ``what`` says
    so. Two sums of the same values over parties that differ by one would show that one's: what goes into
    them must differ. The plan is ``at_most`` then."""
    noise: Noise | None = None
    """What makes it private, where it is: see :mod:`coterie.learn.private`. Its noise is added by the sum."""
    digits: int = 1
    """How many of the values each number that is told is cut into: see ``learn.pooled.wide_total``."""


@dataclass(frozen=True)
class StepPlan:
    """What one step will do. All of it is public and equal at every participant."""

    step: str
    component: str
    params: Mapping[str, Any]
    sent: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Payload bytes by sender, then receiver."""
    rounds: Mapping[str, int] = field(default_factory=dict)
    """Length of the longest chain of messages that ends at each party."""
    reveals: tuple[Reveal, ...] = ()
    results: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Kinds of result that the step gives, with their receivers."""
    memory: int = 0
    """Bytes, the largest need of any participant beyond its data."""
    disk: int = 0
    """Bytes that any participant puts on its own disk, at most, until the job ends."""
    operations: int = 0
    """Ring multiplications of the busiest participant: for the estimate of time."""
    statement: Statement | None = None
    choices: tuple[str, ...] = ()
    """Where there were several protocols for an operation: which was taken, and why."""
    disclosed: tuple[Disclosure, ...] = ()
    """Every value that the step's programs show to anybody, as it stands on their tapes: they can show no
    other. ``reveals`` says it in words."""
    digest: str | None = None
    """Of the tape, where there is one."""
    at_most: bool = False
    """Whether the step may end early, as its results tell: bytes and rounds are then bounds."""
    tapes: tuple[PlannedTape, ...] = ()
    """In the order of use, where what is dealt comes in tape files."""
    totals: tuple[Total, ...] = ()
    """Every sum over parties that the step may take: it can take no other."""
    private: bool = False
    """Whether all that it shows or gives of rows, beyond sizes, is made of totals with noise, or goes to
    whom the rows belong. Where an agreement has a budget of privacy, no other step may show anything."""


@dataclass(frozen=True)
class Measured:
    """What a step that has run took at this participant."""

    sent: Mapping[str, int]
    """Payload bytes by receiver."""
    rounds: int
    seconds: float


@dataclass(frozen=True)
class JobFacts:
    """What is public of the job as a whole: for reports."""

    id: str
    title: str
    agreement: str
    """The agreement's name and digest, as people know it."""
    steps: tuple[StepPlan, ...] = ()
    """The plans of all steps, those that ran with the sizes they had."""
    measured: Mapping[str, Measured] = field(default_factory=dict)
    """By step that has run, beside its plan."""
    simulated: tuple[str, ...] = ()
    """The platforms of engine tee, where all of them only pretend to be one."""
    without: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Where parties may drop out: each step in which totals became those of other parties than before, and
    who was not in them from there on; nobody where all were again."""


@dataclass(frozen=True)
class Finding:
    """A document that a step has given to a party: what its report is made of."""

    step: str
    component: str
    kind: ResultKind
    document: Mapping[str, Any]
    """Plain values, as in the JSON file that the party got."""


@dataclass(frozen=True)
class Earlier:
    """A step of the job that is planned already."""

    step: str
    component: str
    params: Params
    before: Mapping[str, FrameShape]
    """The frames before it."""
