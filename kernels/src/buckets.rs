//! Things dealt into buckets: what follows works on a bucket at a time, that fits a cache.
//!
//! A list is cut into pieces, and each is put in order of its buckets on a core of its own. A bucket then is one
//! part of each piece, and in it things keep the order of the list. So all cores write, each to a place of its own.

use rayon::prelude::*;

/// Things in pieces, each in order of buckets.
pub struct Dealt<T> {
    items: Vec<T>,
    /// For each piece, where its buckets begin in it, and its length.
    starts: Vec<u32>,
    buckets: usize,
    piece: usize,
}

impl<T: Copy + Default + Send + Sync> Dealt<T> {
    /// Deals n things. `make` writes those from its first argument on, with the bucket of each.
    pub fn new(
        n: usize,
        buckets: usize,
        piece: usize,
        make: impl Fn(usize, &mut [u32], &mut [T]) + Sync,
    ) -> Self {
        let mut items = vec![T::default(); n];
        let mut starts = vec![0; n.div_ceil(piece) * (buckets + 1)];
        let size = piece.min(n);
        items
            .par_chunks_mut(piece)
            .zip(starts.par_chunks_mut(buckets + 1))
            .enumerate()
            .for_each_init(
                || (vec![0; size], vec![T::default(); size], vec![0; buckets]),
                |(to, made, next), (number, (items, starts))| {
                    let (to, made) = (&mut to[..items.len()], &mut made[..items.len()]);
                    make(number * piece, to, made);
                    count(to, starts);
                    next.copy_from_slice(&starts[..buckets]);
                    for (bucket, item) in to.iter().zip(made) {
                        let place = &mut next[*bucket as usize];
                        items[*place as usize] = *item;
                        *place += 1;
                    }
                },
            );
        Dealt {
            items,
            starts,
            buckets,
            piece,
        }
    }

    /// The parts of a bucket, each with the number of the first thing of its piece.
    pub fn parts(&self, bucket: usize) -> impl Iterator<Item = (usize, &[T])> {
        self.items
            .chunks(self.piece)
            .zip(self.starts.chunks(self.buckets + 1))
            .enumerate()
            .map(move |(number, (items, starts))| {
                let (from, to) = (starts[bucket] as usize, starts[bucket + 1] as usize);
                (number * self.piece, &items[from..to])
            })
    }

    /// How many things each bucket has.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.buckets];
        for starts in self.starts.chunks(self.buckets + 1) {
            for (count, pair) in counts.iter_mut().zip(starts.windows(2)) {
                *count += (pair[1] - pair[0]) as usize;
            }
        }
        counts
    }

    /// Pieces with the things of each in order.
    pub fn pieces(&self) -> impl IndexedParallelIterator<Item = &[T]> {
        self.items.par_chunks(self.piece)
    }

    /// A list as long as the things, cut like they are: for each bucket its parts.
    pub fn cut<'a, U>(&self, list: &'a mut [U]) -> Vec<Vec<&'a mut [U]>> {
        let pieces = self.starts.len() / (self.buckets + 1);
        let mut cut: Vec<_> = (0..self.buckets)
            .map(|_| Vec::with_capacity(pieces))
            .collect();
        for (list, starts) in list
            .chunks_mut(self.piece)
            .zip(self.starts.chunks(self.buckets + 1))
        {
            let mut rest = list;
            for (parts, pair) in cut.iter_mut().zip(starts.windows(2)) {
                let part;
                (part, rest) = rest.split_at_mut((pair[1] - pair[0]) as usize);
                parts.push(part);
            }
        }
        cut
    }
}

/// Where each bucket begins, from the bucket of each thing.
fn count(to: &[u32], starts: &mut [u32]) {
    starts.fill(0);
    for bucket in to {
        starts[*bucket as usize + 1] += 1;
    }
    let mut total = 0;
    for start in starts {
        total += *start;
        *start = total;
    }
}

/// A list cut into parts of these lengths.
pub fn split<'a, T>(mut list: &'a mut [T], lengths: &[usize]) -> Vec<&'a mut [T]> {
    let cut = |length: &usize| {
        let (part, rest) = std::mem::take(&mut list).split_at_mut(*length);
        list = rest;
        part
    };
    lengths.iter().map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thing_is_in_its_bucket_in_order() {
        for (n, piece) in [(0, 10), (1, 10), (10, 10), (1003, 100)] {
            let dealt = Dealt::new(n, 7, piece, |start, to, items: &mut [usize]| {
                for (k, (to, item)) in to.iter_mut().zip(items).enumerate() {
                    *item = start + k;
                    *to = (*item * 5 % 7) as u32;
                }
            });
            let mut list = vec![0; n];
            let cut = dealt.cut(&mut list);
            for (bucket, parts) in cut.into_iter().enumerate() {
                let expected: Vec<usize> = (0..n).filter(|k| k * 5 % 7 == bucket).collect();
                let seen: Vec<usize> = dealt
                    .parts(bucket)
                    .flat_map(|(_, items)| items.to_vec())
                    .collect();
                assert_eq!(seen, expected);
                assert_eq!(dealt.counts()[bucket], expected.len());
                assert_eq!(
                    parts.iter().map(|part| part.len()).sum::<usize>(),
                    expected.len()
                );
            }
        }
    }

    #[test]
    fn a_list_is_split() {
        let mut list = [1, 2, 3, 4];
        let parts = split(&mut list, &[1, 0, 3]);
        assert_eq!(parts, [&mut [1][..], &mut [], &mut [2, 3, 4]]);
    }
}
