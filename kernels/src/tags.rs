//! Lists of tags, put in order and matched: byte strings of up to 16 bytes that behave as random ones.
//!
//! A tag's first twelve bytes and its row make one number of 128 bits, so that sorting needs no other memory, and
//! equal tags keep their order. Tags are dealt to buckets by their first bits, and a bucket is sorted in the
//! first-level cache. Where tags are not random the buckets are unequal, and it is slower, but not worse than one sort.

use std::sync::atomic::{AtomicBool, Ordering};

use numpy::{PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rayon::prelude::*;

use crate::arrays::{contiguous, finished, fresh, refuse};
use crate::buckets::{Dealt, split};
use crate::items::Pair;

/// The longest tag.
const LONGEST: usize = 16;
/// Bytes of a tag in its entry.
const HEAD: usize = 12;
/// Tags of a bucket, about.
const BUCKET: usize = 1 << 10;
/// Tags that a core deals.
const PIECE: usize = 1 << 16;

/// Tags of one width.
#[derive(Clone, Copy)]
struct Tags<'a> {
    bytes: &'a [u8],
    width: usize,
}

impl<'a> Tags<'a> {
    fn of(name: &str, array: &'a PyReadonlyArrayDyn<'_, u8>) -> PyResult<Self> {
        let [count, width] = *array.shape() else {
            return refuse(format!("{name} must have two axes"));
        };
        if !(1..=LONGEST).contains(&width) {
            return refuse(format!(
                "{name} must have 1 to {LONGEST} bytes each, not {width}"
            ));
        }
        if u32::try_from(count).is_err() {
            return refuse(format!("{name} must be less than 2^32"));
        }
        let bytes = array.as_slice()?;
        Ok(Tags { bytes, width })
    }

    fn len(self) -> usize {
        self.bytes.len() / self.width
    }

    /// A tag as a number: its bytes are the highest.
    fn whole(self, row: usize) -> u128 {
        let mut wide = [0; LONGEST];
        wide[..self.width].copy_from_slice(&self.bytes[row * self.width..][..self.width]);
        u128::from_be_bytes(wide)
    }

    /// The number of an entry, whole.
    fn of_entry(self, entry: u128) -> u128 {
        if self.width <= HEAD {
            entry >> 32
        } else {
            self.whole(entry as u32 as usize)
        }
    }

    fn deal(self, bits: u32) -> Dealt<u128> {
        Dealt::new(
            self.len(),
            1 << bits,
            PIECE.max(1 << bits),
            |start, to, made| {
                for (k, (to, entry)) in to.iter_mut().zip(made).enumerate() {
                    let tag = self.whole(start + k);
                    *to = ((tag >> 96) as u64 >> (32 - bits)) as u32;
                    *entry = tag >> 32 << 32 | (start + k) as u128;
                }
            },
        )
    }

    /// Entries of a bucket in order.
    fn sorted(self, dealt: &Dealt<u128>, bucket: usize, space: &mut Vec<u128>) {
        space.clear();
        for (_, part) in dealt.parts(bucket) {
            space.extend_from_slice(part);
        }
        space.sort_unstable();
        if self.width > HEAD {
            for run in space.chunk_by_mut(|one, other| one >> 32 == other >> 32) {
                run.sort_by_key(|entry| self.of_entry(*entry));
            }
        }
    }
}

/// Bits that choose a bucket.
fn bits(tags: usize) -> u32 {
    (tags / BUCKET).next_power_of_two().ilog2().min(20)
}

/// The order of tags.
#[pyfunction]
fn sort_tags<'py>(
    py: Python<'py>,
    tags: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<i64>>> {
    let tags = contiguous::<u8>("tags", tags)?;
    let tags = Tags::of("tags", &tags)?;
    let mut out = fresh::<i64>(py, &[tags.len()])?;
    let order = out.as_slice_mut()?;
    py.detach(|| {
        let dealt = tags.deal(bits(tags.len()));
        split(order, &dealt.counts())
            .into_par_iter()
            .enumerate()
            .for_each_init(Vec::new, |space, (bucket, order)| {
                tags.sorted(&dealt, bucket, space);
                for (place, entry) in order.iter_mut().zip(space) {
                    *place = i64::from(*entry as u32);
                }
            });
    });
    Ok(finished(out))
}

/// Places of tags that both lists have, ascending; `None` where one occurs twice in a list.
fn matched(own: Tags, theirs: Tags) -> Option<Vec<[u32; 2]>> {
    let bits = bits(own.len().max(theirs.len()));
    let (ours, others) = (own.deal(bits), theirs.deal(bits));
    let twice = AtomicBool::new(false);
    let found: Vec<Vec<[u32; 2]>> = (0..1 << bits)
        .into_par_iter()
        .map_init(
            || (Vec::new(), Vec::new()),
            |(mine, its), bucket| {
                own.sorted(&ours, bucket, mine);
                theirs.sorted(&others, bucket, its);
                let mut found = Vec::new();
                let mut at = 0;
                for (k, entry) in mine.iter().enumerate() {
                    let tag = own.of_entry(*entry);
                    while at < its.len() && theirs.of_entry(its[at]) < tag {
                        at += 1;
                    }
                    let same = |entry: Option<&u128>| {
                        entry.is_some_and(|entry| theirs.of_entry(*entry) == tag)
                    };
                    if !same(its.get(at)) {
                        continue;
                    }
                    let again = mine
                        .get(k + 1)
                        .is_some_and(|next| own.of_entry(*next) == tag);
                    if again || same(its.get(at + 1)) {
                        twice.store(true, Ordering::Relaxed);
                        break;
                    }
                    found.push([*entry as u32, its[at] as u32]);
                }
                found
            },
        )
        .collect();
    (!twice.into_inner()).then(|| found.concat())
}

/// Places of common tags.
#[pyfunction]
fn match_tags<'py>(
    py: Python<'py>,
    own: &Bound<'py, PyAny>,
    theirs: &Bound<'py, PyAny>,
) -> PyResult<Pair<'py>> {
    let (own, theirs) = (
        contiguous::<u8>("own", own)?,
        contiguous::<u8>("theirs", theirs)?,
    );
    let (own, theirs) = (Tags::of("own", &own)?, Tags::of("theirs", &theirs)?);
    if own.width != theirs.width {
        return refuse("own and theirs must have the same width");
    }
    let Some(found) = py.detach(|| matched(own, theirs)) else {
        return refuse("a common tag occurs twice in a list");
    };
    let mut places = [
        fresh::<i64>(py, &[found.len()])?,
        fresh::<i64>(py, &[found.len()])?,
    ];
    for (side, places) in places.iter_mut().enumerate() {
        for (place, pair) in places.as_slice_mut()?.iter_mut().zip(&found) {
            *place = i64::from(pair[side]);
        }
    }
    let [mine, its] = places;
    Ok((finished(mine), finished(its)))
}

/// Adds this file's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(sort_tags, module)?)?;
    module.add_function(wrap_pyfunction!(match_tags, module)?)
}
