"""The plan that is approved is for the most rows. How many there are is counted while the job runs: the plan
for them must lie within the approved one, or the job is refused then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from coterie.learn.component import FrameShape, PlanContext, StepPlan
from coterie.learn.evaluate import Evaluate
from coterie.learn.evaluate.params import EvaluateParams
from coterie.learn.glm import Glm, GlmParams
from coterie.learn.logistic import Logistic, LogisticParams
from coterie.mpc import Correlations, Network

COLUMNS = {"lender": ("age", "income"), "payments": ("flow",), "telecom": ("calls",)}
NETWORKS = (None, Network.LAN, Network.WAN, Network.NARROW, Network(5e-5, 1.25e9), Network(0.25, 1.25e5))


def around(rows: int, network: Network | None, correlations: Correlations, count: int) -> PlanContext:
    """Of a step that trains on so many rows; a third as many are for tests."""
    parties = tuple(COLUMNS)[:count]
    columns = {party: COLUMNS[party] for party in parties}
    return PlanContext(
        engine="mpc",
        step="train",
        parties=parties,
        dealer="hub",
        receivers={
            "scores": ("lender",),
            **dict.fromkeys(("metrics", "coefficients", "loss", "statistics"), parties),
        },
        dataset_rows=dict.fromkeys(parties, 2 * rows),
        columns=columns,
        label_holder="lender",
        label="bad",
        frames={
            name: FrameShape(n, columns, "lender", "bad", 8.0)
            for name, n in (("train", rows), ("test", -(-rows // 3)))
        },
        models={},
        network=network,
        correlations=correlations,
    )


def planned(
    rows: int, params: LogisticParams, network: Network | None, correlations: Correlations, count: int
) -> tuple[StepPlan, StepPlan]:
    """Training, and the scores of a third as many rows."""
    context = around(rows, network, correlations, count)
    training = Logistic().plan(context, params)
    context.step = "evaluate"
    return training, Evaluate().plan(context, EvaluateParams())


def figures(plan: StepPlan) -> dict[Any, int]:
    """What a plan is held to."""
    found: dict[Any, int] = {("rounds", party): count for party, count in plan.rounds.items()}
    found |= {(source, target): n for source, to in plan.sent.items() for target, n in to.items()}
    for number, tape in enumerate(plan.tapes):
        found |= {("dealt", number, party): count for party, count in tape.corrections.items()}
    found |= {("disclosed", one.name): one.values for one in plan.disclosed}
    return found | {("revealed", one.what): one.values for one in plan.reveals}


def beyond(need: StepPlan, bound: StepPlan) -> dict[Any, tuple[int, int | None]]:
    """What a plan needs beyond its bound."""
    allowed = figures(bound)
    return {what: (n, allowed.get(what)) for what, n in figures(need).items() if n > allowed.get(what, -1)}


@given(
    most=st.integers(200, 1 << 20),
    share=st.floats(0.01, 1, exclude_max=True),
    network=st.sampled_from(NETWORKS),
    correlations=st.sampled_from(("stream", "tape")),
    count=st.sampled_from((2, 3)),
    params=st.builds(
        LogisticParams,
        passes=st.integers(1, 3),
        max_logit=st.sampled_from((10, 20)),
        l2=st.sampled_from((0.0, 0.1)),
        optimizer=st.sampled_from(("nesterov", "gradient_descent")),
        intercept=st.booleans(),
    ),
)
@settings(max_examples=60)
def test_fewer_rows_need_no_more(
    most: int,
    share: float,
    network: Network | None,
    correlations: Correlations,
    count: int,
    params: LogisticParams,
) -> None:
    fewer = max(100, int(most * share))
    plans = (planned(rows, params, network, correlations, count) for rows in (fewer, most))
    for need, bound in zip(*plans, strict=True):
        assert not beyond(need, bound)


def newton(family: str) -> st.SearchStrategy[GlmParams]:
    return st.builds(
        GlmParams,
        family=st.just(family),
        iterations=st.integers(1, 2),
        statistics=st.booleans(),
        intercept=st.booleans(),
        weights=st.sampled_from((None, "lender.income")),
        hessian_rows=st.sampled_from((None, 1000)),
        loss_every=st.integers(0, 1),
    )


def minibatch(family: str) -> st.SearchStrategy[GlmParams]:
    return st.builds(
        GlmParams,
        family=st.just(family),
        solver=st.just("minibatch"),
        passes=st.just(2),
        batch_rows=st.sampled_from((4096, 65536)),
        l2=st.sampled_from((0.0, 0.1)),
        weights=st.sampled_from((None, "lender.income")),
        loss_every=st.integers(0, 1),
    )


FAMILIES = ("linear", "logistic", "poisson", "gamma", "tweedie")


@given(
    exponent=st.floats(8, 17),
    below=st.sampled_from((None, 0.999, 0.5, 0.2)),
    network=st.sampled_from(NETWORKS),
    correlations=st.sampled_from(("stream", "tape")),
    count=st.sampled_from((2, 3)),
    params=st.sampled_from(FAMILIES).flatmap(lambda family: st.one_of(newton(family), minibatch(family))),
)
@example(18.538, 0.178, None, "stream", 2, GlmParams(family="logistic", iterations=2, loss_every=1))
@example(13.365, None, None, "stream", 2, GlmParams(family="tweedie", iterations=2, statistics=True))
@example(
    16.5,
    None,
    None,
    "stream",
    2,
    GlmParams(family="tweedie", solver="minibatch", passes=2, batch_rows=65536),
)
@example(
    17.156,
    None,
    None,
    "stream",
    3,
    GlmParams(family="tweedie", solver="minibatch", passes=2, batch_rows=65536),
)
@settings(max_examples=12, deadline=None)
def test_a_bound_of_glm_has_room_for_other_number_formats(
    exponent: float,
    below: float | None,
    network: Network | None,
    correlations: Correlations,
    count: int,
    params: GlmParams,
) -> None:
    """Fewer rows can take more bits, which are rounded at other places: above all just below a power of two,
    which is tried where nothing else is said."""
    most = int(2**exponent)
    fewer = int(most * below) if below else 2 ** int(exponent)
    bound, need = (around(rows, network, correlations, count) for rows in (most, max(fewer, 100)))
    bound.exact = False
    assert not beyond(Glm().plan(need, params), Glm().plan(bound, params))


@given(
    rows=st.sampled_from((300, 5000, 100_000)),
    most=st.lists(st.integers(1, 10), min_size=2, max_size=3),  # statistics of many more are refused
    share=st.floats(0, 1),
    network=st.sampled_from(NETWORKS),
    correlations=st.sampled_from(("stream", "tape")),
    params=st.one_of(
        st.builds(LogisticParams, passes=st.just(2)),
        st.sampled_from(FAMILIES).flatmap(newton),
        st.sampled_from(FAMILIES).flatmap(minibatch),
    ),
)
@example(1000, [10, 1], 0.0, Network(0.05, 1.25e7), "tape", GlmParams(family="linear", iterations=2))
@settings(max_examples=12, deadline=None)
def test_fewer_columns_need_no_more(
    rows: int,
    most: list[int],
    share: float,
    network: Network | None,
    correlations: Correlations,
    params: LogisticParams | GlmParams,
) -> None:
    """As where a step encodes categories: it plans with the most columns that there can be."""
    plans = []
    for part in (share, 1.0):
        columns = {
            party: tuple(f"{party}{number}" for number in range(max(1, int(width * part))))
            for party, width in zip(COLUMNS, most, strict=False)
        }
        columns["lender"] += ("income",)
        context = around(rows, network, correlations, len(most))
        context.frames = {name: replace(one, columns=columns) for name, one in context.frames.items()}
        context.exact = part < 1
        component = Logistic() if isinstance(params, LogisticParams) else Glm()
        plans.append(component.plan(context, params))  # type: ignore[arg-type]
    assert not beyond(*plans)
