//! Chunk tables of secret comparison, bit-sliced: what dealer and parties do before the tree.
//!
//! A value x is opened as m = x + λ. The low bits of m and λ are cut into chunks of digits. Of each chunk of λ the
//! parties hold shares, modulo 2, of the *one-hot* vector: its j-th bit says whether the chunk is j. The last bit
//! is 1 minus the others and not dealt. As m is public, "the chunks are equal" and "m's chunk is less" are sums of
//! shares; a tree ([`crate::tree`]) makes of them "m is less than λ" or "they are equal".

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays::{
    contiguous, finished, fresh, refuse, seed as seed_of, seeds as seeds_of, whole,
};
use crate::cpu::{Kernel, Level as Cpu};
use crate::planes::{Plane, TILE_VALUES, add, by_tile, fill_xor, load, transpose, words_of};
use crate::prg::{Stream, fill_sum};
use crate::simd::Simd;
use crate::spans::{Dealt, Span, optional};
use crate::tree::node_planes;

type Array<'py> = Bound<'py, PyArrayDyn<u64>>;

/// Bits of a chunk at most: its table has one bit less than 2 to the power of it.
const MAX_WIDTH: usize = 8;
/// A word that is computed costs as much as some that are copied.
const WEIGHT: usize = 8;

/// Chunks of the low bits of a value, from the least significant.
struct Chunks {
    widths: Vec<usize>,
    bits: usize,
}

impl Chunks {
    fn new(widths: Vec<usize>) -> PyResult<Self> {
        let bits = widths.iter().sum();
        if widths.is_empty()
            || widths.iter().any(|width| !(1..=MAX_WIDTH).contains(width))
            || bits > 64
        {
            return refuse(format!(
                "widths must be from 1 to {MAX_WIDTH} each and 64 at most in all"
            ));
        }
        Ok(Chunks { widths, bits })
    }

    /// Planes dealt: each chunk's entries but the last, and the bit above all chunks where it is wanted.
    fn planes(&self, top: bool) -> PyResult<usize> {
        if top && self.bits > 63 {
            return refuse("widths must leave a bit above them");
        }
        Ok(self
            .widths
            .iter()
            .map(|width| (1 << width) - 1)
            .sum::<usize>()
            + usize::from(top))
    }
}

/// Adds one-hot vectors of chunks of values to a tile.
struct OneHot<'a> {
    values: &'a [u64],
    chunks: &'a Chunks,
    top: bool,
    tile: &'a mut [u64],
    words: usize,
}

impl Kernel for OneHot<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let bits = transpose::<S>(self.values);
        let (mut plane, mut bit) = (0, 0);
        for &width in &self.chunks.widths {
            let digits = &bits[bit..bit + width];
            match width {
                1 => self.chunk::<S, 2>(digits, plane),
                2 => self.chunk::<S, 4>(digits, plane),
                3 => self.chunk::<S, 8>(digits, plane),
                4 => self.chunk::<S, 16>(digits, plane),
                5 => self.chunk::<S, 32>(digits, plane),
                6 => self.chunk::<S, 64>(digits, plane),
                7 => self.chunk::<S, 128>(digits, plane),
                _ => self.chunk::<S, { 1 << MAX_WIDTH }>(digits, plane),
            }
            plane += (1 << width) - 1;
            bit += width;
        }
        if self.top {
            add::<S>(self.tile, self.words, plane, S::get(&bits[bit]));
        }
    }
}

impl OneHot<'_> {
    #[inline(always)]
    fn chunk<S: Simd, const SIZE: usize>(&mut self, digits: &[Plane], plane: usize) {
        let mut hot = [S::same(u64::MAX); SIZE];
        for (b, digit) in digits.iter().enumerate() {
            let digit = S::get(digit);
            for s in 0..1 << b {
                let set = S::and(hot[s], digit);
                hot[s + (1 << b)] = set;
                hot[s] = S::xor(hot[s], set);
            }
        }
        for (j, entry) in hot[..SIZE - 1].iter().enumerate() {
            add::<S>(self.tile, self.words, plane + j, *entry);
        }
    }
}

