"""What participants of a step on a horizontal frame have: public facts, rows, and the context of a run."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.learn import EACH, FrameShape, PlanContext, RunContext, StepPlan
from coterie.wire import Mesh

PARTIES = ("east", "north", "west")
LABEL = "label"


def planning(
    step: str,
    rows: int | Mapping[str, int],
    width: int,
    receivers: Mapping[str, tuple[str, ...]],
    coordinator: str,
) -> PlanContext:
    """The public facts, equal at every participant.

    :param rows: of each party.
    :param width: how many features there are.
    """
    columns = {EACH: tuple(f"x{index}" for index in range(width))}
    each = dict.fromkeys(PARTIES, rows) if isinstance(rows, int) else dict(rows)
    return PlanContext(
        engine="fl",
        step=step,
        parties=PARTIES,
        dealer=None,
        receivers=receivers,
        dataset_rows=each,
        all_rows=each,
        columns=columns,
        label_holder=EACH,
        label=LABEL,
        frames={"all": FrameShape(sum(each.values()), columns, EACH, LABEL, horizontal=each)},
        models={},
        job="ab" * 16,
        agreement="sha256:" + "cd" * 32,
        horizontal=True,
        coordinator=coordinator,
    )


def frame(facts: PlanContext, features: NDArray[np.float64], labels: NDArray[Any]) -> VerticalFrame:
    """A party's own rows, stacked already. NaN is a missing value."""
    values = dict(zip(facts.columns[EACH], np.ascontiguousarray(features.T), strict=True))
    columns = {name: pa.array(column, from_pandas=True) for name, column in values.items()}
    return VerticalFrame(
        rows=len(labels),
        columns=facts.columns,
        label_holder=EACH,
        label=LABEL,
        parts={EACH: pa.table(columns | {LABEL: labels.astype(np.int64)})},
        keys=np.zeros((len(labels), 32), np.uint8),
    )


def running(
    links: Mesh,
    name: str,
    facts: PlanContext,
    plan: StepPlan,
    frames: MutableMapping[str, VerticalFrame],
    **others: Any,
) -> RunContext:
    """The context of the step at one participant.

    :param others: fields of the context that are not as here.
    """
    given: dict[str, Any] = {
        "models": {},
        "progress": lambda *_, **__: None,
        "publish": lambda *_: None,
    }
    return RunContext(
        engine="fl",
        step=facts.step,
        me=name,
        parties=facts.parties,
        dealer=None,
        receivers=facts.receivers,
        mesh=links,
        plan=plan,
        planning=facts,
        id_key=bytes(32),
        datasets={},
        frames=frames,
        **(given | others),
    )
