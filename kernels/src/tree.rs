//! Trees of comparisons: how the results of several chunks of digits become one, in one round, on masked bits.
//!
//! A node says of some consecutive digits of two numbers whether they are equal (e) and whether the first number
//! is less there (l). Of r nodes, of which number r - 1 holds the highest digits,
//!
//!   l = l_{r-1} + e_{r-1} (l_{r-2} + e_{r-2} (… + e_1 l_0)),   e = e_{r-1} … e_1 e_0,
//!
//! modulo 2. Each factor v is opened under a mask δ, as d = v + δ, except l_{r-1}, which is no factor. The
//! products of v are sums of products of d and products of δ; of the latter the dealer gives shares.
//!
//! The products of masks lie in *blocks*. A block has a tail t (1, or e_0, or one of l_0 … l_{r-2}) and all products
//! of t with factors e_j, `low` <= j < r: number s of the block has the factor e_{low + b} where bit b of s is set.
//! *Folding* e_j, the highest, halves each block: the share of e_j·p is d_j·[p] + [δ_j p], for every product p of
//! masks that is left. What is left of a block of tail t, when all of its e are folded, is e_{r-1} … e_low·t.

use crate::planes::{Plane, add, load};
use crate::wide::Wide;

/// The most nodes that are joined at once.
pub const MAX_RADIX: usize = 10;
/// The most factors of a group: of each node e, and l but for the highest.
pub const MAX_FACTORS: usize = 2 * MAX_RADIX - 1;

/// What a block's products have in common.
#[derive(Clone, Copy)]
enum Tail {
    One,
    /// Number of the factor among those opened.
    Factor(usize),
}

#[derive(Clone, Copy)]
struct Block {
    tail: Tail,
    low: usize,
}

/// Some nodes that become one.
pub struct Group {
    radix: usize,
    /// Planes of the factors: e_1 … e_{r-1}, then e_0 if e is wanted, then l_0 … l_{r-2} if l is wanted.
    pub factors: Vec<usize>,
    /// The plane of l_{r-1}, if l is wanted.
    pub lead: Option<usize>,
    e_0: Option<usize>,
    blocks: Vec<Block>,
    /// How many products of masks are dealt.
    pub dealt: usize,
    /// Where the results go: planes of l and e.
    pub targets: (Option<usize>, Option<usize>),
}

impl Group {
    fn block_size(&self, block: Block) -> usize {
        1 << (self.radix - block.low)
    }

    /// How many products there are in all, dealt or not.
    pub fn products(&self) -> usize {
        self.blocks
            .iter()
            .map(|block| self.block_size(*block))
            .sum()
    }

    /// Number of the factor e_j, j >= 1.
    fn e(j: usize) -> usize {
        j - 1
    }
}

/// One level of a tree: nodes in groups, from the least significant.
pub struct Level {
    /// The groups.
    pub groups: Vec<Group>,
    /// Planes of nodes that go in.
    pub planes: usize,
    /// Planes of nodes that come out.
    pub results: usize,
    /// Planes opened.
    pub opened: usize,
    /// Planes dealt.
    pub dealt: usize,
    /// Products of the largest group.
    pub products: usize,
}

/// Planes of so many nodes: with order l_0 … l_{c-1}, e_1 … e_{c-1}, as nothing hangs on e_0; without, e_0 … e_{c-1}.
pub fn node_planes(nodes: usize, order: bool) -> usize {
    if order { 2 * nodes - 1 } else { nodes }
}

fn e_plane(node: usize, nodes: usize, order: bool) -> usize {
    if order { nodes + node - 1 } else { node }
}

impl Level {
    /// Groups of these sizes; `order` says whether less is wanted, or only equal. None where a size is not from 2
    /// to [`MAX_RADIX`].
    pub fn new(sizes: &[usize], order: bool) -> Option<Self> {
        if sizes.is_empty() || sizes.iter().any(|size| !(2..=MAX_RADIX).contains(size)) {
            return None;
        }
        let nodes: usize = sizes.iter().sum();
        let (mut groups, mut first) = (Vec::new(), 0);
        for (index, &radix) in sizes.iter().enumerate() {
            let equal = !order || index > 0;
            let mut factors: Vec<usize> = (1..radix)
                .map(|j| e_plane(first + j, nodes, order))
                .collect();
            let mut blocks = vec![Block {
                tail: Tail::One,
                low: 1,
            }];
            let mut e_0 = None;
            if equal {
                e_0 = Some(factors.len());
                blocks.push(Block {
                    tail: Tail::Factor(factors.len()),
                    low: 1,
                });
                factors.push(e_plane(first, nodes, order));
            }
            if order {
                for i in 0..radix - 1 {
                    blocks.push(Block {
                        tail: Tail::Factor(factors.len()),
                        low: i + 1,
                    });
                    factors.push(first + i);
                }
            }
            let mut group = Group {
                radix,
                factors,
                lead: order.then_some(first + radix - 1),
                e_0,
                blocks,
                dealt: 0,
                targets: (
                    order.then_some(index),
                    equal.then(|| e_plane(index, sizes.len(), order)),
                ),
            };
            // Products of one mask are the masks, that of none is 1.
            group.dealt = group.products() - 1 - group.factors.len();
            groups.push(group);
            first += radix;
        }
        Some(Level {
            planes: node_planes(nodes, order),
            results: node_planes(sizes.len(), order),
            opened: groups.iter().map(|group| group.factors.len()).sum(),
            dealt: groups.iter().map(|group| group.dealt).sum(),
            products: groups.iter().map(Group::products).max().unwrap_or(0),
            groups,
        })
    }
}

