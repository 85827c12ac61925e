"""The component: plan, run, model, scores, refusals. Every participant in a thread of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.learn.component import Component, Engine, Params, PlanContext, RunContext, StepPlan
from coterie.learn.evaluate import Evaluate
from coterie.learn.glm import Glm, load_model
from coterie.learn.linear import ClearModel, SharedModel, score_plan, score_run
from coterie.learn.split import Split
from coterie.learn.standardize import Standardize

from .glm_data import FAMILIES, OWNERS, REAL, Case, errors_of, fit, made, sampled, standard, statsmodels
from .pipeline import Outcome, dataset, people, run
from .test_logistic import Frames

SHOWN = {"coefficients": ("lender",)}


class Scores(Component[Params]):
    """Scores a frame and keeps them."""

    name: ClassVar[str] = "scores"
    summary: ClassVar[str] = ""
    Parameters: ClassVar = Params
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        return score_plan(context, "glm", "all", ("lender",))

    def run(self, context: RunContext, params: Params) -> None:
        context.models[context.step] = score_run(context, "glm", "all", ("lender",))


def train(
    case: Case,
    params: Mapping[str, Any] | None = None,
    *,
    weights_at: str = "payments",
    offset_at: str = "payments",
    after: tuple[Any, ...] = (),
    before: tuple[Any, ...] | None = None,
    **more: Any,
) -> dict[str, Outcome]:
    """The case's columns at their owners; the first holds the label."""
    names = OWNERS[: len(case.parts)]
    ids = people(len(case.label))[0]
    given: dict[str, Any] = {"family": case.family, **(params or {})}
    tables: dict[str, dict[str, Any]] = {
        owner: {f"{owner}{j:02}": part[:, j] for j in range(part.shape[1])}
        for owner, part in zip(names, case.parts, strict=True)
    }
    tables[names[0]]["y"] = case.label
    apart = []
    for name, values, holder in (
        ("w", case.weights, weights_at),
        ("o", case.offset, offset_at),
    ):
        if values is not None:
            tables[holder][name] = values
            given["weights" if name == "w" else "offset"] = f"{holder}.{name}"
            apart.append(f"{holder}.{name}")
    if case.family == "tweedie":
        given["power"] = case.power
    scale = ("standardize", Standardize(), {"clip": 5.0, "keep": apart})
    steps = (
        ("align", Frames(), {}),
        *((scale,) if before is None else before),
        ("glm", Glm(), given),
        *after,
    )
    alone = len(names) == 1
    return run(
        {owner: dataset(ids, own, label="y" if owner == names[0] else None) for owner, own in tables.items()},
        steps,
        label="y",
        label_holder=names[0],
        engine="clear" if alone else "mpc",
        dealer=None if alone else "hub",
        **{"receivers": SHOWN, **more},
    )


def found(outcome: Outcome) -> np.ndarray[Any, Any]:
    told = json.loads(outcome.published["coefficients/glm.coefficients.json"])
    owners = [owner for owner in OWNERS if owner in told["coefficients"]]
    values = [value for owner in owners for value in told["coefficients"][owner].values()]
    return np.array([*values, told["intercept"]])


def rescaled(case: Case) -> Case:
    """As `standardize` leaves its columns."""
    parts = [standard(part) for part in case.parts]
    return Case(parts, case.label, case.family, case.power, case.weights, case.offset)


def wanted(case: Case, **params: Any) -> np.ndarray[Any, Any]:
    best = fit(rescaled(case), case.params(**params))
    return np.append(best.coefficients, best.intercept)


@pytest.mark.parametrize("family", FAMILIES)
def test_two_parties_train_what_one_would(family: str) -> None:
    """Planned bytes and rounds are the measured ones; the pipeline sees to that."""
    case = made(family, rows=400)
    outcomes = train(case)
    assert found(outcomes["lender"]) == pytest.approx(wanted(case), rel=2e-3, abs=2e-4)
    assert not outcomes["payments"].published
    kinds = [(one.kind, one.to) for one in outcomes["hub"].plans["glm"].reveals]
    assert kinds[:2] == [(None, ("lender", "payments")), ("coefficients", ("lender",))]
    alone = train(Case([case.whole], case.label, family, case.power))
    assert found(alone["lender"]) == pytest.approx(wanted(case), rel=1e-6)


def test_five_parties_compute() -> None:
    case, params = made("poisson", rows=300, owners=5), {"iterations": 4}
    got = found(train(case, params)["lender"])
    assert got == pytest.approx(wanted(case, **params), rel=2e-3, abs=2e-4)


