//! The call tree of a run, made while it runs: a probe at each entry and one at each exit move along it.
//!
//! Each node has a sum. At each entry and exit, what the total (of executed instructions, say) has become more since the last one
//! is added to the node that was active until then. In the middle of a call the total may be ahead or behind, but from a
//! call's entry to its exit that cancels, less its callees' entries and exits: what comes out is what its calls have added
//! themselves. All of this is loads and stores of one thread; only what sees a pair of caller and callee for
//! the first time takes a lock.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use probity_probes::total::RunningTotal;

use super::grown::Grown;

/// The node of whoever calls the guest.
pub(super) const ROOT: u32 = 0;

/// More nodes than this are not made: further callees are part of their callers. So memory has a bound.
const NODES_MAX: u32 = 1 << 20;

/// What a node is, and what it has summed up.
#[derive(Default)]
pub(super) struct Node {
    pub parent: AtomicU32,
    pub frame: AtomicU32,
    /// Pc of the call in the parent's function; 0 if it is not known.
    pub site: AtomicU32,
    depth: AtomicU32,
    pub calls: AtomicU64,
    pub sum: AtomicU64,
}

/// A call that is active.
#[derive(Default)]
struct Level {
    node: AtomicU32,
    /// Where it is calling.
    site: AtomicU32,
}

/// How a tree is kept small.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Callees that would be deeper are part of their callers.
    pub depth_max: u32,
    /// A function that is on the way already is its node there.
    pub fold_recursion: bool,
}

/// A tree that is being made. One store's thread changes it.
pub(super) struct Tree {
    total: RunningTotal,
    shape: Shape,
    nodes: Grown<Node>,
    len: AtomicU32,
    /// The calls that are active, the root first.
    stack: Grown<Level>,
    depth: AtomicU32,
    /// The total at the last entry or exit.
    last: AtomicU64,
    /// Node of the call that was left last.
    left: AtomicU32,
    /// Calls that are part of their caller.
    pub folded: AtomicU64,
    pub is_full: AtomicBool,
    making: Mutex<()>,
}

impl Tree {
    pub fn new(total: RunningTotal, shape: Shape) -> Tree {
        Tree {
            total,
            shape,
            nodes: Grown::default(),
            len: AtomicU32::new(1),
            stack: Grown::default(),
            depth: AtomicU32::new(0),
            last: AtomicU64::new(0),
            left: AtomicU32::new(ROOT),
            folded: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
            making: Mutex::new(()),
        }
    }

    /// The active call is about to call something, at a pc.
    #[inline]
    pub fn calls_at(&self, pc: u32) {
        let level = self.stack.at(self.depth.load(Relaxed));
        level.site.store(pc, Relaxed);
    }

    /// A function is entered; `children` are those of its frame.
    #[inline]
    pub fn enter(&self, children: &mut Children) {
        let depth = self.depth.load(Relaxed);
        let level = self.stack.at(depth);
        let parent = level.node.load(Relaxed);
        let child = children.of(self, parent, level.site.load(Relaxed));
        self.charge(self.nodes.at(parent));
        let node = self.nodes.at(child);
        // A call of itself, or of something that has no node.
        let is_folded = child == parent && !(children.is_of(node) && child != ROOT);
        add(if is_folded { &self.folded } else { &node.calls }, 1);
        let level = self.stack.at(depth + 1);
        level.node.store(child, Relaxed);
        level.site.store(0, Relaxed);
        self.depth.store(depth + 1, Relaxed);
    }

    /// The active call is left.
    #[inline]
    pub fn leave(&self) {
        let depth = self.depth.load(Relaxed);
        let Some(outer) = depth.checked_sub(1) else {
            return;
        };
        let child = self.stack.at(depth).node.load(Relaxed);
        self.charge(self.nodes.at(child));
        self.left.store(child, Relaxed);
        self.depth.store(outer, Relaxed);
    }

    /// Adds what the total has become more to the node that was active until now.
    #[inline]
    fn charge(&self, node: &Node) {
        let now = self.total.get();
        add(&node.sum, now.wrapping_sub(self.last.load(Relaxed)));
        self.last.store(now, Relaxed);
    }

    /// Adds what the total lacks of a frame that has caught an exception, and so is the active one, or that
    /// was left just now.
    pub fn correct(&self, missing: u64, has_caught: bool) {
        let node = match has_caught {
            true => self.stack.at(self.depth.load(Relaxed)).node.load(Relaxed),
            false => self.left.load(Relaxed),
        };
        add(&self.nodes.at(node).sum, missing);
    }

    /// Number of nodes, the root included.
    pub fn len(&self) -> u32 {
        self.len.load(Relaxed)
    }

    pub fn node(&self, index: u32) -> &Node {
        self.nodes.at(index)
    }

    /// The node of a frame below another one: a new one, unless the tree is to be kept smaller.
    fn child(&self, parent: u32, frame: u32, site: u32) -> u32 {
        if self.shape.fold_recursion {
            let mut at = parent;
            while at != ROOT {
                let node = self.nodes.at(at);
                if node.frame.load(Relaxed) == frame {
                    return at;
                }
                at = node.parent.load(Relaxed);
            }
        }
        let depth = self.nodes.at(parent).depth.load(Relaxed) + 1;
        if depth > self.shape.depth_max && parent != ROOT {
            return parent;
        }
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let index = self.len.load(Relaxed);
        // Callees of the root have to be somewhere.
        if index >= NODES_MAX && parent != ROOT {
            self.is_full.store(true, Relaxed);
            return parent;
        }
        let node = self.nodes.at(index);
        node.parent.store(parent, Relaxed);
        node.frame.store(frame, Relaxed);
        node.site.store(site, Relaxed);
        node.depth.store(depth, Relaxed);
        self.len.store(index + 1, Relaxed);
        index
    }
}

