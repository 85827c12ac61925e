//! The linear map of an expand-convolute code (Raghuraman, Rindal, Tanguy 2023): of a long vector with few entries
//! that are not zero, a shorter one that looks random.
//!
//! Of e with N entries the *convolution* makes z_i = e_i + z_{i-25} + a sum of z_{i-j} over those j = 1 … 24 whose bit
//! is set in a random word of row i. The farthest entry is always there, so that what runs along never ends by itself.
//! The *expander* makes of z the entries x_k = sum of z at 21 places, one random place of each of 21 parts of z that
//! are equally long. Random words are those of AES in counter mode with the code's seed; everything is public.

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{finished, fresh, refuse, seed as bytes16, whole};
use crate::gf128::{WIDTH, elements, rows, rows_mut};
use crate::prg::Stream;

/// Entries before z_i that may be added to it by a random bit each.
const TAPS: usize = 24;
/// The entry that is always added.
const FARTHEST: usize = TAPS + 1;
/// Entries of z that are added for one of x.
const PLACES: usize = 21;
/// Ids of the random words.
const CONVOLUTION: u64 = 0;
const EXPANDER: u64 = 1;

/// Rows whose random words are drawn at once.
const BATCH: usize = 1 << 10;

/// Places in z are 32-bit numbers.
const MOST: usize = 1 << 31;

/// Random 32-bit words from the `first` on, an even number.
fn words(stream: &Stream, first: u64, out: &mut [u32]) {
    debug_assert!(first % 2 == 0 && out.len() % 2 == 0);
    stream.fill(first / 2, bytemuck::cast_slice_mut(out));
}

/// z of e.
fn convolve(seed: &[u8; 16], given: &[[u8; WIDTH]], out: &mut [[u8; WIDTH]]) {
    let stream = Stream::new(seed, CONVOLUTION);
    // z_{i-25} … z_{i-1}, kept twice so that they always lie side by side.
    let mut recent = [[0u64; 2]; 2 * FARTHEST];
    let (mut bits, mut at) = ([0u64; BATCH / 2], 0);
    for (batch, (out, given)) in out.chunks_mut(BATCH).zip(given.chunks(BATCH)).enumerate() {
        stream.fill((batch * BATCH / 2) as u64, &mut bits);
        let bits: &[u32] = bytemuck::cast_slice(&bits);
        for ((out, given), bits) in out.iter_mut().zip(given).zip(bits) {
            let window = &recent[at..at + FARTHEST];
            let e = u128::from_le_bytes(*given);
            let mut z = [e as u64 ^ window[0][0], (e >> 64) as u64 ^ window[0][1]];
            for (j, entry) in window[1..].iter().enumerate() {
                let mask = 0u64.wrapping_sub(((bits >> j) & 1) as u64);
                z[0] ^= entry[0] & mask;
                z[1] ^= entry[1] & mask;
            }
            recent[at] = z;
            recent[at + FARTHEST] = z;
            at = if at + 1 == FARTHEST { 0 } else { at + 1 };
            *out = ((z[1] as u128) << 64 | z[0] as u128).to_le_bytes();
        }
    }
}

/// Some of x, from the `first` on.
fn expand(seed: &[u8; 16], z: &[[u8; WIDTH]], first: usize, out: &mut [[u8; WIDTH]]) {
    let stream = Stream::new(seed, EXPANDER);
    let starts: Vec<usize> = (0..=PLACES).map(|part| part * z.len() / PLACES).collect();
    let mut random = vec![0; BATCH * PLACES + 1];
    for (batch, out) in out.chunks_mut(BATCH).enumerate() {
        let from = (first + batch * BATCH) * PLACES;
        let random = &mut random[..(out.len() * PLACES).next_multiple_of(2)];
        words(&stream, from as u64, random);
        for (out, random) in out.iter_mut().zip(random.as_chunks::<PLACES>().0) {
            let mut sum = 0;
            for (part, word) in random.iter().enumerate() {
                let size = starts[part + 1] - starts[part];
                let place = starts[part] + ((*word as u64 * size as u64) >> 32) as usize;
                sum ^= u128::from_ne_bytes(z[place]);
            }
            *out = sum.to_ne_bytes();
        }
    }
}

/// x of e.
#[pyfunction]
fn code_compress<'py>(
    py: Python<'py>,
    vector: &Bound<'py, PyAny>,
    n: &Bound<'py, PyAny>,
    seed: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let vector = elements("vector", vector)?;
    let seed = bytes16(seed)?;
    let n = whole("n", n)? as usize;
    let length = vector.shape()[0];
    if !(PLACES..=MOST).contains(&length) || n > length {
        return refuse(format!(
            "vector must have from {PLACES} to {MOST} rows, and n at most as many"
        ));
    }
    let mut states = fresh::<u8>(py, &[length, WIDTH])?;
    let mut out = fresh::<u8>(py, &[n, WIDTH])?;
    let given = rows(vector.as_slice()?);
    let (z, filled) = (
        rows_mut(states.as_slice_mut()?),
        rows_mut(out.as_slice_mut()?),
    );
    py.detach(|| {
        convolve(&seed, given, z);
        let z = &*z;
        // A piece is an even number of batches: its random words begin at an even one.
        filled
            .par_chunks_mut(16 * BATCH)
            .enumerate()
            .for_each(|(piece, out)| expand(&seed, z, piece * 16 * BATCH, out));
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(code_compress, module)?)
}
