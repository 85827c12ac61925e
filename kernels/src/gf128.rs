//! The field GF(2^128): polynomials over bits modulo x^128 + x^7 + x^2 + x + 1.
//!
//! An element is 16 bytes, least significant first: bit i of that number is the coefficient of x^i. (GHASH has the
//! same field with the bits of each byte in the other order.) Products take the same time whatever is multiplied:
//! carry-less multiplication where the processor has it, masks elsewhere.

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayon::prelude::*;

use crate::arrays::{contiguous, finished, fresh, refuse, rows_of, seed as bytes16};

/// Bytes of an element.
pub const WIDTH: usize = 16;

/// Elements of a piece of parallel work: some 2 ns each.
const PIECE: usize = 1 << 13;

/// A way to multiply two elements.
pub trait Field {
    /// The 256 bits of the product: lower half, upper half.
    fn product(a: u128, b: u128) -> (u128, u128);

    /// The product as an element.
    #[inline(always)]
    fn mul(a: u128, b: u128) -> u128 {
        let (low, high) = Self::product(a, b);
        Self::reduce(low, high)
    }

    /// low + x^128 high.
    #[inline(always)]
    fn reduce(low: u128, high: u128) -> u128 {
        // The fold has degree 7: what it shifts out of the upper 64 bits is folded with the lower ones.
        let upper = Self::fold((high >> 64) as u64);
        let lower = Self::fold(high as u64 ^ (upper >> 64) as u64);
        low ^ (upper << 64) ^ lower
    }

    /// 64 bits times x^7 + x^2 + x + 1: shifts alone.
    #[inline(always)]
    fn fold(a: u64) -> u128 {
        let a = a as u128;
        a ^ (a << 1) ^ (a << 2) ^ (a << 7)
    }
}

/// Masks and shifts.
pub struct Portable;

impl Field for Portable {
    #[inline(always)]
    fn product(a: u128, b: u128) -> (u128, u128) {
        let (mut low, mut high) = (0, 0);
        for i in (0..128).rev() {
            high = (high << 1) | (low >> 127);
            low = (low << 1) ^ (a & 0u128.wrapping_sub((b >> i) & 1));
        }
        (low, high)
    }
}

/// Carry-less multiplication of 64 bits, where the processor has it.
#[cfg(target_arch = "x86_64")]
pub struct Clmul;

#[cfg(target_arch = "x86_64")]
impl Clmul {
    #[inline(always)]
    fn wide(a: u64, b: u64) -> u128 {
        use std::arch::x86_64::{_mm_clmulepi64_si128, _mm_cvtsi64_si128};
        // SAFETY: run only where the feature was detected; every bit pattern is a u128.
        unsafe {
            let (a, b) = (_mm_cvtsi64_si128(a as i64), _mm_cvtsi64_si128(b as i64));
            std::mem::transmute(_mm_clmulepi64_si128(a, b, 0))
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Field for Clmul {
    #[inline(always)]
    fn product(a: u128, b: u128) -> (u128, u128) {
        let (a0, a1) = (a as u64, (a >> 64) as u64);
        let (b0, b1) = (b as u64, (b >> 64) as u64);
        let (low, high) = (Self::wide(a0, b0), Self::wide(a1, b1));
        let middle = Self::wide(a0 ^ a1, b0 ^ b1) ^ low ^ high;
        (low ^ (middle << 64), high ^ (middle >> 64))
    }
}

/// A loop over elements, compiled for each way to multiply. All that `run` calls must be `#[inline(always)]`.
pub trait Work {
    /// What comes out.
    type Out;
    /// The loop.
    fn run<F: Field>(self) -> Self::Out;
}

/// Runs a loop in the fastest way of this machine.
pub fn run<W: Work>(work: W) -> W::Out {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("pclmulqdq") {
        // SAFETY: the feature was detected.
        return unsafe { clmul(work) };
    }
    work.run::<Portable>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "pclmulqdq")]
fn clmul<W: Work>(work: W) -> W::Out {
    work.run::<Clmul>()
}

/// An element of its bytes.
#[inline(always)]
pub fn load(bytes: &[u8; WIDTH]) -> u128 {
    u128::from_le_bytes(*bytes)
}

/// x · by (+ y, where there is one).
struct Scale<'a> {
    x: &'a [[u8; WIDTH]],
    by: u128,
    y: Option<&'a [[u8; WIDTH]]>,
    out: &'a mut [[u8; WIDTH]],
}

impl Work for Scale<'_> {
    type Out = ();

