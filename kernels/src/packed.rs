//! Products of two matrices of which none is narrow, in Z_2^64: both are copied, piece by piece, into the order
//! in which the inner loop reads them, so that it runs from the near caches at the speed of the multiplier.
//!
//! K. Goto, R. van de Geijn: Anatomy of high-performance matrix multiplication, 2008.

use std::ops::Range;

use rayon::prelude::*;

use crate::cpu::{Kernel, Level};
use crate::products::Word;
use crate::rows::Rows;
use crate::simd::Simd;

/// Rows of a strip of the left matrix.
const STRIP: usize = 4;

/// Words of a row of a panel of the right matrix: four vectors of the widest instruction set. The last panel may
/// be narrower by whole vectors.
const PANEL: usize = 32;

/// Words of a vector of the widest instruction set.
const VECTOR: usize = 8;

/// Products summed before a sum goes back to memory: a panel of so many rows is 32 KiB, within the first cache.
const DEPTH: usize = 128;

/// Rows of the left matrix that are packed at once: 256 KiB, within the second cache.
const ROWS: usize = 256;

/// Narrower matrices are not for this file.
const NARROW: usize = 24;

/// Words of the smaller matrix, or of the result, that a near cache holds without any packing: 128 KiB.
const NEAR: usize = 1 << 14;

/// Whether this is the way to multiply an (n, d) by a (d, m) matrix.
pub fn pays(n: usize, d: usize, m: usize) -> bool {
    n >= 64 && d.min(m) >= NARROW && d.saturating_mul(m) >= NEAR
}

/// Whether this is the way to multiply a transposed (n, d) by an (n, m) matrix.
pub fn pays_transposed(n: usize, d: usize, m: usize) -> bool {
    n >= 8 && d.min(m) >= NARROW && d.saturating_mul(m) >= NEAR
}

/// The right matrix, or some rows of it: panels, each with all its rows; zeros fill the last to whole vectors.
struct Panels {
    words: Vec<u64>,
    depth: usize,
    columns: usize,
}

impl Panels {
    fn new() -> Self {
        Panels {
            words: Vec::new(),
            depth: 0,
            columns: 0,
        }
    }

    /// Packs whole rows of `columns` words.
    fn pack(&mut self, rows: &[u64], columns: usize) {
        (self.depth, self.columns) = (rows.len() / columns, columns);
        self.words.clear();
        self.words
            .resize(columns.next_multiple_of(VECTOR) * self.depth, 0);
        for (panel, first) in self
            .words
            .chunks_mut(PANEL * self.depth)
            .zip((0..columns).step_by(PANEL))
        {
            let columns = first..columns.min(first + PANEL);
            let width = panel.len() / self.depth;
            for (to, from) in panel
                .chunks_exact_mut(width)
                .zip(rows.chunks_exact(self.columns))
            {
                to[..columns.len()].copy_from_slice(&from[columns.clone()]);
            }
        }
    }
}

/// Strips of STRIP rows of a left matrix, each column after column; zeros fill the last.
struct Strips {
    words: Vec<u64>,
    rows: usize,
}

impl Strips {
    fn new() -> Self {
        Strips {
            words: Vec::new(),
            rows: 0,
        }
    }

    fn clear(&mut self, rows: usize, depth: usize) {
        self.rows = rows;
        self.words.clear();
        self.words.resize(rows.div_ceil(STRIP) * STRIP * depth, 0);
    }

    /// Packs some columns of whole rows.
    fn pack<W: Word>(&mut self, rows: &[W], width: usize, columns: Range<usize>) {
        self.clear(rows.len() / width, columns.len());
        for (strip, group) in self
            .words
            .chunks_exact_mut(STRIP * columns.len())
            .zip(rows.chunks(STRIP * width))
        {
            for (r, row) in group.chunks_exact(width).enumerate() {
                for (to, from) in strip.chunks_exact_mut(STRIP).zip(&row[columns.clone()]) {
                    to[r] = from.word();
                }
            }
        }
    }

