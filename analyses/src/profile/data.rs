//! A profile as data: a call tree with weights, and what can be worked out from it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use probity_probes::source::{SourceFrame, SourceLine};
use serde::Serialize;

use super::json;

/// Where the weight of a run was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// What weights are numbers of.
    pub weight: Weight,
    /// Whether every call and every operator is in it; otherwise it is made of samples.
    #[serde(rename = "exact")]
    pub is_exact: bool,
    /// The modules that are watched, in the order of attaching.
    pub modules: Vec<ProfiledModule>,
    /// What nodes are calls of.
    pub functions: Vec<Function>,
    /// The tree; a parent comes before its children. Node 0 is the host, which has no weight and no function.
    pub nodes: Vec<Node>,
}

/// A module whose functions may be in a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProfiledModule {
    /// Its own name, else `module[i]`.
    pub name: Arc<str>,
    /// The file that it came from, as it was given.
    pub path: Option<Arc<str>>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Operators executed, by rule `instr.v1`.
    Instructions,
    /// Modelled cycles of the operators executed, see
    /// [`Class::cycles`](probity_probes::opcode::Class::cycles).
    Cycles,
    /// Units of fuel, by rule `fuel` v1.
    Fuel,
    /// Nanoseconds.
    Time,
    /// Allocations.
    Allocs,
    /// Bytes that were allocated.
    Bytes,
}

impl Weight {
    /// The name that options and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Weight::Instructions => "instructions",
            Weight::Cycles => "cycles",
            Weight::Fuel => "fuel",
            Weight::Time => "time",
            Weight::Allocs => "allocs",
            Weight::Bytes => "bytes",
        }
    }

    /// The unit in formats that ask for one.
    pub fn unit(self) -> &'static str {
        match self {
            Weight::Time => "nanoseconds",
            Weight::Bytes => "bytes",
            _ => "count",
        }
    }
}

/// A function that was called.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Function {
    /// Its module, as an index of [`Profile::modules`]; `None` if it is the host's.
    pub module: Option<u32>,
    /// Index in its module; `None` if it is the host's.
    pub index: Option<u32>,
    /// Its name as the module has it, else `func[i]`; of the host's the names of the import, between `.`.
    pub name: Arc<str>,
    /// Where it is defined, if the module says so.
    #[serde(serialize_with = "json::line")]
    pub source: Option<SourceLine>,
    /// Weight of its own operators by byte offset in the module, ascending. Their sum is that of the
    /// nodes' own weights.
    pub pcs: Vec<(u32, u64)>,
    /// Functions of the source, from the innermost inlined one out, at the offsets that are in `pcs` or are a call's;
    /// empty if the module does not say what its source is.
    #[serde(serialize_with = "json::places")]
    pub places: BTreeMap<u32, Vec<SourceFrame>>,
    /// Its loops, outer before inner.
    pub loops: Vec<LoopSpan>,
}

/// A loop by byte offsets in the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LoopSpan {
    /// Its `loop` operator.
    pub start: u32,
    /// Its `end`.
    pub end: u32,
    /// 1 for an outermost one.
    pub depth: u32,
}

/// Calls of one function on one way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// The node of the caller.
    pub parent: u32,
    /// Index in [`Profile::functions`]; of no meaning in node 0.
    pub function: u32,
    /// Pc of the call in the caller's function, if it is known.
    pub site: Option<u32>,
    /// How often it was called; 0 if that is not known.
    pub calls: u64,
    /// Weight of its own, without callees.
    pub weight: u64,
    /// The same by byte offset in the module, ascending, if that is known.
    pub pcs: Vec<(u32, u64)>,
    /// Allocations of its own by offset, ascending, if they are known: how many, and of how many bytes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allocs: Vec<(u32, u64, u64)>,
}

/// Own weight, and weight with all that is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Of its own.
    pub own: u64,
    /// Of its own, that of regions inside it included: of the loops in a loop.
    pub within: u64,
    /// With callees; each is counted once, however often it recurs on the way.
    pub total: u64,
    /// Calls.
    pub calls: u64,
}

