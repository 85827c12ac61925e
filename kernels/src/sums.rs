//! Sums of many elements of Ristretto255 times weights, all of them public.

#[cfg(target_arch = "x86_64")]
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;

#[cfg(target_arch = "x86_64")]
use crate::elements::HALF;
use crate::elements::Way;
#[cfg(target_arch = "x86_64")]
use crate::lanes_ristretto::weighted_sums;
use crate::ristretto::{Row, decode};

/// Fewer are added up one by one: encoding the sum and decoding it again takes as long as some elements.
#[cfg(target_arch = "x86_64")]
const FEW: usize = 48;

impl Way {
    /// The sum of the elements of all rows, each times its weight; or the first row that is no element.
    pub fn weighted_sum(self, weights: &[Scalar], rows: &[Row]) -> Result<RistrettoPoint, usize> {
        #[cfg(target_arch = "x86_64")]
        if self.is_wide() && rows.len() >= FEW {
            // SAFETY: such a Way exists only where the features were detected.
            let sums = unsafe { weighted_sums(weights, rows, &HALF)? };
            let decoded =
                sums.map(|row| CompressedRistretto(row).decompress().expect("an element"));
            return Ok(decoded.iter().sum());
        }
        let mut points = Vec::with_capacity(rows.len());
        for (row, bytes) in rows.iter().enumerate() {
            points.push(decode(bytes).ok_or(row)?);
        }
        Ok(RistrettoPoint::vartime_multiscalar_mul(weights, points))
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha512};

    use super::*;

    /// Short weights and long ones, at their edges, and numbers of rows around those that are worked on together.
    #[test]
    fn every_way_adds_up_as_the_library_does() {
        let noise = |number: usize| -> [u8; 64] { Sha512::digest(number.to_le_bytes()).into() };
        let elements: Vec<RistrettoPoint> = (0..137)
            .map(|number| RistrettoPoint::from_uniform_bytes(&noise(number)))
            .collect();
        let rows: Vec<Row> = elements
            .iter()
            .map(|one| one.compress().to_bytes())
            .collect();
        let mut short = vec![Scalar::ZERO, Scalar::ONE, Scalar::from(u128::MAX)];
        let mut long = vec![Scalar::ZERO, -Scalar::ONE, -Scalar::from(8u8)];
        for number in 3..rows.len() {
            let weight = Scalar::from_bytes_mod_order_wide(&noise(number + rows.len()));
            let low = weight.as_bytes()[..16].try_into().expect("16 bytes");
            short.push(Scalar::from(u128::from_le_bytes(low)));
            long.push(weight);
        }
        let none = vec![Scalar::ZERO; rows.len()];
        for (count, weights) in [
            (1, &long),
            (48, &long),
            (49, &none),
            (128, &short),
            (137, &short),
        ] {
            let (weights, rows) = (&weights[..count], &rows[..count]);
            let pairs = weights.iter().zip(&elements);
            let expected: RistrettoPoint = pairs.map(|(weight, one)| weight * one).sum();
            for way in Way::all() {
                assert_eq!(
                    way.weighted_sum(weights, rows),
                    Ok(expected),
                    "{way:?} {count}"
                );
            }
        }
        for bad in [136, 128, 5] {
            let mut rows = rows.clone();
            rows[bad] = [0; 32];
            for way in Way::all() {
                assert_eq!(way.weighted_sum(&short, &rows), Err(bad), "{way:?}");
            }
        }
    }
}
