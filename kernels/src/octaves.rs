//! How large a shared number is, by powers of four, and scaling it by that.
//!
//! A number x below 2^top is tried against 2^(top - 2), 2^(top - 4), …; how many of these trials it passes before one
//! fails is T, and x 4^T lies within a factor of six. Each trial looks at four bits of x + λ, which are public, and
//! is a table of 16 bits that the dealer, who knows λ, has shared.
//!
//! The protocol, with its proof, is `mpc/protocols/octaves.py`; here are its loops.

use numpy::{PyArrayDyn, PyReadonlyArrayDyn};
use pyo3::prelude::*;

use crate::arrays::{contiguous, count, finished, fresh, refuse, seeds as seeds_of, whole, within};
use crate::dealt::{Shares, given};
use crate::prg::{Stream, in_pieces};

/// Trials, at most: T is from 0 to 7.
const LEVELS: u64 = 7;
/// Words dealt for each element: the tables of trials, those of counts, what scaling needs.
const TRIALS: usize = 2;
const COUNTS: usize = 2;
const SCALES: usize = 6;
/// Elements handled at once.
const BLOCK: usize = 256;

/// How shares of a word make the word.
trait Sharing {
    /// Of the k-th word of an element.
    fn join(a: u64, b: u64, k: usize) -> u64;
    /// What `total` lacks.
    fn rest(value: u64, total: u64, k: usize) -> u64;
}

struct ExclusiveOr;

impl Sharing for ExclusiveOr {
    #[inline(always)]
    fn join(a: u64, b: u64, _: usize) -> u64 {
        a ^ b
    }

    #[inline(always)]
    fn rest(value: u64, total: u64, _: usize) -> u64 {
        value ^ total
    }
}

struct Sum;

impl Sharing for Sum {
    #[inline(always)]
    fn join(a: u64, b: u64, _: usize) -> u64 {
        a.wrapping_add(b)
    }

    #[inline(always)]
    fn rest(value: u64, total: u64, _: usize) -> u64 {
        value.wrapping_sub(total)
    }
}

/// Sixteen sums modulo 16; in the second word, bits 32 to 47 are truth values.
struct Nibbles;

const NIBBLE_TOPS: u64 = 0x8888_8888_8888_8888;
const TRUTHS: [u64; COUNTS] = [0, 0xffff << 32];

impl Sharing for Nibbles {
    #[inline(always)]
    fn join(a: u64, b: u64, k: usize) -> u64 {
        let sums = ((a & !NIBBLE_TOPS) + (b & !NIBBLE_TOPS)) ^ ((a ^ b) & NIBBLE_TOPS);
        (sums & !TRUTHS[k]) | ((a ^ b) & TRUTHS[k])
    }

    #[inline(always)]
    fn rest(value: u64, total: u64, k: usize) -> u64 {
        let sums =
            ((value | NIBBLE_TOPS) - (total & !NIBBLE_TOPS)) ^ ((value ^ !total) & NIBBLE_TOPS);
        (sums & !TRUTHS[k]) | ((value ^ total) & TRUTHS[k])
    }
}

/// The dealer's correction: the values of all rows, less what streams make.
fn corrected<'py, H: Sharing, const EACH: usize>(
    py: Python<'py>,
    rows: usize,
    seeds: &[Bound<'py, PyAny>],
    id: &Bound<'py, PyAny>,
    value: impl Fn(usize) -> [u64; EACH] + Sync,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let streams = Stream::all(&seeds_of(seeds)?, whole("id", id)?);
    let mut out = fresh::<u64>(py, &[count("mask", &[rows as u64, EACH as u64])?])?;
    let words = out.as_slice_mut()?;
    py.detach(|| {
        in_pieces(words, BLOCK * EACH, 2, |from, part| {
            let mut stream_words = vec![0; BLOCK * EACH];
            for (index, block) in part.chunks_mut(BLOCK * EACH).enumerate() {
                let at = from + index * BLOCK * EACH;
                block.fill(0);
                for stream in &streams {
                    let words = &mut stream_words[..block.len()];
                    stream.fill(at as u64, words);
                    for (k, (total, word)) in block.iter_mut().zip(words).enumerate() {
                        *total = H::join(*total, *word, k % EACH);
                    }
                }
                for (row, totals) in block.chunks_exact_mut(EACH).enumerate() {
                    let values = value(at / EACH + row);
                    for (k, (total, value)) in totals.iter_mut().zip(values).enumerate() {
                        *total = H::rest(value, *total, k);
                    }
                }
            }
        });
    });
    Ok(finished(out))
}

