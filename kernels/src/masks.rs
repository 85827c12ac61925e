//! Masks of vectors: many random streams, added and taken off in one pass over cache-sized pieces.
//!
//! Elements have 32, 64 or 128 bits and wrap. A stream is that of `prg.rs`, cut into elements of that size.

use aes::cipher::consts::U16;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{
    Array, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser,
    ParBlocks,
};
use numpy::{Element, PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{contiguous, finished, fresh, refuse, seeds as seeds_of, whole, within};
use crate::prg::{MAX_GROUP, NUMBERS, Stream};

/// Bytes of a sum that stays in the first-level cache while all streams are added to it.
const BATCH: usize = 1 << 14;

/// Batches of a piece of parallel work.
const PIECE: usize = 8 * BATCH;

/// Elements of one size, in words.
trait Ring: Sync {
    /// sum + words, or sum - words, element by element.
    fn add(sum: &mut [u64], words: &[u64], minus: bool);
}

struct Ring32;
struct Ring64;
struct Ring128;

impl Ring for Ring32 {
    #[inline(always)]
    fn add(sum: &mut [u64], words: &[u64], minus: bool) {
        let (sum, words): (&mut [u32], &[u32]) =
            (bytemuck::cast_slice_mut(sum), bytemuck::cast_slice(words));
        for (sum, word) in sum.iter_mut().zip(words) {
            *sum = if minus {
                sum.wrapping_sub(*word)
            } else {
                sum.wrapping_add(*word)
            };
        }
    }
}

impl Ring for Ring64 {
    #[inline(always)]
    fn add(sum: &mut [u64], words: &[u64], minus: bool) {
        for (sum, word) in sum.iter_mut().zip(words) {
            *sum = if minus {
                sum.wrapping_sub(*word)
            } else {
                sum.wrapping_add(*word)
            };
        }
    }
}

impl Ring for Ring128 {
    #[inline(always)]
    fn add(sum: &mut [u64], words: &[u64], minus: bool) {
        let (pairs, _) = sum.as_chunks_mut::<2>();
        for (pair, word) in pairs.iter_mut().zip(words.as_chunks::<2>().0) {
            let (a, b) = (wide(*pair), wide(*word));
            let sum = if minus {
                a.wrapping_sub(b)
            } else {
                a.wrapping_add(b)
            };
            *pair = [sum as u64, (sum >> 64) as u64];
        }
    }
}

#[inline(always)]
fn wide(pair: [u64; 2]) -> u128 {
    u128::from(pair[0]) | u128::from(pair[1]) << 64
}

/// Blocks of a stream from `first` on, added to the sum while they are in registers or nearly so.
struct Masking<'a, R> {
    id: u64,
    first: u64,
    sum: &'a mut [u64],
    minus: bool,
    ring: std::marker::PhantomData<R>,
}

impl<R> BlockSizeUser for Masking<'_, R> {
    type BlockSize = U16;
}

impl<R: Ring> BlockCipherEncClosure for Masking<'_, R> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let group = B::ParBlocksSize::USIZE.min(MAX_GROUP);
        let mut counters = NUMBERS;
        for (k, word) in counters.iter_mut().enumerate() {
            *word = word.wrapping_add(if k % 2 == 0 { self.id } else { self.first });
        }
        let mut random = [0u64; 2 * MAX_GROUP];
        let mut groups = self.sum.chunks_exact_mut(2 * group);
        for sum in groups.by_ref() {
            let given: &[[u8; 16]] = bytemuck::cast_slice(&counters[..2 * group]);
            let made: &mut [[u8; 16]] = bytemuck::cast_slice_mut(&mut random[..2 * group]);
            let (given, _) = ParBlocks::<B>::slice_as_chunks(Array::cast_slice_from_core(given));
            let (made, _) =
                ParBlocks::<B>::slice_as_chunks_mut(Array::cast_slice_from_core_mut(made));
            backend.encrypt_par_blocks((&given[0], &mut made[0]).into());
            R::add(sum, &random[..2 * group], self.minus);
            for (k, word) in counters.iter_mut().enumerate() {
                *word = word.wrapping_add(if k % 2 == 0 { 0 } else { group as u64 });
            }
        }
        let rest = groups.into_remainder();
        let made: &mut [[u8; 16]] = bytemuck::cast_slice_mut(&mut counters[..rest.len()]);
        backend.encrypt_tail_blocks(Array::cast_slice_from_core_mut(made).into());
        R::add(rest, &counters[..rest.len()], self.minus);
    }
}

