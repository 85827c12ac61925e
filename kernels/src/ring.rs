//! Element-wise arithmetic in Z_2^64: exact truncation, and few-bit messages.

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayon::prelude::*;

use crate::arrays::{CHUNK_WORDS, SERIAL_WORDS, contiguous, finished, fresh, refuse, within};
use crate::prg::in_pieces;

/// A pair of arrays.
type Pair<'py> = (Bound<'py, PyArrayDyn<u64>>, Bound<'py, PyArrayDyn<u64>>);

/// mask >> shift and mask >> 63.
#[pyfunction]
fn deal_truncation<'py>(
    py: Python<'py>,
    mask: &Bound<'py, PyAny>,
    shift: &Bound<'py, PyAny>,
) -> PyResult<Pair<'py>> {
    let mask = contiguous::<u64>("mask", mask)?;
    let shift = within("shift", shift, 0, 62)?;
    let mut high = fresh::<u64>(py, mask.shape())?;
    let mut msb = fresh::<u64>(py, mask.shape())?;
    let given = mask.as_slice()?;
    let (highs, msbs) = (high.as_slice_mut()?, msb.as_slice_mut()?);
    py.detach(|| {
        in_pieces(highs, 1, 1, |at, part| {
            for (high, word) in part.iter_mut().zip(&given[at..]) {
                *high = word >> shift;
            }
        });
        in_pieces(msbs, 1, 1, |at, part| {
            for (msb, word) in part.iter_mut().zip(&given[at..]) {
                *msb = word >> 63;
            }
        });
    });
    Ok((finished(high), finished(msb)))
}

/// One party's share of (opened - 2^62 - mask) >> shift, of which its shares of mask >> shift and of the mask's
/// top bit are given.
///
/// With y = x + 2^62 in [0, 2^63), m = y + λ wrapped past 2^64 iff λ >= 2^63 and m < 2^63. The wrap is worth
/// 2^64 >> f in m >> f, and 2^62 >> f is the offset; the first party adds all that is public.
#[inline]
fn truncated(opened: u64, high: u64, msb: u64, shift: u32, first: bool) -> u64 {
    let wrap = 1u64.checked_shl(64 - shift).unwrap_or(0);
    let may_have_wrapped = (opened >> 63) ^ 1;
    let public = (opened >> shift).wrapping_sub(1 << (62 - shift));
    let own = msb
        .wrapping_mul(wrap)
        .wrapping_mul(may_have_wrapped)
        .wrapping_sub(high);
    own.wrapping_add(if first { public } else { 0 })
}

/// A party's share of x >> shift from the opened x + 2^62 + mask.
#[pyfunction]
fn truncate<'py>(
    py: Python<'py>,
    opened: &Bound<'py, PyAny>,
    high_share: &Bound<'py, PyAny>,
    msb_share: &Bound<'py, PyAny>,
    shift: &Bound<'py, PyAny>,
    first: bool,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let opened = contiguous::<u64>("opened", opened)?;
    let high = contiguous::<u64>("high_share", high_share)?;
    let msb = contiguous::<u64>("msb_share", msb_share)?;
    let shift = within("shift", shift, 0, 62)?;
    if opened.shape() != high.shape() || opened.shape() != msb.shape() {
        return refuse("opened, high_share and msb_share must have the same shape");
    }
    let mut out = fresh::<u64>(py, opened.shape())?;
    let (m, h, b) = (opened.as_slice()?, high.as_slice()?, msb.as_slice()?);
    let words = out.as_slice_mut()?;
    py.detach(|| {
        in_pieces(words, 1, 1, |at, part| {
            let to = at + part.len();
            let inputs = m[at..to].iter().zip(&h[at..to]).zip(&b[at..to]);
            for (share, ((m, h), b)) in part.iter_mut().zip(inputs) {
                *share = truncated(*m, *h, *b, shift, first);
            }
        })
    });
    Ok(finished(out))
}

/// The bytes of `N` a value, for one width known to the compiler.
fn pack<const N: usize>(values: &[u64], mask: u64, out: &mut [u8]) {
    let (items, _) = out.as_chunks_mut::<N>();
    for (item, value) in items.iter_mut().zip(values) {
        item.copy_from_slice(&(value & mask).to_le_bytes()[..N]);
    }
}

fn unpack<const N: usize>(bytes: &[u8], mask: u64, out: &mut [u64]) {
    let (items, _) = bytes.as_chunks::<N>();
    for (value, item) in out.iter_mut().zip(items) {
        let mut word = [0; 8];
        word[..N].copy_from_slice(item);
        *value = u64::from_le_bytes(word) & mask;
    }
}

type Pack = fn(&[u64], u64, &mut [u8]);
type Unpack = fn(&[u8], u64, &mut [u64]);

