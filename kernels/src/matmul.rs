//! Matrix products in Z_2^64 with a tall left matrix, which is read once, in the order of memory.
//!
//! The matrix may be in memory, as 64-bit words or as 32-bit signed numbers, or be a random stream expanded
//! block by block: a dealer who needs the product with a mask never stores the mask.
//! Sums wrap, so that the result does not depend on the order of addition or on the number of threads.

use std::borrow::Cow;
use std::ops::Range;

use numpy::ndarray::{ArrayView2, Ix2};
use numpy::{
    Element, PyArrayDescrMethods, PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{
    CHUNK_WORDS, SERIAL_WORDS, array, contiguous, count, finished, fresh, refuse, seed as seed_of,
    whole,
};
use crate::cpu::{Kernel, Level};
use crate::prg::Stream;

/// Words of a block that is first written to a buffer: 16 KiB stay in the first-level cache.
const BLOCK_WORDS: usize = 2048;

/// Rows taken at once by the inner loops.
const GROUP: usize = 4;

/// An element of the left matrix.
trait Word: Element + Copy + Default + Send + Sync {
    /// The element in Z_2^64.
    fn word(self) -> u64;

    /// Cuts a factor into halves (l, h), f = l + 2^32 h, that suit `product`.
    fn halves(factor: u64) -> (u64, u64);

    /// (p, q) with p + 2^32 q = element * factor, made of 32-bit multiplications.
    fn product(self, low: u64, high: u64) -> (u64, u64);
}

const LOW: u64 = 0xffff_ffff;

impl Word for u64 {
    #[inline(always)]
    fn word(self) -> u64 {
        self
    }

    #[inline(always)]
    fn halves(factor: u64) -> (u64, u64) {
        (factor & LOW, factor >> 32)
    }

    #[inline(always)]
    fn product(self, low: u64, high: u64) -> (u64, u64) {
        let crossed = ((self >> 32) * low).wrapping_add((self & LOW) * high);
        ((self & LOW) * low, crossed)
    }
}

impl Word for i32 {
    #[inline(always)]
    fn word(self) -> u64 {
        i64::from(self) as u64
    }

    // The low half is signed too, so that one signed multiplication gives its whole product.
    #[inline(always)]
    fn halves(factor: u64) -> (u64, u64) {
        let low = i64::from(factor as i32) as u64;
        (low, factor.wrapping_sub(low) >> 32)
    }

    #[inline(always)]
    fn product(self, low: u64, high: u64) -> (u64, u64) {
        let exact = i64::from(self).wrapping_mul(i64::from(low as i32)) as u64;
        (exact, u64::from(self as u32) * high)
    }
}

/// A matrix that can give any of its rows, side by side.
trait Rows: Sync {
    type Word: Word;

    /// How many rows to ask for at once, of those that a task has to do.
    fn block_rows(&self, width: usize, rows: usize) -> usize;

    /// The rows, in memory or written to the buffer.
    fn rows<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<Self::Word>)
    -> &'a [Self::Word];
}

struct InMemory<'a, W> {
    words: &'a [W],
    width: usize,
}

impl<W: Word> Rows for InMemory<'_, W> {
    type Word = W;

    fn block_rows(&self, _width: usize, rows: usize) -> usize {
        rows
    }

    fn rows<'a>(&'a self, range: Range<usize>, _buffer: &'a mut Vec<W>) -> &'a [W] {
        &self.words[range.start * self.width..range.end * self.width]
    }
}

/// Full blocks of whole groups, so that a block begins with an even word of a stream.
fn buffered_rows(width: usize, rows: usize) -> usize {
    (BLOCK_WORDS / width.max(1))
        .next_multiple_of(GROUP)
        .clamp(GROUP, rows.max(GROUP))
}

impl<W: Word> Rows for ArrayView2<'_, W> {
    type Word = W;

    fn block_rows(&self, width: usize, rows: usize) -> usize {
        buffered_rows(width, rows)
    }

    fn rows<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<W>) -> &'a [W] {
        buffer.clear();
        for row in range {
            buffer.extend(self.row(row).iter());
        }
        buffer
    }
}

struct Expanded {
    stream: Stream,
    width: usize,
}

impl Rows for Expanded {
    type Word = u64;

    fn block_rows(&self, width: usize, rows: usize) -> usize {
        buffered_rows(width, rows)
    }

    fn rows<'a>(&'a self, range: Range<usize>, buffer: &'a mut Vec<u64>) -> &'a [u64] {
        buffer.resize(range.len() * self.width, 0);
        self.stream.fill((range.start * self.width) as u64, buffer);
        buffer
    }
}

