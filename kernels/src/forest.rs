//! Boosted trees on columns of bins: the bins of values, sums of derivatives by bin, rows by node.
//!
//! Columns lie in tiles of eight: (tiles, rows, 8), so that the codes of a row's eight columns are one word, and the sums
//! of eight columns of bytes fit the first cache. Sums are of whole numbers: they do not depend on the order of the
//! rows, or on how many threads there are.

use numpy::{Element, PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{contiguous, finished, fresh, refuse, within};

/// Columns of a tile.
pub const TILE: usize = 8;
/// Most bins of a column, the one of missing values included.
pub const MOST_BINS: usize = 1 << 13;
/// Children of a node of cuts.
const FAN: usize = 16;
/// Rows whose codes one task makes.
const ROWS: usize = 1 << 12;

/// The number of a bin, as stored.
trait Code: Element + Copy + Send + Sync + Default {
    /// Bins that it can tell apart.
    const SPAN: usize;
    fn of(number: usize) -> Self;
    fn number(self) -> usize;
}

impl Code for u8 {
    const SPAN: usize = 1 << 8;
    #[inline(always)]
    fn of(number: usize) -> Self {
        number as u8
    }
    #[inline(always)]
    fn number(self) -> usize {
        self as usize
    }
}

impl Code for u16 {
    const SPAN: usize = MOST_BINS;
    #[inline(always)]
    fn of(number: usize) -> Self {
        number as u16
    }
    #[inline(always)]
    fn number(self) -> usize {
        self as usize % MOST_BINS
    }
}

/// Starts of stretches: ascending, from 0 to `end`.
pub fn stretches(name: &str, starts: &[i64], end: usize) -> PyResult<()> {
    let ascending = starts.windows(2).all(|pair| pair[0] <= pair[1]);
    if starts.first() == Some(&0) && starts.last() == Some(&(end as i64)) && ascending {
        return Ok(());
    }
    refuse(format!("{name} must ascend from 0 to {end}"))
}

/// Cuts of a column, as a tree of sixteen children: values are looked up without a branch.
struct Cuts {
    /// From the root down; number c of a level has the children from 16 c on. Infinite where there is none.
    levels: Vec<Vec<[f32; FAN]>>,
    count: usize,
}

impl Cuts {
    fn new(cuts: &[f32]) -> Self {
        let (mut levels, mut step) = (Vec::new(), 1);
        loop {
            let ends: Vec<f32> = cuts.iter().skip(step - 1).step_by(step).copied().collect();
            // One more, for values above all cuts.
            let mut level = vec![[f32::INFINITY; FAN]; ends.len() / FAN + 1];
            for (at, cut) in ends.iter().enumerate() {
                level[at / FAN][at % FAN] = *cut;
            }
            levels.insert(0, level);
            if ends.len() < FAN {
                let count = cuts.len();
                return Self { levels, count };
            }
            step *= FAN;
        }
    }

    /// The code of a value: how many cuts are not above it; of a missing one the number after all bins.
    #[inline(always)]
    fn code(&self, value: f32) -> usize {
        let (mut place, finite) = (0, value.min(f32::MAX));
        for level in &self.levels {
            let mut below = 0;
            for cut in &level[place] {
                below += i32::from(*cut <= finite);
            }
            place = place * FAN + below as usize;
        }
        if value.is_nan() {
            self.count + 1
        } else {
            place
        }
    }
}

fn coded<'py, C: Code>(
    py: Python<'py>,
    values: &[f32],
    (rows, width): (usize, usize),
    cuts: &[Cuts],
) -> PyResult<Bound<'py, PyAny>> {
    let tiles = width.div_ceil(TILE);
    let mut codes = fresh::<C>(py, &[tiles, rows, TILE])?;
    let out = codes.as_slice_mut()?;
    py.detach(|| {
        for (tile, out) in out.chunks_mut((rows * TILE).max(1)).enumerate() {
            let columns = tile * TILE..width.min((tile + 1) * TILE);
            out.par_chunks_mut(ROWS * TILE)
                .enumerate()
                .for_each(|(part, out)| {
                    for (row, out) in out.chunks_exact_mut(TILE).enumerate() {
                        let row = &values[(part * ROWS + row) * width..][..width];
                        out.fill(C::default());
                        for (code, column) in out.iter_mut().zip(columns.clone()) {
                            *code = C::of(cuts[column].code(row[column]));
                        }
                    }
                });
        }
    });
    Ok(finished(codes).into_any())
}

