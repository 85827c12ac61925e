//! Where the rows of a left matrix come from.

use std::ops::Range;

use numpy::ndarray::ArrayView2;

use crate::prg::Stream;
use crate::products::{AHEAD, Word};
use crate::simd::prefetch;

/// A matrix that can give any of its rows, side by side.
pub trait Rows: Sync {
    /// Its elements.
    type Word: Word;

    /// Whether rows are where they are, rather than written to the buffer.
    const IN_PLACE: bool;

    /// The rows, in memory or written to the buffer.
    fn rows<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<Self::Word>)
    -> &'a [Self::Word];
}

/// Rows that follow each other in memory.
pub struct InMemory<'a, W> {
    /// All elements.
    pub words: &'a [W],
    /// Elements of a row.
    pub width: usize,
}

impl<W: Word> Rows for InMemory<'_, W> {
    type Word = W;
    const IN_PLACE: bool = true;

    fn rows<'a>(&'a self, range: Range<usize>, _buffer: &'a mut Vec<W>) -> &'a [W] {
        &self.words[range.start * self.width..range.end * self.width]
    }
}

// Rows with gaps between them, such as a slice of columns.
impl<W: Word> Rows for ArrayView2<'_, W> {
    type Word = W;
    const IN_PLACE: bool = false;

    fn rows<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<W>) -> &'a [W] {
        let element = size_of::<W>() as isize;
        let ahead = AHEAD / (self.ncols() as isize * element).max(1) + 1;
        let bytes_ahead = ahead * self.strides()[0] * element;
        buffer.clear();
        for row in range {
            match self.row(row).to_slice() {
                Some(words) => {
                    prefetch(words, bytes_ahead);
                    buffer.extend_from_slice(words);
                }
                None => buffer.extend(self.row(row)),
            }
        }
        buffer
    }
}

/// Rows cut from a random stream.
pub struct Expanded {
    /// The stream, from its first word on.
    pub stream: Stream,
    /// Words of a row.
    pub width: usize,
}

impl Rows for Expanded {
    type Word = u64;
    const IN_PLACE: bool = false;

    fn rows<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<u64>) -> &'a [u64] {
        buffer.resize(range.len() * self.width, 0);
        self.stream.fill((range.start * self.width) as u64, buffer);
        buffer
    }
}
