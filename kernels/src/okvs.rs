//! An oblivious key-value store.

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyArithmeticError;
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{count, finished, fresh, refuse, whole};
use crate::buckets::Dealt;
use crate::items::{ITEM, Item, ItemHash, key, rows, slice};
use crate::okvs_peel::{DENSE, SEGMENTS, Slot, Space, Sums};
use crate::prg::Stream;

/// Keys of a cluster, on average at least, where there are several.
const CLUSTER: u64 = 24_576;
/// Keys up to which the size of a table is proven to be enough.
const PROVEN: f64 = 4096.0;
/// The most keys that a store can have.
const MOST_KEYS: u64 = 1 << 40;
/// Keys that a core deals to clusters.
const PIECE: usize = 1 << 16;
/// Keys that are looked up at a time: so many wait in their clusters' order.
const WAVE: usize = 1 << 22;

const ROW: &str = "coterie 2026-11 okvs row v1";
const FREE: &str = "coterie 2026-11 okvs free cells v1";

/// What the number of keys says of a table.
#[derive(Clone, Copy, Debug)]
struct Shape {
    clusters: u64,
    /// Cells of each of a cluster's three segments.
    segment: u64,
}

impl Shape {
    fn of(keys: u64) -> Self {
        let clusters = clusters(keys);
        Shape {
            clusters,
            segment: segment(most_keys(keys, clusters)),
        }
    }

    fn cluster_cells(self) -> usize {
        SEGMENTS * self.segment as usize + DENSE
    }

    fn cells(self) -> u64 {
        self.clusters * self.cluster_cells() as u64
    }
}

/// 1, 2, 3, 4, 6, 8, 12, ...: in such steps a table of more keys is never the smaller one.
fn clusters(keys: u64) -> u64 {
    let most = (keys / CLUSTER).max(1);
    let power = 1 << most.ilog2();
    if most >= power + power / 2 {
        power + power / 2
    } else {
        power
    }
}

/// Keys of the fullest cluster, but for a chance of 2^-42.
fn most_keys(keys: u64, clusters: u64) -> f64 {
    let mean = keys as f64 / clusters as f64;
    if clusters == 1 {
        return mean;
    }
    let bits = 42 + clusters.next_power_of_two().ilog2();
    let l = f64::from(bits) * std::f64::consts::LN_2;
    mean + l / 3.0 + (l * l / 9.0 + 2.0 * l * mean).sqrt()
}

/// Cells of each segment of a cluster of so many keys.
fn segment(keys: f64) -> u64 {
    let proven = |keys: f64| (2.0 * keys / 3.0 + 12.0).min(0.51 * keys + 45.0);
    let cells = if keys <= PROVEN {
        proven(keys)
    } else {
        ((1.2218 * keys + 6.75 * keys.sqrt()) / 3.0 + 8.0).max(proven(PROVEN))
    };
    cells.ceil() as u64
}

fn deal(keys: &[Item], session: &Item, shape: Shape) -> Dealt<Slot> {
    let hash = ItemHash::new(ROW, session);
    let clusters = shape.clusters as usize;
    Dealt::new(
        keys.len(),
        clusters,
        PIECE.max(clusters),
        |start, to, slots| {
            hash.each(&keys[start..start + to.len()], |k, hash| {
                let product = u128::from(hash as u64) * u128::from(shape.clusters);
                to[k] = (product >> 64) as u32;
                slots[k] = Slot {
                    fraction: product as u64,
                    dense: (hash >> 64) as u64,
                    row: k as u32,
                };
            });
        },
    )
}

fn encode(
    keys: &[Item],
    values: &[Item],
    session: &Item,
    seed: &Item,
    shape: Shape,
    table: &mut [Item],
) -> Option<()> {
    let dealt = deal(keys, session, shape);
    table
        .par_chunks_mut(shape.cluster_cells())
        .enumerate()
        .try_for_each_init(Space::default, |space, (number, table)| {
            space.clear();
            for (start, slots) in dealt.parts(number) {
                space.add(slots, shape.segment, &values[start..]);
            }
            for (cells, at) in table.chunks_mut(256).zip(0..) {
                let mut words = [0; 512];
                let words = &mut words[..2 * cells.len()];
                Stream::new(seed, number as u64).fill(512 * at, words);
                for (cell, pair) in cells.iter_mut().zip(words.as_chunks::<2>().0) {
                    *cell = bytemuck::cast(*pair);
                }
            }
            space.encode(table)
        })
}

