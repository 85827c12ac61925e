//! Bit planes: bit b of many values side by side, so that one instruction works on as many of them as a register
//! has bits.
//!
//! 64 values make a word of each plane, eight words a tile. A *planes array* holds tile after tile, and in each
//! tile plane after plane: whatever is done with a tile is done in the first-level cache, on memory that is read
//! and written from front to back, and a random stream for it is one run of the cipher. The last tile has planes
//! of as many words as it needs. The array of `n` values in `p` planes has p * ceil(n / 64) words; word positions
//! in random streams are those of the array.

use crate::arrays::SERIAL_WORDS;
use crate::prg::{Stream, in_pieces};
use crate::wide::{WIDE, Wide, Words};

/// Words of a plane in a tile.
pub const TILE: usize = WIDE;
/// Values of a tile.
pub const TILE_VALUES: usize = 64 * TILE;

/// One plane of a tile. Words that the last tile lacks are zero.
pub type Plane = Words;

/// Words of a plane for so many values.
pub fn words_of(values: usize) -> usize {
    values.div_ceil(64)
}

/// Plane `number` of a tile whose planes have `words` words.
#[inline(always)]
pub fn load<S: Wide>(tile: &[u64], words: usize, number: usize) -> S::Bits {
    let words = &tile[number * words..(number + 1) * words];
    match words.first_chunk() {
        Some(whole) => S::get(whole),
        None => {
            let mut plane = [0; TILE];
            plane[..words.len()].copy_from_slice(words);
            S::get(&plane)
        }
    }
}

/// Adds a plane, modulo 2, to plane `number` of a tile.
#[inline(always)]
pub fn add<S: Wide>(tile: &mut [u64], words: usize, number: usize, plane: S::Bits) {
    let words = &mut tile[number * words..(number + 1) * words];
    match words.first_chunk_mut() {
        Some(whole) => S::put(S::xor(S::get(whole), plane), whole),
        None => {
            let mut added = [0; TILE];
            S::put(plane, &mut added);
            for (word, more) in words.iter_mut().zip(added) {
                *word ^= more;
            }
        }
    }
}

/// All planes of up to a tile of values: the eight 64 x 64 bit matrices are transposed at once, by exchanging
/// their off-diagonal quarters, then those of each quarter, and so on.
#[inline(always)]
pub fn transpose<S: Wide>(values: &[u64]) -> [Plane; 64] {
    let mut rows = [[0; TILE]; 64];
    if values.len() == TILE_VALUES {
        for k in 0..64 {
            for w in 0..TILE {
                rows[k][w] = values[64 * w + k];
            }
        }
    } else {
        for (at, value) in values.iter().enumerate() {
            rows[at % 64][at / 64] = *value;
        }
    }
    exchange::<S, 32>(&mut rows, 0x0000_0000_ffff_ffff);
    exchange::<S, 16>(&mut rows, 0x0000_ffff_0000_ffff);
    exchange::<S, 8>(&mut rows, 0x00ff_00ff_00ff_00ff);
    exchange::<S, 4>(&mut rows, 0x0f0f_0f0f_0f0f_0f0f);
    exchange::<S, 2>(&mut rows, 0x3333_3333_3333_3333);
    exchange::<S, 1>(&mut rows, 0x5555_5555_5555_5555);
    rows
}

#[inline(always)]
fn exchange<S: Wide, const STEP: u32>(rows: &mut [Plane; 64], low: u64) {
    let low = S::same(low);
    for pair in rows.chunks_exact_mut(2 * STEP as usize) {
        let (above, below) = pair.split_at_mut(STEP as usize);
        for (a, b) in above.iter_mut().zip(below) {
            let (upper, lower) = (S::get(a), S::get(b));
            let differ = S::and(S::xor(S::down::<STEP>(upper), lower), low);
            S::put(S::xor(upper, S::up::<STEP>(differ)), a);
            S::put(S::xor(lower, differ), b);
        }
    }
}

/// Writes the sum modulo 2 of the streams' words from `offset` on.
pub fn fill_xor(streams: &[Stream], offset: u64, out: &mut [u64], scratch: &mut Vec<u64>) {
    let Some((first, others)) = streams.split_first() else {
        return out.fill(0);
    };
    first.fill(offset, out);
    for stream in others {
        scratch.resize(out.len(), 0);
        stream.fill(offset, scratch);
        for (sum, word) in out.iter_mut().zip(scratch.iter()) {
            *sum ^= word;
        }
    }
}

/// Hands out the tiles of a planes array with the number of their first value: to all cores, unless it is short.
/// A word of the array costs as much as `weight` words that are merely copied.
pub fn by_tile<T>(
    out: &mut [u64],
    planes: usize,
    values: usize,
    weight: usize,
    scratch: impl Fn() -> T + Sync,
    work: impl Fn(usize, usize, &mut [u64], &mut T) + Sync,
) {
    debug_assert_eq!(out.len(), planes * words_of(values));
    let weight = weight.min(SERIAL_WORDS);
    in_pieces(out, planes * TILE, weight, |at, part| {
        let mut own = scratch();
        for (index, tile) in part.chunks_mut(planes * TILE).enumerate() {
            let start = (at / (planes * TILE) + index) * TILE_VALUES;
            work(start, tile.len() / planes, tile, &mut own);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::{Kernel, Level};
    use crate::simd::Simd;

    struct Transpose<'a>(&'a [u64], &'a mut [Plane; 64]);

    impl Kernel for Transpose<'_> {
        #[inline(always)]
        fn run<S: Simd>(self) {
            *self.1 = transpose::<S>(self.0);
        }
    }

    #[test]
    fn transposes() {
        for n in [1, 63, 64, 65, 300, TILE_VALUES] {
            let values: Vec<u64> = (1..=n as u64)
                .map(|k| k.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(k as u32))
                .collect();
            for level in Level::all() {
                let mut planes = [[1; TILE]; 64];
                level.run(Transpose(&values, &mut planes));
                for (bit, plane) in planes.iter().enumerate() {
                    for at in 0..TILE_VALUES {
                        let expected = values.get(at).map_or(0, |value| (value >> bit) & 1);
                        let found = (plane[at / 64] >> (at % 64)) & 1;
                        assert_eq!(found, expected, "{level:?} {n} {bit} {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn tiles_cover_the_array() {
        for n in [1, 64, 511, 512, 513, 70_000] {
            let mut out = vec![0; 3 * words_of(n)];
            by_tile(
                &mut out,
                3,
                n,
                1,
                || (),
                |start, words, tile, ()| {
                    assert_eq!(words, words_of(n - start).min(TILE));
                    assert_eq!(tile.len(), 3 * words);
                    tile.iter_mut().for_each(|word| *word += 1 + start as u64);
                },
            );
            let expected = |at: usize| 1 + (at / (3 * TILE) * TILE_VALUES) as u64;
            assert!(
                out.iter()
                    .enumerate()
                    .all(|(at, word)| *word == expected(at))
            );
        }
    }
}
