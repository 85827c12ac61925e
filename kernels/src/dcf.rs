//! A distributed comparison function for two parties: one message from the dealer, none between the parties.
//!
//! f(x) = [x < α] for k-bit numbers, shared modulo 2, as in Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar, Rathee,
//! "Function secret sharing for mixed-mode and fixed-point secure computation" (Eurocrypt 2021), figure 1, for
//! outputs of one bit. Each party walks a binary tree of seeds along the bits of x, highest first. A node has a
//! seed s and a bit t; on the path of α the parties' seeds are independent and their t differ, off it both are
//! equal. A correction word for each level, the same for both parties, is added where t = 1, and makes that so.
//! Leaving the path to the left, where x < α, must add 1 to the sum of outputs: a bit v of the left child does it,
//! corrected like the seed.
//!
//! *Generator.* G(s) has the blocks H(s + 0), H(s + 1) for the children and H(s + 2) for a leaf, H(u) = π(u) + u
//! (Matyas, Meyer, Oseas), with π = AES-128 under a public key. Seeds have 125 bits: their lowest three are zero
//! and hold the number of the block on the way in; on the way out they are t, nothing, and v. Assumption: AES-128
//! is an ideal cipher, each key a random permutation, as in Guo, Katz, Wang, Yu, "Efficient and secure multiparty
//! computation from fixed-key block ciphers" (S&P 2020): each s enters H at no more than three fixed points, so
//! that plain H is enough. There a guess, of an input or an output of π, is right for one of the seeds that are
//! used under its key; each batch of 64 values has a key of its own (the call's with the batch's number added),
//! so there are less than 2^13 of both, and 112 bits of security are left.
//!
//! *Early end.* The last seven bits are not walked. The correction of the leaf is the sum of both parties' blocks
//! and of the table of f over the 128 numbers below the node of α; where the path was left before, both parties
//! have the same block and t, and their bits cancel.
//!
//! *Sign.* The bit k of α is given along: each party adds a bit of its first block, one of them also a correction.
//!
//! Layout for a batch of b values (64, the last may have fewer): for each level b correction words, b of the leaf,
//! 16 bytes each, and one word of the corrections of bit k.

use aes::Aes128;
use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays::{
    contiguous, finished, fresh, refuse, seed as seed_of, seeds as seeds_of, whole,
};
use crate::cpu::{Kernel, Level as Cpu};
use crate::planes::words_of;
use crate::prg::{Stream, fill_sum, in_pieces};
use crate::simd::Simd;
use crate::spans::Span;
use crate::walk::{BATCH, Blocks, LEAF, NONE, ONE, SEED, Shape, Walk, cipher, hash, next_bit};
use crate::wide::Wide;

/// The dealer's work for a batch: fills `out`.
struct Deal<'a> {
    shape: Shape,
    cipher: Aes128,
    values: &'a [u64],
    walks: [Walk; 2],
    out: &'a mut [u64],
}

impl Kernel for Deal<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let values = self.values.len();
        let mut padded = [0; BATCH];
        padded[..values].copy_from_slice(self.values);
        let (corrections, top) = self
            .out
            .split_at_mut(2 * values * (self.shape.levels() + 1));
        let mut levels = corrections.chunks_exact_mut(2 * values);
        let mut alpha = self.shape.aligned(&padded);
        let mut space = [NONE; 5];
        for out in levels.by_ref().take(self.shape.levels()) {
            Self::level::<S>(&self.cipher, &mut self.walks, &mut alpha, &mut space);
            out.copy_from_slice(&space[4].as_flattened()[..2 * values]);
        }
        let [one, other] = &self.walks;
        let [leaf_0, leaf_1, .., input] = &mut space;
        one.child::<S>(&self.cipher, LEAF, input, leaf_0);
        other.child::<S>(&self.cipher, LEAF, input, leaf_1);
        let (leaf_0, leaf_1) = (leaf_0.as_flattened(), leaf_1.as_flattened());
        let leaf = levels.next().expect("one more");
        for (k, words) in leaf.chunks_exact_mut(2).enumerate() {
            let below = (1u128 << self.shape.in_leaf(padded[k])) - 1;
            words[0] = leaf_0[2 * k] ^ leaf_1[2 * k] ^ below as u64;
            words[1] = leaf_0[2 * k + 1] ^ leaf_1[2 * k + 1] ^ (below >> 64) as u64;
        }
        top[0] = 0;
        for (k, value) in self.values.iter().enumerate() {
            let bit = (value >> self.shape.bits) ^ one.extra[k] ^ other.extra[k];
            top[0] |= (bit & 1) << k;
        }
    }
}

