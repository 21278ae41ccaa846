//! Which blocks need a counter: what flows into a block flows out of it, so
//! most counts follow from a few (Knuth and Stevenson, "Optimal measurement
//! points for program frequency counts", BIT 13, 1973).
//!
//! Each block is an arc between two *classes*: the one that holds its start
//! and the starts and ends that edges join to it, and the one that holds its
//! end. In every class as much arrives as departs. Blocks on a spanning tree
//! of the classes are computed, the others are counted; the tree is the
//! heaviest one, so that hot blocks are computed. An activation that ends
//! inside a block (trap, host error, exception) never reaches the class of
//! its end; such stops are known, and enter the balance. So do the arrivals of
//! exceptions that the function catches itself: each is a stop in one block
//! and an arrival at the start of another.

use std::sync::OnceLock;

use crate::cfg::Cfg;
use crate::wanted::Wanted;

/// Where counters go in one function, and how the other counts follow.
#[derive(Debug, Clone)]
pub struct Flow {
    /// (class of the start, class of the end) of each block and, last, of the
    /// function's entry. `None` for blocks that never execute. One whose count nobody wants is a loop: its
    /// classes are one, so that what goes through it is nothing to anybody.
    arcs: Vec<Option<(u32, u32)>>,
    wanted: Vec<bool>,
    counted: Vec<bool>,
    classes: usize,
    outside: u32,
    /// In which order counts follow; worked out when they are first asked for.
    steps: OnceLock<Vec<Step>>,
}

/// The count of an arc follows from what is known of a class.
#[derive(Debug, Clone, Copy)]
struct Step {
    arc: u32,
    class: u32,
}

/// What counted blocks add to a total, modulo 2^64.
#[derive(Debug, Clone, Default)]
pub struct Weighed {
    /// What each block adds and, last, the function's entry: 0 for those that have no counter.
    pub added: Vec<u64>,
    /// The weight of the way from outside to the start of each block, less what was added on it: the same on each
    /// way.
    pub at_start: Vec<u64>,
}

impl Flow {
    /// A plan with the fewest counters that tell all that is wanted.
    pub fn minimal(cfg: &Cfg, wanted: &Wanted) -> Flow {
        let mut flow = Flow::every_block(cfg, wanted);
        // Blocks of structural operators alone have no code of their own:
        // better computed than counted.
        let weight = |arc: usize| {
            let block = cfg.blocks().get(arc);
            block.map_or(u64::MAX, |block| {
                block.weight.saturating_mul(if block.works { 1 } else { 8 })
            })
        };
        let mut order: Vec<usize> = (0..flow.arcs.len()).collect();
        order.sort_by_key(|&arc| std::cmp::Reverse(weight(arc)));
        let mut joined = Sets::new(flow.classes);
        for arc in order.into_iter().filter(|&arc| flow.wanted[arc]) {
            if let Some((from, to)) = flow.arcs[arc] {
                flow.counted[arc] = !joined.join(from as usize, to as usize);
            }
        }
        flow
    }

    /// A plan with a counter in every reachable block that is wanted.
    pub fn every_block(cfg: &Cfg, wanted: &Wanted) -> Flow {
        let blocks = cfg.blocks().len();
        let (start, end) = (|arc: usize| 2 * arc, |arc: usize| 2 * arc + 1);
        let outside = 2 * (blocks + 1);
        let mut sets = Sets::new(outside + 1);
        sets.join(start(blocks), outside);
        if blocks > 0 {
            sets.join(end(blocks), start(0));
        }
        for &(from, to) in cfg.edges() {
            let reachable = cfg.blocks()[from as usize].reachable;
            if reachable {
                sets.join(end(from as usize), start(to as usize));
            }
        }
        for (at, block) in cfg.blocks().iter().enumerate() {
            if block.leaves && block.reachable {
                sets.join(end(at), outside);
            }
        }
        let reachable = |at: usize| cfg.blocks().get(at).is_none_or(|block| block.reachable);
        let wanted: Vec<bool> = (0..=blocks)
            .map(|at| reachable(at) && wanted.has(at, blocks))
            .collect();
        for at in (0..=blocks).filter(|&at| reachable(at) && !wanted[at]) {
            sets.join(start(at), end(at));
        }
        let mut names = Names::new(outside + 1);
        let mut class = |node: usize| names.of(sets.find(node));
        let arcs: Vec<Option<(u32, u32)>> = (0..=blocks)
            .map(|at| reachable(at).then(|| (class(start(at)), class(end(at)))))
            .collect();
        let outside = class(outside);
        Flow {
            counted: wanted.clone(),
            wanted,
            arcs,
            classes: names.len as usize,
            outside,
            steps: OnceLock::new(),
        }
    }

    /// Whether a block has a counter.
    pub fn counts_block(&self, block: usize) -> bool {
        self.counted[block]
    }

    /// Whether a block's count is wanted.
    pub fn tells(&self, block: usize) -> bool {
        self.wanted[block]
    }

    /// Whether the function's entry has a counter.
    pub fn counts_entry(&self) -> bool {
        self.counted[self.arcs.len() - 1]
    }