/// The products of some rows with each of several vectors, which lie one after another in `vectors`.
struct Dots<'a, W> {
    rows: &'a [W],
    width: usize,
    vectors: &'a [u64],
    out: &'a mut [u64],
}

#[inline(always)]
fn dots<W: Word, const N: usize, const WIDE_MUL: bool>(
    rows: [&[W]; N],
    vector: &[u64],
) -> [u64; N] {
    let rows = rows.map(|row| &row[..vector.len()]);
    let (mut low, mut high) = ([0u64; N], [0u64; N]);
    for (k, factor) in vector.iter().enumerate() {
        if WIDE_MUL {
            for (sum, row) in low.iter_mut().zip(rows) {
                *sum = sum.wrapping_add(row[k].word().wrapping_mul(*factor));
            }
        } else {
            let (l, h) = W::halves(*factor);
            for ((low, high), row) in low.iter_mut().zip(&mut high).zip(rows) {
                let (p, q) = row[k].product(l, h);
                *low = low.wrapping_add(p);
                *high = high.wrapping_add(q);
            }
        }
    }
    std::array::from_fn(|n| low[n].wrapping_add(high[n] << 32))
}

impl<W: Word> Kernel for Dots<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<const WIDE_MUL: bool>(self) {
        let (width, count) = (self.width, self.vectors.len() / self.width);
        let (groups, singles) = (
            self.rows.chunks_exact(GROUP * width),
            self.rows.chunks_exact(GROUP * width).remainder(),
        );
        let done = groups.len() * GROUP * count;
        let (out_groups, out_singles) = self.out.split_at_mut(done);
        for (group, out) in groups.zip(out_groups.chunks_exact_mut(GROUP * count)) {
            let rows: [&[W]; GROUP] = std::array::from_fn(|r| &group[r * width..(r + 1) * width]);
            for (j, vector) in self.vectors.chunks_exact(width).enumerate() {
                let sums = dots::<W, GROUP, WIDE_MUL>(rows, vector);
                for (r, sum) in sums.iter().enumerate() {
                    out[r * count + j] = *sum;
                }
            }
        }
        for (row, out) in singles
            .chunks_exact(width)
            .zip(out_singles.chunks_exact_mut(count))
        {
            for (vector, sum) in self.vectors.chunks_exact(width).zip(out) {
                [*sum] = dots::<W, 1, WIDE_MUL>([row], vector);
            }
        }
    }
}

/// Adds to each of several sums of rows, which lie one after another in `sums`, the rows times their factors:
/// row i has factor j of sum j in `factors[i * count + j]`.
struct Sums<'a, W> {
    rows: &'a [W],
    width: usize,
    factors: &'a [u64],
    sums: &'a mut [u64],
}

#[inline(always)]
fn add_rows<W: Word, const N: usize, const WIDE_MUL: bool>(
    rows: [&[W]; N],
    factors: [u64; N],
    sum: &mut [u64],
) {
    let rows = rows.map(|row| &row[..sum.len()]);
    let halves = factors.map(W::halves);
    for (k, total) in sum.iter_mut().enumerate() {
        let (mut low, mut high) = (0u64, 0u64);
        for r in 0..N {
            if WIDE_MUL {
                low = low.wrapping_add(rows[r][k].word().wrapping_mul(factors[r]));
            } else {
                let (p, q) = rows[r][k].product(halves[r].0, halves[r].1);
                low = low.wrapping_add(p);
                high = high.wrapping_add(q);
            }
        }
        *total = total.wrapping_add(low).wrapping_add(high << 32);
    }
}

impl<W: Word> Kernel for Sums<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<const WIDE_MUL: bool>(self) {
        let (width, count) = (self.width, self.sums.len() / self.width);
        let groups = self.rows.chunks_exact(GROUP * width);
        let singles = groups.remainder();
        let factor_groups = self.factors.chunks_exact(GROUP * count);
        let factor_singles = factor_groups.remainder();
        for (group, factors) in groups.zip(factor_groups) {
            let rows: [&[W]; GROUP] = std::array::from_fn(|r| &group[r * width..(r + 1) * width]);
            for (j, sum) in self.sums.chunks_exact_mut(width).enumerate() {
                let factors = std::array::from_fn(|r| factors[r * count + j]);
                add_rows::<W, GROUP, WIDE_MUL>(rows, factors, sum);
            }
        }
        for (row, factors) in singles
            .chunks_exact(width)
            .zip(factor_singles.chunks_exact(count))
        {
            for (factor, sum) in factors.iter().zip(self.sums.chunks_exact_mut(width)) {
                add_rows::<W, 1, WIDE_MUL>([row], [*factor], sum);
            }
        }
    }
}

