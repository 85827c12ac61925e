"""Numbers as people read them, the same in both languages."""

from __future__ import annotations

import math

__all__ = ["amount", "count", "number", "p_value", "percent", "share", "short", "signed"]

MINUS = "\u2212"


def count(value: float) -> str:
    """Of things: thousands apart."""
    return f"{value:,.0f}".replace("-", MINUS)


def number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:,.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:+,.{digits}f}".replace("-", MINUS)


def percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f}%".replace("-", MINUS)


def share(value: float) -> str:
    """A round share, as on an axis."""
    return f"{round(100 * value, 6):g}%"


def short(value: float | None) -> str:
    """Four digits that tell something, of a number of any size."""
    if value is None:
        return "–"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = f"{value:,.0f}" if abs(value) >= 1e4 or value == int(value) else f"{value:,.4g}"
    else:
        text = f"{value:.3e}"
    return text.replace("-", MINUS)


def p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def amount(size: float) -> str:
    """Bytes."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB" if math.isfinite(size) else "–"
