//! Bit vectors correlated with 128 secret bits, out of seeds of which the other side lacks one in sixteen
//! (Roy, "SoftSpokenOT", 2022, for the field of 16 elements), and their rows.
//!
//! With r_0 … r_15 the streams of a group's seeds, whose id is the group's number: u = sum of all r_x; v_b = sum of those r_x for which bit b of x + o
//! is set. Who has all seeds takes the offset o = 0; who lacks the seed at o takes that o, and no v_b then depends on
//! it: its v_b is the other's plus bit b of o times u.

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;
use zeroize::Zeroize;

use crate::arrays::{contiguous, count, finished, fresh, refuse, whole};
use crate::gf128::{WIDTH, rows, rows_mut};
use crate::prg::Stream;

/// Seeds of a group, and the secret bits it stands for.
const SEEDS: usize = 16;
const BITS: usize = 4;

/// Secret bits in all.
const COLUMNS: usize = 128;

/// Words of a stream that are drawn at once.
const BATCH: usize = 256;

/// One group: u, and v_0 … v_3, each as long as u.
fn correlate(group: usize, seeds: &[[u8; WIDTH]], offset: u8, u: &mut [u64], v: &mut [u64]) {
    let length = u.len();
    u.fill(0);
    v.fill(0);
    let mut drawn = [0; BATCH];
    for (x, seed) in seeds.iter().enumerate() {
        let stream = Stream::new(seed, group as u64);
        for from in (0..length).step_by(BATCH) {
            let to = length.min(from + BATCH);
            let drawn = &mut drawn[..to - from];
            stream.fill(from as u64, drawn);
            let add = |sum: &mut [u64], mask: u64| {
                for (sum, word) in sum.iter_mut().zip(&*drawn) {
                    *sum ^= word & mask;
                }
            };
            add(&mut u[from..to], u64::MAX);
            for b in 0..BITS {
                let bit = ((x as u8 ^ offset) >> b) & 1;
                let place = b * length;
                add(
                    &mut v[place + from..place + to],
                    0u64.wrapping_sub(bit as u64),
                );
            }
        }
    }
    drawn.zeroize();
}

/// u and v of every group.
#[pyfunction]
#[allow(clippy::type_complexity)]
fn correlate_columns<'py>(
    py: Python<'py>,
    seeds: &Bound<'py, PyAny>,
    offsets: &Bound<'py, PyAny>,
    blocks: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyArrayDyn<u8>>, Bound<'py, PyArrayDyn<u8>>)> {
    let seeds = contiguous::<u8>("seeds", seeds)?;
    let offsets = contiguous::<u8>("offsets", offsets)?;
    let groups = offsets.len();
    if seeds.shape() != [groups, SEEDS, WIDTH] || offsets.shape() != [groups] {
        return refuse("seeds must have shape (n, 16, 16) and offsets shape (n,)");
    }
    let shifts = offsets.as_slice()?;
    if shifts.iter().any(|offset| *offset as usize >= SEEDS) {
        return refuse("offsets must be from 0 to 15");
    }
    let blocks = whole("blocks", blocks)?;
    count("blocks", &[blocks, 2 * BITS as u64, groups as u64])?;
    if blocks == 0 {
        return refuse("blocks must be from 1");
    }
    let blocks = blocks as usize;
    // Words are eight bytes, aligned: filled as such, seen as bytes.
    let mut u = fresh::<u8>(py, &[groups, blocks, WIDTH])?;
    let mut v = fresh::<u8>(py, &[BITS * groups, blocks, WIDTH])?;
    let given = rows(seeds.as_slice()?);
    let (sums, columns) = (rows_mut(u.as_slice_mut()?), rows_mut(v.as_slice_mut()?));
    py.detach(|| {
        sums.par_chunks_mut(blocks)
            .zip(columns.par_chunks_mut(BITS * blocks))
            .zip(given.par_chunks(SEEDS))
            .zip(shifts)
            .enumerate()
            .for_each(|(group, (((u, v), seeds), offset))| {
                let (mut all, mut bits) = (vec![0; 2 * blocks], vec![0; 2 * BITS * blocks]);
                correlate(group, seeds, *offset, &mut all, &mut bits);
                u.as_flattened_mut()
                    .copy_from_slice(bytemuck::cast_slice(&all));
                v.as_flattened_mut()
                    .copy_from_slice(bytemuck::cast_slice(&bits));
            });
    });
    Ok((finished(u), finished(v)))
}

