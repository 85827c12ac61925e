//! Many Ed25519 signatures (RFC 8032), checked at once.
//!
//! The equations 8 s B = 8 R + 8 h A of all signatures are added up with weights, which are hashes of 128 bits of all
//! of them: where one is wrong the sum is, but for 2^-128 in each try of a whole list. The factor 8 is the RFC's:
//! who signs could otherwise make signatures that hold alone and not among others. All is public, and takes variable
//! time.

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use numpy::PyUntypedArrayMethods;
use pyo3::prelude::*;
use sha2::{Digest, Sha512};

use crate::arrays::{contiguous, refuse};

const KEY: usize = 32;
const SIGNATURE: usize = 64;

/// Separates the weights from all other hashes.
const WEIGHTS: &[u8] = b"coterie/ed25519/weights/v1\0";

fn point(bytes: &[u8]) -> Option<EdwardsPoint> {
    CompressedEdwardsY::from_slice(bytes).ok()?.decompress()
}

/// Whether all signatures hold. None where one is not even of the right form.
fn hold(keys: &[[u8; KEY]], messages: &[u8], signatures: &[[u8; SIGNATURE]]) -> Option<bool> {
    let length = messages.len().checked_div(keys.len()).unwrap_or(0);
    let mut all = blake3::Hasher::new();
    all.update(WEIGHTS)
        .update(&(keys.len() as u64).to_le_bytes());
    all.update(keys.as_flattened()).update(messages);
    all.update(signatures.as_flattened());
    let mut weights = all.finalize_xof();
    let (mut scalars, mut points) = (vec![Scalar::ZERO], vec![ED25519_BASEPOINT_POINT]);
    for (k, (key, signature)) in keys.iter().zip(signatures).enumerate() {
        let (random, response) = signature.split_at(KEY);
        let response: [u8; KEY] = response.try_into().ok()?;
        let response = Option::<Scalar>::from(Scalar::from_canonical_bytes(response))?;
        let mut hash = Sha512::new();
        hash.update(random);
        hash.update(key);
        hash.update(&messages[k * length..][..length]);
        let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let mut weight = [0; 32];
        weights.fill(&mut weight[..16]);
        let weight = Scalar::from_bytes_mod_order(weight);
        scalars[0] += weight * response;
        scalars.extend([-weight, -(weight * challenge)]);
        points.extend([point(random)?, point(key)?]);
    }
    let sum = EdwardsPoint::vartime_multiscalar_mul(&scalars, &points);
    Some(sum.mul_by_cofactor().is_identity())
}

/// Whether all signatures hold.
#[pyfunction]
fn ed25519_verify(
    py: Python<'_>,
    keys: &Bound<'_, PyAny>,
    messages: &Bound<'_, PyAny>,
    signatures: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let keys = contiguous::<u8>("keys", keys)?;
    let messages = contiguous::<u8>("messages", messages)?;
    let signatures = contiguous::<u8>("signatures", signatures)?;
    let ([n, KEY], [m, _], [s, SIGNATURE]) = (keys.shape(), messages.shape(), signatures.shape())
    else {
        return refuse("keys, messages and signatures must have shape (n, 32), (n, m) and (n, 64)");
    };
    if n != m || n != s {
        return refuse("keys, messages and signatures must be as many");
    }
    let (keys, _) = keys.as_slice()?.as_chunks::<KEY>();
    let (signatures, _) = signatures.as_slice()?.as_chunks::<SIGNATURE>();
    let messages = messages.as_slice()?;
    Ok(py.detach(|| hold(keys, messages, signatures).unwrap_or(false)))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ed25519_verify, module)?)
}
