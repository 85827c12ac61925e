//! Many elements of Ristretto255, each times a secret scalar, as fast as this machine can.
//!
//! Scalars are used in constant time. Where the processor has AVX-512 IFMA eight elements are worked on at once
//! (`lanes_ristretto.rs`), elsewhere one after another; the results are the same bytes.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use zeroize::Zeroizing;

#[cfg(target_arch = "x86_64")]
use crate::lanes_ristretto;
use crate::ristretto::{Row, decode};

/// Rows of a piece of work. They share one field inversion, which costs as much as a tenth of the work of a row, or of
/// eight where eight are worked on at once.
const PIECE: usize = 128;

/// 1/2 modulo the order of the group, which is an odd prime.
pub static HALF: LazyLock<Scalar> = LazyLock::new(|| Scalar::from(2u8).invert());

/// Where elements come from.
#[derive(Clone, Copy)]
pub enum Elements<'a> {
    /// Encodings, read strictly; the identity is refused.
    Encoded(&'a [Row]),
    /// Hashes to the group of messages of one width, one after another, under a tag.
    Hashed {
        messages: &'a [u8],
        width: usize,
        domain: &'a [u8],
    },
}

/// What elements are multiplied by.
#[derive(Clone, Copy)]
pub enum Scalars<'a> {
    /// All by one.
    One(&'a Scalar),
    /// Each by its own.
    Each(&'a [Scalar]),
}

/// The elements of a piece: their encodings, or the uniform bytes that they are derived from.
#[derive(Clone, Copy)]
pub enum Piece<'a> {
    Encoded(&'a [Row]),
    Uniform(&'a [[u8; 64]]),
}

/// How elements are multiplied on this machine: only [`Way::all`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Lanes,
    Serial,
}

impl Way {
    /// All that this machine has, best first. The standard library caches the detection.
    pub fn all() -> Vec<Self> {
        let mut ways = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512ifma")
        {
            ways.push(Way(Kind::Lanes));
        }
        ways.push(Way(Kind::Serial));
        ways
    }

    /// The best that this machine has.
    pub fn best() -> Self {
        Way::all()[0]
    }

    /// Whether eight elements are worked on at once: AVX-512F, AVX-512DQ and AVX-512 IFMA were detected.
    pub fn is_wide(self) -> bool {
        self.0 != Kind::Serial
    }

    /// Fills `out` with the encodings of twice the products; or tells the first row that has none. One half is for all
    /// rows, else there is one for each.
    pub fn double_products(
        self,
        piece: Piece,
        halves: &[Scalar],
        out: &mut [Row],
    ) -> Result<(), usize> {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a Way of this kind exists only where the three features were detected.
            Kind::Lanes => unsafe { lanes_ristretto::double_products(piece, halves, out) },
            Kind::Serial => serial(piece, halves, out),
        }
    }
}

impl Piece<'_> {
    /// How many elements there are.
    pub fn len(self) -> usize {
        match self {
            Piece::Encoded(rows) => rows.len(),
            Piece::Uniform(rows) => rows.len(),
        }
    }

    fn element(self, row: usize) -> Option<RistrettoPoint> {
        match self {
            Piece::Encoded(rows) => decode(&rows[row]),
            Piece::Uniform(rows) => Some(RistrettoPoint::from_uniform_bytes(&rows[row])),
        }
    }
}

/// The same, one after another.
fn serial(piece: Piece, halves: &[Scalar], out: &mut [Row]) -> Result<(), usize> {
    let mut products = Vec::with_capacity(piece.len());
    for row in 0..piece.len() {
        let half = &halves[if halves.len() == 1 { 0 } else { row }];
        products.push(piece.element(row).ok_or(row)? * half);
    }
    let doubles = RistrettoPoint::double_and_compress_batch(&products);
    for (row, double) in out.iter_mut().zip(doubles) {
        *row = double.to_bytes();
    }
    Ok(())
}