impl Function {
    /// The source line of an offset.
    pub fn line(&self, pc: u32) -> Option<&SourceLine> {
        self.places.get(&pc)?.first()?.place.as_ref()
    }
}

impl Profile {
    /// All weight.
    pub fn total(&self) -> u64 {
        self.nodes.iter().map(|node| node.weight).sum()
    }

    /// Leaves functions out that are in no node.
    pub(super) fn drop_unused(&mut self) {
        let mut new: Vec<Option<u32>> = vec![None; self.functions.len()];
        for node in &self.nodes[1..] {
            new[node.function as usize] = Some(0);
        }
        for (used, index) in (0..).zip(new.iter_mut().flatten()) {
            *index = used;
        }
        let mut at = 0;
        self.functions.retain(|_| {
            at += 1;
            new[at - 1].is_some()
        });
        for node in &mut self.nodes[1..] {
            node.function = new[node.function as usize].unwrap_or(0);
        }
    }

    /// The weight of each node with all below it.
    pub fn totals(&self) -> Vec<u64> {
        totals(&self.nodes, |node| (node.parent, node.weight))
    }

    /// The children of each node, in their order.
    pub fn children(&self) -> Vec<Vec<u32>> {
        children(&self.nodes, |node| node.parent)
    }

    /// Nodes from the host's callee to a node; empty for node 0.
    pub fn way(&self, mut node: u32) -> Vec<u32> {
        let mut way = Vec::new();
        while node != 0 {
            way.push(node);
            node = self.nodes[node as usize].parent;
        }
        way.reverse();
        way
    }

    /// Whether it is known where in its caller each call was.
    pub fn has_sites(&self) -> bool {
        self.nodes.iter().any(|node| node.site.is_some())
    }

    /// Sums of each function.
    pub fn by_function(&self) -> Vec<Sums> {
        let mut sums = self.regions(self.functions.len(), |_| &[], |node| Some(node.function));
        for node in &self.nodes[1..] {
            let of = &mut sums[node.function as usize];
            of.own += node.weight;
            of.within += node.weight;
            of.calls += node.calls;
        }
        sums
    }

    /// Sums of each source line that has any, in order. The total is that of all that is called there, as far as the
    /// sites of calls are known; further calls of the line's own function have their weight at their lines.
    pub fn by_line(&self) -> Vec<(SourceLine, Sums)> {
        let lines = self
            .functions
            .iter()
            .flat_map(|f| f.places.keys().filter_map(|&pc| f.line(pc)));
        let mut index: BTreeMap<&SourceLine, u32> = lines.map(|line| (line, 0)).collect();
        (0..).zip(index.values_mut()).for_each(|(i, at)| *at = i);
        let mut of: HashMap<(u32, u32), [u32; 1]> = HashMap::new();
        for (function, f) in (0..).zip(&self.functions) {
            let lines = f.places.keys().filter_map(|&pc| Some((pc, f.line(pc)?)));
            of.extend(lines.map(|(pc, line)| ((function, pc), [index[line]])));
        }
        let at = |place| of.get(&place).map_or(&[][..], |of| of);
        let mut sums = self.regions(index.len(), at, |_| None);
        for (function, f) in (0..).zip(&self.functions) {
            for &(pc, weight) in &f.pcs {
                for &line in at((function, pc)) {
                    let of = &mut sums[line as usize];
                    of.own += weight;
                    of.within += weight;
                    of.total += weight;
                }
            }
        }
        index.into_keys().cloned().zip(sums).collect()
    }

