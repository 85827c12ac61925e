//! The inner loops of products with one or a few vectors in Z_2^64.

use numpy::Element;

use crate::cpu::Kernel;
use crate::simd::{Simd, prefetch};

/// The most rows taken at once.
pub const GROUP: usize = 4;

/// How far ahead of the rows at work memory is asked for: processors follow several rows at once badly by
/// themselves. Measured, this doubles the speed.
pub const AHEAD: isize = 8 << 10;

/// Bytes asked for at once. Much more than this, and the processor waits until some have come.
const BURST: usize = 1600;

/// An element of a matrix.
pub trait Word: Element + Copy + Default + Send + Sync {
    /// The element in Z_2^64.
    fn word(self) -> u64;
    /// As many elements as a vector has lanes.
    fn load<S: Simd>(words: &[Self]) -> S::Words;
    /// Fewer elements.
    fn load_part<S: Simd>(words: &[Self]) -> S::Words;
}

impl Word for u64 {
    #[inline(always)]
    fn word(self) -> u64 {
        self
    }

    #[inline(always)]
    fn load<S: Simd>(words: &[u64]) -> S::Words {
        S::load(words)
    }

    #[inline(always)]
    fn load_part<S: Simd>(words: &[u64]) -> S::Words {
        S::load_part(words)
    }
}

impl Word for i32 {
    #[inline(always)]
    fn word(self) -> u64 {
        i64::from(self) as u64
    }

    #[inline(always)]
    fn load<S: Simd>(words: &[i32]) -> S::Words {
        S::load_i32(words)
    }

    #[inline(always)]
    fn load_part<S: Simd>(words: &[i32]) -> S::Words {
        S::load_i32_part(words)
    }
}

/// The products of rows with each of `vectors`, which lie one after another; `out` is (rows, vectors).
pub struct Dots<'a, W> {
    /// Whole rows.
    pub rows: &'a [W],
    /// Elements of a row, not 0.
    pub width: usize,
    /// Not empty.
    pub vectors: &'a [u64],
    /// What is written.
    pub out: &'a mut [u64],
    /// Whether the rows come from memory.
    pub far: bool,
}

#[inline(always)]
fn dots<S: Simd, W: Word, const N: usize>(rows: [&[W]; N], vector: &[u64]) -> [u64; N] {
    let rows = rows.map(|row| &row[..vector.len()]);
    let (mut sums, mut at) = ([S::zero(); N], 0);
    while at + S::LANES <= vector.len() {
        let factor = S::factor(S::load(&vector[at..]));
        for r in 0..N {
            sums[r] = S::mul_add(sums[r], W::load::<S>(&rows[r][at..]), factor);
        }
        at += S::LANES;
    }
    if at < vector.len() {
        let factor = S::factor(S::load_part(&vector[at..]));
        for r in 0..N {
            sums[r] = S::mul_add(sums[r], W::load_part::<S>(&rows[r][at..]), factor);
        }
    }
    let mut totals = [0; N];
    for r in 0..N {
        totals[r] = S::total(sums[r]);
    }
    totals
}

impl<W: Word> Dots<'_, W> {
    #[inline(always)]
    fn group<S: Simd, const N: usize>(&mut self, first: usize) {
        let (width, count) = (self.width, self.vectors.len() / self.width);
        let group = &self.rows[first * width..(first + N) * width];
        if self.far {
            prefetch(group, AHEAD);
        }
        let rows: [&[W]; N] = std::array::from_fn(|r| &group[r * width..(r + 1) * width]);
        let out = &mut self.out[first * count..(first + N) * count];
        for (j, vector) in self.vectors.chunks_exact(width).enumerate() {
            let sums = dots::<S, W, N>(rows, vector);
            for (r, sum) in sums.iter().enumerate() {
                out[r * count + j] = *sum;
            }
        }
    }

    #[inline(always)]
    fn all<S: Simd, const N: usize>(&mut self) {
        let rows = self.rows.len() / self.width;
        let grouped = rows / N * N;
        for first in (0..grouped).step_by(N) {
            self.group::<S, N>(first);
        }
        for row in grouped..rows {
            self.group::<S, 1>(row);
        }
    }
}

impl<W: Word> Kernel for Dots<'_, W> {
    #[inline(always)]
    fn run<S: Simd>(mut self) {
        match rows_at_once::<W>(self.width, self.far) {
            1 => self.all::<S, 1>(),
            2 => self.all::<S, 2>(),
            _ => self.all::<S, GROUP>(),
        }
    }
}

/// 4, 2 or 1.
fn rows_at_once<W>(width: usize, far: bool) -> usize {
    match BURST / (width * size_of::<W>()) {
        _ if !far => GROUP,
        0 | 1 => 1,
        2 | 3 => 2,
        _ => GROUP,
    }
}

/// Adds to `sum` the rows, each times its factor.
pub struct WeightedSum<'a, W> {
    /// Whole rows, as long as the sum.
    pub rows: &'a [W],
    /// One for each row.
    pub factors: &'a [u64],
    /// What is added to; not empty.
    pub sum: &'a mut [u64],
    /// Whether the rows come from memory.
    pub far: bool,
}

