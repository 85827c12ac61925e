"""Training by rounds: beside pooled descent, beside plain NumPy of the papers' algorithms, under attack."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from coterie.errors import UNEXPECTED, CoterieError
from coterie.fl import LocalSums
from coterie.learn.neural.fl import FederatedParams, Found, Perceptron, Rows, Setting, Trained, run_rounds
from coterie.learn.neural.fl.drawing import drawn, grouped, round_seed
from coterie.learn.neural.fl.server import flat
from coterie.learn.neural.fl.trainer import Arrays, Floats, Local

NAMES = ("east", "north", "west", "south")
COUNTS = (64, 128, 256, 32)
"""Powers of two: shares of rows are whole multiples of the unit of weights."""
WIDTH = 5
FULL: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.3, "alpha": 0, "batch_rows": 1000}
PLAIN = {**FULL, "early_stopping": None}
LINE = Perceptron((WIDTH, 1), "relu")
"""A logistic regression: what the papers' algorithms do to it is a few lines."""
DEEP = Perceptron((WIDTH, 4, 1), "tanh")


def part(number: int, count: int) -> Rows:
    """Rows of a party, of other people than any other's."""
    random = np.random.default_rng(number)
    features = random.normal(size=(count, WIDTH)) + number / 3
    label = features @ np.arange(WIDTH) + random.normal(size=count) > number
    return Rows(features.astype(np.float32), label.astype(np.float32))


PARTS = {name: part(number, count) for number, (name, count) in enumerate(zip(NAMES, COUNTS, strict=True))}
NONE = Rows(np.zeros((0, WIDTH), np.float32), np.zeros(0, np.float32))


def setting(given: Mapping[str, Any], trainer: Any, parts: Mapping[str, Rows] = PARTS) -> Setting:
    params, rows = FederatedParams(**given), {name: len(one) for name, one in parts.items()}
    return Setting(params, trainer.layout, rows, hashlib.sha256(b"a run").digest(), 20, True)


def together(work: Callable[[str, LocalSums], Any], names: tuple[str, ...] = NAMES) -> dict[str, Any]:
    """What every party has found; the first failure is raised."""
    sums = LocalSums.group(*names)

    def guarded(name: str) -> Any:
        try:
            return work(name, sums[name])
        except Exception as error:
            sums[name].fail(error if isinstance(error, CoterieError) else UNEXPECTED(repr(error)))
            raise

    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(guarded, names), strict=True))


def trained(given: Mapping[str, Any], trainer: Any = LINE, **more: Any) -> Found:
    """All parties' training: their weights are equal to the last bit, personal layers aside."""
    told = setting(given, trainer)
    held = more.pop("held", {})

    def work(name: str, sums: LocalSums) -> Found:
        return run_rounds(told, sums, trainer, PARTS[name], held.get(name, NONE), **more)

    found = together(work)
    names = {one.name for one in told.common}
    common = [
        [array.tobytes() for one, array in zip(told.layout, each.weights, strict=True) if one.name in names]
        for each in found.values()
    ]
    assert all(one == common[0] for one in common)
    assert all(one.history == found["east"].history for one in found.values())
    return found["east"]


def begun(trainer: Perceptron) -> Arrays:
    return trainer.initial(setting(PLAIN, trainer).run)


