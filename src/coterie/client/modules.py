"""The calls of a node's REST API that are about users' modules."""

from __future__ import annotations

from urllib.parse import quote

from coterie.node import AgreedModuleView, ModuleView

from .connection import Connection

__all__ = ["ModuleCalls"]


class ModuleCalls(Connection):
    """Networks that users have written: kept here, listed by agreements."""

    def agreed_modules(self, agreement: str) -> list[AgreedModuleView]:
        """What an agreement lists, and whether the files are here to be read."""
        return self._list(f"/agreements/{quote(agreement, safe='')}/modules", AgreedModuleView)

    def modules(self) -> list[ModuleView]:
        """Those whose files are kept, without sources."""
        return self._list("/modules", ModuleView)

    def module(self, reference: str) -> ModuleView:
        """One with its source.

        :param reference: its sha256 or the beginning of it, or the name that an agreement here gives it.
        """
        return self._get(f"/modules/{quote(reference, safe='')}", ModuleView)

    def add_module(self, source: str) -> ModuleView:
        """Keep a file. :param source: what is in it, one file of Python."""
        return self._post("/modules", ModuleView, {"source": source})
