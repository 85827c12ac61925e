//! The binary trees of seeds that a distributed comparison function walks, for a batch of values at once. The
//! mathematics is in [`crate::dcf`].

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};
use pyo3::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::arrays::within;
use crate::planes::words_of;
use crate::prg::Stream;
use crate::wide::{WIDE, Wide, Words};

/// Values that are worked on at once: their output bits make a word.
pub const BATCH: usize = 64;
/// Bits that the table of a leaf has for.
const LEAF_BITS: u32 = 7;
/// Bits of a block's low word that are not the seed's.
pub const TAG: u64 = 7;
/// The number of a leaf's block.
pub const LEAF: u64 = 2;

/// Blocks of a batch in groups of four, each the low and the high word.
pub type Blocks = [Words; BATCH / 4];
/// A word for each value of a batch.
pub type Lanes = [u64; BATCH];

/// Zeros.
pub const NONE: Blocks = [[0; WIDE]; BATCH / 4];
/// Bit 0 of the low words.
pub const ONE: Words = [1, 0, 1, 0, 1, 0, 1, 0];
/// All bits of the low words.
const LOW: Words = [u64::MAX, 0, u64::MAX, 0, u64::MAX, 0, u64::MAX, 0];
/// Bits of a seed.
pub const SEED: Words = [
    !TAG,
    u64::MAX,
    !TAG,
    u64::MAX,
    !TAG,
    u64::MAX,
    !TAG,
    u64::MAX,
];

/// Every word twice: for both words of a block.
fn twice(lanes: &Lanes) -> Blocks {
    let mut out = NONE;
    for (word, target) in lanes
        .iter()
        .zip(out.as_flattened_mut().as_chunks_mut::<2>().0)
    {
        *target = [*word; 2];
    }
    out
}

/// H of a batch of blocks.
#[inline(always)]
pub fn hash<S: Wide>(cipher: &Aes128, blocks: &Blocks, out: &mut Blocks) {
    let input: &[[u8; 16]] = bytemuck::cast_slice(blocks);
    let output: &mut [[u8; 16]] = bytemuck::cast_slice_mut(out);
    let input: &[Block] = Array::cast_slice_from_core(input);
    let output: &mut [Block] = Array::cast_slice_from_core_mut(output);
    cipher
        .encrypt_blocks_b2b(input, output)
        .expect("as many blocks");
    for (block, before) in out.iter_mut().zip(blocks) {
        S::put(S::xor(S::get(block), S::get(before)), block);
    }
}

/// The permutation of a batch.
pub fn cipher(key: &[u8; 16], batch: u64) -> Aes128 {
    let number = u128::from_le_bytes(*key) ^ u128::from(batch);
    Aes128::new(&Array::from(number.to_le_bytes()))
}

/// How a k-bit number is walked.
#[derive(Clone, Copy)]
pub struct Shape {
    /// k.
    pub bits: u32,
    /// Of which a leaf's table has so many.
    leaf_bits: u32,
}

impl Shape {
    /// From Python, checked.
    pub fn new(bits: &Bound<'_, PyAny>) -> PyResult<Self> {
        within("bits", bits, 1, 63).map(Shape::of)
    }

    /// Of numbers of 1 to 63 bits.
    pub fn of(bits: u32) -> Self {
        Shape {
            bits,
            leaf_bits: bits.min(LEAF_BITS),
        }
    }

    /// Bits that are walked.
    pub fn levels(self) -> usize {
        (self.bits - self.leaf_bits) as usize
    }

    /// Words of a batch of so many values.
    pub fn words(self, values: usize) -> usize {
        2 * values * (self.levels() + 1) + 1
    }

    /// Words of so many values.
    pub fn all_words(self, n: usize) -> usize {
        2 * n * (self.levels() + 1) + words_of(n)
    }

    /// Numbers so that the highest of k bits is the highest of the word.
    pub fn aligned(self, values: &Lanes) -> Blocks {
        let mut out = twice(values);
        for word in out.as_flattened_mut() {
            *word <<= 64 - self.bits;
        }
        out
    }

    /// Where a number is among those of its leaf.
    #[inline(always)]
    pub fn in_leaf(self, value: u64) -> u64 {
        value & ((1 << self.leaf_bits) - 1)
    }
}

/// The next bit of all numbers, as a mask of both words of a block; the numbers move on.
#[inline(always)]
pub fn next_bit<S: Wide>(numbers: &mut Words) -> S::Bits {
    let bits = S::get(numbers);
    S::put(S::up::<1>(bits), numbers);
    S::spread(S::down::<63>(bits))
}

/// One party's place in the trees of a batch. What it holds is overwritten when it is dropped.
pub struct Walk {
    /// s.
    pub seeds: Blocks,
    /// All ones in both words where t is 1.
    pub t: Blocks,
    /// Bit 0: the share of bit k that comes with the first block.
    pub extra: Lanes,
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.seeds.zeroize();
        self.t.zeroize();
        self.extra.zeroize();
    }
}

impl ZeroizeOnDrop for Walk {}

impl Walk {
    /// At the roots, which come from a stream.
    pub fn new(stream: &Stream, first_value: u64, values: usize, second: bool) -> Self {
        let mut seeds = NONE;
        stream.fill(2 * first_value, &mut seeds.as_flattened_mut()[..2 * values]);
        let mut extra = [0; BATCH];
        for (bit, seed) in extra
            .iter_mut()
            .zip(seeds.as_flattened_mut().as_chunks_mut::<2>().0)
        {
            *bit = seed[0] & 1;
            seed[0] &= !TAG;
        }
        let t = [[if second { u64::MAX } else { 0 }; WIDE]; BATCH / 4];
        Walk { seeds, t, extra }
    }

    /// H of all seeds for one child, or the leaf.
    #[inline(always)]
    pub fn child<S: Wide>(
        &self,
        cipher: &Aes128,
        number: u64,
        input: &mut Blocks,
        out: &mut Blocks,
    ) {
        let number = S::and(S::same(number), S::get(&LOW));
        for (seed, block) in self.seeds.iter().zip(input.iter_mut()) {
            S::put(S::xor(S::get(seed), number), block);
        }
        hash::<S>(cipher, input, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_wiped<T: ZeroizeOnDrop>() {}

    #[test]
    fn is_overwritten_when_it_is_dropped() {
        is_wiped::<Walk>();
    }
}