    /// Sums of each loop, as (function, loop's index there): own weight is what is in no inner loop, totals are as those of
    /// lines.
    pub fn by_loop(&self) -> Vec<(u32, usize, Sums)> {
        let mut sites: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); self.functions.len()];
        for node in self.nodes[1..].iter().filter(|node| node.parent != 0) {
            let caller = self.nodes[node.parent as usize].function;
            sites[caller as usize].extend(node.site);
        }
        let mut all: Vec<(u32, usize, Sums)> = Vec::new();
        let mut around: HashMap<(u32, u32), Vec<u32>> = HashMap::new();
        for (function, (f, sites)) in (0..).zip(self.functions.iter().zip(&sites)) {
            let first = all.len();
            let nest = Nest::new(&f.loops);
            all.extend((0..f.loops.len()).map(|index| (function, index, Sums::default())));
            for &(pc, weight) in &f.pcs {
                if let Some(innermost) = nest.innermost(pc) {
                    all[first + innermost].2.own += weight;
                }
            }
            // Inner loops come behind those around them.
            for index in (0..f.loops.len()).rev() {
                let sums = &mut all[first + index].2;
                sums.within += sums.own;
                let within = sums.within;
                if let Some(parent) = nest.parents[index] {
                    all[first + parent].2.within += within;
                }
            }
            for &pc in sites {
                let inside = std::iter::successors(nest.innermost(pc), |&at| nest.parents[at]);
                let inside = inside.map(|index| (first + index) as u32).collect();
                around.insert((function, pc), inside);
            }
        }
        let at = |place| around.get(&place).map_or(&[][..], |of| of);
        let called = self.regions(all.len(), at, |_| None);
        for ((_, _, sums), called) in all.iter_mut().zip(called) {
            sums.total = sums.within + called.total;
        }
        all
    }

    /// What is called from regions: a node is in the regions of its site, and in its own; it is added to those that none of its callers
    /// is in already. Without their own weight, unless nodes are regions themselves; nor that of further calls of the
    /// site's function, for which places of it have it is not known here.
    fn regions<'r>(
        &self,
        len: usize,
        of_site: impl Fn((u32, u32)) -> &'r [u32],
        of_node: impl Fn(&Node) -> Option<u32>,
    ) -> Vec<Sums> {
        let (totals, children) = (self.totals(), self.children());
        let mut sums = vec![Sums::default(); len];
        let mut active = vec![0u32; len];
        // Own weight of each function, of the nodes that have been come to.
        let mut seen = vec![0u64; self.functions.len()];
        // Each node twice: on the way down, and back, then with what had been seen of its caller.
        let mut stack: Vec<(u32, Option<u64>)> = vec![(0, None)];
        while let Some((at, before)) = stack.pop() {
            let node = &self.nodes[at as usize];
            let site = node.site.filter(|_| node.parent != 0);
            let caller = self.nodes[node.parent as usize].function;
            let called = site.map_or(&[][..], |pc| of_site((caller, pc)));
            let own = of_node(node).filter(|_| at != 0);
            if let Some(before) = before {
                for &region in called {
                    active[region as usize] -= 1;
                    if active[region as usize] == 0 {
                        sums[region as usize].total -= seen[caller as usize] - before;
                    }
                }
                own.iter().for_each(|&region| active[region as usize] -= 1);
                continue;
            }
            for &region in called.iter().chain(&own) {
                active[region as usize] += 1;
                if active[region as usize] == 1 {
                    sums[region as usize].total += totals[at as usize];
                }
            }
            let before = seen.get(caller as usize).copied().unwrap_or(0);
            if at != 0 {
                seen[node.function as usize] += node.weight;
            }
            stack.push((at, Some(before)));
            let below = children[at as usize].iter().rev();
            stack.extend(below.map(|&child| (child, None)));
        }
        sums
    }
}

/// Which loops of a function are in which.
struct Nest {
    parents: Vec<Option<usize>>,
    /// From each offset on, the innermost loop.
    borders: Vec<(u32, Option<usize>)>,
}

impl Nest {
    fn new(loops: &[LoopSpan]) -> Nest {
        let mut open: Vec<usize> = Vec::new();
        let (mut parents, mut borders) = (Vec::new(), Vec::new());
        for (at, span) in loops.iter().enumerate() {
            while let Some(inner) = open.pop_if(|&mut inner| loops[inner].end <= span.start) {
                borders.push((loops[inner].end, open.last().copied()));
            }
            parents.push(open.last().copied());
            borders.push((span.start, Some(at)));
            open.push(at);
        }
        while let Some(inner) = open.pop() {
            borders.push((loops[inner].end, open.last().copied()));
        }
        Nest { parents, borders }
    }