/// As [`Counters`](probity_engine::hook::Counters) do: there is one writer.
#[inline]
fn add(to: &AtomicU64, n: u64) {
    to.store(to.load(Relaxed).wrapping_add(n), Relaxed);
}

/// The nodes of one frame, by parent and site, for one probe.
pub(super) struct Children {
    frame: u32,
    /// The last one that was asked for.
    last: (u64, u32),
    /// Open addressing; a key of 0 is none.
    slots: Vec<(u64, u32)>,
    used: usize,
}

impl Children {
    pub fn new(frame: u32) -> Children {
        Children {
            frame,
            last: (0, 0),
            slots: vec![(0, 0); 8],
            used: 0,
        }
    }

    fn is_of(&self, node: &Node) -> bool {
        node.frame.load(Relaxed) == self.frame
    }

    #[inline]
    fn of(&mut self, tree: &Tree, parent: u32, site: u32) -> u32 {
        // Never 0, for there are fewer nodes than that.
        let key = (u64::from(parent) << 32 | u64::from(site)).wrapping_add(1 << 32);
        if self.last.0 != key {
            self.last = (key, self.find(tree, key, parent, site));
        }
        self.last.1
    }

    fn find(&mut self, tree: &Tree, key: u64, parent: u32, site: u32) -> u32 {
        let at = self.slot(key);
        if self.slots[at].0 == key {
            return self.slots[at].1;
        }
        let child = tree.child(parent, self.frame, site);
        self.slots[at] = (key, child);
        self.used += 1;
        if 2 * self.used > self.slots.len() {
            let larger = vec![(0, 0); 4 * self.slots.len()];
            for (key, child) in std::mem::replace(&mut self.slots, larger) {
                if key != 0 {
                    let at = self.slot(key);
                    self.slots[at] = (key, child);
                }
            }
        }
        child
    }

    /// Where a key is, or would be.
    fn slot(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        // The golden ratio's multiplier spreads keys that differ in few bits.
        let mut at = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.slots[at].0 != 0 && self.slots[at].0 != key {
            at = (at + 1) & mask;
        }
        at
    }
}

/// Shared by all probes of a run.
pub(super) type SharedTree = Arc<Tree>;

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(shape: Shape) -> Tree {
        Tree::new(RunningTotal::new(), shape)
    }

    const ALL: Shape = Shape {
        depth_max: u32::MAX,
        fold_recursion: false,
    };

    /// (parent, frame, calls) of each node behind the root.
    fn nodes(tree: &Tree) -> Vec<(u32, u32, u64)> {
        let node = |index| {
            let node = tree.node(index);
            let (parent, frame) = (node.parent.load(Relaxed), node.frame.load(Relaxed));
            (parent, frame, node.calls.load(Relaxed))
        };
        (1..tree.len()).map(node).collect()
    }

    /// Frame 7 calls 8, which calls 7 and that 8.
    fn recursive(shape: Shape) -> Tree {
        let tree = tree(shape);
        let (mut a, mut b) = (Children::new(7), Children::new(8));
        for _ in 0..2 {
            for _ in 0..2 {
                tree.enter(&mut a);
                tree.enter(&mut b);
            }
            for _ in 0..4 {
                tree.leave();
            }
        }
        tree
    }

    #[test]
    fn recursion_is_kept_folded_or_cut() {
        let all = recursive(ALL);
        assert_eq!(nodes(&all), [(0, 7, 2), (1, 8, 2), (2, 7, 2), (3, 8, 2)]);
        let folded = recursive(Shape {
            fold_recursion: true,
            ..ALL
        });
        assert_eq!(nodes(&folded), [(0, 7, 4), (1, 8, 4)]);
        let cut = recursive(Shape {
            depth_max: 3,
            ..ALL
        });
        assert_eq!(nodes(&cut), [(0, 7, 2), (1, 8, 2), (2, 7, 2)]);
        assert_eq!(cut.folded.load(Relaxed), 2);
    }

    #[test]
    fn call_sites_tell_nodes_apart() {
        let tree = tree(ALL);
        let (mut a, mut b) = (Children::new(1), Children::new(2));
        tree.enter(&mut a);
        for site in [10, 20, 10] {
            tree.calls_at(site);
            tree.enter(&mut b);
            tree.leave();
        }
        tree.leave();
        assert_eq!(nodes(&tree), [(0, 1, 1), (1, 2, 2), (1, 2, 1)]);
        assert_eq!(tree.node(3).site.load(Relaxed), 20);
    }

    #[test]
    fn many_callers_have_a_node_each() {
        let tree = tree(ALL);
        let mut leaf = Children::new(0);
        let mut callers: Vec<Children> = (1..=300).map(Children::new).collect();
        for _ in 0..2 {
            for caller in &mut callers {
                tree.enter(caller);
                tree.enter(&mut leaf);
                tree.leave();
                tree.leave();
            }
        }
        assert_eq!(tree.len(), 601);
        assert!(nodes(&tree).iter().all(|&(_, _, calls)| calls == 2));
    }
}
