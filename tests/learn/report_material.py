"""Documents for reports: as the components write them, of made-up rows."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from coterie.learn.component import Finding, Measured, Reveal, StepPlan
from coterie.learn.evaluate.clear import measure
from coterie.learn.evaluate.curves import curves
from coterie.learn.evaluate.record import CurvesDocument, Evaluation
from coterie.learn.measures import gain
from coterie.learn.report.facts import DATA_PARTY, DEALER, ENGINES, LABEL_HOLDER, PageFacts, Party

LENDER, PAYMENTS = "lender", "payments"
HOSTILE = "\"><script>alert('1')</script>&{x}"
"""A name that breaks out of markup where it is not escaped."""


def facts(**changes: Any) -> PageFacts:
    """Of a job between two parties with a dealer, read by the lender."""
    given: dict[str, Any] = {
        "reader": LENDER,
        "title": "joint credit score",
        "job": "ab" * 16,
        "agreement": f"credit-2026 (sha256:{'3f' * 32})",
        "engine": ENGINES["mpc"],
        "label": "SeriousDlqin2yrs",
        "label_holder": LENDER,
        "made": "2026-11-22 20:00 UTC",
        "parties": (
            Party(LENDER, LABEL_HOLDER, 5),
            Party(PAYMENTS, DATA_PARTY, 5),
            Party("hub", DEALER, None),
        ),
        "plans": plans(),
        "measured": {
            "align": Measured({PAYMENTS: 6_000_123}, 4, 3.21),
            "logistic": Measured({PAYMENTS: 91_234_567}, 812, 18.4),
            "evaluate": Measured({PAYMENTS: 48_123}, 3, 0.7),
        },
        "rows": {"all": 120_000, "train": 84_000, "test": 36_000},
        "min_group": 20,
    }
    return PageFacts(**{**given, **changes})


def plans() -> tuple[StepPlan, ...]:
    both, everybody = (LENDER, PAYMENTS), (LENDER, PAYMENTS, "hub")
    return (
        StepPlan(
            "align",
            "align",
            {},
            sent={LENDER: {PAYMENTS: 6_000_123}, PAYMENTS: {LENDER: 6_000_123}},
            rounds={LENDER: 4, PAYMENTS: 4},
            reveals=(
                Reveal("which of its own rows are common", both, 120_000),
                Reveal("number of common rows", everybody, 1),
            ),
        ),
        StepPlan(
            "logistic",
            "logistic",
            {},
            sent={
                LENDER: {PAYMENTS: 91_234_567},
                PAYMENTS: {LENDER: 91_234_567},
                "hub": {LENDER: 812_000_000},
            },
            rounds={LENDER: 812, PAYMENTS: 812},
            reveals=(
                Reveal(
                    "whether every logit and coefficient stayed in its range, in all passes together: one "
                    "bit",
                    both,
                    1,
                ),
            ),
        ),
        StepPlan(
            "evaluate",
            "evaluate",
            {},
            sent={LENDER: {PAYMENTS: 48_123}},
            rounds={LENDER: 3, PAYMENTS: 3},
            reveals=(Reveal("the score of each row", (LENDER,), 36_000, "scores"),),
            at_most=True,
        ),
    )


def finding(component: str, kind: Any, document: Mapping[str, Any], step: str | None = None) -> Finding:
    return Finding(step or component, component, kind, document)


def rows(count: int = 6000, shift: float = 0.0, ties: int | None = None) -> tuple[Any, Any, Any]:
    """Labels, scores, and the scores of a weaker model."""
    random = np.random.default_rng(1)
    known, hidden = random.normal(size=count), random.normal(size=count)
    scores = 1 / (1 + np.exp(2.6 - known - 1.2 * hidden + shift))
    labels = (random.random(count) < scores).astype(np.int8)
    labels[:2] = (0, 1)
    if ties:
        scores = np.round(scores * ties) / ties
    return labels, scores, 1 / (1 + np.exp(2.0 - 0.8 * known))


def evaluation(
    count: int = 6000, *, baseline: bool = True, least: int = 0, **more: Any
) -> tuple[Finding, ...]:
    """The numbers and the curves of one score."""
    labels, scores, weaker = rows(count, **more)
    joint, better = measure(labels, scores, 10, 0.3, least), gain(labels, scores, weaker)
    told = Evaluation(model="logistic", frame="test", guarded=least > 0, joint=joint)
    drawn = CurvesDocument(model="logistic", frame="test", joint=curves(labels, scores, least))
    if baseline:
        other = measure(labels, weaker, 10, 0.3, least)
        compared = {
            "baseline": other,
            "auc_gain": better.auc,
            "auc_gain_low": better.low,
            "auc_gain_high": better.high,
            "auc_gain_p": better.p_value,
            "ks_gain": joint.ks - other.ks,
        }
        told = told.model_copy(update=compared)
        drawn = drawn.model_copy(update={"baseline": curves(labels, weaker, least)})
    return (
        finding("evaluate", "metrics", told.model_dump(mode="json")),
        finding("evaluate", "report", drawn.model_dump(mode="json")),
    )


@functools.cache
def usual() -> tuple[Finding, ...]:
    """One of each kind."""
    return (*coefficients(), *evaluation())


def coefficients() -> tuple[Finding, ...]:
    names = {LENDER: ("utilization", "age", "dependents"), PAYMENTS: ("debt_ratio", "income", "late_90")}
    values = iter([(0.61, 0.04), (-0.38, 0.05), (0.08, 0.045), (0.12, 0.05), (-0.21, 0.06), (0.83, 0.035)])

    def line(estimate: float, error: float) -> dict[str, float]:
        return {"estimate": estimate, "standard_error": error, "z": estimate / error, "p": 0.0004}

    document = {
        "family": "logistic",
        "rows": 84000,
        "residual_degrees_of_freedom": 83993,
        "deviance": 31234.5,
        "null_deviance": 41234.5,
        "pearson_chi_square": None,
        "dispersion": 1.0,
        "log_likelihood": -15617.2,
        "aic": 31248.5,
        "inverse_residual": 1e-9,
        "coefficients": {
            owner: {name: line(*next(values)) for name in columns} for owner, columns in names.items()
        },
        "intercept": line(-2.61, 0.02),
    }
    plain = {
        "coefficients": {
            owner: {name: one["estimate"] for name, one in columns.items()}
            for owner, columns in document["coefficients"].items()  # type: ignore[attr-defined]
        },
        "intercept": -2.61,
    }
    losses = {"loss": [0.69, 0.41, 0.3, 0.262, 0.25, 0.247]}
    return (
        finding("glm", "coefficients", plain),
        finding("glm", "statistics", document),
        finding("glm", "loss", losses),
    )