/// A party's step from its shares, `EACH` words a row, to one item a row.
#[allow(clippy::too_many_arguments)] // Those of the published functions.
fn evaluated<'py, T: numpy::Element + Copy + Send, const EACH: usize>(
    py: Python<'py>,
    rows: usize,
    items: usize,
    shares: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
    step: impl Fn(usize, &[u64], &mut [T]) + Sync,
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    let size = count("opened", &[rows as u64, EACH as u64])?;
    let given = given(shares)?;
    let shares = Shares::new(&given, seed, whole("id", id)?, size)?;
    let mut out = fresh::<T>(py, &[rows, items])?;
    let found = out.as_slice_mut()?;
    py.detach(|| {
        in_pieces(found, BLOCK * items, 2 * EACH, |from, part| {
            let mut buffer = Vec::new();
            for (index, block) in part.chunks_mut(BLOCK * items).enumerate() {
                let at = from / items + index * BLOCK;
                let end = at + block.len() / items;
                let words = shares.words(at * EACH..end * EACH, &mut buffer);
                let pairs = words.chunks_exact(EACH).zip(block.chunks_exact_mut(items));
                for (row, (words, out)) in pairs.enumerate() {
                    step(at + row, words, out);
                }
            }
        });
    });
    Ok(finished(out))
}

/// The four bits that a trial looks at.
#[inline(always)]
fn place(word: u64, top: u32, level: u32) -> u32 {
    ((word >> (top - 3 - 2 * level)) & 15) as u32
}

/// Bit i of a trial's 16 is whether i less the mask's place is 0, 1 or 2.
#[inline(always)]
fn trials(mask: u64, top: u32, levels: u32) -> [u64; TRIALS] {
    let mut words = [0; TRIALS];
    for level in 0..levels {
        let table = 0b111u16.rotate_left(place(mask, top, level));
        words[(level / 4) as usize] |= u64::from(table) << (16 * (level % 4));
    }
    words
}

fn limits(top: &Bound<'_, PyAny>, levels: &Bound<'_, PyAny>) -> PyResult<(u32, u32)> {
    let levels = within("levels", levels, 1, LEVELS)?;
    Ok((within("top", top, u64::from(2 * levels + 1), 62)?, levels))
}

/// The dealer's correction for the tables of trials.
#[pyfunction]
fn octave_trials<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyAny>,
    top: &Bound<'py, PyAny>,
    levels: &Bound<'py, PyAny>,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let mask = contiguous::<u64>("mask", mask)?;
    let (top, levels) = limits(top, levels)?;
    let masks = mask.as_slice()?;
    corrected::<ExclusiveOr, TRIALS>(py, masks.len(), &seeds, id, |row| {
        trials(masks[row], top, levels)
    })
}

/// A party's shares of the outcomes of all trials.
#[pyfunction]
fn octave_bits<'py>(
    py: Python<'py>,
    opened: &Bound<'py, PyAny>,
    top: &Bound<'py, PyAny>,
    levels: &Bound<'py, PyAny>,
    shares: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let opened = contiguous::<u64>("opened", opened)?;
    let (top, levels) = limits(top, levels)?;
    let opened = opened.as_slice()?;
    evaluated::<u8, TRIALS>(py, opened.len(), 1, shares, seed, id, |row, tables, out| {
        let mut found = 0;
        for level in 0..levels {
            let table = tables[(level / 4) as usize] >> (16 * (level % 4));
            found |= (table >> place(opened[row], top, level) & 1) << level;
        }
        out[0] = found as u8;
    })
}

