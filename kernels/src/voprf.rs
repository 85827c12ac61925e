//! The verifiable oblivious pseudorandom function of RFC 9497 with ristretto255-SHA512, in batches.
//!
//! A client blinds its inputs, the key's holder multiplies them by its secret (`ristretto_mul`) and proves that it
//! used the key that it is known by, and the client finalizes. The holder evaluates the function of its own inputs
//! directly. Secrets, blinds and inputs are used in constant time; what is proved about is public.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zeroize::{Zeroize, Zeroizing};

use crate::arrays::{contiguous, finished, fresh, refuse, rows_of, within};
use crate::elements::{Elements, Scalars, Way, multiply};
use crate::hashing::{WIDTH, bytes32};
use crate::messages::expand_message;
use crate::ristretto::{Row, no_element, scalar_of};

/// contextString of RFC 9497, section 3.1, with the mode of VOPRF.
const CONTEXT: &[u8] = b"OPRFV1-\x01-ristretto255-SHA512";

/// Bytes of the function's value, and of a proof.
pub const OUTPUT: usize = 64;

/// What the hash of a value ends with.
const FINALIZE: &[u8] = b"Finalize";

/// What hashes of one use are separated by.
pub fn domain(purpose: &[u8]) -> Vec<u8> {
    [purpose, CONTEXT].concat()
}

/// HashToScalar: uniform up to a distance of 2^-259.
pub fn hash_to_scalar(message: &[u8], domain: &[u8]) -> Scalar {
    let mut uniform = Zeroizing::new([0; 64]);
    expand_message(message, domain, &mut *uniform);
    Scalar::from_bytes_mod_order_wide(&uniform)
}

/// Appends a string with its length in two bytes.
pub fn append(message: &mut Vec<u8>, part: &[u8]) {
    debug_assert!(part.len() < 1 << 16);
    message.extend((part.len() as u16).to_be_bytes());
    message.extend(part);
}

/// The end of Finalize and of Evaluate: hashes of inputs of one width, each with its element, cut to rows of `out`.
fn outputs(inputs: &[u8], elements: &[Row], out: &mut [u8]) {
    let (length, width) = (inputs.len() / elements.len(), out.len() / elements.len());
    let write = |row: usize, message: &mut [u8]| {
        let (head, rest) = message.split_at_mut(2);
        let (input, rest) = rest.split_at_mut(length);
        let (middle, rest) = rest.split_at_mut(2);
        let (element, end) = rest.split_at_mut(WIDTH);
        head.copy_from_slice(&(length as u16).to_be_bytes());
        input.copy_from_slice(&inputs[row * length..][..length]);
        middle.copy_from_slice(&(WIDTH as u16).to_be_bytes());
        element.copy_from_slice(&elements[row]);
        end.copy_from_slice(FINALIZE);
    };
    let mut hashes = vec![[0; OUTPUT]; elements.len()];
    Way::best().hash(4 + length + WIDTH + FINALIZE.len(), &write, &mut hashes);
    for (out, hash) in out.chunks_mut(width).zip(&hashes) {
        out.copy_from_slice(&hash[..width]);
    }
}

/// DeriveKeyPair: a secret and its public element. None of 256 tries fails but with probability 2^-252.
fn derive(seed: &Row, info: &[u8]) -> Option<(Zeroizing<Scalar>, Row)> {
    let mut message = Zeroizing::new(seed.to_vec());
    append(&mut message, info);
    let place = message.len();
    message.push(0);
    let tag = domain(b"DeriveKeyPair");
    for counter in 0..=u8::MAX {
        message[place] = counter;
        let secret = Zeroizing::new(hash_to_scalar(&message, &tag));
        if *secret != Scalar::ZERO {
            let public = RistrettoPoint::mul_base(&secret).compress().to_bytes();
            return Some((secret, public));
        }
    }
    None
}

/// Inputs of one width: an array of shape (n, w), with 1 to 65535 bytes in a row.
fn inputs_of<'py>(
    value: &Bound<'py, PyAny>,
) -> PyResult<(PyReadonlyArrayDyn<'py, u8>, usize, usize)> {
    let array = contiguous::<u8>("inputs", value)?;
    match *array.shape() {
        [rows, width @ 1..=65535] => Ok((array, rows, width)),
        ref shape => refuse(format!(
            "inputs must have shape (n, w) with w from 1 to 65535, not {shape:?}"
        )),
    }
}

/// One canonical scalar other than zero for each row; erased when dropped.
fn scalars_of(value: &Bound<'_, PyAny>, rows: usize) -> PyResult<Zeroizing<Vec<Scalar>>> {
    let array = rows_of::<WIDTH>("blinds", value)?;
    let (given, _) = array.as_slice()?.as_chunks::<WIDTH>();
    if given.len() != rows {
        return refuse(format!("{} blinds for {rows} rows", given.len()));
    }
    let mut scalars = Zeroizing::new(Vec::with_capacity(rows));
    for (row, bytes) in given.iter().enumerate() {
        match Option::<Scalar>::from(Scalar::from_canonical_bytes(*bytes)) {
            Some(scalar) if scalar != Scalar::ZERO => scalars.push(scalar),
            _ => return refuse(format!("row {row} of blinds is no scalar other than zero")),
        }
    }
    Ok(scalars)
}

