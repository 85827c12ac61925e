//! The group's part of one-out-of-two key transfer on Ristretto255 (Masny and Rindal, "Endemic Oblivious Transfer",
//! 2019): what each side computes of elements. What the keys are hashed with is the protocol's.
//!
//! With H_x(i, ·) hashes to the group, the chooser of bit c in transfer i sends two elements s_0 and s_1: s_{1-c} is
//! random and s_c = rG - H_c(i, s_{1-c}), both uniform. The giver of keys, with a secret a and aG public, has
//! a(s_x + H_x(i, s_{1-x})) for x = 0, 1; the chooser has raG, which is the one of x = c.

use std::sync::atomic::{AtomicUsize, Ordering};

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;
use zeroize::{Zeroize, Zeroizing};

use crate::arrays::{contiguous, finished, fresh, refuse};
use crate::hashing::{WIDTH, bytes32};
use crate::messages::expand_message;
use crate::ristretto::{Row, decode, scalar_of};

/// Separates these hashes from those of any other protocol.
const DOMAIN: &[u8] = b"coterie-ot-v1-ristretto255_XMD:SHA-512_R255MAP_RO_";

/// Transfers of a piece of work: a tenth of a millisecond each.
const PIECE: usize = 8;

/// H_x(i, s).
fn hashed(side: u8, index: usize, element: &Row) -> RistrettoPoint {
    let mut message = [0; 9 + WIDTH];
    message[0] = side;
    message[1..9].copy_from_slice(&(index as u64).to_le_bytes());
    message[9..].copy_from_slice(element);
    let mut uniform = [0; 64];
    expand_message(&message, DOMAIN, &mut uniform);
    RistrettoPoint::from_uniform_bytes(&uniform)
}

/// One transfer's two elements, first those of x = 0; the bit is used in constant time.
fn choose(choice: u8, index: usize, random: &[u8; 128], pair: &mut [Row; 2]) -> Zeroizing<Scalar> {
    let (scalar, element) = random.split_at(64);
    let wide = |bytes: &[u8]| Zeroizing::new(<[u8; 64]>::try_from(bytes).expect("64 bytes"));
    let secret = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide(scalar)));
    let other = RistrettoPoint::from_uniform_bytes(&wide(element))
        .compress()
        .to_bytes();
    let own = &*secret * RISTRETTO_BASEPOINT_TABLE - hashed(choice, index, &other);
    let own = own.compress().to_bytes();
    let mask = 0u8.wrapping_sub(choice);
    for at in 0..WIDTH {
        let swap = mask & (own[at] ^ other[at]);
        pair[0][at] = own[at] ^ swap;
        pair[1][at] = other[at] ^ swap;
    }
    secret
}

/// a(s_x + H_x(i, s_{1-x})), or None where a row is no element.
fn answer(index: usize, pair: &[Row; 2], secret: &Scalar) -> Option<[Row; 2]> {
    let (zero, one) = (decode(&pair[0])?, decode(&pair[1])?);
    let zero = zero + hashed(0, index, &pair[1]);
    let one = one + hashed(1, index, &pair[0]);
    Some([
        (zero * secret).compress().to_bytes(),
        (one * secret).compress().to_bytes(),
    ])
}

