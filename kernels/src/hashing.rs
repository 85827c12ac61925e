//! Keyed hashes of identifiers: BLAKE3 in keyed mode, one 32-byte hash for each byte string.
//!
//! Without the key nobody can test a guessed identifier against a hash, which a plain hash of a phone number or
//! an identity card would allow.

use numpy::{PyArrayDyn, PyUntypedArray};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::arrays::{contiguous, finished, fresh, refuse};
use crate::blake::Cuts;

/// Bytes of a hash, of a key, and of an encoded point or scalar.
pub const WIDTH: usize = 32;

/// Items of a piece of parallel work: some 100 ns each, large against the cost of a task.
const PIECE: usize = 1024;

/// 32 bytes of Python's: a key or a scalar, so they are overwritten when they are dropped.
pub fn bytes32(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Zeroizing<[u8; WIDTH]>> {
    let Ok(bytes) = value.cast::<PyBytes>() else {
        return Err(PyTypeError::new_err(format!("{name} must be bytes")));
    };
    match bytes.as_bytes().try_into() {
        Ok(array) => Ok(Zeroizing::new(array)),
        Err(_) => refuse(format!(
            "{name} must be {WIDTH} bytes, not {}",
            bytes.as_bytes().len()
        )),
    }
}

/// Hashes `items`, the n-th into the n-th row. A short list stays on the calling thread.
fn hash_all(items: &[&[u8]], key: &[u8; WIDTH], rows: &mut [[u8; WIDTH]]) {
    rows.par_chunks_mut(PIECE)
        .zip(items.par_chunks(PIECE))
        .for_each(|(rows, items)| {
            for (row, item) in rows.iter_mut().zip(items) {
                *row = *blake3::keyed_hash(key, item).as_bytes();
            }
        });
}

/// The same over one buffer, cut at offsets that [`check_offsets`] found good.
fn hash_cut(buffer: &[u8], offsets: &[i64], key: &[u8; WIDTH], rows: &mut [[u8; WIDTH]]) {
    rows.par_chunks_mut(PIECE)
        .enumerate()
        .for_each(|(piece, out)| {
            let first = piece * PIECE;
            let cuts = Cuts {
                key,
                bytes: buffer,
                offsets: &offsets[first..=first + out.len()],
                out,
            };
            cuts.fill();
        });
}

/// Whether offsets are those of a string column over `length` bytes: within it, and never going back.
/// They need not start at 0 nor end at `length`: a slice of a column is a column.
fn check_offsets(offsets: &[i64], length: usize) -> Result<(), String> {
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return Ok(());
    };
    if *first < 0 {
        return Err("offsets must not be negative".to_string());
    }
    if let Some(row) = offsets.windows(2).position(|pair| pair[1] < pair[0]) {
        return Err(format!("offsets go back after row {row}"));
    }
    if u64::try_from(*last).is_ok_and(|last| last > length as u64) {
        return Err(format!(
            "offsets go beyond the {length} bytes of the buffer"
        ));
    }
    Ok(())
}

/// Whether this is (buffer, offsets) and not a list of byte strings.
fn as_column<'py>(ids: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let pair = ids.cast::<PyTuple>().ok()?;
    let (buffer, offsets) = (pair.get_item(0).ok()?, pair.get_item(1).ok()?);
    (pair.len() == 2 && buffer.cast::<PyUntypedArray>().is_ok()).then_some((buffer, offsets))
}

/// BLAKE3 keyed hashes, shape (n, 32).
#[pyfunction]
fn keyed_hashes<'py>(
    py: Python<'py>,
    ids: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let key = bytes32("key", key)?;
    if let Some((buffer, offsets)) = as_column(ids) {
        let buffer = contiguous::<u8>("the buffer of ids", &buffer)?;
        let offsets = contiguous::<i64>("the offsets of ids", &offsets)?;
        let (bytes, cuts) = (buffer.as_slice()?, offsets.as_slice()?);
        if let Err(fault) = check_offsets(cuts, bytes.len()) {
            return refuse(fault);
        }
        let mut out = fresh::<u8>(py, &[cuts.len().saturating_sub(1), WIDTH])?;
        let (rows, _) = out.as_slice_mut()?.as_chunks_mut::<WIDTH>();
        py.detach(|| hash_cut(bytes, cuts, &key, rows));
        return Ok(finished(out));
    }
    let list: Vec<Bound<'py, PyBytes>> = ids
        .try_iter()?
        .enumerate()
        .map(|(row, item)| {
            item?.cast_into::<PyBytes>().map_err(|_| {
                PyTypeError::new_err(format!("ids must be byte strings; row {row} is not"))
            })
        })
        .collect::<PyResult<_>>()?;
    let items: Vec<&[u8]> = list.iter().map(|item| item.as_bytes()).collect();
    let mut out = fresh::<u8>(py, &[items.len(), WIDTH])?;
    let (rows, _) = out.as_slice_mut()?.as_chunks_mut::<WIDTH>();
    py.detach(|| hash_all(&items, &key, rows));
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(keyed_hashes, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_slices_are_good_and_others_are_not() {
        assert!(check_offsets(&[], 0).is_ok());
        assert!(check_offsets(&[0], 0).is_ok());
        assert!(check_offsets(&[2, 2, 5], 9).is_ok());
        assert!(check_offsets(&[-1, 2], 9).is_err());
        assert!(check_offsets(&[0, 4, 3], 9).is_err());
        assert!(check_offsets(&[0, 10], 9).is_err());
        assert!(check_offsets(&[i64::MAX], 9).is_err());
    }

    #[test]
    fn both_forms_of_input_agree_across_pieces() {
        let buffer: Vec<u8> = (0..5000u32).map(|k| (k * 7 % 251) as u8).collect();
        let offsets: Vec<i64> = (0..=2500).map(|k| 2 * k).collect();
        let items: Vec<&[u8]> = buffer.chunks(2).collect();
        let (mut cut, mut listed) = ([[0; WIDTH]; 2500], [[1; WIDTH]; 2500]);
        hash_cut(&buffer, &offsets, &[5; WIDTH], &mut cut);
        hash_all(&items, &[5; WIDTH], &mut listed);
        assert_eq!(cut, listed);
    }
}
