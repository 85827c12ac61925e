"""What plans say of privacy, and what a node keeps of it: nobody gets more than the agreement says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from coterie.agreement import Terms
from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.fl import epsilon_of
from coterie.jobs import Plan, derive_plan, request_of, spent_by
from coterie.jobs.differences import check_within
from coterie.jobs.horizontal import colluding_of
from coterie.ledger import Ledger
from coterie.node.privacy import Budgets

from .banks import BANKS, make_bench, terms_for
from .conftest import Bench
from .test_horizontal import codes

BUDGET = {"unit": "record", "epsilon": 3.0, "delta": 1e-6}
BOUNDS = {f"each.{name}": [-4.0, 5.0] for name in "abc"}
NOISY: list[Any] = [
    "stack",
    {"split": {"test": 0.3}},
    {"standardize": {"privacy": {"epsilon": 0.5, "bounds": BOUNDS}}},
    {"logistic": {"passes": 5, "privacy": {"epsilon": 1.5}}},
]
ANY = [{"name": "logistic", "params": {"privacy": {"any": True}, "passes": {"max": 99}}}]


def bench(folder: Path, steps: list[Any] | None = None, budget: dict[str, Any] | None = None) -> Bench:
    datasets = [one.model_dump(mode="json") for one in terms_for().datasets]
    datasets[0]["privacy"] = budget or BUDGET
    return make_bench(folder, steps=steps or NOISY, datasets=datasets)


def planned(made: Bench) -> Plan:
    return derive_plan(made.proposal, made.terms)


def test_a_plan_says_what_it_costs(tmp_path: Path) -> None:
    made = bench(tmp_path)
    plan = planned(made)
    scale, fit = (step for step in plan.to_document()["stages"][1]["steps"] if "totals" in step)
    assert (scale["private"], fit["private"]) == (True, True)
    noise = fit["totals"][0]["noise"]
    assert noise["multiplier"] > 5
    assert (noise["unit"], noise["clip"], noise["honest"]) == ("record", 2.0, 2)
    assert noise["colluding"] == 1
    (told,) = request_of(made.proposal, plan, made.terms).privacy
    assert (told.owner, told.bare) == ("east", ())
    assert 1.5 < told.epsilon < 0.5 + 1.5  # composed, and not added
    assert told.epsilon == epsilon_of(spent_by(plan), 1e-6, "record")
    request = request_of(made.proposal, plan, made.terms, {("east", "loans"): spent_by(plan) * 3})
    assert "CT-1656" in codes(made.terms, request)
    # Fewer who collude need less noise of each.
    fewer = planned(bench(tmp_path, budget={**BUDGET, "colluding": 1}))
    assert {one.honest for one in spent_by(fewer)} == {2}
    made.run()
    assert not made.errors, made.errors


def test_what_shows_rows_without_noise_is_named(tmp_path: Path) -> None:
    made = bench(tmp_path, ["stack", "split", "standardize", "logistic", "evaluate"])
    plan = planned(made)
    (told,) = request_of(made.proposal, plan, made.terms).privacy
    assert told.bare == ("standardize", "logistic", "evaluate")
    assert "CT-1655" in codes(made.terms, request_of(made.proposal, plan, made.terms))
    free = make_bench(tmp_path, steps=["stack", "split", "standardize"])
    assert request_of(free.proposal, planned(free), free.terms).privacy == ()
    assert "private" not in planned(free).to_document()["stages"][0]["steps"][1]


def test_steps_that_single_rows_can_make_fail_are_refused(tmp_path: Path) -> None:
    asks: list[Any] = [
        {"derive": {"columns": {"each.q": "1 / (a - 77.7)"}}},
        {"cast": {"columns": {"each.a": "int"}}},
    ]
    made = bench(tmp_path, ["stack", {"clip": {"low": -4, "high": 5}}, *asks, NOISY[3]])
    plan = planned(made)
    (told,) = request_of(made.proposal, plan, made.terms).privacy
    assert told.bare == ("derive", "cast")
    assert "CT-1655" in codes(made.terms, request_of(made.proposal, plan, made.terms))


def test_how_many_may_collude() -> None:
    def asked(*counts: int | None) -> Terms:
        terms = terms_for().model_dump(mode="json")
        for dataset, count in zip(terms["datasets"], counts, strict=False):
            dataset["privacy"] = BUDGET | ({} if count is None else {"colluding": count})
        return Terms.model_validate(terms)

    assert colluding_of(asked(), 50, None) is None
    assert colluding_of(asked(None), 50, None) is None
    assert colluding_of(asked(1, 3), 50, None) == 3
    # One leaves it to the sums, which stand fewer than the other asks for where parties may drop out.
    assert colluding_of(asked(None, 3), 50, None) == 48
    assert colluding_of(asked(None, 20), 50, 40) == 20


def test_a_stage_cannot_drop_its_noise(tmp_path: Path) -> None:
    noisy = planned(bench(tmp_path)).stages[0]
    bare = planned(make_bench(tmp_path)).stages[0]
    check_within(noisy, noisy)
    dropped = replace(noisy, steps=tuple(replace(step, private=False) for step in noisy.steps))
    with pytest.raises(CoterieError, match=r"CT-4011.*without noise"):
        check_within(dropped, noisy)
    assert bare.steps[0] == noisy.steps[0]


@dataclass
class Core:
    """What the account needs of a node: its name and its ledger."""

    ledger: Ledger
    name: str = "east"

    async def record(self, kind: Any, body: Any) -> Any:
        await asyncio.sleep(0)
        return self.ledger.append(kind, body)


def test_budgets_are_spent_once_and_survive(tmp_path: Path) -> None:
    made = bench(tmp_path)
    plan, terms = planned(made), made.terms
    with Ledger(tmp_path / "ledger", Identity.create(tmp_path / "east", "east")) as ledger:
        core: Any = Core(ledger)
        budgets = Budgets(core)
        assert budgets.views(terms.id, terms)[0].spent == 0

        async def begin(count: int) -> list[Any]:
            jobs = [f"{number:032x}" for number in range(count)]
            return await asyncio.gather(
                *(budgets.take(job, plan, terms, 0, ()) for job in jobs), return_exceptions=True
            )

        # All at once: each would fit alone, and three do together.
        found = asyncio.run(begin(6))
        refused = [one for one in found if isinstance(one, CoterieError)]
        assert {one.code for one in refused} == {"CT-1656"}
        view = budgets.views(terms.id, terms)[0]
        assert view.jobs == 6 - len(refused) >= 2
        assert view.spent is not None
        assert view.spent == epsilon_of(spent_by(plan) * view.jobs, 1e-6, "record") <= 3.0
        assert epsilon_of(spent_by(plan) * (view.jobs + 1), 1e-6, "record") > 3.0
        assert len(list(ledger.entries("privacy"))) == view.jobs
        # Another process reads the same of the ledger; a job does not count against itself.
        again = Budgets(core)
        assert again.views(terms.id, terms) == budgets.views(terms.id, terms)
        key = ("east", "loans")
        assert len(again.spent(terms.id)[key]) == len(spent_by(plan)) * view.jobs
        assert len(again.spent(terms.id, but="0" * 32)[key]) == len(spent_by(plan)) * (view.jobs - 1)
        with pytest.raises(CoterieError, match="CT-1656"):
            asyncio.run(again.take("f" * 32, plan, terms, 0, ()))
        (told,) = again.planned(replace(plan, job="f" * 32), terms)
        assert told.cost == epsilon_of(spent_by(plan), 1e-6, "record")
        assert told.together == epsilon_of(spent_by(plan) * (view.jobs + 1), 1e-6, "record")
        free = terms_for()
        assert again.planned(plan, free) == ()
        asyncio.run(again.take("f" * 32, plan, free, 0, ()))  # without a budget nothing is kept
        assert again.views(free.id, free) == ()
    assert set(plan.data) == set(BANKS)
    assert isinstance(terms, Terms)