#[inline(always)]
fn add_rows<S: Simd, W: Word, const N: usize>(rows: [&[W]; N], factors: &[u64], sum: &mut [u64]) {
    let rows = rows.map(|row| &row[..sum.len()]);
    let (mut splats, mut at) = ([S::splat(0); N], 0);
    for r in 0..N {
        splats[r] = S::splat(factors[r]);
    }
    while at + S::LANES <= sum.len() {
        let mut total = S::zero();
        for r in 0..N {
            total = S::mul_add(total, W::load::<S>(&rows[r][at..]), splats[r]);
        }
        S::add_to(total, &mut sum[at..]);
        at += S::LANES;
    }
    if at < sum.len() {
        let mut total = S::zero();
        for r in 0..N {
            total = S::mul_add(total, W::load_part::<S>(&rows[r][at..]), splats[r]);
        }
        S::add_to_part(total, &mut sum[at..]);
    }
}

impl<W: Word> WeightedSum<'_, W> {
    #[inline(always)]
    fn all<S: Simd, const N: usize>(&mut self) {
        let (width, rows) = (self.sum.len(), self.factors.len());
        let grouped = rows / N * N;
        for first in (0..grouped).step_by(N) {
            self.group::<S, N>(first, width);
        }
        for row in grouped..rows {
            self.group::<S, 1>(row, width);
        }
    }

    #[inline(always)]
    fn group<S: Simd, const N: usize>(&mut self, first: usize, width: usize) {
        let group = &self.rows[first * width..(first + N) * width];
        if self.far {
            prefetch(group, AHEAD);
        }
        let rows: [&[W]; N] = std::array::from_fn(|r| &group[r * width..(r + 1) * width]);
        add_rows::<S, W, N>(rows, &self.factors[first..first + N], self.sum);
    }
}

impl<W: Word> Kernel for WeightedSum<'_, W> {
    #[inline(always)]
    fn run<S: Simd>(mut self) {
        match rows_at_once::<W>(self.sum.len(), self.far) {
            1 => self.all::<S, 1>(),
            2 => self.all::<S, 2>(),
            _ => self.all::<S, GROUP>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Level;
    use crate::tiles::Outer;

    fn random(n: usize, salt: u64) -> Vec<u64> {
        let word = |k: u64| (k ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..n as u64)
            .map(|k| word(k) ^ word(k).rotate_left(29))
            .collect()
    }

    /// Σ_k a(k) b(k).
    fn inner(n: usize, a: impl Fn(usize) -> u64, b: impl Fn(usize) -> u64) -> u64 {
        (0..n).fold(0, |sum, k| sum.wrapping_add(a(k).wrapping_mul(b(k))))
    }

    fn check<W: Word>(convert: impl Fn(u64) -> W) {
        for (n, d, m) in [
            (1, 1, 1),
            (9, 7, 3),
            (6, 8, 5),
            (13, 37, 6),
            (5, 33, 17),
            (4, 64, 8),
        ] {
            let a: Vec<W> = random(n * d, 1).into_iter().map(&convert).collect();
            let (b, c) = (random(d * m, 2), random(n * m, 3));
            let product = |i: usize, j: usize| inner(d, |k| a[i * d + k].word(), |k| b[k * m + j]);
            let product_t =
                |k: usize, j: usize| inner(n, |i| a[i * d + k].word(), |i| c[i * m + j]);
            let transposed: Vec<u64> = (0..m * d).map(|at| b[at % d * m + at / d]).collect();
            let weights: Vec<u64> = c.iter().copied().step_by(m).collect();
            for level in Level::all() {
                let mut out = vec![9; n * m];
                level.run(Dots {
                    rows: &a,
                    width: d,
                    vectors: &transposed,
                    out: &mut out,
                    far: true,
                });
                assert!(
                    (0..n * m).all(|at| out[at] == product(at / m, at % m)),
                    "{level:?}"
                );
                let mut out = vec![0; n * m];
                level.run(Outer {
                    vectors: &b,
                    width: m,
                    factors: &a,
                    step: 1,
                    far: true,
                    stride: d,
                    out: &mut out,
                });
                assert!(
                    (0..n * m).all(|at| out[at] == product(at / m, at % m)),
                    "{level:?}"
                );
                let mut out = vec![0; m * d];
                level.run(Outer {
                    vectors: &a,
                    width: d,
                    factors: &c,
                    step: m,
                    far: false,
                    stride: 1,
                    out: &mut out,
                });
                assert!(
                    (0..m * d).all(|at| out[at] == product_t(at % d, at / d)),
                    "{level:?}"
                );
                let mut sum = vec![0; d];
                level.run(WeightedSum {
                    rows: &a,
                    factors: &weights,
                    sum: &mut sum,
                    far: true,
                });
                assert!((0..d).all(|k| sum[k] == product_t(k, 0)), "{level:?}");
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
