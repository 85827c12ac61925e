//! The range guard: tables of eight 16-bit entries for each row, of which public bits choose one, and random
//! combinations of the differences.
//!
//! What the entries mean is the caller's matter; here are the look-up and the sums.

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{
    SERIAL_WORDS, contiguous, count, finished, fresh, refuse, seed as seed_of, seeds as seeds_of,
    whole, within,
};
use crate::prg::{Stream, in_pieces};

/// Entries of a table, and combinations of all differences.
const ENTRIES: usize = 8;

/// Words of a table, and of the random factors of a row.
const WORDS: usize = 2;

/// Rows that are worked on at once.
const ROWS: usize = 2048;

/// The eight lanes of a row's two words.
fn lanes(words: &[u64]) -> [u16; ENTRIES] {
    let mut lanes = [0; ENTRIES];
    for (k, lane) in lanes.iter_mut().enumerate() {
        *lane = (words[k / 4] >> (16 * (k % 4))) as u16;
    }
    lanes
}

/// The three bits below bit `top`, and the sixteen from there on.
fn split(word: u64, top: u32) -> (usize, u16) {
    ((word >> (top - 3)) as usize % ENTRIES, (word >> top) as u16)
}

/// The dealer's correction of a table for each row of the mask, minus the streams of the others.
#[pyfunction]
fn guard_deal<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyAny>,
    entries: &Bound<'py, PyAny>,
    top: &Bound<'py, PyAny>,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let mask = contiguous::<u64>("mask", mask)?;
    let entries = contiguous::<u16>("entries", entries)?;
    if entries.shape() != [ENTRIES, ENTRIES] {
        return refuse("entries must be an array of 8 x 8");
    }
    let top = within("top", top, 3, 48)?;
    let streams = Stream::all(&seeds_of(&seeds)?, whole("id", id)?);
    let words = count("mask", &[mask.len() as u64, WORDS as u64])?;
    let mut out = fresh::<u64>(py, &[words])?;
    let (rows, table) = (mask.as_slice()?, entries.as_slice()?);
    let corrections = out.as_slice_mut()?;
    py.detach(|| {
        in_pieces(corrections, WORDS, 1, |at, part| {
            let mut stream = vec![0; part.len()];
            let rows = &rows[at / WORDS..][..part.len() / WORDS];
            for (words, row) in part.chunks_exact_mut(WORDS).zip(rows) {
                let (low, high) = split(*row, top);
                for (k, word) in words.iter_mut().enumerate() {
                    *word = (0..4).fold(0, |word, lane| {
                        let entry = table[low * ENTRIES + 4 * k + lane].wrapping_add(high);
                        word | u64::from(entry) << (16 * lane)
                    });
                }
            }
            for one in &streams {
                one.fill(at as u64, &mut stream);
                for (word, random) in part.iter_mut().zip(&stream) {
                    *word = lane_sub(*word, *random);
                }
            }
        });
    });
    Ok(finished(out))
}

/// Four subtractions modulo 2^16.
fn lane_sub(a: u64, b: u64) -> u64 {
    const TOPS: u64 = 0x8000_8000_8000_8000;
    // No borrow leaves a lane whose top bit is set before and mended after.
    ((a | TOPS) - (b & !TOPS)) ^ ((a ^ !b) & TOPS)
}

/// Where a party's table shares come from.
enum Tables<'a> {
    Given(&'a [u64]),
    Expanded(Box<Stream>),
}

