//! Sines and cosines of multiples of angles, the same to the last bit on every processor.
//!
//! Range reduction is done on the integer; sine and cosine of the reduced angle are Taylor polynomials whose
//! operations are IEEE 754 additions and multiplications in an order that the source fixes (Rust never fuses or
//! reorders them); multiples of the angle follow by rotation. Vectorisation only does the same for several elements
//! at once.
//!
//! The error of a sine or cosine is below 1e-15 * j for the j-th multiple.

use crate::fixed::float;

/// Elements of a block.
pub const BLOCK: usize = 64;
/// Multiples of the angle, at most.
pub const MAX_TERMS: u64 = 1024;

/// One number for each element of a block.
pub type Lanes = [f64; BLOCK];

/// Sine and cosine of 2π * turn / 2^64.
#[inline(always)]
fn sin_cos(turn: u64) -> (f64, f64) {
    // The angle is a number of quarter turns and a rest of at most an eighth turn, of which 2^-54 turns are kept.
    let quarter = turn.wrapping_add(1 << 61) >> 62;
    let rest = turn.wrapping_sub(quarter << 62) as i64;
    let x = float(rest.wrapping_add(1 << 9) >> 10) * (std::f64::consts::TAU / (1u64 << 54) as f64);
    let y = x * x;
    // 1 / n!, from the highest: the first term left out is below 1e-16.
    let mut sin = -1.0 / 1_307_674_368_000.0;
    sin = sin * y + 1.0 / 6_227_020_800.0;
    sin = sin * y - 1.0 / 39_916_800.0;
    sin = sin * y + 1.0 / 362_880.0;
    sin = sin * y - 1.0 / 5_040.0;
    sin = sin * y + 1.0 / 120.0;
    sin = sin * y - 1.0 / 6.0;
    let sin = x + x * (y * sin);
    let mut cos = 1.0 / 20_922_789_888_000.0;
    cos = cos * y - 1.0 / 87_178_291_200.0;
    cos = cos * y + 1.0 / 479_001_600.0;
    cos = cos * y - 1.0 / 3_628_800.0;
    cos = cos * y + 1.0 / 40_320.0;
    cos = cos * y - 1.0 / 720.0;
    cos = cos * y + 1.0 / 24.0;
    cos = cos * y - 0.5;
    let cos = 1.0 + y * cos;
    // sin(x + π/2) = cos x, cos(x + π/2) = -sin x, and so on; done on bits, without branches.
    let swap = 0u64.wrapping_sub(quarter & 1);
    let (s, c) = (sin.to_bits(), cos.to_bits());
    let differ = (s ^ c) & swap;
    let sin_sign = (quarter >> 1) << 63;
    let cos_sign = ((quarter ^ (quarter >> 1)) & 1) << 63;
    (
        f64::from_bits(s ^ differ ^ sin_sign),
        f64::from_bits(c ^ differ ^ cos_sign),
    )
}

/// Which multiples of the angle there are: first, first + step, first + 2 step, …
#[derive(Clone, Copy)]
pub struct Harmonics {
    /// The first j.
    pub first: u64,
    /// From one j to the next.
    pub step: u64,
    /// θ = 2π / 2^period_bits.
    pub period_bits: u32,
}

/// Sines and cosines of jθm for a block of integers m and one j after the other.
pub struct Multiples {
    step: (Lanes, Lanes),
    /// sin jθm.
    pub sin: Lanes,
    /// cos jθm.
    pub cos: Lanes,
}

impl Multiples {
    /// The first j. There may be fewer integers than a block holds.
    #[inline(always)]
    pub fn new(integers: &[u64], harmonics: Harmonics) -> Self {
        let mut turns = [0u64; BLOCK];
        for (turn, integer) in turns.iter_mut().zip(integers) {
            *turn = integer << (64 - harmonics.period_bits);
        }
        let (mut sin, mut cos) = ([0.0; BLOCK], [0.0; BLOCK]);
        for k in 0..BLOCK {
            (sin[k], cos[k]) = sin_cos(turns[k].wrapping_mul(harmonics.step));
        }
        let step = (sin, cos);
        if harmonics.first != harmonics.step {
            for k in 0..BLOCK {
                (sin[k], cos[k]) = sin_cos(turns[k].wrapping_mul(harmonics.first));
            }
        }
        Multiples { step, sin, cos }
    }

    /// To the next j: rotates by the step.
    #[inline(always)]
    pub fn advance(&mut self) {
        let (sin1, cos1) = &self.step;
        for k in 0..BLOCK {
            let (s, c) = (self.sin[k], self.cos[k]);
            self.sin[k] = s * cos1[k] + c * sin1[k];
            self.cos[k] = c * cos1[k] - s * sin1[k];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integers(n: u64) -> Vec<u64> {
        let edges =
            (0..16u64).flat_map(|k| [-1i64, 0, 1].map(|e| (k << 60).wrapping_add(e as u64)));
        let others = (0..n).map(|k| k.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        edges.chain(others).collect()
    }

    #[test]
    fn sines_are_accurate() {
        for turn in integers(5000) {
            let angle = turn as i64 as f64 * (std::f64::consts::PI / (1u64 << 63) as f64);
            let (sin, cos) = sin_cos(turn);
            assert!((sin - angle.sin()).abs() < 1e-15 && (cos - angle.cos()).abs() < 1e-15);
        }
    }

    #[test]
    fn multiples_are_accurate() {
        for (first, step) in [(1, 1), (1, 2), (3, 5)] {
            let harmonics = Harmonics {
                first,
                step,
                period_bits: 61,
            };
            for block in integers(1000).chunks(BLOCK) {
                let mut angles = Multiples::new(block, harmonics);
                for k in 0..32u64 {
                    let j = first + k * step;
                    for (k, integer) in block.iter().enumerate() {
                        let (sin, cos) = sin_cos(integer.wrapping_mul(j) << 3);
                        assert!((angles.sin[k] - sin).abs() < 1e-15 * j as f64);
                        assert!((angles.cos[k] - cos).abs() < 1e-15 * j as f64);
                    }
                    angles.advance();
                }
            }
        }
    }
}
