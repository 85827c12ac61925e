//! What this machine's core can do at most, whatever the program: the limits that kernels are measured against.
//!
//! Each runs on the calling thread and works in registers, or reads memory once and in order.

use std::hint::black_box;

use pyo3::prelude::*;

use crate::arrays::{contiguous, whole};
use crate::cpu::{Kernel, Level};
use crate::products::AHEAD;
use crate::simd::{Simd, prefetch};

/// Sums that do not depend on each other: enough that the multiplier never waits for one.
const CHAINS: usize = 12;

/// Rounds of multiplications and additions in registers.
struct MultiplyAdds<'a> {
    rounds: u64,
    factors: &'a [u64],
    done: &'a mut u64,
}

impl Kernel for MultiplyAdds<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (mut sums, mut words) = ([S::zero(); CHAINS], [S::load(self.factors); CHAINS]);
        for (k, words) in words.iter_mut().enumerate() {
            *words = S::load(&self.factors[k..]);
        }
        for round in 0..self.rounds {
            // Another factor in each round, so that no product is one of before.
            let factor = S::splat(round);
            for k in 0..CHAINS {
                sums[k] = S::mul_add(sums[k], words[k], factor);
            }
        }
        for sum in sums {
            black_box(S::total(sum));
        }
        *self.done = self.rounds * (CHAINS * S::LANES) as u64;
    }
}

/// Multiplies and adds 64-bit words in registers for some rounds; how many times.
#[pyfunction]
fn limit_multiply_adds(py: Python<'_>, rounds: &Bound<'_, PyAny>) -> PyResult<u64> {
    let rounds = whole("rounds", rounds)?;
    Ok(py.detach(|| {
        let factors: Vec<u64> = (0..32).map(|k| black_box(2 * k + 3)).collect();
        let mut done = 0;
        Level::best().run(MultiplyAdds {
            rounds,
            factors: &factors,
            done: &mut done,
        });
        done
    }))
}

/// Encrypts blocks with AES-128 in registers for some rounds, the keys not scheduled; how many blocks. 0 where the
/// processor has no such instructions.
#[pyfunction]
fn limit_aes_blocks(py: Python<'_>, rounds: &Bound<'_, PyAny>) -> PyResult<u64> {
    let rounds = whole("rounds", rounds)?;
    Ok(py.detach(|| aes_blocks(rounds)))
}

#[cfg(target_arch = "x86_64")]
fn aes_blocks(rounds: u64) -> u64 {
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("vaes") {
        // SAFETY: both features were detected.
        unsafe { wide_aes(rounds) }
    } else if is_x86_feature_detected!("aes") {
        // SAFETY: the feature was detected.
        unsafe { narrow_aes(rounds) }
    } else {
        0
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn aes_blocks(_rounds: u64) -> u64 {
    0
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,vaes")]
fn wide_aes(rounds: u64) -> u64 {
    use std::arch::x86_64::*;
    let key = _mm512_set1_epi64(black_box(0x0123_4567_89ab_cdef));
    let mut blocks = [key; CHAINS];
    for _ in 0..rounds {
        for _ in 0..9 {
            for block in &mut blocks {
                *block = _mm512_aesenc_epi128(*block, key);
            }
        }
        for block in &mut blocks {
            *block = _mm512_aesenclast_epi128(*block, key);
        }
    }
    for block in blocks {
        black_box(block);
    }
    rounds * 4 * CHAINS as u64
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "aes")]
fn narrow_aes(rounds: u64) -> u64 {
    use std::arch::x86_64::*;
    let key = _mm_set1_epi64x(black_box(0x0123_4567_89ab_cdef));
    let mut blocks = [key; CHAINS];
    for _ in 0..rounds {
        for _ in 0..9 {
            for block in &mut blocks {
                *block = _mm_aesenc_si128(*block, key);
            }
        }
        for block in &mut blocks {
            *block = _mm_aesenclast_si128(*block, key);
        }
    }
    for block in blocks {
        black_box(block);
    }
    rounds * CHAINS as u64
}

/// Reads words in order, as fast as the memory gives them, and sums them up.
struct Reads<'a> {
    words: &'a [u64],
    sum: &'a mut u64,
}

impl Kernel for Reads<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let (mut sums, one) = ([S::zero(); CHAINS], S::splat(1));
        let (pieces, rest) = self
            .words
            .split_at(self.words.len() / (CHAINS * S::LANES) * (CHAINS * S::LANES));
        for piece in pieces.chunks_exact(CHAINS * S::LANES) {
            prefetch(piece, AHEAD);
            for k in 0..CHAINS {
                sums[k] = S::mul_add(sums[k], S::load(&piece[k * S::LANES..]), one);
            }
        }
        let mut total = 0u64;
        for sum in sums {
            total = total.wrapping_add(S::total(sum));
        }
        for word in rest {
            total = total.wrapping_add(*word);
        }
        *self.sum = total;
    }
}

/// Reads all words, in order; their sum.
#[pyfunction]
fn limit_read(py: Python<'_>, words: &Bound<'_, PyAny>) -> PyResult<u64> {
    let words = contiguous::<u64>("words", words)?;
    let words = words.as_slice()?;
    Ok(py.detach(|| {
        let mut sum = 0;
        Level::best().run(Reads {
            words,
            sum: &mut sum,
        });
        sum
    }))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(limit_multiply_adds, module)?)?;
    module.add_function(wrap_pyfunction!(limit_aes_blocks, module)?)?;
    module.add_function(wrap_pyfunction!(limit_read, module)?)
}