impl Deal<'_> {
    /// Leaves the corrections of a level in `space[4]`; both walks go on.
    #[inline(always)]
    fn level<S: Wide>(
        cipher: &Aes128,
        walks: &mut [Walk; 2],
        alpha: &mut Blocks,
        space: &mut [Blocks; 5],
    ) {
        let [left_0, right_0, left_1, right_1, words] = space;
        walks[0].child::<S>(cipher, 0, words, left_0);
        walks[0].child::<S>(cipher, 1, words, right_0);
        walks[1].child::<S>(cipher, 0, words, left_1);
        walks[1].child::<S>(cipher, 1, words, right_1);
        let (one, seed, all) = (S::get(&ONE), S::get(&SEED), S::same(u64::MAX));
        for g in 0..BATCH / 4 {
            let a = next_bit::<S>(&mut alpha[g]);
            let (left_0, right_0) = (S::get(&left_0[g]), S::get(&right_0[g]));
            let (left_1, right_1) = (S::get(&left_1[g]), S::get(&right_1[g]));
            let (l, r) = (S::xor(left_0, left_1), S::xor(right_0, right_1));
            let t_left = S::and(S::xor(S::xor(l, a), all), one);
            let t_right = S::and(S::xor(r, a), one);
            let v = S::and(S::xor(S::down::<2>(l), a), one);
            // The child off the path: its seeds' sum is the correction.
            let lost = S::and(S::choose(a, l, r), seed);
            let tags = S::xor(t_left, S::xor(S::up::<1>(t_right), S::up::<2>(v)));
            let word = S::xor(lost, tags);
            S::put(word, &mut words[g]);
            let t_keep = S::choose(a, t_right, t_left);
            for (walk, (left, right)) in
                walks.iter_mut().zip([(left_0, right_0), (left_1, right_1)])
            {
                let (kept, t) = (S::choose(a, right, left), S::get(&walk.t[g]));
                let next = S::and(S::xor(kept, S::and(word, t)), seed);
                S::put(next, &mut walk.seeds[g]);
                S::put(S::spread(S::xor(kept, S::and(t_keep, t))), &mut walk.t[g]);
            }
        }
    }
}

/// A party's work for a batch: its shares of [x < α] + bit k of α.
struct Eval<'a> {
    shape: Shape,
    cipher: Aes128,
    values: &'a [u64],
    minus: u64,
    walk: Walk,
    keys: &'a [u64],
    second: bool,
    out: &'a mut u64,
}

impl Kernel for Eval<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let (values, shape) = (self.values.len(), self.shape);
        let mut x = [0; BATCH];
        for (x, value) in x.iter_mut().zip(self.values) {
            *x = value.wrapping_sub(self.minus);
        }
        let mut ahead = shape.aligned(&x);
        let (mut words, mut bits, mut space) = (NONE, NONE, [NONE; 3]);
        let mut levels = self.keys.chunks_exact(2 * values);
        for key in levels.by_ref().take(shape.levels()) {
            words.as_flattened_mut()[..2 * values].copy_from_slice(key);
            self.level::<S>(&mut ahead, &words, &mut bits, &mut space);
        }
        let correction = levels.next().expect("the leaf");
        words.as_flattened_mut()[..2 * values].copy_from_slice(correction);
        let [input, leaf, _] = &mut space;
        self.walk.child::<S>(&self.cipher, LEAF, input, leaf);
        let (leaf, words, t) = (
            leaf.as_flattened(),
            words.as_flattened(),
            self.walk.t.as_flattened(),
        );
        *self.out = 0;
        for (k, x) in x.iter().enumerate().take(values) {
            let [low, high] = [2 * k, 2 * k + 1].map(|w| leaf[w] ^ (words[w] & t[w]));
            let at = shape.in_leaf(*x);
            let entry = if at < 64 {
                low >> at
            } else {
                high >> (at - 64)
            };
            let own = if self.second { 0 } else { x >> shape.bits };
            let bit = entry ^ own ^ self.walk.extra[k] ^ bits.as_flattened()[2 * k];
            *self.out |= (bit & 1) << k;
        }
        if self.second {
            *self.out ^= self.keys[self.keys.len() - 1];
        }
    }
}

