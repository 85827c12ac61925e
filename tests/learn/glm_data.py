"""Problems for generalised linear models: made, and real ones where the shared data is there."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

from coterie.learn.glm import GlmFit, GlmParams, train_in_clear
from coterie.mpc import RowBlocks

Floats = NDArray[np.float64]
OWNERS = ("lender", "payments", "telecom", "grocer", "insurer")
DATA = Path(__file__).parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Case:
    """Columns by owner, and what is to be explained by them."""

    parts: list[Floats]
    label: Floats
    family: str
    power: float = 1.5
    weights: Floats | None = None
    offset: Floats | None = None

    @property
    def whole(self) -> Floats:
        return np.hstack(self.parts)

    def params(self, **more: Any) -> GlmParams:
        given: dict[str, Any] = {"family": self.family, **more}
        if self.family == "tweedie":
            given["power"] = self.power
        return GlmParams(**given)


def standard(values: Floats, clip: float = 5.0) -> Floats:
    return np.asarray(((values - values.mean(0)) / values.std(0)).clip(-clip, clip))


def blocks(case: Case) -> dict[str, RowBlocks]:
    def rows(part: Floats) -> RowBlocks:
        return RowBlocks(part.shape, lambda start, stop: part[start:stop])

    return {owner: rows(part) for owner, part in zip(OWNERS, case.parts, strict=False)}


def fit(case: Case, params: GlmParams) -> GlmFit:
    return train_in_clear(blocks(case), case.label, params, weights=case.weights, offset=case.offset)


def made(family: str, rows: int = 1200, seed: int = 0, owners: int = 2, **more: Any) -> Case:
    """Correlated features of the owners, and a label that the family makes of them."""
    random = np.random.default_rng(seed)
    width = 4 * owners - 1
    common = random.normal(size=(rows, 1))
    features = standard(0.7 * common + random.normal(size=(rows, width)))
    weights = random.normal(size=width) * 0.25
    offset = random.uniform(-1, 1, rows) if more.get("offset") else None
    eta = features @ weights + (0.0 if family == "linear" else -0.4)
    eta = eta + (0.0 if offset is None else offset)
    power = more.get("power", 1.5)
    label = draw(family, eta, power, random)
    row_weights = random.gamma(2.0, size=rows) if more.get("weights") else None
    cuts = np.cumsum([4] * (owners - 1))
    return Case(np.split(features, cuts, axis=1), label, family, power, row_weights, offset)


def draw(family: str, eta: Floats, power: float, random: np.random.Generator) -> Floats:
    if family == "linear":
        return np.asarray(1000 + 30 * (eta + random.normal(size=eta.size)))
    if family == "logistic":
        return (eta + random.logistic(size=eta.size) > 0).astype(np.float64)
    mean = np.exp(eta) * 7
    if family == "poisson":
        return random.poisson(mean).astype(np.float64)
    if family == "gamma":
        return np.asarray(random.gamma(2.0, mean / 2.0))
    # Tweedie with a dispersion of 2: a Poisson number of gamma amounts.
    rate = mean ** (2 - power) / (2 * (2 - power))
    scale = 2 * (power - 1) * mean ** (power - 1)
    shape = (2 - power) / (power - 1)
    counts = random.poisson(rate)
    return np.where(counts > 0, random.gamma(np.maximum(shape * counts, 1e-9), scale), 0.0)


@lru_cache
def table(folder: str, file: str) -> Floats:
    """A real table, or the test is skipped."""
    path = DATA / folder / file
    if not path.exists():
        pytest.skip(f"no {path}: see README.md there for where it comes from")
    with gzip.open(path, "rt") as lines:
        return np.genfromtxt(lines, delimiter=",", skip_header=1, missing_values="NA")


def filled(values: Floats) -> Floats:
    return np.where(np.isnan(values), np.nanmedian(values, axis=0), values)


def words(folder: str, file: str, delimiter: str) -> list[list[str]]:
    """A real table with words in it, without its head."""
    path = DATA / folder / file
    if not path.exists():
        pytest.skip(f"no {path}: see README.md there for where it comes from")
    with gzip.open(path, "rt") as lines:
        return list(csv.reader(lines, delimiter=delimiter))[1:]


def coded(rows: list[list[str]], *places: int) -> Floats:
    """Columns of numbers as they are, columns of words as one of 0 and 1 for each word but the first."""
    found: list[Floats] = []
    for place in places:
        values = np.array([row[place] for row in rows])
        if all(value.lstrip("-").isdigit() for value in values[:50]):
            found.append(values.astype(np.float64))
            continue
        found += [(values == word).astype(np.float64) for word in np.unique(values)[1:]]
    return np.column_stack(found)


def sampled(case: Case, rows: int) -> Case:
    """So many of its rows, evenly spread."""
    chosen = np.linspace(0, len(case.label) - 1, rows).astype(np.int64)
    parts = [part[chosen] for part in case.parts]
    return Case(parts, case.label[chosen], case.family, case.power)


def bank() -> Case:
    """Bank marketing: who takes a deposit."""
    rows = words("bank_marketing", "bank-full.csv.gz", ";")
    label = np.array([row[16] == "yes" for row in rows]).astype(np.float64)
    own, telecom = coded(rows, 0, 2, 3, 4, 5, 6, 7), coded(rows, 8, 9, 12, 13, 14, 15)
    return Case([standard(own), standard(telecom)], label, "logistic")


def german() -> Case:
    """German credit: who does not pay back."""
    rows = words("german_credit", "germancredit_labelled.csv.gz", ",")
    label = np.array([row[20] == "bad" for row in rows]).astype(np.float64)
    return Case([standard(coded(rows, 0, 1, 2, 4)), standard(coded(rows, 5, 7, 10, 12))], label, "logistic")


def credit() -> Case:
    """Give Me Some Credit: serious delinquency."""
    values = table("give_me_some_credit", "cs-training.csv.gz")
    features = standard(filled(values[:, 2:]))
    return Case([features[:, [0, 5, 7, 1, 9]], features[:, [3, 4, 2, 6, 8]]], values[:, 1], "logistic")


def credit_of_three() -> Case:
    """The same at a lender, a payment platform of a telecom and a lender of small loans."""
    whole = credit()
    features = standard(filled(table("give_me_some_credit", "cs-training.csv.gz")[:, 2:]))
    return Case([features[:, own] for own in ([0, 5, 7, 3], [1, 4, 9], [2, 6, 8])], whole.label, "logistic")


def past_due() -> Case:
    """Give Me Some Credit: how often somebody was 90 days late, without the codes 96 and 98."""
    values = filled(table("give_me_some_credit", "cs-training.csv.gz")[:, 2:])
    values = values[values[:, 6] < 90]
    features = standard(values)
    return Case([features[:, [0, 5, 7, 1, 9]], features[:, [3, 4, 2, 8]]], values[:, 6], "poisson")


def default() -> Case:
    values = table("uci_default_credit", "UCI_Credit_Card.csv.gz")[:, 1:]
    features = standard(values[:, :-1])
    return Case([features[:, :11], features[:, 11:]], values[:, -1], "logistic")


def limits() -> Case:
    """UCI default: the credit limit, always positive."""
    values = table("uci_default_credit", "UCI_Credit_Card.csv.gz")[:, 1:]
    features = standard(values[:, :-1])
    return Case([features[:, 1:11], features[:, 11:]], values[:, 0], "gamma")


def payments() -> Case:
    """UCI default: the last payment, which is zero for many, and the others."""
    values = table("uci_default_credit", "UCI_Credit_Card.csv.gz")[:, 1:]
    features = standard(values[:, :-1])
    return Case(
        [features[:, :11], np.delete(features[:, 11:], 6, axis=1)], values[:, 17], "tweedie", power=1.5
    )


def motor() -> Case:
    """Motor temperatures: guest and host of the same rows."""
    guest = table("fate_examples", "motor_hetero_guest.csv.gz")
    host = table("fate_examples", "motor_hetero_host.csv.gz")
    return Case([standard(guest[:, 2:]), standard(host[:, 1:])], guest[:, 1], "linear")


REAL: Mapping[str, Callable[[], Case]] = {
    "credit": credit,
    "credit_of_three": credit_of_three,
    "bank": bank,
    "german": german,
    "past_due": past_due,
    "default": default,
    "limits": limits,
    "payments": payments,
    "motor": motor,
}
FAMILIES = ("linear", "logistic", "poisson", "gamma", "tweedie")


def statsmodels(case: Case, *, intercept: bool = True) -> Any:
    """statsmodels' fit of the same model; the intercept is the last coefficient."""
    log = sm.families.links.Log()
    family = {
        "linear": sm.families.Gaussian,
        "logistic": sm.families.Binomial,
        "poisson": sm.families.Poisson,
        "gamma": lambda: sm.families.Gamma(log),
        "tweedie": lambda: sm.families.Tweedie(log, var_power=case.power),
    }[case.family]()
    features = np.column_stack([case.whole, np.ones(len(case.label))]) if intercept else case.whole
    model = sm.GLM(case.label, features, family=family, var_weights=case.weights, offset=case.offset)
    return model.fit(maxiter=60, tol_criterion="params", tol=1e-9)


def flat(found: GlmFit, intercept: bool = True) -> Floats:
    return np.append(found.coefficients, found.intercept) if intercept else found.coefficients


def errors_of(told: Mapping[str, Any], key: str = "standard_error", intercept: bool = True) -> Floats:
    """A column of the statistics, in model order."""
    lines: Sequence[Mapping[str, float]] = [
        line for owner in told["coefficients"].values() for line in owner.values()
    ]
    if intercept:
        lines = [*lines, told["intercept"]]
    return np.array([line[key] for line in lines])