fn decode(table: &[Item], keys: &[Item], session: &Item, shape: Shape, out: &mut [Item]) {
    let mut found = vec![[0; ITEM]; keys.len()];
    let dealt = deal(keys, session, shape);
    let parts = dealt.cut(&mut found);
    table
        .par_chunks(shape.cluster_cells())
        .zip(parts)
        .enumerate()
        .for_each(|(number, (table, parts))| {
            let (sparse, dense) = table.split_at(table.len() - DENSE);
            let sums = Sums::new(dense);
            parts
                .into_par_iter()
                .zip(dealt.parts(number).collect::<Vec<_>>())
                .for_each(|(found, (_, slots))| {
                    for (found, slot) in found.iter_mut().zip(slots) {
                        let mut value = sums.at(slot.dense);
                        for place in slot.places(shape.segment) {
                            value ^= u128::from_le_bytes(sparse[usize::from(place)]);
                        }
                        *found = value.to_le_bytes();
                    }
                });
        });
    let piece = PIECE.max(shape.clusters as usize);
    out.par_chunks_mut(piece)
        .zip(found.par_chunks(piece))
        .zip(dealt.pieces())
        .for_each(|((out, found), slots)| {
            for (found, slot) in found.iter().zip(slots) {
                out[slot.row as usize] = *found;
            }
        });
}

fn shape_of(name: &str, keys: u64) -> PyResult<Shape> {
    if keys > MOST_KEYS {
        return refuse(format!("{name} is too large"));
    }
    Ok(Shape::of(keys))
}

/// Cells of the table of so many keys.
#[pyfunction]
fn okvs_cells(keys: &Bound<'_, PyAny>) -> PyResult<u64> {
    Ok(shape_of("keys", whole("keys", keys)?)?.cells())
}

/// A table in which keys have these values.
#[pyfunction]
fn okvs_encode<'py>(
    py: Python<'py>,
    keys: &Bound<'py, PyAny>,
    values: &Bound<'py, PyAny>,
    session: &Bound<'py, PyAny>,
    random: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (keys, values) = (rows("keys", keys)?, rows("values", values)?);
    if keys.shape() != values.shape() {
        return refuse("keys and values must have the same shape");
    }
    let session = key("session", session)?;
    let random: [u8; 32] = key("random", random)?;
    let derived = blake3::derive_key(FREE, &random);
    let (seeds, _) = derived.as_chunks::<ITEM>();
    let (keys, values) = (slice(&keys)?, slice(&values)?);
    let shape = shape_of("the number of keys", keys.len() as u64)?;
    let mut out = fresh::<u8>(py, &[count("the table", &[shape.cells()])?, ITEM])?;
    let (table, _) = out.as_slice_mut()?.as_chunks_mut();
    match py.detach(|| encode(keys, values, &session, &seeds[0], shape, table)) {
        Some(()) => Ok(finished(out)),
        None => Err(PyArithmeticError::new_err("no table has these values")),
    }
}

/// The values of keys.
#[pyfunction]
fn okvs_decode<'py>(
    py: Python<'py>,
    table: &Bound<'py, PyAny>,
    keys: &Bound<'py, PyAny>,
    session: &Bound<'py, PyAny>,
    of: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (table, keys) = (rows("table", table)?, rows("keys", keys)?);
    let session = key("session", session)?;
    let of = whole("of", of)?;
    let shape = shape_of("of", of)?;
    if table.shape()[0] as u64 != shape.cells() {
        return refuse(format!(
            "a table of {of} keys has {} cells, not {}",
            shape.cells(),
            table.shape()[0]
        ));
    }
    let mut out = fresh::<u8>(py, keys.shape())?;
    let (table, keys) = (slice(&table)?, slice(&keys)?);
    let (values, _) = out.as_slice_mut()?.as_chunks_mut();
    py.detach(|| {
        for (keys, values) in keys.chunks(WAVE).zip(values.chunks_mut(WAVE)) {
            decode(table, keys, &session, shape, values);
        }
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(okvs_cells, module)?)?;
    module.add_function(wrap_pyfunction!(okvs_encode, module)?)?;
    module.add_function(wrap_pyfunction!(okvs_decode, module)?)
}
