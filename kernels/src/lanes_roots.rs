//! Powers in the field of `lanes.rs`: inverses, and the square roots of RFC 9496, section 4.2.
//!
//! A power is a long chain of squares, each of which waits for the one before. So roots are taken of two vectors in
//! step, which takes little longer than of one.

use crate::lanes::{Field, Mask};

/// A square root of -1: the one that is not negative.
pub const SQRT_M1: [u64; 5] = [
    0x61b274a0ea0b0,
    0x0d5a5fc8f189d,
    0x7ef5e9cbd0c60,
    0x78595a6804c9e,
    0x2b8324804fc1d,
];

/// Squares all elements so many times.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn square_times<const N: usize>(elements: &mut [Field; N], times: u32) {
    let mut now = *elements;
    for _ in 0..times {
        for element in &mut now {
            *element = element.squared();
        }
    }
    *elements = now;
}

/// `times` squares, then a product.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn shifted<const N: usize>(elements: &[Field; N], times: u32, factors: &[Field; N]) -> [Field; N] {
    let mut out = *elements;
    square_times(&mut out, times);
    for (out, factor) in out.iter_mut().zip(factors) {
        *out = out.times(*factor);
    }
    out
}

/// x^(2^250 - 1).
///
/// With r(n) = x^(2^n - 1), r(m + n) = r(m)^(2^n) r(n).
#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn repeated<const N: usize>(x: &[Field; N]) -> [Field; N] {
    let two = shifted(x, 1, x);
    let four = shifted(&two, 2, &two);
    let five = shifted(&four, 1, x);
    let ten = shifted(&five, 5, &five);
    let twenty = shifted(&ten, 10, &ten);
    let forty = shifted(&twenty, 20, &twenty);
    let fifty = shifted(&forty, 10, &ten);
    let hundred = shifted(&fifty, 50, &fifty);
    let most = shifted(&hundred, 100, &hundred);
    shifted(&most, 50, &fifty)
}

/// 1/x, and 0 of 0: x^(p - 2), where p - 2 = 2^5 (2^250 - 1) + 11.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn inverse(x: Field) -> Field {
    let square = x.squared();
    let eleven = square.squared().squared().times(square).times(x);
    let [out] = shifted(&repeated(&[x]), 5, &[eleven]);
    out
}

/// SQRT_RATIO_M1: where u/v is a square, and its root that is not negative; elsewhere the one of u/v times a root of -1,
/// and 0 where v is 0.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn root_of_ratio(u: &[Field; 2], v: &[Field; 2]) -> [(Mask, Field); 2] {
    let (mut base, mut left) = (*u, *u);
    for k in 0..2 {
        let cube = v[k].squared().times(v[k]);
        left[k] = u[k].times(cube);
        base[k] = u[k].times(cube.squared().times(v[k]));
    }
    // (p - 5)/8 = 2^2 (2^250 - 1) + 1
    let power = shifted(&repeated(&base), 2, &base);
    let mut out = [(0, Field::zero()); 2];
    for k in 0..2 {
        let root = left[k].times(power[k]);
        let check = v[k].times(root.squared());
        let turned = u[k].times(Field::constant(SQRT_M1));
        let correct = check.minus(u[k]).vanishes();
        let opposite = check.plus(u[k]).vanishes();
        let flipped = opposite | check.plus(turned).vanishes();
        let root = root.replaced(flipped, root.times(Field::constant(SQRT_M1)));
        out[k] = (correct | opposite, root.absolute());
    }
    out
}
