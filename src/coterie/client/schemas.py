"""The calls of a node's REST API that are about schemas before there is an agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from coterie.node import SchemaOfferView, SchemaRunView

from .connection import Connection

__all__ = ["SchemaCalls"]


class SchemaCalls(Connection):
    """Which columns several parties have in common."""

    def offer_schema(
        self,
        dataset: str,
        to: Sequence[str],
        *,
        runs: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> SchemaOfferView:
        """Let the columns of an own dataset be compared by these parties.

        :param runs: how many times; 3 where nothing is said.
        :param columns: None for all.
        """
        body: dict[str, Any] = {"dataset": dataset, "to": list(to)}
        body |= {} if runs is None else {"runs": runs}
        body |= {} if columns is None else {"columns": list(columns)}
        return self._post("/schemas/offers", SchemaOfferView, body)

    def withdraw_schema(self, dataset: str) -> None:
        """End an offer."""
        self._call("POST", "/schemas/withdraw", {"dataset": dataset})

    def schema_offers(self) -> list[SchemaOfferView]:
        """Own ones."""
        return self._list("/schemas/offers", SchemaOfferView)

    def common_schema(self, dataset: str, others: Mapping[str, str | None]) -> SchemaRunView:
        """The columns that an own dataset and those of the others all have; it takes a second or two.

        :param others: of each party its dataset, or None for the one that it offers to all of these.
        """
        return self._post("/schemas/common", SchemaRunView, {"dataset": dataset, "others": dict(others)})

    def schema_runs(self) -> list[SchemaRunView]:
        """The comparisons that this node took part in, the newest first."""
        return self._list("/schemas/runs", SchemaRunView)

    def schema_run(self, run: str = "last") -> SchemaRunView:
        """One. :param run: its id or the beginning of it; ``last`` for the newest."""
        return self._get(f"/schemas/runs/{quote(run, safe='')}", SchemaRunView)
