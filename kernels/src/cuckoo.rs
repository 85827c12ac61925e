//! Cuckoo tables: one cell for each item, of the few that it may lie in.
//!
//! First the items that are alone in some cell get it, and what that leaves alone in turn: of a table with room
//! enough that is every item. The few that block each other are then placed one by one, along augmenting paths,
//! so that a placement is found whenever there is one.

use std::collections::VecDeque;

use numpy::PyArrayDyn;
use pyo3::exceptions::PyArithmeticError;
use pyo3::prelude::*;

use crate::arrays::{contiguous, count, finished, fresh, refuse, whole};

/// Cells that an item may lie in.
const CHOICES: usize = 3;

/// No item, and no choice.
const NONE: u32 = u32::MAX;

/// The state of a placement.
struct Table<'a> {
    cells: &'a [[i64; CHOICES]],
    /// Which of its cells each item has.
    choice: &'a mut [u32],
    /// Which item each cell has.
    owner: Vec<u32>,
}

impl Table<'_> {
    /// Places all that can be alone somewhere; how many those were.
    fn peel(&mut self) -> usize {
        let mut load = vec![0u32; self.owner.len()];
        // Of the items of a cell the exclusive or of their numbers: of one item, its number.
        let mut names = vec![0u32; self.owner.len()];
        for (item, cells) in self.cells.iter().enumerate() {
            for &cell in cells {
                load[cell as usize] += 1;
                names[cell as usize] ^= item as u32;
            }
        }
        let mut alone: Vec<u32> = (0..load.len() as u32)
            .filter(|&cell| load[cell as usize] == 1)
            .collect();
        let mut placed = 0;
        while let Some(cell) = alone.pop() {
            if load[cell as usize] != 1 {
                continue;
            }
            let item = names[cell as usize];
            self.give(item, cell);
            placed += 1;
            for &other in &self.cells[item as usize] {
                let other = other as usize;
                load[other] -= 1;
                names[other] ^= item;
                if load[other] == 1 {
                    alone.push(other as u32);
                }
            }
        }
        placed
    }

    fn give(&mut self, item: u32, cell: u32) {
        let cells = &self.cells[item as usize];
        let which = cells.iter().position(|&one| one == i64::from(cell));
        self.choice[item as usize] = which.map_or(NONE, |which| which as u32);
        self.owner[cell as usize] = item;
    }

    /// Places one more item, breadth first over whom it drives out; whether that can be done. `seen` says of
    /// each cell for which item it was last reached, `from` by which.
    fn augment(&mut self, item: u32, seen: &mut [u32], from: &mut [u32]) -> bool {
        let mut waiting = VecDeque::from([item]);
        while let Some(one) = waiting.pop_front() {
            for &cell in &self.cells[one as usize] {
                let at = cell as usize;
                if seen[at] == item {
                    continue;
                }
                (seen[at], from[at]) = (item, one);
                if self.owner[at] != NONE {
                    waiting.push_back(self.owner[at]);
                    continue;
                }
                self.shift(at as u32, item, from);
                return true;
            }
        }
        false
    }

    /// Moves everybody along the path that ends at a free cell and began with an item.
    fn shift(&mut self, free: u32, first: u32, from: &[u32]) {
        let mut cell = free;
        loop {
            let item = from[cell as usize];
            let before = self.choice[item as usize];
            self.give(item, cell);
            if item == first {
                return;
            }
            cell = self.cells[item as usize][before as usize] as u32;
        }
    }
}

/// Which of its cells each item has, so that no two have the same; None where that cannot be.
fn place(cells: &[[i64; CHOICES]], bins: usize, choice: &mut [u32]) -> Option<()> {
    choice.fill(NONE);
    let owner = vec![NONE; bins];
    let mut table = Table {
        cells,
        choice,
        owner,
    };
    if table.peel() == cells.len() {
        return Some(());
    }
    let (mut seen, mut from) = (vec![NONE; bins], vec![NONE; bins]);
    for item in 0..cells.len() as u32 {
        if table.choice[item as usize] == NONE && !table.augment(item, &mut seen, &mut from) {
            return None;
        }
    }
    Some(())
}

/// Which of its three cells each item has, shape (n,).
#[pyfunction]
fn cuckoo_places<'py>(
    py: Python<'py>,
    cells: &Bound<'py, PyAny>,
    bins: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyArrayDyn<u32>>> {
    let cells = contiguous::<i64>("cells", cells)?;
    let shape = cells.as_array().shape().to_vec();
    let &[items, CHOICES] = shape.as_slice() else {
        return refuse(format!(
            "cells must have shape (n, {CHOICES}), not {shape:?}"
        ));
    };
    let bins = count("bins", &[whole("bins", bins)?])?;
    if bins >= NONE as usize || items >= NONE as usize {
        return refuse("no more than 2^32 - 2 items and bins");
    }
    let flat = cells.as_slice()?;
    if flat.iter().any(|&cell| cell < 0 || cell >= bins as i64) {
        return refuse("cells must be from 0 to bins - 1");
    }
    let (rows, _) = flat.as_chunks::<CHOICES>();
    let mut out = fresh::<u32>(py, &[items])?;
    let choice = out.as_slice_mut()?;
    match py.detach(|| place(rows, bins, choice)) {
        Some(()) => Ok(finished(out)),
        None => Err(PyArithmeticError::new_err(
            "some items have fewer cells than they are",
        )),
    }
}

/// Adds the functions to the Python module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(cuckoo_places, module)?)
}

#[cfg(test)]
mod tests {
    use super::place;

    fn distinct(cells: &[[i64; 3]], choice: &[u32]) -> bool {
        let mut taken: Vec<i64> = cells
            .iter()
            .zip(choice)
            .map(|(cells, &which)| cells[which as usize])
            .collect();
        taken.sort_unstable();
        taken.windows(2).all(|pair| pair[0] != pair[1])
    }

    #[test]
    fn a_full_block_is_placed() {
        // Nobody is ever alone: every cell is in every item.
        let cells = [[0, 1, 2], [1, 2, 0], [2, 1, 0]];
        let mut choice = [0; 3];
        assert!(place(&cells, 3, &mut choice).is_some());
        assert!(distinct(&cells, &choice));
        assert!(place(&[[0, 1, 2]; 4], 3, &mut [0; 4]).is_none());
    }

    #[test]
    fn items_move_out_of_the_way() {
        let cells = [[0, 1, 1], [0, 0, 1], [1, 0, 2], [2, 1, 3], [3, 2, 3]];
        let mut choice = [0; 5];
        assert!(place(&cells[..4], 4, &mut choice[..4]).is_some());
        assert!(distinct(&cells[..4], &choice[..4]));
        assert!(place(&cells, 4, &mut choice).is_none());
    }
}
