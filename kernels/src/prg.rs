//! Random streams: PRG(seed, id) is AES-128 in counter mode, the counter block being id and block number.
//!
//! A stream is as good as random to whoever lacks the seed, and every word of it can be reached at once, so
//! that parties who share a seed agree on a mask without a message, and each core makes its own part.

use aes::cipher::consts::U16;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{
    Array, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser,
    KeyInit, ParBlocks,
};
use aes::{Aes128, Block};
use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::arrays::{
    CHUNK_WORDS, SERIAL_WORDS, contiguous, count, finished, fresh, refuse, seed as seed_of,
    seeds as seeds_of, whole,
};

/// Words encrypted in one call of the cipher: 4 KiB stay in the first-level cache.
const BATCH_WORDS: usize = 512;

/// The most blocks that any processor encrypts at once.
pub const MAX_GROUP: usize = 64;

/// 0, 0, 0, 1, 0, 2, … : ids to be added, and the numbers of blocks.
pub const NUMBERS: [u64; 2 * MAX_GROUP] = {
    let mut words = [0; 2 * MAX_GROUP];
    let mut k = 0;
    while k < MAX_GROUP {
        words[2 * k + 1] = k as u64;
        k += 1;
    }
    words
};

#[cfg(target_endian = "big")]
compile_error!("words are read in little-endian order without conversion");

/// PRG(seed, id). Its cipher overwrites its keys when it is dropped.
pub struct Stream {
    /// Its cipher.
    pub cipher: Aes128,
    /// The first half of its counter blocks.
    pub id: u64,
}

impl ZeroizeOnDrop for Stream {}

impl Stream {
    /// The stream of a seed with an id.
    pub fn new(seed: &[u8; 16], id: u64) -> Self {
        Stream {
            cipher: Aes128::new(&Array::from(*seed)),
            id,
        }
    }

    /// The streams of several seeds with one id.
    pub fn all(seeds: &[[u8; 16]], id: u64) -> Vec<Self> {
        seeds.iter().map(|seed| Stream::new(seed, id)).collect()
    }

    /// Writes the words from `offset` on. Words beyond 2^64 do not exist: callers check.
    pub fn fill(&self, offset: u64, out: &mut [u64]) {
        let odd = out.len().min((offset % 2) as usize);
        let whole = (out.len() - odd) & !1;
        let (head, rest) = out.split_at_mut(odd);
        let (body, tail) = rest.split_at_mut(whole);
        let mut block = offset / 2;
        if let Some(first) = head.first_mut() {
            *first = self.pair(block)[1];
            block = block.wrapping_add(1);
        }
        self.fill_blocks(block, body);
        block = block.wrapping_add(body.len() as u64 / 2);
        if let Some(last) = tail.first_mut() {
            *last = self.pair(block)[0];
        }
    }

    fn pair(&self, block: u64) -> [u64; 2] {
        let mut words = [0; 2];
        self.fill_blocks(block, &mut words);
        words
    }

    fn fill_blocks(&self, first: u64, words: &mut [u64]) {
        let blocks: &mut [[u8; 16]] = bytemuck::cast_slice_mut(words);
        self.cipher.encrypt_with_backend(Counters {
            id: self.id,
            first,
            out: Array::cast_slice_from_core_mut(blocks),
        });
    }
}

/// Encrypted counter blocks. The cipher compiles this for the processor's instructions, counting included.
struct Counters<'a> {
    id: u64,
    first: u64,
    out: &'a mut [Block],
}

impl BlockSizeUser for Counters<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Counters<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        // The counter blocks of one group as words: all of it is plain vector addition.
        let group_blocks = B::ParBlocksSize::USIZE.min(MAX_GROUP);
        let mut counters = NUMBERS;
        for (k, word) in counters.iter_mut().enumerate() {
            *word = word.wrapping_add(if k % 2 == 0 { self.id } else { self.first });
        }
        let (groups, rest) = ParBlocks::<B>::slice_as_chunks_mut(self.out);
        for group in groups {
            let blocks: &[[u8; 16]] = bytemuck::cast_slice(&counters[..2 * group_blocks]);
            let (whole, _) = ParBlocks::<B>::slice_as_chunks(Array::cast_slice_from_core(blocks));
            backend.encrypt_par_blocks((&whole[0], group).into());
            for (k, word) in counters.iter_mut().enumerate() {
                *word = word.wrapping_add(if k % 2 == 0 { 0 } else { group_blocks as u64 });
            }
        }
        let blocks: &[[u8; 16]] = bytemuck::cast_slice(&counters[..2 * rest.len()]);
        for (out, counter) in rest.iter_mut().zip(blocks) {
            out.0 = *counter;
        }
        backend.encrypt_tail_blocks(rest.into());
    }
}

/// Writes the sum of the streams' words from `offset` on; zeros if there is no stream.
pub fn fill_sum(streams: &[Stream], offset: u64, out: &mut [u64]) {
    let Some((first, others)) = streams.split_first() else {
        return out.fill(0);
    };
    if others.is_empty() {
        return first.fill(offset, out);
    }
    let (mut scratch, mut at) = ([0; BATCH_WORDS], offset);
    for batch in out.chunks_mut(BATCH_WORDS) {
        first.fill(at, batch);
        for stream in others {
            let words = &mut scratch[..batch.len()];
            stream.fill(at, words);
            for (sum, word) in batch.iter_mut().zip(words) {
                *sum = sum.wrapping_add(*word);
            }
        }
        at = at.wrapping_add(batch.len() as u64);
    }
    scratch.zeroize();
}