impl Eval<'_> {
    #[inline(always)]
    fn level<S: Wide>(
        &mut self,
        x: &mut Blocks,
        words: &Blocks,
        bits: &mut Blocks,
        space: &mut [Blocks; 3],
    ) {
        let walk = &mut self.walk;
        let (one, seed) = (S::get(&ONE), S::get(&SEED));
        let [input, children, right] = space;
        for g in 0..BATCH / 4 {
            let bit = next_bit::<S>(&mut x[g]);
            S::put(bit, &mut right[g]);
            S::put(
                S::xor(S::get(&walk.seeds[g]), S::and(bit, one)),
                &mut input[g],
            );
        }
        hash::<S>(&self.cipher, input, children);
        for g in 0..BATCH / 4 {
            let (right, child) = (S::get(&right[g]), S::get(&children[g]));
            let word = S::and(S::get(&words[g]), S::get(&walk.t[g]));
            let block = S::xor(child, word);
            let v = S::choose(right, S::same(0), S::down::<2>(block));
            S::put(S::xor(S::get(&bits[g]), v), &mut bits[g]);
            let t = S::xor(child, S::choose(right, S::down::<1>(word), word));
            S::put(S::spread(t), &mut walk.t[g]);
            S::put(S::and(block, seed), &mut walk.seeds[g]);
        }
    }
}

/// Corrections of the comparison with a mask, for both parties.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn dcf_deal<'py>(
    py: Python<'py>,
    n: &Bound<'py, PyAny>,
    offset: &Bound<'py, PyAny>,
    mask_seeds: Vec<Bound<'py, PyAny>>,
    mask_id: &Bound<'py, PyAny>,
    bits: &Bound<'py, PyAny>,
    seeds: Vec<Bound<'py, PyAny>>,
    id: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let (span, shape, key) = (Span::new(n, offset)?, Shape::new(bits)?, seed_of(key)?);
    let masks = Stream::all(&seeds_of(&mask_seeds)?, whole("mask_id", mask_id)?);
    let Ok(streams) = <[Stream; 2]>::try_from(Stream::all(&seeds_of(&seeds)?, whole("id", id)?))
    else {
        return refuse("seeds must be two");
    };
    let mut out = fresh::<u64>(py, &[shape.all_words(span.n)])?;
    let (array, batch, cpu) = (out.as_slice_mut()?, shape.words(BATCH), Cpu::best());
    py.detach(|| {
        in_pieces(array, batch, 8, |at, part| {
            for (index, out) in part.chunks_mut(batch).enumerate() {
                let start = (at / batch + index) * BATCH;
                let first = span.offset + start as u64;
                let mut values = [0; BATCH];
                let values = &mut values[..BATCH.min(span.n - start)];
                fill_sum(&masks, first, values);
                let walk =
                    |party: usize| Walk::new(&streams[party], first, values.len(), party == 1);
                let (walks, cipher) = ([walk(0), walk(1)], cipher(&key, first / BATCH as u64));
                cpu.run(Deal {
                    shape,
                    cipher,
                    values,
                    walks,
                    out,
                });
            }
        });
    });
    Ok(finished(out))
}