/// The codes of values.
#[pyfunction]
fn forest_codes<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    cuts: &Bound<'py, PyAny>,
    starts: &Bound<'py, PyAny>,
    wide: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let values = contiguous::<f32>("values", values)?;
    let cuts = contiguous::<f32>("cuts", cuts)?;
    let starts = contiguous::<i64>("starts", starts)?;
    let [rows, width] = *values.shape() else {
        return refuse("values must have two dimensions");
    };
    if starts.shape() != [width + 1] {
        return refuse("starts must have shape (width + 1,)");
    }
    let (cuts, starts) = (cuts.as_slice()?, starts.as_slice()?);
    stretches("starts", starts, cuts.len())?;
    if cuts.iter().any(|cut| !cut.is_finite()) {
        return refuse("cuts must be finite");
    }
    let span = if wide { u16::SPAN } else { u8::SPAN };
    // Without gaps the code of missing values is not used: then there may be one bin more.
    let gaps = |column: usize| {
        values.as_slice().unwrap_or(&[])[column..]
            .iter()
            .step_by(width)
    };
    for (column, pair) in starts.windows(2).enumerate() {
        let bins = (pair[1] - pair[0]) as usize + 1;
        if bins > span || (bins == span && gaps(column).any(|value| value.is_nan())) {
            return refuse(format!("column {column} has too many bins"));
        }
    }
    let shape = (rows, width);
    let columns = starts
        .windows(2)
        .map(|pair| &cuts[pair[0] as usize..pair[1] as usize]);
    let cuts: Vec<Cuts> = columns.map(Cuts::new).collect();
    match wide {
        true => coded::<u16>(py, values.as_slice()?, shape, &cuts),
        false => coded::<u8>(py, values.as_slice()?, shape, &cuts),
    }
}

/// Rows of nodes, and where the nodes begin.
struct Nodes<'a> {
    rows: &'a [u32],
    starts: &'a [i64],
}

impl<'a> Nodes<'a> {
    fn new(rows: &'a [u32], starts: &'a [i64], most: usize) -> PyResult<Self> {
        stretches("starts", starts, rows.len())?;
        if rows.iter().any(|row| *row as usize >= most) {
            return refuse("a row that is not there");
        }
        Ok(Self { rows, starts })
    }

    fn of(&self, node: usize) -> &'a [u32] {
        &self.rows[self.starts[node] as usize..self.starts[node + 1] as usize]
    }
}

/// The sums of a node in one tile, `span` bins a column.
#[inline(always)]
fn add_up<C: Code>(
    codes: &[[C; TILE]],
    derivatives: &[[i32; 2]],
    rows: &[u32],
    sums: &mut [[i64; 2]],
) {
    let sums = &mut sums[..TILE * C::SPAN];
    for row in rows {
        let [first, second] = derivatives[*row as usize].map(i64::from);
        for (column, code) in codes[*row as usize].iter().enumerate() {
            let sum = &mut sums[column * C::SPAN + code.number()];
            *sum = [sum[0] + first, sum[1] + second];
        }
    }
}

