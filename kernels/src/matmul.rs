//! Matrix products in Z_2^64 with a tall left matrix, which is read once, in the order of memory. Where no matrix
//! is narrow, `packed.rs` is faster.
//!
//! The matrix may be in memory, as 64-bit words or as 32-bit signed numbers, or be a random stream expanded
//! block by block: a dealer who needs the product with a mask never stores the mask.
//! Sums wrap, so that the result does not depend on the order of addition or on the number of threads.

use std::borrow::Cow;
use std::ops::Range;

use numpy::ndarray::Ix2;
use numpy::{
    PyArrayDescrMethods, PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{
    CHUNK_WORDS, SERIAL_WORDS, array, contiguous, count, finished, fresh, refuse, seed as seed_of,
    whole,
};
use crate::cpu::Level;
use crate::packed;
use crate::prg::Stream;
use crate::products::{Dots, GROUP, WeightedSum, Word};
use crate::rows::{Expanded, InMemory, Rows};
use crate::tiles::Outer;

/// Words of a block that is first written to a buffer: 16 KiB stay in the first-level cache.
const BLOCK_WORDS: usize = 2048;

/// Up to this many right-hand vectors, rows are multiplied with one after another; beyond, tiles are faster.
const FEW: usize = 4;

/// Rows of one task: whole groups, some CHUNK_WORDS, everything if that is not worth sharing.
fn rows_each(n: usize, width: usize, m: usize) -> usize {
    if n.saturating_mul(width).saturating_mul(m) < SERIAL_WORDS {
        n.max(1)
    } else {
        (CHUNK_WORDS / width).next_multiple_of(GROUP).max(GROUP)
    }
}

/// Cuts a task into blocks of whole groups, so that a block begins with an even word of a stream; or not at all.
fn blocks(range: Range<usize>, width: usize, cut: bool) -> impl Iterator<Item = Range<usize>> {
    let each = if cut {
        (BLOCK_WORDS / width).next_multiple_of(GROUP).max(GROUP)
    } else {
        range.len().max(1)
    };
    let end = range.end;
    let starts = range.step_by(each);
    starts.map(move |from| from..end.min(from + each))
}

/// out (n, m) = rows (n, width) times b (width, m).
fn multiply<R: Rows>(rows: &R, width: usize, b: &[u64], m: usize, out: &mut [u64], level: Level) {
    if out.is_empty() || width == 0 {
        return out.fill(0);
    }
    let vectors: Cow<'_, [u64]> = match m {
        1 => b.into(),
        2..=FEW => (0..m * width)
            .map(|at| b[at % width * m + at / width])
            .collect(),
        _ => Cow::Borrowed(&[]),
    };
    let (n, far) = (out.len() / m, R::IN_PLACE);
    let each = rows_each(n, width, m);
    let task = |from: usize, part: &mut [u64]| {
        let mut buffer = Vec::new();
        for range in blocks(from..from + part.len() / m, width, !R::IN_PLACE) {
            let out = &mut part[(range.start - from) * m..(range.end - from) * m];
            let rows = rows.rows(range, &mut buffer);
            if m <= FEW {
                let vectors = &vectors;
                level.run(Dots {
                    rows,
                    width,
                    vectors,
                    out,
                    far,
                });
            } else {
                out.fill(0);
                let (vectors, factors) = (b, rows);
                level.run(Outer {
                    vectors,
                    width: m,
                    factors,
                    step: 1,
                    far,
                    stride: width,
                    out,
                });
            }
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
fn multiply_t<R: Rows>(rows: &R, width: usize, b: &[u64], m: usize, level: Level) -> Vec<u64> {
    let zeros = || vec![0u64; m * width];
    if b.is_empty() || width == 0 {
        return zeros();
    }
    let n = b.len() / m;
    let each = rows_each(n, width, m);
    let task = |mut sums: Vec<u64>, part: Range<usize>| {
        let mut buffer = Vec::new();
        for range in blocks(part, width, m > 1 || !R::IN_PLACE) {
            let factors = &b[range.start * m..range.end * m];
            let (rows, out) = (rows.rows(range, &mut buffer), &mut sums[..]);
            if m == 1 {
                level.run(WeightedSum {
                    rows,
                    factors,
                    sum: out,
                    far: R::IN_PLACE,
                });
            } else {
                level.run(Outer {
                    vectors: rows,
                    width,
                    factors,
                    step: m,
                    far: false,
                    stride: 1,
                    out,
                });
            }
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
    py.detach(|| {
        if packed::pays(n, d, m) {
            packed::multiply(rows, d, given, m, words, Level::best());
        } else {
            multiply(rows, d, given, m, words, Level::best());
        }
    });
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
        if packed::pays_transposed(n, d, m) {
            return words.copy_from_slice(&packed::multiply_t(rows, d, given, m, Level::best()));
        }
        let sums = multiply_t(rows, d, given, m, Level::best());
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
    let stream = Stream::new(&*seed_of(seed)?, whole("id", id)?);
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