/// An array of shape (128, n, 16).
fn columns_of<'py>(
    value: &Bound<'py, PyAny>,
) -> PyResult<(numpy::PyReadonlyArrayDyn<'py, u8>, usize)> {
    let columns = contiguous::<u8>("columns", value)?;
    match *columns.shape() {
        [COLUMNS, blocks, WIDTH] => Ok((columns, blocks)),
        ref shape => refuse(format!(
            "columns must have shape ({COLUMNS}, n, {WIDTH}), not {shape:?}"
        )),
    }
}

/// The bits of 128 columns as rows of 128 bits.
#[pyfunction]
fn columns_to_rows<'py>(
    py: Python<'py>,
    columns: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (columns, blocks) = columns_of(columns)?;
    let mut out = fresh::<u8>(py, &[blocks * COLUMNS, WIDTH])?;
    let given = rows(columns.as_slice()?);
    let filled = rows_mut(out.as_slice_mut()?);
    py.detach(|| {
        filled
            .par_chunks_mut(COLUMNS)
            .enumerate()
            .for_each(|(block, out)| {
                let mut turned = [0u128; COLUMNS];
                for (column, turn) in turned.iter_mut().enumerate() {
                    *turn = u128::from_le_bytes(given[column * blocks + block]);
                }
                transpose(&mut turned);
                for (out, row) in out.iter_mut().zip(turned) {
                    *out = row.to_le_bytes();
                }
            });
    });
    Ok(finished(out))
}

/// Transposes a square of bits: halves of halves change places.
fn transpose(square: &mut [u128; COLUMNS]) {
    let (mut size, mut mask) = (COLUMNS / 2, u128::MAX >> 64);
    while size > 0 {
        for k in (0..COLUMNS).filter(|k| k & size == 0) {
            let swap = ((square[k] >> size) ^ square[k + size]) & mask;
            square[k] ^= swap << size;
            square[k + size] ^= swap;
        }
        size /= 2;
        mask ^= mask << size;
    }
}

/// 128 columns of elements as one: the sum of x^i times the i-th.
#[pyfunction]
fn columns_combine<'py>(
    py: Python<'py>,
    columns: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (columns, blocks) = columns_of(columns)?;
    let mut out = fresh::<u8>(py, &[blocks, WIDTH])?;
    let given = rows(columns.as_slice()?);
    let filled = rows_mut(out.as_slice_mut()?);
    py.detach(|| {
        filled
            .par_chunks_mut(BATCH)
            .enumerate()
            .for_each(|(piece, out)| {
                let mut sums = [0u128; BATCH];
                for column in given.chunks(blocks).rev() {
                    for (sum, element) in sums.iter_mut().zip(&column[piece * BATCH..]) {
                        let carry = 0x87 & 0u128.wrapping_sub(*sum >> 127);
                        *sum = (*sum << 1) ^ carry ^ u128::from_le_bytes(*element);
                    }
                }
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = sum.to_le_bytes();
                }
            });
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(correlate_columns, module)?)?;
    module.add_function(wrap_pyfunction!(columns_to_rows, module)?)?;
    module.add_function(wrap_pyfunction!(columns_combine, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_bits() {
        let mut square = [0u128; COLUMNS];
        for (k, row) in square.iter_mut().enumerate() {
            *row = (k as u128 + 5).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        }
        let before = square;
        transpose(&mut square);
        for (k, row) in before.iter().enumerate() {
            for (j, turned) in square.iter().enumerate() {
                assert_eq!((row >> j) & 1, (turned >> k) & 1);
            }
        }
    }
}
