//! Trees of seeds after Goldreich, Goldwasser and Micali, whole and with one leaf punctured, many at once.
//!
//! A node s has the children AES(k_0, s) + s and AES(k_1, s) + s (Matyas-Meyer-Oseas with two keys). Each level of
//! each tree has keys of its own, AES(session, tree · 2^16 + level · 2 + side): so a guess of a node is tested against
//! one unknown node only, and many trees are as hard to invert as one (ideal cipher; Guo, Katz, Wang, Yu 2020 on
//! what is lost otherwise). Of a level of a tree with `width` leaves only the nodes above those leaves exist.
//!
//! Of every level the sum of all left children and that of all right ones is enough to go on from the nodes that are
//! known: whoever lacks one node of a level lacks its two children, and is given the sum of the side on which the next
//! lacking node is not.

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};
use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;
use zeroize::Zeroize;

use crate::arrays::{contiguous, finished, fresh, refuse, rows_of, seed as bytes16, whole};
use crate::gf128::{WIDTH, rows, rows_mut};

type Node = [u8; WIDTH];

/// Nodes encrypted in one call: they stay in the first-level cache.
const BATCH: usize = 64;

/// Leaves of a tree at most.
const MOST_LEAVES: u64 = 1 << 24;

/// Levels below the root.
pub fn depth_of(width: usize) -> usize {
    width.next_power_of_two().trailing_zeros() as usize
}

/// Nodes of level `level` that have leaves below them.
fn nodes_at(width: usize, depth: usize, level: usize) -> usize {
    width.div_ceil(1 << (depth - level))
}

fn add(sum: &mut Node, node: &Node) {
    *sum = (u128::from_ne_bytes(*sum) ^ u128::from_ne_bytes(*node)).to_ne_bytes();
}

/// The keys of one level of one tree.
fn keys(session: &Aes128, tree: usize, level: usize) -> [Aes128; 2] {
    [0, 1].map(|side| {
        let number = ((tree as u128) << 16) | (level as u128 * 2 + side);
        let mut key = Block::from(number.to_le_bytes());
        session.encrypt_block(&mut key);
        Aes128::new(&key)
    })
}

/// Makes of the first `parents` nodes their first `children` children, in place, and adds up each side.
fn grow(keys: &[Aes128; 2], nodes: &mut [Node], parents: usize, children: usize) -> [Node; 2] {
    let mut sums = [0u128; 2];
    let mut sides = [[Block::default(); BATCH]; 2];
    let mut given = [[0; WIDTH]; BATCH];
    // From the last batch on: children lie behind their parents.
    for first in (0..parents).step_by(BATCH).rev() {
        let count = BATCH.min(parents - first);
        given[..count].copy_from_slice(&nodes[first..first + count]);
        for (side, key) in sides.iter_mut().zip(keys) {
            let blocks = &mut side[..count];
            blocks.copy_from_slice(Array::cast_slice_from_core(&given[..count]));
            key.encrypt_blocks(blocks);
        }
        let out = &mut nodes[2 * first..children.min(2 * (first + count))];
        let child = |side: usize, at: usize| {
            let block: Node = sides[side][at].into();
            u128::from_ne_bytes(block) ^ u128::from_ne_bytes(given[at])
        };
        let (pairs, odd) = out.as_chunks_mut::<2>();
        for (at, pair) in pairs.iter_mut().enumerate() {
            let (left, right) = (child(0, at), child(1, at));
            sums = [sums[0] ^ left, sums[1] ^ right];
            *pair = [left.to_ne_bytes(), right.to_ne_bytes()];
        }
        if let [last] = odd {
            let left = child(0, count - 1);
            sums[0] ^= left;
            *last = left.to_ne_bytes();
        }
    }
    // These are seeds of leaves that only one side shall know.
    given.zeroize();
    sides
        .as_flattened_mut()
        .iter_mut()
        .for_each(|node| node.0.zeroize());
    sums.map(u128::to_ne_bytes)
}

/// One whole tree; `sums` has two rows for each level.
fn whole_tree(session: &Aes128, tree: usize, root: &Node, leaves: &mut [Node], sums: &mut [Node]) {
    let (width, depth) = (leaves.len(), depth_of(leaves.len()));
    leaves[0] = *root;
    for level in 1..=depth {
        let (parents, children) = (
            nodes_at(width, depth, level - 1),
            nodes_at(width, depth, level),
        );
        let sides = grow(&keys(session, tree, level), leaves, parents, children);
        sums[2 * level - 2..2 * level].copy_from_slice(&sides);
    }
}

