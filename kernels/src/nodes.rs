//! The tree of secret comparison, bit-sliced: what dealer and parties do for each of its levels. The mathematics is
//! in [`crate::tree`].

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays::{
    contiguous, finished, fresh, refuse, seed as seed_of, seeds as seeds_of, whole,
};
use crate::cpu::{Kernel, Level as Cpu};
use crate::planes::{Plane, TILE, add, by_tile, fill_xor, load, words_of};
use crate::prg::Stream;
use crate::simd::Simd;
use crate::spans::{Dealt, Span, optional};
use crate::tree::{Level, MAX_FACTORS, MAX_RADIX, Shares, combine, deal};

type Array<'py> = Bound<'py, PyArrayDyn<u64>>;

/// A word that is computed costs as much as some that are copied.
const WEIGHT: usize = 8;

/// Levels of a tree, as Python gives them.
fn level(groups: Vec<usize>, order: bool) -> PyResult<Level> {
    match Level::new(&groups, order) {
        Some(level) => Ok(level),
        None => refuse(format!(
            "groups must be one or more, each of 2 to {MAX_RADIX} nodes"
        )),
    }
}

/// Adds the factors of a level's groups to a tile.
struct Factors<'a> {
    level: &'a Level,
    nodes: &'a [u64],
    tile: &'a mut [u64],
    words: usize,
}

impl Kernel for Factors<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let factors = self.level.groups.iter().flat_map(|group| &group.factors);
        for (plane, node) in factors.enumerate() {
            let factor = load::<S>(self.nodes, self.words, *node);
            add::<S>(self.tile, self.words, plane, factor);
        }
    }
}

/// A party's masked shares of all factors of a level.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn nodes_open<'py>(
    py: Python<'py>,
    nodes: &Bound<'py, PyAny>,
    n: &Bound<'py, PyAny>,
    groups: Vec<usize>,
    order: bool,
    seed: &Bound<'py, PyAny>,
    id: &Bound<'py, PyAny>,
    offset: &Bound<'py, PyAny>,
) -> PyResult<Array<'py>> {
    let (span, level) = (Span::new(n, offset)?, level(groups, order)?);
    let nodes = contiguous::<u64>("nodes", nodes)?;
    let (given, planes) = (nodes.as_slice()?, level.opened);
    span.check("nodes", given.len(), level.planes)?;
    let stream = Stream::new(&*seed_of(seed)?, whole("id", id)?);
    let mut out = fresh::<u64>(py, &[planes * words_of(span.n)])?;
    let array = out.as_slice_mut()?;
    let (cpu, span, level) = (Cpu::best(), &span, &level);
    py.detach(|| {
        by_tile(
            array,
            planes,
            span.n,
            4,
            || (),
            |start, words, tile, ()| {
                stream.fill(span.word(planes, start), tile);
                let from = start / 64 * level.planes;
                let nodes = &given[from..from + level.planes * words];
                cpu.run(Factors {
                    level,
                    nodes,
                    tile,
                    words,
                });
            },
        );
    });
    Ok(finished(out))
}

/// Adds the products of masks of all groups to a tile.
struct Products<'a> {
    level: &'a Level,
    masks: &'a [u64],
    tile: &'a mut [u64],
    words: usize,
    scratch: &'a mut Vec<Plane>,
}

impl Kernel for Products<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        self.scratch.resize(self.level.products, [0; TILE]);
        let (mut opened, mut first) = (0, 0);
        let mut masks = [[0; TILE]; MAX_FACTORS];
        for group in &self.level.groups {
            for mask in &mut masks[..group.factors.len()] {
                S::put(load::<S>(self.masks, self.words, opened), mask);
                opened += 1;
            }
            deal::<S>(group, &masks, self.scratch, self.tile, self.words, first);
            first += group.dealt;
        }
    }
}

/// The dealer's correction for shares of a level's products of masks.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn nodes_deal<'py>(
    py: Python<'py>,
    n: &Bound<'py, PyAny>,
    offset: &Bound<'py, PyAny>,
    groups: Vec<usize>,
    order: bool,
    mask_seeds: Vec<Bound<'py, PyAny>>,
    mask_id: &Bound<'py, PyAny>,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Array<'py>> {
    let (span, level) = (Span::new(n, offset)?, level(groups, order)?);
    let masks = Stream::all(&seeds_of(&mask_seeds)?, whole("mask_id", mask_id)?);
    let streams = Stream::all(&seeds_of(&seeds)?, whole("id", id)?);
    let planes = level.dealt;
    let mut out = fresh::<u64>(py, &[planes * words_of(span.n)])?;
    let array = out.as_slice_mut()?;
    let (cpu, span, level) = (Cpu::best(), &span, &level);
    let scratch = || (Vec::new(), Vec::new(), Vec::new());
    py.detach(|| {
        by_tile(
            array,
            planes,
            span.n,
            WEIGHT,
            scratch,
            |start, words, tile, scratch| {
                let (own, buffer, products) = scratch;
                own.resize(level.opened * words, 0);
                fill_xor(&masks, span.word(level.opened, start), own, buffer);
                fill_xor(&streams, span.word(planes, start), tile, buffer);
                cpu.run(Products {
                    level,
                    masks: own,
                    tile,
                    words,
                    scratch: products,
                });
            },
        );
    });
    Ok(finished(out))
}

