"""Fixed point in the ring, against Python's integers and fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.mpc import RowBlocks, fits
from coterie.mpc.form import PrivateForm
from coterie.mpc.plaintext import as_blocks, encode_input
from coterie.mpc.ranges import between
from coterie.mpc.ring import as_words, check_fits, decode, encode, encode_scalar, shifted

FRACS = st.integers(0, 40)
VALUES = st.floats(-1e6, 1e6)


@given(st.lists(VALUES, min_size=1, max_size=20), FRACS)
def test_encoding_is_the_nearest_multiple(values: list[float], frac: int) -> None:
    words = encode(np.array(values), frac)
    for value, word in zip(values, words.tolist(), strict=True):
        signed = word - 2**64 if word >= 2**63 else word
        assert abs(Fraction(signed) - Fraction(value) * 2**frac) <= Fraction(1, 2)
        assert encode_scalar(value, frac) == signed
    assert np.abs(decode(words, frac) - values).max() <= 2.0 ** -(frac + 1)


@given(st.integers(-(2**52), 2**52), FRACS)
def test_multiples_survive_both_ways(number: int, frac: int) -> None:
    value = np.array([number / 2.0**frac])
    assert decode(encode(value, frac), frac)[0] == value[0]


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8), FRACS)
def test_sums_and_products_wrap_to_the_right_numbers(pairs: list[tuple[float, float]], frac: int) -> None:
    frac = min(frac, 9)
    left, right = np.array(pairs).T
    a, b = encode(left, frac), encode(right, frac)
    exact = [int(x) * int(y) for x, y in zip(a.view(np.int64), b.view(np.int64), strict=True)]
    assert (a * b).view(np.int64).tolist() == [(e + 2**63) % 2**64 - 2**63 for e in exact]
    assert decode(a + b, frac) == pytest.approx(left + right, abs=2.0**-frac)


@given(st.integers(0, 2**64 - 1), st.integers(0, 70))
def test_shifting_multiplies(word: int, bits: int) -> None:
    assert shifted(np.array([word], np.uint64), bits).tolist() == [word * 2**bits % 2**64]


@pytest.mark.parametrize(
    ("bound", "frac", "fine"),
    [
        (1.0, 61, True),
        (1.0, 62, False),
        (2.0**44, 18, False),
        (2.0**44 - 1, 18, True),
        (float("inf"), 1, False),
    ],
)
def test_what_reaches_2_to_the_62_does_not_fit(bound: float, frac: int, fine: bool) -> None:
    assert fits(bound, frac) is fine
    if fine:
        check_fits(bound, frac, "here")
    else:
        with pytest.raises(CoterieError, match=r"CT-2101.*here"):
            check_fits(bound, frac, "here")


def form(shape: tuple[int, ...] = (3, 2), bound: float = 5.0, **more: float) -> PrivateForm:
    return PrivateForm(shape, 16, between(bound), owner="lender", **more)


def test_own_plaintext_is_kept_in_32_bits_where_it_fits() -> None:
    values = np.array([[5.0, -5.0], [0.25, 1e-9], [-1.5, 3.0]])
    narrow = encode_input(as_blocks(values, form(), "x"), form(), "x")
    wide = encode_input(as_blocks(values, form(bound=40000.0), "x"), form(bound=40000.0), "x")
    assert (narrow.dtype, wide.dtype) == (np.int32, np.uint64)
    np.testing.assert_array_equal(as_words(narrow), wide)
    np.testing.assert_allclose(decode(wide, 16), values, atol=2.0**-17, rtol=0)


@pytest.mark.parametrize("rows", [1, 1000, 300_000])
def test_blocks_are_one_array(rows: int) -> None:
    values = np.random.default_rng(1).normal(size=(rows, 7)).clip(-5, 5)
    blocks = RowBlocks(values.shape, lambda start, stop: values[start:stop])
    np.testing.assert_array_equal(blocks.whole(), values)
    whole = encode_input(as_blocks(values, form((rows, 7)), "x"), form((rows, 7)), "x")
    np.testing.assert_array_equal(encode_input(blocks, form((rows, 7)), "x"), whole)
    np.testing.assert_array_equal(whole, np.rint(values * 2**16))


@pytest.mark.parametrize(
    ("values", "more", "code"),
    [
        ([[1, 2], [3, np.nan], [0, 0]], {}, "CT-2103"),
        ([[1, 2], [3, np.inf], [0, 0]], {}, "CT-2103"),
        ([[1, 2], [3, 5.001], [0, 0]], {}, "CT-2102"),
        ([[1, 2], [3, -4.75], [0, 0]], {"row_sum": 7.5}, "CT-2102"),
        ([[1, 4.75], [3, -4.5], [0, 0]], {"column_sum": 9.0}, "CT-2102"),
        ([[1, 2]], {}, "CT-2107"),
        ([["a", "b"]] * 3, {}, "CT-2107"),
    ],
)
def test_input_out_of_form_is_refused_without_showing_it(
    values: list[list[float]], more: dict[str, float], code: str
) -> None:
    given_form = form(**more)
    with pytest.raises(CoterieError) as caught:
        encode_input(as_blocks(np.array(values), given_form, "income"), given_form, "income")
    assert caught.value.code == code
    assert "income" in str(caught.value)
    assert "4.75" not in str(caught.value)
    assert "5.001" not in str(caught.value)


def test_sums_within_their_bounds_pass() -> None:
    values, given_form = np.array([[1, 2], [3, -4.75], [0, 0]]), form(row_sum=7.75, column_sum=6.75)
    encode_input(as_blocks(values, given_form, "x"), given_form, "x")