/// One tree without the leaf at `point`, which becomes `total` plus all others.
fn punctured_tree(
    session: &Aes128,
    tree: usize,
    point: usize,
    given: &[Node],
    total: &Node,
    leaves: &mut [Node],
) {
    let (width, depth) = (leaves.len(), depth_of(leaves.len()));
    leaves[0] = [0; WIDTH];
    for level in 1..=depth {
        let (parents, children) = (
            nodes_at(width, depth, level - 1),
            nodes_at(width, depth, level),
        );
        let sums = grow(&keys(session, tree, level), leaves, parents, children);
        // What grew of the lacking node is none of the tree: it is taken out of the sums and overwritten.
        let lacking = point >> (depth - level);
        let known = lacking ^ 1;
        if known < children {
            // Its own wrong value is in the sum of its side, and goes out of it by being added once more.
            add(&mut leaves[known], &sums[known % 2]);
            add(&mut leaves[known], &given[level - 1]);
        }
        leaves[lacking] = [0; WIDTH];
    }
    let mut sum = *total;
    leaves.iter().for_each(|leaf| add(&mut sum, leaf));
    leaves[point] = sum;
}

fn width_of(width: &Bound<'_, PyAny>) -> PyResult<usize> {
    match whole("width", width)? {
        width @ 2..=MOST_LEAVES => Ok(width as usize),
        _ => refuse(format!("width must be from 2 to {MOST_LEAVES}")),
    }
}

/// Whole trees.
#[pyfunction]
#[allow(clippy::type_complexity)]
fn ggm_trees<'py>(
    py: Python<'py>,
    roots: &Bound<'py, PyAny>,
    width: &Bound<'py, PyAny>,
    session: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyArrayDyn<u8>>, Bound<'py, PyArrayDyn<u8>>)> {
    let (roots, width) = (rows_of::<WIDTH>("roots", roots)?, width_of(width)?);
    let session = Aes128::new(&Array::from(*bytes16(session)?));
    let (count, depth) = (roots.shape()[0], depth_of(width));
    let mut leaves = fresh::<u8>(py, &[count, width, WIDTH])?;
    let mut sums = fresh::<u8>(py, &[count, depth, 2, WIDTH])?;
    let given = rows(roots.as_slice()?);
    let (filled, added) = (
        rows_mut(leaves.as_slice_mut()?),
        rows_mut(sums.as_slice_mut()?),
    );
    py.detach(|| {
        filled
            .par_chunks_mut(width)
            .zip(added.par_chunks_mut(2 * depth))
            .zip(given)
            .enumerate()
            .for_each(|(tree, ((leaves, sums), root))| {
                whole_tree(&session, tree, root, leaves, sums);
            });
    });
    Ok((finished(leaves), finished(sums)))
}

/// Punctured trees.
#[pyfunction]
fn ggm_punctured<'py>(
    py: Python<'py>,
    points: &Bound<'py, PyAny>,
    sums: &Bound<'py, PyAny>,
    totals: &Bound<'py, PyAny>,
    width: &Bound<'py, PyAny>,
    session: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (totals, width) = (rows_of::<WIDTH>("totals", totals)?, width_of(width)?);
    let session = Aes128::new(&Array::from(*bytes16(session)?));
    let points = contiguous::<u64>("points", points)?;
    let sums = contiguous::<u8>("sums", sums)?;
    let (count, depth) = (totals.shape()[0], depth_of(width));
    let places = points.as_slice()?;
    if points.shape() != [count] || places.iter().any(|point| *point >= width as u64) {
        return refuse("points must have shape (n,), below width");
    }
    if sums.shape() != [count, depth, WIDTH] {
        return refuse(format!("sums must have shape ({count}, {depth}, 16)"));
    }
    let mut leaves = fresh::<u8>(py, &[count, width, WIDTH])?;
    let (given, totals) = (rows(sums.as_slice()?), rows(totals.as_slice()?));
    let filled = rows_mut(leaves.as_slice_mut()?);
    py.detach(|| {
        filled
            .par_chunks_mut(width)
            .zip(given.par_chunks(depth))
            .enumerate()
            .for_each(|(tree, (leaves, given))| {
                let point = places[tree] as usize;
                punctured_tree(&session, tree, point, given, &totals[tree], leaves);
            });
    });
    Ok(finished(leaves))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ggm_trees, module)?)?;
    module.add_function(wrap_pyfunction!(ggm_punctured, module)?)
}