/// How many of the lowest bits are ones, at most `bits`.
#[inline(always)]
fn ones(value: u32, bits: u32) -> u64 {
    u64::from(value.trailing_ones().min(bits))
}

/// For each value of the public bits of the first four trials, how many passed before one failed: the first word.
/// For each of the last three the same, nibbles 0 to 7 of the second; whether all first four passed, bits 32 to 47;
/// σ, nibble 12, and σ τ, nibble 13.
#[inline(always)]
fn counts(tables: &Tables, bits: u8, sigma_tau: u8) -> [u64; COUNTS] {
    let (first, last) = (usize::from(bits & 15), usize::from(bits >> 4 & 7));
    let (sigma, tau) = (u64::from(sigma_tau >> 4 & 1), u64::from(sigma_tau & 15));
    let all = 1u64 << (32 + (first ^ 15));
    [
        tables.first[first],
        tables.last[last] | all | sigma << 48 | (sigma * tau) << 52,
    ]
}

/// The counts for all masks of a trial's outcomes.
struct Tables {
    first: [u64; 16],
    last: [u64; 8],
}

impl Tables {
    fn new() -> Self {
        let row = |mask: usize, bits: u32| {
            (0..1 << bits).fold(0, |word, public: u32| {
                word | ones(public ^ mask as u32, bits) << (4 * public)
            })
        };
        Tables {
            first: std::array::from_fn(|mask| row(mask, 4)),
            last: std::array::from_fn(|mask| row(mask, 3)),
        }
    }
}

fn same_length(name: &str, found: usize, rows: usize) -> PyResult<()> {
    if found == rows {
        Ok(())
    } else {
        refuse(format!("{name} must have {rows} elements, not {found}"))
    }
}

fn bytes<'py>(name: &str, array: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArrayDyn<'py, u8>> {
    contiguous::<u8>(name, array)
}

/// The dealer's correction for the tables of counts.
#[pyfunction]
fn octave_counts<'py>(
    py: Python<'py>,
    bits: &Bound<'py, PyAny>,
    sigma_tau: &Bound<'py, PyAny>,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let (bits, sigma_tau) = (bytes("bits", bits)?, bytes("sigma_tau", sigma_tau)?);
    let (bits, sigma_tau) = (bits.as_slice()?, sigma_tau.as_slice()?);
    same_length("sigma_tau", sigma_tau.len(), bits.len())?;
    let tables = Tables::new();
    corrected::<Nibbles, COUNTS>(py, bits.len(), &seeds, id, |row| {
        counts(&tables, bits[row], sigma_tau[row])
    })
}

/// A party's shares of what the tables of counts say.
#[pyfunction]
fn octave_count<'py>(
    py: Python<'py>,
    opened: &Bound<'py, PyAny>,
    shares: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let opened = bytes("opened", opened)?;
    let opened = opened.as_slice()?;
    evaluated::<u8, COUNTS>(py, opened.len(), 3, shares, seed, id, |row, tables, out| {
        let (first, last) = (opened[row] & 15, opened[row] >> 4 & 7);
        let all = (tables[1] >> (32 + first) & 1) as u8;
        out[0] = (tables[0] >> (4 * first) & 15) as u8;
        out[1] = (tables[1] >> (4 * last) & 15) as u8 | all << 4;
        out[2] = (tables[1] >> 48) as u8;
    })
}

/// What scaling needs, of the count's mask ρ (three bits, and a spare one) and of λ: D = 4^(7 - ρ) and λ D, each
/// twice, for the spare bit not set and set; ρ without the spare bit, and the spare bit.
#[inline(always)]
fn scales(rho: u8, mask: u64) -> [u64; SCALES] {
    let spare = u64::from(rho >> 3 & 1);
    let power = 1u64 << (2 * (7 - (rho & 7)));
    let (without, with) = (power * (1 - spare), power * spare);
    let times = |power: u64| mask.wrapping_mul(power);
    [
        without,
        with,
        times(without),
        times(with),
        u64::from(rho & 7),
        spare,
    ]
}

