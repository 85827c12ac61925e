//! Hashing to the group Ristretto255 (RFC 9496) and multiplying many of its elements by one secret scalar.
//!
//! Scalars are used in constant time. Encodings are decoded strictly: one element has one encoding, and the
//! identity, of which every multiple is the identity, is refused.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayon::prelude::*;
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

use crate::arrays::{contiguous, finished, fresh, refuse};
use crate::hashing::{WIDTH, bytes32};

/// One hash or one encoded element.
type Row = [u8; WIDTH];

/// Separates these hashes from those of any other protocol (RFC 9380, sections 3.1 and 8.10).
const DOMAIN: &[u8] = b"coterie-psi-v1-ristretto255_XMD:SHA-512_R255MAP_RO_";

/// Rows of a piece of work. They share one field inversion, which costs about a tenth of one row's work.
const PIECE: usize = 128;

/// 1/2 modulo the order of the group, which is an odd prime.
static HALF: LazyLock<Scalar> = LazyLock::new(|| Scalar::from(2u8).invert());

/// expand_message_xmd with SHA-512 (RFC 9380, section 5.3.1), filling `out`: 1 to 255 · 64 bytes. The tag must
/// be at most 255 bytes.
fn expand_message(message: &[u8], domain: &[u8], out: &mut [u8]) {
    const BLOCK: usize = 128;
    debug_assert!(domain.len() <= 255 && !out.is_empty() && out.len() <= 255 * 64);
    let length = (out.len() as u16).to_be_bytes();
    let tag_length = [domain.len() as u8];
    let seed = Sha512::new()
        .chain_update([0; BLOCK])
        .chain_update(message)
        .chain_update(length)
        .chain_update([0])
        .chain_update(domain)
        .chain_update(tag_length)
        .finalize();
    let mut previous = [0; 64];
    for (number, part) in (1u8..).zip(out.chunks_mut(64)) {
        for (byte, first) in previous.iter_mut().zip(&seed) {
            *byte ^= first;
        }
        previous = Sha512::new()
            .chain_update(previous)
            .chain_update([number])
            .chain_update(domain)
            .chain_update(tag_length)
            .finalize()
            .into();
        part.copy_from_slice(&previous[..part.len()]);
    }
}

/// hash_to_ristretto255 (RFC 9380, appendix B).
fn hash_to_group(message: &[u8]) -> RistrettoPoint {
    let mut uniform = [0; 64];
    expand_message(message, DOMAIN, &mut uniform);
    RistrettoPoint::from_uniform_bytes(&uniform)
}

/// The element that these bytes encode; None for the identity and for what encodes no element.
fn decode(row: &Row) -> Option<RistrettoPoint> {
    let element = CompressedRistretto(*row).decompress()?;
    (!element.is_identity()).then_some(element)
}

/// Fills `out` with the encodings of `scalar` times the element of each row, or tells the first row that has none.
///
/// Encoding an element takes an inverse square root, a quarter of the work of a row; encoding the doubles of many
/// elements takes one inversion for all. So each element P is multiplied by s/2, and the double of that is encoded:
/// - The group's order l is an odd prime, hence h = s/2 mod l exists, 2h is s or s + l as an integer, and
///   [2]([h]P) = [s]P in the group.
/// - The library holds P as a point on the curve up to a 4-torsion point T. [2]([h](P + T)) = [s]P + [2h]T differs
///   from [s]P by a 4-torsion point again, and an encoding is the same for all such representatives (RFC 9496, 4.3.2).
/// - The batch multiplies by the inverse of a product that vanishes for the identity alone; the library leaves a zero
///   out of the shared inversion, so that it spoils no other row. No honest input gives the identity: s is not 0,
///   decoded elements are not the identity, and hashed ones are so with probability 2^-252.
fn multiply(
    given: &[Row],
    scalar: &Scalar,
    element: impl Fn(&Row) -> Option<RistrettoPoint> + Sync + Send,
    out: &mut [Row],
) -> Result<(), usize> {
    let half = Zeroizing::new(scalar * &*HALF);
    let bad = AtomicUsize::new(usize::MAX);
    out.par_chunks_mut(PIECE)
        .zip(given.par_chunks(PIECE))
        .enumerate()
        .for_each(|(piece, (out, given))| {
            let first = piece * PIECE;
            if bad.load(Ordering::Relaxed) < first {
                return;
            }
            let mut halves = Vec::with_capacity(given.len());
            for (row, bytes) in given.iter().enumerate() {
                let Some(point) = element(bytes) else {
                    bad.fetch_min(first + row, Ordering::Relaxed);
                    return;
                };
                halves.push(point * *half);
            }
            let doubles = RistrettoPoint::double_and_compress_batch(&halves);
            for (row, double) in out.iter_mut().zip(doubles) {
                *row = double.to_bytes();
            }
        });
    match bad.into_inner() {
        usize::MAX => Ok(()),
        row => Err(row),
    }
}

