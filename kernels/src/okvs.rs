//! An oblivious key-value store: a table that gives each of its keys a value, and shows no key.
//!
//! Keys are dealt to *clusters* of 24,576 to 36,863 on average (up to 49,151 are one), so that what is worked on
//! fits a core's second-level cache. A cluster has three segments of m cells and 64 *dense* cells. A key stands
//! for one cell of each segment and a subset of the dense cells; its value is the exclusive or of all these.
//! Cluster, cells and subset are read from a hash of the key under the session (see [`crate::items`]). Encoding
//! finds, for given keys and values, a uniformly random table among those that have all the values. So where the
//! values are uniform the whole table is, whatever the keys: who knows neither learns nothing from it but its
//! size, and that depends on the number of keys alone.
//!
//! *How* ([`crate::okvs_peel`]). All cells are drawn at random. Keys are peeled off: one that is alone in some
//! cell can have any value by that cell, whatever is in all others. What nobody is alone in remains, the core;
//! its few keys are given their values by the dense cells, by elimination. Then the cells of the peeled keys
//! follow in reverse order.
//!
//! *How likely it fails*: below 2^-40 in all, for distinct keys that were chosen before the session. Their hashes
//! behave as random ones; what places take of a hash is uniform up to a factor of 1 + 2^-6 at 2^32 keys, and of
//! much less at fewer.
//!
//! 1. *Dense cells.* The subsets of a core of c keys depend on each other with probability below 2^(c - 64).
//! 2. *Up to 4096 keys*, by proof. A set of c keys that is a core has no cell to itself. By the union bound the
//!    probability of a failure is at most the sum over c of C(n, c) · P(c, m)^3 · min(1, 2^(c - 64)), where P(c,
//!    m), that c balls in m bins leave no bin with exactly one, is at most c! (e^z - z)^m / (z m)^c for every z >
//!    0: the generating function's coefficient. With m the lesser of 2n / 3 + 12 and 0.51n + 45 that is below
//!    2^-41.
//! 3. *More, in a cluster of n keys.* With 3m = 1.2218n + 6.75 √n + 24 the same sum over cores of up to n / 6
//!    keys is below 2^-60. That larger cores do not appear rests on experiments. When keys come one by one, a
//!    large core appears at once; the number of keys by then is normal in the limit, as Dembo and Montanari have
//!    proven of the like, about C / 1.2218 - β C^(1/3) with a deviation of α √C, for C = 3m cells. As measured:
//!
//!    | C | trials | α | β | skewness |
//!    |---|---|---|---|---|
//!    | 1200 | 400,000 | 0.486 | 0.96 | -0.14 |
//!    | 4800 | 60,000 | 0.486 | 0.97 | -0.08 |
//!    | 33,000 | 6,000 | 0.490 | 0.98 | -0.01 |
//!
//!    At 1200, one of 10^4 lies below -3.98 deviations and one of 10^5 below -4.51 (of a normal distribution
//!    -3.72 and -4.26); the skewness vanishes as C grows. n is more than nine deviations away, of a normal
//!    distribution's tail that is 2^-62. The size is also at least what the fit of Rindal and Raghuraman to their
//!    experiments asks for, up to 2^22 keys.
//! 4. *Clusters.* That one of k clusters gets more than n keys, for a mean of μ, has probability at most k e^(-t²
//!    / (2μ + 2t / 3)), t = n - μ (Bernstein); n is such that this is at most 2^-42.
//!
//! All of it is computed again in `tests/kernels/test_okvs_size.py`, and measured in the tests of
//! [`crate::okvs_peel`]. A failure is an error, never a wrong table.
//!
//! Sources: Pinkas, Rosulek, Trieu, Yanai, "PSI from PaXoS" (2020), section 4; Garimella, Pinkas, Rosulek, Trieu,
//! Yanai, "Oblivious key-value stores and amplification for private set intersection" (2021), section 4, for
//! three cells; Rindal, Raghuraman, "Blazing fast PSI from improved OKVS and subfield VOLE" (2022), for clusters
//! and the fit; Dembo, Montanari, "Finite size scaling for the core of large random hypergraphs" (2008).

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyArithmeticError;
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{count, finished, fresh, refuse, rows_of, whole};
use crate::buckets::Dealt;
use crate::items::{ITEM, Item, ItemHash, key, slice};
use crate::okvs_peel::{DENSE, SEGMENTS, Slot, Space, Sums};
use crate::prg::Stream;