    /// Packs the transpose of some columns of whole rows.
    fn pack_transposed<W: Word>(&mut self, rows: &[W], width: usize, columns: Range<usize>) {
        let depth = rows.len() / width;
        self.clear(columns.len(), depth);
        for (index, strip) in self.words.chunks_exact_mut(STRIP * depth).enumerate() {
            let first = columns.start + index * STRIP;
            let columns = first..columns.end.min(first + STRIP);
            for (to, row) in strip.chunks_exact_mut(STRIP).zip(rows.chunks_exact(width)) {
                for (word, from) in to.iter_mut().zip(&row[columns.clone()]) {
                    *word = from.word();
                }
            }
        }
    }
}

/// Adds strips times some rows of panels to `out`, whose rows are as long as the panels' matrix is wide.
struct Tiles<'a> {
    strips: &'a Strips,
    panels: &'a Panels,
    range: Range<usize>,
    out: &'a mut [u64],
}

/// The product of R rows of a strip and Q vectors of a panel, to the same places of `sums` (STRIP, width).
#[inline(always)]
fn tile<S: Simd, const R: usize, const Q: usize>(
    (strip, row): (&[u64], usize),
    (panel, width, at): (&[u64], usize, usize),
    sums: &mut [u64],
) {
    let mut totals = [[S::zero(); Q]; R];
    for (factors, words) in strip.chunks_exact(STRIP).zip(panel.chunks_exact(width)) {
        let mut vectors = [S::load(&words[at..]); Q];
        for q in 1..Q {
            vectors[q] = S::load(&words[at + q * S::LANES..]);
        }
        for r in 0..R {
            let factor = S::splat(factors[row + r]);
            for q in 0..Q {
                totals[r][q] = S::mul_add(totals[r][q], vectors[q], factor);
            }
        }
    }
    for (r, totals) in totals.iter().enumerate() {
        for (q, total) in totals.iter().enumerate() {
            let place = (row + r) * width + at + q * S::LANES;
            S::add_to(*total, &mut sums[place..]);
        }
    }
}

/// All of a strip times all of a panel.
#[inline(always)]
fn tiles<S: Simd>(strip: &[u64], panel: &[u64], width: usize, sums: &mut [u64]) {
    if S::LANES == VECTOR {
        match width / VECTOR {
            4 => tile::<S, 4, 4>((strip, 0), (panel, width, 0), sums),
            3 => tile::<S, 4, 3>((strip, 0), (panel, width, 0), sums),
            2 => tile::<S, 4, 2>((strip, 0), (panel, width, 0), sums),
            _ => tile::<S, 4, 1>((strip, 0), (panel, width, 0), sums),
        }
    } else {
        // Fewer registers, which hold fewer sums.
        for row in (0..STRIP).step_by(2) {
            for at in (0..width).step_by(2 * S::LANES) {
                tile::<S, 2, 2>((strip, row), (panel, width, at), sums);
            }
        }
    }
}

impl Kernel for Tiles<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (columns, depth) = (self.panels.columns, self.range.len());
        let panels = self.panels.words.chunks(self.panels.depth * PANEL);
        for (panel, first) in panels.zip((0..columns).step_by(PANEL)) {
            let width = panel.len() / self.panels.depth;
            let panel = &panel[self.range.start * width..self.range.end * width];
            let range = first..columns.min(first + PANEL);
            for (index, strip) in self.strips.words.chunks_exact(STRIP * depth).enumerate() {
                let mut sums = [0; STRIP * PANEL];
                tiles::<S>(strip, panel, width, &mut sums);
                let rows = index * STRIP..self.strips.rows.min((index + 1) * STRIP);
                for (row, sums) in rows.zip(sums.chunks_exact(width)) {
                    let out = &mut self.out[row * columns..][range.clone()];
                    for (word, sum) in out.iter_mut().zip(sums) {
                        *word = word.wrapping_add(*sum);
                    }
                }
            }
        }
    }
}