/// Eight random combinations, modulo 2^16, of a party's shares of entry minus public bits.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn guard_eval<'py>(
    py: Python<'py>,
    opened: &Bound<'py, PyAny>,
    offset: &Bound<'py, PyAny>,
    top: &Bound<'py, PyAny>,
    shares: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
    coins: &Bound<'py, PyAny>,
    coins_id: &Bound<'py, PyAny>,
    coins_offset: &Bound<'py, PyAny>,
    first: bool,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let opened = contiguous::<u64>("opened", opened)?;
    let offset = whole("offset", offset)?;
    let top = within("top", top, 3, 48)?;
    let words = count("opened", &[opened.len() as u64, WORDS as u64])?;
    let id = whole("id", id)?;
    let coins = Stream::new(&*seed_of(coins)?, whole("coins_id", coins_id)?);
    let coins_offset = whole("coins_offset", coins_offset)?;
    if coins_offset.checked_add(words as u64).is_none() {
        return refuse("coins_offset is too large");
    }
    let given = match shares {
        Some(array) => Some(contiguous::<u64>("shares", array)?),
        None => None,
    };
    let tables = match (&given, seed) {
        (Some(array), None) if array.len() == words => Tables::Given(array.as_slice()?),
        (Some(_), None) => return refuse("shares must be two words for each element of opened"),
        (None, Some(bytes)) => Tables::Expanded(Box::new(Stream::new(&*seed_of(bytes)?, id))),
        _ => return refuse("either shares or seed must be given"),
    };
    let rows = opened.as_slice()?;
    let mut out = fresh::<u64>(py, &[ENTRIES])?;
    let sums = out.as_slice_mut()?;
    let piece = |(index, part): (usize, &[u64])| {
        let at = (index * ROWS * WORDS) as u64;
        combine(part, at, offset, top, &tables, &coins, coins_offset, first)
    };
    let total = py.detach(|| {
        if rows.len() < SERIAL_WORDS {
            rows.chunks(ROWS)
                .enumerate()
                .map(piece)
                .fold([0; ENTRIES], plus)
        } else {
            let pieces = rows.par_chunks(ROWS).enumerate().map(piece);
            pieces.reduce(|| [0; ENTRIES], plus)
        }
    });
    for (sum, lane) in sums.iter_mut().zip(total) {
        *sum = u64::from(lane);
    }
    Ok(finished(out))
}

fn plus(mut a: [u16; ENTRIES], b: [u16; ENTRIES]) -> [u16; ENTRIES] {
    for (a, b) in a.iter_mut().zip(b) {
        *a = a.wrapping_add(b);
    }
    a
}

/// The combinations of some rows, whose tables begin at word `at` of all.
#[allow(clippy::too_many_arguments)]
fn combine(
    rows: &[u64],
    at: u64,
    offset: u64,
    top: u32,
    tables: &Tables<'_>,
    coins: &Stream,
    coins_offset: u64,
    first: bool,
) -> [u16; ENTRIES] {
    let mut factors = [0; ROWS * WORDS];
    let factors = &mut factors[..rows.len() * WORDS];
    coins.fill(coins_offset + at, factors);
    let mut expanded = [0; ROWS * WORDS];
    let tables = match tables {
        Tables::Given(words) => &words[at as usize..][..rows.len() * WORDS],
        Tables::Expanded(stream) => {
            let room = &mut expanded[..rows.len() * WORDS];
            stream.fill(at, room);
            room
        }
    };
    let mut sums = [0u16; ENTRIES];
    let pairs = tables.chunks_exact(WORDS).zip(factors.chunks_exact(WORDS));
    for (row, (table, factor)) in rows.iter().zip(pairs) {
        let (low, high) = split(row.wrapping_add(offset), top);
        let chosen = (table[low / 4] >> (16 * (low % 4))) as u16;
        let difference = chosen.wrapping_sub(if first { high } else { 0 });
        for (sum, factor) in sums.iter_mut().zip(lanes(factor)) {
            *sum = sum.wrapping_add(factor.wrapping_mul(difference));
        }
    }
    sums
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(guard_deal, module)?)?;
    module.add_function(wrap_pyfunction!(guard_eval, module)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_do_not_borrow_from_each_other() {
        let values = [0u16, 1, 2, 0x7fff, 0x8000, 0x8001, 0xffff];
        for a in values {
            for b in values {
                let (x, y) = (
                    u64::from(a) | u64::from(b) << 16 | u64::from(a) << 48,
                    u64::from(b) | u64::from(a) << 16 | u64::from(b) << 48,
                );
                let wanted = u64::from(a.wrapping_sub(b))
                    | u64::from(b.wrapping_sub(a)) << 16
                    | u64::from(a.wrapping_sub(b)) << 48;
                assert_eq!(lane_sub(x, y), wanted);
            }
        }
    }
}
