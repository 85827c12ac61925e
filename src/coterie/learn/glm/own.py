"""What is here of a training: one party's part, or all owners', taken out of the frame and checked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.component import FrameShape, RunContext
from coterie.learn.glm.design import Design
from coterie.learn.glm.mpc import Own, Roles
from coterie.learn.glm.preparation import (
    Block,
    Offset,
    class_weights,
    prepare,
    prepare_label,
    prepare_offset,
    prepare_weights,
)
from coterie.learn.glm.statistics import label_facts
from coterie.learn.linear import Floats, own_columns, place_of

__all__ = ["own_blocks", "own_part"]


def own_blocks(context: RunContext, columns: Mapping[str, tuple[str, ...]], numbers: Design) -> list[Block]:
    """The features of each owner who has some and whose columns are here, in model order.

    Errors: CT-3027, CT-3028, CT-3051, with their owner.
    """
    frame, blocks = _frame(context), []
    for owner in context.mine:
        names = columns.get(owner, ())
        try:
            if names:
                places = [(owner, name) for name in names]
                blocks.append(prepare(own_columns(frame, places), names, numbers))
        except CoterieError as error:
            raise error.at(party=owner) from None
    return blocks


def own_part(
    context: RunContext, shape: FrameShape, block: Block | None, numbers: Design, roles: Roles
) -> Own:
    """What is here beside the features, which are ``block``: label, weights and offset.

    Errors: CT-1501, CT-3016, CT-3027, CT-3028, CT-3061 to CT-3063.
    """
    frame, params = _frame(context), numbers.params
    given = offset = label = facts = None
    if roles.weights in context.mine and params.weights is not None:
        place = place_of(params.weights)
        given = prepare_weights(frame.values([place])[:, 0], f"'{place[1]}'")
    if roles.offset in context.mine and params.offset is not None:
        place = place_of(params.offset)
        offset = prepare_offset(frame.values([place])[:, 0], f"'{place[1]}'", numbers)
    weights = None if given is None else given.values
    if shape.label_holder in context.mine:
        values, what = frame.target(), f"'{shape.label}'"
        classes = class_weights(values, numbers)
        if classes is not None:
            weights = classes if weights is None else weights * classes
            weights = weights / weights.mean()
        label = prepare_label(values, what, numbers, weights, None if offset is None else offset.values)
        if params.statistics:
            held = all(holder is None or holder in context.mine for holder in (roles.weights, roles.offset))
            known = _known(len(values), weights, offset) if held else None
            facts = label_facts(label, values, numbers, known, weighed=roles.weights is not None)
    return Own(block, label, weights, given, offset, facts)


def _frame(context: RunContext) -> VerticalFrame:
    return context.frames["train" if "train" in context.frames else "all"]


def _known(rows: int, weights: Floats | None, offset: Offset | None) -> tuple[Floats, Floats]:
    """Weights and offsets of all rows, for the null model."""
    return (
        np.ones(rows) if weights is None else weights,
        np.zeros(rows) if offset is None else offset.values,
    )
