"""``tell: rows``: one party learns which of its own rows are common, and the others learn nothing."""

from __future__ import annotations

import io
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyarrow import csv

from coterie import psi
from coterie.data import Dataset
from coterie.learn.component import PlanContext, Reveal, RunContext, Statement, StepPlan
from coterie.learn.errors import NOBODY_RECEIVES
from coterie.learn.keys import common_rows
from coterie.learn.overlap.params import OverlapParams

__all__ = ["plan_rows", "run_rows"]

FILE = "common_ids.csv"


def plan_rows(context: PlanContext, params: OverlapParams, plan: dict[str, Any], memory: int) -> StepPlan:
    """The plan, from what both ways to tell share. Errors: CT-3136 where the party may not be told."""
    to = _to(context, params)
    reveal = Reveal("which of its own rows are common", (to,), context.dataset_rows[to], "common_ids")
    plan |= {"reveals": (reveal,), "results": {"common_ids": (to,)}}
    rounds = dict.fromkeys(context.everybody, 0)
    if context.engine != "mpc":
        return StepPlan(**plan, memory=memory, rounds=rounds)
    method, why = _method(context)
    planned = psi.planned(_rows(context), method, to=to)
    return StepPlan(
        **plan,
        sent=planned.sent,
        rounds={**rounds, **planned.rounds},
        memory=memory + planned.memory,
        operations=planned.operations,
        statement=_statement(planned.statement, to),
        choices=(why,),
    )


def run_rows(context: RunContext, params: OverlapParams) -> None:
    """Find them, and give the party its list."""
    planning = context.planning
    to = _to(planning, params)
    if not context.computes:
        if context.engine == "mpc" and context.me == context.dealer:
            psi.deal(context.mesh, _rows(planning), _method(planning)[0], to=to)
        return
    hashes = {owner: context.datasets[owner].keyed_ids(context.id_key) for owner in context.mine}
    if context.engine != "mpc":
        found = dict(zip(hashes, common_rows(list(hashes.values())), strict=True)).get(to)
    else:
        aligned = psi.intersect(
            context.mesh,
            _rows(planning),
            hashes[context.me],
            _method(planning)[0],
            to=to,
            progress=partial(context.progress, unit="rows"),
        )
        found = None if aligned is None else aligned.indices
    if found is not None:
        context.give("common_ids", FILE, partial(_listed, context.datasets[to], found), to=(to,))


def _to(context: PlanContext, params: OverlapParams) -> str:
    to = params.to
    if to is None or to not in context.parties or to not in context.receiving("common_ids"):
        raise NOBODY_RECEIVES(f"'common_ids': '{to}' may not", step=context.step)
    return to


def _rows(context: PlanContext) -> dict[str, int]:
    return {party: context.dataset_rows[party] for party in context.parties}


def _method(context: PlanContext) -> tuple[psi.Method, str]:
    dealer = context.dealer if context.correlations == "stream" else None
    return psi.choose(_rows(context), dealer=dealer, line=context.network)


def _statement(protocol: psi.ProtocolStatement, to: str) -> Statement:
    leaks = (
        f"{to} learns which of its own rows the other party has too; each party learns how many rows the "
        "other has, and nothing else"
    )
    return Statement(**{**asdict(protocol), "leaks": leaks})


def _listed(dataset: Dataset, rows: NDArray[np.int64]) -> bytes:
    """The ids of those rows, in the order of the owner's own table."""
    text = io.BytesIO()
    csv.write_csv(dataset.id_table(np.sort(rows)), text)
    return text.getvalue()
