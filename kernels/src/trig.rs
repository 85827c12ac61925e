//! Shares of trigonometric sums: the dealer's shares of sin and cos of a mask, and a party's step of
//! sin(a - b) = sin a cos b - cos a sin b with public a, and the same for cosines.
//!
//! Every party computes the public factors for itself and multiplies its share by them. Were a factor to differ
//! between two parties in its last bit, the sum of their products would be off by a random share times one: all
//! would be lost. So nothing here may depend on the processor, the compiler's choice of instructions or the
//! system's mathematical library: see `angles` and `fixed`.

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::angles::{BLOCK, Harmonics, MAX_TERMS, Multiples};
use crate::arrays::{contiguous, count, finished, fresh, refuse, seeds as seeds_of, whole, within};
use crate::cpu::{Kernel, Level};
use crate::dealt::{Shares, given};
use crate::fixed::{power_of_two, rounded};
use crate::prg::{Stream, fill_sum, in_pieces};
use crate::simd::Simd;

/// What shares are made of: Z_2^64, or Z_2^32 at half the size.
trait Lane: Copy + Default + bytemuck::Pod {
    /// The low bits.
    fn of(word: u64) -> Self;
    /// The element of Z_2^64 of which this is the top.
    fn top(self) -> u64;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
}

macro_rules! lane {
    ($name:ty, $above:expr) => {
        impl Lane for $name {
            #[inline(always)]
            fn of(word: u64) -> Self {
                word as $name
            }

            #[inline(always)]
            fn top(self) -> u64 {
                u64::from(self) << $above
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
        }
    };
}

lane!(u64, 0);
lane!(u32, 32);

/// Turns sums of streams in `shares` into corrections: sines and cosines of the masks minus those sums. A block's
/// shares lie term by term: sin 1 of all its elements, cos 1 of all, sin 2 of all, …
struct Corrections<'a, L> {
    masks: &'a [u64],
    harmonics: Harmonics,
    scale: f64,
    shares: &'a mut [L],
}

impl<L: Lane> Kernel for Corrections<'_, L> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (rows, scale) = (self.masks.len(), self.scale);
        let mut angles = Multiples::new(self.masks, self.harmonics);
        for pair in self.shares.chunks_exact_mut(2 * rows) {
            let (sins, cosines) = pair.split_at_mut(rows);
            for (share, value) in sins.iter_mut().zip(&angles.sin) {
                *share = L::of(rounded(value * scale)).sub(*share);
            }
            for (share, value) in cosines.iter_mut().zip(&angles.cos) {
                *share = L::of(rounded(value * scale)).sub(*share);
            }
            angles.advance();
        }
    }
}

/// Shares of the sum for a block, with C and S the shares of cosines and sines of the masks:
/// out = Σ_j round(a_j cos jθm + b_j sin jθm) C_j + round(a_j sin jθm - b_j cos jθm) S_j.
struct Sums<'a, L> {
    opened: &'a [u64],
    harmonics: Harmonics,
    sines: &'a [f64],
    /// Of the same length, or none at all.
    cosines: &'a [f64],
    shares: &'a [L],
    out: &'a mut [u64],
}

impl<L: Lane> Kernel for Sums<'_, L> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let rows = self.opened.len();
        let mut totals = [L::default(); BLOCK];
        let mut angles = Multiples::new(self.opened, self.harmonics);
        for (j, pair) in self.shares.chunks_exact(2 * rows).enumerate() {
            let (sins, cosines) = pair.split_at(rows);
            let b = self.sines[j];
            if self.cosines.is_empty() {
                for k in 0..rows.min(BLOCK) {
                    let plus = L::of(rounded(angles.sin[k] * b)).mul(cosines[k]);
                    let minus = L::of(rounded(angles.cos[k] * b)).mul(sins[k]);
                    totals[k] = totals[k].add(plus).sub(minus);
                }
            } else {
                let a = self.cosines[j];
                for k in 0..rows.min(BLOCK) {
                    let (sin, cos) = (angles.sin[k], angles.cos[k]);
                    let of_cos = L::of(rounded(cos * a + sin * b)).mul(cosines[k]);
                    let of_sin = L::of(rounded(sin * a - cos * b)).mul(sins[k]);
                    totals[k] = totals[k].add(of_cos).add(of_sin);
                }
            }
            angles.advance();
        }
        for (out, total) in self.out.iter_mut().zip(&totals) {
            *out = total.top();
        }
    }
}

/// Checked arguments.
fn harmonics(
    period_bits: &Bound<'_, PyAny>,
    first: &Bound<'_, PyAny>,
    step: &Bound<'_, PyAny>,
) -> PyResult<Harmonics> {
    Ok(Harmonics {
        first: u64::from(within("first", first, 1, MAX_TERMS)?),
        step: u64::from(within("step", step, 1, MAX_TERMS)?),
        period_bits: within("period_bits", period_bits, 1, 64)?,
    })
}

