"""Tables of people at two or three parties, with columns that tell of the label, for scorecards."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from coterie.data import Dataset
from coterie.learn.align import Align
from coterie.learn.binning import Bin, Woe
from coterie.learn.component import Component, Engine, Params, PlanContext, RunContext, StepPlan
from coterie.learn.glm import Glm
from coterie.learn.joined import give_rows
from coterie.learn.reasons import Reasons
from coterie.learn.scorecard import Scorecard
from coterie.learn.scoring import score_plan, score_run, scoring_facts

from .in_tee import run_in_tee
from .pipeline import Outcome, Steps, dataset, people, run

OWNERS = {
    2: {"lender": ("age", "income"), "bureau": ("calls", "delays", "region")},
    3: {"lender": ("age", "income"), "bureau": ("delays",), "telecom": ("calls", "region")},
}
Published = dict[str, dict[str, dict[str, bytes]]]
Step = tuple[str, Component[Any], Mapping[str, Any]]
GLM = {"family": "logistic", "iterations": 4}
ROWS = 2000


def everything(rows: int, seed: int = 0) -> tuple[list[str], dict[str, Any]]:
    """Ids, and all columns with the label "bad"."""
    ids, random = people(rows, seed)
    age = random.normal(40, 12, rows).round()
    income = np.where(random.random(rows) < 0.1, np.nan, random.lognormal(3, 0.5, rows))
    delays = random.poisson(0.7, rows)
    region = random.choice(["north", "south", "east", "west"], rows, p=[0.4, 0.3, 0.2, 0.1])
    calls = random.normal(0, 1, rows)
    logit = (
        -1.4
        - 0.03 * (age - 40)
        + np.where(np.isnan(income), 0.5, -0.02 * (np.nan_to_num(income) - 20))
        + 0.7 * delays
        + 0.6 * (region == "south")
        - 0.5 * calls
    )
    bad = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    columns = {"age": age, "income": income, "delays": delays, "region": region, "calls": calls}
    return ids, {**columns, "bad": bad}


def tables(rows: int, parties: int = 2, seed: int = 0) -> dict[str, Dataset]:
    """By owner; the label is the lender's."""
    ids, given = everything(rows, seed)
    return {
        owner: dataset(
            ids, {name: given[name] for name in (*names, *(["bad"] if owner == "lender" else []))}, "bad"
        )
        for owner, names in OWNERS[parties].items()
    }


def pooled(rows: int, parties: int = 2, seed: int = 0) -> dict[str, Dataset]:
    """The same at one party, columns in the same order."""
    ids, given = everything(rows, seed)
    names = [name for owned in OWNERS[parties].values() for name in owned]
    return {"lender": dataset(ids, {name: given[name] for name in (*names, "bad")}, "bad")}


def steps(*more: Step, before: Steps = (), trainer: Step | None = None, **card: Any) -> Steps:
    """Up to the card, which has these parameters, and more."""
    return (
        ("align", Align(), {}),
        ("bin", Bin(), {"method": "quantile", "bins": 5}),
        ("woe", Woe(), {}),
        *before,
        trainer or ("glm", Glm(), GLM),
        ("card", Scorecard(), card),
        *more,
    )


def to_all(parties: Mapping[str, Any], *kinds: str) -> dict[str, tuple[str, ...]]:
    """Who may receive what: all of them each kind."""
    return {kind: tuple(parties) for kind in ("bins", "iv", "scorecard", *kinds)}


def play(data: Mapping[str, Dataset], pipeline: Steps, *kinds: str, **more: Any) -> dict[str, Outcome]:
    """Run it: in engine mpc with a dealer, in the clear where one party has all."""
    own = {"engine": "clear"} if len(data) == 1 else {"dealer": "hub"}
    receivers = more.pop("receivers", to_all(data, *kinds))
    return run(data, pipeline, label="bad", label_holder="lender", receivers=receivers, **{**own, **more})


class Scores(Component[Params]):
    """Points of all rows as a list by the label holder's own ids, and their probabilities."""

    name: ClassVar[str] = "scores"
    summary: ClassVar[str] = ""
    Parameters: ClassVar = Params
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        return replace(score_plan(context, "card", "all", ("lender",)), results={"scores": ("lender",)})

    def run(self, context: RunContext, params: Params) -> None:
        points = score_run(context, "card", "all", ("lender",))
        if points is None or context.deals_ahead:
            return
        risk = scoring_facts(context.planning, "card").probabilities(points)
        give_rows(
            context, "scores", "scores.parquet", context.frames["all"], {"points": points, "risk": risk}
        )


EVERYTHING: Steps = (
    ("scores", Scores(), {}),
    ("cents", Scorecard(), {"decimals": 2}),
    ("all", Reasons(), {"scorecard": "card", "frame": "all", "points": "all"}),
    ("mean", Reasons(), {"scorecard": "card", "frame": "all", "against": "mean", "most": 5}),
    ("own", Reasons(), {"frame": "all", "points": "own", "most": 2}),
)
"""Two cards; reasons of the first, told in two ways, and of the second."""


@functools.cache
def joint(parties: int) -> dict[str, Outcome]:
    """In engine mpc."""
    return play(tables(ROWS, parties), steps(*EVERYTHING), "scores", "reasons")


@functools.cache
def whole(parties: int) -> Outcome:
    """In the clear."""
    return play(pooled(ROWS, parties), steps(*EVERYTHING), "scores", "reasons")["lender"]


@functools.cache
def attested() -> tuple[RunContext, Published]:
    """In the TEE."""
    data = tables(ROWS)
    return run_in_tee(data, steps(*EVERYTHING), to_all(data, "scores", "reasons"))
