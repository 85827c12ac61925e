"""Training over sums as a step of a job: planned from public facts, run at each party with its own rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from coterie.data import VerticalFrame
from coterie.fl import EXACT
from coterie.learn.component import EACH, FrameShape, PlanContext, RunContext, Total
from coterie.learn.glm.design import Design
from coterie.learn.glm.fl.rows import Rows
from coterie.learn.glm.fl.totals import values_of
from coterie.learn.glm.fl.training import MOMENTS, STEP, Training, first_values, train
from coterie.learn.glm.params import GlmParams
from coterie.learn.linear import Floats, own_columns, place_of
from coterie.learn.pooled import DIGITS, FL_UNFIT, WHOLE, enough_beside
from coterie.learn.summed import SUMS, planned_sums

__all__ = ["TOLD", "PooledTask", "rows_of"]

TOLD = replace(
    SUMS,
    leaks=f"{SUMS.leaks}; so every party with data knows the coefficients of each iteration, whoever is to "
    "receive them as a result",
)


@dataclass(frozen=True)
class PooledTask:
    """What is public of a training."""

    shape: FrameShape
    columns: Mapping[str, tuple[str, ...]]
    """Features by owner, who is :data:`EACH`."""
    design: Design
    iterations: int
    """At most."""

    @property
    def params(self) -> GlmParams:
        return self.design.params

    @property
    def totals(self) -> list[Total]:
        """Of a training."""
        return [
            Total(MOMENTS, first_values(self.design), WHOLE, digits=DIGITS),
            Total(STEP, values_of(self.design), EXACT, times=self.iterations, kind="coefficients"),
        ]

    def needs(self, context: PlanContext) -> dict[str, Any]:
        """What a plan says of it, as fields of a step plan.

        Errors: CT-3235 (too few rows beside a party's own), CT-3236 (a parameter that is not for engine fl).
        """
        params = self.params
        if params.solver != "newton" or params.hessian_rows is not None:
            unfit = "solver" if params.solver != "newton" else "hessian_rows"
            raise FL_UNFIT(f"'{unfit}': all rows take part in each iteration", step=context.step)
        enough_beside(context, self.shape, self.design.size)
        totals = self.totals
        most = max((self.shape.horizontal or {EACH: self.shape.rows}).values())
        return {
            **planned_sums(context, totals, at_most=True),
            "memory": 3 * 8 * most * self.design.size,
            "operations": self.iterations * most * self.design.size**2,
            "statement": TOLD,
        }

    def run(self, context: RunContext, frame: VerticalFrame, labels: Floats) -> Training:
        """At each party with data. Errors: those of :func:`train`."""
        sums, looked = context.sums(), 0

        def adding(what: str, values: Floats, form: Any) -> Floats:
            nonlocal looked
            looked += what == STEP
            context.progress(looked, self.iterations, "training", unit="iterations")
            return sums.total(what, values, form)

        names, rows = self.columns[EACH], rows_of(frame, labels, self.columns, self.params)
        least = context.planning.min_group
        return train(adding, rows, self.design, names, least, lambda: sums.counted)


def rows_of(
    frame: VerticalFrame, labels: Floats, columns: Mapping[str, tuple[str, ...]], params: GlmParams
) -> Rows:
    """A contributor's rows of a horizontal frame."""

    def apart(column: str | None) -> Floats | None:
        return None if column is None else frame.values([place_of(column)])[:, 0]

    features = own_columns(frame, [(EACH, name) for name in columns[EACH]])
    return Rows(features, labels, apart(params.weights), apart(params.offset))