    /// The innermost loop that an offset is in.
    fn innermost(&self, pc: u32) -> Option<usize> {
        let behind = self.borders.partition_point(|&(from, _)| from <= pc);
        self.borders[behind.checked_sub(1)?].1
    }
}

/// The weight of each node of a tree with all below it; `of` gives a node's parent, which is before it, and its own weight.
pub(crate) fn totals<N>(nodes: &[N], of: impl Fn(&N) -> (u32, u64)) -> Vec<u64> {
    let mut totals: Vec<u64> = nodes.iter().map(|node| of(node).1).collect();
    for at in (1..nodes.len()).rev() {
        totals[of(&nodes[at]).0 as usize] += totals[at];
    }
    totals
}

/// The children of each node of a tree, in their order.
pub(crate) fn children<N>(nodes: &[N], parent: impl Fn(&N) -> u32) -> Vec<Vec<u32>> {
    let mut children = vec![Vec::new(); nodes.len()];
    for (at, node) in nodes.iter().enumerate().skip(1) {
        children[parent(node) as usize].push(at as u32);
    }
    children
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, pcs: &[(u32, u64)]) -> Function {
        Function {
            module: Some(0),
            index: Some(0),
            name: name.into(),
            source: None,
            pcs: pcs.to_vec(),
            places: BTreeMap::new(),
            loops: Vec::new(),
        }
    }

    fn node(parent: u32, function: u32, site: u32, weight: u64) -> Node {
        Node {
            parent,
            function,
            site: (site > 0).then_some(site),
            calls: 1,
            weight,
            pcs: Vec::new(),
            allocs: Vec::new(),
        }
    }

    /// `a` (10) calls `b` (20) at 5, which calls `a` (3) at 25, which calls `b` (4) at 5.
    fn recursive() -> Profile {
        let mut a = function("a", &[(1, 6), (5, 7)]);
        a.loops = vec![
            LoopSpan {
                start: 1,
                end: 9,
                depth: 1,
            },
            LoopSpan {
                start: 4,
                end: 8,
                depth: 2,
            },
        ];
        let line = |line| {
            let place = Some(SourceLine {
                file: "a.c".into(),
                line,
            });
            vec![SourceFrame {
                function: "a".into(),
                place,
                column: 0,
            }]
        };
        a.places = BTreeMap::from([(1, line(1)), (5, line(2))]);
        let b = function("b", &[(25, 24)]);
        let host = node(0, 0, 0, 0);
        Profile {
            weight: Weight::Instructions,
            is_exact: true,
            modules: Vec::new(),
            functions: vec![a, b],
            nodes: vec![
                host,
                node(0, 0, 0, 10),
                node(1, 1, 5, 20),
                node(2, 0, 25, 3),
                node(3, 1, 5, 4),
            ],
        }
    }

    fn sums(own: u64, within: u64, total: u64, calls: u64) -> Sums {
        Sums {
            own,
            within,
            total,
            calls,
        }
    }

    #[test]
    fn what_recurs_is_counted_once() {
        let profile = recursive();
        assert_eq!(profile.total(), 37);
        assert_eq!(profile.totals(), [37, 37, 27, 7, 4]);
        assert_eq!(profile.way(3), [1, 2, 3]);
        // `b` is below `a`; what `a` is below it is in both.
        assert_eq!(
            profile.by_function(),
            [sums(13, 13, 37, 2), sums(24, 24, 27, 2)]
        );
    }

    #[test]
    fn lines_and_loops_have_what_they_call() {
        let profile = recursive();
        let lines: Vec<(u32, Sums)> = profile
            .by_line()
            .into_iter()
            .map(|(line, sums)| (line.line, sums))
            .collect();
        // The call at 5 is in line 2: its 7, and the first `b` with all below it, without the 3 of the second `a`,
        // which are in its lines.
        assert_eq!(lines, [(1, sums(6, 6, 6, 0)), (2, sums(7, 7, 7 + 24, 0))]);
        let loops: Vec<Sums> = profile.by_loop().into_iter().map(|(_, _, s)| s).collect();
        assert_eq!(loops, [sums(6, 13, 13 + 24, 0), sums(7, 7, 7 + 24, 0)]);
    }
}
