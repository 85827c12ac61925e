"""``align``: the rows that all parties have, in one order; or these, and the others of one party."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pyarrow import csv

from coterie import psi
from coterie.data import Dataset, table_needs
from coterie.learn.component import (
    Component,
    Engine,
    FrameShape,
    PlanContext,
    Reveal,
    RunContext,
    StepPlan,
)
from coterie.learn.errors import TOO_FEW_COMMON, TOO_MANY_PARTIES
from coterie.learn.keys import common_rows
from coterie.learn.places import declared_texts

from .frames import frame_of, left_of
from .method import method_of, rows_by_party
from .params import AlignParams
from .repeats import counts_plan, most_rows
from .statement import statement
from .to_none import check_hidden, plan_hidden, run_hidden

__all__ = ["Align"]

FEWEST = 2
"""With one common row, every sum over the rows is that row."""
_BYTES_PER_ROW = 80
"""Hashes of the own ids, and of the frame's rows their keys and places."""


class Align(Component[AlignParams]):
    """Finds the common rows of the parties' datasets by keyed id hashes and makes the frame "all" of them.

    In engine ``mpc`` two to five parties intersect their ids (:mod:`coterie.psi`). In engines ``clear`` and
    ``tee`` all hashes are in one place, those of any number of owners, and the common rows come in their
    order.

    Where a dataset has several rows for one id, the frame has every combination of the parties' rows of each
    common id; how many rows it has of each, such a party tells the others.

    With ``join: left`` the other rows of one party follow the common ones. The other parties' columns are
    null there, all of them, whichever party lacks the row; and these parties learn of such rows how many
    there are, which they know from the plan.

    With ``membership: hidden`` nobody learns in engine ``mpc`` which rows are common: the frame has the label
    holder's rows among empty ones, with shares of membership and of the other party's columns.

    Errors: CT-3010 for more than five parties in engine ``mpc``, CT-3011 for fewer than two common rows,
    CT-2024, CT-3220, CT-3222 to CT-3224, CT-3229; of hidden rows CT-3012, CT-3210, CT-3213 to CT-3215.
    """

    name: ClassVar[str] = "align"
    summary: ClassVar[str] = "Find the rows that the parties have in common, without showing the others."
    Parameters: ClassVar = AlignParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})
    ends_stage: ClassVar[bool] = True
    reads_datasets: ClassVar[bool] = True
    needs_label: ClassVar[bool] = False
    resumes: ClassVar[bool] = True
    takes_hidden: ClassVar[bool] = True

    def plan(self, context: PlanContext, params: AlignParams) -> StepPlan:
        parties = context.parties
        if params.membership == "hidden":
            check_hidden(context)
            if context.engine == "mpc":
                given = params.model_dump(mode="json")
                return StepPlan(context.step, self.name, given, **plan_hidden(context))
        if context.engine == "mpc" and len(parties) > psi.MOST_PARTIES:
            raise TOO_MANY_PARTIES(f"{len(parties)} parties: {', '.join(parties)}", step=context.step)
        common, left = min(context.dataset_rows[party] for party in parties), left_of(context, params)
        rows = most_rows(context, params, left)
        shape = FrameShape(
            rows, dict(context.columns), context.label_holder, context.label, texts=declared_texts(context)
        )
        if left is not None or context.repeated_ids:
            shape = replace(shape, common=min(common, rows))
        context.frames["all"] = shape
        told, everybody = context.receiving("common_ids"), context.everybody
        # The dataset's own table, and the common rows of it.
        most = max(rows, *context.dataset_rows.values(), *context.all_rows.values())
        memory, disk = table_needs(most, 2 * (context.widest + 1))
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            rounds=dict.fromkeys(everybody, 0),
            reveals=_reveals(context, told, common),
            results={"common_ids": told} if told else {},
            memory=_BYTES_PER_ROW * most + memory,
            disk=disk,
        )
        return _between(plan, context, params, left) if context.engine == "mpc" else plan

    def run(self, context: RunContext, params: AlignParams) -> None:
        if params.membership == "hidden" and context.engine == "mpc":
            run_hidden(context)
            return
        if not context.computes:
            _deal(context, params)
            return
        hashes = {owner: context.datasets[owner].keyed_ids(context.id_key) for owner in context.mine}
        rows = self._common(context, params, hashes)
        count = len(rows[context.mine[0]])
        if count < FEWEST:
            raise TOO_FEW_COMMON(f"{count} common", party=context.me, step=context.step)
        context.frames["all"] = frame_of(context, params, hashes, rows)
        for owner, common in rows.items():
            listed = partial(_listed, context.datasets[owner], common)
            context.give("common_ids", "common_ids.csv", listed, to=(owner,))

    def _common(
        self, context: RunContext, params: AlignParams, hashes: Mapping[str, NDArray[np.uint8]]
    ) -> dict[str, NDArray[np.int64]]:
        """Row numbers of the common rows by owner, of those who are here, in the common order."""
        peers = [party for party in context.parties if party not in hashes]
        if not peers:
            return dict(zip(hashes, common_rows(list(hashes.values())), strict=True))
        found = psi.intersect(
            context.mesh,
            rows_by_party(context.planning),
            hashes[context.me],
            method_of(context.planning, params)[0],
            progress=partial(context.progress, unit="rows"),
            checkpoint=context.checkpoint,
        )
        assert found is not None, "all of them learn the result"
        return {context.me: found.indices}

    def facts(self, context: RunContext) -> dict[str, int]:
        frame = context.frames["all"]
        told = {"rows.all": frame.rows}
        # Of hidden rows how many there are is public: nobody knows how many of them are common.
        every = frame.common is None and not frame.repeats
        return told if every else {**told, "rows.common": frame.common_rows}

    def apply_facts(self, context: PlanContext, facts: Mapping[str, int]) -> None:
        shape = context.frames["all"].with_rows(facts["rows.all"])
        if shape.common is not None:
            shape = replace(shape, common=facts["rows.common"])
        context.frames["all"] = shape


