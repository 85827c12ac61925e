"""One step of a job at one participant, outside of a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.participants import DEALER
from coterie.data import VerticalFrame
from coterie.learn import PlanContext, RunContext, StepPlan
from coterie.wire import LinkMesh

__all__ = ["context_of"]


def context_of(
    plan: StepPlan,
    facts: PlanContext,
    me: str,
    links: LinkMesh,
    frames: Mapping[str, VerticalFrame],
    heard: Callable[[str], object] = lambda _: None,
    **more: Any,
) -> tuple[RunContext, dict[str, bytes]]:
    """What a component runs in, and where its results come, by kind.

    :param facts: as they were before the step was planned.
    :param heard: called with what the step says of its progress.
    :param more: further fields of the context.
    """
    published: dict[str, bytes] = {}
    context = RunContext(
        engine="mpc",
        step=plan.step,
        me=me,
        parties=facts.parties,
        dealer=DEALER,
        receivers=facts.receivers,
        mesh=links,
        plan=plan,
        planning=facts,
        id_key=bytes(32),
        datasets={},
        frames=dict(frames),
        models={},
        progress=lambda _done, _total, what, **_: heard(what) and None,
        publish=lambda kind, _, content, __: published.__setitem__(kind, content),
        **more,
    )
    return context, published