@pytest.mark.parametrize(
    ("family", "made_with", "params", "holders"),
    [
        ("logistic", {}, {"l1": 0.02, "l2": 0.01, "iterations": 5}, {}),
        ("linear", {}, {"l1": 0.05, "iterations": 4}, {}),
        ("logistic", {}, {"class_weight": "balanced", "iterations": 4}, {}),
        ("logistic", {"weights": True}, {"class_weight": (1.0, 3.0), "iterations": 4}, {}),
        ("poisson", {"offset": True, "weights": True}, {"iterations": 5}, {"weights_at": "lender"}),
        ("linear", {"offset": True, "weights": True}, {"iterations": 2}, {"offset_at": "lender"}),
        ("gamma", {}, {"hessian_rows": 200, "iterations": 6}, {}),
        ("gamma", {}, {"solver": "minibatch", "passes": 3, "batch_rows": 100, "learning_rate": 0.3}, {}),
        ("logistic", {}, {"solver": "minibatch", "passes": 3, "batch_rows": 64, "l1": 0.01, "l2": 0.1}, {}),
    ],
)
def test_penalties_offsets_weights_and_solvers(
    family: str, made_with: dict[str, Any], params: dict[str, Any], holders: dict[str, Any]
) -> None:
    case = made(family, rows=400, **made_with)
    got = found(train(case, params, **holders)["lender"])
    assert got == pytest.approx(wanted(case, **params), rel=3e-3, abs=3e-4)


ALL = {"coefficients": ("lender",), "statistics": ("lender", "payments")}


@pytest.mark.parametrize("family", FAMILIES)
def test_statistics_are_those_of_statsmodels(family: str) -> None:
    """Standard errors within 1e-3, relative; the other party may not know the estimates, and gets no p."""
    case = rescaled(made(family, rows=500))
    outcomes = train(case, {"statistics": True, "iterations": 6}, receivers=ALL)
    best = statsmodels(rescaled(case))
    told = json.loads(outcomes["lender"].published["statistics/glm.statistics.json"])
    assert errors_of(told) == pytest.approx(best.bse, rel=1e-3)
    assert errors_of(told, "z") == pytest.approx(best.tvalues, rel=5e-3, abs=5e-3)
    assert errors_of(told, "p") == pytest.approx(best.pvalues, abs=2e-3)
    for name, value in (
        ("deviance", best.deviance),
        ("null_deviance", best.null_deviance),
        ("dispersion", best.scale),
        ("aic", None if family == "tweedie" else best.aic),
    ):
        if value is None:
            assert told[name] is None
            continue
        assert told[name] == pytest.approx(value, rel=1e-3)
    other = json.loads(outcomes["payments"].published["statistics/glm.statistics.json"])
    assert errors_of(other) == pytest.approx(errors_of(told))
    assert set(errors_of(other, "p").tolist()) == {None}
    alone = train(Case([case.whole], case.label, family, case.power), {"statistics": True}, receivers=ALL)
    clear = json.loads(alone["lender"].published["statistics/glm.statistics.json"])
    assert errors_of(clear) == pytest.approx(best.bse, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("german", 1000), ("past_due", 6000), ("limits", 3000), ("payments", 3000), ("motor", 800)],
)
def test_statistics_of_real_data_are_those_of_statsmodels(name: str, rows: int) -> None:
    """By two parties and a dealer, on samples. Coefficients within 1e-3 of themselves or of their standard
    errors; standard errors, deviances and AIC within 1e-3, z within 2e-3 and p within 1e-4 where they are not
    negligible."""
    case = sampled(REAL[name](), rows)
    outcomes = train(case, {"statistics": True}, receivers=ALL)
    told = json.loads(outcomes["lender"].published["statistics/glm.statistics.json"])
    best = statsmodels(rescaled(case))
    room = np.maximum(1e-3 * np.abs(best.params), 1e-3 * best.bse)
    assert np.all(np.abs(found(outcomes["lender"]) - best.params) < room)
    assert np.all(np.abs(errors_of(told, "estimate") - best.params) < room)
    assert errors_of(told) == pytest.approx(best.bse, rel=1e-3)
    assert errors_of(told, "z") == pytest.approx(best.tvalues, rel=2e-3, abs=2e-4)
    assert errors_of(told, "p") == pytest.approx(best.pvalues, rel=2e-2, abs=1e-4)
    wanted = {
        "deviance": best.deviance,
        "null_deviance": best.null_deviance,
        "dispersion": best.scale,
        "pearson_chi_square": None if case.family in ("logistic", "poisson") else best.pearson_chi2,
        "log_likelihood": None if case.family == "tweedie" else best.llf,
        "aic": None if case.family == "tweedie" else best.aic,
    }
    for key, value in wanted.items():
        assert told[key] == (None if value is None else pytest.approx(value, rel=1e-3)), key
    assert told["residual_degrees_of_freedom"] == best.df_resid


