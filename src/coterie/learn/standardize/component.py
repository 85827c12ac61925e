"""``standardize``: all features on one scale, within known bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.learn.chosen import shape_of
from coterie.learn.component import EACH, Engine, FrameShape, PlanContext, RunContext, Statement, Total
from coterie.learn.errors import PRIVACY_UNFIT
from coterie.learn.places import check_numbers
from coterie.learn.transform import Transform, training_of

from .clear import Standardizer, fit
from .fl import pooled_fit, pooled_totals
from .params import StandardizeParams
from .private import private_fit, private_totals
from .statement import STATEMENT

__all__ = ["Standardize"]


class Standardize(Transform[StandardizeParams, Standardizer]):
    """Scales every feature to mean 0 and deviation 1 of the training rows, each at its owner.

    The scales are learnt from "train", or from "all" where the rows are not split, and used in every frame.
    Values lie within ``clip`` afterwards, which later steps may rely on. In engine fl the scales are those of
    all parties' rows, learnt from sums.

    Errors: CT-3001 without aligned rows, CT-3025 for a feature that does not vary, CT-3027 for missing
    values, CT-3028, CT-1433 for text; in engine fl CT-3235; with ``privacy`` CT-2430, CT-2431, CT-2433,
    CT-3265, CT-3266.
    """

    name: ClassVar[str] = "standardize"
    summary: ClassVar[str] = "Scale every feature to mean 0 and deviation 1, each at its owner, and clip it."
    Parameters: ClassVar = StandardizeParams
    State: ClassVar = Standardizer
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    statement: ClassVar[Statement] = STATEMENT

    def check(self, context: PlanContext, params: StandardizeParams) -> None:
        if params.privacy is not None and context.engine != "fl":
            raise PRIVACY_UNFIT("'privacy' is for engine fl", step=context.step)
        check_numbers(context, sorted(shape_of(context, "all").places - frozenset(params.keep)))

    def learn(
        self,
        training: VerticalFrame,
        params: StandardizeParams,
        context: RunContext,
    ) -> Standardizer:
        own = _scaled_columns(training, params)
        if context.engine == "fl":
            pooled = pooled_fit if params.privacy is None else private_fit
            return pooled(context, training_of(context.planning.frames), training, own, params)
        return fit(((name, training.matrix((name,))[:, 0]) for name in own), params)

    def totals(self, context: PlanContext, params: StandardizeParams) -> Sequence[Total]:
        shape: FrameShape = training_of(context.frames)
        names = [name for name in shape.columns[EACH] if f"{EACH}.{name}" not in params.keep]
        if params.privacy is not None:
            return private_totals(context, names, params)
        return pooled_totals(context, shape, len(names), params)

    def transform(
        self, frame: VerticalFrame, params: StandardizeParams, state: Standardizer
    ) -> VerticalFrame:
        strict = params.privacy is None  # with it, an error would tell all parties that there is such a row
        return frame.with_columns(_scaled(state, frame, _scaled_columns(frame, params), strict=strict))

    def again(self, frame: VerticalFrame, params: StandardizeParams, state: bytes) -> VerticalFrame:
        known = Standardizer.model_validate_json(state)
        return frame.with_columns(_scaled(known, frame, _scaled_columns(frame, params), strict=True))

    def shape(self, shape: FrameShape, params: StandardizeParams) -> FrameShape:
        return replace(shape, bound=params.clip)


def _scaled_columns(frame: VerticalFrame, params: StandardizeParams) -> list[str]:
    owner = frame.owner
    return [name for name in frame.columns[owner] if f"{owner}.{name}" not in params.keep]


def _scaled(
    scales: Standardizer, frame: VerticalFrame, own: Sequence[str], *, strict: bool
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The columns on their scales, one after another. Where it is not ``strict``, what is missing or not
    finite is NaN."""
    for name in own:
        yield name, scales.apply(name, frame.matrix((name,))[:, 0], strict=strict)
