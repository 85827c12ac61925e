//! Elements of Ristretto255 (RFC 9496), sixteen or eight at once: decoded, derived, multiplied and encoded.

use curve25519_dalek::scalar::Scalar;
use zeroize::Zeroizing;

use crate::elements::Piece;
use crate::lanes::{Field, LANES, Mask, lanes, words};
use crate::lanes_curve::{D, DIGITS, Point, Ratios, ZERO_DIGIT, write_digits};
use crate::lanes_roots::{SQRT_M1, inverse, root_of_ratio};
use crate::ristretto::Row;

/// Elements that are begun together.
pub const BOTH: usize = 2 * LANES;

// RFC 9496, section 4.1.
const SQRT_AD_MINUS_ONE: [u64; 5] = [
    0x7f6a0497b2e1b,
    0x1836f0a97afd2,
    0x7d747f6be7638,
    0x456079e7e6498,
    0x376931bf2b834,
];
const INVSQRT_A_MINUS_D: [u64; 5] = [
    0x0fdaa805d40ea,
    0x2eb482e57d339,
    0x007610274bc58,
    0x6510b613dc8ff,
    0x786c8905cfaff,
];
const ONE_MINUS_D_SQ: [u64; 5] = [
    0x409c1945fc176,
    0x719abc6a1fc4f,
    0x1c37f90b20684,
    0x06bccca55eedf,
    0x029072a8b2b3e,
];
const D_MINUS_ONE_SQ: [u64; 5] = [
    0x55aaa44ed4d20,
    0x59603c3332635,
    0x26d3baf4a7928,
    0x120a66e6997a9,
    0x5968b37af66c2,
];

/// Each lane's 32 bytes as four words.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn loaded(rows: [&Row; LANES]) -> [std::arch::x86_64::__m512i; 4] {
    let mut given = [[0; LANES]; 4];
    for (lane, row) in rows.into_iter().enumerate() {
        for (word, bytes) in given.iter_mut().zip(row.as_chunks::<8>().0) {
            word[lane] = u64::from_le_bytes(*bytes);
        }
    }
    let [a, b, c, d] = given;
    [lanes(a), lanes(b), lanes(c), lanes(d)]
}

/// Writes each lane's element to a row.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn stored(element: Field, rows: &mut [Row]) {
    for (number, lanes) in element.to_words().into_iter().enumerate() {
        for (row, word) in rows.iter_mut().zip(words(lanes)) {
            row[8 * number..][..8].copy_from_slice(&word.to_le_bytes());
        }
    }
}

/// DECODE (4.3.1) of sixteen rows: points, and where they are elements other than the identity. What is decoded is
/// public; elsewhere points mean nothing.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn decode(rows: &[Row; BOTH]) -> ([Point; 2], [Mask; 2]) {
    let one = Field::one();
    let mut good = [0; 2];
    let [mut s, mut u1, mut u2, mut v, mut under] = [[one; 2]; 5];
    for (k, rows) in rows.as_chunks::<LANES>().0.iter().enumerate() {
        let given = loaded(rows.each_ref());
        s[k] = Field::from_words(given);
        good[k] = same(given, s[k].to_words()) & !s[k].negative() & !s[k].vanishes();
        let ss = s[k].squared();
        u1[k] = one.minus(ss);
        u2[k] = one.plus(ss);
        let square = u2[k].squared();
        v[k] = u1[k]
            .squared()
            .times(Field::constant(D))
            .plus(square)
            .negated();
        under[k] = v[k].times(square);
    }
    let roots = root_of_ratio(&[one; 2], &under);
    let mut points = [Point {
        x: one,
        y: one,
        z: one,
        t: one,
    }; 2];
    for (k, (was_square, root)) in roots.into_iter().enumerate() {
        let den_x = root.times(u2[k]);
        let den_y = root.times(den_x).times(v[k]);
        let x = s[k].plus(s[k]).times(den_x).absolute();
        let y = u1[k].times(den_y);
        let t = x.times(y);
        good[k] &= was_square & !t.negative() & !y.vanishes();
        points[k] = Point { x, y, z: one, t };
    }
    (points, good)
}

/// Where all words are equal.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn same(one: [std::arch::x86_64::__m512i; 4], other: [std::arch::x86_64::__m512i; 4]) -> Mask {
    let mut equal = Mask::MAX;
    for (one, other) in one.into_iter().zip(other) {
        equal &= std::arch::x86_64::_mm512_cmpeq_epi64_mask(one, other);
    }
    equal
}