def test_one_full_step_a_round_is_descent_on_the_pooled_rows() -> None:
    """Within what rounding of the sums explains."""
    found = trained({**PLAIN, "rounds": 12}, DEEP)
    parameters = [torch.from_numpy(one.copy()).double().requires_grad_() for one in begun(DEEP)]
    features = torch.from_numpy(np.concatenate([one.features for one in PARTS.values()])).double()
    label = torch.from_numpy(np.concatenate([one.label for one in PARTS.values()])).double()
    for _ in range(12):
        hidden = torch.tanh(features @ parameters[0].T + parameters[1])
        odds = (hidden @ parameters[2].T + parameters[3])[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(odds, label)
        with torch.no_grad():
            for one, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                one.sub_(0.3 * gradient)
    form = setting(PLAIN, DEEP).form
    assert (form.bits, form.frac) == (32, 24)
    for ours, theirs in zip(found.weights, parameters, strict=True):
        assert np.abs(ours - theirs.detach().numpy()).max() < 12 * form.error(4) + 1e-6
    assert found.history["training"][-1] == pytest.approx(float(loss.detach()), rel=1e-6)
    assert (found.rows, found.held_back, found.rounds) == (480, 0, 12)


def slope(weights: Floats, rows: Rows) -> Floats:
    """The gradient of a logistic regression: coefficients, then the intercept."""
    wide = np.column_stack([rows.features, np.ones(len(rows))]).astype(np.float64)
    return wide.T @ (1 / (1 + np.exp(-(wide @ weights))) - rows.label) / len(rows)


def at_home(start: Floats, rows: Rows, steps: int, rate: float, more: Callable[[Floats], Floats]) -> Floats:
    weights = start.copy()
    for _ in range(steps):
        weights = weights - rate * (slope(weights, rows) + more(weights))
    return weights


def test_fedprox_is_the_papers() -> None:
    given = {**PLAIN, "strategy": "fedprox", "mu": 0.7, "rounds": 6, "local_epochs": 3, "weighting": "equal"}
    weights = flat(begun(LINE))
    for _ in range(6):
        pull = partial(lambda start, at: 0.7 * (at - start), weights)
        weights = np.mean([at_home(weights, rows, 3, 0.3, pull) for rows in PARTS.values()], axis=0)
    assert flat(trained({**given, "rounds": 6}).weights) == pytest.approx(weights, abs=2e-6)


def test_fedadam_is_the_papers_with_a_rate_that_changes() -> None:
    shape = {"schedule": "step", "step_rounds": 2, "step_factor": 0.5, "warm_up": 1}
    given = {**PLAIN, "strategy": "fedadam", "server_rate": 0.1, "rounds": 6, **shape}
    weights, first, second = flat(begun(LINE)), np.zeros(6), np.zeros(6)
    shares = np.array(COUNTS) / sum(COUNTS)
    for rate in (0.15, 0.3, 0.3, 0.15, 0.15, 0.075):
        ends = [at_home(weights, rows, 1, rate, lambda at: 0 * at) for rows in PARTS.values()]
        change = np.einsum("p,pn->n", shares, np.array(ends) - weights)
        first, second = 0.9 * first + 0.1 * change, 0.99 * second + 0.01 * change**2
        weights = weights + 0.1 * first / (np.sqrt(second) + 1e-3)
    assert flat(trained(given).weights) == pytest.approx(weights, abs=2e-5)


class Watched(Perceptron):
    """Notes who trains, by the weights that a round begins with."""

    def __init__(self) -> None:
        super().__init__((WIDTH, 1), "relu")
        self.rounds: dict[bytes, set[int]] = {}

    def train(
        self, weights: Arrays, rows: Rows, local: Local, seed: bytes, correction: Arrays | None = None
    ) -> Trained:
        self.rounds.setdefault(flat(weights).tobytes(), set()).add(len(rows))
        return super().train(weights, rows, local, seed, correction)


@pytest.mark.parametrize("sampled", [None, 3])
def test_scaffold_is_the_papers_with_parties_drawn(sampled: int | None) -> None:
    given = {**PLAIN, "strategy": "scaffold", "rounds": 8, "local_epochs": 4, "weighting": "equal"}
    found = trained({**given, "sampled": sampled}, watched := Watched())
    assert all(len(one) == (sampled or 4) for one in watched.rounds.values())
    assert len(watched.rounds) == 8
    assert len({frozenset(one) for one in watched.rounds.values()}) > 1 or sampled is None
    weights, common = flat(begun(LINE)), np.zeros(6)
    own = dict.fromkeys(COUNTS, np.zeros(6))
    for taking in watched.rounds.values():
        before, start = common.copy(), weights.copy()
        for count in taking:
            rows = PARTS[NAMES[COUNTS.index(count)]]
            turn = before - own[count]
            end = at_home(start, rows, 4, 0.3, lambda _, turn=turn: turn)  # type: ignore[misc]
            new = own[count] - before + (start - end) / (4 * 0.3)
            weights = weights + (end - start) / len(taking)
            common = common + (new - own[count]) / 4
            own[count] = new
    assert flat(found.weights) == pytest.approx(weights, abs=2e-6)


def test_who_takes_part_follows_from_what_nobody_knew_before() -> None:
    names = tuple(f"p{number}" for number in range(20))
    seeds = [round_seed(b"run", number, np.array([1.0])) for number in range(300)]
    times = {name: sum(name in drawn(names, seed, 5) for seed in seeds) for name in names}
    assert sum(times.values()) == 1500
    assert all(45 <= count <= 105 for count in times.values())  # 75 are expected, with deviation 7.5
    assert drawn(names, seeds[0], None) == drawn(names, seeds[0], 20) == names
    assert round_seed(b"run", 0, np.array([1.0])) != round_seed(b"run", 0, np.nextafter(np.ones(1), 2))
    groups = grouped(names, seeds[0], 6)
    assert sorted(name for group in groups for name in group) == sorted(names)
    assert [len(group) for group in groups] == [4, 4, 3, 3, 3, 3]
    assert grouped(names, seeds[1], 6) != groups


def test_training_stops_by_the_held_back_rows_of_all_and_keeps_the_best() -> None:
    held = {name: part(number + 10, 40) for number, name in enumerate(NAMES)}
    given = {**FULL, "early_stopping": 3, "rounds": 60, "optimizer": "adam", "local_epochs": 4}
    found = trained(given, DEEP, held=held)
    losses = found.history["validation"]
    assert len(losses) == found.rounds + 3 < 60
    assert min(losses) == losses[found.rounds - 1]
    params = FederatedParams(**given)
    whole = Rows(
        *(np.concatenate([getattr(one, name) for one in held.values()]) for name in ("features", "label"))
    )
    assert DEEP.losses(found.weights, whole, params.local(0)) / 160 == pytest.approx(min(losses), rel=1e-6)


def test_last_layers_stay_at_home() -> None:
    told = setting({**PLAIN, "personal": 1, "rounds": 3}, DEEP)
    assert [one.name for one in told.common] == ["0.weight", "0.bias"]
    found = together(lambda name, sums: run_rounds(told, sums, DEEP, PARTS[name], NONE))
    heads = {one.weights[2].tobytes() for one in found.values()}
    assert len(heads) == 4
    assert len({one.weights[0].tobytes() for one in found.values()}) == 1


class Kept:
    """A file in memory. Implements Checkpoint."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.uses = 0

    def load(self) -> bytes | None:
        return self.data[-1] if self.data else None

    def save(self, data: bytes) -> None:
        self.data.append(data)

    def used(self) -> None:
        self.uses += 1

    def add(self, data: bytes) -> None:
        raise NotImplementedError

    def clear(self) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    "more",
    [{"strategy": "scaffold", "early_stopping": 4, "personal": 1}, {"strategy": "fedadam", "sampled": 3}],
)
def test_a_training_that_broke_off_goes_on_as_if_it_had_not(more: dict[str, Any]) -> None:
    """One party is a round behind when it ends, one's file is damaged in a second run."""
    told = setting({**PLAIN, "rounds": 6, **more}, DEEP)
    files = {name: Kept() for name in NAMES}
    held = {name: part(number + 10, 40) for number, name in enumerate(NAMES)}
    rounds = dict.fromkeys(NAMES, 0)

    def work(name: str, sums: LocalSums, until: int = 7) -> Found | None:
        def progress(done: int) -> None:
            rounds[name] += 1
            if done == until:
                raise KeyError("the power is gone")

        own = held[name] if more.get("early_stopping") else NONE
        try:
            return run_rounds(told, sums, DEEP, PARTS[name], own, checkpoint=files[name], progress=progress)
        except KeyError:
            return None

    whole = together(work)
    assert set(rounds.values()) == {6}
    for file in files.values():
        file.data.clear()
    assert set(together(partial(work, until=4)).values()) == {None}
    files["west"].data.pop()
    rounds.update(dict.fromkeys(NAMES, 0))
    again = together(work)
    assert set(rounds.values()) == {3}
    assert all(file.uses == 1 for file in files.values())
    for name in NAMES:
        assert flat(again[name].weights).tobytes() == flat(whole[name].weights).tobytes()
        assert again[name].history == whole[name].history
    files["east"].data.append(files["east"].data[-1][:-1] + b"!")
    rounds.update(dict.fromkeys(NAMES, 0))
    together(work)
    assert set(rounds.values()) == {6}


class Spoiled(Perceptron):
    """A training that gives something else than weights near those it was given."""

    def __init__(self, spoil: Callable[[Arrays], Arrays]) -> None:
        super().__init__((WIDTH, 1), "relu")
        self._spoil = spoil

    def train(
        self, weights: Arrays, rows: Rows, local: Local, seed: bytes, correction: Arrays | None = None
    ) -> Trained:
        found = super().train(weights, rows, local, seed, correction)
        return Trained(self._spoil(found.weights), found.loss, found.steps)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda arrays: [one * np.float32(np.nan) for one in arrays], "CT-3095"),
        (lambda arrays: [one + np.float32(np.inf) for one in arrays], "CT-3095"),
        (lambda arrays: [one + np.float32(1e30) for one in arrays], "CT-3240"),
        (lambda arrays: [one + np.float32(9) for one in arrays], "CT-3240"),
        (lambda arrays: arrays[:1], "CT-3241"),
        (lambda arrays: [one.astype(np.float64) for one in arrays], "CT-3241"),
        (lambda arrays: [one.T for one in arrays], "CT-3241"),
    ],
)
def test_what_is_no_change_of_weights_is_never_sent(spoil: Any, code: str) -> None:
    told, sent = setting({**PLAIN, "rounds": 2}, LINE), []

    def work(name: str, sums: LocalSums) -> Found:
        if name != "west":
            return run_rounds(told, sums, LINE, PARTS[name], NONE)
        with pytest.raises(CoterieError, match=code) as caught:
            run_rounds(told, Given(sums, sent.append), Spoiled(spoil), PARTS[name], NONE)
        assert code != "CT-3240" or caught.value.for_peers().detail == ""  # a module could choose it
        raise KeyError("refused at home")

    with pytest.raises((KeyError, CoterieError)):
        together(work)
    assert not sent