/// Multiplies each element by its scalar, or tells the first row that is no element. Encodings of products go to `emit`,
/// some at a time, with the first's row, and what it makes of them to `out`, in rows of `width` bytes.
///
/// Encoding an element takes an inverse square root, a quarter of the work of a row; encoding the doubles of many
/// elements takes one inversion for all. So each element P is multiplied by s/2, and the double of that is encoded:
/// - The group's order l is an odd prime, hence h = s/2 mod l exists, 2h is s or s + l as an integer, and
///   [2]([h]P) = [s]P in the group.
/// - P is held as a point on the curve up to a 4-torsion point T. [2]([h](P + T)) = [s]P + [2h]T differs
///   from [s]P by a 4-torsion point again, and an encoding is the same for all such representatives (RFC 9496, 4.3.2).
/// - The batch multiplies by the inverse of a product that vanishes for the identity alone; a zero is left out of the
///   shared inversion, so that it spoils no other row. No honest input gives the identity: s is not 0, decoded elements
///   are not the identity, and hashed ones are so with probability 2^-252.
pub fn multiply(
    elements: Elements,
    scalars: Scalars,
    width: usize,
    out: &mut [u8],
    emit: impl Fn(usize, &[Row], &mut [u8]) + Sync + Send,
) -> Result<(), usize> {
    let way = Way::best();
    let halves = match scalars {
        Scalars::One(scalar) => Zeroizing::new(vec![scalar * *HALF]),
        Scalars::Each(_) => Zeroizing::default(),
    };
    let bad = AtomicUsize::new(usize::MAX);
    out.par_chunks_mut(PIECE * width)
        .enumerate()
        .for_each(|(number, out)| {
            let first = number * PIECE;
            if bad.load(Ordering::Relaxed) < first {
                return;
            }
            let rows = first..first + out.len() / width;
            let own: Zeroizing<Vec<Scalar>>;
            let halves = match scalars {
                Scalars::One(_) => &halves,
                Scalars::Each(all) => {
                    own = all[rows.clone()]
                        .iter()
                        .map(|scalar| scalar * *HALF)
                        .collect::<Vec<_>>()
                        .into();
                    &own
                }
            };
            let mut products = [[0; 32]; PIECE];
            let products = &mut products[..rows.len()];
            let done = match elements {
                Elements::Encoded(all) => {
                    way.double_products(Piece::Encoded(&all[rows]), halves, products)
                }
                Elements::Hashed {
                    messages,
                    width,
                    domain,
                } => {
                    let mut uniform = [[0; 64]; PIECE];
                    let uniform = &mut uniform[..rows.len()];
                    let messages = &messages[first * width..rows.end * width];
                    way.expand(messages, width, domain, uniform);
                    way.double_products(Piece::Uniform(uniform), halves, products)
                }
            };
            if let Err(row) = done {
                bad.fetch_min(first + row, Ordering::Relaxed);
                return;
            }
            emit(first, products, out);
        });
    match bad.into_inner() {
        usize::MAX => Ok(()),
        row => Err(row),
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha512};

    use super::*;
    use crate::hashing::WIDTH;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
            .collect()
    }

    fn rows(texts: &[&str]) -> Vec<Row> {
        texts
            .iter()
            .map(|text| unhex(text).try_into().expect("32 bytes"))
            .collect()
    }

    /// Bytes that look random, 64 of each number.
    fn noise(count: u64) -> Vec<[u8; 64]> {
        (0..count)
            .map(|number| Sha512::digest(number.to_le_bytes()).into())
            .collect()
    }

    /// Products one by one, as the library encodes them.
    fn plain(piece: Piece, halves: &[Scalar]) -> Vec<Row> {
        (0..piece.len())
            .map(|row| {
                let half = halves[row % halves.len()];
                let product = piece.element(row).expect("an element") * (half + half);
                product.compress().to_bytes()
            })
            .collect()
    }

    /// RFC 9496, appendix A.3. The first inputs are SHA-512 of texts; the last four give one element, because the
    /// top bit of each half is ignored and each half is reduced.
    #[test]
    fn elements_derive_as_the_rfc_says() {
        let texts = [
            "Ristretto is traditionally a short shot of espresso coffee",
            "made with the normal amount of ground coffee but extracted with",
            "about half the amount of water in the same amount of time",
            "by using a finer grind.",
            "This produces a concentrated shot of coffee per volume.",
            "Just pulling a normal shot short will produce a weaker shot",
            "and is not a Ristretto as some believe.",
        ];
        let (zero, ones) = ("00".repeat(31), "ff".repeat(31));
        let equivalent = [
            format!("ed{ones}ff{ones}"),
            format!("ed{}7fff{ones}", "ff".repeat(30)),
            format!("{zero}80{ones}7f"),
            format!("{zero}0012{}80", "00".repeat(30)),
        ];
        let uniform: Vec<[u8; 64]> = texts
            .iter()
            .map(|text| Sha512::digest(text).into())
            .chain(
                equivalent
                    .iter()
                    .map(|text| unhex(text).try_into().expect("64 bytes")),
            )
            .collect();
        let same = "304282791023b73128d277bdcb5c7746ef2eac08dde9f2983379cb8e5ef0517f";
        let expected = rows(&[
            "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46",
            "f26e5b6f7d362d2d2a94c5d0e7602cb4773c95a2e5c31a64f133189fa76ed61b",
            "006ccd2a9e6867e6a2c5cea83d3302cc9de128dd2a9a57dd8ee7b9d7ffe02826",
            "f8f0c87cf237953c5890aec3998169005dae3eca1fbb04548c635953c817f92a",
            "ae81e7dedf20a497e10c304a765c1767a42d6e06029758d2d7e8ef7cc4c41179",
            "e2705652ff9f5e44d3e841bf1c251cf7dddb77d140870d1ab2ed64f1a9ce8628",
            "80bd07262511cdde4863f8a7434cef696750681cb9510eea557088f76d9e5065",
            same,
            same,
            same,
            same,
        ]);
        for way in Way::all() {
            let mut out = vec![[0; WIDTH]; uniform.len()];
            let made = way.double_products(Piece::Uniform(&uniform), &[*HALF], &mut out);
            assert_eq!((made, &out), (Ok(()), &expected), "{way:?}");
        }
    }

    /// Scalars at their edges and random ones, one for all and one for each, and pieces of any length.
    #[test]
    fn every_way_multiplies_as_the_library_does() {
        let mut halves: Vec<Scalar> = [0u64, 1, 2, 7, 8, 9, 15, 16, 0x88, 0x7777, u64::MAX]
            .into_iter()
            .flat_map(|small| [Scalar::from(small), -Scalar::from(small)])
            .collect();
        const MOST: usize = 26;
        let random = noise(MOST as u64);
        halves.extend(random.iter().map(Scalar::from_bytes_mod_order_wide));
        halves.truncate(MOST);
        for way in Way::all() {
            for count in [0, 1, 8, 9, MOST] {
                let derived = Piece::Uniform(&random[..count]);
                for halves in [&halves[..count], &halves[MOST - 1..MOST]] {
                    let expected = plain(derived, halves);
                    let mut out = vec![[1; WIDTH]; count];
                    assert_eq!(way.double_products(derived, halves, &mut out), Ok(()));
                    assert_eq!(out, expected, "{way:?}, {count} derived");
                    let encoded: Vec<Row> = plain(derived, &[*HALF]);
                    let encoded = Piece::Encoded(&encoded);
                    assert_eq!(way.double_products(encoded, halves, &mut out), Ok(()));
                    assert_eq!(out, expected, "{way:?}, {count} encoded");
                }
            }
        }
    }

    /// Field elements around 0 and p, with the top bit, and the two (of each sign) for which the map divides by zero:
    /// with i t^2 = r, those of r d = -1 and of r = -d.
    #[test]
    fn every_way_derives_edges_as_the_library_does() {
        let edges: Vec<Row> = rows(&[
            &"00".repeat(32),
            &format!("01{}", "00".repeat(31)),
            &format!("{}80", "00".repeat(31)),
            &format!("ec{}7f", "ff".repeat(30)),
            &format!("ed{}7f", "ff".repeat(30)),
            &format!("ee{}7f", "ff".repeat(30)),
            &format!("f6{}7f", "ff".repeat(30)),
            &"ff".repeat(32),
            "40256ac5e4c73af6057c6d5120f90c4362ab4ad9015bc365598daca048bac400",
            "a81b5c4acb2a3075aa6dea0e2da9bccd156eeb739954347597eb7bf45855b305",
        ]);
        let next = edges.iter().cycle().skip(1);
        let uniform: Vec<[u8; 64]> = edges
            .iter()
            .zip(next)
            .flat_map(|(one, next)| [[*one, *one], [*one, *next]])
            .map(|halves| halves.concat().try_into().expect("64 bytes"))
            .collect();
        for way in Way::all() {
            let mut out = vec![[1; WIDTH]; uniform.len()];
            let piece = Piece::Uniform(&uniform);
            assert_eq!(way.double_products(piece, &[*HALF], &mut out), Ok(()));
            assert_eq!(out, plain(piece, &[*HALF]), "{way:?}");
        }
    }

    /// Encodings near those of elements: what one way takes, all take.
    #[test]
    fn every_way_refuses_what_the_library_refuses() {
        let elements = plain(Piece::Uniform(&noise(16)), &[*HALF]);
        let mut tried = Vec::new();
        for (number, row) in elements.iter().enumerate() {
            tried.push(*row);
            for bit in [0, 1, 128, 254, 255, number] {
                let mut other = *row;
                other[bit / 8] ^= 1 << (bit % 8);
                tried.push(other);
            }
        }
        for low in (0..32).chain(224..=u8::MAX) {
            for (rest, top) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff)] {
                let mut row = [rest; WIDTH];
                (row[0], row[WIDTH - 1]) = (low, top);
                tried.push(row);
            }
        }
        for way in Way::all() {
            let mut refused = 0;
            for row in &tried {
                let mut out = [[0; WIDTH]];
                let done = way.double_products(Piece::Encoded(&[*row]), &[*HALF], &mut out);
                assert_eq!(done.is_ok(), decode(row).is_some(), "{way:?} {row:x?}");
                if done.is_ok() {
                    assert_eq!(out, [*row]);
                }
                refused += usize::from(done.is_err());
            }
            assert!(
                refused > tried.len() / 2 && refused < tried.len() - 16,
                "{refused}"
            );
        }
    }

    #[test]
    fn the_first_bad_row_is_named_whatever_the_order_of_work() {
        let scalar = Scalar::from(3u8);
        let good = curve25519_dalek::constants::RISTRETTO_BASEPOINT_COMPRESSED.to_bytes();
        let emit =
            |_: usize, rows: &[Row], out: &mut [u8]| out.copy_from_slice(rows.as_flattened());
        let mut given = vec![good; 2 * PIECE];
        let mut out = vec![0; WIDTH * given.len()];
        for bad in [PIECE + 9, PIECE, PIECE - 1, 3] {
            given[bad] = [0; WIDTH];
            for way in Way::all() {
                let piece = Piece::Encoded(&given[bad..][..2]);
                let done = way.double_products(piece, &[scalar], &mut [[0; WIDTH]; 2]);
                assert_eq!(done, Err(0), "{way:?}");
            }
            let elements = Elements::Encoded(&given);
            let done = multiply(elements, Scalars::One(&scalar), WIDTH, &mut out, emit);
            assert_eq!(done, Err(bad));
        }
    }
}