fn summed<C: Code>(
    codes: &[C],
    derivatives: &[[i32; 2]],
    nodes: &Nodes,
    slots: &[i64],
    unit: f64,
    out: &mut [f64],
) {
    let (width, all) = (slots.len() - 1, *slots.last().unwrap_or(&0) as usize);
    let (codes, _) = codes.as_chunks::<TILE>();
    let height = derivatives.len();
    let mut tasks = Vec::new();
    for (node, mut out) in out.chunks_exact_mut(2 * all).enumerate() {
        for (tile, columns) in slots[..width].chunks(TILE).enumerate() {
            let first = tile * TILE;
            let part;
            let length = (slots[first + columns.len()] - slots[first]) as usize;
            (part, out) = out.split_at_mut(2 * length);
            tasks.push((node, tile, part));
        }
    }
    tasks.into_par_iter().for_each_init(
        || vec![[0i64; 2]; TILE * C::SPAN],
        |sums, (node, tile, out)| {
            sums.fill([0; 2]);
            add_up(
                &codes[tile * height..(tile + 1) * height],
                derivatives,
                nodes.of(node),
                sums,
            );
            let columns = &slots[tile * TILE..width.min((tile + 1) * TILE) + 1];
            for (column, pair) in columns.windows(2).enumerate() {
                let (from, to) = (pair[0] - columns[0], pair[1] - columns[0]);
                let out = &mut out[2 * from as usize..2 * to as usize];
                for (out, sum) in out.chunks_exact_mut(2).zip(&sums[column * C::SPAN..]) {
                    out[0] = sum[0] as f64 * unit;
                    out[1] = sum[1] as f64 * unit;
                }
            }
        },
    );
}

/// Sums of both derivatives by node and bin.
#[pyfunction]
fn forest_histograms<'py>(
    py: Python<'py>,
    codes: &Bound<'py, PyAny>,
    derivatives: &Bound<'py, PyAny>,
    rows: &Bound<'py, PyAny>,
    starts: &Bound<'py, PyAny>,
    slots: &Bound<'py, PyAny>,
    bits: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    let derivatives = contiguous::<i32>("derivatives", derivatives)?;
    let rows = contiguous::<u32>("rows", rows)?;
    let starts = contiguous::<i64>("starts", starts)?;
    let slots = contiguous::<i64>("slots", slots)?;
    let bits = within("bits", bits, 0, 60)?;
    let [height, 2] = *derivatives.shape() else {
        return refuse("derivatives must have shape (rows, 2)");
    };
    let (pairs, _) = derivatives.as_slice()?.as_chunks::<2>();
    let nodes = Nodes::new(rows.as_slice()?, starts.as_slice()?, height)?;
    let slots = slots.as_slice()?;
    let all = *slots.last().unwrap_or(&0) as usize;
    stretches("slots", slots, all)?;
    let shape = [(slots.len() - 1).div_ceil(TILE), height, TILE];
    let mut found = fresh::<f64>(py, &[nodes.starts.len() - 1, all, 2])?;
    let out = found.as_slice_mut()?;
    let unit = (-f64::from(bits)).exp2();
    macro_rules! summed {
        ($code:ty) => {{
            let codes = contiguous::<$code>("codes", codes)?;
            let span = <$code as Code>::SPAN as i64;
            if codes.shape() != shape || slots.windows(2).any(|pair| pair[1] - pair[0] > span) {
                return refuse("codes must have shape (tiles, rows, 8), of columns of these slots");
            }
            let codes = codes.as_slice()?;
            py.detach(|| summed(codes, pairs, &nodes, slots, unit, out));
        }};
    }
    match contiguous::<u8>("codes", codes).is_ok() {
        true => summed!(u8),
        false => summed!(u16),
    }
    Ok(finished(found))
}

/// Where the rows of a node go: left those in the first bins of a column.
#[derive(Clone, Copy)]
struct Split {
    column: usize,
    bins: usize,
    /// The code of missing values, and whether they go left.
    missing: usize,
    left: bool,
}

fn parted<C: Code>(
    codes: &[[C; TILE]],
    height: usize,
    split: Split,
    rows: &[u32],
    out: &mut [u32],
) -> usize {
    let codes = &codes[split.column / TILE * height..][..height];
    let place = split.column % TILE;
    let (mut left, mut right) = (0, 0);
    let mut others = vec![0u32; rows.len()];
    // Every row is written to both sides, as nobody can tell beforehand to which it goes; one of them is kept.
    for row in rows {
        let code = codes[*row as usize][place].number();
        let goes_left = (code < split.bins) | (split.left & (code == split.missing));
        out[left] = *row;
        others[right] = *row;
        left += usize::from(goes_left);
        right += usize::from(!goes_left);
    }
    out[left..].copy_from_slice(&others[..right]);
    left
}