    #[inline(always)]
    fn run<F: Field>(self) {
        match self.y {
            None => {
                for (out, x) in self.out.iter_mut().zip(self.x) {
                    *out = F::mul(load(x), self.by).to_le_bytes();
                }
            }
            Some(y) => {
                for ((out, x), y) in self.out.iter_mut().zip(self.x).zip(y) {
                    *out = (F::mul(load(x), self.by) ^ load(y)).to_le_bytes();
                }
            }
        }
    }
}

/// x · y, one by one.
struct Product<'a> {
    x: &'a [[u8; WIDTH]],
    y: &'a [[u8; WIDTH]],
    out: &'a mut [[u8; WIDTH]],
}

impl Work for Product<'_> {
    type Out = ();

    #[inline(always)]
    fn run<F: Field>(self) {
        for ((out, x), y) in self.out.iter_mut().zip(self.x).zip(self.y) {
            *out = F::mul(load(x), load(y)).to_le_bytes();
        }
    }
}

/// The sum of x[i] · at^i.
struct Polynomial<'a> {
    x: &'a [[u8; WIDTH]],
    at: u128,
}

impl Work for Polynomial<'_> {
    type Out = u128;

    #[inline(always)]
    fn run<F: Field>(self) -> u128 {
        let mut powers = [1; 5];
        for k in 1..5 {
            powers[k] = F::mul(powers[k - 1], self.at);
        }
        let (quads, rest) = self.x.as_chunks::<4>();
        let mut sum = 0;
        for x in rest.iter().rev() {
            sum = F::mul(sum, self.at) ^ load(x);
        }
        for quad in quads.iter().rev() {
            // Five products are added before they are reduced.
            let (mut low, mut high) = F::product(sum, powers[4]);
            for k in 1..4 {
                let (l, h) = F::product(load(&quad[k]), powers[k]);
                (low, high) = (low ^ l, high ^ h);
            }
            sum = F::reduce(low, high) ^ load(&quad[0]);
        }
        sum
    }
}

/// base^exponent; the time depends on the exponent's size, 64 steps.
struct Power(u128, u64);

impl Work for Power {
    type Out = u128;

    #[inline(always)]
    fn run<F: Field>(self) -> u128 {
        let (mut square, mut result) = (self.0, 1);
        for bit in 0..64 {
            let factor = F::mul(result, square);
            let mask = 0u128.wrapping_sub(((self.1 >> bit) & 1) as u128);
            result ^= (result ^ factor) & mask;
            square = F::mul(square, square);
        }
        result
    }
}

/// The rows of an array of whole elements.
pub fn rows(bytes: &[u8]) -> &[[u8; WIDTH]] {
    bytes.as_chunks::<WIDTH>().0
}

/// The rows of an array of whole elements, to be filled.
pub fn rows_mut(bytes: &mut [u8]) -> &mut [[u8; WIDTH]] {
    bytes.as_chunks_mut::<WIDTH>().0
}

fn scaled<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    by: &Bound<'py, PyAny>,
    y: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let x = rows_of::<WIDTH>("x", x)?;
    let by = u128::from_le_bytes(*bytes16(by)?);
    let y = y.map(|y| rows_of::<WIDTH>("y", y)).transpose()?;
    if y.as_ref().is_some_and(|y| y.shape() != x.shape()) {
        return refuse("x and y must have one shape");
    }
    let mut out = fresh::<u8>(py, x.shape())?;
    let (given, filled) = (rows(x.as_slice()?), rows_mut(out.as_slice_mut()?));
    let added = y.as_ref().map(|y| y.as_slice()).transpose()?.map(rows);
    py.detach(|| {
        filled
            .par_chunks_mut(PIECE)
            .enumerate()
            .for_each(|(piece, out)| {
                let (from, to) = (piece * PIECE, piece * PIECE + out.len());
                run(Scale {
                    x: &given[from..to],
                    by,
                    y: added.map(|y| &y[from..to]),
                    out,
                });
            });
    });
    Ok(finished(out))
}