/// The chooser's elements and secrets.
#[pyfunction]
#[allow(clippy::type_complexity)]
fn endemic_choose<'py>(
    py: Python<'py>,
    choices: &Bound<'py, PyAny>,
    random: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyArrayDyn<u8>>, Bound<'py, PyArrayDyn<u8>>)> {
    let choices = contiguous::<u8>("choices", choices)?;
    let random = contiguous::<u8>("random", random)?;
    let count = choices.len();
    let bits = choices.as_slice()?;
    if choices.shape() != [count] || bits.iter().any(|bit| *bit > 1) {
        return refuse("choices must have shape (n,), of 0 and 1");
    }
    if random.shape() != [count, 128] {
        return refuse("random must have shape (n, 128)");
    }
    let mut elements = fresh::<u8>(py, &[count, 2, WIDTH])?;
    let mut secrets = fresh::<u8>(py, &[count, WIDTH])?;
    let given = random.as_slice()?.as_chunks::<128>().0;
    let filled = elements.as_slice_mut()?.as_chunks_mut::<WIDTH>().0;
    let pairs = filled.as_chunks_mut::<2>().0;
    let kept = secrets.as_slice_mut()?.as_chunks_mut::<WIDTH>().0;
    py.detach(|| {
        pairs
            .par_chunks_mut(PIECE)
            .zip(kept.par_chunks_mut(PIECE))
            .enumerate()
            .for_each(|(piece, (pairs, kept))| {
                for (k, (pair, kept)) in pairs.iter_mut().zip(kept).enumerate() {
                    let at = piece * PIECE + k;
                    *kept = choose(bits[at], at, &given[at], pair).to_bytes();
                }
            });
    });
    Ok((finished(elements), finished(secrets)))
}

/// The giver's elements of both bits.
#[pyfunction]
fn endemic_give<'py>(
    py: Python<'py>,
    elements: &Bound<'py, PyAny>,
    scalar: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let scalar = scalar_of(scalar)?;
    let given = contiguous::<u8>("elements", elements)?;
    let [_, 2, WIDTH] = given.shape() else {
        return refuse("elements must have shape (n, 2, 32)");
    };
    let mut out = fresh::<u8>(py, given.shape())?;
    let given = given.as_slice()?.as_chunks::<WIDTH>().0;
    let (given, _) = given.as_chunks::<2>();
    let filled = out.as_slice_mut()?.as_chunks_mut::<WIDTH>().0;
    let filled = filled.as_chunks_mut::<2>().0;
    let bad = AtomicUsize::new(usize::MAX);
    py.detach(|| {
        filled
            .par_chunks_mut(PIECE)
            .enumerate()
            .for_each(|(piece, filled)| {
                for (k, out) in filled.iter_mut().enumerate() {
                    let at = piece * PIECE + k;
                    match answer(at, &given[at], &scalar) {
                        Some(pair) => *out = pair,
                        None => {
                            bad.fetch_min(at, Ordering::Relaxed);
                        }
                    }
                }
            });
    });
    match bad.into_inner() {
        usize::MAX => Ok(finished(out)),
        at => refuse(format!(
            "transfer {at} has what is not the canonical encoding of an element other than the identity"
        )),
    }
}

/// The chooser's element of its bit.
#[pyfunction]
fn endemic_take<'py>(
    py: Python<'py>,
    secrets: &Bound<'py, PyAny>,
    point: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let secrets = contiguous::<u8>("secrets", secrets)?;
    let [_, WIDTH] = secrets.shape() else {
        return refuse("secrets must have shape (n, 32)");
    };
    let Some(point) = decode(&*bytes32("point", point)?) else {
        return refuse("point is not the canonical encoding of an element other than the identity");
    };
    let mut out = fresh::<u8>(py, secrets.shape())?;
    let given = secrets.as_slice()?.as_chunks::<WIDTH>().0;
    let filled = out.as_slice_mut()?.as_chunks_mut::<WIDTH>().0;
    py.detach(|| {
        filled
            .par_chunks_mut(PIECE)
            .zip(given.par_chunks(PIECE))
            .for_each(|(filled, given)| {
                for (out, bytes) in filled.iter_mut().zip(given) {
                    let mut scalar = Scalar::from_bytes_mod_order(*bytes);
                    *out = (point * scalar).compress().to_bytes();
                    scalar.zeroize();
                }
            });
    });
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(endemic_choose, module)?)?;
    module.add_function(wrap_pyfunction!(endemic_give, module)?)?;
    module.add_function(wrap_pyfunction!(endemic_take, module)?)
}
