//! The best split of each node of a boosted tree, from sums of derivatives by bin.
//!
//! Gains are those of XGBoost's histograms, computed in its precisions and its order, so that near ties fall as they do
//! there: the weight of a node is w = -T(G) / (H + lambda), where T draws G towards zero by alpha, and its gain
//! T(G)^2 / (H + lambda); where weights are bounded -(2 G w + (H + lambda) w^2) [Chen, Guestrin, "XGBoost", 2016,
//! equations 5 to 7]. Of equal gains the first counts: columns
//! in their order; in a column first those splits by which missing values go right, bins in their order.

use numpy::{PyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{contiguous, finished, fresh, refuse};
use crate::forest::stretches;

/// Penalties and limits.
#[derive(Clone, Copy)]
struct Rule {
    least: f64,
    lambda: f64,
    alpha: f64,
    step: f64,
    /// Whether nothing bounds weights.
    free: bool,
}

/// Sums of first and second derivatives.
type Sums = [f64; 2];

/// What a node's children may weigh.
type Limits = [f32; 2];

impl Rule {
    /// The sum of first derivatives, towards zero by alpha.
    #[inline(always)]
    fn drawn(&self, first: f64) -> f64 {
        if first > self.alpha {
            first - self.alpha
        } else if first < -self.alpha {
            first + self.alpha
        } else {
            0.0
        }
    }

    #[inline(always)]
    fn weight(&self, [first, second]: Sums, [low, high]: Limits) -> f32 {
        if second < self.least || second <= 0.0 {
            return 0f32.clamp(low, high);
        }
        let mut weight = -self.drawn(first) / (second + self.lambda);
        if self.step > 0.0 {
            weight = weight.clamp(-self.step, self.step);
        }
        (weight as f32).clamp(low, high)
    }

    /// The gain of a node with this weight; of one with the weight that is best, where weights are free.
    #[inline(always)]
    fn gain(&self, [first, second]: Sums, weight: f32) -> f32 {
        if second <= 0.0 {
            return 0.0;
        }
        if self.free {
            let drawn = self.drawn(first);
            return (drawn * drawn / (second + self.lambda)) as f32;
        }
        let (first, second) = (first as f32, second as f32);
        -(2.0 * first * weight + (second + self.lambda as f32) * (weight * weight))
    }
}

/// A split, as good as none where its gain is 0.
#[derive(Clone, Copy, Default)]
struct Best {
    gain: f32,
    column: usize,
    /// The last bin that goes left; -1 where only missing values do.
    bin: i64,
    left: bool,
    sums: Sums,
}

struct Node<'a> {
    rule: Rule,
    total: Sums,
    limits: Limits,
    own: f32,
    best: &'a mut Best,
}

impl Node<'_> {
    /// Looks at one split; `near` is the sum of the side that the walk has been over.
    #[inline(always)]
    fn look(&mut self, near: Sums, sign: i8, column: usize, bin: i64, left: bool) {
        if near[1] < self.rule.least || near[1] <= 0.0 {
            return;
        }
        let far = [self.total[0] - near[0], self.total[1] - near[1]];
        if far[1] < self.rule.least || far[1] <= 0.0 {
            return;
        }
        if self.rule.free && self.is_less(near, far) {
            return;
        }
        let (one, other) = if left { (far, near) } else { (near, far) };
        let weights = match self.rule.free {
            true => (0.0, 0.0),
            false => (
                self.rule.weight(one, self.limits),
                self.rule.weight(other, self.limits),
            ),
        };
        let gain = self.rule.gain(one, weights.0) + self.rule.gain(other, weights.1);
        let rising = (sign > 0 && weights.0 > weights.1) || (sign < 0 && weights.0 < weights.1);
        let gain = gain - self.own;
        if gain > self.best.gain && gain.is_finite() && !rising {
            *self.best = Best {
                gain,
                column,
                bin,
                left,
                sums: one,
            };
        }
    }

    /// Whether a split is worse than the best, by more than rounding can do; it takes no division, and few splits
    /// come closer.
    #[inline(always)]
    fn is_less(&self, one: Sums, other: Sums) -> bool {
        const SLACK: f64 = 1.0 - 1e-6;
        let rule = &self.rule;
        let drawn = [rule.drawn(one[0]), rule.drawn(other[0])];
        let divisors = [one[1] + rule.lambda, other[1] + rule.lambda];
        let both = drawn[0] * drawn[0] * divisors[1] + drawn[1] * drawn[1] * divisors[0];
        let needed = f64::from(self.own) + f64::from(self.best.gain);
        both < SLACK * needed * (divisors[0] * divisors[1])
    }

    /// Looks at all splits of a column. `bins` are pairs of sums, without those of missing values.
    fn column(&mut self, bins: &[Sums], sign: i8, column: usize) {
        let mut sum = [0.0; 2];
        for (bin, one) in bins.iter().enumerate() {
            sum = [sum[0] + one[0], sum[1] + one[1]];
            self.look(sum, sign, column, bin as i64, false);
        }
        if sum == self.total {
            return;
        }
        sum = [0.0; 2];
        for (bin, one) in bins.iter().enumerate().rev() {
            sum = [sum[0] + one[0], sum[1] + one[1]];
            self.look(sum, sign, column, bin as i64 - 1, true);
        }
    }
}

