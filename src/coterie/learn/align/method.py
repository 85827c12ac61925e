"""Which set intersection finds the common rows, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from coterie.learn.component import PlanContext

from .errors import METHOD_UNFIT
from .params import AlignParams

__all__ = ["Method", "method_of", "rows_by_party"]


@dataclass(frozen=True)
class Method:
    """One of the protocols of :mod:`coterie.psi`, as the plan took it."""

    name: Literal["dh", "many"]
    why: str

    @property
    def choice(self) -> str:
        """For the plan's ``choices``."""
        words = {"dh": "Diffie-Hellman", "many": "oblivious functions and tables of several parties"}
        return f"set intersection: {words[self.name]}, {self.why}"


def rows_by_party(context: PlanContext) -> dict[str, int]:
    """Rows of the parties' datasets, in the order of the agreement."""
    return {party: context.dataset_rows[party] for party in context.parties}


def method_of(context: PlanContext, params: AlignParams) -> Method:
    """Of engine ``mpc``, from public facts alone. Errors: CT-3221."""
    rows = rows_by_party(context)
    if params.security == "malicious" or params.method == "oprf":
        raise METHOD_UNFIT(_wanted(params, rows), step=context.step)
    if len(rows) > 2:
        if params.method != "auto":
            raise METHOD_UNFIT(_wanted(params, rows), step=context.step)
        return Method("many", f"as there are {len(rows)} parties")
    return Method("dh", "as the job asks for it" if params.method == "dh" else "the only one for two parties")


def _wanted(params: AlignParams, rows: Mapping[str, int]) -> str:
    return f"method '{params.method}', security '{params.security}', {len(rows)} parties"
