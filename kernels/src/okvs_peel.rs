//! One cluster of an oblivious key-value store: keys are peeled off, what remains is solved by elimination.

use crate::items::Item;

/// Sparse cells of a key, one of each segment.
pub const SEGMENTS: usize = 3;
/// Cells of which a key may use any subset.
pub const DENSE: usize = 64;

/// Where a key's value is.
#[derive(Clone, Copy, Default)]
pub struct Slot {
    /// A random fraction that chooses the sparse cells.
    pub fraction: u64,
    /// A bit for each dense cell.
    pub dense: u64,
    /// The key's number in its piece.
    pub row: u32,
}

impl Slot {
    /// The key's sparse cells, in segments of this size.
    #[inline(always)]
    pub fn places(&self, segment: u64) -> [u16; SEGMENTS] {
        let mut places = [0; SEGMENTS];
        let mut fraction = self.fraction;
        for (number, place) in places.iter_mut().enumerate() {
            let product = u128::from(fraction) * u128::from(segment);
            *place = (number as u64 * segment + (product >> 64) as u64) as u16;
            fraction = product as u64;
        }
        places
    }
}

/// All sums of each eight of the dense cells.
pub struct Sums([[u128; 256]; DENSE / 8]);

impl Sums {
    /// Of these cells.
    pub fn new(cells: &[Item]) -> Self {
        let mut sums = [[0; 256]; DENSE / 8];
        for (sums, cells) in sums.iter_mut().zip(cells.chunks(8)) {
            for (k, cell) in cells.iter().enumerate() {
                let cell = u128::from_le_bytes(*cell);
                for low in 0..1 << k {
                    sums[(1 << k) + low] = sums[low] ^ cell;
                }
            }
        }
        Sums(sums)
    }

    /// The sum of the cells of these bits.
    #[inline(always)]
    pub fn at(&self, bits: u64) -> u128 {
        let mut sum = 0;
        for (sums, byte) in self.0.iter().zip(bits.to_le_bytes()) {
            sum ^= sums[usize::from(byte)];
        }
        sum
    }
}

/// What a cluster's work needs; kept for the next one.
#[derive(Default)]
pub struct Space {
    places: Vec<[u16; SEGMENTS]>,
    dense: Vec<u64>,
    values: Vec<u128>,
    /// For each cell: how many keys have it, and above all their numbers' exclusive or.
    cells: Vec<u32>,
    /// Cells with one key.
    alone: Vec<u16>,
    /// Peeled keys, and the cell that each was alone in.
    order: Vec<[u16; 2]>,
}

impl Space {
    /// Forgets the keys.
    pub fn clear(&mut self) {
        self.places.clear();
        self.dense.clear();
        self.values.clear();
    }

    /// Adds keys; `values` are those of their piece.
    pub fn add(&mut self, slots: &[Slot], segment: u64, values: &[Item]) {
        let places = slots.iter().map(|slot| slot.places(segment));
        self.places.extend(places);
        self.dense.extend(slots.iter().map(|slot| slot.dense));
        // A loop with nothing else in it: many of its reads wait for the memory at once.
        let value = |slot: &Slot| u128::from_le_bytes(values[slot.row as usize]);
        self.values.extend(slots.iter().map(value));
    }

    /// Gives the keys their values in a table of random cells. `None` where there is no such table.
    pub fn encode(&mut self, table: &mut [Item]) -> Option<()> {
        let sparse = table.len() - DENSE;
        // More keys than cells depend on each other; and numbers of keys have 16 bits.
        if self.places.len() >= table.len() || self.places.len() > usize::from(u16::MAX) {
            return None;
        }
        self.peel(sparse);
        if self.order.len() < self.places.len() {
            self.solve(table)?;
        }
        let sums = Sums::new(&table[sparse..]);
        for [key, cell] in self.order.iter().rev() {
            let key = usize::from(*key);
            let mut value = self.values[key] ^ sums.at(self.dense[key]);
            for place in self.places[key] {
                value ^= u128::from_le_bytes(table[usize::from(place)]);
            }
            let cell = &mut table[usize::from(*cell)];
            *cell = (u128::from_le_bytes(*cell) ^ value).to_le_bytes();
        }
        Some(())
    }

    fn peel(&mut self, sparse: usize) {
        self.cells.clear();
        self.cells.resize(sparse, 0);
        for (key, places) in self.places.iter().enumerate() {
            for place in places {
                let cell = &mut self.cells[usize::from(*place)];
                *cell = (*cell ^ (key as u32) << 16) + 1;
            }
        }
        self.alone.clear();
        let ones = self
            .cells
            .iter()
            .zip(0..)
            .filter(|(cell, _)| **cell as u16 == 1);
        self.alone.extend(ones.map(|(_, place)| place));
        self.order.clear();
        while let Some(alone) = self.alone.pop() {
            let cell = self.cells[usize::from(alone)];
            if cell as u16 != 1 {
                continue;
            }
            let key = (cell >> 16) as u16;
            self.order.push([key, alone]);
            for place in self.places[usize::from(key)] {
                let cell = &mut self.cells[usize::from(place)];
                *cell = (*cell ^ u32::from(key) << 16) - 1;
                if *cell as u16 == 1 {
                    self.alone.push(place);
                }
            }
        }
    }

