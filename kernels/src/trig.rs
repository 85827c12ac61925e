//! Shares of trigonometric sums: the dealer's shares of sin and cos of a mask, and a party's step of
//! sin(a - b) = sin a cos b - cos a sin b with public a.
//!
//! Every party computes the public factors for itself and multiplies its share by them. Were a factor to differ
//! between two parties in its last bit, the sum of their products would be off by a random share times one: all
//! would be lost. So nothing here may depend on the processor, the compiler's choice of instructions or the
//! system's mathematical library: range reduction is done on the integer; sine and cosine of the reduced angle
//! are Taylor polynomials whose operations are IEEE 754 additions and multiplications in an order that the source
//! fixes (Rust never fuses or reorders them); multiples of the angle follow by rotation; rounding adds and takes
//! away a constant. Vectorisation only does the same for several elements at once.
//!
//! The error of a sine or cosine is below 1e-15 * j for the j-th multiple.

use std::ops::Range;

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays::{
    contiguous, count, finished, fresh, refuse, seed as seed_of, seeds as seeds_of, whole, within,
};
use crate::cpu::{Kernel, Level};
use crate::prg::{Stream, fill_sum, in_pieces};
use crate::simd::Simd;

/// Elements of a block. Its shares lie term by term: sin 1 of all elements, cos 1 of all, sin 2 of all, …
const BLOCK: usize = 64;
const MAX_TERMS: u64 = 1024;

/// 1.5 * 2^52. A number x below 2^51 plus this is x rounded to an integer, which then stands in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

type Lanes = [f64; BLOCK];

/// x rounded to the nearest integer, ties to even, as a word. |x| < 2^51.
#[inline(always)]
fn rounded(x: f64) -> u64 {
    (x + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits())
}

/// An integer below 2^51 in size as a float: `rounded` backwards, because not every processor converts vectors.
#[inline(always)]
fn float(integer: i64) -> f64 {
    f64::from_bits(ROUNDER.to_bits().wrapping_add(integer as u64)) - ROUNDER
}

/// Sine and cosine of 2π * turn / 2^64.
#[inline(always)]
fn sin_cos(turn: u64) -> (f64, f64) {
    // The angle is a number of quarter turns and a rest of at most an eighth turn, of which 2^-54 turns are kept.
    let quarter = turn.wrapping_add(1 << 61) >> 62;
    let rest = turn.wrapping_sub(quarter << 62) as i64;
    let x = float(rest.wrapping_add(1 << 9) >> 10) * (std::f64::consts::TAU / (1u64 << 54) as f64);
    let y = x * x;
    // 1 / n!, from the highest: the first term left out is below 1e-16.
    let mut sin = -1.0 / 1_307_674_368_000.0;
    sin = sin * y + 1.0 / 6_227_020_800.0;
    sin = sin * y - 1.0 / 39_916_800.0;
    sin = sin * y + 1.0 / 362_880.0;
    sin = sin * y - 1.0 / 5_040.0;
    sin = sin * y + 1.0 / 120.0;
    sin = sin * y - 1.0 / 6.0;
    let sin = x + x * (y * sin);
    let mut cos = 1.0 / 20_922_789_888_000.0;
    cos = cos * y - 1.0 / 87_178_291_200.0;
    cos = cos * y + 1.0 / 479_001_600.0;
    cos = cos * y - 1.0 / 3_628_800.0;
    cos = cos * y + 1.0 / 40_320.0;
    cos = cos * y - 1.0 / 720.0;
    cos = cos * y + 1.0 / 24.0;
    cos = cos * y - 0.5;
    let cos = 1.0 + y * cos;
    // sin(x + π/2) = cos x, cos(x + π/2) = -sin x, and so on; done on bits, without branches.
    let swap = 0u64.wrapping_sub(quarter & 1);
    let (s, c) = (sin.to_bits(), cos.to_bits());
    let differ = (s ^ c) & swap;
    let sin_sign = (quarter >> 1) << 63;
    let cos_sign = ((quarter ^ (quarter >> 1)) & 1) << 63;
    (
        f64::from_bits(s ^ differ ^ sin_sign),
        f64::from_bits(c ^ differ ^ cos_sign),
    )
}

/// Sines and cosines of jθm for a block of integers m and one j after the other.
struct Multiples {
    first: (Lanes, Lanes),
    sin: Lanes,
    cos: Lanes,
}

impl Multiples {
    /// j = 1. There may be fewer integers than a block holds.
    #[inline(always)]
    fn new(integers: &[u64], period_bits: u32) -> Self {
        let (mut sin, mut cos) = ([0.0; BLOCK], [0.0; BLOCK]);
        let mut turns = [0u64; BLOCK];
        turns[..integers.len()].copy_from_slice(integers);
        for k in 0..BLOCK {
            (sin[k], cos[k]) = sin_cos(turns[k] << (64 - period_bits));
        }
        let first = (sin, cos);
        Multiples { first, sin, cos }
    }

