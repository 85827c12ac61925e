"""Columns that are prepared to be shared: of any finite numbers, in words that the ring holds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from coterie.learn.align.hidden import CLIP, prepared, units

LARGEST = float(np.finfo(np.float64).max)
COLUMNS = [
    [1e308, 1.5e308, 1.0],
    [LARGEST, -LARGEST, 1e308, 1.0],
    [LARGEST, LARGEST],
    [1e200, -1e200, 1.0, np.nan],
    [1e15, 1e15 + 1, 1e15 + 2],
    [5e-324, 0.0, 0.0],
    [np.nan, np.nan],
    [3.0, 4.0, 8.0, np.nan],
]


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_any_finite_numbers_are_prepared_as_fractions_say(column: list[float]) -> None:
    values = np.array(column).reshape(-1, 1)
    known = [Fraction(one) for one in column if np.isfinite(one)]
    mean = sum(known, Fraction()) / max(len(known), 1)
    variance = sum(((one - mean) ** 2 for one in known), Fraction()) / max(len(known), 1)
    made = prepared(values).ravel()
    assert (np.abs(made) <= CLIP).all()
    for one, found in zip(column, made, strict=True):
        far = Fraction(one) - mean if np.isfinite(one) else Fraction()
        wanted = float(far * far / variance) if variance > Fraction(1, 2**2100) else 0.0
        assert found**2 == pytest.approx(wanted, rel=1e-9, abs=1e-9)
        assert found * float(far > 0) >= 0 >= found * float(far < 0)
    told = units(values).ravel()
    assert np.isfinite(told).all()
    assert told[0] == pytest.approx(float(mean), rel=1e-12, abs=1e-300)
    assert told[1] > 0
