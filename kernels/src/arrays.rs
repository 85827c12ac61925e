//! Arguments from Python, checked: every refusal is an exception that names the argument.

use numpy::{
    Element, PyArray, PyArrayDescr, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn,
    PyReadwriteArrayDyn, PyUntypedArray, PyUntypedArrayMethods, ndarray::IxDyn,
};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyTuple};
use zeroize::Zeroizing;

/// Below this many words a kernel stays on the calling thread: waking others costs some 10 µs.
pub const SERIAL_WORDS: usize = 1 << 15;

/// Words per piece of work of a parallel kernel: large against the cost of a task, small against a cache.
pub const CHUNK_WORDS: usize = 1 << 14;

/// A `ValueError`.
pub fn refuse<T>(message: impl Into<String>) -> PyResult<T> {
    Err(PyValueError::new_err(message.into()))
}

/// A whole number from 0 to 2^64 - 1.
pub fn whole(name: &str, number: &Bound<'_, PyAny>) -> PyResult<u64> {
    number.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(number.py()) {
            PyValueError::new_err(format!("{name} must be from 0 to 2^64 - 1"))
        } else {
            PyTypeError::new_err(format!("{name} must be a whole number"))
        }
    })
}

/// A whole number within limits.
pub fn within(name: &str, number: &Bound<'_, PyAny>, least: u64, most: u64) -> PyResult<u32> {
    match whole(name, number) {
        Ok(value) if (least..=most).contains(&value) => Ok(value as u32),
        Err(error) if !error.is_instance_of::<PyValueError>(number.py()) => Err(error),
        _ => refuse(format!("{name} must be from {least} to {most}")),
    }
}

/// How many words, given as factors: refused where an array of them could not be addressed.
pub fn count(name: &str, factors: &[u64]) -> PyResult<usize> {
    let product = factors
        .iter()
        .try_fold(1u64, |product, factor| product.checked_mul(*factor));
    match product {
        Some(words) if words <= (isize::MAX as u64) / 8 => Ok(words as usize),
        _ => refuse(format!("{name} is too large")),
    }
}

/// A seed of 16 bytes, which is overwritten when it is dropped.
pub fn seed(bytes: &Bound<'_, PyAny>) -> PyResult<Zeroizing<[u8; 16]>> {
    let Ok(bytes) = bytes.cast::<PyBytes>() else {
        return Err(PyTypeError::new_err("a seed must be bytes"));
    };
    match bytes.as_bytes().try_into() {
        Ok(seed) => Ok(Zeroizing::new(seed)),
        Err(_) => refuse(format!(
            "a seed must be 16 bytes, not {}",
            bytes.as_bytes().len()
        )),
    }
}

/// Any number of seeds, as [`seed`].
pub fn seeds(list: &[Bound<'_, PyAny>]) -> PyResult<Zeroizing<Vec<[u8; 16]>>> {
    // Of its size from the start: a vector that grows leaves copies behind.
    let mut all = Zeroizing::new(Vec::with_capacity(list.len()));
    for one in list {
        all.push(*seed(one)?);
    }
    Ok(all)
}

/// An array of the given element type, any shape and layout.
pub fn array<'py, T: Element>(
    name: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    let py = value.py();
    let Ok(untyped) = value.cast::<PyUntypedArray>() else {
        return Err(PyTypeError::new_err(format!("{name} must be an array")));
    };
    match value.cast::<PyArrayDyn<T>>() {
        Ok(typed) => Ok(typed.try_readonly()?),
        Err(_) => refuse(format!(
            "{name} must have elements of type {}, not {}",
            PyArrayDescr::of::<T>(py),
            untyped.dtype()
        )),
    }
}

/// A C-contiguous array of the given element type and any shape.
pub fn contiguous<'py, T: Element>(
    name: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    let array = array(name, value)?;
    if array.as_slice().is_err() || !array.is_c_contiguous() {
        return refuse(format!("{name} must be C-contiguous and aligned"));
    }
    Ok(array)
}

/// A C-contiguous array of rows of so many bytes: of shape (n, WIDTH).
pub fn rows_of<'py, const WIDTH: usize>(
    name: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<PyReadonlyArrayDyn<'py, u8>> {
    let array = contiguous::<u8>(name, value)?;
    match array.shape() {
        [_, width] if *width == WIDTH => Ok(array),
        shape => refuse(format!(
            "{name} must have shape (n, {WIDTH}), not {shape:?}"
        )),
    }
}

/// An array of this shape to be filled: memory of NumPy's own, huge pages and `MemoryError` included.
pub fn fresh<'py, T: Element>(
    py: Python<'py>,
    shape: &[usize],
) -> PyResult<PyReadwriteArrayDyn<'py, T>> {
    static EMPTY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let empty = EMPTY.import(py, "numpy", "empty")?;
    let array = empty.call1((PyTuple::new(py, shape)?, PyArrayDescr::of::<T>(py)))?;
    let array = array.cast_into::<PyArray<T, IxDyn>>()?;
    Ok(array.try_readwrite()?)
}

/// The filled array, for Python.
pub fn finished<'py, T: Element>(array: PyReadwriteArrayDyn<'py, T>) -> Bound<'py, PyArrayDyn<T>> {
    (**array).clone()
}