    /// From j to j + 1: rotates by the first angle.
    #[inline(always)]
    fn advance(&mut self) {
        let (sin1, cos1) = &self.first;
        for k in 0..BLOCK {
            let (s, c) = (self.sin[k], self.cos[k]);
            self.sin[k] = s * cos1[k] + c * sin1[k];
            self.cos[k] = c * cos1[k] - s * sin1[k];
        }
    }
}

/// Turns sums of streams in `shares` into corrections: sines and cosines of the masks minus those sums.
struct Corrections<'a> {
    masks: &'a [u64],
    period_bits: u32,
    scale: f64,
    shares: &'a mut [u64],
}

impl Kernel for Corrections<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (rows, scale) = (self.masks.len(), self.scale);
        let mut angles = Multiples::new(self.masks, self.period_bits);
        for pair in self.shares.chunks_exact_mut(2 * rows) {
            let (sins, cosines) = pair.split_at_mut(rows);
            for (share, value) in sins.iter_mut().zip(&angles.sin) {
                *share = rounded(value * scale).wrapping_sub(*share);
            }
            for (share, value) in cosines.iter_mut().zip(&angles.cos) {
                *share = rounded(value * scale).wrapping_sub(*share);
            }
            angles.advance();
        }
    }
}

/// Shares of the sum for a block: out = Σ_j round(factor_j sin jθm) C_j - round(factor_j cos jθm) S_j.
struct Sums<'a> {
    opened: &'a [u64],
    period_bits: u32,
    factors: &'a [f64],
    shares: &'a [u64],
    out: &'a mut [u64],
}

impl Kernel for Sums<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let rows = self.opened.len();
        let mut totals = [0u64; BLOCK];
        let mut angles = Multiples::new(self.opened, self.period_bits);
        for (factor, pair) in self.factors.iter().zip(self.shares.chunks_exact(2 * rows)) {
            let (sins, cosines) = pair.split_at(rows);
            for k in 0..rows.min(BLOCK) {
                let plus = rounded(angles.sin[k] * factor).wrapping_mul(cosines[k]);
                let minus = rounded(angles.cos[k] * factor).wrapping_mul(sins[k]);
                totals[k] = totals[k].wrapping_add(plus).wrapping_sub(minus);
            }
            angles.advance();
        }
        self.out.copy_from_slice(&totals[..rows]);
    }
}

/// A party's shares: sent by the dealer, or made where they are needed.
enum Shares<'a> {
    Given(&'a [u64]),
    Expanded(Box<Stream>),
}

impl Shares<'_> {
    fn words<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<u64>) -> &'a [u64] {
        match self {
            Shares::Given(words) => &words[range],
            Shares::Expanded(stream) => {
                buffer.resize(range.len(), 0);
                stream.fill(range.start as u64, buffer);
                buffer
            }
        }
    }
}

/// 2^exponent, exactly.
fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// The dealer's correction for shares of sines and cosines of a mask.
#[pyfunction]
fn trig_deal<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyAny>,
    period_bits: &Bound<'py, PyAny>,
    terms: &Bound<'py, PyAny>,
    frac: &Bound<'py, PyAny>,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let mask = contiguous::<u64>("mask", mask)?;
    let period_bits = within("period_bits", period_bits, 1, 64)?;
    let each = 2 * within("terms", terms, 1, MAX_TERMS)? as usize;
    let scale = power_of_two(i64::from(within("frac", frac, 0, 50)?));
    let streams = Stream::all(&seeds_of(&seeds)?, whole("id", id)?);
    let size = count("mask", &[mask.len() as u64, each as u64])?;
    let mut out = fresh::<u64>(py, &[size])?;
    let (given, words) = (mask.as_slice()?, out.as_slice_mut()?);
    let level = Level::best();
    py.detach(|| {
        in_pieces(words, BLOCK * each, 1, |from, part| {
            for (index, shares) in part.chunks_mut(BLOCK * each).enumerate() {
                let at = from + index * BLOCK * each;
                fill_sum(&streams, at as u64, shares);
                let masks = &given[at / each..][..shares.len() / each];
                level.run(Corrections {
                    masks,
                    period_bits,
                    scale,
                    shares,
                });
            }
        })
    });
    Ok(finished(out))
}

/// The coefficients times 2^shift, refused where a factor could not be rounded exactly.
fn scaled(coefficients: &[f64], shift: i64) -> PyResult<Vec<f64>> {
    if coefficients.is_empty() || coefficients.len() as u64 > MAX_TERMS {
        return refuse(format!("coefficients must be from 1 to {MAX_TERMS}"));
    }
    let factors: Vec<f64> = coefficients
        .iter()
        .map(|b| b * power_of_two(shift))
        .collect();
    if factors.iter().all(|factor| factor.abs() < power_of_two(50)) {
        Ok(factors)
    } else {
        refuse("every coefficient * 2^(out_frac - frac) must be below 2^50 in size")
    }
}

