//! Shares of an exponential function: the dealer's shares of its values at a mask, and a party's step of
//! e^(a - b) = e^a e^-b with public a.
//!
//! The angle brackets of all that follow are in Z_2^64. A number is cut into h whole units and a rest below one
//! unit, and e^unit is nearly an odd integer, the base. base^h is exact in the ring, and so is its inverse; only
//! what is left, a factor of about e^rest, is rounded. So a product of the two sides is a true integer with the
//! same relative precision over the whole range, where fixed point would have to hold e^h at one end and e^-h at
//! the other. As in `trig`, public factors are the same to the last bit on every processor.

use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays::{contiguous, count, finished, fresh, refuse, seeds as seeds_of, whole, within};
use crate::cpu::{Kernel, Level};
use crate::dealt::{Shares, given};
use crate::fixed::{float, power_of_two, rounded};
use crate::prg::{Stream, fill_sum, in_pieces};
use crate::simd::Simd;

/// Elements handled at once.
const BLOCK: usize = 64;

/// Words dealt for each element: for masks without their spare bit, and for those with it.
const EACH: usize = 2;

/// The largest exponent that `grown` takes.
const LARGEST: f64 = 4.0;

/// e^x for |x| <= 4, with a relative error below 4e-9: the eighth power of Taylor's polynomial of x / 8.
#[inline(always)]
fn grown(x: f64) -> f64 {
    let y = x * 0.125;
    let mut sum = 1.0 / 362_880.0;
    sum = sum * y + 1.0 / 40_320.0;
    sum = sum * y + 1.0 / 5_040.0;
    sum = sum * y + 1.0 / 720.0;
    sum = sum * y + 1.0 / 120.0;
    sum = sum * y + 1.0 / 24.0;
    sum = sum * y + 1.0 / 6.0;
    sum = sum * y + 0.5;
    sum = sum * y + 1.0;
    sum = sum * y + 1.0;
    let square = sum * sum;
    let fourth = square * square;
    fourth * fourth
}

/// How numbers are cut, and the factors of each count of whole units.
#[derive(Clone, Copy)]
struct Scale<'a> {
    period_bits: u32,
    unit_bits: u32,
    /// The exponent of the lowest bit.
    step: f64,
    powers: &'a [u64],
    factors: &'a [f64],
}

impl Scale<'_> {
    #[inline(always)]
    fn units(&self, word: u64) -> usize {
        ((word & !(u64::MAX << self.period_bits)) >> self.unit_bits) as usize
    }

    /// e^rest.
    #[inline(always)]
    fn rest(&self, word: u64) -> f64 {
        grown(float((word & !(u64::MAX << self.unit_bits)) as i64) * self.step)
    }

    /// 0 or 1: the bit above the period.
    #[inline(always)]
    fn spare(&self, word: u64) -> u64 {
        (word >> self.period_bits) & 1
    }

    #[inline(always)]
    fn value(&self, units: usize, rest: f64) -> u64 {
        rounded(self.factors[units] * rest).wrapping_mul(self.powers[units])
    }
}

/// Turns sums of streams in `shares` into corrections.
struct Corrections<'a> {
    scale: Scale<'a>,
    masks: &'a [u64],
    shares: &'a mut [u64],
}

impl Kernel for Corrections<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let scale = self.scale;
        let mut rests = [0.0; BLOCK];
        for (rest, mask) in rests.iter_mut().zip(self.masks) {
            *rest = scale.rest(*mask);
        }
        let pairs = self.shares.chunks_exact_mut(EACH);
        for ((pair, mask), rest) in pairs.zip(self.masks).zip(&rests) {
            let value = scale.value(scale.units(*mask), *rest);
            let above = 0u64.wrapping_sub(scale.spare(*mask));
            pair[0] = (value & !above).wrapping_sub(pair[0]);
            pair[1] = (value & above).wrapping_sub(pair[1]);
        }
    }
}

/// Shares of the exponential of a block of opened numbers less their masks.
///
/// For numbers in the lower half of twice the period, the sum with the mask has wrapped past the period just if
/// the spare bits of sum and mask differ: then a period's units are missing.
struct Values<'a> {
    scale: Scale<'a>,
    opened: &'a [u64],
    shares: &'a [u64],
    out: &'a mut [u64],
}

impl Kernel for Values<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let scale = self.scale;
        let period = scale.powers.len() / 2;
        let mut rests = [0.0; BLOCK];
        for (rest, word) in rests.iter_mut().zip(self.opened) {
            *rest = scale.rest(*word);
        }
        let pairs = self.shares.chunks_exact(EACH);
        for (((out, pair), word), rest) in
            self.out.iter_mut().zip(pairs).zip(self.opened).zip(&rests)
        {
            let units = scale.units(*word);
            let missing = scale.spare(*word) as usize * period;
            let without = scale.value(units + missing, *rest);
            let with = scale.value(units + period - missing, *rest);
            *out = pair[0]
                .wrapping_mul(without)
                .wrapping_add(pair[1].wrapping_mul(with));
        }
    }
}

/// The arguments that both functions have.
struct Arguments<'py> {
    period_bits: u32,
    unit_bits: u32,
    step: f64,
    powers: PyReadonlyArrayDyn<'py, u64>,
    factors: PyReadonlyArrayDyn<'py, f64>,
}

