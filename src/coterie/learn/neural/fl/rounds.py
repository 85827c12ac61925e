"""Training by rounds at one party: train at home, sum changes, decide alike from the same totals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from coterie.fl import Sums
from coterie.learn.errors import EMPTY_PART, ONE_CLASS
from coterie.learn.neural.errors import (
    CHANGE_TOO_LARGE,
    CHANGE_TOO_LONG,
    DIVERGED,
    TRAINER_UNFIT,
    WEIGHTS_UNTRUE,
)
from coterie.learn.neural.statement import LOSSES, ROWS
from coterie.learn.pooled import TOO_FEW_BESIDE, WHOLE

from .drawing import drawn, grouped, round_seed
from .kept import Kept, Place, agreed
from .robust import clipped, put_together, too_long
from .server import Server, flat, unflat
from .setting import Setting
from .trainer import Arrays, Floats, Local, Rows, Trained, Trainer
from .way import Followed, Travelled

if TYPE_CHECKING:
    from coterie.psi import Checkpoint

__all__ = ["Found", "run_rounds"]

MOST = 2.0**40
"""Sums of losses from here on are no numbers to go on with."""


@dataclass(frozen=True)
class Found:
    """What a training leaves."""

    weights: Arrays
    """Of the best round, where rows were held back; else of the last. All but personal layers are equal at
    all parties to the last bit."""
    rounds: int
    """Until those weights."""
    history: dict[str, list[float]]
    """After each round the mean losses "training" and "validation", and how many changes were "shortened"."""
    rows: int
    """Of all parties, without those held back."""
    held_back: int
    way: Travelled | None = None
    """Where it was asked for."""


@dataclass(frozen=True)
class _Trained:
    """What a party has made of a round, before it is known whether it counted."""

    change: Floats
    control: Floats
    head: Arrays
    loss: float
    shortened: bool


def run_rounds(
    setting: Setting,
    sums: Sums,
    trainer: Trainer,
    rows: Rows,
    held: Rows,
    *,
    progress: Callable[[int], None] = lambda _: None,
    checkpoint: Checkpoint | None = None,
    follow: bool = False,
) -> Found:
    """Train; called at every party with data.

    :param rows: own ones to train on. :param held: own ones that are held back, perhaps none.
    :param progress: told how many rounds are done; what it raises ends the training.
    :param checkpoint: where it is kept how far the training is. :param follow: whether to keep the way of the
        weights, with own parts of it; not with ``checkpoint``, ``groups`` or ``personal`` layers.

    Errors: CT-3015 (nothing held back, or nothing left), CT-3016 (one label value), CT-3095 (a change or a
    loss is not finite), CT-3235, CT-3240, CT-3241: before anything of the round is sent. CT-3243, CT-3246
    at all.
    """
    training = _Training(setting, sums, trainer, rows, held)
    training.check_rows()
    kept = training.begin(checkpoint)
    if follow:
        training.followed = Followed(setting, kept.server)
    while kept.round < setting.params.rounds and not training.enough(kept):
        kept = training.round(kept)
        training.keep(kept)
        progress(kept.round)
    server, head = (kept.server, kept.head) if kept.best is None else kept.best
    until = kept.round if kept.best is None else kept.best_round
    return Found(
        weights=training.whole(server, head),
        rounds=until,
        history=kept.history,
        rows=training.total_rows,
        held_back=training.total_held,
        way=None if training.followed is None else training.followed.until(until, server),
    )


@dataclass
class _Training:
    setting: Setting
    sums: Sums
    trainer: Trainer
    rows: Rows
    held: Rows
    total_rows: int = 0
    total_held: int = 0
    followed: Followed | None = None
    _place: Place | None = field(default=None, repr=False)

    def check_rows(self) -> None:
        """Of all parties together: rows to train on and to hold back, and both labels."""
        params = self.setting.params
        binary = params.task == "binary"
        own = [len(self.rows), len(self.held), float(self.rows.label.sum()) if binary else 0.0]
        kept, held, label = self.sums.total(ROWS, np.array(own, np.float64), WHOLE).tolist()
        self.total_rows, self.total_held = round(kept), round(held)
        wanted = params.early_stopping is not None
        if kept == 0 or (held == 0 and wanted):
            raise EMPTY_PART("of the rows of all parties, for early stopping")
        if binary and label in (0, kept):
            raise ONE_CLASS("in the rows of all parties")
        beside = min(kept - len(self.rows), held - len(self.held) if wanted else kept)
        if beside < self.setting.min_group:
            raise TOO_FEW_BESIDE(
                f"{round(beside)} to train on or held back beside those of {self.sums.me}",
                next_step="Raise `validation`, leave out `early_stopping`, or bring more rows or parties.",
            )

    def begin(self, checkpoint: Checkpoint | None) -> Kept:
        """Before the first round, or after the last that all parties have kept."""
        setting = self.setting
        weights = self.trainer.initial(setting.run)
        self._check_arrays(weights)
        common, head = self._apart(weights)
        server = Server.begin(flat(common), setting.params)
        own = np.zeros(setting.size if server.control is not None else 0)
        first = Kept(0, server, head, own, {}, None, 0)
        self._place = Place(checkpoint, setting, self._purpose(), first)
        return agreed(self._place, self.sums, setting)

    def _purpose(self) -> bytes:
        """What a state is kept for: own rows, and all that the training depends on."""
        setting, found = self.setting, hashlib.sha256(b"coterie/neural/kept/v1\0")
        found.update(setting.run + repr((setting.params, setting.layout, dict(setting.rows))).encode())
        for rows in (self.rows, self.held):
            found.update(np.ascontiguousarray(rows.features).data)
            found.update(np.ascontiguousarray(rows.label).data)
        return found.digest()

    def keep(self, kept: Kept) -> None:
        if self._place is not None:
            self._place.keep(kept)

    def enough(self, kept: Kept) -> bool:
        """Whether the held back rows' loss has not fallen for too long."""
        patience = self.setting.params.early_stopping
        return patience is not None and kept.best is not None and kept.round - kept.best_round >= patience

    def round(self, kept: Kept) -> Kept:
        """One more."""
        setting, params, number = self.setting, self.setting.params, kept.round
        seed = round_seed(setting.run, number, kept.server.weights)
        taking = drawn(setting.names, seed, params.sampled)
        local = params.local(number)
        mine = None
        if self.sums.me in taking and len(self.rows):
            mine = self._trained(kept, local, seed)
        change, control, counted = self._totals(mine, taking, seed, number)
        server = kept.server.after(change, params, control)
        if not all(np.isfinite(one).all() for one in server.arrays):
            raise DIVERGED(f"round {number + 1}")
        head, own = kept.head, kept.control
        if mine is not None:
            head = mine.head
            if self.sums.me in counted:
                own = kept.control + mine.control
        after = Kept(number + 1, server, head, own, kept.history, kept.best, kept.best_round)
        if setting.looks:
            after = self._judged(after, mine, local)
        if self.followed is not None:
            share = None
            if mine is not None and self.sums.me in counted:
                weight = setting.weight(self.sums.me) / sum(setting.weight(name) for name in counted)
                share = mine.change * weight
            best = after.best is not None and after.best_round == after.round
            self.followed.after(after.round, server, share, best=best)
        return after

    def _trained(self, kept: Kept, local: Local, seed: bytes) -> _Trained:
        """Own change of this round, shortened, and what else is summed; checked."""
        setting, params = self.setting, self.setting.params
        before = unflat(kept.server.weights, setting.common)
        correction = None
        if kept.server.control is not None:
            apart = (kept.server.control - kept.control) / params.learning_rate
            zeros = [np.zeros_like(one) for one in kept.head]
            correction = self._joined(unflat(apart, setting.common), zeros)
        own = hashlib.sha256(seed + self.sums.me.encode()).digest()
        found = self.trainer.train(self._joined(before, kept.head), self.rows, local, own, correction)
        self._check(found, kept.round)
        common, head = self._apart(found.weights)
        change = flat(common) - flat(before)
        control = np.zeros(0)
        if kept.server.control is not None:
            slope = change * (params.learning_rate / (local.learning_rate * found.steps))
            control, _ = clipped(-kept.server.control - slope, params.clip_norm)
        change, shortened = clipped(change, params.clip_norm)
        return _Trained(change, control, head, found.loss, shortened)

    def _check(self, found: Trained, number: int) -> None:
        """Errors: CT-3095, CT-3241."""
        self._check_arrays(found.weights)
        if found.steps < 1:
            raise TRAINER_UNFIT("no step was taken")
        if not np.isfinite(found.loss) or not all(np.isfinite(one).all() for one in found.weights):
            raise DIVERGED(f"round {number + 1}")

    def _check_arrays(self, arrays: Arrays) -> None:
        layout = self.setting.layout
        if len(arrays) != len(layout):
            raise TRAINER_UNFIT(f"{len(arrays)} arrays, and the network has {len(layout)}")
        for one, wanted in zip(arrays, layout, strict=True):
            if one.dtype != np.float32 or one.shape != wanted.shape:
                raise TRAINER_UNFIT(f"'{wanted.name}' is {one.dtype} of shape {one.shape}")

    def _totals(
        self, mine: _Trained | None, taking: tuple[str, ...], seed: bytes, number: int
    ) -> tuple[Floats, Floats | None, set[str]]:
        """The mean change of all who take part, that of SCAFFOLD's variates over all parties, and whose
        values were counted."""
        setting, params, form = self.setting, self.setting.params, self.setting.form
        scaffold = params.strategy == "scaffold"
        values = np.zeros(setting.values)
        weight = setting.weight(self.sums.me)
        values[-1] = weight  # whose rows are all held back has no change, and counts: weights are public
        if mine is not None:
            given = np.concatenate([mine.change, mine.control]) * weight
            values[:-1] = given
            if np.abs(given).max(initial=0.0) > form.limit(len(setting.names)):
                raise CHANGE_TOO_LARGE(f"{np.abs(given).max():.3g} in round {number + 1}")
        groups = [taking] if params.groups is None else grouped(taking, seed, params.groups)
        means, weights, counted = [], [], set[str]()
        for group in groups:
            among = None if len(group) == len(setting.names) else group
            total = self.sums.total(setting.what(len(group)), values, form, among=among)
            counted.update(self.sums.counted)
            weight = sum(setting.weight(name) for name in self.sums.counted)
            if total[-1] != weight:
                if params.groups is None:
                    raise WEIGHTS_UNTRUE(f"{total[-1]:g} in place of {weight:g} in round {number + 1}")
                continue  # somebody of the group lies
            if weight == 0:
                continue  # nobody of the group has rows
            mean, error = total[:-1] / weight, form.error(len(group)) / weight
            # Of SCAFFOLD the variates' changes, too, which were shortened as well: they steer later rounds.
            parts = mean[: setting.size], mean[setting.size :]
            if any(too_long(one, params.clip_norm, error) for one in parts):
                continue
            means.append(mean)
            weights.append(weight)
        if not means or 2 * len(means) < len(groups) + 1:
            raise CHANGE_TOO_LONG(f"{len(groups) - len(means)} of {len(groups)} means in round {number + 1}")
        mean = put_together(means, weights, params)
        if not scaffold:
            return mean, None, counted
        share = weights[0] / sum(setting.weight(name) for name in setting.names)
        return mean[: setting.size], mean[setting.size :] * share, counted

    def _judged(self, kept: Kept, mine: _Trained | None, local: Local) -> Kept:
        """With the losses after the round, and whether it is the best so far."""
        weights = self.whole(kept.server, kept.head)
        own = np.zeros(5)
        if len(self.held):
            own[:2] = self.trainer.losses(weights, self.held, local), len(self.held)
        if mine is not None:
            own[2:] = mine.loss * len(self.rows), len(self.rows), float(mine.shortened)
        if not (np.abs(own) < MOST).all():
            raise DIVERGED(f"round {kept.round}")
        lost, rows, trained, taking, shortened = self.sums.total(LOSSES, own).tolist()
        told = {"training": trained / max(taking, 1.0)}
        if rows:
            told["validation"] = lost / rows
        if self.setting.params.clip_norm is not None:
            told["shortened"] = shortened
        history = {name: [*kept.history.get(name, ()), value] for name, value in told.items()}
        best, number = kept.best, kept.best_round
        if self.setting.params.early_stopping is not None:
            losses = history["validation"]
            if best is None or losses[-1] < losses[number - 1]:
                best, number = (kept.server, kept.head), kept.round
        return Kept(kept.round, kept.server, kept.head, kept.control, history, best, number)

    def whole(self, server: Server, head: Arrays) -> Arrays:
        """All arrays of the network."""
        return self._joined(unflat(server.weights, self.setting.common), head)

    def _joined(self, common: Arrays, head: Arrays) -> Arrays:
        """In the layout's order."""
        names = {one.name for one in self.setting.common}
        parts = iter(common), iter(head)
        return [next(parts[0] if one.name in names else parts[1]) for one in self.setting.layout]

    def _apart(self, arrays: Arrays) -> tuple[Arrays, Arrays]:
        """The arrays that are common, and those that stay at home."""
        names = {one.name for one in self.setting.common}
        pairs = list(zip(self.setting.layout, arrays, strict=True))
        common = [array for one, array in pairs if one.name in names]
        return common, [array for one, array in pairs if one.name not in names]
