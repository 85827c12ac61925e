//! The linear map of an expand-convolute code (Raghuraman, Rindal, Tanguy 2023): of a long vector with few entries
//! that are not zero, a shorter one that looks random.
//!
//! Of e with N entries the *convolution* makes z_i = e_i + z_{i-25} + a sum of z_{i-j} over those j = 1 … 24 whose bit
//! (number j - 1) is set in the random word of row i. The farthest entry is always there, so that what runs along never
//! ends by itself. The *expander* makes of z the entries x_k = sum of z at 21 places, one random place of each of 21
//! parts of z that are equally long: word · length / 2^32 of it, for the k-th random word of the part's stream. Part by
//! part, since one part fits a cache where z does not. Random words are of 32 bits, of AES in counter mode with the
//! code's seed: stream 0 for the convolution, 1 + part for the expander. Everything but the vectors is public.
//!
//! Who has two vectors maps them together, as entries of twice the size.

use numpy::{PyArrayDyn, PyReadwriteArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{contiguous, finished, fresh, refuse, rows_of, seed as bytes16, whole};
use crate::cpu::{Kernel, Level};
use crate::gf128::{WIDTH, rows};
use crate::prg::Stream;
use crate::simd::Simd;

/// Entries before z_i that may be added to it by a random bit each.
const TAPS: usize = 24;
/// The entry that is always added.
const FARTHEST: usize = TAPS + 1;
/// Entries of z that are added for one of x.
const PLACES: usize = 21;

/// Entries of z that are computed together: of those before them all is added first, of each other at the end.
const BLOCK: usize = 8;

/// Rows whose random words are drawn at once.
const BATCH: usize = 1 << 10;

/// Parts of z that are added at once: they fit a large cache together, and x is gone through so many times less.
const GROUP: usize = 3;
const GROUPS: usize = PLACES / GROUP;

/// Rows of x of a piece of work, a whole number of batches.
const PIECE: usize = 1 << 15;

/// Places in z are 32-bit numbers.
const MOST: usize = 1 << 31;

/// An entry of one vector or of two, in words.
type Entry<const L: usize> = [u64; L];

/// Makes z of e where it lies, some rows of it: `z` begins with the entries before them.
struct Convolve<'a, const L: usize> {
    words: &'a [u32],
    z: &'a mut [Entry<L>],
}

impl<const L: usize> Kernel for Convolve<'_, L> {
    // Numbers of steps that are constants: the compiler keeps a block in registers.
    #[allow(clippy::needless_range_loop)]
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (blocks, rest) = self.words.as_chunks::<BLOCK>();
        for (block, words) in blocks.iter().enumerate() {
            let first = block * BLOCK;
            let z: &mut [Entry<L>; FARTHEST + BLOCK] = (&mut self.z
                [first..first + FARTHEST + BLOCK])
                .try_into()
                .expect("so many entries");
            let mut masks = [[0u64; TAPS]; BLOCK];
            for t in 0..BLOCK {
                for j in 0..TAPS {
                    masks[t][j] = 0u64.wrapping_sub(((words[t] >> j) & 1) as u64);
                }
            }
            let mut sums = [[0; L]; BLOCK];
            for t in 0..BLOCK {
                for l in 0..L {
                    sums[t][l] = z[FARTHEST + t][l] ^ z[t][l];
                }
                for j in t..TAPS {
                    for l in 0..L {
                        sums[t][l] ^= z[FARTHEST + t - 1 - j][l] & masks[t][j];
                    }
                }
            }
            for t in 0..BLOCK {
                for s in 0..t {
                    for l in 0..L {
                        sums[t][l] ^= sums[s][l] & masks[t][t - 1 - s];
                    }
                }
            }
            z[FARTHEST..].copy_from_slice(&sums);
        }
        let first = blocks.len() * BLOCK;
        for (row, word) in (first..).zip(rest) {
            for l in 0..L {
                let mut sum = self.z[FARTHEST + row][l] ^ self.z[row][l];
                for j in 0..TAPS {
                    let mask = 0u64.wrapping_sub(((word >> j) & 1) as u64);
                    sum ^= self.z[FARTHEST + row - 1 - j][l] & mask;
                }
                self.z[FARTHEST + row][l] = sum;
            }
        }
    }
}

/// Where each group of parts of z begins, and the end.
fn starts(length: usize, group: usize) -> usize {
    group * GROUP * length / PLACES
}

/// z of e, which stands behind the entries of z before it: the rows from `first` on.
fn convolve<const L: usize>(stream: &Stream, first: usize, z: &mut [Entry<L>]) {
    let cpu = Level::best();
    let mut drawn = [0u64; BATCH / 2 + 1];
    for start in (0..z.len() - FARTHEST).step_by(BATCH) {
        let count = BATCH.min(z.len() - FARTHEST - start);
        let odd = (first + start) % 2;
        let pairs = (odd + count).div_ceil(2);
        stream.fill(((first + start) / 2) as u64, &mut drawn[..pairs]);
        let words: &[u32] = bytemuck::cast_slice(&drawn);
        cpu.run(Convolve {
            words: &words[odd..odd + count],
            z: &mut z[start..start + count + FARTHEST],
        });
    }
}