/// The dealer's correction for scaling.
#[pyfunction]
fn octave_scales<'py>(
    py: Python<'py>,
    rho: &Bound<'py, PyAny>,
    mask: &Bound<'py, PyAny>,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let (rho, mask) = (bytes("rho", rho)?, contiguous::<u64>("mask", mask)?);
    let (rho, masks) = (rho.as_slice()?, mask.as_slice()?);
    same_length("mask", masks.len(), rho.len())?;
    corrected::<Sum, SCALES>(py, rho.len(), &seeds, id, |row| {
        scales(rho[row], masks[row])
    })
}

/// A party's shares of 4^(T + 7) x, and of T, which the first party completes by what is public.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // The published signature.
fn octave_scale<'py>(
    py: Python<'py>,
    count: &Bound<'py, PyAny>,
    opened: &Bound<'py, PyAny>,
    first: bool,
    shares: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let (count, opened) = (bytes("count", count)?, contiguous::<u64>("opened", opened)?);
    let (counts, opened) = (count.as_slice()?, opened.as_slice()?);
    same_length("opened", opened.len(), counts.len())?;
    evaluated::<u64, SCALES>(py, counts.len(), 2, shares, seed, id, |row, dealt, out| {
        // As in exact truncation: T + ρ has wrapped past 8 just if its spare bit and the mask's differ.
        let (low, spare) = (
            u32::from(counts[row] & 7),
            usize::from(counts[row] >> 3 & 1),
        );
        let m = opened[row];
        let scaled = |k: usize| m.wrapping_mul(dealt[k]).wrapping_sub(dealt[2 + k]);
        let power = 1u64 << (2 * low);
        out[0] = scaled(spare)
            .wrapping_add(scaled(1 - spare) << 16)
            .wrapping_mul(power);
        let wrapped = if spare == 1 {
            dealt[5].wrapping_neg()
        } else {
            dealt[5]
        };
        let public = if first {
            u64::from(low) + 8 * spare as u64
        } else {
            0
        };
        out[1] = wrapped
            .wrapping_mul(8)
            .wrapping_sub(dealt[4])
            .wrapping_add(public);
    })
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(octave_trials, module)?)?;
    module.add_function(wrap_pyfunction!(octave_bits, module)?)?;
    module.add_function(wrap_pyfunction!(octave_counts, module)?)?;
    module.add_function(wrap_pyfunction!(octave_count, module)?)?;
    module.add_function(wrap_pyfunction!(octave_scales, module)?)?;
    module.add_function(wrap_pyfunction!(octave_scale, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nibbles_add_and_subtract() {
        let (a, b) = (0x0123_4567_89ab_cdef_u64, 0xfedc_ba98_7654_3f21_u64);
        let sum = Nibbles::join(a, b, 0);
        assert_eq!(Nibbles::rest(sum, b, 0), a);
        for shift in (0..64).step_by(4) {
            let wanted = (a >> shift).wrapping_add(b >> shift) & 15;
            assert_eq!(sum >> shift & 15, wanted);
        }
        let truths = Nibbles::join(a, b, 1);
        assert_eq!(truths >> 32 & 0xffff, (a ^ b) >> 32 & 0xffff);
        assert_eq!(Nibbles::rest(truths, b, 1), a);
    }

    /// Every trial is passed surely below its threshold, never from 1.5 times on, given the one before.
    #[test]
    fn trials_decide_as_stated() {
        let (top, levels) = (15, 7);
        for mask in (0..1u64 << 17).step_by(97) {
            let tables = trials(mask, top, levels);
            for x in 0..1u64 << top {
                for level in 0..levels {
                    if 2 * x >= 3 << (top - 2 * level) {
                        break;
                    }
                    let table = tables[(level / 4) as usize] >> (16 * (level % 4));
                    let passed = table >> place(x.wrapping_add(mask), top, level) & 1 == 1;
                    let threshold = 1 << (top - 2 * level - 2);
                    assert!(passed || x >= threshold);
                    assert!(!passed || 2 * x < 3 * threshold);
                }
            }
        }
    }
}
