//! SHA-512 (FIPS 180-4) of eight messages of one length at once, with AVX-512, and their expansion.

use std::arch::x86_64::*;

use crate::lanes::{LANES, lanes, words};

/// Bytes of a block.
const BLOCK: usize = 128;
/// Bytes of a hash.
const BYTES: usize = 64;

/// First 64 bits of the fractional parts of the square roots of the first 8 primes.
const START: [u64; 8] = [
    0x6a09e667f3bcc908,
    0xbb67ae8584caa73b,
    0x3c6ef372fe94f82b,
    0xa54ff53a5f1d36f1,
    0x510e527fade682d1,
    0x9b05688c2b3e6c1f,
    0x1f83d9abfb41bd6b,
    0x5be0cd19137e2179,
];

/// First 64 bits of the fractional parts of the cube roots of the first 80 primes.
const ROUNDS: [u64; 80] = [
    0x428a2f98d728ae22,
    0x7137449123ef65cd,
    0xb5c0fbcfec4d3b2f,
    0xe9b5dba58189dbbc,
    0x3956c25bf348b538,
    0x59f111f1b605d019,
    0x923f82a4af194f9b,
    0xab1c5ed5da6d8118,
    0xd807aa98a3030242,
    0x12835b0145706fbe,
    0x243185be4ee4b28c,
    0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f,
    0x80deb1fe3b1696b1,
    0x9bdc06a725c71235,
    0xc19bf174cf692694,
    0xe49b69c19ef14ad2,
    0xefbe4786384f25e3,
    0x0fc19dc68b8cd5b5,
    0x240ca1cc77ac9c65,
    0x2de92c6f592b0275,
    0x4a7484aa6ea6e483,
    0x5cb0a9dcbd41fbd4,
    0x76f988da831153b5,
    0x983e5152ee66dfab,
    0xa831c66d2db43210,
    0xb00327c898fb213f,
    0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2,
    0xd5a79147930aa725,
    0x06ca6351e003826f,
    0x142929670a0e6e70,
    0x27b70a8546d22ffc,
    0x2e1b21385c26c926,
    0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df,
    0x650a73548baf63de,
    0x766a0abb3c77b2a8,
    0x81c2c92e47edaee6,
    0x92722c851482353b,
    0xa2bfe8a14cf10364,
    0xa81a664bbc423001,
    0xc24b8b70d0f89791,
    0xc76c51a30654be30,
    0xd192e819d6ef5218,
    0xd69906245565a910,
    0xf40e35855771202a,
    0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8,
    0x1e376c085141ab53,
    0x2748774cdf8eeb99,
    0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63,
    0x4ed8aa4ae3418acb,
    0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc,
    0x78a5636f43172f60,
    0x84c87814a1f0ab72,
    0x8cc702081a6439ec,
    0x90befffa23631e28,
    0xa4506cebde82bde9,
    0xbef9a3f7b2c67915,
    0xc67178f2e372532b,
    0xca273eceea26619c,
    0xd186b8c721c0c207,
    0xeada7dd6cde0eb1e,
    0xf57d4f7fee6ed178,
    0x06f067aa72176fba,
    0x0a637dc5a2c898a6,
    0x113f9804bef90dae,
    0x1b710b35131c471b,
    0x28db77f523047d84,
    0x32caab7b40c72493,
    0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6,
    0x597f299cfc657e2a,
    0x5fcb6fab3ad6faec,
    0x6c44198c4a475817,
];

type State = [__m512i; 8];

/// Eight messages of one length, padded. They are written in place, again and again.
struct Batch {
    length: usize,
    stride: usize,
    bytes: Vec<u8>,
}

impl Batch {
    /// Of messages of that length, before which whole blocks have been hashed.
    fn new(length: usize, before: usize) -> Self {
        let stride = (length + 1 + 16).next_multiple_of(BLOCK);
        let mut bytes = vec![0; stride * LANES];
        let bits = 8 * (before + length) as u64;
        for message in bytes.chunks_mut(stride) {
            message[length] = 0x80;
            message[stride - 8..].copy_from_slice(&bits.to_be_bytes());
        }
        Batch {
            length,
            stride,
            bytes,
        }
    }

    /// A lane's message, to be written.
    fn message(&mut self, lane: usize) -> &mut [u8] {
        &mut self.bytes[lane * self.stride..][..self.length]
    }

