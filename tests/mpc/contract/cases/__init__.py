"""The cases, one file for each family of operations: each has a list ``CASES``. All files here are found."""

from __future__ import annotations

import importlib
import pkgutil

from tests.mpc.contract.case import Case


def _all() -> list[Case]:
    found: list[Case] = []
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        found.extend(importlib.import_module(f"{__name__}.{module}").CASES)
    names = [case.name for case in found]
    assert len(set(names)) == len(names), "two cases have one name"
    return found


CASES = _all()
