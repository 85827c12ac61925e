"""The tables of docs/components/glm.md: ``python -m tests.learn.glm_measured``."""

from __future__ import annotations

import numpy as np

from coterie.learn.glm import mpc
from coterie.learn.glm.design import design
from coterie.mpc import trace

from .glm_data import FAMILIES, OWNERS, REAL, Case, statsmodels
from .test_glm_mpc import coefficients


def accuracy() -> None:
    """Largest errors of coefficients on real data, of five runs of all participants."""
    for name, make in REAL.items():
        case = make()
        best = statsmodels(case)
        errors = [coefficients(case, "run", False) - best.params for _ in range(5)]
        error = np.abs(errors)
        own, scatter = (error / np.abs(best.params)).max(), (error / best.bse).max()
        largest = error.max() / np.abs(best.params).max()
        rows = f"{name}, {len(case.label)} × {case.whole.shape[1]}"
        print(f"| {rows} | {case.family} | {own:.1e} | {scatter:.1e} | {largest:.1e} |")


def cost(family: str, rows: int, width: int, options: dict[str, object]) -> tuple[float, float, float]:
    """Rounds, bytes that each of two parties sends for a row, bytes dealt for a row, of one step more."""
    tapes = []
    for steps in (6, 7):
        count = {"passes" if "solver" in options else "iterations": steps}
        params = Case([], np.zeros(0), family).params(**count, **options)
        numbers = design(rows, {"lender": width // 2, "payments": width - width // 2}, params)
        part = mpc.Part((0, numbers.steps), coefficients_to=("lender",))
        run = mpc.training(mpc.Formats(numbers), mpc.Roles("lender"), part)
        tapes.append(trace(run, OWNERS[:2], "hub"))
    few, more = tapes
    sent = more.sent["lender"]["payments"] - few.sent["lender"]["payments"]
    return more.rounds["lender"] - few.rounds["lender"], sent / rows, (more.dealt - few.dealt) / rows


def costs() -> None:
    """By family and solver, for 100,000 rows and 20 features at two parties."""
    for family in FAMILIES:
        for title, options in (
            ("newton", {}),
            ("newton, L1", {"l1": 0.01}),
            ("minibatch", {"solver": "minibatch", "batch_rows": 100_000}),
        ):
            rounds, sent, dealt = cost(family, 100_000, 20, options)
            print(f"| {family} | {title} | {rounds:.0f} | {sent:.0f} | {dealt:.0f} |")


if __name__ == "__main__":
    accuracy()
    costs()
