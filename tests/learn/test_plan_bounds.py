"""The plan that is approved is for the most rows. How many there are is counted while the job runs: the plan
for them must lie within the approved one, or the job is refused then.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.learn.component import FrameShape, PlanContext, StepPlan
from coterie.learn.evaluate import Evaluate
from coterie.learn.evaluate.params import EvaluateParams
from coterie.learn.logistic import Logistic, LogisticParams
from coterie.mpc import Correlations, Network

COLUMNS = {"lender": ("age", "income"), "payments": ("flow",), "telecom": ("calls",)}
NETWORKS = (None, Network.LAN, Network.WAN, Network.NARROW, Network(5e-5, 1.25e9), Network(0.25, 1.25e5))


def planned(
    rows: int, params: LogisticParams, network: Network | None, correlations: Correlations, count: int
) -> tuple[StepPlan, StepPlan]:
    """Training, and the scores of a third as many rows."""
    parties = tuple(COLUMNS)[:count]
    columns = {party: COLUMNS[party] for party in parties}
    context = PlanContext(
        engine="mpc",
        step="train",
        parties=parties,
        dealer="hub",
        receivers={"scores": ("lender",), "metrics": parties, "coefficients": parties},
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
        allowed = figures(bound)
        over = {
            what: (n, allowed.get(what)) for what, n in figures(need).items() if n > allowed.get(what, -1)
        }
        assert not over
