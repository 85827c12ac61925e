//! Shamir's sharing (1979) over GF(2^128): polynomials at points, and interpolation at zero.

use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays::{contiguous, finished, fresh, refuse};
use crate::gf128::{Field, WIDTH, Work, load, rows, rows_mut, run};

/// The values at points of several polynomials, whose coefficients lie one power after the other.
struct Share<'a> {
    coefficients: &'a [[u8; WIDTH]],
    points: &'a [u64],
    out: &'a mut [[u8; WIDTH]],
}

impl Work for Share<'_> {
    type Out = ();

    #[inline(always)]
    fn run<F: Field>(self) {
        let many = self.out.len() / self.points.len();
        for (out, point) in self.out.chunks_exact_mut(many).zip(self.points) {
            for (k, out) in out.iter_mut().enumerate() {
                let mut sum = 0;
                for power in self.coefficients.chunks_exact(many).rev() {
                    sum = F::mul(sum, u128::from(*point)) ^ load(&power[k]);
                }
                *out = sum.to_le_bytes();
            }
        }
    }
}

/// The values at zero of the polynomials of least degree through shares.
struct Join<'a> {
    points: &'a [u64],
    shares: &'a [[u8; WIDTH]],
    out: &'a mut [[u8; WIDTH]],
}

impl Work for Join<'_> {
    type Out = ();

    #[inline(always)]
    fn run<F: Field>(self) {
        let many = self.out.len();
        let mut sums = vec![0; many];
        for (shares, at) in self.shares.chunks_exact(many).zip(self.points) {
            let (mut over, mut under) = (1, 1);
            for other in self.points {
                if other != at {
                    over = F::mul(over, u128::from(*other));
                    under = F::mul(under, u128::from(at ^ other));
                }
            }
            // The inverse is the power 2^128 - 2.
            let (mut square, mut weight) = (under, over);
            for _ in 1..128 {
                square = F::mul(square, square);
                weight = F::mul(weight, square);
            }
            for (sum, share) in sums.iter_mut().zip(shares) {
                *sum ^= F::mul(load(share), weight);
            }
        }
        for (out, sum) in self.out.iter_mut().zip(sums) {
            *out = sum.to_le_bytes();
        }
    }
}

/// Points that differ and are not zero.
fn distinct<'py>(points: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArrayDyn<'py, u64>> {
    let points = contiguous::<u64>("points", points)?;
    let mut sorted = points.as_slice()?.to_vec();
    sorted.sort_unstable();
    if sorted.is_empty() || sorted[0] == 0 || sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return refuse("points must be different and not zero, and at least one");
    }
    Ok(points)
}

fn three<'py>(
    name: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<(PyReadonlyArrayDyn<'py, u8>, usize, usize)> {
    let array = contiguous::<u8>(name, value)?;
    match *array.shape() {
        [n, m, WIDTH] if n > 0 && m > 0 => Ok((array, n, m)),
        ref shape => refuse(format!(
            "{name} must have shape (n, m, {WIDTH}), n and m at least 1, not {shape:?}"
        )),
    }
}

/// Values of polynomials at points.
#[pyfunction]
fn shamir_share<'py>(
    py: Python<'py>,
    coefficients: &Bound<'py, PyAny>,
    points: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (coefficients, _, many) = three("coefficients", coefficients)?;
    let points = distinct(points)?;
    let mut out = fresh::<u8>(py, &[points.len(), many, WIDTH])?;
    let (given, at) = (rows(coefficients.as_slice()?), points.as_slice()?);
    let filled = rows_mut(out.as_slice_mut()?);
    py.detach(|| {
        run(Share {
            coefficients: given,
            points: at,
            out: filled,
        })
    });
    Ok(finished(out))
}

/// What was shared, from as many shares as there were coefficients.
#[pyfunction]
fn shamir_join<'py>(
    py: Python<'py>,
    shares: &Bound<'py, PyAny>,
    points: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (shares, n, many) = three("shares", shares)?;
    let points = distinct(points)?;
    if points.len() != n {
        return refuse("shares and points must be as many");
    }
    let mut out = fresh::<u8>(py, &[many, WIDTH])?;
    let (given, at) = (rows(shares.as_slice()?), points.as_slice()?);
    let filled = rows_mut(out.as_slice_mut()?);
    py.detach(|| {
        run(Join {
            points: at,
            shares: given,
            out: filled,
        })
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(shamir_share, module)?)?;
    module.add_function(wrap_pyfunction!(shamir_join, module)?)
}