class Given:
    """Sums that say what is given to those of changes, and give something else where that is said."""

    def __init__(self, sums: LocalSums, change: Callable[[Floats], Floats | None]) -> None:
        self._sums, self._change = sums, change
        self.me, self.contributors = sums.me, sums.contributors

    @property
    def counted(self) -> tuple[str, ...]:
        return self._sums.counted

    def total(self, what: str, values: Floats, *form: Any, **among: Any) -> Floats:
        if what.startswith("changes"):
            changed = self._change(values)
            values = values if changed is None else changed
        return self._sums.total(what, values, *form, **among)


@pytest.mark.parametrize(
    "params",
    [
        {"task": "classes"},
        {"classes": 10},
        {"strategy": "scaffold"},
        {"momentum": 0.9},
        {"server_betas": [0.9, 1.0]},
        {"aggregate": "median"},
        {"groups": 3},
        {"groups": 3, "clip_norm": 1, "aggregate": "trimmed", "trim": 2},
        {"groups": 3, "clip_norm": 1, "strategy": "scaffold", "optimizer": "sgd"},
        {"schedule": "cosine", "warm_up": 30},
        {"sampled": 2},
    ],
)
def test_parameters_that_do_not_fit_together(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FederatedParams.model_validate(params)


def test_learning_rates_by_rounds() -> None:
    cosine = FederatedParams(rounds=12, warm_up=2, schedule="cosine", learning_rate=0.3)
    assert [cosine.rate(number) for number in (0, 1, 2, 7)] == pytest.approx([0.1, 0.2, 0.3, 0.15])
    assert 0 < cosine.rate(11) < 0.01


def test_formats_are_as_fine_as_they_can_be() -> None:
    """For few parties steps of 2^-24, and in 64 bits where 32 would be coarse."""

    def form(parties: int, clip: float | None) -> tuple[int, int]:
        rows = {f"p{number}": 30 for number in range(parties)}
        told = Setting(FederatedParams(clip_norm=clip), LINE.layout, rows, b"", 20, True)
        assert told.form.limit(parties) >= told.bound
        return told.form.bits, told.form.frac

    assert form(3, None) == (32, 24)
    assert form(20, 1.0) == (32, 22)
    assert form(500, None) == (32, 12)
    assert form(500, 100.0) == (64, 24)