/// The dealer's correction for shares of one-hot vectors of a mask's chunks.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn chunks_deal<'py>(
    py: Python<'py>,
    n: &Bound<'py, PyAny>,
    offset: &Bound<'py, PyAny>,
    mask_seeds: Vec<Bound<'py, PyAny>>,
    mask_id: &Bound<'py, PyAny>,
    widths: Vec<usize>,
    top: bool,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
) -> PyResult<Array<'py>> {
    let (span, chunks) = (Span::new(n, offset)?, Chunks::new(widths)?);
    let planes = chunks.planes(top)?;
    let masks = Stream::all(&seeds_of(&mask_seeds)?, whole("mask_id", mask_id)?);
    let streams = Stream::all(&seeds_of(&seeds)?, whole("id", id)?);
    let mut out = fresh::<u64>(py, &[planes * words_of(span.n)])?;
    let array = out.as_slice_mut()?;
    let (cpu, span, chunks) = (Cpu::best(), &span, &chunks);
    py.detach(|| {
        by_tile(
            array,
            planes,
            span.n,
            WEIGHT,
            Vec::new,
            |start, words, tile, scratch| {
                let mut values = [0; TILE_VALUES];
                let values = &mut values[..TILE_VALUES.min(span.n - start)];
                fill_sum(&masks, span.offset + start as u64, values);
                fill_xor(&streams, span.word(planes, start), tile, scratch);
                cpu.run(OneHot {
                    values,
                    chunks,
                    top,
                    tile,
                    words,
                });
            },
        );
    });
    Ok(finished(out))
}

/// Looks a tile of public values up in shares of one-hot vectors.
struct LookUp<'a> {
    values: &'a [u64],
    minus: u64,
    chunks: &'a Chunks,
    order: bool,
    first: bool,
    table: &'a [u64],
    nodes: &'a mut [u64],
    words: usize,
}

impl Kernel for LookUp<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let mut shifted = [0; TILE_VALUES];
        for (out, value) in shifted.iter_mut().zip(self.values) {
            *out = value.wrapping_sub(self.minus);
        }
        let bits = transpose::<S>(&shifted);
        let nodes = self.chunks.widths.len();
        let (mut plane, mut bit) = (0, 0);
        self.nodes.fill(0);
        for (node, &width) in self.chunks.widths.iter().enumerate() {
            let digits = &bits[bit..bit + width];
            let (equal, above) = match width {
                1 => self.chunk::<S, 2>(digits, plane),
                2 => self.chunk::<S, 4>(digits, plane),
                3 => self.chunk::<S, 8>(digits, plane),
                4 => self.chunk::<S, 16>(digits, plane),
                5 => self.chunk::<S, 32>(digits, plane),
                6 => self.chunk::<S, 64>(digits, plane),
                7 => self.chunk::<S, 128>(digits, plane),
                _ => self.chunk::<S, { 1 << MAX_WIDTH }>(digits, plane),
            };
            if !self.order {
                add::<S>(self.nodes, self.words, node, equal);
            } else {
                add::<S>(self.nodes, self.words, node, above);
                if node > 0 {
                    add::<S>(self.nodes, self.words, nodes + node - 1, equal);
                }
            }
            plane += (1 << width) - 1;
            bit += width;
        }
        if self.order {
            // The bits above the chunks, of mask and of opened value, go along with the highest l: it is no factor
            // anywhere, so that what is added to it is added to the result.
            let mask = load::<S>(self.table, self.words, plane);
            add::<S>(self.nodes, self.words, nodes - 1, mask);
            if self.first {
                add::<S>(self.nodes, self.words, nodes - 1, S::get(&bits[bit]));
            }
        }
    }
}

impl LookUp<'_> {
    /// The entry that the digits choose, and the sum of those above it.
    #[inline(always)]
    fn chunk<S: Simd, const SIZE: usize>(
        &self,
        digits: &[Plane],
        plane: usize,
    ) -> (S::Bits, S::Bits) {
        // Of a range of entries, 1, 2, 4, … long: their sum, the chosen one, the sum of those above that.
        let mut sum = [S::same(if self.first { u64::MAX } else { 0 }); SIZE];
        for j in 0..SIZE - 1 {
            sum[j] = load::<S>(self.table, self.words, plane + j);
            sum[SIZE - 1] = S::xor(sum[SIZE - 1], sum[j]);
        }
        let (mut equal, mut above) = (sum, [S::same(0); SIZE]);
        for (b, digit) in digits.iter().enumerate() {
            let digit = S::get(digit);
            for s in 0..SIZE >> (b + 1) {
                let (low, high) = (2 * s, 2 * s + 1);
                above[s] = S::choose(digit, above[high], S::xor(above[low], sum[high]));
                equal[s] = S::choose(digit, equal[high], equal[low]);
                sum[s] = S::xor(sum[low], sum[high]);
            }
        }
        (equal[0], above[0])
    }
}