/// Each element times one.
#[pyfunction]
fn gf128_scale<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    by: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    scaled(py, x, by, None)
}

/// Each element times one, plus another.
#[pyfunction]
fn gf128_scale_add<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    by: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    scaled(py, x, by, Some(y))
}

/// Products, element by element.
#[pyfunction]
fn gf128_mul<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    y: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (x, y) = (rows_of::<WIDTH>("x", x)?, rows_of::<WIDTH>("y", y)?);
    if y.shape() != x.shape() {
        return refuse("x and y must have one shape");
    }
    let mut out = fresh::<u8>(py, x.shape())?;
    let (x, y) = (rows(x.as_slice()?), rows(y.as_slice()?));
    let filled = rows_mut(out.as_slice_mut()?);
    py.detach(|| {
        filled
            .par_chunks_mut(PIECE)
            .zip(x.par_chunks(PIECE).zip(y.par_chunks(PIECE)))
            .for_each(|(out, (x, y))| run(Product { x, y, out }));
    });
    Ok(finished(out))
}

/// The value of the polynomial with these coefficients, from the constant on.
#[pyfunction]
fn gf128_polynomial<'py>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    at: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let x = rows_of::<WIDTH>("x", x)?;
    let at = u128::from_le_bytes(*bytes16(at)?);
    let given = rows(x.as_slice()?);
    let sum = py.detach(|| {
        let pieces: Vec<_> = given
            .par_chunks(PIECE)
            .map(|x| run(Polynomial { x, at }).to_le_bytes())
            .collect();
        let at = run(Power(at, PIECE as u64));
        run(Polynomial { x: &pieces, at })
    });
    Ok(PyBytes::new(py, &sum.to_le_bytes()))
}

/// One element to the power of several exponents.
#[pyfunction]
fn gf128_powers<'py>(
    py: Python<'py>,
    base: &Bound<'py, PyAny>,
    exponents: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let base = u128::from_le_bytes(*bytes16(base)?);
    let exponents = contiguous::<u64>("exponents", exponents)?;
    let given = exponents.as_slice()?;
    let mut out = fresh::<u8>(py, &[given.len(), WIDTH])?;
    let filled = rows_mut(out.as_slice_mut()?);
    py.detach(|| {
        for (out, exponent) in filled.iter_mut().zip(given) {
            *out = run(Power(base, *exponent)).to_le_bytes();
        }
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(gf128_scale, module)?)?;
    module.add_function(wrap_pyfunction!(gf128_scale_add, module)?)?;
    module.add_function(wrap_pyfunction!(gf128_mul, module)?)?;
    module.add_function(wrap_pyfunction!(gf128_polynomial, module)?)?;
    module.add_function(wrap_pyfunction!(gf128_powers, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(n: usize) -> Vec<u128> {
        let word = |k: u128| (k + 3).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        (0..n as u128)
            .map(|k| word(word(k) ^ (word(k) >> 61)))
            .collect()
    }

    /// The fastest way of this machine against masks, whose product is the definition.
    #[test]
    fn ways_agree() {
        let edges = [0, 1, 1 << 127, u128::MAX, 0x87];
        let values: Vec<u128> = random(40).into_iter().chain(edges).collect();
        for a in &values {
            for b in &values {
                let mut out = [[0; WIDTH]];
                run(Product {
                    x: &[a.to_le_bytes()],
                    y: &[b.to_le_bytes()],
                    out: &mut out,
                });
                assert_eq!(load(&out[0]), Portable::mul(*a, *b));
            }
        }
    }

    #[test]
    fn reduces_as_long_division_does() {
        for value in random(50) {
            for other in random(7) {
                let (mut low, mut high) = Portable::product(value, other);
                for i in (0..128).rev() {
                    if (high >> i) & 1 == 1 {
                        high ^= 1 << i;
                        low ^= 0x87u128 << i;
                        high ^= if i > 120 { 0x87u128 >> (128 - i) } else { 0 };
                    }
                }
                assert_eq!((low, high), (Portable::mul(value, other), 0));
            }
        }
    }
}