/// Rows of one task: whole groups, some CHUNK_WORDS, everything if that is not worth sharing.
fn rows_each(n: usize, width: usize) -> usize {
    if n.saturating_mul(width) < SERIAL_WORDS {
        n.max(1)
    } else {
        (CHUNK_WORDS / width).next_multiple_of(GROUP).max(GROUP)
    }
}

fn blocks(range: Range<usize>, each: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range
        .step_by(each)
        .map(move |from| from..(from + each).min(end))
}

/// out (n, m) = rows (n, width) times b (width, m).
fn multiply<R: Rows>(rows: &R, width: usize, b: &[u64], m: usize, out: &mut [u64], level: Level) {
    if out.is_empty() || width == 0 {
        return out.fill(0);
    }
    let vectors: Cow<'_, [u64]> = if m == 1 {
        b.into()
    } else {
        (0..m)
            .flat_map(|j| b.iter().skip(j).step_by(m).copied())
            .collect()
    };
    let (n, vectors) = (out.len() / m, &vectors[..]);
    let each = rows_each(n, width);
    let task = |from: usize, part: &mut [u64]| {
        let mut buffer = Vec::new();
        let to = from + part.len() / m;
        let step = rows.block_rows(width, to - from);
        for (range, out) in blocks(from..to, step).zip(part.chunks_mut(step * m)) {
            level.run(Dots {
                rows: rows.rows(range, &mut buffer),
                width,
                vectors,
                out,
            });
        }
    };
    if each >= n {
        task(0, out);
    } else {
        out.par_chunks_mut(each * m)
            .enumerate()
            .for_each(|(index, part)| task(index * each, part));
    }
}

/// The transpose of (rows (n, width), transposed, times b (n, m)): m sums of rows, one after another.
fn multiply_t<R: Rows>(
    rows: &R,
    n: usize,
    width: usize,
    b: &[u64],
    m: usize,
    level: Level,
) -> Vec<u64> {
    let zeros = || vec![0u64; m * width];
    if n == 0 || width == 0 || m == 0 {
        return zeros();
    }
    let each = rows_each(n, width);
    let task = |mut sums: Vec<u64>, part: Range<usize>| {
        let mut buffer = Vec::new();
        let step = rows.block_rows(width, part.len());
        for range in blocks(part, step) {
            let factors = &b[range.start * m..range.end * m];
            level.run(Sums {
                rows: rows.rows(range, &mut buffer),
                width,
                factors,
                sums: &mut sums,
            });
        }
        sums
    };
    if each >= n {
        return task(zeros(), 0..n);
    }
    (0..n.div_ceil(each))
        .into_par_iter()
        .map(|index| index * each..((index + 1) * each).min(n))
        .fold(zeros, task)
        .reduce(zeros, |mut left, right| {
            for (sum, other) in left.iter_mut().zip(right) {
                *sum = sum.wrapping_add(other);
            }
            left
        })
}

/// The right-hand side with its number of columns; `length` rows are expected.
fn right<'py>(
    b: &Bound<'py, PyAny>,
    length: usize,
) -> PyResult<(PyReadonlyArrayDyn<'py, u64>, usize)> {
    let b = contiguous::<u64>("b", b)?;
    let m = match b.shape() {
        [_] => 1,
        [_, m] => *m,
        shape => {
            return refuse(format!(
                "b must have 1 or 2 dimensions, not {}",
                shape.len()
            ));
        }
    };
    if b.shape()[0] != length {
        let given = b.shape()[0];
        return refuse(format!("b must have {length} rows to fit a, not {given}"));
    }
    Ok((b, m))
}

fn result_shape(first: usize, b: &PyReadonlyArrayDyn<'_, u64>) -> Vec<usize> {
    let columns = b.shape().get(1).copied();
    std::iter::once(first).chain(columns).collect()
}

fn product<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    [n, d]: [usize; 2],
    b: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let (b, m) = right(b, d)?;
    let mut out = fresh::<u64>(py, &result_shape(n, &b))?;
    let (given, words) = (b.as_slice()?, out.as_slice_mut()?);
    py.detach(|| multiply(rows, d, given, m, words, Level::best()));
    Ok(finished(out))
}

fn product_t<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    [n, d]: [usize; 2],
    b: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let (b, m) = right(b, n)?;
    let mut out = fresh::<u64>(py, &result_shape(d, &b))?;
    let (given, words) = (b.as_slice()?, out.as_slice_mut()?);
    py.detach(|| {
        let sums = multiply_t(rows, n, d, given, m, Level::best());
        for (j, sum) in sums.chunks_exact(d.max(1)).enumerate() {
            for (k, word) in sum.iter().enumerate() {
                words[k * m + j] = *word;
            }
        }
        if sums.is_empty() {
            words.fill(0);
        }
    });
    Ok(finished(out))
}

