//! Items of a set intersection: 16 bytes each, hashed under keys of a session.
//!
//! *The hash.* H(x) = π(x) + x (Matyas, Meyer, Oseas), with π = AES-128 under a key that BLAKE3 derives of the
//! session, for each purpose another. Assumption: AES-128 is an ideal cipher. Nobody knew the key when the items
//! were chosen; to whoever asks, in either direction, each answer is a fresh random block.

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::arrays::{CHUNK_WORDS, finished, fresh, refuse, rows_of, within};
use crate::blake::Hashes;
use crate::buckets::{Dealt, split};

/// Bytes of an item and of its hash.
pub const ITEM: usize = 16;
/// Bytes of an OPRF's value.
const TAG: usize = 32;
/// Items hashed at once: 4 KiB stay in the first-level cache.
const BATCH: usize = 256;
/// Items of a piece that a core deals to buckets.
const PIECE: usize = 1 << 16;
/// The most buckets.
const MOST_BUCKETS: u64 = 1 << 16;

const HASH: &str = "coterie 2026-11 psi item hash v1";
const VALUE: &str = "coterie 2026-11 psi oprf value v1";
const BUCKET: &str = "coterie 2026-11 psi bucket v1";

/// Two arrays of numbers.
pub type Pair<'py> = (Bound<'py, PyArrayDyn<i64>>, Bound<'py, PyArrayDyn<i64>>);

/// An item or what it hashes to.
pub type Item = [u8; ITEM];

/// H under one key.
pub struct ItemHash(Aes128);

impl ItemHash {
    /// Of a session, for this purpose.
    pub fn new(purpose: &str, session: &Item) -> Self {
        let key = Zeroizing::new(blake3::derive_key(purpose, session));
        let (keys, _) = key.as_chunks::<ITEM>();
        ItemHash(Aes128::new(&Array::from(keys[0])))
    }

    /// Hashes of items, the n-th into the n-th place.
    pub fn fill(&self, items: &[Item], out: &mut [Item]) {
        for (items, out) in items.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
            let input: &[Block] = Array::cast_slice_from_core(items);
            let output: &mut [Block] = Array::cast_slice_from_core_mut(out);
            self.0
                .encrypt_blocks_b2b(input, output)
                .expect("as many blocks");
            for (hash, item) in out.iter_mut().zip(items) {
                let sum = u128::from_ne_bytes(*hash) ^ u128::from_ne_bytes(*item);
                *hash = sum.to_ne_bytes();
            }
        }
    }

    /// Hands hashes of items to `take`, with their places, in batches.
    pub fn each(&self, items: &[Item], mut take: impl FnMut(usize, u128)) {
        let mut space = [[0; ITEM]; BATCH];
        for (batch, items) in items.chunks(BATCH).enumerate() {
            let hashes = &mut space[..items.len()];
            self.fill(items, hashes);
            for (k, hash) in hashes.iter().enumerate() {
                take(batch * BATCH + k, u128::from_le_bytes(*hash));
            }
        }
    }
}

/// The rows of an array of shape (n, 16).
pub fn slice<'a>(rows: &'a PyReadonlyArrayDyn<'_, u8>) -> PyResult<&'a [Item]> {
    Ok(rows.as_slice()?.as_chunks().0)
}

/// So many bytes of Python's.
pub fn key<const N: usize>(name: &str, value: &Bound<'_, PyAny>) -> PyResult<[u8; N]> {
    let Ok(bytes) = value.cast::<PyBytes>() else {
        return Err(PyTypeError::new_err(format!("{name} must be bytes")));
    };
    match bytes.as_bytes().try_into() {
        Ok(array) => Ok(array),
        Err(_) => refuse(format!(
            "{name} must be {N} bytes, not {}",
            bytes.as_bytes().len()
        )),
    }
}

