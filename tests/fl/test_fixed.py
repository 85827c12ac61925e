"""Values as they are summed: exact within what is stated, refused beyond."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.fl import EXACT, Fixed, LocalSums

FORMS = [Fixed(32, 12), Fixed(64, 30), EXACT, Fixed(128, 20)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Fixed, NDArray[np.float64]]:
    """A format, and values of some contributors that it holds: shape (contributors, values)."""
    form = draw(st.sampled_from(FORMS))
    count = draw(st.integers(1, 9))
    limit = form.limit(count)
    edges = st.sampled_from([limit, -limit, 0.0, -0.0, 5e-324, -5e-324, 0.1, -0.1])
    numbers = st.one_of(edges, st.floats(-limit, limit, allow_nan=False))
    rows = st.lists(numbers, min_size=3, max_size=3)
    return form, np.array(draw(st.lists(rows, min_size=count, max_size=count)))


@given(cases())
def test_totals_are_as_exact_as_stated(case: tuple[Fixed, NDArray[np.float64]]) -> None:
    form, values = case
    encoded = [int(n) for row in values for n in _integers(form, row, len(values))]
    for column in range(values.shape[1]):
        real = sum((Fraction(float(one)) for one in values[:, column]), Fraction(0))
        total = sum(encoded[column :: values.shape[1]])
        wrapped = (total + (1 << (form.bits - 1))) % (1 << form.bits) - (1 << (form.bits - 1))
        assert wrapped == total, "it does not wrap"
        zeros = len(values).bit_length() - 1
        error = abs(Fraction(wrapped, 1 << (form.frac + zeros)) - real)
        assert error <= Fraction(form.error(len(values)))


def _integers(form: Fixed, row: NDArray[np.float64], most: int) -> list[int]:
    ring = form.encode(row, most)
    if form.bits == 128:
        return [
            int(low) + (int(high) << 64) - ((int(high) >> 63) << 128) for low, high in ring.reshape(-1, 2)
        ]
    return [int(one) for one in ring.view(np.int32 if form.bits == 32 else np.int64)]


@given(cases())
def test_what_was_encoded_is_decoded(case: tuple[Fixed, NDArray[np.float64]]) -> None:
    form, values = case
    row = values[0]
    decoded = form.decode(form.encode(row, len(values)), len(values))
    np.testing.assert_allclose(decoded, row, rtol=3e-16, atol=form.error(1))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("wrong", "code"),
    [(np.nan, "CT-2401"), (np.inf, "CT-2401"), (-np.inf, "CT-2401"), (1e35, "CT-2402"), (-1e35, "CT-2402")],
)
def test_what_no_format_holds_is_refused(form: Fixed, wrong: float, code: str) -> None:
    with pytest.raises(CoterieError, match=f"{code}.* value 1 of 3"):
        form.encode(np.array([0.0, wrong, 1.0]), 5)


@pytest.mark.parametrize("form", FORMS)
def test_the_limit_is_sharp(form: Fixed) -> None:
    limit = form.limit(7)
    form.encode(np.array([limit, -limit]), 7)
    with pytest.raises(CoterieError, match="CT-2402"):
        form.encode(np.array([np.nextafter(limit, np.inf)]), 7)


@pytest.mark.parametrize(("bits", "frac"), [(16, 4), (32, 25), (64, 57), (128, 65), (64, -1)])
def test_formats_are_checked(bits: int, frac: int) -> None:
    with pytest.raises(CoterieError, match="CT-2403"):
        Fixed(bits, frac)


def test_too_many_contributors_leave_no_room() -> None:
    with pytest.raises(CoterieError, match="CT-2403"):
        Fixed(32, 0).limit(2**20)


def test_exact_sums_are_those_of_python() -> None:
    values = np.random.default_rng(1).normal(size=(5, 40)) * 1e6
    sums = LocalSums.group(*"abcde")
    with ThreadPoolExecutor(5) as pool:
        totals = list(
            pool.map(
                lambda pair: sums[pair[0]].total("x", pair[1].reshape(8, 5)),
                zip("abcde", values, strict=True),
            )
        )
    exact = [float(sum(Fraction(float(one)) for one in column)) for column in values.T]
    for total in totals:
        np.testing.assert_allclose(total.ravel(), exact, rtol=2.3e-16)
        np.testing.assert_array_equal(total, totals[0])


def test_who_sums_something_else_ends_it_for_all() -> None:
    sums = LocalSums.group("a", "b")
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(sums[name].total, what, np.zeros(2)) for name, what in (("a", "x"), ("b", "y"))]
        assert [future.exception() is not None for future in asked] == [True, True]


def test_nobody_waits_for_ever() -> None:
    with pytest.raises(CoterieError, match=r"CT-2403.*'b'"):
        LocalSums.group("a", "b", patience=0.01)["a"].total("x", np.zeros(2))