/// The left matrix: its shape, and its rows where they are contiguous.
fn left<'py, W: Word>(a: &Bound<'py, PyAny>) -> PyResult<(PyReadonlyArrayDyn<'py, W>, [usize; 2])> {
    let a = array::<W>("a", a)?;
    let size = std::mem::size_of::<W>() as isize;
    let &[n, d] = a.shape() else {
        return refuse(format!("a must have 2 dimensions, not {}", a.ndim()));
    };
    let aligned = a.is_aligned() && a.strides().iter().all(|stride| stride % size == 0);
    if !aligned || (d > 1 && n > 0 && a.strides()[1] != size) {
        return refuse("a must have aligned rows whose elements lie side by side (C order)");
    }
    Ok((a, [n, d]))
}

/// What to do with a left matrix, whichever kind it is of.
trait Use<'py> {
    fn apply<R: Rows>(&self, rows: &R, shape: [usize; 2]) -> PyResult<Bound<'py, PyArrayDyn<u64>>>;
}

fn with_left<'py, W: Word>(
    a: &Bound<'py, PyAny>,
    user: &impl Use<'py>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let (a, shape) = left::<W>(a)?;
    if a.is_c_contiguous() {
        let words = a.as_slice()?;
        return user.apply(
            &InMemory {
                words,
                width: shape[1],
            },
            shape,
        );
    }
    match a.as_array().into_dimensionality::<Ix2>() {
        Ok(view) => user.apply(&view, shape),
        Err(_) => refuse("a must have 2 dimensions"),
    }
}

fn with_any_left<'py>(
    a: &Bound<'py, PyAny>,
    user: &impl Use<'py>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    if let Ok(untyped) = a.cast::<PyUntypedArray>()
        && untyped.dtype().is_equiv_to(&numpy::dtype::<i32>(a.py()))
    {
        return with_left::<i32>(a, user);
    }
    with_left::<u64>(a, user)
}

struct Plain<'a, 'py>(&'a Bound<'py, PyAny>);
struct Transposed<'a, 'py>(&'a Bound<'py, PyAny>);

impl<'py> Use<'py> for Plain<'_, 'py> {
    fn apply<R: Rows>(&self, rows: &R, shape: [usize; 2]) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
        product(self.0.py(), rows, shape, self.0)
    }
}

impl<'py> Use<'py> for Transposed<'_, 'py> {
    fn apply<R: Rows>(&self, rows: &R, shape: [usize; 2]) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
        product_t(self.0.py(), rows, shape, self.0)
    }
}

/// a @ b.
#[pyfunction]
fn matmul<'py>(
    a: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    with_any_left(a, &Plain(b))
}

/// a.T @ b.
#[pyfunction]
fn matmul_t<'py>(
    a: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    with_any_left(a, &Transposed(b))
}

fn expanded(
    seed: &Bound<'_, PyAny>,
    id: &Bound<'_, PyAny>,
    n: &Bound<'_, PyAny>,
    d: &Bound<'_, PyAny>,
) -> PyResult<(Expanded, [usize; 2])> {
    let stream = Stream::new(&seed_of(seed)?, whole("id", id)?);
    let (n, d) = (whole("n", n)?, whole("d", d)?);
    count("n * d", &[n, d])?;
    let shape = [count("n", &[n])?, count("d", &[d])?];
    Ok((
        Expanded {
            stream,
            width: shape[1],
        },
        shape,
    ))
}

/// PRG(seed, id) as an (n, d) matrix, @ b.
#[pyfunction]
fn prg_matmul<'py>(
    seed: &Bound<'py, PyAny>,
    id: &Bound<'py, PyAny>,
    n: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let (rows, shape) = expanded(seed, id, n, d)?;
    product(b.py(), &rows, shape, b)
}

/// PRG(seed, id) as an (n, d) matrix, transposed, @ b.
#[pyfunction]
fn prg_matmul_t<'py>(
    seed: &Bound<'py, PyAny>,
    id: &Bound<'py, PyAny>,
    n: &Bound<'py, PyAny>,
    d: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u64>>> {
    let (rows, shape) = expanded(seed, id, n, d)?;
    product_t(b.py(), &rows, shape, b)
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(matmul, module)?)?;
    module.add_function(wrap_pyfunction!(matmul_t, module)?)?;
    module.add_function(wrap_pyfunction!(prg_matmul, module)?)?;
    module.add_function(wrap_pyfunction!(prg_matmul_t, module)?)
}
