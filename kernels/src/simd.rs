//! Multiplication and addition of several 64-bit words at once.
//!
//! The compiler turns plain loops over 64-bit products into good vector code only sometimes; the products are
//! what this crate is about, so that the few operations they need are spelled out per instruction set here.
//! The types are used only in a [`Kernel`](crate::cpu::Kernel) that [`Level::run`](crate::cpu::Level::run) runs,
//! which has seen that the processor has the instructions. That is what the SAFETY comments below appeal to.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use crate::wide::Wide;

/// An instruction set.
///
/// `load*` take at least `LANES` elements, `*_part` any smaller number, standing for zeros beyond.
pub trait Simd: Wide {
    /// Words in a vector.
    const LANES: usize;
    /// Words as they were loaded.
    type Words: Copy;
    /// Words prepared to be multiplied by.
    type Factor: Copy;
    /// Sums of products.
    type Sum: Copy;

    /// The first words.
    fn load(words: &[u64]) -> Self::Words;
    /// All words, fewer than `LANES`.
    fn load_part(words: &[u64]) -> Self::Words;
    /// The first numbers, sign-extended.
    fn load_i32(numbers: &[i32]) -> Self::Words;
    /// All numbers, fewer than `LANES`, sign-extended.
    fn load_i32_part(numbers: &[i32]) -> Self::Words;
    /// Different words to multiply by.
    fn factor(words: Self::Words) -> Self::Factor;
    /// One word to multiply by, in all lanes.
    fn splat(word: u64) -> Self::Factor;
    /// Zeros.
    fn zero() -> Self::Sum;
    /// sum + words * factor in every lane.
    fn mul_add(sum: Self::Sum, words: Self::Words, factor: Self::Factor) -> Self::Sum;
    /// Adds the lanes to the first words of `out`.
    fn add_to(sum: Self::Sum, out: &mut [u64]);
    /// Adds the first lanes to all words of `out`, fewer than `LANES`.
    fn add_to_part(sum: Self::Sum, out: &mut [u64]);
    /// The sum of all lanes.
    fn total(sum: Self::Sum) -> u64;
}

