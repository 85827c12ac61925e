//! The proof of RFC 9497, section 2.2, that many elements were multiplied by one secret, the one of a known key.
//!
//! *Of many at once.* The RFC adds elements up with a weight for each pair that is a hash of this pair and its place
//! alone. So whoever makes answers can try many wrong ones in each place by themselves, and look for a choice whose
//! weighted errors add up to zero: a generalized birthday problem (Wagner, 2002), which in 2^14 places takes some 2^31
//! steps and not 2^126. So many pairs are first added up with weights that are hashes of all of them, of 128 bits: an
//! error remains one in the sum but for 2^-128, in each try of a whole list. The RFC's proof is then of that one pair.
//!
//! What is proved about is public, so that checking takes variable time; the secret is used in constant time.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use numpy::PyArrayDyn;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayon::prelude::*;
use sha2::{Digest, Sha512};

use crate::arrays::{finished, fresh, refuse, rows_of};
use crate::elements::Way;
use crate::hashing::{WIDTH, bytes32};
use crate::ristretto::{Row, decode, no_element, scalar_of};
use crate::voprf::{OUTPUT, append, domain, hash_to_scalar};

/// Elements of a proof at most: it numbers them in two bytes.
const MOST_PROVED: usize = 1 << 16;

/// Weights that are hashed on one thread, at least.
const WEIGHED: usize = 128;

/// Elements that are added up on one thread.
const SUMMED: usize = 1024;

/// Separates the weights of pairs that are added up before they are proved about from all other hashes.
const SUM: &[u8] = b"coterie/psi/lookup/pairs/v1\0";

/// The messages of a proof: the seed of the weights, and the weight of each pair of elements.
fn weights(public: &Row, blinded: &[Row], answers: &[Row]) -> Vec<Scalar> {
    let mut message = Vec::new();
    append(&mut message, public);
    append(&mut message, &domain(b"Seed-"));
    let seed = Sha512::digest(&message);
    let tag = domain(b"HashToScalar-");
    blinded
        .par_iter()
        .zip(answers)
        .enumerate()
        .with_min_len(WEIGHED)
        .map(|(number, (blinded, answer))| {
            let mut message = Vec::with_capacity(160);
            append(&mut message, &seed);
            message.extend((number as u16).to_be_bytes());
            append(&mut message, blinded);
            append(&mut message, answer);
            message.extend(b"Composite");
            hash_to_scalar(&message, &tag)
        })
        .collect()
}

/// Weights of 128 bits that nobody knows before all pairs are fixed: of SHA-512 over them all, each with its number.
fn joint_weights(public: &Row, blinded: &[Row], answers: &[Row]) -> Vec<Scalar> {
    let whole = Sha512::new()
        .chain_update(SUM)
        .chain_update(public)
        .chain_update((blinded.len() as u64).to_le_bytes())
        .chain_update(blinded.as_flattened())
        .chain_update(answers.as_flattened())
        .finalize();
    let weight = |number: u64| {
        let hash = Sha512::new()
            .chain_update(whole)
            .chain_update(number.to_le_bytes())
            .finalize();
        let (words, _) = hash.as_chunks::<16>();
        Scalar::from(u128::from_le_bytes(words[0]))
    };
    (0..blinded.len() as u64).map(weight).collect()
}

/// The sum of weighted elements, all of them public; or the first row that is no element.
fn weighted_sum(weights: &[Scalar], rows: &[Row]) -> Result<RistrettoPoint, usize> {
    let parts: Result<Vec<RistrettoPoint>, usize> = weights
        .par_chunks(SUMMED)
        .zip(rows.par_chunks(SUMMED))
        .enumerate()
        .map(|(piece, (weights, rows))| {
            let sum = Way::best().weighted_sum(weights, rows);
            sum.map_err(|row| piece * SUMMED + row)
        })
        .collect();
    Ok(parts?.into_iter().sum())
}

/// The challenge of a proof.
fn challenge(public: &Row, elements: [RistrettoPoint; 4]) -> Scalar {
    let mut message = Vec::with_capacity(256);
    append(&mut message, public);
    for element in elements {
        append(&mut message, element.compress().as_bytes());
    }
    message.extend(b"Challenge");
    hash_to_scalar(&message, &domain(b"HashToScalar-"))
}

/// GenerateProof, with the random scalar given.
fn prove(
    secret: &Scalar,
    blinded: &[Row],
    answers: &[Row],
    random: &Scalar,
) -> Result<[u8; OUTPUT], usize> {
    let public = RistrettoPoint::mul_base(secret).compress().to_bytes();
    let composite = weighted_sum(&weights(&public, blinded, answers), blinded)?;
    let challenge = challenge(
        &public,
        [
            composite,
            composite * secret,
            RistrettoPoint::mul_base(random),
            composite * random,
        ],
    );
    let response = random - challenge * secret;
    let mut proof = [0; OUTPUT];
    proof[..WIDTH].copy_from_slice(challenge.as_bytes());
    proof[WIDTH..].copy_from_slice(response.as_bytes());
    Ok(proof)
}

