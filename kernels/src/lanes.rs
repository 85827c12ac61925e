//! The field of 2^255 - 19, eight elements at once, with the 52-bit products of AVX-512 IFMA.
//!
//! An element has five limbs to the base 2^51, each a vector with a word per lane. One bit and more of the 52 that the
//! processor multiplies is left, so that a carry need not be exact:
//! - Limbs of a [`Field`] are below 2^51 + 2^18. Their sums are not below 2^52, hence need a carry before a product.
//! - Limbs of a [`Wide`], a product or a sum not yet carried, are below 2^62, or below 2^64 where it is carried next.
//!
//! *Product.* The processor gives the low 52 bits of a product of limbs, at the place i + j, and the rest, at 2^52
//! beyond it, which is twice at the place i + j + 1. With limbs below 2^51 + 2^18 the low parts are below 2^52, and the
//! rests doubled below 2^51 + 2^20. Of the ten places the k-th and the (k + 5)-th become one, the second 19 times, as
//! 2^255 = 19. Most get the first: one low part, and 19 times four low parts and five rests, hence less than 125 * 2^52
//! < 2^59.
//!
//! *Difference.* 2^12 p is added first, whose limbs are from 2^63 - 19 * 2^12 to 2^63: more than what is taken away.
//!
//! *Carry.* What is beyond 51 bits, below 2^13, goes to the next limb at once in all, from the last to the first 19
//! times: limbs become less than 2^51 + 19 * 2^13 < 2^51 + 2^18.
//!
//! There is no branch and no address here that depends on a value. All functions need the processor's features that
//! they name: who calls the outermost has seen that they are there (`elements.rs`).

use std::arch::x86_64::*;

/// Elements in a vector.
pub const LANES: usize = 8;

const LIMBS: usize = 5;
const BITS: u32 = 51;
const MASK: u64 = (1 << BITS) - 1;
/// 2^12 p.
const SPAN: [u64; LIMBS] = [
    (MASK - 18) << 12,
    MASK << 12,
    MASK << 12,
    MASK << 12,
    MASK << 12,
];

/// A mask of lanes.
pub type Mask = __mmask8;

/// Eight elements.
#[derive(Clone, Copy)]
pub struct Field([__m512i; LIMBS]);

/// Eight products or sums that are to be carried.
#[derive(Clone, Copy)]
pub struct Wide([__m512i; LIMBS]);

/// A word for each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn lanes(words: [u64; LANES]) -> __m512i {
    // SAFETY: both are 64 bytes of which every pattern is a value.
    unsafe { std::mem::transmute(words) }
}

/// The words of the lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn words(lanes: __m512i) -> [u64; LANES] {
    // SAFETY: both are 64 bytes of which every pattern is a value.
    unsafe { std::mem::transmute(lanes) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn splat(word: u64) -> __m512i {
    _mm512_set1_epi64(word as i64)
}

impl Wide {
    /// The sum.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn plus(self, other: Wide) -> Wide {
        let mut out = self.0;
        for (limb, other) in out.iter_mut().zip(other.0) {
            *limb = _mm512_add_epi64(*limb, other);
        }
        Wide(out)
    }

    /// The difference.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn minus(self, other: Wide) -> Wide {
        debug_assert!(self.below(62) && other.below(62));
        let mut out = self.0;
        for k in 0..LIMBS {
            let spare = _mm512_sub_epi64(splat(SPAN[k]), other.0[k]);
            out[k] = _mm512_add_epi64(out[k], spare);
        }
        Wide(out)
    }

    /// The same, ready to be multiplied.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn carried(self) -> Field {
        let mut out = self.0;
        let mut carry = out;
        for k in 0..LIMBS {
            carry[k] = _mm512_srli_epi64::<BITS>(out[k]);
            out[k] = _mm512_and_si512(out[k], splat(MASK));
        }
        out[0] = _mm512_madd52lo_epu64(out[0], carry[LIMBS - 1], splat(19));
        for k in 1..LIMBS {
            out[k] = _mm512_add_epi64(out[k], carry[k - 1]);
        }
        Field(out)
    }

    /// Whether all limbs have at most so many bits; for assertions.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn below(self, bits: u32) -> bool {
        self.0
            .iter()
            .all(|limb| words(*limb).iter().all(|word| word >> bits == 0))
    }
}

