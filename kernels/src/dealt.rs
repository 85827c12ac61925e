//! A party's shares of what the dealer chose.

use std::ops::Range;

use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::arrays::{contiguous, refuse, seed as seed_of};
use crate::prg::Stream;

/// The argument `shares`, where it was given.
pub type Given<'py> = Option<PyReadonlyArrayDyn<'py, u64>>;

/// The argument as an array.
pub fn given<'py>(shares: Option<&Bound<'py, PyAny>>) -> PyResult<Given<'py>> {
    shares
        .map(|shares| contiguous::<u64>("shares", shares))
        .transpose()
}

/// A party's shares: sent by the dealer, or made where they are needed.
pub enum Shares<'a> {
    /// Sent.
    Given(&'a [u64]),
    /// Made from this party's seed.
    Expanded(Box<Stream>),
}

impl<'a> Shares<'a> {
    /// Exactly one of array and seed, the array of ``size`` words.
    pub fn new(
        given: &'a Given<'_>,
        seed: Option<&Bound<'_, PyAny>>,
        id: u64,
        size: usize,
    ) -> PyResult<Self> {
        match (given, seed) {
            (Some(given), None) if given.len() == size => Ok(Shares::Given(given.as_slice()?)),
            (Some(given), None) => refuse(format!(
                "shares must have {size} elements, not {}",
                given.len()
            )),
            (None, Some(seed)) => Ok(Shares::Expanded(Box::new(Stream::new(
                &*seed_of(seed)?,
                id,
            )))),
            _ => refuse("give either shares or a seed"),
        }
    }

    /// Some of them, in memory or written to the buffer.
    pub fn words<'b>(&'b self, range: Range<usize>, buffer: &'b mut Vec<u64>) -> &'b [u64] {
        match self {
            Shares::Given(words) => &words[range],
            Shares::Expanded(stream) => {
                buffer.resize(range.len(), 0);
                stream.fill(range.start as u64, buffer);
                buffer
            }
        }
    }
}
