//! The curve of Ristretto255, -x^2 + y^2 = 1 + d x^2 y^2, and multiples of eight of its points at once.
//!
//! Formulas: Hisil, Wong, Carter, Dawson, "Twisted Edwards curves revisited" (2008). They hold for all points, as -1 is
//! a square and d is none; so there are no cases.

use std::arch::x86_64::*;

use crate::lanes::{Field, LANES, lanes};

/// A digit that stands for 0.
pub const ZERO_DIGIT: u8 = 8;

/// Digits of a scalar to the base 16.
pub const DIGITS: usize = 64;

/// Digits of eight scalars, each with 8 added.
pub type Digits = [[u8; LANES]; DIGITS];

/// d = -121665/121666.
pub const D: [u64; 5] = [
    0x34dca135978a3,
    0x1a8283b156ebd,
    0x5e7a26001c029,
    0x739c663a03cbb,
    0x52036cee2b6ff,
];

/// 2 d.
const TWICE_D: [u64; 5] = [
    0x69b9426b2f159,
    0x35050762add7a,
    0x3cf44c0038052,
    0x6738cc7407977,
    0x2406d9dc56dff,
];

/// x = X/Z, y = Y/Z, and xy = T/Z.
#[derive(Clone, Copy)]
pub struct Point {
    /// X.
    pub x: Field,
    /// Y.
    pub y: Field,
    /// Z, not 0.
    pub z: Field,
    /// T.
    pub t: Field,
}

/// x = e/f, y = g/h: a sum before the products that bring it to one denominator.
#[derive(Clone, Copy)]
pub struct Ratios {
    /// Above x.
    pub e: Field,
    /// Below x, not 0.
    pub f: Field,
    /// Above y.
    pub g: Field,
    /// Below y, not 0.
    pub h: Field,
}

/// What adding a point takes of it: Y + X, Y - X, 2 Z, 2 d T.
#[derive(Clone, Copy)]
struct Addend {
    plus: Field,
    minus: Field,
    twice: Field,
    scaled: Field,
}

impl Ratios {
    /// As a point of which only X, Y and Z are looked at; T is not made.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn without_t(self) -> Point {
        Point {
            x: self.e.times(self.h),
            y: self.g.times(self.f),
            z: self.f.times(self.h),
            t: self.e,
        }
    }

    /// As a point.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn point(self) -> Point {
        Point {
            t: self.e.times(self.g),
            ..self.without_t()
        }
    }
}

impl Point {
    /// The point's double; T is not looked at.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn doubled(self) -> Ratios {
        let product = self.x.times_wide(self.y);
        let (xx, yy) = (self.x.squared_wide(), self.y.squared_wide());
        let zz = self.z.squared_wide();
        Ratios {
            e: product.plus(product).carried(),
            f: yy.minus(xx).carried(),
            g: yy.plus(xx).carried(),
            h: zz.plus(zz).plus(xx).minus(yy).carried(),
        }
    }

    /// The sum of two points.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn sum(self, other: Point) -> Ratios {
        self.with(&other.addend())
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn addend(self) -> Addend {
        Addend {
            plus: self.y.plus(self.x),
            minus: self.y.minus(self.x),
            twice: self.z.plus(self.z),
            scaled: self.t.times(Field::constant(TWICE_D)),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn with(self, other: &Addend) -> Ratios {
        let a = self.y.minus(self.x).times_wide(other.minus);
        let b = self.y.plus(self.x).times_wide(other.plus);
        let c = self.t.times_wide(other.scaled);
        let d = self.z.times_wide(other.twice);
        Ratios {
            e: b.minus(a).carried(),
            f: d.plus(c).carried(),
            g: b.plus(a).carried(),
            h: d.minus(c).carried(),
        }
    }

    /// Each lane's multiple: 4 doublings and a sum for each digit, whatever it is.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn times(self, digits: &Digits) -> Point {
        let table = self.table();
        let mut sum = Point::identity()
            .with(&chosen(&table, &digits[DIGITS - 1]))
            .without_t();
        for digit in digits[..DIGITS - 1].iter().rev() {
            for _ in 0..3 {
                sum = sum.doubled().without_t();
            }
            sum = sum
                .doubled()
                .point()
                .with(&chosen(&table, digit))
                .without_t();
        }
        sum
    }

    /// The sum in each lane of points times the numbers that the first digits stand for; the rest stand for 0. All points
    /// share the doublings.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn weighted_sum(points: &[Point], digits: &[Digits], places: usize) -> Point {
        let mut tables = Vec::with_capacity(points.len());
        for point in points {
            tables.push(point.table());
        }
        let mut sum = Point::identity();
        for place in (0..places).rev() {
            if place + 1 < places {
                for _ in 0..3 {
                    sum = sum.doubled().without_t();
                }
                sum = sum.doubled().point();
            }
            for (table, digits) in tables.iter().zip(digits) {
                sum = sum.with(&chosen(table, &digits[place])).point();
            }
        }
        sum
    }

    /// The point that changes nothing.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    pub fn identity() -> Point {
        Point {
            x: Field::zero(),
            y: Field::one(),
            z: Field::one(),
            t: Field::zero(),
        }
    }

    /// 1 to 8 times the point.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn table(self) -> [Addend; 8] {
        let first = self.addend();
        let mut table = [first; 8];
        let mut multiple = self;
        for entry in &mut table[1..] {
            multiple = multiple.with(&first).point();
            *entry = multiple.addend();
        }
        table
    }
}

/// The multiple that each lane's digit names. Digits are secret: all entries are read, and masks choose.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn chosen(table: &[Addend; 8], digits: &[u8; LANES]) -> Addend {
    let raised = lanes(digits.map(u64::from));
    let digit = _mm512_sub_epi64(raised, _mm512_set1_epi64(8));
    let size = _mm512_abs_epi64(digit);
    let zero = _mm512_movm_epi64(_mm512_testn_epi64_mask(size, size));
    let mut out = Addend {
        plus: Field::small(zero, 1),
        minus: Field::small(zero, 1),
        twice: Field::small(zero, 2),
        scaled: Field::zero(),
    };
    for (entry, number) in table.iter().zip(1..) {
        let equal = _mm512_cmpeq_epi64_mask(size, _mm512_set1_epi64(number));
        let mask = _mm512_movm_epi64(equal);
        out.plus.gather(mask, &entry.plus);
        out.minus.gather(mask, &entry.minus);
        out.twice.gather(mask, &entry.twice);
        out.scaled.gather(mask, &entry.scaled);
    }
    // Of -P, Y + X and Y - X are those of P exchanged, and T is the opposite.
    let negative = _mm512_movepi64_mask(digit);
    Addend {
        plus: out.plus.replaced(negative, out.minus),
        minus: out.minus.replaced(negative, out.plus),
        twice: out.twice,
        scaled: out.scaled.replaced(negative, out.scaled.negated()),
    }
}

/// Writes the digits of a scalar below 2^253, given in little-endian bytes, to a lane.
///
/// They are the nibbles of the scalar with 8 added at each place, less 8: from -8 to 7. The sum is below 2^253 +
/// 8 (16^64 - 1)/15 < 2^256.
pub fn write_digits(scalar: &[u8; 32], lane: usize, digits: &mut Digits) {
    let mut carry = 0;
    for (byte, pair) in scalar.iter().zip(digits.as_chunks_mut::<2>().0) {
        let sum = u16::from(*byte) + 0x88 + carry;
        pair[0][lane] = (sum & 15) as u8;
        pair[1][lane] = (sum >> 4 & 15) as u8;
        carry = sum >> 8;
    }
    debug_assert!(carry == 0);
}
