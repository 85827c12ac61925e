//! Hashing to the group Ristretto255 (RFC 9496) and multiplying many of its elements by one secret scalar.
//!
//! Scalars are used in constant time. Encodings are decoded strictly: one element has one encoding, and the
//! identity, of which every multiple is the identity, is refused.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

use crate::arrays::{finished, fresh, refuse, rows_of};
use crate::elements::{Elements, Scalars, multiply};
use crate::hashing::{WIDTH, bytes32};

/// One hash or one encoded element.
pub type Row = [u8; WIDTH];

/// Separates these hashes from those of any other protocol (RFC 9380, sections 3.1 and 8.10).
const DOMAIN: &[u8] = b"coterie-psi-v1-ristretto255_XMD:SHA-512_R255MAP_RO_";

/// The element that these bytes encode; None for the identity and for what encodes no element.
pub fn decode(row: &Row) -> Option<RistrettoPoint> {
    let element = CompressedRistretto(*row).decompress()?;
    (!element.is_identity()).then_some(element)
}

/// A canonical scalar that is not zero.
pub fn scalar_of(value: &Bound<'_, PyAny>) -> PyResult<Zeroizing<Scalar>> {
    let bytes = bytes32("scalar", value)?;
    let scalar = Option::<Scalar>::from(Scalar::from_canonical_bytes(*bytes)).map(Zeroizing::new);
    match scalar {
        Some(scalar) if *scalar != Scalar::ZERO => Ok(scalar),
        Some(_) => refuse("scalar must not be zero"),
        None => refuse("scalar must be below the order of the group"),
    }
}

/// Each row hashed to the group, times scalar.
#[pyfunction]
fn ristretto_hash_mul<'py>(
    py: Python<'py>,
    hashes: &Bound<'py, PyAny>,
    scalar: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (scalar, hashes) = (scalar_of(scalar)?, rows_of::<WIDTH>("hashes", hashes)?);
    let elements = Elements::Hashed {
        messages: hashes.as_slice()?,
        width: WIDTH,
        domain: DOMAIN,
    };
    multiplied(py, "hashes", elements, hashes.shape(), &scalar)
}

/// Each encoded element times scalar.
#[pyfunction]
fn ristretto_mul<'py>(
    py: Python<'py>,
    points: &Bound<'py, PyAny>,
    scalar: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let (scalar, points) = (scalar_of(scalar)?, rows_of::<WIDTH>("points", points)?);
    let (rows, _) = points.as_slice()?.as_chunks::<WIDTH>();
    multiplied(
        py,
        "points",
        Elements::Encoded(rows),
        points.shape(),
        &scalar,
    )
}

fn multiplied<'py>(
    py: Python<'py>,
    name: &str,
    elements: Elements,
    shape: &[usize],
    scalar: &Scalar,
) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
    let mut out = fresh::<u8>(py, shape)?;
    let filled = out.as_slice_mut()?;
    let emit = |_: usize, products: &[Row], out: &mut [u8]| {
        out.copy_from_slice(products.as_flattened());
    };
    match py.detach(|| multiply(elements, Scalars::One(scalar), WIDTH, filled, emit)) {
        Ok(()) => Ok(finished(out)),
        Err(row) => no_element(name, row),
    }
}

/// What a row says that is none.
pub fn no_element<T>(name: &str, row: usize) -> PyResult<T> {
    refuse(format!(
        "row {row} of {name} is not the canonical encoding of an element other than the identity"
    ))
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
