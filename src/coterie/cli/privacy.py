"""``coterie privacy``: what was spent of the budgets of differential privacy."""

from __future__ import annotations

import typer

from coterie.node import PrivacyView

from .output import say, show, table
from .state import state_of


def privacy(context: typer.Context) -> None:
    """Budgets of differential privacy under all agreements, and what jobs have spent of them."""
    state = state_of(context)
    with state.client() as client:
        found = [budget for one in client.agreements() for budget in one.privacy]
    if show(state, found):
        return
    if not found:
        say("No dataset has a privacy budget under any agreement.")
        return
    rows = [
        (one.agreement, f"{one.owner}/{one.dataset}", one.unit, spent(one), f"{one.delta:g}", str(one.jobs))
        for one in found
    ]
    table("Privacy", ("agreement", "dataset", "unit", ">epsilon", ">at delta", ">jobs"), rows)


def spent(one: PrivacyView) -> str:
    """What was spent of what. Rest is not told: what a job costs depends on those before it."""
    if one.spent is None:
        return f"? of {one.epsilon:g} (dp-accounting is not installed)"
    return f"{one.spent:.4g} of {one.epsilon:g}"
