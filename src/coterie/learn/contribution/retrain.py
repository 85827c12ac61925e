"""Contributions by other trainings: the same model by the sums of some of the parties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.fl import EXACT, Fixed, Sums
from coterie.learn.component import EACH, FrameShape, RunContext, Total
from coterie.learn.errors import ONE_CLASS
from coterie.learn.evaluate import histogram, tally_of
from coterie.learn.glm import GlmParams, Optimum, PooledTask, design, rows_of
from coterie.learn.linear import CONSTANT_FEATURE, ClearModel, Floats, ModelFacts
from coterie.learn.logistic import LogisticParams, pooled_task
from coterie.learn.measures import auc

from .coalitions import LEAST, Game, Group
from .linear import LinearWay, linear_counts
from .measure import loss_power, row_losses
from .params import ContributionParams
from .record import PartyContribution
from .statement import COUNTED, FIRSTS, LOSSES, PARTS, SLOPES, SPREADS, of_group

__all__ = ["Retrained", "Retraining", "contributions"]

COUNTS = Fixed(64, 0)
UNFIT = (ONE_CLASS.code, CONSTANT_FEATURE.code)
"""Of a group's rows, by sums that all know: each finds them at the same moment."""


def task_of(shape: FrameShape, facts: ModelFacts) -> PooledTask:
    """The training of a model on rows of that shape."""
    params = facts.params
    if isinstance(params, LogisticParams):
        return pooled_task(shape, params)
    assert isinstance(params, GlmParams)
    plain = params.model_copy(update={"statistics": False})
    return PooledTask(shape, facts.columns, design(shape.rows, {EACH: facts.width}, plain), plain.iterations)


@dataclass(frozen=True)
class Retraining:
    """What is public of it."""

    facts: ModelFacts
    shape: FrameShape
    """Of the training rows."""
    parties: tuple[str, ...]
    params: ContributionParams

    @property
    def game(self) -> Game:
        params = self.params
        return Game(len(self.parties), params.shapley, params.permutations, params.seed)

    def names(self, group: Group) -> tuple[str, ...]:
        """In the parties' order."""
        return tuple(self.parties[one] for one in group)

    def task(self, group: Group) -> PooledTask:
        """The training of a group."""
        rows = self.shape.horizontal or {}
        return task_of(self.shape.with_own_rows({name: rows[name] for name in self.names(group)}), self.facts)

    def totals(self) -> list[Total]:
        """Every sum, as often as it may be taken."""
        groups = self.game.groups()
        found = []
        for size in sorted({len(group) for group in groups}):
            times = sum(len(group) == size for group in groups)
            found += [
                replace(
                    one,
                    what=of_group(size, one.what),
                    times=one.times * times,
                    kind="contribution",
                    parts=size,
                )
                for one in self.task(next(group for group in groups if len(group) == size)).totals
            ]
        models = len(groups) + 2  # the model itself, and the one without features
        if self.params.measure == "auc":
            counted = Total(COUNTED, 2 * self.params.resolution, COUNTS, times=models, kind="contribution")
            return [*found, counted]
        found += [
            Total(LOSSES, 1, EXACT, times=models, kind="contribution"),
            Total(SPREADS, 2 * len(self.parties), EXACT, kind="contribution"),
        ]
        return [*found, *self._totals_of_firsts()]

    def _totals_of_firsts(self) -> list[Total]:
        parts, slopes = linear_counts(self.facts.size)
        what, times = of_group(LEAST, PARTS), len(self.game.firsts())
        if not times:
            return []
        return [
            Total(what, parts, EXACT, times=times, kind="contribution", parts=LEAST),
            Total(of_group(LEAST, SLOPES), slopes, EXACT, times=times, kind="contribution"),
            Total(FIRSTS, len(self.parties), EXACT, times=times, kind="contribution"),
        ]


@dataclass(frozen=True)
class _Among:
    """Sums of a group, under the names that were planned for it."""

    outer: Sums
    group: tuple[str, ...]

    @property
    def me(self) -> str:
        return self.outer.me

    @property
    def contributors(self) -> tuple[str, ...]:
        return self.outer.contributors

    @property
    def counted(self) -> tuple[str, ...]:
        return self.outer.counted

    def total(
        self, what: str, values: Floats, form: Fixed = EXACT, *, among: Sequence[str] | None = None
    ) -> Floats:
        """Of the group's values."""
        assert among is None
        return self.outer.total(of_group(len(self.group), what), values, form, among=self.group)


