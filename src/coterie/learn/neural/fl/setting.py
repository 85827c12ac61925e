"""What all parties know alike of a training by rounds, and the totals that they plan for it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from coterie.crypto import canonical
from coterie.fl import EXACT, Fixed
from coterie.learn.component import FrameShape, PlanContext, Total
from coterie.learn.neural.errors import TOO_FEW_PARTIES
from coterie.learn.neural.statement import CHANGES, GONE_ON, LOSSES, OF_GROUP, ROWS
from coterie.learn.pooled import FL_UNFIT, TOO_FEW_BESIDE, WHOLE, enough_beside

from .settings import FederatedParams
from .trainer import Layout

__all__ = ["Setting", "planned_rounds"]

FEWEST = 3
"""Parties of a total."""
UNCLIPPED = 4.0
"""Largest number of a change, where no ``clip_norm`` bounds it."""
FINE = 12
"""Fewest bits behind the point of numbers that are summed in 32 bits; else they are summed in 64."""
WEIGHT_BITS = 16
"""Of the largest party's weight, which is 1, as long as numbers have as many bits behind the point."""


@dataclass(frozen=True)
class Setting:
    """Public, and equal at all parties."""

    params: FederatedParams
    layout: Layout
    rows: Mapping[str, int]
    """Training rows of each party, those held back too, in the parties' order."""
    run: bytes
    """32 bytes, of all that is public of the training: first weights and all that is drawn depend on it, so
    that no two different trainings have totals whose difference is one party's change."""
    min_group: int
    looks: bool
    """Whether losses are summed after each round."""

    @classmethod
    def of(
        cls,
        context: PlanContext,
        params: FederatedParams,
        layout: Layout,
        shape: FrameShape,
    ) -> Setting:
        """:param shape: of the training rows."""
        assert shape.horizontal is not None
        looks = params.early_stopping is not None or bool(context.receiving("loss"))
        rows = {party: shape.horizontal[party] for party in context.parties}
        run = _run_of(context, params, layout, shape)
        return cls(params, layout, rows, run, max(1, context.min_group), looks)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all parties with data, in their order."""
        return tuple(self.rows)

    @property
    def taking(self) -> int:
        """How many parties take part in a round."""
        return min(self.params.sampled or len(self.rows), len(self.rows))

    @property
    def common(self) -> Layout:
        """The arrays that are trained together."""
        layers = {one.layer for one in self.layout}
        at_home = set(sorted(layers)[len(layers) - self.params.personal :])
        return tuple(one for one in self.layout if one.layer not in at_home)

    @property
    def size(self) -> int:
        """How many numbers those are."""
        return sum(one.size for one in self.common)

    @property
    def values(self) -> int:
        """Of a total of changes: the changes, SCAFFOLD's variates, and the weight."""
        return self.size * (2 if self.params.strategy == "scaffold" else 1) + 1

    @property
    def bound(self) -> float:
        """Of every number of a total, of one party."""
        return max(1.0, UNCLIPPED if self.params.clip_norm is None else self.params.clip_norm)

    @property
    def form(self) -> Fixed:
        """As fine as the range permits: in 32 bits, where these are fine enough."""
        for frac in range(24, FINE - 1, -1):
            form = Fixed(32, frac)
            if form.limit(len(self.rows)) >= self.bound:
                return form
        return Fixed(64, 24)

    def weight(self, party: str) -> float:
        """What a party's change counts, at most 1; a whole multiple of the form's unit, so that the sum of
        weights is exact."""
        if self.params.weighting == "equal":
            return 1.0
        unit = 2.0 ** -min(WEIGHT_BITS, self.form.frac)
        share = self.rows[party] / max(self.rows.values())
        return max(1, round(share / unit)) * unit if self.rows[party] else 0.0

    def sizes(self) -> Counter[int]:
        """How many groups of a round there are, by number of parties."""
        groups = self.params.groups or 1
        whole, more = divmod(self.taking, groups)
        return Counter({whole + 1: more, whole: groups - more}) if more else Counter({whole: groups})

    def what(self, size: int) -> str:
        """Name of the total of a group of so many; of all who take part, where there are no groups."""
        return CHANGES if self.params.groups is None else OF_GROUP.format(size=size)


def _run_of(context: PlanContext, params: FederatedParams, layout: Layout, shape: FrameShape) -> bytes:
    """Of everything that a training which goes on has in common with the one that broke off."""
    about = {
        "agreement": context.agreement,
        "step": context.step,
        "params": params.model_dump(mode="json"),
        "layout": [[one.name, list(one.shape), one.layer] for one in layout],
        "rows": [[party, (shape.horizontal or {}).get(party, 0)] for party in context.parties],
        "columns": {owner: list(names) for owner, names in shape.columns.items()},
        "label": shape.label,
        "earlier": [[one.step, one.component, one.params.model_dump(mode="json")] for one in context.earlier],
        # Where parties may drop out, the same round a second time without one of them would show that one's
        # change. So jobs with a minimum have nothing in common, and begin anew.
        "job": None if context.minimum is None else context.job,
    }
    return hashlib.sha256(b"coterie/neural/run/v2\0" + canonical(about)).digest()


def planned_rounds(context: PlanContext, setting: Setting, shape: FrameShape) -> list[Total]:
    """All totals of a training.

    Errors: CT-3235 (too few rows beside one party's, among the smallest that may take part together), CT-3236
    (no layer is left to train together), CT-3242 (too few parties).
    """
    params = setting.params
    if not setting.common:
        raise FL_UNFIT(f"'personal': {params.personal} layers are all there are", step=context.step)
    sizes = setting.sizes()
    if (params.sampled or 0) > len(setting.rows) or min(sizes) < FEWEST:
        wanted = f"{params.sampled or len(setting.rows)} of {len(setting.rows)} parties"
        raise TOO_FEW_PARTIES(f"{wanted}, in {params.groups or 1} groups", step=context.step)
    enough_beside(context, shape)
    others = sum(sorted(setting.rows.values())[: min(sizes) - 1])
    if others < setting.min_group:
        raise TOO_FEW_BESIDE(
            f"{others} rows of the smallest parties that may come together", step=context.step
        )
    totals = [Total(GONE_ON, 3 * (params.rounds + 1), WHOLE), Total(ROWS, 3, WHOLE)]
    for size, count in sorted(sizes.items()):
        parts = None if size == len(setting.rows) else size
        times = count * params.rounds
        totals.append(Total(setting.what(size), setting.values, setting.form, times, "model", parts=parts))
    if setting.looks:
        totals.append(Total(LOSSES, 5, EXACT, times=params.rounds, kind="loss"))
    return totals
