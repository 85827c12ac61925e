"""One party's own part of a training, taken out of its frame and checked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from coterie.learn.component import FrameShape, RunContext
from coterie.learn.glm.design import Design
from coterie.learn.glm.mpc import Own, Roles
from coterie.learn.glm.preparation import (
    Label,
    Offset,
    class_weights,
    prepare,
    prepare_label,
    prepare_offset,
    prepare_weights,
)
from coterie.learn.glm.statistics import LabelFacts, label_facts
from coterie.learn.linear import Floats, own_columns, place_of

__all__ = ["own_part"]


def own_part(
    context: RunContext,
    shape: FrameShape,
    columns: Mapping[str, tuple[str, ...]],
    numbers: Design,
    roles: Roles,
) -> Own:
    """What this party brings. Errors: CT-1501, CT-3016, CT-3027, CT-3028, CT-3051, CT-3061 to CT-3063."""
    frame = context.frames["train" if "train" in context.frames else "all"]
    names, params = columns.get(context.me, ()), numbers.params
    block = prepare(own_columns(frame, names), names, numbers) if names else None
    given = offset = label = facts = None
    if roles.weights == context.me and params.weights is not None:
        column = place_of(params.weights)[1]
        given = prepare_weights(frame.matrix([column])[:, 0], f"'{column}'")
    if roles.offset == context.me and params.offset is not None:
        column = place_of(params.offset)[1]
        offset = prepare_offset(frame.matrix([column])[:, 0], f"'{column}'", numbers)
    weights = None if given is None else given.values
    if context.me == shape.label_holder:
        values, what = frame.target(), f"'{shape.label}'"
        classes = class_weights(values, numbers)
        if classes is not None:
            weights = classes if weights is None else weights * classes
            weights = weights / weights.mean()
        label = prepare_label(values, what, numbers, weights, None if offset is None else offset.values)
        facts = _facts(label, values, numbers, roles, weights, offset) if params.statistics else None
    return Own(block, label, weights, given, offset, facts)


def _facts(
    label: Label, given: Floats, numbers: Design, roles: Roles, weights: Floats | None, offset: Offset | None
) -> LabelFacts:
    """Of the label holder: the null model as well, where it has weights and offsets or nobody has any."""
    known = None
    if all(holder in (None, roles.label) for holder in (roles.weights, roles.offset)):
        rows = len(given)
        known = (
            np.ones(rows) if weights is None else weights,
            np.zeros(rows) if offset is None else offset.values,
        )
    return label_facts(label, given, numbers, known, weighed=roles.weights is not None)