/// out (n, m) = rows (n, width) times b (width, m).
pub fn multiply<R: Rows>(
    rows: &R,
    width: usize,
    b: &[u64],
    m: usize,
    out: &mut [u64],
    level: Level,
) {
    let n = out.len() / m;
    let mut panels = Panels::new();
    panels.pack(b, m);
    let each = n
        .div_ceil(rayon::current_num_threads())
        .next_multiple_of(STRIP)
        .min(ROWS);
    out.par_chunks_mut(each * m)
        .enumerate()
        .for_each(|(index, out)| {
            let (mut buffer, mut strips) = (Vec::new(), Strips::new());
            let rows = rows.rows(index * each..index * each + out.len() / m, &mut buffer);
            out.fill(0);
            for from in (0..width).step_by(DEPTH) {
                let range = from..width.min(from + DEPTH);
                strips.pack(rows, width, range.clone());
                level.run(Tiles {
                    strips: &strips,
                    panels: &panels,
                    range,
                    out: &mut *out,
                });
            }
        });
}

/// The transpose of rows (n, width), times b (n, m): (width, m).
pub fn multiply_t<R: Rows>(rows: &R, width: usize, b: &[u64], m: usize, level: Level) -> Vec<u64> {
    let n = b.len() / m;
    let threads = rayon::current_num_threads();
    let each = n.div_ceil(threads).next_multiple_of(DEPTH);
    let part = |from: usize| {
        let mut sums = vec![0; width * m];
        let (mut buffer, mut strips, mut panels) = (Vec::new(), Strips::new(), Panels::new());
        let end = n.min(from + each);
        for from in (from..end).step_by(DEPTH) {
            let range = from..end.min(from + DEPTH);
            panels.pack(&b[range.start * m..range.end * m], m);
            let rows = rows.rows(range.clone(), &mut buffer);
            for first in (0..width).step_by(ROWS) {
                let columns = first..width.min(first + ROWS);
                strips.pack_transposed(rows, width, columns.clone());
                level.run(Tiles {
                    strips: &strips,
                    panels: &panels,
                    range: 0..range.len(),
                    out: &mut sums[columns.start * m..columns.end * m],
                });
            }
        }
        sums
    };
    let parts = (0..n).into_par_iter().step_by(each).map(part);
    parts
        .reduce_with(|mut left, right| {
            for (sum, other) in left.iter_mut().zip(right) {
                *sum = sum.wrapping_add(other);
            }
            left
        })
        .unwrap_or_else(|| vec![0; width * m])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::InMemory;

    fn random(n: usize, salt: u64) -> Vec<u64> {
        let word = |k: u64| (k ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..n as u64)
            .map(|k| word(k) ^ word(k).rotate_left(29))
            .collect()
    }

    fn check<W: Word>(convert: impl Fn(u64) -> W) {
        for (n, d, m) in [
            (1, 1, 1),
            (5, 3, 31),
            (7, 129, 33),
            (260, 5, 41),
            (3, 300, 64),
            (131, 258, 9),
        ] {
            let a: Vec<W> = random(n * d, 1).into_iter().map(&convert).collect();
            let (b, c) = (random(d * m, 2), random(n * m, 3));
            let rows = InMemory {
                words: &a,
                width: d,
            };
            let (mut product, mut product_t) = (vec![0u64; n * m], vec![0u64; d * m]);
            for (i, j, k) in (0..n * d * m).map(|at| (at / (d * m), at % m, at / m % d)) {
                let word = a[i * d + k].word();
                let (plain, transposed) = (&mut product[i * m + j], &mut product_t[k * m + j]);
                *plain = plain.wrapping_add(word.wrapping_mul(b[k * m + j]));
                *transposed = transposed.wrapping_add(word.wrapping_mul(c[i * m + j]));
            }
            for level in Level::all() {
                let mut out = vec![9; n * m];
                multiply(&rows, d, &b, m, &mut out, level);
                assert!(out == product, "{level:?} {n} {d} {m}");
                assert!(
                    multiply_t(&rows, d, &c, m, level) == product_t,
                    "{level:?} {n} {d} {m}"
                );
            }
        }
    }

    #[test]
    fn words() {
        check(|word| word);
    }

    #[test]
    fn signed_numbers() {
        check(|word| word as i32);
    }
}