/// Hands out pieces of an array, whole units but for the last, with the index of their first item: to all cores,
/// unless it is short. An item costs as much as `weight` words.
pub fn in_pieces<T: Send>(
    out: &mut [T],
    unit: usize,
    weight: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let piece = (CHUNK_WORDS / weight / unit).max(1) * unit;
    if out.len().saturating_mul(weight) < SERIAL_WORDS {
        work(0, out);
    } else {
        out.par_chunks_mut(piece)
            .enumerate()
            .for_each(|(index, part)| work(index * piece, part));
    }
}

/// Words offset .. offset + n of PRG(seed, id).
#[pyfunction]
#[pyo3(signature = (seed, id, n, offset=None))]
fn prg_u64<'py>(
    py: Python<'py>,
    seed: &Bound<'py, PyAny>,
    id: &Bound<'py, PyAny>,
    n: &Bound<'py, PyAny>,
    offset: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let stream = Stream::new(&*seed_of(seed)?, whole("id", id)?);
    let n = count("n", &[whole("n", n)?])?;
    let start = offset.map_or(Ok(0), |offset| whole("offset", offset))?;
    if start.checked_add(n as u64).is_none() {
        return refuse("offset + n is too large");
    }
    let mut out = fresh::<u64>(py, &[n])?;
    let words = out.as_slice_mut()?;
    py.detach(|| in_pieces(words, 1, 1, |at, part| stream.fill(start + at as u64, part)));
    Ok(finished(out))
}

/// The sum over seeds of the first n words of PRG(seed, id).
#[pyfunction]
fn prg_sum_u64<'py>(
    py: Python<'py>,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
    n: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let streams = Stream::all(&seeds_of(&seeds)?, whole("id", id)?);
    let n = count("n", &[whole("n", n)?])?;
    let mut out = fresh::<u64>(py, &[n])?;
    let words = out.as_slice_mut()?;
    py.detach(|| in_pieces(words, 1, 1, |at, part| fill_sum(&streams, at as u64, part)));
    Ok(finished(out))
}

/// target minus the sum over seeds of PRG(seed, id).
#[pyfunction]
fn prg_sub_u64<'py>(
    py: Python<'py>,
    target: &Bound<'py, PyAny>,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let streams = Stream::all(&seeds_of(&seeds)?, whole("id", id)?);
    let target = contiguous::<u64>("target", target)?;
    let mut out = fresh::<u64>(py, target.shape())?;
    let (given, words) = (target.as_slice()?, out.as_slice_mut()?);
    py.detach(|| {
        in_pieces(words, 1, 1, |at, part| {
            for (index, batch) in part.chunks_mut(BATCH_WORDS).enumerate() {
                let from = at + index * BATCH_WORDS;
                fill_sum(&streams, from as u64, batch);
                for (word, value) in batch.iter_mut().zip(&given[from..]) {
                    *word = value.wrapping_sub(*word);
                }
            }
        })
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(prg_u64, module)?)?;
    module.add_function(wrap_pyfunction!(prg_sum_u64, module)?)?;
    module.add_function(wrap_pyfunction!(prg_sub_u64, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 197, appendix B: the counter block is the example's plaintext.
    #[test]
    fn agrees_with_the_standard() {
        let key = 0x2b7e_1516_28ae_d2a6_abf7_1588_09cf_4f3c_u128.to_be_bytes();
        let plain = 0x3243_f6a8_885a_308d_3131_98a2_e037_0734_u128.to_be_bytes();
        let cipher = 0x3925_841d_02dc_09fb_dc11_8597_196a_0b32_u128.to_be_bytes();
        let half = |bytes: [u8; 16], from: usize| {
            u64::from_le_bytes(bytes[from..from + 8].try_into().expect("eight bytes"))
        };
        let stream = Stream::new(&key, half(plain, 0));
        assert_eq!(
            stream.pair(half(plain, 8)),
            [half(cipher, 0), half(cipher, 8)]
        );
    }

    #[test]
    fn any_part_is_the_same_as_in_the_whole() {
        let stream = Stream::new(&[7; 16], u64::MAX);
        let mut whole = vec![0; 3000];
        stream.fill(0, &mut whole);
        for (offset, length) in [
            (0, 0),
            (1, 0),
            (1, 1),
            (1, 2),
            (2, 1),
            (3, 1500),
            (511, 1025),
        ] {
            let mut part = vec![0; length];
            stream.fill(offset as u64, &mut part);
            assert_eq!(part, whole[offset..offset + length]);
        }
    }

    fn is_wiped<T: zeroize::ZeroizeOnDrop>() {}

    #[test]
    fn is_overwritten_when_it_is_dropped() {
        is_wiped::<Stream>();
        is_wiped::<Aes128>();
    }

    #[test]
    fn sums_streams() {
        let streams = Stream::all(&[[1; 16], [2; 16], [3; 16]], 9);
        let (mut sum, mut expected) = (vec![1; 1111], vec![0u64; 1111]);
        fill_sum(&streams, 5, &mut sum);
        for stream in &streams {
            let mut words = vec![0; 1111];
            stream.fill(5, &mut words);
            for (total, word) in expected.iter_mut().zip(words) {
                *total = total.wrapping_add(word);
            }
        }
        assert_eq!(sum, expected);
        fill_sum(&[], 5, &mut sum);
        assert!(sum.iter().all(|word| *word == 0));
    }
}