/// The elements of eight times 64 uniform bytes (4.3.4): each half is mapped, and the two are added.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn derive(uniform: &[[u8; 64]; LANES]) -> Point {
    let mut halves = [Field::zero(); 2];
    for (k, half) in halves.iter_mut().enumerate() {
        let rows = uniform
            .each_ref()
            .map(|bytes| &bytes.as_chunks::<32>().0[k]);
        *half = Field::from_words(loaded(rows));
    }
    let [first, second] = map(&halves);
    first.point().sum(second.point()).point()
}

/// MAP (4.3.4).
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn map(t: &[Field; 2]) -> [Ratios; 2] {
    let one = Field::one();
    let [mut r, mut u, mut v] = [[one; 2]; 3];
    for k in 0..2 {
        r[k] = t[k].squared().times(Field::constant(SQRT_M1));
        u[k] = r[k].plus(one).times(Field::constant(ONE_MINUS_D_SQ));
        let left = r[k].times(Field::constant(D)).plus(one).negated();
        v[k] = left.times(r[k].plus(Field::constant(D)));
    }
    let roots = root_of_ratio(&u, &v);
    let mut out = [Ratios {
        e: one,
        f: one,
        g: one,
        h: one,
    }; 2];
    for (k, (was_square, root)) in roots.into_iter().enumerate() {
        let other = root.times(t[k]).absolute().negated();
        let s = other.replaced(was_square, root);
        let c = r[k].replaced(was_square, one.negated());
        let scaled = c
            .times(r[k].minus(one))
            .times(Field::constant(D_MINUS_ONE_SQ));
        let ss = s.squared();
        out[k] = Ratios {
            e: s.plus(s).times(v[k]),
            f: scaled.minus(v[k]).times(Field::constant(SQRT_AD_MINUS_ONE)),
            g: one.minus(ss),
            h: one.plus(ss),
        };
    }
    out
}

/// The encodings of twice the products of elements and `halves`, of which there is one for all or one for each; or
/// the first row that is no element.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn double_products(piece: Piece, halves: &[Scalar], out: &mut [Row]) -> Result<(), usize> {
    let half = |row: usize| match halves {
        [one] => one.as_bytes(),
        _ => halves[row.min(halves.len() - 1)].as_bytes(),
    };
    let mut digits = Zeroizing::new([[0; LANES]; DIGITS]);
    let mut products = Vec::with_capacity(piece.len().div_ceil(LANES));
    for first in (0..piece.len()).step_by(BOTH) {
        for (side, point) in begun(piece, first)?.into_iter().enumerate() {
            let start = first + side * LANES;
            if start >= piece.len() {
                break;
            }
            if halves.len() > 1 || start == 0 {
                for lane in 0..LANES {
                    write_digits(half(start + lane), lane, &mut digits);
                }
            }
            products.push(point.times(&digits));
        }
    }
    encode_doubles(&products, out);
    Ok(())
}

/// Elements whose tables are held together, so that they share doublings: 160 KB.
const HELD: usize = 128;

/// Encodings of eight elements whose sum is that of all rows, each times its weight; or the first row that is no element.
/// All of it is public: high digits that are 0 in all weights are left out.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn weighted_sums(
    weights: &[Scalar],
    rows: &[Row],
    half: &Scalar,
) -> Result<[Row; LANES], usize> {
    let mut total = Point::identity();
    for (number, (weights, held)) in weights.chunks(HELD).zip(rows.chunks(HELD)).enumerate() {
        let (mut points, mut digits) = (Vec::new(), Vec::new());
        for first in (0..held.len()).step_by(BOTH) {
            points.extend(begun(Piece::Encoded(held), first).map_err(|row| number * HELD + row)?);
        }
        for weights in weights.chunks(LANES) {
            let mut group = [[ZERO_DIGIT; LANES]; DIGITS];
            for (lane, weight) in weights.iter().enumerate() {
                write_digits(weight.as_bytes(), lane, &mut group);
            }
            digits.push(group);
        }
        points.truncate(digits.len());
        let zero = |place: &usize| {
            digits
                .iter()
                .all(|group| group[*place] == [ZERO_DIGIT; LANES])
        };
        let unused = (0..DIGITS).rev().take_while(zero).count();
        let sum = Point::weighted_sum(&points, &digits, DIGITS - unused);
        total = total.sum(sum).point();
    }
    let mut digits = [[0; LANES]; DIGITS];
    for lane in 0..LANES {
        write_digits(half.as_bytes(), lane, &mut digits);
    }
    let mut out = [[0; 32]; LANES];
    encode_doubles(&[total.times(&digits)], &mut out);
    Ok(out)
}

