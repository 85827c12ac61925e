"""What the label holder chooses by: where it comes from, and who has to be asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from coterie.learn.binning import BinsFacts, IvTable, bins_facts, bins_here
from coterie.learn.component import FrameShape, PlanContext, ResultKind, RunContext
from coterie.learn.correlate import CorrelateParams, Task, task_of
from coterie.learn.errors import FRAME_MISSING
from coterie.learn.glm import InformationTask
from coterie.learn.places import check_places
from coterie.learn.select.errors import IV_MISSING, NOT_GRANTED
from coterie.learn.select.params import SelectParams
from coterie.learn.transform import training_of

__all__ = [
    "Choosing",
    "information_values",
    "missing_rates",
    "placed",
    "places_of",
    "rate_of",
    "steps_binning",
]

IV_DECIMALS = 4
"""Of information values: others than a column's owner are told no more, and all engines choose alike."""


def places_of(shape: FrameShape) -> tuple[str, ...]:
    """Its features, as ``party.column``, in model order."""
    return tuple(f"{owner}.{name}" for owner, names in shape.columns.items() for name in names)


@dataclass(frozen=True)
class Choosing:
    """What is public of a choice; see :meth:`of`."""

    shape: FrameShape
    """Of the training rows."""
    bins: str | None
    """The step whose information values count."""
    correlated: Task | None
    fitted: InformationTask | None

    @property
    def places(self) -> tuple[str, ...]:
        """All features, as ``party.column``, in model order."""
        return places_of(self.shape)

    @staticmethod
    def of(context: PlanContext, params: SelectParams) -> Choosing:
        """Errors: CT-3001, CT-3050, CT-3055, CT-3103, CT-3135, CT-3145, CT-3147."""
        shape = training_of(context.frames)
        if shape is None:
            raise FRAME_MISSING("'all'", step=context.step)
        check_places(context, (*params.keep, *params.drop))
        correlated = fitted = None
        if params.needs_correlations and shape.width > 1:
            _granted(context, "correlations")
            correlated = task_of(context, CorrelateParams(), (context.label_holder,))
        if params.stepwise is not None:
            _granted(context, "statistics")
            _granted(context, "coefficients")
            fitted = InformationTask.of(context, params.iterations)
        if params.max_missing is not None:
            _granted(context, "profile")
        return Choosing(shape, _bins(context, params, shape), correlated, fitted)


def _granted(context: PlanContext, kind: ResultKind) -> None:
    """Only engine mpc has the label holder see what it chooses by."""
    if context.engine == "mpc" and context.label_holder not in context.receiving(kind):
        raise NOT_GRANTED(f"'{kind}' is not for {context.label_holder}", step=context.step)


def _bins(context: PlanContext, params: SelectParams, shape: FrameShape) -> str | None:
    """The step, where its information values may be seen; None where they are neither needed nor there."""
    there = any(isinstance(facts, BinsFacts) for facts in context.models.values())
    if not (params.needs_iv or there or params.bins is not None):
        return None
    if params.needs_iv or params.bins is not None:
        _granted(context, "iv")
    elif context.engine == "mpc" and context.label_holder not in context.receiving("iv"):
        return None
    step, facts = bins_facts(context, params.bins)
    if params.needs_iv:
        known = {f"{owner}.{name}" for owner, names in facts.columns.items() for name in names}
        known |= {*params.keep, *params.drop}
        for owner, names in shape.columns.items():
            for name in names:
                if f"{owner}.{name}" not in known:
                    raise IV_MISSING(f"'{owner}.{name}' in step '{step}'", step=context.step)
    return step


def information_values(context: RunContext, choosing: Choosing) -> Mapping[str, float]:
    """By place, at the label holder; from its own bins or, in engine mpc, from what it was told.

    Errors: CT-3103.
    """
    if choosing.bins is None:
        return {}
    if context.engine == "mpc":
        found = context.findings.get(context.me, [])
        tables = [one for one in found if one.step == choosing.bins and one.kind == "iv"]
        if not tables:
            raise IV_MISSING(f"step '{choosing.bins}' told none", step=context.step, party=context.me)
        table = IvTable.model_validate(tables[-1].document, strict=False)
        return {f"{one.party}.{one.column}": round(one.iv, IV_DECIMALS) for one in table.columns}
    return {
        f"{owner}.{one.name}": round(one.iv, IV_DECIMALS)
        for owner in context.mine
        if owner in bins_facts(context.planning, choosing.bins)[1].columns
        for one in bins_here(context, choosing.bins, owner).columns
    }


def missing_rates(context: RunContext, choosing: Choosing, owner: str) -> tuple[float, ...]:
    """Of an owner's features, in model order: as the last bins of each met them, or as they are. Rates of
    groups smaller than may be shown are 0 or 1."""
    frame, group, rates = training_of(context.frames), context.planning.min_group, []
    made = steps_binning(context.planning)
    for name in choosing.shape.columns.get(owner, ()):
        column = frame.column(owner, name)
        missing, rows = column.null_count, len(column)
        for step in made:
            if owner not in context.planning.models[step].columns:
                continue
            found = bins_here(context, step, owner).of(name)
            if found is not None:
                missing, rows = found.missing_rows, found.rows
        rates.append(rate_of(missing, rows, group))
    return tuple(rates)


def steps_binning(context: PlanContext) -> list[str]:
    """In their order."""
    return [step for step, facts in context.models.items() if isinstance(facts, BinsFacts)]


def rate_of(missing: int, rows: int, group: int) -> float:
    """0 or 1 of groups smaller than may be shown."""
    if missing < group:
        return 0.0
    return 1.0 if rows - missing < group else missing / rows


def placed(choosing: Choosing, rates: Mapping[str, tuple[float, ...]]) -> dict[str, float]:
    """By place, from rates by owner."""
    return {
        f"{owner}.{name}": rate
        for owner, names in choosing.shape.columns.items()
        if owner in rates
        for name, rate in zip(names, rates[owner], strict=True)
    }