/// Adds a group of parts of z, which `z` is, to some of x, from row `first` on: one array for each vector.
fn expand<const L: usize, const V: usize>(
    streams: &[Stream; GROUP],
    parts: &[&[Entry<L>]; GROUP],
    first: usize,
    begun: bool,
    outs: [&mut [Entry<2>]; V],
) {
    let count = outs[0].len();
    let mut drawn = [[0u64; BATCH / 2]; GROUP];
    for start in (0..count).step_by(BATCH) {
        let rows = BATCH.min(count - start);
        for (stream, drawn) in streams.iter().zip(&mut drawn) {
            stream.fill((first + start) as u64 / 2, &mut drawn[..rows.div_ceil(2)]);
        }
        let words: [&[u32]; GROUP] =
            std::array::from_fn(|k| &bytemuck::cast_slice(&drawn[k])[..rows]);
        for row in 0..rows {
            let mut sum = [0; L];
            for (part, words) in parts.iter().zip(words) {
                let place = (words[row] as u64 * part.len() as u64) >> 32;
                for (sum, word) in sum.iter_mut().zip(part[place as usize]) {
                    *sum ^= word;
                }
            }
            for (vector, sum) in sum.as_chunks::<2>().0.iter().enumerate() {
                let out = &mut outs[vector][start + row];
                let old = if begun { *out } else { [0; 2] };
                *out = [old[0] ^ sum[0], old[1] ^ sum[1]];
            }
        }
    }
}

/// The map, group of parts by group: no more of z is held than two groups, one that is added to x while the next is
/// computed.
///
/// `given` writes e from a row on; `outs` are pieces of x with the rows at which they begin.
fn compress<const L: usize, const V: usize>(
    seed: &[u8; 16],
    length: usize,
    given: impl Fn(usize, &mut [Entry<L>]) + Sync,
    mut outs: Vec<(usize, [&mut [Entry<2>]; V])>,
) {
    let taps = Stream::new(seed, 0);
    let most = (0..GROUPS)
        .map(|group| starts(length, group + 1) - starts(length, group))
        .max()
        .unwrap_or(0);
    let mut now = vec![[0; L]; FARTHEST + most];
    let mut next = now.clone();
    let make = |group: usize, z: &mut Vec<Entry<L>>| {
        let first = starts(length, group);
        z.truncate(FARTHEST + starts(length, group + 1) - first);
        given(first, &mut z[FARTHEST..]);
        convolve(&taps, first, z);
    };
    make(0, &mut now);
    for group in 0..GROUPS {
        if group + 1 < GROUPS {
            next.resize(FARTHEST + most, [0; L]);
            next[..FARTHEST].copy_from_slice(&now[now.len() - FARTHEST..]);
        }
        let (first, z) = (starts(length, group), &now[FARTHEST..]);
        let at = |part: usize| (group * GROUP + part) * length / PLACES - first;
        let streams: [Stream; GROUP] =
            std::array::from_fn(|k| Stream::new(seed, (1 + group * GROUP + k) as u64));
        let parts: [&[Entry<L>]; GROUP] = std::array::from_fn(|k| &z[at(k)..at(k + 1)]);
        rayon::join(
            || {
                outs.par_iter_mut().for_each(|(first, piece)| {
                    let piece = piece.each_mut().map(|out| &mut **out);
                    expand(&streams, &parts, *first, group > 0, piece);
                });
            },
            || {
                if group + 1 < GROUPS {
                    make(group + 1, &mut next);
                }
            },
        );
        std::mem::swap(&mut now, &mut next);
    }
}

fn sizes(length: usize, n: &Bound<'_, PyAny>) -> PyResult<usize> {
    let n = whole("n", n)? as usize;
    if !(PLACES..=MOST).contains(&length) || !(1..=length).contains(&n) {
        return refuse(format!(
            "vector must have from {PLACES} to {MOST} rows, and n be from 1 to as many"
        ));
    }
    Ok(n)
}

/// x of e.
#[pyfunction]
fn code_compress<'py>(
    py: Python<'py>,
    vector: &Bound<'py, PyAny>,
    n: &Bound<'py, PyAny>,
    seed: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let vector = rows_of::<WIDTH>("vector", vector)?;
    let seed = bytes16(seed)?;
    let length = vector.shape()[0];
    let n = sizes(length, n)?;
    let mut out = fresh::<u64>(py, &[n, 2])?;
    let given = rows(vector.as_slice()?);
    let filled = out.as_slice_mut()?.as_chunks_mut::<2>().0;
    py.detach(|| {
        let pieces = filled.chunks_mut(PIECE).enumerate();
        let outs = pieces.map(|(piece, out)| (piece * PIECE, [out])).collect();
        let entries = |first: usize, z: &mut [Entry<2>]| {
            for (z, entry) in z.iter_mut().zip(&given[first..]) {
                *z = bytemuck::cast(*entry);
            }
        };
        compress(&seed, length, entries, outs);
    });
    as_bytes(out)
}