/// Asks for the memory of `slice`, shifted by some bytes, to be brought into the cache.
#[inline(always)]
pub fn prefetch<T>(slice: &[T], bytes_ahead: isize) {
    #[cfg(target_arch = "x86_64")]
    {
        let start = slice.as_ptr().cast::<i8>().wrapping_offset(bytes_ahead);
        for line in (0..size_of_val(slice)).step_by(64) {
            // SAFETY: a prefetch is a hint. It reads nothing that the program sees and no address makes it fail.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, bytes_ahead);
}

/// One word at a time: processors without 64-bit vector products multiply scalars about as fast as they could
/// put vectors together.
pub struct Portable;

impl Simd for Portable {
    const LANES: usize = 1;
    type Words = u64;
    type Factor = u64;
    type Sum = u64;

    #[inline(always)]
    fn load(words: &[u64]) -> u64 {
        words[0]
    }

    #[inline(always)]
    fn load_part(_words: &[u64]) -> u64 {
        0
    }

    #[inline(always)]
    fn load_i32(numbers: &[i32]) -> u64 {
        i64::from(numbers[0]) as u64
    }

    #[inline(always)]
    fn load_i32_part(_numbers: &[i32]) -> u64 {
        0
    }

    #[inline(always)]
    fn factor(words: u64) -> u64 {
        words
    }

    #[inline(always)]
    fn splat(word: u64) -> u64 {
        word
    }

    #[inline(always)]
    fn zero() -> u64 {
        0
    }

    #[inline(always)]
    fn mul_add(sum: u64, words: u64, factor: u64) -> u64 {
        sum.wrapping_add(words.wrapping_mul(factor))
    }

    #[inline(always)]
    fn add_to(sum: u64, out: &mut [u64]) {
        out[0] = out[0].wrapping_add(sum);
    }

    #[inline(always)]
    fn add_to_part(_sum: u64, _out: &mut [u64]) {}

    #[inline(always)]
    fn total(sum: u64) -> u64 {
        sum
    }
}

/// Eight words; AVX-512 multiplies them directly.
#[cfg(target_arch = "x86_64")]
pub struct Avx512;

#[cfg(target_arch = "x86_64")]
impl Simd for Avx512 {
    const LANES: usize = 8;
    type Words = __m512i;
    type Factor = __m512i;
    type Sum = __m512i;

    #[inline(always)]
    fn load(words: &[u64]) -> __m512i {
        let words = &words[..8];
        // SAFETY: AVX-512F; eight words are there.
        unsafe { _mm512_loadu_epi64(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_part(words: &[u64]) -> __m512i {
        let mask = part_mask(words.len());
        // SAFETY: AVX-512F; only the words that are there are read.
        unsafe { _mm512_maskz_loadu_epi64(mask, words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_i32(numbers: &[i32]) -> __m512i {
        let numbers = &numbers[..8];
        // SAFETY: AVX-512F; eight numbers are there.
        unsafe { _mm512_cvtepi32_epi64(_mm256_loadu_si256(numbers.as_ptr().cast())) }
    }

    #[inline(always)]
    fn load_i32_part(numbers: &[i32]) -> __m512i {
        let mask = u16::from(part_mask(numbers.len()));
        // SAFETY: AVX-512F; only the numbers that are there are read.
        unsafe {
            let loaded = _mm512_maskz_loadu_epi32(mask, numbers.as_ptr());
            _mm512_cvtepi32_epi64(_mm512_castsi512_si256(loaded))
        }
    }

    #[inline(always)]
    fn factor(words: __m512i) -> __m512i {
        words
    }

    #[inline(always)]
    fn splat(word: u64) -> __m512i {
        // SAFETY: AVX-512F.
        unsafe { _mm512_set1_epi64(word as i64) }
    }

    #[inline(always)]
    fn zero() -> __m512i {
        // SAFETY: AVX-512F.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn mul_add(sum: __m512i, words: __m512i, factor: __m512i) -> __m512i {
        // SAFETY: AVX-512F and AVX-512DQ.
        unsafe { _mm512_add_epi64(sum, _mm512_mullo_epi64(words, factor)) }
    }

    #[inline(always)]
    fn add_to(sum: __m512i, out: &mut [u64]) {
        let out = &mut out[..8];
        // SAFETY: AVX-512F; eight words are there.
        unsafe {
            let before = _mm512_loadu_epi64(out.as_ptr().cast());
            _mm512_storeu_epi64(out.as_mut_ptr().cast(), _mm512_add_epi64(before, sum));
        }
    }

    #[inline(always)]
    fn add_to_part(sum: __m512i, out: &mut [u64]) {
        let mask = part_mask(out.len());
        // SAFETY: AVX-512F; only the words that are there are read and written.
        unsafe {
            let before = _mm512_maskz_loadu_epi64(mask, out.as_ptr().cast());
            let after = _mm512_add_epi64(before, sum);
            _mm512_mask_storeu_epi64(out.as_mut_ptr().cast(), mask, after);
        }
    }

    #[inline(always)]
    fn total(sum: __m512i) -> u64 {
        // SAFETY: AVX-512F.
        unsafe { _mm512_reduce_add_epi64(sum) as u64 }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn part_mask(lanes: usize) -> u8 {
    assert!(lanes < 8);
    (1 << lanes) - 1
}

/// Four words. Their products are put together from 32-bit ones: with words w = l + 2^32 h and factors
/// f = m + 2^32 k, the sum of lm and 2^32 times the sum of lk + hm.
#[cfg(target_arch = "x86_64")]
pub struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Simd for Avx2 {
    const LANES: usize = 4;
    type Words = __m256i;
    type Factor = (__m256i, __m256i);
    type Sum = (__m256i, __m256i);

    #[inline(always)]
    fn load(words: &[u64]) -> __m256i {
        let words = &words[..4];
        // SAFETY: AVX2; four words are there.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn load_part(words: &[u64]) -> __m256i {
        // SAFETY: AVX2; only the words that are there are read.
        unsafe { _mm256_maskload_epi64(words.as_ptr().cast(), part_lanes(words.len())) }
    }

    #[inline(always)]
    fn load_i32(numbers: &[i32]) -> __m256i {
        let numbers = &numbers[..4];
        // SAFETY: AVX2; four numbers are there.
        unsafe { _mm256_cvtepi32_epi64(_mm_loadu_si128(numbers.as_ptr().cast())) }
    }

    #[inline(always)]
    fn load_i32_part(numbers: &[i32]) -> __m256i {
        assert!(numbers.len() < 4);
        // SAFETY: AVX2; only the numbers that are there are read.
        unsafe {
            let there = _mm_set1_epi32(numbers.len() as i32);
            let mask = _mm_cmpgt_epi32(there, _mm_setr_epi32(0, 1, 2, 3));
            _mm256_cvtepi32_epi64(_mm_maskload_epi32(numbers.as_ptr(), mask))
        }
    }

    #[inline(always)]
    fn factor(words: __m256i) -> Self::Factor {
        // SAFETY: AVX2.
        (words, unsafe { _mm256_srli_epi64::<32>(words) })
    }

    #[inline(always)]
    fn splat(word: u64) -> Self::Factor {
        // SAFETY: AVX2.
        Self::factor(unsafe { _mm256_set1_epi64x(word as i64) })
    }

    #[inline(always)]
    fn zero() -> Self::Sum {
        // SAFETY: AVX2.
        let zero = unsafe { _mm256_setzero_si256() };
        (zero, zero)
    }

    #[inline(always)]
    fn mul_add((low, high): Self::Sum, words: __m256i, (m, k): Self::Factor) -> Self::Sum {
        // SAFETY: AVX2. The multiplication takes the low halves of its operands.
        unsafe {
            let crossed = _mm256_add_epi64(
                _mm256_mul_epu32(words, k),
                _mm256_mul_epu32(_mm256_srli_epi64::<32>(words), m),
            );
            let low = _mm256_add_epi64(low, _mm256_mul_epu32(words, m));
            (low, _mm256_add_epi64(high, crossed))
        }
    }

    #[inline(always)]
    fn add_to(sum: Self::Sum, out: &mut [u64]) {
        let out = &mut out[..4];
        // SAFETY: AVX2; four words are there.
        unsafe {
            let before = _mm256_loadu_si256(out.as_ptr().cast());
            let after = _mm256_add_epi64(before, joined(sum));
            _mm256_storeu_si256(out.as_mut_ptr().cast(), after);
        }
    }

    #[inline(always)]
    fn add_to_part(sum: Self::Sum, out: &mut [u64]) {
        let mask = part_lanes(out.len());
        // SAFETY: AVX2; only the words that are there are read and written.
        unsafe {
            let before = _mm256_maskload_epi64(out.as_ptr().cast(), mask);
            let after = _mm256_add_epi64(before, joined(sum));
            _mm256_maskstore_epi64(out.as_mut_ptr().cast(), mask, after);
        }
    }

    #[inline(always)]
    fn total(sum: Self::Sum) -> u64 {
        let lanes = joined(sum);
        // SAFETY: AVX2.
        unsafe {
            let (low, high) = (
                _mm256_castsi256_si128(lanes),
                _mm256_extracti128_si256::<1>(lanes),
            );
            let pair = _mm_add_epi64(low, high);
            _mm_cvtsi128_si64(_mm_add_epi64(pair, _mm_unpackhi_epi64(pair, pair))) as u64
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn joined((low, high): (__m256i, __m256i)) -> __m256i {
    // SAFETY: AVX2, as for all that Avx2 calls.
    unsafe { _mm256_add_epi64(low, _mm256_slli_epi64::<32>(high)) }
}

/// All ones in the first lanes, zeros in the others.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn part_lanes(lanes: usize) -> __m256i {
    assert!(lanes < 4);
    // SAFETY: AVX2, as for all that Avx2 calls.
    unsafe {
        _mm256_cmpgt_epi64(
            _mm256_set1_epi64x(lanes as i64),
            _mm256_setr_epi64x(0, 1, 2, 3),
        )
    }
}