/// Rows of the nodes with those that go left before the others, both in their order.
#[pyfunction]
#[allow(clippy::type_complexity)]
fn forest_partition<'py>(
    py: Python<'py>,
    codes: &Bound<'py, PyAny>,
    rows: &Bound<'py, PyAny>,
    starts: &Bound<'py, PyAny>,
    splits: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyArrayDyn<u32>>, Bound<'py, PyArrayDyn<i64>>)> {
    let rows = contiguous::<u32>("rows", rows)?;
    let starts = contiguous::<i64>("starts", starts)?;
    let splits = contiguous::<i64>("splits", splits)?;
    let count = starts.len().saturating_sub(1);
    if splits.shape() != [count, 4] || splits.as_slice()?.iter().any(|number| *number < 0) {
        return refuse("splits must have shape (nodes, 4), of numbers from 0");
    }
    let mut found = fresh::<u32>(py, &[rows.len()])?;
    let mut lefts = fresh::<i64>(py, &[count])?;
    let (out, left) = (found.as_slice_mut()?, lefts.as_slice_mut()?);
    macro_rules! parted {
        ($code:ty) => {{
            let codes = contiguous::<$code>("codes", codes)?;
            let [tiles, height, TILE] = *codes.shape() else {
                return refuse("codes must have shape (tiles, rows, 8)");
            };
            let nodes = Nodes::new(rows.as_slice()?, starts.as_slice()?, height)?;
            let (chunks, _) = codes.as_slice()?.as_chunks::<TILE>();
            let (splits, _) = splits.as_slice()?.as_chunks::<4>();
            let mut tasks = Vec::with_capacity(count);
            let mut rest = &mut *out;
            for (node, (split, left)) in splits.iter().zip(left.iter_mut()).enumerate() {
                let [column, bins, missing, goes_left] = split.map(|number| number as usize);
                if column >= tiles * TILE {
                    return refuse("a column that is not there");
                }
                let part;
                (part, rest) = rest.split_at_mut(nodes.of(node).len());
                let left_too = goes_left > 0;
                tasks.push((
                    node,
                    Split {
                        column,
                        bins,
                        missing,
                        left: left_too,
                    },
                    part,
                    left,
                ));
            }
            py.detach(|| {
                tasks.into_par_iter().for_each(|(node, split, out, left)| {
                    *left = parted(chunks, height, split, nodes.of(node), out) as i64;
                });
            });
        }};
    }
    match contiguous::<u8>("codes", codes).is_ok() {
        true => parted!(u8),
        false => parted!(u16),
    }
    Ok((finished(found), finished(lefts)))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(forest_codes, module)?)?;
    module.add_function(wrap_pyfunction!(forest_histograms, module)?)?;
    module.add_function(wrap_pyfunction!(forest_partition, module)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_count_cuts() {
        for count in [0, 1, 15, 16, 17, 255, 256, 4095, 4096] {
            let cuts: Vec<f32> = (0..count).map(|at| at as f32).collect();
            let tree = Cuts::new(&cuts);
            for (value, code) in [
                (f32::NEG_INFINITY, 0),
                (f32::INFINITY, count),
                (f32::NAN, count + 1),
                (count as f32 / 2.0, count.min(count / 2 + 1)),
                (count as f32 - 1.0, count),
            ] {
                assert_eq!(tree.code(value), code, "{value} of {count}");
            }
        }
    }

    #[test]
    fn sums_of_any_rows_are_exact() {
        let codes: Vec<[u8; TILE]> = (0..100u8).map(|row| [row, 1, 2, 255, 4, 5, 6, 7]).collect();
        let derivatives = vec![[i32::MIN, i32::MAX]; 100];
        let rows: Vec<u32> = (0..100).collect();
        let mut sums = vec![[0; 2]; TILE * u8::SPAN];
        add_up(&codes, &derivatives, &rows, &mut sums);
        let all = [100 * i64::from(i32::MIN), 100 * i64::from(i32::MAX)];
        assert_eq!(sums[u8::SPAN + 1], all);
        assert_eq!(sums[3 * u8::SPAN + 255], all);
        assert_eq!(sums[99], [i64::from(i32::MIN), i64::from(i32::MAX)]);
    }
}
