//! Which part of planes arrays and random streams a call is about.

use numpy::PyReadonlyArrayDyn;
use pyo3::prelude::*;

use crate::arrays::{contiguous, count, refuse, whole};
use crate::planes::{TILE_VALUES, words_of};
use crate::prg::Stream;

/// Values, and their place in random streams.
pub struct Span {
    /// How many.
    pub n: usize,
    /// How many there are before them.
    pub offset: u64,
}

impl Span {
    /// From Python, checked.
    pub fn new(n: &Bound<'_, PyAny>, offset: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (n, offset) = (whole("n", n)?, whole("offset", offset)?);
        if offset % TILE_VALUES as u64 != 0 {
            return refuse(format!("offset must be a multiple of {TILE_VALUES}"));
        }
        if offset.checked_add(n).is_none_or(|end| end > 1 << 48) {
            return refuse("offset + n must be at most 2^48");
        }
        Ok(Span {
            n: count("n", &[n])?,
            offset,
        })
    }

    /// The first word, in the stream of so many planes, of the tile that starts at this value.
    pub fn word(&self, planes: usize, start: usize) -> u64 {
        (self.offset + start as u64) / 64 * planes as u64
    }

    /// Refuses a planes array of another length.
    pub fn check(&self, name: &str, words: usize, planes: usize) -> PyResult<()> {
        let expected = planes * words_of(self.n);
        if words == expected {
            return Ok(());
        }
        refuse(format!(
            "{name} must have {expected} words ({planes} planes of {} values), not {words}",
            self.n
        ))
    }
}

/// Shares from the dealer's message, or from a random stream for parties who have a seed of it.
pub struct Dealt<'a> {
    message: Option<&'a [u64]>,
    stream: Stream,
}

impl<'a> Dealt<'a> {
    /// The message is checked; the stream is used where there is none.
    pub fn new(
        name: &str,
        message: &'a Option<PyReadonlyArrayDyn<'_, u64>>,
        stream: Stream,
        span: &Span,
        planes: usize,
    ) -> PyResult<Self> {
        let message = match message {
            Some(array) => Some(array.as_slice()?),
            None => None,
        };
        if let Some(words) = message {
            span.check(name, words.len(), planes)?;
        }
        Ok(Dealt { message, stream })
    }

    /// The tile that starts at this value.
    pub fn tile<'b>(
        &'b self,
        span: &Span,
        planes: usize,
        start: usize,
        words: usize,
        buffer: &'b mut Vec<u64>,
    ) -> &'b [u64] {
        match self.message {
            Some(all) => &all[start / 64 * planes..][..planes * words],
            None => {
                buffer.resize(planes * words, 0);
                self.stream.fill(span.word(planes, start), buffer);
                buffer
            }
        }
    }
}

/// An array or None.
pub fn optional<'py>(
    name: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<Option<PyReadonlyArrayDyn<'py, u64>>> {
    if value.is_none() {
        Ok(None)
    } else {
        contiguous(name, value).map(Some)
    }
}