/// The dealer's correction for shares of sines and cosines of a mask.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // The published signature.
fn trig_deal<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyAny>,
    period_bits: &Bound<'py, PyAny>,
    terms: &Bound<'py, PyAny>,
    first: &Bound<'py, PyAny>,
    step: &Bound<'py, PyAny>,
    frac: &Bound<'py, PyAny>,
    half: bool,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let mask = contiguous::<u64>("mask", mask)?;
    let harmonics = harmonics(period_bits, first, step)?;
    let terms = within("terms", terms, 1, MAX_TERMS)? as usize;
    let each = if half { terms } else { 2 * terms };
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
                if half {
                    level.run(Corrections {
                        masks,
                        harmonics,
                        scale,
                        shares: bytemuck::cast_slice_mut::<u64, u32>(shares),
                    });
                } else {
                    level.run(Corrections {
                        masks,
                        harmonics,
                        scale,
                        shares,
                    });
                }
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
    if factors.iter().all(|factor| factor.abs() < power_of_two(49)) {
        Ok(factors)
    } else {
        refuse("every coefficient * 2^(out_frac - frac) must be below 2^49 in size")
    }
}

/// A party's share of a trigonometric sum.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // The published signature.
fn trig_eval<'py>(
    py: Python<'py>,
    opened: &Bound<'py, PyAny>,
    sines: &Bound<'py, PyAny>,
    cosines: Option<&Bound<'py, PyAny>>,
    period_bits: &Bound<'py, PyAny>,
    first: &Bound<'py, PyAny>,
    step: &Bound<'py, PyAny>,
    frac: &Bound<'py, PyAny>,
    out_frac: &Bound<'py, PyAny>,
    half: bool,
    shares: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let opened = contiguous::<u64>("opened", opened)?;
    let sines = contiguous::<f64>("sines", sines)?;
    let harmonics = harmonics(period_bits, first, step)?;
    let (frac, out_frac) = (
        within("frac", frac, 0, 50)?,
        within("out_frac", out_frac, 0, 62)?,
    );
    let shift = i64::from(out_frac) - i64::from(frac);
    let sines = scaled(sines.as_slice()?, shift)?;
    let cosines = match cosines {
        Some(cosines) => scaled(contiguous::<f64>("cosines", cosines)?.as_slice()?, shift)?,
        None => Vec::new(),
    };
    if !cosines.is_empty() && cosines.len() != sines.len() {
        return refuse("there must be as many cosines as sines");
    }
    let id = whole("id", id)?;
    let each = if half { sines.len() } else { 2 * sines.len() };
    let size = count("opened", &[opened.len() as u64, each as u64])?;
    let given = given(shares)?;
    let shares = Shares::new(&given, seed, id, size)?;
    let mut out = fresh::<u64>(py, opened.shape())?;
    let (opened, words) = (opened.as_slice()?, out.as_slice_mut()?);
    let level = Level::best();
    let (sines, cosines) = (sines.as_slice(), cosines.as_slice());
    py.detach(|| {
        in_pieces(words, BLOCK, each, |from, part| {
            let mut buffer = Vec::new();
            for (index, out) in part.chunks_mut(BLOCK).enumerate() {
                let rows = from + index * BLOCK..from + index * BLOCK + out.len();
                let shares = shares.words(rows.start * each..rows.end * each, &mut buffer);
                let opened = &opened[rows];
                if half {
                    level.run(Sums {
                        opened,
                        harmonics,
                        sines,
                        cosines,
                        shares: bytemuck::cast_slice::<u64, u32>(shares),
                        out,
                    });
                } else {
                    level.run(Sums {
                        opened,
                        harmonics,
                        sines,
                        cosines,
                        shares,
                        out,
                    });
                }
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

    /// All that is dealt, and evaluated from it, at one level.
    fn run<L: Lane>(level: Level, cosines: &[f64]) -> (Vec<L>, Vec<u64>) {
        let masks = integers(1000);
        let each = 2 * 13;
        let mut words = vec![L::of(3); masks.len() * each];
        let mut out = vec![0; masks.len()];
        let sines: Vec<f64> = (1..=13).map(|j| 1e6 / f64::from(j)).collect();
        let harmonics = Harmonics {
            first: 1,
            step: 2,
            period_bits: 41,
        };
        for ((masks, shares), out) in masks
            .chunks(BLOCK)
            .zip(words.chunks_mut(BLOCK * each))
            .zip(out.chunks_mut(BLOCK))
        {
            level.run(Corrections {
                masks,
                harmonics,
                scale: 1e9,
                shares,
            });
            level.run(Sums {
                opened: masks,
                harmonics,
                sines: &sines,
                cosines,
                shares,
                out,
            });
        }
        (words, out)
    }

    #[test]
    fn all_processors_give_the_same_bits() {
        let cosines: Vec<f64> = (1..=13).map(|j| -1e5 * f64::from(j)).collect();
        for cosines in [&cosines[..], &[]] {
            let levels = Level::all();
            let expected = (
                run::<u64>(levels[0], cosines),
                run::<u32>(levels[0], cosines),
            );
            for level in &levels[1..] {
                let found = (run::<u64>(*level, cosines), run::<u32>(*level, cosines));
                assert!(found == expected, "{level:?}");
            }
        }
    }
}