/// A party's share of a sum of sines.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // The published signature.
fn trig_eval<'py>(
    py: Python<'py>,
    opened: &Bound<'py, PyAny>,
    coefficients: &Bound<'py, PyAny>,
    period_bits: &Bound<'py, PyAny>,
    frac: &Bound<'py, PyAny>,
    out_frac: &Bound<'py, PyAny>,
    shares: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let opened = contiguous::<u64>("opened", opened)?;
    let coefficients = contiguous::<f64>("coefficients", coefficients)?;
    let period_bits = within("period_bits", period_bits, 1, 64)?;
    let (frac, out_frac) = (
        within("frac", frac, 0, 50)?,
        within("out_frac", out_frac, 0, 62)?,
    );
    let factors = scaled(
        coefficients.as_slice()?,
        i64::from(out_frac) - i64::from(frac),
    )?;
    let id = whole("id", id)?;
    let each = 2 * factors.len();
    let size = count("opened", &[opened.len() as u64, each as u64])?;
    let given = shares
        .map(|shares| contiguous::<u64>("shares", shares))
        .transpose()?;
    let shares = match (&given, seed) {
        (Some(given), None) if given.len() == size => Shares::Given(given.as_slice()?),
        (Some(given), None) => {
            return refuse(format!(
                "shares must have {size} elements, not {}",
                given.len()
            ));
        }
        (None, Some(seed)) => Shares::Expanded(Box::new(Stream::new(&seed_of(seed)?, id))),
        _ => return refuse("give either shares or a seed"),
    };
    let mut out = fresh::<u64>(py, opened.shape())?;
    let (opened, words) = (opened.as_slice()?, out.as_slice_mut()?);
    let level = Level::best();
    py.detach(|| {
        in_pieces(words, BLOCK, each, |from, part| {
            let mut buffer = Vec::new();
            for (index, out) in part.chunks_mut(BLOCK).enumerate() {
                let rows = from + index * BLOCK..from + index * BLOCK + out.len();
                let shares = shares.words(rows.start * each..rows.end * each, &mut buffer);
                let opened = &opened[rows];
                level.run(Sums {
                    opened,
                    period_bits,
                    factors: &factors,
                    shares,
                    out,
                });
            }
        })
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(trig_deal, module)?)?;
    module.add_function(wrap_pyfunction!(trig_eval, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integers(n: u64) -> Vec<u64> {
        let edges =
            (0..16u64).flat_map(|k| [-1i64, 0, 1].map(|e| (k << 60).wrapping_add(e as u64)));
        let others = (0..n).map(|k| k.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        edges.chain(others).collect()
    }

    #[test]
    fn sines_are_accurate() {
        for turn in integers(5000) {
            let angle = turn as i64 as f64 * (std::f64::consts::PI / (1u64 << 63) as f64);
            let (sin, cos) = sin_cos(turn);
            assert!((sin - angle.sin()).abs() < 1e-15 && (cos - angle.cos()).abs() < 1e-15);
        }
    }

    #[test]
    fn multiples_are_accurate() {
        for block in integers(1000).chunks(BLOCK) {
            let mut angles = Multiples::new(block, 61);
            for j in 1..=32u64 {
                for (k, integer) in block.iter().enumerate() {
                    let (sin, cos) = sin_cos(integer.wrapping_mul(j) << 3);
                    assert!((angles.sin[k] - sin).abs() < 1e-15 * j as f64);
                    assert!((angles.cos[k] - cos).abs() < 1e-15 * j as f64);
                }
                angles.advance();
            }
        }
    }

    #[test]
    fn all_processors_give_the_same_bits() {
        let masks = integers(1000);
        let each = 2 * 13;
        let run = |level: Level| {
            let mut words = vec![3; masks.len() * each];
            let mut out = vec![0; masks.len()];
            let factors: Vec<f64> = (1..=13).map(|j| 1e6 / f64::from(j)).collect();
            for ((masks, shares), out) in masks
                .chunks(BLOCK)
                .zip(words.chunks_mut(BLOCK * each))
                .zip(out.chunks_mut(BLOCK))
            {
                level.run(Corrections {
                    masks,
                    period_bits: 41,
                    scale: 1e9,
                    shares,
                });
                level.run(Sums {
                    opened: masks,
                    period_bits: 40,
                    factors: &factors,
                    shares,
                    out,
                });
            }
            (words, out)
        };
        let levels = Level::all();
        let expected = run(levels[0]);
        for level in &levels[1..] {
            assert!(run(*level) == expected, "{level:?}");
        }
    }

    #[test]
    fn rounds_as_stated() {
        assert_eq!(rounded(2.5), 2);
        assert_eq!(rounded(-3.5), 4u64.wrapping_neg());
        assert_eq!(float(-5), -5.0);
    }
}