    /// Has the counted blocks add to one total, so that from entry to exit the weights of all blocks are added, `weights` in
    /// the order of blocks. All sums are modulo 2^64.
    pub fn weigh(&self, weights: impl Iterator<Item = u64>) -> Weighed {
        // The entry weighs nothing.
        let weights: Vec<u64> = weights.chain([0]).collect();
        let mut next: Vec<Vec<(u32, u64)>> = vec![Vec::new(); self.classes];
        let arcs = || self.arcs.iter().zip(&self.counted).zip(&weights);
        for ((ends, counted), &weight) in arcs() {
            if let (Some((from, to)), false) = (ends, counted) {
                next[*from as usize].push((*to, weight));
                next[*to as usize].push((*from, weight.wrapping_neg()));
            }
        }
        // Classes that nothing joins to the outside have a tree of their own.
        let mut potentials: Vec<Option<u64>> = vec![None; self.classes];
        for root in [self.outside].into_iter().chain(0..self.classes as u32) {
            let mut stack = vec![(root, 0)];
            while let Some((class, potential)) = stack.pop() {
                let known = &mut potentials[class as usize];
                if known.is_none() {
                    *known = Some(potential);
                    let joined = next[class as usize].iter();
                    stack.extend(joined.map(|&(to, w)| (to, potential.wrapping_add(w))));
                }
            }
        }
        let of = |class: u32| potentials[class as usize].unwrap_or(0);
        let mut weighed = Weighed::default();
        for ((ends, counted), &weight) in arcs() {
            let (from, to) = ends.map_or((0, 0), |(from, to)| (of(from), of(to)));
            let adds = weight.wrapping_add(from).wrapping_sub(to);
            weighed.at_start.push(from);
            weighed.added.push(if *counted { adds } else { 0 });
        }
        weighed
    }

    /// Executions of every block that is wanted and, last, of the function's entry, from
    /// those of the counted ones (others are ignored), the number of times
    /// that each block was left from within, and the number of exceptions that
    /// landed at its start; all by block with the entry last.
    pub fn solve(&self, counted: &[u64], stopped: &[u64], caught: &[u64]) -> Vec<u64> {
        let mut counts = vec![0u64; self.arcs.len()];
        // What arrives at a class less what departs from it. Intermediate
        // sums may pass below zero, the result cannot: hence wrapping.
        let mut surplus = vec![0u64; self.classes];
        for (arc, ends) in self.arcs.iter().enumerate() {
            let Some((from, to)) = *ends else { continue };
            let mut arrive = |class: u32, times: u64| {
                let surplus = &mut surplus[class as usize];
                *surplus = surplus.wrapping_add(times);
            };
            arrive(from, caught[arc]);
            arrive(to, stopped[arc].wrapping_neg());
            if self.counted[arc] {
                counts[arc] = counted[arc];
                arrive(from, counted[arc].wrapping_neg());
                arrive(to, counted[arc]);
            }
        }
        for &Step { arc, class } in self.steps.get_or_init(|| self.steps()) {
            let Some((from, to)) = self.arcs[arc as usize] else {
                continue;
            };
            let count = match from == class {
                true => surplus[class as usize],
                false => surplus[class as usize].wrapping_neg(),
            };
            counts[arc as usize] = count;
            surplus[from as usize] = surplus[from as usize].wrapping_sub(count);
            surplus[to as usize] = surplus[to as usize].wrapping_add(count);
        }
        counts
    }

    /// From the leaves of the tree on, so that in a class all counts but one are known.
    fn steps(&self) -> Vec<Step> {
        let mut open: Vec<Vec<u32>> = vec![Vec::new(); self.classes];
        let arcs = self.arcs.iter().enumerate();
        for (arc, ends) in arcs.filter(|&(arc, _)| self.wanted[arc] && !self.counted[arc]) {
            if let Some((from, to)) = *ends {
                open[from as usize].push(arc as u32);
                open[to as usize].push(arc as u32);
            }
        }
        let mut known = self.counted.clone();
        let mut left: Vec<usize> = open.iter().map(Vec::len).collect();
        let leaf = |class: usize, left: &[usize]| left[class] == 1 && class as u32 != self.outside;
        let mut leaves: Vec<usize> = (0..self.classes).filter(|&c| leaf(c, &left)).collect();
        let mut steps = Vec::new();
        while let Some(class) = leaves.pop() {
            let unknown = open[class].iter().find(|&&arc| !known[arc as usize]);
            let Some(&arc) = unknown else { continue };
            let Some((from, to)) = self.arcs[arc as usize] else {
                continue;
            };
            known[arc as usize] = true;
            steps.push(Step {
                arc,
                class: class as u32,
            });
            for class in [from as usize, to as usize] {
                left[class] -= 1;
                if leaf(class, &left) {
                    leaves.push(class);
                }
            }
        }
        steps
    }
}

/// Disjoint sets.
struct Sets(Vec<usize>);

impl Sets {
    fn new(len: usize) -> Sets {
        Sets((0..len).collect())
    }

    fn find(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    /// False if they were one set already.
    fn join(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a] = b;
        a != b
    }
}

/// Small numbers for the sets in use.
struct Names {
    of: Vec<Option<u32>>,
    len: u32,
}

impl Names {
    fn new(len: usize) -> Names {
        Names {
            of: vec![None; len],
            len: 0,
        }
    }

    fn of(&mut self, set: usize) -> u32 {
        *self.of[set].get_or_insert_with(|| {
            self.len += 1;
            self.len - 1
        })
    }
}
