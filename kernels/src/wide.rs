//! Bitwise operations on eight 64-bit words at once.
//!
//! Plain loops over arrays of eight words would do, were it not for the compiler: it vectorises the loops around
//! them instead, with gathers and scatters. The types are used as [`crate::simd`] says, which is what the SAFETY
//! comments appeal to.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use crate::simd::Portable;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};

/// Words that are worked on at once.
pub const WIDE: usize = 8;

/// Eight words in memory.
pub type Words = [u64; WIDE];

/// An instruction set's way to hold eight words.
pub trait Wide {
    /// Eight words.
    type Bits: Copy;

    /// From memory.
    fn get(words: &Words) -> Self::Bits;
    /// To memory.
    fn put(bits: Self::Bits, words: &mut Words);
    /// The same word eight times.
    fn same(word: u64) -> Self::Bits;
    /// a ^ b
    fn xor(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// a & b
    fn and(a: Self::Bits, b: Self::Bits) -> Self::Bits;
    /// Every word shifted up by N.
    fn up<const N: u32>(bits: Self::Bits) -> Self::Bits;
    /// Every word shifted down by N.
    fn down<const N: u32>(bits: Self::Bits) -> Self::Bits;

    /// All ones in both words of a pair where bit 0 of its first word is set, zeros elsewhere.
    fn spread(bits: Self::Bits) -> Self::Bits;

    /// `one` where the bit is set, `zero` elsewhere.
    #[inline(always)]
    fn choose(bit: Self::Bits, one: Self::Bits, zero: Self::Bits) -> Self::Bits {
        Self::xor(zero, Self::and(bit, Self::xor(one, zero)))
    }
}

macro_rules! each {
    (|$k:ident| $word:expr) => {{
        let mut out = [0; WIDE];
        for $k in 0..WIDE {
            out[$k] = $word;
        }
        out
    }};
}

impl Wide for Portable {
    type Bits = Words;

    #[inline(always)]
    fn get(words: &Words) -> Words {
        *words
    }

    #[inline(always)]
    fn put(bits: Words, words: &mut Words) {
        *words = bits;
    }

    #[inline(always)]
    fn same(word: u64) -> Words {
        [word; WIDE]
    }

    #[inline(always)]
    fn xor(a: Words, b: Words) -> Words {
        each!(|k| a[k] ^ b[k])
    }

    #[inline(always)]
    fn and(a: Words, b: Words) -> Words {
        each!(|k| a[k] & b[k])
    }

    #[inline(always)]
    fn up<const N: u32>(bits: Words) -> Words {
        each!(|k| bits[k] << N)
    }

    #[inline(always)]
    fn down<const N: u32>(bits: Words) -> Words {
        each!(|k| bits[k] >> N)
    }

    #[inline(always)]
    fn spread(bits: Words) -> Words {
        each!(|k| 0u64.wrapping_sub(bits[k & !1] & 1))
    }
}

#[cfg(target_arch = "x86_64")]
impl Wide for Avx512 {
    type Bits = __m512i;

    #[inline(always)]
    fn get(words: &Words) -> __m512i {
        // SAFETY: AVX-512F; eight words are there.
        unsafe { _mm512_loadu_epi64(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn put(bits: __m512i, words: &mut Words) {
        // SAFETY: AVX-512F; eight words are there.
        unsafe { _mm512_storeu_epi64(words.as_mut_ptr().cast(), bits) }
    }

    #[inline(always)]
    fn same(word: u64) -> __m512i {
        // SAFETY: AVX-512F.
        unsafe { _mm512_set1_epi64(word as i64) }
    }

    #[inline(always)]
    fn xor(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512F.
        unsafe { _mm512_xor_si512(a, b) }
    }

    #[inline(always)]
    fn and(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512F.
        unsafe { _mm512_and_si512(a, b) }
    }

    #[inline(always)]
    fn up<const N: u32>(bits: __m512i) -> __m512i {
        // SAFETY: AVX-512F.
        unsafe { _mm512_slli_epi64::<N>(bits) }
    }

    #[inline(always)]
    fn down<const N: u32>(bits: __m512i) -> __m512i {
        // SAFETY: AVX-512F.
        unsafe { _mm512_srli_epi64::<N>(bits) }
    }

    #[inline(always)]
    fn spread(bits: __m512i) -> __m512i {
        // SAFETY: AVX-512F.
        unsafe {
            let ones = _mm512_sub_epi64(
                _mm512_setzero_si512(),
                _mm512_and_si512(bits, _mm512_set1_epi64(1)),
            );
            _mm512_unpacklo_epi64(ones, ones)
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Wide for Avx2 {
    type Bits = (__m256i, __m256i);

    #[inline(always)]
    fn get(words: &Words) -> Self::Bits {
        let (low, high) = words.split_at(4);
        // SAFETY: AVX2; four words are in each half.
        unsafe {
            (
                _mm256_loadu_si256(low.as_ptr().cast()),
                _mm256_loadu_si256(high.as_ptr().cast()),
            )
        }
    }

    #[inline(always)]
    fn put(bits: Self::Bits, words: &mut Words) {
        let (low, high) = words.split_at_mut(4);
        // SAFETY: AVX2; four words are in each half.
        unsafe {
            _mm256_storeu_si256(low.as_mut_ptr().cast(), bits.0);
            _mm256_storeu_si256(high.as_mut_ptr().cast(), bits.1);
        }
    }

    #[inline(always)]
    fn same(word: u64) -> Self::Bits {
        // SAFETY: AVX2.
        let half = unsafe { _mm256_set1_epi64x(word as i64) };
        (half, half)
    }

    #[inline(always)]
    fn xor(a: Self::Bits, b: Self::Bits) -> Self::Bits {
        // SAFETY: AVX2.
        unsafe { (_mm256_xor_si256(a.0, b.0), _mm256_xor_si256(a.1, b.1)) }
    }

    #[inline(always)]
    fn and(a: Self::Bits, b: Self::Bits) -> Self::Bits {
        // SAFETY: AVX2.
        unsafe { (_mm256_and_si256(a.0, b.0), _mm256_and_si256(a.1, b.1)) }
    }

    #[inline(always)]
    fn up<const N: u32>(bits: Self::Bits) -> Self::Bits {
        // SAFETY: AVX2.
        unsafe {
            let by = _mm_cvtsi32_si128(N as i32);
            (_mm256_sll_epi64(bits.0, by), _mm256_sll_epi64(bits.1, by))
        }
    }

    #[inline(always)]
    fn down<const N: u32>(bits: Self::Bits) -> Self::Bits {
        // SAFETY: AVX2.
        unsafe {
            let by = _mm_cvtsi32_si128(N as i32);
            (_mm256_srl_epi64(bits.0, by), _mm256_srl_epi64(bits.1, by))
        }
    }

    #[inline(always)]
    fn spread(bits: Self::Bits) -> Self::Bits {
        // SAFETY: AVX2.
        unsafe {
            let (zero, one) = (_mm256_setzero_si256(), _mm256_set1_epi64x(1));
            let low = _mm256_sub_epi64(zero, _mm256_and_si256(bits.0, one));
            let high = _mm256_sub_epi64(zero, _mm256_and_si256(bits.1, one));
            (
                _mm256_unpacklo_epi64(low, low),
                _mm256_unpacklo_epi64(high, high),
            )
        }
    }
}