/// H of items.
#[pyfunction]
fn item_hash<'py>(
    py: Python<'py>,
    items: &Bound<'py, PyAny>,
    session: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let items = rows_of::<ITEM>("items", items)?;
    let hash = ItemHash::new(HASH, &key("session", session)?);
    let mut out = fresh::<u8>(py, items.shape())?;
    let (items, hashes) = (slice(&items)?, out.as_slice_mut()?.as_chunks_mut().0);
    py.detach(|| {
        hashes
            .par_chunks_mut(CHUNK_WORDS)
            .zip(items.par_chunks(CHUNK_WORDS))
            .for_each(|(hashes, items)| hash.fill(items, hashes))
    });
    Ok(finished(out))
}

/// Ho of evaluations and their items.
#[pyfunction]
fn oprf_tags<'py>(
    py: Python<'py>,
    v: &Bound<'py, PyAny>,
    items: &Bound<'py, PyAny>,
    session: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (v, items) = (rows_of::<ITEM>("v", v)?, rows_of::<ITEM>("items", items)?);
    if v.shape() != items.shape() {
        return refuse("v and items must have the same shape");
    }
    let session: [u8; ITEM] = key("session", session)?;
    let key = Zeroizing::new(blake3::derive_key(VALUE, &session));
    let mut out = fresh::<u8>(py, &[items.shape()[0], TAG])?;
    let (v, items) = (slice(&v)?, slice(&items)?);
    let (tags, _) = out.as_slice_mut()?.as_chunks_mut::<TAG>();
    py.detach(|| {
        tags.par_chunks_mut(BATCH)
            .zip(v.par_chunks(BATCH))
            .zip(items.par_chunks(BATCH))
            .for_each(|((out, first), second)| {
                let key = &key;
                Hashes {
                    key,
                    first,
                    second,
                    out,
                }
                .fill();
            });
    });
    Ok(finished(out))
}

/// A number below `bound` of the high word of a hash.
fn below(hash: u128, bound: u64) -> u64 {
    ((u128::from((hash >> 64) as u64) * u128::from(bound)) >> 64) as u64
}

/// Counts of buckets, and rows in their order.
#[pyfunction]
fn bucket_of<'py>(
    py: Python<'py>,
    items: &Bound<'py, PyAny>,
    session: &Bound<'py, PyAny>,
    buckets: &Bound<'py, PyAny>,
) -> PyResult<Pair<'py>> {
    let items = rows_of::<ITEM>("items", items)?;
    let hash = ItemHash::new(BUCKET, &key("session", session)?);
    let buckets = within("buckets", buckets, 1, MOST_BUCKETS)? as usize;
    let mut counts = fresh::<i64>(py, &[buckets])?;
    let mut order = fresh::<i64>(py, &[items.shape()[0]])?;
    let items = slice(&items)?;
    let (sums, places) = (counts.as_slice_mut()?, order.as_slice_mut()?);
    py.detach(|| {
        let piece = PIECE.max(buckets);
        let dealt = Dealt::new(
            items.len(),
            buckets,
            piece,
            |start, to, made: &mut [u32]| {
                hash.each(&items[start..start + to.len()], |k, hash| {
                    to[k] = below(hash, buckets as u64) as u32;
                    made[k] = k as u32;
                });
            },
        );
        let sizes = dealt.counts();
        for (sum, size) in sums.iter_mut().zip(&sizes) {
            *sum = *size as i64;
        }
        split(places, &sizes)
            .into_par_iter()
            .enumerate()
            .for_each(|(bucket, mut places)| {
                for (start, part) in dealt.parts(bucket) {
                    let (here, rest) = places.split_at_mut(part.len());
                    for (place, row) in here.iter_mut().zip(part) {
                        *place = (start + *row as usize) as i64;
                    }
                    places = rest;
                }
            });
    });
    Ok((finished(counts), finished(order)))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(item_hash, module)?)?;
    module.add_function(wrap_pyfunction!(oprf_tags, module)?)?;
    module.add_function(wrap_pyfunction!(bucket_of, module)?)
}
