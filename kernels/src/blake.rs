//! Keyed BLAKE3 of short messages, sixteen at a time.
//!
//! The library takes short messages one after the other, at a tenth of the speed. A message of one block, of up to 64
//! bytes, is one call of the compression function (BLAKE3, section 2.2: a single chunk is the root), the same steps for
//! each; the compiler makes vectors of the lanes.

use crate::cpu::{Kernel, Level};
use crate::simd::Simd;

/// Messages hashed at once: words of the widest vector.
pub const LANES: usize = 16;
/// Bytes of a hash.
const BYTES: usize = 32;
/// Words of a hash.
const WORDS: usize = BYTES / 4;
/// Bytes of a block: of the longest short message.
const LONGEST: usize = 64;

const ROUNDS: usize = 7;
const IV: [u32; 4] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a];
/// Flags: the chunk's start and end, the root, a keyed hash.
const FLAGS: u32 = 1 | 2 | 8 | 16;
const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
/// Which words each step of a round mixes: columns, then diagonals.
const STEPS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

type Lanes = [u32; LANES];
/// A message or a hash.
pub type Block = [u8; BYTES];

/// Hashes the concatenations of `first` and `second` under a key, each into its place.
pub struct Hashes<'a> {
    /// The key.
    pub key: &'a Block,
    /// First halves of the messages.
    pub first: &'a [[u8; BYTES / 2]],
    /// Second halves.
    pub second: &'a [[u8; BYTES / 2]],
    /// The hashes.
    pub out: &'a mut [Block],
}

impl Hashes<'_> {
    /// Does it, with the best that this machine has.
    pub fn fill(self) {
        Level::best().run(self);
    }
}

impl Kernel for Hashes<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        let halves = self.first.chunks(LANES).zip(self.second.chunks(LANES));
        for ((first, second), out) in halves.zip(self.out.chunks_mut(LANES)) {
            let mut message = [[0; LANES]; WORDS];
            for (lane, (first, second)) in first.iter().zip(second).enumerate() {
                for word in 0..WORDS / 2 {
                    message[word][lane] = word_of(first, word);
                    message[word + WORDS / 2][lane] = word_of(second, word);
                }
            }
            store(&compress(self.key, &message, &[BYTES as u32; LANES]), out);
        }
    }
}

/// Hashes the pieces of a buffer under a key, each into its place.
pub struct Cuts<'a> {
    /// The key.
    pub key: &'a Block,
    /// What is cut.
    pub bytes: &'a [u8],
    /// Where each piece begins, and the last ends: ascending, within the buffer.
    pub offsets: &'a [i64],
    /// The hashes, one for each piece.
    pub out: &'a mut [Block],
}

impl Cuts<'_> {
    /// Does it, with the best that this machine has.
    pub fn fill(self) {
        Level::best().run(self);
    }
}

impl Kernel for Cuts<'_> {
    #[inline(always)]
    fn run<S: Simd>(self) {
        for (group, out) in self.out.chunks_mut(LANES).enumerate() {
            let offsets = &self.offsets[group * LANES..];
            let (mut blocks, mut lengths) = ([[0; LONGEST]; LANES], [0; LANES]);
            let mut long = false;
            for lane in 0..out.len() {
                let piece = &self.bytes[offsets[lane] as usize..offsets[lane + 1] as usize];
                if piece.len() > LONGEST {
                    long = true;
                } else {
                    blocks[lane][..piece.len()].copy_from_slice(piece);
                    lengths[lane] = piece.len() as u32;
                }
            }
            let mut message = [[0; LANES]; LONGEST / 4];
            for (lane, block) in blocks.iter().enumerate() {
                for (word, lanes) in message.iter_mut().enumerate() {
                    lanes[lane] = word_of(block, word);
                }
            }
            store(&compress(self.key, &message, &lengths), out);
            if long {
                longer(self.key, self.bytes, offsets, out);
            }
        }
    }
}

/// The hashes of those pieces that are no short messages.
#[cold]
fn longer(key: &Block, bytes: &[u8], offsets: &[i64], out: &mut [Block]) {
    for (out, ends) in out.iter_mut().zip(offsets.windows(2)) {
        let piece = &bytes[ends[0] as usize..ends[1] as usize];
        if piece.len() > LONGEST {
            *out = *blake3::keyed_hash(key, piece).as_bytes();
        }
    }
}