/// Adds the products of masks that are dealt to a tile; `masks` are the planes of one group's factors.
#[inline(always)]
pub fn deal<S: Wide>(
    group: &Group,
    masks: &[Plane],
    scratch: &mut [Plane],
    tile: &mut [u64],
    words: usize,
    first: usize,
) {
    let mut plane = first;
    for &block in &group.blocks {
        let (tail, tailed) = match block.tail {
            Tail::One => (S::same(u64::MAX), false),
            Tail::Factor(number) => (S::get(&masks[number]), true),
        };
        S::put(tail, &mut scratch[0]);
        for b in 0..group.radix - block.low {
            let mask = S::get(&masks[Group::e(block.low + b)]);
            let (known, fresh) = scratch.split_at_mut(1 << b);
            for (s, (product, target)) in known.iter().zip(fresh).enumerate() {
                let product = S::and(S::get(product), mask);
                S::put(product, target);
                if tailed || s > 0 {
                    add::<S>(tile, words, plane, product);
                    plane += 1;
                }
            }
        }
    }
}

/// What a party has of a group.
pub struct Shares<'a> {
    /// The opened factors, public.
    pub opened: &'a [Plane],
    /// Shares of their masks.
    pub masks: &'a [Plane],
    /// Whether this party's share of 1 is 1.
    pub one: bool,
    /// A tile of the dealt products' shares,
    pub dealt: &'a [u64],
    /// its words a plane,
    pub words: usize,
    /// and where this group's begin.
    pub first: usize,
}

/// A party's shares of all products of masks of a group.
#[inline(always)]
fn products<S: Wide>(group: &Group, shares: &Shares, out: &mut [Plane]) {
    let (mut plane, mut rest) = (shares.first, out);
    for &block in &group.blocks {
        let products;
        (products, rest) = rest.split_at_mut(group.block_size(block));
        let tailed = match block.tail {
            Tail::One => {
                products[0] = [if shares.one { u64::MAX } else { 0 }; _];
                false
            }
            Tail::Factor(number) => {
                products[0] = shares.masks[number];
                true
            }
        };
        for b in 0..group.radix - block.low {
            for s in 0..1usize << b {
                let target = &mut products[s + (1 << b)];
                if tailed || s > 0 {
                    S::put(load::<S>(shares.dealt, shares.words, plane), target);
                    plane += 1;
                } else {
                    *target = shares.masks[Group::e(block.low + b)];
                }
            }
        }
    }
}

/// d·[p] + [δp], for d = v + δ: a share of v·p.
#[inline(always)]
fn times<S: Wide>(opened: S::Bits, product: &Plane, with_mask: &Plane) -> S::Bits {
    S::xor(S::and(opened, S::get(product)), S::get(with_mask))
}