/// The least keys of a cluster, on average, where there are several.
const CLUSTER: u64 = 24_576;
/// Keys up to which the size of a table is proven to be enough.
const PROVEN: f64 = 4096.0;
/// The most keys that a table's size is known of: plans may be of more than a machine can hold.
const MOST_KEYS: u64 = 1 << 40;
/// The most keys of a table.
const MOST_HELD: u64 = 1 << 32;
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

/// 1, 2, 3, 4, 6, 8, 12, ...: in such steps a table of more keys is never the smaller one. Plans rely on that.
fn clusters(keys: u64) -> u64 {
    let most = (keys / CLUSTER).max(1);
    let power = 1 << most.ilog2();
    if most >= power + power / 2 {
        power + power / 2
    } else {
        power
    }
}

/// Keys of the fullest cluster, but for a chance of 2^-42 (4 in the argument above).
fn most_keys(keys: u64, clusters: u64) -> f64 {
    let mean = keys as f64 / clusters as f64;
    if clusters == 1 {
        return mean;
    }
    let bits = 42 + clusters.next_power_of_two().ilog2();
    let l = f64::from(bits) * std::f64::consts::LN_2;
    mean + l / 3.0 + (l * l / 9.0 + 2.0 * l * mean).sqrt()
}

/// Cells of each segment of a cluster of so many keys (2 and 3 above).
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

fn shape_of(name: &str, keys: u64, most: u64) -> PyResult<Shape> {
    if keys > most {
        return refuse(format!("{name} is too large"));
    }
    Ok(Shape::of(keys))
}

/// Cells of the table of so many keys.
#[pyfunction]
fn okvs_cells(keys: &Bound<'_, PyAny>) -> PyResult<u64> {
    Ok(shape_of("keys", whole("keys", keys)?, MOST_KEYS)?.cells())
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
    let (keys, values) = (
        rows_of::<ITEM>("keys", keys)?,
        rows_of::<ITEM>("values", values)?,
    );
    if keys.shape() != values.shape() {
        return refuse("keys and values must have the same shape");
    }
    let session = key("session", session)?;
    let random: [u8; 32] = key("random", random)?;
    let derived = blake3::derive_key(FREE, &random);
    let (seeds, _) = derived.as_chunks::<ITEM>();
    let (keys, values) = (slice(&keys)?, slice(&values)?);
    let shape = shape_of("the number of keys", keys.len() as u64, MOST_HELD)?;
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
    let (table, keys) = (
        rows_of::<ITEM>("table", table)?,
        rows_of::<ITEM>("keys", keys)?,
    );
    let session = key("session", session)?;
    let of = whole("of", of)?;
    let shape = shape_of("of", of, MOST_HELD)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_sixteen_bits() {
        for keys in (0..1 << 17).chain((17..=40).map(|power| 1 << power)) {
            let shape = Shape::of(keys);
            assert!(shape.segment * SEGMENTS as u64 <= 1 << 16, "{keys}");
            assert!(most_keys(keys, shape.clusters) < f64::from(u16::MAX));
        }
    }

    #[test]
    fn a_table_of_more_keys_is_never_smaller() {
        let mut before = 0;
        for keys in (0..1 << 21).step_by(5) {
            let cells = Shape::of(keys).cells();
            assert!(cells >= before, "{keys}");
            before = cells;
        }
    }
}