def test_statistics_with_weights_of_one_and_offsets_of_another() -> None:
    case = rescaled(made("poisson", rows=500, weights=True, offset=True))
    outcomes = train(case, {"statistics": True}, offset_at="lender", receivers=ALL)
    told = json.loads(outcomes["lender"].published["statistics/glm.statistics.json"])
    best = statsmodels(rescaled(case))
    assert errors_of(told) == pytest.approx(best.bse, rel=3e-3)
    assert told["deviance"] == pytest.approx(best.deviance, rel=1e-3)
    assert told["null_deviance"] is None  # the label holder lacks the weights
    assert told["aic"] is None


def test_weighted_logistic_statistics_have_an_aic() -> None:
    # With as few as 500 rows, what rounding does in a run can come to 1.03e-3 of an error.
    case = rescaled(made("logistic", rows=1500, weights=True))
    outcomes = train(case, {"statistics": True}, receivers=ALL)
    told = json.loads(outcomes["lender"].published["statistics/glm.statistics.json"])
    best = statsmodels(rescaled(case))
    assert errors_of(told) == pytest.approx(best.bse, rel=1e-3)
    assert told["aic"] == pytest.approx(best.aic, rel=1e-3)
    assert told["null_deviance"] is None  # the label holder lacks the weights


@pytest.mark.parametrize("solver", ["newton", "minibatch"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_goes_to_those_who_may_see_it(family: str, solver: str) -> None:
    case = rescaled(made(family, rows=300))
    more: dict[str, Any] = {"iterations": 4, "loss_every": 2}
    if solver == "minibatch":
        more = {"solver": solver, "passes": 2, "batch_rows": 100, "learning_rate": 0.3, "loss_every": 1}
    outcomes = train(case, more, receivers={"loss": ("payments",)})
    told = json.loads(outcomes["payments"].published["loss/glm.loss.json"])["loss"]
    assert told == pytest.approx(fit(rescaled(case), case.params(**more)).losses, rel=2e-3)
    assert outcomes["lender"].published == {}
    assert not outcomes["hub"].plans["glm"].at_most


@pytest.mark.parametrize("solver", ["newton", "minibatch"])
def test_a_loss_that_no_longer_falls_ends_the_training_everywhere(solver: str) -> None:
    case = rescaled(made("poisson", rows=300))
    more: dict[str, Any] = {"iterations": 12, "loss_every": 1, "tolerance": 0.01}
    if solver == "minibatch":
        more |= {"solver": solver, "passes": 6, "batch_rows": 100, "learning_rate": 0.3}
        del more["iterations"]
    receivers = {"loss": ("payments",), "coefficients": ("lender",)}
    outcomes = train(case, more, receivers=receivers)
    told = json.loads(outcomes["payments"].published["loss/glm.loss.json"])["loss"]
    best = fit(rescaled(case), case.params(**more))
    assert len(told) == len(best.losses) < (12 if solver == "newton" else 7)
    assert found(outcomes["lender"])[:-1] == pytest.approx(best.coefficients, rel=5e-3, abs=1e-3)
    plan = outcomes["hub"].plans["glm"]
    assert plan.at_most
    assert plan.reveals[-1].to == ("lender", "payments", "hub")


@pytest.mark.parametrize(
    "params", [{"loss_every": 1}, {"statistics": True}, {"loss_every": 1, "tolerance": 0.1}]
)
def test_what_nobody_may_receive_is_not_computed(params: dict[str, Any]) -> None:
    with pytest.raises(CoterieError, match="CT-3065"):
        train(made("linear", rows=200), params)


@pytest.mark.parametrize("family", ["linear", "logistic", "tweedie"])
def test_scores_are_what_the_model_expects(family: str) -> None:
    case = made(family, rows=300, offset=True)
    outcomes = train(case, offset_at="lender", after=(("scores", Scores(), {}),))
    best = fit(rescaled(case), case.params())
    eta = rescaled(case).whole @ best.coefficients + best.intercept + case.offset
    expected = case.params().response(eta)
    assert outcomes["lender"].last.models["scores"] == pytest.approx(expected, rel=5e-3, abs=2e-4)
    assert outcomes["payments"].last.models["scores"] is None


def test_evaluate_measures_scores_of_every_family() -> None:
    case = made("logistic", rows=300)
    receivers = {"metrics": ("payments",)}
    after = (("evaluate", Evaluate(), {"frame": "all", "baseline": True}),)
    outcomes = train(case, after=after, receivers=receivers)
    told = json.loads(outcomes["payments"].published["metrics/metrics.json"])
    assert told["joint"]["auc"] > 0.6
    assert told["baseline"]["auc"] > 0.5
    outcomes = train(made("poisson", rows=300), after=after, receivers=receivers)
    told = json.loads(outcomes["payments"].published["metrics/metrics.json"])
    assert told["task"] == "regression"
    assert told["joint"]["deviance"] < told["baseline"]["deviance"]
    assert told["joint"]["variance_power"] == 1


def test_without_receivers_the_model_stays_shared() -> None:
    outcomes = train(made("linear", rows=200), receivers={"model": ("lender", "payments")})
    plan = outcomes["hub"].plans["glm"]
    assert [one.kind for one in plan.reveals] == [None]
    stored = [load_model(outcomes[name].published["model/glm.model"]) for name in OWNERS[:2]]
    kept = [outcomes[name].last.models["glm"] for name in OWNERS[:2]]
    for model, own in zip(stored, kept, strict=True):
        assert isinstance(model, SharedModel)
        assert (model.facts, model.scale, model.shares.tolist()) == (
            own.facts,
            own.scale,
            own.shares.tolist(),
        )
        assert "shares" not in repr(model)
    assert kept[0].scale != (0, 0.0)  # the label's unit, at its holder alone
    assert kept[1].scale == (0, 0.0)
    alone = train(
        Case([made("linear").whole], made("linear").label, "linear"), receivers={"model": ("lender",)}
    )
    assert isinstance(load_model(alone["lender"].published["model/glm.model"]), ClearModel)


def test_plans_follow_the_parameters_and_are_equal() -> None:
    case = made("poisson", rows=200)
    digests = [
        train(case, params)["hub"].plans["glm"].digest
        for params in (
            {"iterations": 2},
            {"iterations": 2},
            {"iterations": 3},
            {"iterations": 2, "l2": 0.1},
            {"solver": "minibatch", "passes": 1},
        )
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"params": {"offset": "payments.gone"}}, "CT-3060"),
        ({"params": {"weights": "nobody.w"}}, "CT-3060"),
        ({"family": "linear", "offset": True}, "CT-3064"),
        ({"label": lambda y: -y}, "CT-3061"),
        ({"label": lambda y: np.where(np.arange(y.size) == 3, np.nan, y)}, "CT-1501"),
        ({"before": ()}, "CT-3050"),
    ],
)
def test_what_cannot_be_trained_is_refused(change: dict[str, Any], code: str) -> None:
    case = made(change.get("family", "poisson"), rows=200, offset=change.get("offset"))
    if "label" in change:
        case = Case(case.parts, change["label"](case.label), case.family)
    more = {"before": change["before"]} if "before" in change else {}
    with pytest.raises(CoterieError) as caught:
        train(case, change.get("params"), **more)
    assert (caught.value.code, caught.value.step) == (code, "glm")


def test_a_training_that_leaves_its_range_gives_nothing_out() -> None:
    """Classes that a column separates: logits grow without end."""
    case = made("logistic", rows=300)
    parts = [np.column_stack([case.parts[0], 2 * case.label - 1]), *case.parts[1:]]
    with pytest.raises(CoterieError, match="CT-2108"):
        train(Case(parts, case.label, "logistic"), {"iterations": 12, "max_logit": 10})


def test_labels_of_any_kind_can_be_split() -> None:
    case = made("poisson", rows=300)
    ids = people(300)[0]
    table = {"lender": dataset(ids, {"a": case.parts[0][:, 0], "y": case.label}, label="y")}
    steps: Any = (("align", Frames(), {}), ("split", Split(), {"test": 0.3, "label": "number"}))
    outcome = run(table, steps, label="y", label_holder="lender", engine="clear")["lender"]
    assert set(outcome.frames) == {"all", "train", "test"}
    with pytest.raises(CoterieError, match="CT-1502"):
        run(table, (steps[0], ("split", Split(), {})), label="y", label_holder="lender", engine="clear")
