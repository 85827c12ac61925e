//! The inner loop of products with many vectors in Z_2^64.

use crate::cpu::Kernel;
use crate::products::{AHEAD, Word};
use crate::simd::{Simd, prefetch};

/// Adds a product of matrices to `out` (count, width): out[j] += Σ_k vectors[k] * factors[k * step + j * stride].
/// Tiles of it stay in registers. Both matrices should fit into a near cache.
pub struct Outer<'a, V, F> {
    /// Rows of `width` elements.
    pub vectors: &'a [V],
    /// Elements of a row, not 0.
    pub width: usize,
    /// One for each row of vectors and of out.
    pub factors: &'a [F],
    /// From a row of vectors to the next.
    pub step: usize,
    /// From a row of out to the next.
    pub stride: usize,
    /// What is added to.
    pub out: &'a mut [u64],
    /// Whether the factors are rows from memory (step is 1).
    pub far: bool,
}

impl<V: Word, F: Word> Outer<'_, V, F> {
    /// J rows and Q vectors of out from one place on. Is the last vector of them but a part?
    #[inline(always)]
    fn tile<S: Simd, const J: usize, const Q: usize, const PART: bool>(
        &mut self,
        j: usize,
        at: usize,
    ) {
        let mut sums = [[S::zero(); Q]; J];
        for (k, row) in self.vectors.chunks_exact(self.width).enumerate() {
            let row = &row[at..];
            let mut words = [if PART {
                V::load_part::<S>(row)
            } else {
                V::load::<S>(row)
            }; Q];
            for q in 1..Q {
                words[q] = V::load::<S>(&row[q * S::LANES..]);
            }
            let factors = &self.factors[k * self.step + j * self.stride..];
            for r in 0..J {
                let factor = S::splat(factors[r * self.stride].word());
                for q in 0..Q {
                    sums[r][q] = S::mul_add(sums[r][q], words[q], factor);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let row = &mut self.out[(j + r) * self.width..(j + r + 1) * self.width][at..];
            for (q, sum) in sums.iter().enumerate() {
                if PART {
                    S::add_to_part(*sum, row);
                } else {
                    S::add_to(*sum, &mut row[q * S::LANES..]);
                }
            }
        }
    }

    /// J rows of out, all their vectors.
    #[inline(always)]
    fn rows<S: Simd, const J: usize, const Q: usize>(&mut self, j: usize) {
        let mut at = 0;
        while at + Q * S::LANES <= self.width {
            self.tile::<S, J, Q, false>(j, at);
            at += Q * S::LANES;
        }
        while at + S::LANES <= self.width {
            self.tile::<S, J, 1, false>(j, at);
            at += S::LANES;
        }
        if at < self.width {
            self.tile::<S, J, 1, true>(j, at);
        }
    }

    #[inline(always)]
    fn all<S: Simd, const J: usize, const Q: usize>(&mut self) {
        let count = self.out.len() / self.width;
        let tiled = count / J * J;
        for j in (0..tiled).step_by(J) {
            if self.far {
                prefetch(&self.factors[j * self.stride..(j + J) * self.stride], AHEAD);
            }
            self.rows::<S, J, Q>(j);
        }
        for j in tiled..count {
            self.rows::<S, 1, Q>(j);
        }
    }
}

impl<V: Word, F: Word> Kernel for Outer<'_, V, F> {
    // As many sums as there are registers for: 16 of 32, or 4 pairs in 16.
    #[inline(always)]
    fn run<S: Simd>(mut self) {
        if S::LANES == 8 {
            self.all::<S, 4, 4>();
        } else {
            self.all::<S, 2, 2>();
        }
    }
}