/// Sixteen elements of a piece, or what is left of it and others that mean nothing.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn begun(piece: Piece, first: usize) -> Result<[Point; 2], usize> {
    match piece {
        Piece::Encoded(rows) => {
            let left = &rows[first..rows.len().min(first + BOTH)];
            let mut given = [[0; 32]; BOTH];
            given[..left.len()].copy_from_slice(left);
            let (points, good) = decode(&given);
            let good = u32::from(good[0]) | u32::from(good[1]) << LANES;
            match good.trailing_ones() as usize {
                right if right < left.len() => Err(first + right),
                _ => Ok(points),
            }
        }
        Piece::Uniform(rows) => {
            let left = &rows[first..rows.len().min(first + BOTH)];
            let mut given = [[0; 64]; BOTH];
            given[..left.len()].copy_from_slice(left);
            let (sides, _) = given.as_chunks::<LANES>();
            let point = derive(&sides[0]);
            Ok(if left.len() > LANES {
                [point, derive(&sides[1])]
            } else {
                [point; 2]
            })
        }
    }
}

/// The encodings of the doubles of points, eight in each place, of which there may be fewer rows.
///
/// Let 2P be (e/f, g/h), so that X = eh, Y = gf, Z = fh, T = eg. As P is on the curve, f = Y^2 - X^2 = Z^2 + dT^2 and
/// h = Z^2 - dT^2 of P's coordinates, hence g^2 = f^2 + e^2, h^2 = f^2 - d e^2 and h^2 - g^2 = (a - d) e^2 for a = -1.
/// In ENCODE (4.3.2) of 2P then, with m = 1/sqrt(a - d):
/// - u1 = Z^2 - Y^2 = (fe/m)^2 and u1 u2^2 is the square of (fe/m) fe gh, so that the root is m/(f^2 e^2 gh) but for its
///   sign, which changes nothing but the sign of what is made absolute;
/// - den1 = 1/(mgh), den2 = m/(ef), z_inv = 1/(fh);
/// - the result is m (h -+ g)/e, or (f -+ ie)/g where eg/(fh) is negative; with the lower sign where x/z, which is
///   e/f or ig/h, is negative.
///
/// All that needs is 1/(efgh), hence one inversion for all places. efgh is 0 where P is of order 1, 2, 4 or 8: f and h are
/// not 0, e is 0 where X or Y is, and g where Y^2 = -X^2. Then 2P stands for the identity, and 0 in place of the
/// inverse gives its encoding, 0.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn encode_doubles(points: &[Point], rows: &mut [Row]) {
    let one = Field::one();
    let mut before = Vec::with_capacity(points.len());
    let mut product = one;
    for point in points {
        let double = point.doubled();
        let (eg, fh) = (double.e.times(double.g), double.f.times(double.h));
        let whole = eg.times(fh);
        let zero = whole.vanishes();
        before.push((double, eg, fh, zero, product));
        product = product.times(whole.replaced(zero, one));
    }
    let mut inverses = inverse(product);
    let pieces = rows.chunks_mut(LANES);
    let mut pieces: Vec<&mut [Row]> = pieces.collect();
    for ((double, eg, fh, zero, product), rows) in before.into_iter().zip(pieces.iter_mut()).rev() {
        let inverse = inverses.times(product);
        inverses = inverses.times(eg.times(fh).replaced(zero, one));
        let inverse = inverse.replaced(zero, Field::zero());
        stored(
            encoded(double, fh.times(inverse), eg.times(inverse), eg),
            rows,
        );
    }
}

/// One encoding, of 1/(eg), 1/(fh) and eg.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn encoded(double: Ratios, under_t: Field, under_z: Field, t: Field) -> Field {
    let Ratios { e, f, g, h } = double;
    let (i, m) = (Field::constant(SQRT_M1), Field::constant(INVSQRT_A_MINUS_D));
    let rotated = t.times(under_z).negative();
    let above = e.replaced(rotated, g.times(i));
    let x = above.times(h.replaced(rotated, f)).times(under_z);
    let left = h.replaced(rotated, f);
    let right = g.replaced(rotated, e.times(i));
    let sum = left.minus(right).replaced(x.negative(), left.plus(right));
    let factor = g.times(m).replaced(rotated, e);
    sum.times(factor).times(under_t).absolute()
}