/// Columns of the sums.
struct Columns<'a> {
    slots: &'a [i64],
    gaps: &'a [u8],
    signs: &'a [i8],
}

fn best(sums: &[Sums], columns: &Columns, rule: Rule, total: Sums, limits: Limits) -> Best {
    let mut best = Best::default();
    let own = rule.gain(total, rule.weight(total, limits));
    let mut node = Node {
        rule,
        total,
        limits,
        own,
        best: &mut best,
    };
    for (column, pair) in columns.slots.windows(2).enumerate() {
        if pair[1] > pair[0] {
            let bins = pair[1] as usize - usize::from(columns.gaps[column] > 0);
            node.column(&sums[pair[0] as usize..bins], columns.signs[column], column);
        }
    }
    best
}

/// The best split of each node.
#[pyfunction]
#[allow(clippy::too_many_arguments, clippy::type_complexity)]
fn forest_splits<'py>(
    py: Python<'py>,
    sums: &Bound<'py, PyAny>,
    totals: &Bound<'py, PyAny>,
    limits: &Bound<'py, PyAny>,
    slots: &Bound<'py, PyAny>,
    gaps: &Bound<'py, PyAny>,
    signs: &Bound<'py, PyAny>,
    rule: (f64, f64, f64, f64),
) -> PyResult<(
    Bound<'py, PyArrayDyn<f32>>,
    Bound<'py, PyArrayDyn<i64>>,
    Bound<'py, PyArrayDyn<f64>>,
)> {
    let sums = contiguous::<f64>("sums", sums)?;
    let totals = contiguous::<f64>("totals", totals)?;
    let limits = contiguous::<f32>("limits", limits)?;
    let slots = contiguous::<i64>("slots", slots)?;
    let gaps = contiguous::<u8>("gaps", gaps)?;
    let signs = contiguous::<i8>("signs", signs)?;
    let [count, all, 2] = *sums.shape() else {
        return refuse("sums must have shape (nodes, slots, 2)");
    };
    if totals.shape() != [count, 2] || limits.shape() != [count, 2] {
        return refuse("totals and limits must have shape (nodes, 2)");
    }
    let (limits, _) = limits.as_slice()?.as_chunks::<2>();
    if limits
        .iter()
        .any(|[low, high]| low.is_nan() || high.is_nan() || low > high)
    {
        return refuse("limits must be low and high");
    }
    stretches("slots", slots.as_slice()?, all)?;
    let width = slots.len() - 1;
    if [gaps.len(), signs.len()] != [width; 2] {
        return refuse("gaps and signs must have as many elements as there are columns");
    }
    let columns = Columns {
        slots: slots.as_slice()?,
        gaps: gaps.as_slice()?,
        signs: signs.as_slice()?,
    };
    let (least, lambda, alpha, step) = rule;
    let free = step == 0.0 && columns.signs.iter().all(|sign| *sign == 0);
    let rule = Rule {
        least,
        lambda,
        alpha,
        step,
        free,
    };
    let (pairs, _) = sums.as_slice()?.as_chunks::<2>();
    let (totals, _) = totals.as_slice()?.as_chunks::<2>();
    let found: Vec<Best> = py.detach(|| {
        let node = |node: usize| {
            best(
                &pairs[node * all..][..all],
                &columns,
                rule,
                totals[node],
                limits[node],
            )
        };
        (0..count).into_par_iter().map(node).collect()
    });
    let mut gains = fresh::<f32>(py, &[count])?;
    let mut splits = fresh::<i64>(py, &[count, 3])?;
    let mut lefts = fresh::<f64>(py, &[count, 2])?;
    for (best, gain) in found.iter().zip(gains.as_slice_mut()?) {
        *gain = best.gain;
    }
    for (best, split) in found.iter().zip(splits.as_slice_mut()?.chunks_exact_mut(3)) {
        split.copy_from_slice(&[best.column as i64, best.bin, i64::from(best.left)]);
    }
    for (best, left) in found.iter().zip(lefts.as_slice_mut()?.chunks_exact_mut(2)) {
        left.copy_from_slice(&best.sums);
    }
    Ok((finished(gains), finished(splits), finished(lefts)))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(forest_splits, module)?)
}
