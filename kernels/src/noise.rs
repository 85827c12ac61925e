//! Discrete Gaussian noise, drawn exactly: Canonne, Kamath, Steinke (2020), "The Discrete Gaussian for
//! Differential Privacy", algorithms 1 to 3.
//!
//! Whole numbers alone decide: no probability is rounded, and nothing is cut off but what has a probability
//! below e^-1000.

use numpy::PyArrayDyn;
use pyo3::prelude::*;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::arrays::{count, finished, fresh, refuse, seed as seed_of, whole};
use crate::prg::Stream;

/// Numbers that are drawn of one stream, whoever draws them: so results do not depend on the cores.
const PIECE: usize = 1 << 12;

/// Words of a stream that are made at once.
const BATCH: usize = 512;

/// The largest variance: all products below fit into 128 bits.
const MOST: u64 = 1 << 44;

/// The most scales that a Laplace variable is away from zero.
const FARTHEST: u128 = 1000;

/// Random bits, 32 at a time. Noise that is known can be taken off again: its words are overwritten in the end.
struct Coins {
    stream: Stream,
    at: u64,
    words: [u64; BATCH],
    used: usize,
}

impl Drop for Coins {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

impl ZeroizeOnDrop for Coins {}

impl Coins {
    fn new(seed: &[u8; 16], id: u64) -> Self {
        Coins {
            stream: Stream::new(seed, id),
            at: 0,
            words: [0; BATCH],
            used: 2 * BATCH,
        }
    }

    fn next(&mut self) -> u32 {
        if self.used == 2 * BATCH {
            self.stream.fill(self.at, &mut self.words);
            self.at += BATCH as u64;
            self.used = 0;
        }
        let word = self.words[self.used / 2] >> (32 * (self.used % 2));
        self.used += 1;
        word as u32
    }

    /// Uniform below `bound`, which is at most 2^32.
    fn below(&mut self, bound: u64) -> u64 {
        let mask = bound.next_power_of_two() - 1;
        loop {
            let drawn = u64::from(self.next()) & mask;
            if drawn < bound {
                return drawn;
            }
        }
    }

    /// True with probability over / under, for over <= under < 2^95: the digits of a uniform number, 32 bits at a
    /// time, are compared with those of the fraction.
    fn chance(&mut self, over: u128, under: u128) -> bool {
        let mut left = over;
        loop {
            if left == under {
                return true;
            }
            let drawn = u128::from(self.next());
            let (scaled, least) = (left << 32, drawn * under);
            if scaled <= least {
                return false;
            }
            if scaled - least >= under {
                return true;
            }
            left = scaled - least;
        }
    }

    /// True with probability e^-(over / under), for over <= under: algorithm 1 of the paper. That a fraction
    /// divided by k comes true is that it does, and one of k too.
    fn decays(&mut self, over: u128, under: u128) -> bool {
        let mut k = 1;
        while self.chance(over, under) && (k == 1 || self.below(k) == 0) {
            k += 1;
        }
        k % 2 == 1
    }

    /// The same for any fraction.
    fn decays_far(&mut self, over: u128, under: u128) -> bool {
        for _ in 0..over / under {
            if !self.decays(1, 1) {
                return false;
            }
        }
        self.decays(over % under, under)
    }

    /// Discrete Laplace with a whole scale: algorithm 2.
    fn laplace(&mut self, scale: u64) -> i64 {
        loop {
            let part = self.below(scale);
            if !self.decays(u128::from(part), u128::from(scale)) {
                continue;
            }
            let mut far = 0;
            while far < FARTHEST as u64 && self.decays(1, 1) {
                far += 1;
            }
            let size = (part + scale * far) as i64;
            let negative = self.next() & 1 == 1;
            if !(negative && size == 0) {
                return if negative { -size } else { size };
            }
        }
    }

    /// Discrete Gaussian of this variance: algorithm 3. `scale` is the root, rounded down, and one.
    fn gaussian(&mut self, variance: u64, scale: u64) -> i64 {
        let (square, wide) = (u128::from(variance), u128::from(scale));
        let under = 2 * square * wide * wide;
        loop {
            let drawn = self.laplace(scale);
            let off = (u128::from(drawn.unsigned_abs()) * wide).abs_diff(square);
            if self.decays_far(off * off, under) {
                return drawn;
            }
        }
    }
}

// The largest products: FARTHEST scales and one away, squared; and the numbers that chances are made of.
const _: () = {
    let scale = (1u128 << 22) + 1;
    let off = (FARTHEST + 1) * scale * scale;
    assert!(off < 1 << 64 && 2 * (MOST as u128) * scale * scale < 1 << 95);
};

fn draw(seed: &[u8; 16], piece: u64, variance: u64, out: &mut [i64]) {
    let mut coins = Coins::new(seed, piece);
    let scale = variance.isqrt() + 1;
    for value in out {
        *value = coins.gaussian(variance, scale);
    }
}

/// n numbers, drawn of a seed.
#[pyfunction]
fn discrete_gaussian<'py>(
    py: Python<'py>,
    seed: &Bound<'py, PyAny>,
    variance: &Bound<'py, PyAny>,
    n: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<i64>>> {
    let seed = seed_of(seed)?;
    let variance = whole("variance", variance)?;
    if !(1..=MOST).contains(&variance) {
        return refuse("variance must be from 1 to 2^44");
    }
    let n = count("n", &[whole("n", n)?])?;
    let mut out = fresh::<i64>(py, &[n])?;
    let values = out.as_slice_mut()?;
    py.detach(|| {
        let piece = |(index, part): (usize, &mut [i64])| draw(&seed, index as u64, variance, part);
        if values.len() <= PIECE {
            values.chunks_mut(PIECE).enumerate().for_each(piece);
        } else {
            values.par_chunks_mut(PIECE).enumerate().for_each(piece);
        }
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(discrete_gaussian, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fractions whose first digits are a drawn word's are decided by the words after it.
    fn is_wiped<T: ZeroizeOnDrop>() {}

    #[test]
    fn is_overwritten_when_it_is_dropped() {
        is_wiped::<Coins>();
    }

    #[test]
    fn chances_are_exact_fractions() {
        let mut coins = Coins::new(&[5; 16], 0);
        let first = u128::from(Coins::new(&[5; 16], 0).next());
        // The fraction (first + 1/2) / 2^32: the next word decides, whatever it is.
        let hit = coins.chance(2 * first + 1, 1 << 33);
        let mut words = Coins::new(&[5; 16], 0);
        words.next();
        assert_eq!(hit, words.next() < 1 << 31);
        assert!(coins.chance(7, 7));
        assert!(!coins.chance(0, 7));
    }

    #[test]
    fn a_prefix_is_the_same_alone() {
        let (mut long, mut short) = (vec![0; 3000], vec![0; 100]);
        draw(&[1; 16], 0, 1 << 40, &mut long);
        draw(&[1; 16], 0, 1 << 40, &mut short);
        assert_eq!(short, long[..100]);
    }
}