/// A party's shares of the sign, from the opened values and the dealer's corrections.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
fn dcf_eval<'py>(
    py: Python<'py>,
    opened: &Bound<'py, PyAny>,
    minus: &Bound<'py, PyAny>,
    bits: &Bound<'py, PyAny>,
    corrections: &Bound<'py, PyAny>,
    seed: &Bound<'py, PyAny>,
    id: &Bound<'py, PyAny>,
    offset: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
    second: bool,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let opened = contiguous::<u64>("opened", opened)?;
    let corrections = contiguous::<u64>("corrections", corrections)?;
    let (shape, key, minus) = (Shape::new(bits)?, seed_of(key)?, whole("minus", minus)?);
    let span = Span::new(opened.len().into_pyobject(py)?.as_any(), offset)?;
    let stream = Stream::new(&*seed_of(seed)?, whole("id", id)?);
    if corrections.len() != shape.all_words(span.n) {
        let (expected, found) = (shape.all_words(span.n), corrections.len());
        return refuse(format!(
            "corrections must have {expected} words, not {found}"
        ));
    }
    let mut out = fresh::<u64>(py, &[words_of(span.n)])?;
    let (m, keys, array) = (
        opened.as_slice()?,
        corrections.as_slice()?,
        out.as_slice_mut()?,
    );
    let cpu = Cpu::best();
    py.detach(|| {
        in_pieces(array, 1, shape.words(BATCH), |at, part| {
            for (index, out) in part.iter_mut().enumerate() {
                let start = (at + index) * BATCH;
                let values = &m[start..span.n.min(start + BATCH)];
                let from = (at + index) * shape.words(BATCH);
                let keys = &keys[from..from + shape.words(values.len())];
                let first = span.offset + start as u64;
                let walk = Walk::new(&stream, first, values.len(), second);
                let cipher = cipher(&key, first / BATCH as u64);
                cpu.run(Eval {
                    shape,
                    cipher,
                    values,
                    minus,
                    walk,
                    keys,
                    second,
                    out,
                });
            }
        });
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(dcf_deal, module)?)?;
    module.add_function(wrap_pyfunction!(dcf_eval, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Numbers below, at and above α, also in the same leaf; all levels of the processor.
    #[test]
    fn compares() {
        let streams = Stream::all(&[[3; 16], [4; 16]], 5);
        for (bits, values) in [
            (1, 3),
            (6, 64),
            (7, 64),
            (8, 64),
            (13, 17),
            (40, 64),
            (63, 64),
        ] {
            let shape = Shape::of(bits);
            let low = |word: u64| word & ((1 << bits) - 1);
            let mixed = |k: u64| {
                (k + 7)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .rotate_left(bits)
            };
            let alpha: Vec<u64> = (0..values as u64).map(mixed).collect();
            let near =
                |k: usize| alpha[k].wrapping_add([0, 1, u64::MAX, 9, 1 << (bits - 1)][k % 5]);
            let x: Vec<u64> = (0..values).map(near).collect();
            for cpu in Cpu::all() {
                let walk = |party: usize| Walk::new(&streams[party], 64, values, party == 1);
                let mut keys = vec![0; shape.words(values)];
                let (values, walks, key) = (&alpha[..], [walk(0), walk(1)], [6; 16]);
                cpu.run(Deal {
                    shape,
                    cipher: cipher(&key, 1),
                    values,
                    walks,
                    out: &mut keys,
                });
                let mut sum = 0;
                for party in 0..2 {
                    let (mut share, cipher, walk) = (0, cipher(&key, 1), walk(party));
                    let (keys, second, out) = (&keys[..], party == 1, &mut share);
                    cpu.run(Eval {
                        shape,
                        cipher,
                        values: &x,
                        minus: 0,
                        walk,
                        keys,
                        second,
                        out,
                    });
                    sum ^= share;
                }
                for (k, (x, alpha)) in x.iter().zip(&alpha).enumerate() {
                    let expected = u64::from(low(*x) < low(*alpha)) ^ ((x ^ alpha) >> bits);
                    assert_eq!(
                        (sum >> k) & 1,
                        expected & 1,
                        "{cpu:?} {bits} bits: {x} < {alpha}"
                    );
                }
            }
        }
    }
}