impl Field {
    /// One element in all lanes, of limbs that are below 2^51.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn constant(limbs: [u64; LIMBS]) -> Field {
        let mut out = [_mm512_setzero_si512(); LIMBS];
        for (out, limb) in out.iter_mut().zip(limbs) {
            *out = splat(limb);
        }
        Field(out)
    }

    /// 0.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn zero() -> Field {
        Field::constant([0; LIMBS])
    }

    /// 1.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn one() -> Field {
        Field::constant([1, 0, 0, 0, 0])
    }

    /// The element of each lane's little-endian words, of which the highest bit is ignored.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn from_words(given: [__m512i; 4]) -> Field {
        let [a, b, c, d] = given;
        let both = |low, high| _mm512_and_si512(_mm512_or_si512(low, high), splat(MASK));
        Field([
            _mm512_and_si512(a, splat(MASK)),
            both(_mm512_srli_epi64::<51>(a), _mm512_slli_epi64::<13>(b)),
            both(_mm512_srli_epi64::<38>(b), _mm512_slli_epi64::<26>(c)),
            both(_mm512_srli_epi64::<25>(c), _mm512_slli_epi64::<39>(d)),
            _mm512_and_si512(_mm512_srli_epi64::<12>(d), splat(MASK)),
        ])
    }

    /// Each lane's four little-endian words of the number below p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn to_words(self) -> [__m512i; 4] {
        let [a, b, c, d, e] = self.canonical().0;
        [
            _mm512_or_si512(a, _mm512_slli_epi64::<51>(b)),
            _mm512_or_si512(_mm512_srli_epi64::<13>(b), _mm512_slli_epi64::<38>(c)),
            _mm512_or_si512(_mm512_srli_epi64::<26>(c), _mm512_slli_epi64::<25>(d)),
            _mm512_or_si512(_mm512_srli_epi64::<39>(d), _mm512_slli_epi64::<12>(e)),
        ]
    }

    /// The same below p, all limbs below 2^51.
    ///
    /// The number is below 2^255 + 2^223 < 2p. It is p or more where 19 more make it 2^255 or more; then these 19 are
    /// added, and 2^255 is dropped.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn canonical(self) -> Field {
        let mut out = self.0;
        let mut carry = splat(19);
        for limb in out {
            carry = _mm512_srli_epi64::<BITS>(_mm512_add_epi64(limb, carry));
        }
        carry = _mm512_mullo_epi64(carry, splat(19));
        for limb in &mut out {
            let sum = _mm512_add_epi64(*limb, carry);
            *limb = _mm512_and_si512(sum, splat(MASK));
            carry = _mm512_srli_epi64::<BITS>(sum);
        }
        Field(out)
    }

    /// As a sum of its own.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn wide(self) -> Wide {
        Wide(self.0)
    }

    /// The product.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn times_wide(self, other: Field) -> Wide {
        let (a, b) = (self.0, other.0);
        let mut sum = [_mm512_setzero_si512(); 2 * LIMBS];
        for i in 0..LIMBS {
            for j in 0..LIMBS {
                sum[i + j + 1] = _mm512_madd52hi_epu64(sum[i + j + 1], a[i], b[j]);
            }
        }
        for place in &mut sum[1..] {
            *place = _mm512_add_epi64(*place, *place);
        }
        for i in 0..LIMBS {
            for j in 0..LIMBS {
                sum[i + j] = _mm512_madd52lo_epu64(sum[i + j], a[i], b[j]);
            }
        }
        folded(sum)
    }

    /// The square. A product of two different limbs counts twice.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn squared_wide(self) -> Wide {
        let a = self.0;
        let mut sum = [_mm512_setzero_si512(); 2 * LIMBS];
        for i in 0..LIMBS {
            for j in i + 1..LIMBS {
                sum[i + j + 1] = _mm512_madd52hi_epu64(sum[i + j + 1], a[i], a[j]);
            }
        }
        for place in &mut sum[2..2 * LIMBS - 1] {
            *place = _mm512_add_epi64(*place, *place);
        }
        for i in 0..LIMBS {
            sum[2 * i + 1] = _mm512_madd52hi_epu64(sum[2 * i + 1], a[i], a[i]);
            for j in i + 1..LIMBS {
                sum[i + j] = _mm512_madd52lo_epu64(sum[i + j], a[i], a[j]);
            }
        }
        for place in &mut sum[1..] {
            *place = _mm512_add_epi64(*place, *place);
        }
        for i in 0..LIMBS {
            sum[2 * i] = _mm512_madd52lo_epu64(sum[2 * i], a[i], a[i]);
        }
        folded(sum)
    }

    /// The product, carried.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn times(self, other: Field) -> Field {
        self.times_wide(other).carried()
    }

    /// The square, carried.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn squared(self) -> Field {
        self.squared_wide().carried()
    }

    /// The sum, carried.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn plus(self, other: Field) -> Field {
        self.wide().plus(other.wide()).carried()
    }

    /// The difference, carried.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn minus(self, other: Field) -> Field {
        self.wide().minus(other.wide()).carried()
    }

    /// The element's opposite.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn negated(self) -> Field {
        Field::zero().minus(self)
    }

    /// `other` in the lanes of the mask.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn replaced(self, mask: Mask, other: Field) -> Field {
        let mut out = self.0;
        for (limb, other) in out.iter_mut().zip(other.0) {
            *limb = _mm512_mask_mov_epi64(*limb, mask, other);
        }
        Field(out)
    }

    /// Adds, bit by bit, the limbs of `other` in the lanes where `mask` has all bits; they are zero before. Both are
    /// read whatever the mask.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn gather(&mut self, mask: __m512i, other: &Field) {
        for (limb, other) in self.0.iter_mut().zip(&other.0) {
            // self | (mask & other)
            *limb = _mm512_ternarylogic_epi64::<0xf8>(*limb, mask, *other);
        }
    }

    /// A small number in the lanes where `mask` has all bits, else 0.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn small(mask: __m512i, number: u64) -> Field {
        let mut out = Field::zero();
        out.0[0] = _mm512_and_si512(mask, splat(number));
        out
    }

    /// Where the element is negative: odd, in the words of RFC 9496.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn negative(self) -> Mask {
        _mm512_test_epi64_mask(self.canonical().0[0], splat(1))
    }

    /// Where the element is 0.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn vanishes(self) -> Mask {
        let [a, b, c, d, e] = self.canonical().0;
        let three = _mm512_ternarylogic_epi64::<0xfe>(a, b, c);
        let all = _mm512_ternarylogic_epi64::<0xfe>(three, d, e);
        _mm512_testn_epi64_mask(all, all)
    }

    /// The element or its opposite, whichever is not negative.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn absolute(self) -> Field {
        self.replaced(self.negative(), self.negated())
    }
}

/// The ten places of a product as five.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn folded(sum: [__m512i; 2 * LIMBS]) -> Wide {
    let mut out = [_mm512_setzero_si512(); LIMBS];
    for k in 0..LIMBS {
        let beyond = _mm512_mullo_epi64(sum[k + LIMBS], splat(19));
        out[k] = _mm512_add_epi64(sum[k], beyond);
    }
    let out = Wide(out);
    debug_assert!(out.below(59));
    out
}