    /// The hashes of all lanes.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
    fn hashes(&self, start: State) -> [[u8; BYTES]; LANES] {
        let mut state = start;
        for at in (0..self.stride).step_by(BLOCK) {
            let mut block = [[0; LANES]; 16];
            for (lane, message) in self.bytes.chunks(self.stride).enumerate() {
                let (given, _) = message[at..at + BLOCK].as_chunks::<8>();
                for (word, bytes) in block.iter_mut().zip(given) {
                    word[lane] = u64::from_be_bytes(*bytes);
                }
            }
            let mut given = start;
            let mut rest = start;
            for k in 0..8 {
                (given[k], rest[k]) = (lanes(block[k]), lanes(block[k + 8]));
            }
            state = compress(state, given, rest);
        }
        let mut out = [[0; BYTES]; LANES];
        for (number, lanes) in state.into_iter().enumerate() {
            for (out, word) in out.iter_mut().zip(words(lanes)) {
                out[8 * number..][..8].copy_from_slice(&word.to_be_bytes());
            }
        }
        out
    }
}

/// The state before anything is hashed.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn fresh() -> State {
    let mut state = [_mm512_setzero_si512(); 8];
    for (lanes, word) in state.iter_mut().zip(START) {
        *lanes = _mm512_set1_epi64(word as i64);
    }
    state
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn exclusive(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn sum(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi64(a, b)
}

/// The word that follows sixteen of a block's schedule, from the 1st, 2nd, 10th and 15th of these.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn next(first: __m512i, second: __m512i, tenth: __m512i, fifteenth: __m512i) -> __m512i {
    let early = exclusive(
        _mm512_ror_epi64::<1>(second),
        _mm512_ror_epi64::<8>(second),
        _mm512_srli_epi64::<7>(second),
    );
    let late = exclusive(
        _mm512_ror_epi64::<19>(fifteenth),
        _mm512_ror_epi64::<61>(fifteenth),
        _mm512_srli_epi64::<6>(fifteenth),
    );
    sum(sum(first, early), sum(tenth, late))
}

/// One block of each lane, in its two halves.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
fn compress(state: State, first: State, second: State) -> State {
    let mut w = [first[0]; 16];
    w[..8].copy_from_slice(&first);
    w[8..].copy_from_slice(&second);
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for (turn, constants) in ROUNDS.as_chunks::<16>().0.iter().enumerate() {
        for k in 0..16 {
            if turn > 0 {
                w[k] = next(w[k], w[(k + 1) % 16], w[(k + 9) % 16], w[(k + 14) % 16]);
            }
            let mixed = exclusive(
                _mm512_ror_epi64::<14>(e),
                _mm512_ror_epi64::<18>(e),
                _mm512_ror_epi64::<41>(e),
            );
            // (e & f) ^ (!e & g)
            let choice = _mm512_ternarylogic_epi64::<0xca>(e, f, g);
            let constant = sum(w[k], _mm512_set1_epi64(constants[k] as i64));
            let one = sum(sum(h, constant), sum(mixed, choice));
            let mixed = exclusive(
                _mm512_ror_epi64::<28>(a),
                _mm512_ror_epi64::<34>(a),
                _mm512_ror_epi64::<39>(a),
            );
            let majority = _mm512_ternarylogic_epi64::<0xe8>(a, b, c);
            (h, g, f, e) = (g, f, e, sum(d, one));
            (d, c, b, a) = (c, b, a, sum(one, sum(mixed, majority)));
        }
    }
    let mut out = state;
    for (out, word) in out.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *out = sum(*out, word);
    }
    out
}

/// The hashes of messages of one length, which `write` writes by their number.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn hash_all(length: usize, write: &dyn Fn(usize, &mut [u8]), out: &mut [[u8; BYTES]]) {
    let mut batch = Batch::new(length, 0);
    for (group, out) in out.chunks_mut(LANES).enumerate() {
        for lane in 0..out.len() {
            write(group * LANES + lane, batch.message(lane));
        }
        out.copy_from_slice(&batch.hashes(fresh())[..out.len()]);
    }
}

/// expand_message_xmd of messages of one width, to 64 bytes each: the hash of a block of zeros, the message and the tag,
/// hashed with the tag.
#[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
pub fn expand_all(messages: &[u8], width: usize, domain: &[u8], out: &mut [[u8; BYTES]]) {
    let zero = [_mm512_setzero_si512(); 8];
    let start = compress(fresh(), zero, zero);
    let tag = [domain, &[domain.len() as u8]].concat();
    let mut first = Batch::new(width + 3 + tag.len(), BLOCK);
    let mut second = Batch::new(BYTES + 1 + tag.len(), 0);
    for lane in 0..LANES {
        first.message(lane)[width..].copy_from_slice(&[&[0, BYTES as u8, 0], &*tag].concat());
        second.message(lane)[BYTES..].copy_from_slice(&[&[1], &*tag].concat());
    }
    let groups = messages.chunks(width * LANES);
    for (out, messages) in out.chunks_mut(LANES).zip(groups) {
        for (lane, message) in messages.chunks(width).enumerate() {
            first.message(lane)[..width].copy_from_slice(message);
        }
        for (lane, hash) in first.hashes(start).iter().enumerate() {
            second.message(lane)[..BYTES].copy_from_slice(hash);
        }
        out.copy_from_slice(&second.hashes(fresh())[..out.len()]);
    }
}