    /// Changes the dense cells so that keys that were never alone have their values.
    fn solve(&mut self, table: &mut [Item]) -> Option<()> {
        let (sparse, dense) = table.split_at_mut(table.len() - DENSE);
        if self.places.len() - self.order.len() > DENSE {
            return None;
        }
        let mut left = vec![true; self.places.len()];
        for [key, _] in &self.order {
            left[usize::from(*key)] = false;
        }
        let sums = Sums::new(dense);
        let mut solved: Vec<Row> = Vec::new();
        for key in (0..left.len()).filter(|key| left[*key]) {
            let mut cells = self.dense[key];
            let mut sum = self.values[key] ^ sums.at(cells);
            for place in self.places[key] {
                sum ^= u128::from_le_bytes(sparse[usize::from(place)]);
            }
            for row in &solved {
                if cells >> row.pivot & 1 == 1 {
                    cells ^= row.cells;
                    sum ^= row.sum;
                }
            }
            if cells == 0 {
                return None;
            }
            let pivot = cells.trailing_zeros();
            for row in &mut solved {
                if row.cells >> pivot & 1 == 1 {
                    row.cells ^= cells;
                    row.sum ^= sum;
                }
            }
            solved.push(Row { pivot, cells, sum });
        }
        // No pivot is in another row: each gets its row's sum, and the other cells stay as they are.
        for Row { pivot, sum, .. } in solved {
            let cell = &mut dense[pivot as usize];
            *cell = (u128::from_le_bytes(*cell) ^ sum).to_le_bytes();
        }
        Some(())
    }
}

/// What the sum of some dense cells has to change by.
struct Row {
    /// One of the cells that is in no other row.
    pivot: u32,
    cells: u64,
    sum: u128,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prg::Stream;

    /// A cluster of random keys.
    fn random(id: u64, keys: usize, segment: u64) -> Space {
        let mut words = vec![0; 4 * keys];
        Stream::new(&[5; 16], id).fill(0, &mut words);
        let (slots, values): (Vec<Slot>, Vec<Item>) = words
            .as_chunks::<4>()
            .0
            .iter()
            .zip(0..)
            .map(|([fraction, dense, low, high], row)| {
                let (fraction, dense) = (*fraction, *dense);
                (
                    Slot {
                        fraction,
                        dense,
                        row,
                    },
                    bytemuck::cast::<[u64; 2], Item>([*low, *high]),
                )
            })
            .unzip();
        let mut space = Space::default();
        space.add(&slots, segment, &values);
        space
    }

    fn holds(space: &Space, table: &[Item]) -> bool {
        let sums = Sums::new(&table[table.len() - DENSE..]);
        (0..space.places.len()).all(|key| {
            let places = space.places[key].map(|place| table[usize::from(place)]);
            let cells = places.map(u128::from_le_bytes).iter().fold(0, |a, b| a ^ b);
            cells ^ sums.at(space.dense[key]) == space.values[key]
        })
    }

    #[test]
    fn a_core_gets_its_values_from_the_dense_cells() {
        // Thirty keys in the same three cells: nobody is ever alone.
        for keys in [2, 30] {
            let mut space = random(1, keys, 50);
            space.places.fill([7, 70, 120]);
            let mut table = vec![[3; 16]; 150 + DENSE];
            assert!(space.encode(&mut table).is_some());
            assert!(space.order.is_empty() && holds(&space, &table));
        }
    }

    #[test]
    fn a_core_may_be_as_large_as_the_dense_part_and_not_larger() {
        for (keys, found) in [(DENSE, true), (DENSE + 1, false)] {
            let mut space = random(2, keys, 50);
            space.places.fill([7, 70, 120]);
            space.dense = (0..keys).map(|key| u64::MAX << (key % DENSE)).collect();
            let mut table = vec![[3; 16]; 150 + DENSE];
            assert_eq!(space.encode(&mut table).is_some(), found);
            assert_eq!(found, found && holds(&space, &table));
        }
    }

    #[test]
    fn keys_that_depend_on_each_other_are_refused() {
        let mut space = random(3, 40, 50);
        space.places.fill([7, 70, 120]);
        space.dense[9] = space.dense[4] ^ space.dense[30] ^ space.dense[39];
        assert!(space.encode(&mut vec![[3; 16]; 150 + DENSE]).is_none());
    }

    /// The most of the first keys that have no large core.
    fn most(space: &mut Space, sparse: usize) -> usize {
        let all = space.places.clone();
        let (mut good, mut bad) = (0, all.len());
        while bad - good > 1 {
            let keys = (good + bad) / 2;
            space.places = all[..keys].to_vec();
            space.peel(sparse);
            if keys - space.order.len() <= DENSE / 2 {
                good = keys;
            } else {
                bad = keys;
            }
        }
        good
    }

    /// The numbers that the argument in [`crate::okvs`] has, measured again with fewer trials.
    #[test]
    fn large_cores_begin_where_they_are_said_to() {
        for (segment, trials) in [(400, 250), (2000, 40)] {
            let cells = 3.0 * segment as f64;
            let seen: Vec<f64> = (0..trials)
                .map(|trial| {
                    let mut space = random(trial, (0.95 * cells) as usize, segment);
                    most(&mut space, 3 * segment as usize) as f64
                })
                .collect();
            let trials = trials as f64;
            let mean = seen.iter().sum::<f64>() / trials;
            let square = |one: &f64| (one - mean).powi(2);
            let deviation = (seen.iter().map(square).sum::<f64>() / trials).sqrt();
            let error = 0.486 * cells.sqrt() / trials.sqrt();
            assert!((mean - (cells / 1.2218 - 0.97 * cells.cbrt())).abs() < 4.0 * error);
            assert!((deviation / cells.sqrt() / 0.486 - 1.0).abs() < 4.0 / (2.0 * trials).sqrt());
        }
    }
}