class Retrained:
    """At a party with data: models of groups, and what they are worth on the measured rows of all."""

    def __init__(self, context: RunContext, of: Retraining, model: str, whole: ClearModel) -> None:
        self._context, self._of, self._model = context, of, model
        self._frame = context.frames[of.params.frame]
        self._train = context.frames["train" if "train" in context.frames else "all"]
        self._labels = _labels(self._frame, of.facts)
        self.values: dict[Group, float] = {}
        """The higher, the better."""
        self._losses: dict[Group, Floats] = {}
        self._parts: dict[Group, Floats] = {}
        self.rows = context.planning.frames[of.params.frame].rows
        self.untrained = self.trained = self.cut_short = 0
        self._null: float = whole.end.null_intercept
        empty = ClearModel(of.facts, np.zeros(of.facts.width), self._null)
        self.measure((), empty)
        self.measure(of.game.whole, whole)

    def measure(self, group: Group, model: ClearModel) -> None:
        """Score own rows, and take the sum that values the model."""
        context, params, facts = self._context, self._of.params, self._of.facts
        inside = replace(context, models={self._model: model}, scores={})
        scores = facts.run_scores(inside, self._model, params.frame, context.parties)
        assert scores is not None  # of own rows
        if params.measure == "auc":
            own = histogram(self._labels.astype(np.int8), scores, params.resolution)
            counted = np.rint(context.sums().total(COUNTED, own, COUNTS)).astype(np.int64)
            if not counted.sum(axis=1).all():
                raise ONE_CLASS("in the measured rows", step=context.step)
            self.values[group] = auc(tally_of(counted))
            return
        losses = row_losses(self._labels, scores, loss_power(facts.params), context.step)
        total = float(context.sums().total(LOSSES, np.array([losses.sum()]))[0])
        self._losses[group], self.values[group] = losses, -total / self.rows

    def value(self, group: Group) -> float:
        """Of a group, trained where it has not been. Errors: those of the training."""
        if group not in self.values:
            done = self.trained + self.untrained
            self._context.progress(done, len(self._of.game.groups()), "training", unit="models")
            try:
                model = self._fit(group)
            except CoterieError as error:
                if error.code not in UNFIT:
                    raise
                self.untrained += 1
                self.values[group] = self.values[()]
                self._parts[group] = np.zeros(self._of.game.parties)
                if () in self._losses:
                    self._losses[group] = self._losses[()]
            else:
                self.trained += 1
                self.measure(group, model)
                if len(group) == LEAST and self._of.params.shapley:
                    self._parted(group, model.end)
        return self.values[group]

    def _own_rows(self, names: tuple[str, ...]) -> VerticalFrame:
        """Of training: none where this party is not in the group."""
        return self._train if self._context.me in names else self._train.take(np.zeros(0, np.int64))

    def _fit(self, group: Group) -> ClearModel:
        context, of, task = self._context, self._of, self._of.task(group)
        names = of.names(group)
        frame = self._own_rows(names)
        inside = replace(context, adder=_Among(context.sums(), names), progress=_quiet)
        found = task.run(inside, frame, _labels(frame, of.facts))
        return ClearModel(of.facts, found.coefficients, found.intercept, found.end)

    def _parted(self, group: Group, end: Optimum) -> None:
        """What each of the first three did for their model."""
        context, names = self._context, self._of.names(group)
        params, columns, step = end.design.params, self._of.facts.columns, context.step
        own = self._own_rows(names)
        trained = rows_of(own, _labels(own, self._of.facts), columns, params)
        measured = rows_of(self._frame, self._labels, columns, params)
        way = LinearWay(end, trained, measured, step, self._null)
        parts = _Among(context.sums(), names).total(PARTS, way.parts())
        slopes = context.sums().total(of_group(LEAST, SLOPES), way.slopes())
        found = way.found(parts, slopes, self.rows)
        told = np.zeros(self._of.game.parties)
        told[context.parties.index(context.me)] = found.contribution if context.me in names else 0.0
        self._parts[group] = context.sums().total(FIRSTS, told)

    def left_out(self) -> Floats:
        """(parties,) what the whole loses without each."""
        game = self._of.game
        whole = self.values[game.whole]
        return np.array([whole - self.value(game.without(one)) for one in range(game.parties)])

    def shapley(self) -> tuple[Floats, Floats | None]:
        """(parties,) values; and the standard errors of drawing."""
        game = self._of.game
        for group in game.groups() if game.exact else ():
            self.value(group)
        if not game.exact:
            added = np.array([self._one_order(order.tolist()) for order in game.orders()])
            return added.mean(axis=0), added.std(axis=0, ddof=1) / sqrt(len(added))
        found = sum((self._parts[group] for group in game.firsts()), np.zeros(game.parties))
        found /= len(game.firsts())
        for party in range(game.parties):
            for group, chance in game.added(party):
                more = tuple(sorted((*group, party)))
                found[party] += chance * (self.values[more] - self.values[group])
        return found, None

    def _one_order(self, order: list[int]) -> Floats:
        """(parties,) what each adds."""
        game, tolerance = self._of.game, self._of.params.tolerance
        whole, group = self.values[game.whole], tuple(sorted(order[:LEAST]))
        here = self.value(group)
        added = self._parts[group].copy()
        for party in order[LEAST:]:
            if tolerance and abs(here - whole) <= tolerance:
                self.cut_short += 1
                break
            group = tuple(sorted((*group, party)))
            before, here = here, self.value(group)
            added[party] = here - before
        return added

    def left_out_errors(self) -> list[float | None]:
        """Standard errors of :meth:`left_out`, due to the rows that were measured; None of an AUC."""
        game = self._of.game
        if not self._losses:
            return [None] * game.parties
        rows = [self._losses[game.without(one)] - self._losses[game.whole] for one in range(game.parties)]
        own = np.array([[one.sum(), (one**2).sum()] for one in rows])
        means, squares = (self._context.sums().total(SPREADS, own) / self.rows).T
        variance = np.maximum(squares - means**2, 0) / max(1, self.rows - 1)
        return [float(one) for one in np.sqrt(variance)]


def contributions(
    of: Retrained, parties: tuple[str, ...], rows: Mapping[str, int], *, shapley: bool
) -> list[PartyContribution]:
    """Of all parties. :param rows: of training, by party."""
    left_out, errors = of.left_out(), of.left_out_errors()
    shares, drawn = of.shapley() if shapley else (None, None)
    return [
        PartyContribution(
            party=name,
            rows=rows[name],
            contribution=None if shares is None else float(shares[place]),
            drawn_error=None if drawn is None else float(drawn[place]),
            left_out=float(left_out[place]),
            left_out_error=errors[place],
        )
        for place, name in enumerate(parties)
    ]


def _labels(frame: VerticalFrame, facts: ModelFacts) -> Floats:
    return frame.labels().astype(np.float64) if facts.params.classifies else frame.target()


def _quiet(done: int, total: int, what: str, *, unit: str | None = None) -> None:
    """Within a training nothing is said of it: there are many."""