/// VerifyProof. What is no element or no scalar proves nothing.
fn verify(public: &Row, blinded: &[Row], answers: &[Row], proof: &[u8; OUTPUT]) -> bool {
    let (claimed, response) = proof.split_at(WIDTH);
    let scalar = |bytes: &[u8]| {
        let bytes = bytes.try_into().ok()?;
        Option::<Scalar>::from(Scalar::from_canonical_bytes(bytes))
    };
    let (Some(claimed), Some(response), Some(key)) =
        (scalar(claimed), scalar(response), decode(public))
    else {
        return false;
    };
    let weights = weights(public, blinded, answers);
    let (Ok(composite), Ok(answer)) = (
        weighted_sum(&weights, blinded),
        weighted_sum(&weights, answers),
    ) else {
        return false;
    };
    let expected = challenge(
        public,
        [
            composite,
            answer,
            RistrettoPoint::vartime_double_scalar_mul_basepoint(&claimed, &key, &response),
            RistrettoPoint::vartime_multiscalar_mul([response, claimed], [composite, answer]),
        ],
    );
    expected == claimed
}

fn bytes_of<const N: usize>(name: &str, value: &Bound<'_, PyAny>) -> PyResult<[u8; N]> {
    let Ok(bytes) = value.cast::<PyBytes>() else {
        return Err(PyTypeError::new_err(format!("{name} must be bytes")));
    };
    match bytes.as_bytes().try_into() {
        Ok(array) => Ok(array),
        Err(_) => refuse(format!(
            "{name} must be {N} bytes, not {}",
            bytes.as_bytes().len()
        )),
    }
}

/// The pairs of a proof: as many answers as blinded elements, and at least one.
fn check_pairs(blinded: usize, answers: usize) -> PyResult<()> {
    if blinded != answers || !(1..=MOST_PROVED).contains(&blinded) {
        return refuse(format!(
            "{blinded} blinded elements and {answers} answers: both must be as many, from 1 to {MOST_PROVED}"
        ));
    }
    Ok(())
}

/// All pairs as one: the weighted sums of blinded elements and of answers, shape (2, 32).
#[pyfunction]
fn voprf_sum<'py>(
    py: Python<'py>,
    public: &Bound<'py, PyAny>,
    blinded: &Bound<'py, PyAny>,
    answers: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let public = bytes32("public", public)?;
    let (blinded, answers) = (
        rows_of::<WIDTH>("blinded", blinded)?,
        rows_of::<WIDTH>("answers", answers)?,
    );
    let (blinded, _) = blinded.as_slice()?.as_chunks::<WIDTH>();
    let (answers, _) = answers.as_slice()?.as_chunks::<WIDTH>();
    check_pairs(blinded.len(), answers.len())?;
    let mut out = fresh::<u8>(py, &[2, WIDTH])?;
    let sums = py.detach(|| {
        let weights = joint_weights(&public, blinded, answers);
        [blinded, answers].map(|rows| weighted_sum(&weights, rows))
    });
    let (filled, _) = out.as_slice_mut()?.as_chunks_mut::<WIDTH>();
    for ((sum, name), row) in sums.into_iter().zip(["blinded", "answers"]).zip(filled) {
        match sum {
            Ok(sum) => *row = sum.compress().to_bytes(),
            Err(row) => return no_element(name, row),
        }
    }
    Ok(finished(out))
}

/// GenerateProof: that each answer is the secret times the blinded element.
#[pyfunction]
fn voprf_prove<'py>(
    py: Python<'py>,
    secret: &Bound<'py, PyAny>,
    blinded: &Bound<'py, PyAny>,
    answers: &Bound<'py, PyAny>,
    random: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (secret, random) = (scalar_of(secret)?, scalar_of(random)?);
    let (blinded, answers) = (
        rows_of::<WIDTH>("blinded", blinded)?,
        rows_of::<WIDTH>("answers", answers)?,
    );
    let (blinded, _) = blinded.as_slice()?.as_chunks::<WIDTH>();
    let (answers, _) = answers.as_slice()?.as_chunks::<WIDTH>();
    check_pairs(blinded.len(), answers.len())?;
    match py.detach(|| prove(&secret, blinded, answers, &random)) {
        Ok(proof) => Ok(PyBytes::new(py, &proof)),
        Err(row) => no_element("blinded", row),
    }
}

/// VerifyProof.
#[pyfunction]
fn voprf_verify(
    py: Python<'_>,
    public: &Bound<'_, PyAny>,
    blinded: &Bound<'_, PyAny>,
    answers: &Bound<'_, PyAny>,
    proof: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let public = bytes32("public", public)?;
    let proof = bytes_of::<OUTPUT>("proof", proof)?;
    let (blinded, answers) = (
        rows_of::<WIDTH>("blinded", blinded)?,
        rows_of::<WIDTH>("answers", answers)?,
    );
    let (blinded, _) = blinded.as_slice()?.as_chunks::<WIDTH>();
    let (answers, _) = answers.as_slice()?.as_chunks::<WIDTH>();
    check_pairs(blinded.len(), answers.len())?;
    Ok(py.detach(|| verify(&public, blinded, answers, &proof)))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(voprf_sum, module)?)?;
    module.add_function(wrap_pyfunction!(voprf_prove, module)?)?;
    module.add_function(wrap_pyfunction!(voprf_verify, module)?)
}