def _listed(dataset: Dataset, rows: NDArray[np.int64]) -> bytes:
    """The ids of those rows, in the order of the owner's own table."""
    text = io.BytesIO()
    csv.write_csv(dataset.id_table(np.sort(rows)), text)
    return text.getvalue()


def _reveals(context: PlanContext, told: tuple[str, ...], rows: int) -> tuple[Reveal, ...]:
    reveals = []
    if context.engine == "mpc":
        reveals.append(Reveal("which of its own rows are common", context.parties, rows))
    if context.everybody and context.repeated_ids:
        reveals.append(Reveal("number of common ids, and of the rows that they make", context.everybody, 2))
    elif context.everybody:
        reveals.append(Reveal("number of common rows", context.everybody, 1))
    if told:
        reveals.append(Reveal("list of the common ids, as the id rule writes them", told, rows, "common_ids"))
    return tuple(reveals)


def _between(plan: StepPlan, context: PlanContext, params: AlignParams, left: str | None) -> StepPlan:
    """The plan with the messages of the intersection between the parties."""
    method, why = method_of(context, params)
    planned = psi.planned(rows_by_party(context), method)
    told, reveals = counts_plan(context, planned.sent, {**plan.rounds, **planned.rounds})
    return replace(
        plan,
        **told,
        reveals=(*plan.reveals, *reveals),
        memory=plan.memory + planned.memory,
        operations=planned.operations,
        statement=statement(planned.statement, left),
        choices=(why,),
    )


def _deal(context: RunContext, params: AlignParams) -> None:
    """At the dealer: what the method has dealt while it runs."""
    if context.engine == "mpc" and context.me == context.dealer:
        method, _ = method_of(context.planning, params)
        if psi.deal(context.mesh, rows_by_party(context.planning), method):
            context.goes_on()
