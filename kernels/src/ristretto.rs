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
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, Zeroizing};

use crate::arrays::{finished, fresh, refuse, rows_of};
use crate::elements::{Elements, Scalars, multiply};
use crate::hashing::{WIDTH, bytes32};

/// One hash or one encoded element.
pub type Row = [u8; WIDTH];

/// Separates these hashes from those of any other protocol (RFC 9380, sections 3.1 and 8.10).
const DOMAIN: &[u8] = b"coterie-psi-v1-ristretto255_XMD:SHA-512_R255MAP_RO_";

/// expand_message_xmd with SHA-512 (RFC 9380, section 5.3.1), filling `out`: 1 to 255 · 64 bytes. The tag must
/// be at most 255 bytes.
pub fn expand_message(message: &[u8], domain: &[u8], out: &mut [u8]) {
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

/// The element that these bytes encode; None for the identity and for what encodes no element.
pub fn decode(row: &Row) -> Option<RistrettoPoint> {
    let element = CompressedRistretto(*row).decompress()?;
    (!element.is_identity()).then_some(element)
}

/// A canonical scalar that is not zero.
pub fn scalar_of(value: &Bound<'_, PyAny>) -> PyResult<Zeroizing<Scalar>> {
    let mut bytes = bytes32("scalar", value)?;
    let scalar = Option::<Scalar>::from(Scalar::from_canonical_bytes(bytes)).map(Zeroizing::new);
    bytes.zeroize();
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
    let emit = |_: usize, product: &Row, out: &mut [u8]| out.copy_from_slice(product);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal"))
            .collect()
    }

    /// RFC 9380, appendix K.3.
    #[test]
    fn messages_expand_as_the_rfc_says() {
        const TAG: &[u8] = b"QUUX-V01-CS02-with-expander-SHA512-256";
        let (q128, a512) = (
            format!("q128_{}", "q".repeat(128)),
            format!("a512_{}", "a".repeat(512)),
        );
        let vectors = [
            (
                "",
                "6b9a7312411d92f921c6f68ca0b6380730a1a4d982c507211a90964c394179ba",
            ),
            (
                "abc",
                "0da749f12fbe5483eb066a5f595055679b976e93abe9be6f0f6318bce7aca8dc",
            ),
            (
                "abcdef0123456789",
                "087e45a86e2939ee8b91100af1583c4938e0f5fc6c9db4b107b83346bc967f58",
            ),
            (
                &q128,
                "7336234ee9983902440f6bc35b348352013becd88938d2afec44311caf8356b3",
            ),
            (
                &a512,
                "57b5f7e766d5be68a6bfe1768e3c2b7f1228b3e4b3134956dd73a59b954c66f4",
            ),
            (
                "",
                "41b037d1734a5f8df225dd8c7de38f851efdb45c372887be655212d07251b921\
                 b052b62eaed99b46f72f2ef4cc96bfaf254ebbbec091e1a3b9e4fb5e5b619d2e\
                 0c5414800a1d882b62bb5cd1778f098b8eb6cb399d5d9d18f5d5842cf5d13d7e\
                 b00a7cff859b605da678b318bd0e65ebff70bec88c753b159a805d2c89c55961",
            ),
            (
                "abc",
                "7f1dddd13c08b543f2e2037b14cefb255b44c83cc397c1786d975653e36a6b11\
                 bdd7732d8b38adb4a0edc26a0cef4bb45217135456e58fbca1703cd6032cb134\
                 7ee720b87972d63fbf232587043ed2901bce7f22610c0419751c065922b48843\
                 1851041310ad659e4b23520e1772ab29dcdeb2002222a363f0c2b1c972b3efe1",
            ),
            (
                "abcdef0123456789",
                "3f721f208e6199fe903545abc26c837ce59ac6fa45733f1baaf0222f8b7acb04\
                 24814fcb5eecf6c1d38f06e9d0a6ccfbf85ae612ab8735dfdf9ce84c372a77c8\
                 f9e1c1e952c3a61b7567dd0693016af51d2745822663d0c2367e3f4f0bed827f\
                 eecc2aaf98c949b5ed0d35c3f1023d64ad1407924288d366ea159f46287e61ac",
            ),
            (
                &q128,
                "b799b045a58c8d2b4334cf54b78260b45eec544f9f2fb5bd12fb603eaee70db7\
                 317bf807c406e26373922b7b8920fa29142703dd52bdf280084fb7ef69da78af\
                 df80b3586395b433dc66cde048a258e476a561e9deba7060af40adf30c64249c\
                 a7ddea79806ee5beb9a1422949471d267b21bc88e688e4014087a0b592b695ed",
            ),
            (
                &a512,
                "05b0bfef265dcee87654372777b7c44177e2ae4c13a27f103340d9cd11c86cb2\
                 426ffcad5bd964080c2aee97f03be1ca18e30a1f14e27bc11ebbd650f305269c\
                 c9fb1db08bf90bfc79b42a952b46daf810359e7bc36452684784a64952c343c5\
                 2e5124cd1f71d474d5197fefc571a92929c9084ffe1112cf5eea5192ebff330b",
            ),
        ];
        for (message, expected) in vectors {
            let expected = unhex(expected);
            let mut out = vec![0; expected.len()];
            expand_message(message.as_bytes(), TAG, &mut out);
            assert_eq!(out, expected, "{} bytes of {message:?}", out.len());
        }
    }
}