/// Adds streams to elements that begin at byte `at` of a vector, a multiple of a block.
fn mask<R: Ring>(bytes: &mut [u8], at: usize, plus: &[Stream], minus: &[Stream]) {
    let mut sum = [0u64; BATCH / 8];
    for (index, batch) in bytes.chunks_mut(BATCH).enumerate() {
        let words = &mut sum[..batch.len().div_ceil(16) * 2];
        // What lies beyond the last element is masked too, and dropped.
        bytemuck::cast_slice_mut(words)[..batch.len()].copy_from_slice(batch);
        let first = ((at + index * BATCH) / 16) as u64;
        for (streams, minus) in [(plus, false), (minus, true)] {
            for stream in streams {
                stream.cipher.encrypt_with_backend(Masking::<R> {
                    id: stream.id,
                    first,
                    sum: &mut *words,
                    minus,
                    ring: std::marker::PhantomData,
                });
            }
        }
        batch.copy_from_slice(&bytemuck::cast_slice(words)[..batch.len()]);
    }
}

fn masked<'py, T: Element + bytemuck::Pod>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    bits: u32,
    plus: &[Stream],
    minus: &[Stream],
) -> PyResult<Bound<'py, PyAny>> {
    let values = contiguous::<T>("values", values)?;
    if bits == 128 && values.len() % 2 != 0 {
        return refuse("values of 128 bits must be pairs of words");
    }
    let mut out = fresh::<T>(py, values.shape())?;
    let given: &[u8] = bytemuck::cast_slice(values.as_slice()?);
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(out.as_slice_mut()?);
    let run = match bits {
        32 => mask::<Ring32>,
        64 => mask::<Ring64>,
        _ => mask::<Ring128>,
    };
    py.detach(|| {
        let piece = |(index, part): (usize, &mut [u8])| {
            part.copy_from_slice(&given[index * PIECE..][..part.len()]);
            run(part, index * PIECE, plus, minus);
        };
        if bytes.len() <= PIECE {
            bytes.chunks_mut(PIECE).enumerate().for_each(piece);
        } else {
            bytes.par_chunks_mut(PIECE).enumerate().for_each(piece);
        }
    });
    let array: Bound<'py, PyArrayDyn<T>> = finished(out);
    Ok(array.into_any())
}

/// values plus some streams minus others, modulo 2^bits.
#[pyfunction]
fn mask_values<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    bits: &Bound<'py, PyAny>,
    plus: Vec<Bound<'py, PyAny>>,
    minus: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let bits = within("bits", bits, 32, 128)?;
    let id = whole("id", id)?;
    let plus = Stream::all(&seeds_of(&plus)?, id);
    let minus = Stream::all(&seeds_of(&minus)?, id);
    match bits {
        32 => masked::<u32>(py, values, bits, &plus, &minus),
        64 | 128 => masked::<u64>(py, values, bits, &plus, &minus),
        _ => refuse("bits must be 32, 64 or 128"),
    }
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(mask_values, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the streams themselves, at sizes around groups and batches.
    #[test]
    fn masks_are_sums_of_streams() {
        let plus = Stream::all(&[[1; 16], [2; 16]], 5);
        let minus = Stream::all(&[[3; 16]], 5);
        for size in [
            4,
            12,
            16,
            1020,
            1024,
            1040,
            BATCH,
            BATCH + 4,
            3 * BATCH + 36,
        ] {
            let words = size.div_ceil(16) * 2;
            let mut streams = vec![vec![0u64; words]; 3];
            for (stream, out) in plus.iter().chain(&minus).zip(&mut streams) {
                stream.fill(0, out);
            }
            let mut bytes = vec![9u8; size];
            mask::<Ring32>(&mut bytes, 0, &plus, &minus);
            let parts: Vec<&[u32]> = streams.iter().map(|s| bytemuck::cast_slice(s)).collect();
            for (k, element) in bytes.as_chunks::<4>().0.iter().enumerate() {
                let wanted = 0x0909_0909u32
                    .wrapping_add(parts[0][k])
                    .wrapping_add(parts[1][k])
                    .wrapping_sub(parts[2][k]);
                assert_eq!(u32::from_le_bytes(*element), wanted);
            }
            let mut bytes = vec![9u8; size / 16 * 16];
            mask::<Ring128>(&mut bytes, 0, &plus, &minus);
            for (k, element) in bytes.as_chunks::<16>().0.iter().enumerate() {
                let of = |s: &Vec<u64>| wide([s[2 * k], s[2 * k + 1]]);
                let wanted = u128::from_le_bytes([9; 16])
                    .wrapping_add(of(&streams[0]))
                    .wrapping_add(of(&streams[1]))
                    .wrapping_sub(of(&streams[2]));
                assert_eq!(u128::from_le_bytes(*element), wanted);
            }
        }
    }

    #[test]
    fn a_piece_is_the_same_as_in_the_whole() {
        let plus = Stream::all(&[[7; 16]], 1);
        let mut whole = vec![0u8; PIECE + 4096];
        mask::<Ring64>(&mut whole, 0, &plus, &[]);
        let mut part = vec![0u8; 4096];
        mask::<Ring64>(&mut part, PIECE, &plus, &[]);
        assert_eq!(part, whole[PIECE..]);
    }
}
