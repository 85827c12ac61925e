"""Which set intersection finds the common rows, and why."""

from __future__ import annotations

from coterie import psi
from coterie.errors import CoterieError
from coterie.learn.component import PlanContext

from .params import AlignParams

__all__ = ["method_of", "rows_by_party"]


def rows_by_party(context: PlanContext) -> dict[str, int]:
    """Rows of the parties' datasets, in the order of the agreement."""
    return {party: context.dataset_rows[party] for party in context.parties}


def method_of(context: PlanContext, params: AlignParams) -> tuple[psi.Method, str]:
    """Of engine ``mpc``, from public facts alone, and in words why. Errors: CT-2024."""
    # A dealer that deals before the run, into files, deals for what the stages of the run compute on shares.
    dealer = context.dealer if context.correlations == "stream" else None
    try:
        return psi.choose(
            rows_by_party(context),
            wanted=params.method,
            security=params.security,
            dealer=dealer,
            line=context.network,
        )
    except CoterieError as error:
        raise error.at(step=context.step) from None