/// Writes the hashes of as many lanes as there are places.
#[inline(always)]
fn store(state: &[Lanes; 16], out: &mut [Block]) {
    for (lane, out) in out.iter_mut().enumerate() {
        for word in 0..WORDS {
            let sum = state[word][lane] ^ state[word + WORDS][lane];
            out[4 * word..4 * word + 4].copy_from_slice(&sum.to_le_bytes());
        }
    }
}

#[inline(always)]
fn word_of(bytes: &[u8], word: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[4 * word..4 * word + 4]);
    u32::from_le_bytes(four)
}

#[inline(always)]
fn compress<const N: usize>(key: &Block, message: &[Lanes; N], lengths: &Lanes) -> [Lanes; 16] {
    let mut v = [[0; LANES]; 16];
    for (word, lanes) in v.iter_mut().take(WORDS).enumerate() {
        *lanes = [word_of(key, word); LANES];
    }
    for word in 0..4 {
        v[8 + word] = [IV[word]; LANES];
    }
    // The counter, two words, is 0.
    v[14] = *lengths;
    v[15] = [FLAGS; LANES];
    let mut order = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    for _ in 0..ROUNDS {
        for step in 0..STEPS.len() {
            let (one, other) = (order[2 * step], order[2 * step + 1]);
            mix(&mut v, STEPS[step], of(message, one), of(message, other));
        }
        let before = order;
        for place in 0..order.len() {
            order[place] = before[PERMUTATION[place]];
        }
    }
    v
}

/// A word of the block: behind the message there are zeros.
#[inline(always)]
fn of<const N: usize>(message: &[Lanes; N], word: usize) -> Lanes {
    if word < N { message[word] } else { [0; LANES] }
}

/// The function G.
#[inline(always)]
fn mix(v: &mut [Lanes; 16], step: [usize; 4], one: Lanes, other: Lanes) {
    let [mut a, mut b, mut c, mut d] = [v[step[0]], v[step[1]], v[step[2]], v[step[3]]];
    for k in 0..LANES {
        a[k] = a[k].wrapping_add(b[k]).wrapping_add(one[k]);
        d[k] = (d[k] ^ a[k]).rotate_right(16);
        c[k] = c[k].wrapping_add(d[k]);
        b[k] = (b[k] ^ c[k]).rotate_right(12);
        a[k] = a[k].wrapping_add(b[k]).wrapping_add(other[k]);
        d[k] = (d[k] ^ a[k]).rotate_right(8);
        c[k] = c[k].wrapping_add(d[k]);
        b[k] = (b[k] ^ c[k]).rotate_right(7);
    }
    v[step[0]] = a;
    v[step[1]] = b;
    v[step[2]] = c;
    v[step[3]] = d;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library() {
        for count in [0, 1, 15, 16, 17, 100] {
            let half = |salt: usize| -> Vec<[u8; 16]> {
                (0..count)
                    .map(|k| std::array::from_fn(|byte| (k * 31 + byte * salt) as u8))
                    .collect()
            };
            let (first, second, key) = (half(7), half(13), [9; BYTES]);
            for level in Level::all() {
                let mut out = vec![[0; BYTES]; count];
                level.run(Hashes {
                    key: &key,
                    first: &first,
                    second: &second,
                    out: &mut out,
                });
                for ((hash, first), second) in out.iter().zip(&first).zip(&second) {
                    let message = [*first, *second].concat();
                    assert_eq!(hash, blake3::keyed_hash(&key, &message).as_bytes());
                }
            }
        }
    }

    #[test]
    fn pieces_of_any_length_agree_with_the_library() {
        let bytes: Vec<u8> = (0..9000usize).map(|k| (k * 7 % 251) as u8).collect();
        let (mut offsets, mut end) = (vec![3], 3);
        for piece in 0..150 {
            end += [0, 1, 18, 32, 63, 64, 65, 200][piece * piece % 8];
            offsets.push(end);
        }
        for count in [0, 1, 16, 17, 150] {
            for level in Level::all() {
                let mut out = vec![[0; BYTES]; count];
                level.run(Cuts {
                    key: &[9; BYTES],
                    bytes: &bytes,
                    offsets: &offsets,
                    out: &mut out,
                });
                for (hash, ends) in out.iter().zip(offsets.windows(2)) {
                    let piece = &bytes[ends[0] as usize..ends[1] as usize];
                    assert_eq!(hash, blake3::keyed_hash(&[9; BYTES], piece).as_bytes());
                }
            }
        }
    }
}