/// DeriveKeyPair.
#[pyfunction]
fn voprf_key<'py>(
    py: Python<'py>,
    seed: &Bound<'py, PyAny>,
    info: &[u8],
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let seed = bytes32("seed", seed)?;
    if info.len() > 65535 {
        return refuse("info must be at most 65535 bytes");
    }
    match derive(&seed, info) {
        Some((secret, public)) => Ok((
            PyBytes::new(py, secret.as_bytes()),
            PyBytes::new(py, &public),
        )),
        None => refuse("this seed gives no key"),
    }
}

/// Uniform scalars other than zero, one of each row of 64 random bytes.
#[pyfunction]
fn voprf_scalars<'py>(
    py: Python<'py>,
    random: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let random = contiguous::<u8>("random", random)?;
    let [rows, 64] = *random.shape() else {
        return refuse(format!(
            "random must have shape (n, 64), not {:?}",
            random.shape()
        ));
    };
    let mut out = fresh::<u8>(py, &[rows, WIDTH])?;
    let (given, _) = random.as_slice()?.as_chunks::<64>();
    let (filled, _) = out.as_slice_mut()?.as_chunks_mut::<WIDTH>();
    for (row, (out, bytes)) in filled.iter_mut().zip(given).enumerate() {
        let mut scalar = Scalar::from_bytes_mod_order_wide(bytes);
        if scalar == Scalar::ZERO {
            return refuse(format!("row {row} of random gives zero: it is not random"));
        }
        *out = scalar.to_bytes();
        scalar.zeroize();
    }
    Ok(finished(out))
}

/// Blind: each input hashed to the group, times its blind.
#[pyfunction]
fn voprf_blind<'py>(
    py: Python<'py>,
    inputs: &Bound<'py, PyAny>,
    blinds: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (inputs, rows, width) = inputs_of(inputs)?;
    let blinds = scalars_of(blinds, rows)?;
    let elements = Elements::Hashed {
        messages: inputs.as_slice()?,
        width,
        domain: &domain(b"HashToGroup-"),
    };
    let mut out = fresh::<u8>(py, &[rows, WIDTH])?;
    let filled = out.as_slice_mut()?;
    let emit = |_: usize, elements: &[Row], out: &mut [u8]| {
        out.copy_from_slice(elements.as_flattened());
    };
    // Every input has an element.
    let _ = py.detach(|| multiply(elements, Scalars::Each(&blinds), WIDTH, filled, emit));
    Ok(finished(out))
}

/// Finalize without the proof, which `voprf_verify` looks at; the first bytes of each value.
#[pyfunction]
fn voprf_finalize<'py>(
    py: Python<'py>,
    inputs: &Bound<'py, PyAny>,
    blinds: &Bound<'py, PyAny>,
    answers: &Bound<'py, PyAny>,
    width: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (inputs, rows, length) = inputs_of(inputs)?;
    let mut blinds = scalars_of(blinds, rows)?;
    let answers = rows_of::<WIDTH>("answers", answers)?;
    let width = within("width", width, 1, OUTPUT as u64)? as usize;
    let (answers, _) = answers.as_slice()?.as_chunks::<WIDTH>();
    if answers.len() != rows {
        return refuse(format!("{} answers for {rows} rows", answers.len()));
    }
    let given = inputs.as_slice()?;
    let mut out = fresh::<u8>(py, &[rows, width])?;
    let filled = out.as_slice_mut()?;
    let done = py.detach(|| {
        // The product of all inverses is of no use.
        Scalar::invert_batch_alloc(&mut blinds).zeroize();
        multiply(
            Elements::Encoded(answers),
            Scalars::Each(&blinds),
            width,
            filled,
            |first, elements, out| {
                let inputs = &given[first * length..][..elements.len() * length];
                outputs(inputs, elements, out);
            },
        )
    });
    match done {
        Ok(()) => Ok(finished(out)),
        Err(row) => no_element("answers", row),
    }
}

/// Evaluate: the first bytes of the function's value of each input, by the key's holder.
#[pyfunction]
fn voprf_evaluate<'py>(
    py: Python<'py>,
    inputs: &Bound<'py, PyAny>,
    secret: &Bound<'py, PyAny>,
    width: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (inputs, rows, length) = inputs_of(inputs)?;
    let secret = scalar_of(secret)?;
    let width = within("width", width, 1, OUTPUT as u64)? as usize;
    let given = inputs.as_slice()?;
    let elements = Elements::Hashed {
        messages: given,
        width: length,
        domain: &domain(b"HashToGroup-"),
    };
    let mut out = fresh::<u8>(py, &[rows, width])?;
    let filled = out.as_slice_mut()?;
    let emit = |first: usize, elements: &[Row], out: &mut [u8]| {
        let inputs = &given[first * length..][..elements.len() * length];
        outputs(inputs, elements, out);
    };
    // Every input has an element.
    let _ = py.detach(|| multiply(elements, Scalars::One(&secret), width, filled, emit));
    Ok(finished(out))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(voprf_key, module)?)?;
    module.add_function(wrap_pyfunction!(voprf_scalars, module)?)?;
    module.add_function(wrap_pyfunction!(voprf_blind, module)?)?;
    module.add_function(wrap_pyfunction!(voprf_finalize, module)?)?;
    module.add_function(wrap_pyfunction!(voprf_evaluate, module)?)
}