/// A party's shares of l, but for l_{r-1}, and of e.
#[inline(always)]
pub fn combine<S: Wide>(
    group: &Group,
    shares: &Shares,
    scratch: &mut [Plane],
) -> (S::Bits, S::Bits) {
    products::<S>(group, shares, scratch);
    let mut less = S::same(0);
    for j in (1..group.radix).rev() {
        let public = S::get(&shares.opened[Group::e(j)]);
        let mut start = 0;
        for &block in &group.blocks {
            if block.low <= j {
                let (kept, with_mask) = scratch[start..].split_at_mut(1 << (j - block.low));
                for (product, other) in kept.iter_mut().zip(with_mask) {
                    S::put(times::<S>(public, product, other), product);
                }
                // All of this block's e are folded: what is left of an l is e_{r-1} … e_j times its mask.
                if let Tail::Factor(number) = block.tail
                    && block.low == j
                    && Some(number) != group.e_0
                {
                    let l = S::get(&shares.opened[number]);
                    less = S::xor(less, times::<S>(l, &scratch[0], &scratch[start]));
                }
            }
            start += group.block_size(block);
        }
    }
    let Some(number) = group.e_0 else {
        return (less, S::same(0));
    };
    // The block of e_0 is the second, behind one of the same size.
    let tail = &scratch[group.block_size(group.blocks[0])];
    let e = S::get(&shares.opened[number]);
    (less, times::<S>(e, &scratch[0], tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::{Kernel, Level as Cpu};
    use crate::planes::TILE;
    use crate::simd::Simd;

    fn random(salt: u64) -> Plane {
        let mut plane = [0; TILE];
        for (w, word) in plane.iter_mut().enumerate() {
            let x = (salt * 8 + w as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *word = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        plane
    }

    fn many(n: usize, salt: u64) -> Vec<Plane> {
        (0..n as u64).map(|k| random(salt + k)).collect()
    }

    fn sum(a: &[Plane], b: &[Plane]) -> Vec<Plane> {
        let word = |k: usize, w: usize| a[k][w] ^ b[k][w];
        (0..a.len())
            .map(|k| std::array::from_fn(|w| word(k, w)))
            .collect()
    }

    #[test]
    fn counts() {
        let level = Level::new(&[3, 3], true).expect("sizes are right");
        let [least, other] = &level.groups[..] else {
            panic!("two groups")
        };
        assert_eq!((least.factors.len(), least.dealt), (4, 5));
        assert_eq!((other.factors.len(), other.dealt), (5, 8));
        let planes = (level.planes, level.results, level.opened, level.dealt);
        assert_eq!(planes, (11, 3, 9, 13));
        let level = Level::new(&[3, 2], false).expect("sizes are right");
        let planes = (level.planes, level.results, level.opened, level.dealt);
        assert_eq!(planes, (5, 2, 5, 5));
        for wrong in [&[][..], &[1], &[3, 11]] {
            assert!(Level::new(wrong, true).is_none());
        }
    }

    /// Two parties join one group.
    struct Joined<'a> {
        group: &'a Group,
        nodes: &'a [Plane],
        out: &'a mut [Plane; 2],
    }

    impl Kernel for Joined<'_> {
        #[inline(always)]
        fn run<S: Simd>(self) {
            let group = self.group;
            let (factors, dealt) = (group.factors.len(), group.dealt);
            let values: Vec<Plane> = group
                .factors
                .iter()
                .map(|plane| self.nodes[*plane])
                .collect();
            let masks = many(factors, 1000);
            let opened = sum(&values, &masks);
            let mut scratch = vec![[0; TILE]; group.products()];
            let mut tile = vec![0; dealt * TILE];
            deal::<S>(group, &masks, &mut scratch, &mut tile, TILE, 0);
            let (part, split) = (many(factors, 2000), many(dealt, 3000).concat());
            let rest = sum(&masks, &part);
            let other: Vec<u64> = tile.iter().zip(&split).map(|(a, b)| a ^ b).collect();
            *self.out = [[0; TILE]; 2];
            for (masks, one, dealt) in [(&part, true, &split), (&rest, false, &other)] {
                let (words, first) = (TILE, 0);
                let shares = Shares {
                    opened: &opened,
                    masks,
                    one,
                    dealt,
                    words,
                    first,
                };
                let (less, equal) = combine::<S>(group, &shares, &mut scratch);
                for (out, bits) in self.out.iter_mut().zip([less, equal]) {
                    S::put(S::xor(S::get(out), bits), out);
                }
            }
        }
    }

    // Random bits for everything, e and l alike, against the formula.
    #[test]
    fn joins_nodes() {
        for (order, radix) in (2..=MAX_RADIX).flat_map(|radix| [(true, radix), (false, radix)]) {
            let level = Level::new(&[2, radix], order).expect("sizes are right");
            let nodes = many(level.planes, 0);
            let e = |j: usize| nodes[e_plane(2 + j, 2 + radix, order)];
            let (mut less, mut equal) = ([0; TILE], e(0));
            for j in 1..radix {
                for w in 0..TILE {
                    if order {
                        less[w] = e(j)[w] & (less[w] ^ nodes[1 + j][w]);
                    }
                    equal[w] &= e(j)[w];
                }
            }
            for cpu in Cpu::all() {
                let mut out = [[0; TILE]; 2];
                let group = &level.groups[1];
                cpu.run(Joined {
                    group,
                    nodes: &nodes,
                    out: &mut out,
                });
                assert_eq!(out, [less, equal], "{cpu:?}, radix {radix}");
            }
        }
    }
}