/// Joins a tile's nodes.
struct Join<'a> {
    level: &'a Level,
    nodes: &'a [u64],
    opened: &'a [u64],
    masks: &'a [u64],
    dealt: &'a [u64],
    first: bool,
    results: &'a mut [u64],
    words: usize,
    scratch: &'a mut Vec<Plane>,
}

impl Kernel for Join<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        self.scratch.resize(self.level.products, [0; TILE]);
        self.results.fill(0);
        let (words, dealt, one) = (self.words, self.dealt, self.first);
        let (mut plane, mut first) = (0, 0);
        let (mut opened, mut masks) = ([[0; TILE]; MAX_FACTORS], [[0; TILE]; MAX_FACTORS]);
        for group in &self.level.groups {
            for (opened, mask) in opened.iter_mut().zip(&mut masks).take(group.factors.len()) {
                S::put(load::<S>(self.opened, words, plane), opened);
                S::put(load::<S>(self.masks, words, plane), mask);
                plane += 1;
            }
            let shares = Shares {
                opened: &opened,
                masks: &masks,
                one,
                dealt,
                words,
                first,
            };
            let (less, equal) = combine::<S>(group, &shares, self.scratch);
            first += group.dealt;
            let (l, e) = group.targets;
            if let (Some(target), Some(lead)) = (l, group.lead) {
                let lead = load::<S>(self.nodes, words, lead);
                add::<S>(self.results, words, target, S::xor(less, lead));
            }
            if let Some(target) = e {
                add::<S>(self.results, words, target, equal);
            }
        }
    }
}

/// A party's shares of the next level's nodes.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn nodes_join<'py>(
    py: Python<'py>,
    nodes: &Bound<'py, PyAny>,
    openings: Vec<Bound<'py, PyAny>>,
    n: &Bound<'py, PyAny>,
    groups: Vec<usize>,
    order: bool,
    seed: &Bound<'py, PyAny>,
    mask_id: &Bound<'py, PyAny>,
    products: &Bound<'py, PyAny>,
    id: &Bound<'py, PyAny>,
    offset: &Bound<'py, PyAny>,
    first: bool,
) -> PyResult<Array<'py>> {
    let (span, level) = (Span::new(n, offset)?, level(groups, order)?);
    let nodes = contiguous::<u64>("nodes", nodes)?;
    span.check("nodes", nodes.len(), level.planes)?;
    let arrays: Vec<_> = openings
        .iter()
        .map(|value| contiguous::<u64>("openings", value))
        .collect::<PyResult<_>>()?;
    let mut sent = Vec::new();
    for array in &arrays {
        span.check("openings", array.len(), level.opened)?;
        sent.push(array.as_slice()?);
    }
    let given = optional("products", products)?;
    let stream = Stream::new(&*seed_of(seed)?, whole("mask_id", mask_id)?);
    let dealt_stream = Stream::new(&*seed_of(seed)?, whole("id", id)?);
    let dealt = Dealt::new("products", &given, dealt_stream, &span, level.dealt)?;
    let mut out = fresh::<u64>(py, &[level.results * words_of(span.n)])?;
    let (given, array) = (nodes.as_slice()?, out.as_slice_mut()?);
    let (cpu, span, level, sent) = (Cpu::best(), &span, &level, &sent);
    let scratch = || (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let weight = WEIGHT * (1 + level.dealt / level.results);
    py.detach(|| {
        by_tile(
            array,
            level.results,
            span.n,
            weight,
            scratch,
            |start, words, results, scratch| {
                let (opened, masks, buffer, products) = scratch;
                let from = start / 64 * level.opened;
                opened.clear();
                opened.resize(level.opened * words, 0);
                for array in sent {
                    for (sum, word) in opened.iter_mut().zip(&array[from..]) {
                        *sum ^= word;
                    }
                }
                masks.resize(level.opened * words, 0);
                stream.fill(span.word(level.opened, start), masks);
                let dealt = dealt.tile(span, level.dealt, start, words, buffer);
                let from = start / 64 * level.planes;
                let nodes = &given[from..from + level.planes * words];
                let scratch = products;
                cpu.run(Join {
                    level,
                    nodes,
                    opened,
                    masks,
                    dealt,
                    first,
                    results,
                    words,
                    scratch,
                });
            },
        );
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(nodes_open, module)?)?;
    module.add_function(wrap_pyfunction!(nodes_deal, module)?)?;
    module.add_function(wrap_pyfunction!(nodes_join, module)?)
}
