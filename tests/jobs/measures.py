"""What metrics say of all rows together: to the label holder and to others the same. Of groups of rows others
are told larger ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["of_all_rows"]


def of_all_rows(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """:param metrics: the content of metrics.json."""
    found: dict[str, Any] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{measure}": number for measure, number in _numbers(value).items()}
        elif name != "guarded":
            found[name] = value
    return found


def _numbers(measures: Mapping[str, Any]) -> dict[str, float]:
    """Without tables, cuts, and what is computed of bands."""
    plain = {name: value for name, value in measures.items() if isinstance(value, int | float)}
    return {name: value for name, value in plain.items() if name != "calibration_error"}
