//! Between floating point and integers, the same to the last bit on every processor.
//!
//! IEEE 754 additions, multiplications and operations on bits, in an order that the source fixes; no instruction
//! that only some processors have, and no mathematics library.

/// 1.5 * 2^52. A number x below 2^51 plus this is x rounded to an integer, which then stands in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// x rounded to the nearest integer, ties to even, as a word. |x| < 2^51.
#[inline(always)]
pub fn rounded(x: f64) -> u64 {
    (x + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits())
}

/// An integer below 2^51 in size as a float: `rounded` backwards, because not every processor converts vectors.
#[inline(always)]
pub fn float(integer: i64) -> f64 {
    f64::from_bits(ROUNDER.to_bits().wrapping_add(integer as u64)) - ROUNDER
}

/// 2^exponent, exactly, for exponents from -1022 to 1023.
pub fn power_of_two(exponent: i64) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_as_stated() {
        assert_eq!(rounded(2.5), 2);
        assert_eq!(rounded(-3.5), 4u64.wrapping_neg());
        assert_eq!(float(-5), -5.0);
        assert_eq!(power_of_two(-3), 0.125);
    }
}