impl<'py> Arguments<'py> {
    /// Checked; `periods` is how many of them the tables span.
    fn new(
        period_bits: &Bound<'py, PyAny>,
        unit_bits: &Bound<'py, PyAny>,
        step: f64,
        powers: &Bound<'py, PyAny>,
        factors: &Bound<'py, PyAny>,
        periods: usize,
    ) -> PyResult<Self> {
        let period_bits = within("period_bits", period_bits, 1, 48)?;
        let unit_bits = within("unit_bits", unit_bits, 0, u64::from(period_bits))?;
        if period_bits - unit_bits > 10 {
            return refuse("a period has at most 1024 units");
        }
        let powers = contiguous::<u64>("powers", powers)?;
        let factors = contiguous::<f64>("factors", factors)?;
        let size = periods << (period_bits - unit_bits);
        if powers.len() != size || factors.len() != size {
            return refuse(format!("powers and factors must have {size} elements"));
        }
        if step.is_nan() || step.abs() * power_of_two(i64::from(unit_bits)) > LARGEST {
            return refuse("step * 2^unit_bits must be at most 4 in size");
        }
        let most = power_of_two(44);
        if !factors.as_slice()?.iter().all(|factor| factor.abs() < most) {
            return refuse("every factor must be below 2^44 in size");
        }
        Ok(Arguments {
            period_bits,
            unit_bits,
            step,
            powers,
            factors,
        })
    }

    fn scale(&self) -> PyResult<Scale<'_>> {
        Ok(Scale {
            period_bits: self.period_bits,
            unit_bits: self.unit_bits,
            step: self.step,
            powers: self.powers.as_slice()?,
            factors: self.factors.as_slice()?,
        })
    }
}

/// The dealer's correction for shares of an exponential of a mask.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // The published signature.
fn exp_deal<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyAny>,
    period_bits: &Bound<'py, PyAny>,
    unit_bits: &Bound<'py, PyAny>,
    step: f64,
    powers: &Bound<'py, PyAny>,
    factors: &Bound<'py, PyAny>,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let mask = contiguous::<u64>("mask", mask)?;
    let arguments = Arguments::new(period_bits, unit_bits, step, powers, factors, 1)?;
    let scale = arguments.scale()?;
    let streams = Stream::all(&seeds_of(&seeds)?, whole("id", id)?);
    let size = count("mask", &[mask.len() as u64, EACH as u64])?;
    let mut out = fresh::<u64>(py, &[size])?;
    let (given, words) = (mask.as_slice()?, out.as_slice_mut()?);
    let level = Level::best();
    py.detach(|| {
        in_pieces(words, BLOCK * EACH, 4, |from, part| {
            for (index, shares) in part.chunks_mut(BLOCK * EACH).enumerate() {
                let at = from + index * BLOCK * EACH;
                fill_sum(&streams, at as u64, shares);
                let masks = &given[at / EACH..][..shares.len() / EACH];
                level.run(Corrections {
                    scale,
                    masks,
                    shares,
                });
            }
        })
    });
    Ok(finished(out))
}

/// A party's share of an exponential.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // The published signature.
fn exp_eval<'py>(
    py: Python<'py>,
    opened: &Bound<'py, PyAny>,
    period_bits: &Bound<'py, PyAny>,
    unit_bits: &Bound<'py, PyAny>,
    step: f64,
    powers: &Bound<'py, PyAny>,
    factors: &Bound<'py, PyAny>,
    shares: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let opened = contiguous::<u64>("opened", opened)?;
    let arguments = Arguments::new(period_bits, unit_bits, step, powers, factors, 2)?;
    let scale = arguments.scale()?;
    let id = whole("id", id)?;
    let size = count("opened", &[opened.len() as u64, EACH as u64])?;
    let given = given(shares)?;
    let shares = Shares::new(&given, seed, id, size)?;
    let mut out = fresh::<u64>(py, opened.shape())?;
    let (opened, words) = (opened.as_slice()?, out.as_slice_mut()?);
    let level = Level::best();
    py.detach(|| {
        in_pieces(words, BLOCK, 8, |from, part| {
            let mut buffer = Vec::new();
            for (index, out) in part.chunks_mut(BLOCK).enumerate() {
                let rows = from + index * BLOCK..from + index * BLOCK + out.len();
                let shares = shares.words(rows.start * EACH..rows.end * EACH, &mut buffer);
                let opened = &opened[rows];
                level.run(Values {
                    scale,
                    opened,
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
    module.add_function(wrap_pyfunction!(exp_deal, module)?)?;
    module.add_function(wrap_pyfunction!(exp_eval, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_accurately() {
        for k in -4000..=4000 {
            let x = f64::from(k) * 1e-3;
            assert!((grown(x) / x.exp() - 1.0).abs() < 4e-9, "{x}");
        }
    }

    #[test]
    fn all_processors_give_the_same_bits() {
        let words: Vec<u64> = (0..1000u64)
            .map(|k| k.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        let powers: Vec<u64> = (0..32u32).map(|h| 7u64.wrapping_pow(h)).collect();
        let factors: Vec<f64> = (0..32).map(|h| 1e5 * 1.05f64.powi(h)).collect();
        let run = |level: Level| {
            let (mut shares, mut out) = (vec![3; words.len() * EACH], vec![0; words.len()]);
            let scale = |periods: usize| Scale {
                period_bits: 24,
                unit_bits: 20,
                step: 2.0 / f64::from(1 << 20),
                powers: &powers[..16 * periods],
                factors: &factors[..16 * periods],
            };
            for ((block, shares), out) in words
                .chunks(BLOCK)
                .zip(shares.chunks_mut(BLOCK * EACH))
                .zip(out.chunks_mut(BLOCK))
            {
                level.run(Corrections {
                    scale: scale(1),
                    masks: block,
                    shares,
                });
                level.run(Values {
                    scale: scale(2),
                    opened: block,
                    shares,
                    out,
                });
            }
            (shares, out)
        };
        let levels = Level::all();
        let expected = run(levels[0]);
        for level in &levels[1..] {
            assert!(run(*level) == expected, "{level:?}");
        }
    }
}
