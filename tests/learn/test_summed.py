"""Sums that steps plan: what is planned is what can be taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.fl import Fixed, LocalSums
from coterie.jobs.differences import check_within
from coterie.jobs.plan import StagePlan
from coterie.learn.component import Component, Engine, Params, PlanContext, RunContext, StepPlan, Total
from coterie.learn.stack import Stack
from coterie.learn.summed import SUMS, PlannedSums, planned_sums, stated
from tests.learn import pipeline
from tests.learn.horizontal import planning_of, run

EIGHTHS = Fixed(32, 3)
TOTALS = (
    Total("numbers", 3, EIGHTHS, times=2),
    Total("a few", 5, Fixed(64, 20), fewer=True),
    Total("of three", 2, EIGHTHS, parts=3),
)
DATASETS = {
    name: pipeline.dataset([f"{name}{row}" for row in range(4)], {"x": [1.0] * 4, "y": [0, 1, 0, 1]}, "y")
    for name in ("east", "north", "south", "west")
}


class Adds(Component[Params]):
    """Takes what it is told to."""

    name: ClassVar[str] = "adds"
    summary: ClassVar[str] = "For tests."
    Parameters: ClassVar = Params
    engines: ClassVar[frozenset[Engine]] = frozenset({"fl"})

    def __init__(self, *taken: tuple[str, int, Fixed]) -> None:
        self._taken = taken
        self.found: dict[str, list[Any]] = {}

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        return StepPlan(
            context.step, self.name, {}, **planned_sums(context, TOTALS, at_most=True), statement=SUMS
        )

    def run(self, context: RunContext, params: Params) -> None:
        for what, values, form in self._taken:
            among = ("east", "south", "west") if what == "of three" else None
            total = context.sums().total(what, np.full((values, 1), 0.5), form, among=among)
            assert context.sums().counted == (among or context.parties)
            self.found.setdefault(context.me, []).append(total)


def taken(*sums: tuple[str, int, Fixed], coordinator: str | None = None) -> dict[str, list[Any]]:
    component = Adds(*sums)
    run(DATASETS, [("stack", Stack(), {}), ("adds", component, {})], label="y", coordinator=coordinator)
    return component.found


@pytest.mark.parametrize("coordinator", [None, "hub", "east"])
def test_planned_sums_are_taken(coordinator: str | None) -> None:
    few = Fixed(64, 20)
    found = taken(
        ("numbers", 3, EIGHTHS),
        ("a few", 2, few),
        ("of three", 2, EIGHTHS),
        ("numbers", 3, EIGHTHS),
        coordinator=coordinator,
    )
    assert set(found) == set(DATASETS)
    for totals in found.values():
        assert [one.shape for one in totals] == [(3, 1), (2, 1), (2, 1), (3, 1)]
        assert [one.ravel()[0] for one in totals] == [2.0, 2.0, 1.5, 2.0]


@pytest.mark.parametrize(
    ("sums", "words"),
    [
        ([("others", 3, EIGHTHS)], "not planned"),
        ([("numbers", 2, EIGHTHS)], "2 values"),
        ([("numbers", 3, Fixed(64, 3))], "bits=64"),
        ([("a few", 6, Fixed(64, 20))], "6 values"),
        ([("numbers", 3, EIGHTHS)] * 3, "planned 2 times"),
    ],
)
def test_others_are_not(sums: list[tuple[str, int, Fixed]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        taken(*sums)


def test_a_sum_over_some_is_of_as_many_as_planned() -> None:
    planning = planning_of(DATASETS, "y", coordinator="hub")
    planning.step = "adds"
    plan = Adds().plan(planning, Params())
    for what, among in (("of three", None), ("numbers", ("east", "north", "south"))):
        with pytest.raises(ValueError, match="planned for"):
            PlannedSums(plan, LocalSums.group(*DATASETS)["east"]).total(
                what, np.ones(3 if among else 2), EIGHTHS, among=among
            )
    assert planned_sums(planning, [TOTALS[2]])["at_most"], "whose values it is of is not planned"


def test_a_step_without_sums_has_none() -> None:
    found = run(DATASETS, [("stack", Stack(), {})], label="y")
    with pytest.raises(ValueError, match="no sums"):
        found["east"].last.sums()


def test_what_a_plan_says_of_sums() -> None:
    planning = planning_of(DATASETS, "y", coordinator="hub")
    planning.step = "adds"
    plan = stated(planning, Adds().plan(planning, Params()))
    assert [(one.what, one.values, one.to) for one in plan.reveals] == [
        ("numbers", 6, planning.parties),
        ("a few", 5, planning.parties),
        ("of three", 2, planning.parties),
    ]
    assert set(plan.rounds) == {*DATASETS, "hub"}
    assert plan.statement is not None
    assert plan.statement.helper is not None
    assert "coordinator" in plan.statement.leaks
    with pytest.raises(ValueError, match="one name"):
        planned_sums(planning, [TOTALS[0], TOTALS[0]])
    for parts in (2, 5):
        with pytest.raises(ValueError, match="fewer than three"):
            planned_sums(planning, [replace(TOTALS[0], parts=parts)])


def test_a_stage_takes_no_sum_that_was_not_approved() -> None:
    planning = planning_of(DATASETS, "y", coordinator="hub")
    approved = StagePlan(0, True, (Adds().plan(planning, Params()),))
    (step,) = approved.steps
    fewer = replace(step, totals=(replace(TOTALS[0], values=2),))
    check_within(StagePlan(0, True, (fewer,)), approved)
    for changed in (replace(TOTALS[0], values=4), replace(TOTALS[0], times=3), replace(TOTALS[0], what="x")):
        with pytest.raises(CoterieError, match=r"CT-4011.*sum of"):
            check_within(StagePlan(0, True, (replace(step, totals=(changed,)),)), approved)