/// A canonical scalar that is not zero.
fn scalar_of(value: &Bound<'_, PyAny>) -> PyResult<Zeroizing<Scalar>> {
    let mut bytes = bytes32("scalar", value)?;
    let scalar = Option::<Scalar>::from(Scalar::from_canonical_bytes(bytes)).map(Zeroizing::new);
    bytes.zeroize();
    match scalar {
        Some(scalar) if *scalar != Scalar::ZERO => Ok(scalar),
        Some(_) => refuse("scalar must not be zero"),
        None => refuse("scalar must be below the order of the group"),
    }
}

/// An array of shape (n, 32).
fn rows_of<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<PyReadonlyArrayDyn<'py, u8>> {
    let array = contiguous::<u8>(name, value)?;
    match array.shape() {
        [_, WIDTH] => Ok(array),
        shape => refuse(format!("{name} must have shape (n, {WIDTH}), not {shape:?}")),
    }
}

/// Each row hashed to the group, times scalar.
#[pyfunction]
fn ristretto_hash_mul<'py>(
    py: Python<'py>,
    hashes: &Bound<'py, PyAny>,
    scalar: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    multiplied(py, "hashes", hashes, scalar, |row| Some(hash_to_group(row)))
}

/// Each encoded element times scalar.
#[pyfunction]
fn ristretto_mul<'py>(
    py: Python<'py>,
    points: &Bound<'py, PyAny>,
    scalar: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    multiplied(py, "points", points, scalar, decode)
}

fn multiplied<'py>(
    py: Python<'py>,
    name: &str,
    given: &Bound<'py, PyAny>,
    scalar: &Bound<'py, PyAny>,
    element: impl Fn(&Row) -> Option<RistrettoPoint> + Sync + Send,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let scalar = scalar_of(scalar)?;
    let given = rows_of(name, given)?;
    let mut out = fresh::<u8>(py, given.shape())?;
    let (rows, _) = given.as_slice()?.as_chunks::<WIDTH>();
    let (filled, _) = out.as_slice_mut()?.as_chunks_mut::<WIDTH>();
    match py.detach(|| multiply(rows, &scalar, element, filled)) {
        Ok(()) => Ok(finished(out)),
        Err(row) => refuse(format!(
            "row {row} of {name} is not the canonical encoding of an element other than the identity"
        )),
    }
}

/// A scalar that is uniform up to a distance of 2^-259, from 64 uniform bytes.
#[pyfunction]
fn ristretto_scalar<'py>(
    py: Python<'py>,
    random64: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let Ok(given) = random64.cast::<PyBytes>() else {
        return Err(PyTypeError::new_err("random64 must be bytes"));
    };
    let Ok(wide) = <[u8; 64]>::try_from(given.as_bytes()).map(Zeroizing::new) else {
        return refuse(format!(
            "random64 must be 64 bytes, not {}",
            given.as_bytes().len()
        ));
    };
    let scalar = Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide));
    if *scalar == Scalar::ZERO {
        return refuse("random64 is a multiple of the order of the group: it is not random");
    }
    Ok(PyBytes::new(py, scalar.as_bytes()))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ristretto_hash_mul, module)?)?;
    module.add_function(wrap_pyfunction!(ristretto_mul, module)?)?;
    module.add_function(wrap_pyfunction!(ristretto_scalar, module)?)
}