/// x of two vectors, of which the first is zero but at some places.
#[pyfunction]
#[allow(clippy::type_complexity)]
fn code_compress_both<'py>(
    py: Python<'py>,
    places: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    vector: &Bound<'py, PyAny>,
    n: &Bound<'py, PyAny>,
    seed: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyArrayDyn<u8>>, Bound<'py, PyArrayDyn<u8>>)> {
    let (values, vector) = (
        rows_of::<WIDTH>("values", values)?,
        rows_of::<WIDTH>("vector", vector)?,
    );
    let places = contiguous::<u64>("places", places)?;
    let seed = bytes16(seed)?;
    let length = vector.shape()[0];
    let n = sizes(length, n)?;
    let at = places.as_slice()?;
    if places.shape() != [values.shape()[0]] || at.iter().any(|place| *place >= length as u64) {
        return refuse(
            "places must have shape (t,), be below the rows of vector, and as many as values",
        );
    }
    let (mut first, mut second) = (fresh::<u64>(py, &[n, 2])?, fresh::<u64>(py, &[n, 2])?);
    let (given, values) = (rows(vector.as_slice()?), rows(values.as_slice()?));
    let filled = (
        first.as_slice_mut()?.as_chunks_mut::<2>().0,
        second.as_slice_mut()?.as_chunks_mut::<2>().0,
    );
    py.detach(|| {
        let pieces = filled.0.chunks_mut(PIECE).zip(filled.1.chunks_mut(PIECE));
        let outs = pieces
            .enumerate()
            .map(|(piece, (first, second))| (piece * PIECE, [first, second]))
            .collect();
        let entries = |first: usize, z: &mut [Entry<4>]| {
            for (z, entry) in z.iter_mut().zip(&given[first..]) {
                let entry: Entry<2> = bytemuck::cast(*entry);
                *z = [0, 0, entry[0], entry[1]];
            }
            for (place, value) in at.iter().zip(values) {
                if let Some(z) = (*place as usize)
                    .checked_sub(first)
                    .and_then(|row| z.get_mut(row))
                {
                    let value: Entry<2> = bytemuck::cast(*value);
                    z[..2].copy_from_slice(&value);
                }
            }
        };
        compress(&seed, length, entries, outs);
    });
    Ok((as_bytes(first)?, as_bytes(second)?))
}

/// Words as the bytes that they are.
fn as_bytes(array: PyReadwriteArrayDyn<'_, u64>) -> PyResult<Bound<'_, PyArrayDyn<u8>>> {
    let array = finished(array);
    let bytes = array.call_method1("view", (numpy::dtype::<u8>(array.py()),))?;
    Ok(bytes.cast_into()?)
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(code_compress, module)?)?;
    module.add_function(wrap_pyfunction!(code_compress_both, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(n: usize) -> Vec<Entry<4>> {
        let mut words = vec![0; 4 * n];
        Stream::new(&[3; 16], 0).fill(0, &mut words);
        words.as_chunks::<4>().0.to_vec()
    }

    /// Every level against rows one by one, with whole blocks and a rest; two vectors against each alone.
    #[test]
    fn blocks_are_rows() {
        let (count, given) = (BLOCK * 9 + 5, random(FARTHEST + BLOCK * 9 + 5));
        let words: Vec<u32> = random(count).iter().map(|entry| entry[0] as u32).collect();
        let mut expected = given.clone();
        for row in 0..count {
            let taken = |j: &usize| *j == FARTHEST || (words[row] >> (j - 1)) & 1 == 1;
            for back in (1..=FARTHEST).filter(taken) {
                let entry = expected[FARTHEST + row - back];
                let target = &mut expected[FARTHEST + row];
                target
                    .iter_mut()
                    .zip(entry)
                    .for_each(|(sum, word)| *sum ^= word);
            }
        }
        for cpu in Level::all() {
            let mut z = given.clone();
            cpu.run(Convolve {
                words: &words,
                z: &mut z,
            });
            assert_eq!(z, expected, "{cpu:?}");
            let mut z: Vec<Entry<2>> = given.iter().map(|entry| [entry[2], entry[3]]).collect();
            cpu.run(Convolve {
                words: &words,
                z: &mut z,
            });
            assert!(
                z.iter().zip(&expected).all(|(z, e)| *z == e[2..]),
                "{cpu:?}"
            );
        }
    }
}