/// By width - 1.
const PACK: [Pack; 8] = [
    pack::<1>, pack::<2>, pack::<3>, pack::<4>, pack::<5>, pack::<6>, pack::<7>, pack::<8>,
];
const UNPACK: [Unpack; 8] = [
    unpack::<1>,
    unpack::<2>,
    unpack::<3>,
    unpack::<4>,
    unpack::<5>,
    unpack::<6>,
    unpack::<7>,
    unpack::<8>,
];

fn width_and_mask(bits: &Bound<'_, PyAny>) -> PyResult<(usize, u64)> {
    let bits = within("bits", bits, 1, 64)?;
    Ok((bits.div_ceil(8) as usize, u64::MAX >> (64 - bits)))
}

/// The low bits of every value in as few whole bytes as hold them.
#[pyfunction]
fn low_bits_pack<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    bits: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let values = contiguous::<u64>("values", values)?;
    let (width, mask) = width_and_mask(bits)?;
    let mut out = fresh::<u8>(py, &[values.len() * width])?;
    let (words, bytes) = (values.as_slice()?, out.as_slice_mut()?);
    py.detach(|| {
        if words.len() < SERIAL_WORDS {
            PACK[width - 1](words, mask, bytes);
        } else {
            bytes
                .par_chunks_mut(CHUNK_WORDS * width)
                .zip(words.par_chunks(CHUNK_WORDS))
                .for_each(|(part, from)| PACK[width - 1](from, mask, part));
        }
    });
    Ok(finished(out))
}

/// The words from the bytes of low_bits_pack.
#[pyfunction]
fn low_bits_unpack<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    bits: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let (width, mask) = width_and_mask(bits)?;
    let array;
    let bytes = if let Ok(bytes) = data.cast::<PyBytes>() {
        bytes.as_bytes()
    } else {
        array = contiguous::<u8>("data", data)?;
        array.as_slice()?
    };
    if bytes.len() % width != 0 {
        return refuse(format!(
            "data must hold a multiple of {width} bytes, not {}",
            bytes.len()
        ));
    }
    let mut out = fresh::<u64>(py, &[bytes.len() / width])?;
    let words = out.as_slice_mut()?;
    py.detach(|| {
        in_pieces(words, 1, 1, |at, part| {
            UNPACK[width - 1](&bytes[at * width..], mask, part)
        });
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(deal_truncation, module)?)?;
    module.add_function(wrap_pyfunction!(truncate, module)?)?;
    module.add_function(wrap_pyfunction!(low_bits_pack, module)?)?;
    module.add_function(wrap_pyfunction!(low_bits_unpack, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(x: i64, mask: u64, shift: u32) {
        let opened = (x as u64).wrapping_add(1 << 62).wrapping_add(mask);
        let (high, msb) = (
            (mask >> shift).wrapping_sub(5),
            (mask >> 63).wrapping_sub(9),
        );
        let first = truncated(opened, high, msb, shift, true);
        let second = truncated(opened, 5, 9, shift, false);
        let error = (first.wrapping_add(second) as i64).wrapping_sub(x >> shift);
        assert!(
            (0..=1).contains(&error),
            "{x} >> {shift} with {mask}: {error}"
        );
    }

    #[test]
    fn truncates_exactly() {
        let edge = 1i64 << 62;
        let (bound, top) = (u64::MAX, 1u64 << 63);
        for shift in 0..=62 {
            for x in [
                -edge,
                1 - edge,
                -1,
                0,
                1,
                1 << shift,
                -(1 << shift),
                edge - 1,
            ] {
                if x == edge {
                    continue;
                }
                for mask in [
                    0,
                    1,
                    top - 1,
                    top,
                    top + 1,
                    bound,
                    bound - 1,
                    1 << 62,
                    3 << 62,
                ] {
                    check(x, mask, shift);
                }
            }
        }
    }

    #[test]
    fn packs_every_width() {
        let values: Vec<u64> = (0..77)
            .map(|k: u64| k.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        for bits in 1..=64usize {
            let (width, mask) = (bits.div_ceil(8), u64::MAX >> (64 - bits));
            let (mut bytes, mut words) = (vec![0; values.len() * width], vec![0; values.len()]);
            PACK[width - 1](&values, mask, &mut bytes);
            bytes
                .iter_mut()
                .skip(width - 1)
                .step_by(width)
                .for_each(|top| *top |= !(mask >> (8 * (width - 1))) as u8);
            UNPACK[width - 1](&bytes, mask, &mut words);
            assert!(
                words
                    .iter()
                    .zip(&values)
                    .all(|(word, value)| *word == value & mask)
            );
        }
    }
}