/// A party's shares of the nodes of chunks of opened - minus.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn chunks_look_up<'py>(
    py: Python<'py>,
    opened: &Bound<'py, PyAny>,
    minus: &Bound<'py, PyAny>,
    widths: Vec<usize>,
    order: bool,
    table: &Bound<'py, PyAny>,
    seed: &Bound<'py, PyAny>,
    id: &Bound<'py, PyAny>,
    offset: &Bound<'py, PyAny>,
    first: bool,
) -> PyResult<Array<'py>> {
    let opened = contiguous::<u64>("opened", opened)?;
    let chunks = Chunks::new(widths)?;
    let (planes, results) = (
        chunks.planes(order)?,
        node_planes(chunks.widths.len(), order),
    );
    let span = Span::new(opened.len().into_pyobject(py)?.as_any(), offset)?;
    let minus = whole("minus", minus)?;
    let given = optional("table", table)?;
    let stream = Stream::new(&*seed_of(seed)?, whole("id", id)?);
    let dealt = Dealt::new("table", &given, stream, &span, planes)?;
    let mut out = fresh::<u64>(py, &[results * words_of(span.n)])?;
    let (m, array) = (opened.as_slice()?, out.as_slice_mut()?);
    let (cpu, span, chunks) = (Cpu::best(), &span, &chunks);
    py.detach(|| {
        by_tile(
            array,
            results,
            span.n,
            4 * WEIGHT,
            Vec::new,
            |start, words, nodes, buffer| {
                let table = dealt.tile(span, planes, start, words, buffer);
                let values = &m[start..span.n.min(start + TILE_VALUES)];
                cpu.run(LookUp {
                    values,
                    minus,
                    chunks,
                    order,
                    first,
                    table,
                    nodes,
                    words,
                });
            },
        );
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(chunks_deal, module)?)?;
    module.add_function(wrap_pyfunction!(chunks_look_up, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planes::TILE;

    fn random(n: usize, salt: u64) -> Vec<u64> {
        let word = |k: u64| (k ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = |k: u64| word(word(k) ^ (word(k) >> 31));
        (1..=n as u64).map(mixed).collect()
    }

    fn bit(nodes: &[u64], words: usize, plane: usize, at: usize) -> bool {
        (nodes[plane * words + at / 64] >> (at % 64)) & 1 == 1
    }

    // Chunks of every width, of values that agree in some of them; whole tiles and a short one.
    #[test]
    fn compares_chunks() {
        let widths: Vec<usize> = (1..=MAX_WIDTH).collect();
        let chunks = &Chunks {
            bits: widths.iter().sum(),
            widths,
        };
        for (values, cpu) in [1, 130, 512]
            .into_iter()
            .flat_map(|n| Cpu::all().into_iter().map(move |cpu| (n, cpu)))
        {
            let words = words_of(values);
            let masks = random(values, 1);
            let differ = random(values, 2)
                .into_iter()
                .zip(random(values, 3))
                .map(|(a, b)| a & b);
            let opened: Vec<u64> = masks
                .iter()
                .zip(differ)
                .map(|(mask, d)| (mask ^ d).wrapping_add(77))
                .collect();
            for order in [true, false] {
                let planes = chunks.planes(order).expect("room for a bit above");
                let part = random(planes * words, 4);
                let mut rest = part.clone();
                cpu.run(OneHot {
                    values: &masks,
                    chunks,
                    top: order,
                    tile: &mut rest,
                    words,
                });
                let count = chunks.widths.len();
                let mut nodes = vec![0; node_planes(count, order) * words];
                for (first, table) in [(true, &part), (false, &rest)] {
                    let mut own = vec![9; nodes.len()];
                    let (values, nodes_of) = (&opened[..], &mut own[..]);
                    cpu.run(LookUp {
                        values,
                        minus: 77,
                        chunks,
                        order,
                        first,
                        table,
                        nodes: nodes_of,
                        words,
                    });
                    for (sum, word) in nodes.iter_mut().zip(own) {
                        *sum ^= word;
                    }
                }
                for at in 0..values {
                    let (mut m, mut mask) = (opened[at].wrapping_sub(77), masks[at]);
                    for (node, width) in chunks.widths.iter().enumerate() {
                        let digits = |value: u64| value % (1 << width);
                        let equal = digits(m) == digits(mask);
                        if !order {
                            assert_eq!(bit(&nodes, words, node, at), equal, "{cpu:?}");
                        } else {
                            let above = if node + 1 == count {
                                ((m >> width) ^ (mask >> width)) & 1 == 1
                            } else {
                                false
                            };
                            let less = digits(m) < digits(mask);
                            assert_eq!(bit(&nodes, words, node, at), less ^ above, "{cpu:?}");
                            assert!(node == 0 || bit(&nodes, words, count + node - 1, at) == equal);
                        }
                        (m, mask) = (m >> width, mask >> width);
                    }
                }
            }
        }
        assert_eq!(TILE_VALUES, 64 * TILE);
    }
}
