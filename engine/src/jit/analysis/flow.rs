//! What operators do to the flow of control, and the graph that comes of it.
//!
//! A node is a run of operators that control enters at its first. Nodes are numbered in program
//! order, which in structured control is a reverse post order but for edges back to loops (and for
//! handlers, below). Calls do not end a node.
//!
//! Any operator inside a `try_table` is thought to throw, to any label of any `try_table` around it.
//! An edge for each of these would be quadratic, so each `try_table` has a *handler*: a node without
//! operators, from which edges go to its labels and to the handler around it. Nodes inside have one
//! edge, to their handler; it leaves them before each of their operators.

use wasmparser::{Catch, Operator};

/// No node, no loop.
pub(super) const NONE: u32 = u32::MAX;

/// Where control goes from an operator, besides its labels (`for_each_label`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flow {
    /// To the next operator.
    Next,
    /// To the next operator, or to one of its labels.
    Branch,
    /// To one of its labels, or out of the function.
    Leave,
    Block,
    Loop,
    If,
    /// Its labels are those of its clauses.
    Try,
    Else,
    End,
}

pub(super) fn flow(op: &Operator<'_>) -> Flow {
    use Operator as O;
    match op {
        O::Block { .. } => Flow::Block,
        O::Loop { .. } => Flow::Loop,
        O::If { .. } => Flow::If,
        O::TryTable { .. } => Flow::Try,
        O::Else => Flow::Else,
        O::End => Flow::End,
        O::BrIf { .. }
        | O::BrOnNull { .. }
        | O::BrOnNonNull { .. }
        | O::BrOnCast { .. }
        | O::BrOnCastFail { .. } => Flow::Branch,
        O::Br { .. }
        | O::BrTable { .. }
        | O::Return
        | O::ReturnCall { .. }
        | O::ReturnCallIndirect { .. }
        | O::ReturnCallRef { .. }
        | O::Unreachable
        | O::Throw { .. }
        | O::ThrowRef => Flow::Leave,
        O::Try { .. }
        | O::Catch { .. }
        | O::CatchAll
        | O::Rethrow { .. }
        | O::Delegate { .. }
        | O::BrOnCastDescEq { .. }
        | O::BrOnCastDescEqFail { .. }
        | O::Suspend { .. }
        | O::Resume { .. }
        | O::ResumeThrow { .. }
        | O::ResumeThrowRef { .. }
        | O::Switch { .. } => unreachable!("the validator refuses what the engine does not have"),
        _ => Flow::Next,
    }
}

/// The labels that an operator may go to, as relative depths; some may come twice.
pub(super) fn for_each_label(op: &Operator<'_>, mut visit: impl FnMut(u32)) {
    use Operator as O;
    match op {
        O::Br { relative_depth }
        | O::BrIf { relative_depth }
        | O::BrOnNull { relative_depth }
        | O::BrOnNonNull { relative_depth }
        | O::BrOnCast { relative_depth, .. }
        | O::BrOnCastFail { relative_depth, .. } => visit(*relative_depth),
        O::BrTable { targets } => {
            for target in targets.targets() {
                visit(target.expect("the body is valid"));
            }
            visit(targets.default());
        }
        O::TryTable { try_table } => {
            for clause in &try_table.catches {
                let (Catch::One { label, .. }
                | Catch::OneRef { label, .. }
                | Catch::All { label }
                | Catch::AllRef { label }) = *clause;
                visit(label);
            }
        }
        _ => {}
    }
}

/// The flow of control of a function.
pub(super) struct Graph {
    /// The node of each operator. A loop is in its header, an `end` in the node that it begins.
    node_of: Vec<u32>,
    /// The handler of each node, or `NONE`.
    handler: Vec<u32>,
    is_handler: Vec<bool>,
    reachable: Vec<bool>,
    successors: Adjacency,
    predecessors: Adjacency,
}

impl Graph {
    pub(super) fn new(ops: &[(Operator<'_>, u32)]) -> Graph {
        let mut builder = Builder::default();
        for (i, (op, _)) in ops.iter().enumerate() {
            builder.operator(i, op);
        }
        builder.finish()
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.handler.len()
    }

    pub(super) fn node_of(&self, op: usize) -> u32 {
        self.node_of[op]
    }

    /// The handler of what throws in the node.
    pub(super) fn handler(&self, node: u32) -> Option<u32> {
        let handler = self.handler[node as usize];
        (handler != NONE).then_some(handler)
    }

    pub(super) fn is_handler(&self, node: u32) -> bool {
        self.is_handler[node as usize]
    }

    pub(super) fn is_reachable(&self, op: usize) -> bool {
        self.reachable[self.node_of[op] as usize]
    }

    pub(super) fn successors(&self, node: u32) -> &[u32] {
        self.successors.of(node)
    }

    pub(super) fn predecessors(&self, node: u32) -> &[u32] {
        self.predecessors.of(node)
    }
}

/// Lists of nodes, one for each node, in one vector.
struct Adjacency {
    /// Where the list of each node begins; one more for the end of the last.
    start: Vec<u32>,
    nodes: Vec<u32>,
}

impl Adjacency {
    /// From pairs of a node and a member of its list.
    fn new(len: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Adjacency {
        let mut start = vec![0; len + 1];
        for (node, _) in pairs.clone() {
            start[node as usize + 1] += 1;
        }
        for node in 0..len {
            start[node + 1] += start[node];
        }
        let mut nodes = vec![0; start[len] as usize];
        let mut free = start.clone();
        for (node, member) in pairs {
            let at = &mut free[node as usize];
            nodes[*at as usize] = member;
            *at += 1;
        }
        Adjacency { start, nodes }
    }

    fn of(&self, node: u32) -> &[u32] {
        let (from, to) = (self.start[node as usize], self.start[node as usize + 1]);
        &self.nodes[from as usize..to as usize]
    }
}

/// Somewhere to go to, whose node may not be known yet.
struct Label {
    node: u32,
    /// The node that the last edge came from, so that a branch table gives an edge only once.
    last_from: u32,
}

/// A structured operator that is open.
struct Frame {
    flow: Flow,
    /// Where branches to it go.
    label: usize,
    /// Of an `if` without `else` so far: where its condition goes if it is false.
    otherwise: Option<usize>,
    /// The handler outside.
    handler: u32,
}

struct Builder {
    frames: Vec<Frame>,
    labels: Vec<Label>,
    /// From nodes to labels.
    edges: Vec<(u32, usize)>,
    /// The node that the operator is in.
    node: u32,
    node_of: Vec<u32>,
    handler: Vec<u32>,
    is_handler: Vec<bool>,
}

impl Default for Builder {
    fn default() -> Builder {
        let mut builder = Builder {
            frames: Vec::new(),
            labels: Vec::new(),
            edges: Vec::new(),
            node: NONE,
            node_of: Vec::new(),
            handler: Vec::new(),
            is_handler: Vec::new(),
        };
        let entry = builder.label();
        builder.begin(entry, NONE);
        let end = builder.label();
        builder.open(Flow::Block, end);
        builder
    }
}

impl Builder {
    fn label(&mut self) -> usize {
        self.labels.push(Label {
            node: NONE,
            last_from: NONE,
        });
        self.labels.len() - 1
    }

    /// Puts a new node at a label.
    fn add_node(&mut self, label: usize, handler: u32, is_handler: bool) -> u32 {
        let node = self.handler.len() as u32;
        self.handler.push(handler);
        self.is_handler.push(is_handler);
        self.labels[label].node = node;
        if handler != NONE {
            // A handler has its node from the start, so it may stand for a label of its own.
            let to = self.label();
            self.labels[to].node = handler;
            self.edge(node, to);
        }
        node
    }

    /// Goes on in a new node at a label.
    fn begin(&mut self, label: usize, handler: u32) {
        self.node = self.add_node(label, handler, false);
    }

    fn edge(&mut self, from: u32, label: usize) {
        if self.labels[label].last_from != from {
            self.labels[label].last_from = from;
            self.edges.push((from, label));
        }
    }

    /// Goes on in a new node, to which control comes from this one.
    fn fall_into(&mut self, label: usize, handler: u32) {
        self.edge(self.node, label);
        self.begin(label, handler);
    }

    fn open(&mut self, flow: Flow, label: usize) {
        self.frames.push(Frame {
            flow,
            label,
            otherwise: None,
            handler: self.handler[self.node as usize],
        });
    }

    /// Edges from a node to the labels of an operator.
    fn branch(&mut self, from: u32, op: &Operator<'_>) {
        for_each_label(op, |depth| {
            let frame = &self.frames[self.frames.len() - 1 - depth as usize];
            self.edge(from, frame.label);
        });
    }

    fn operator(&mut self, i: usize, op: &Operator<'_>) {
        debug_assert_eq!(i, self.node_of.len());
        self.node_of.push(self.node);
        let handler = self.handler[self.node as usize];
        match flow(op) {
            Flow::Next => {}
            Flow::Branch => {
                self.branch(self.node, op);
                let next = self.label();
                self.fall_into(next, handler);
            }
            Flow::Leave => {
                self.branch(self.node, op);
                let nowhere = self.label();
                self.begin(nowhere, handler);
            }
            Flow::Block => {
                let end = self.label();
                self.open(Flow::Block, end);
            }
            Flow::Loop => {
                let header = self.label();
                self.fall_into(header, handler);
                self.node_of[i] = self.node;
                self.open(Flow::Loop, header);
            }
            Flow::If => {
                let (then, otherwise, end) = (self.label(), self.label(), self.label());
                self.edge(self.node, otherwise);
                self.fall_into(then, handler);
                self.open(Flow::If, end);
                self.frames.last_mut().expect("just opened").otherwise = Some(otherwise);
            }
            Flow::Try => {
                let (caught, body, end) = (self.label(), self.label(), self.label());
                let inner = self.add_node(caught, handler, true);
                self.branch(inner, op);
                self.open(Flow::Try, end);
                self.fall_into(body, inner);
            }
            Flow::Else => {
                let frame = self.frames.last_mut().expect("an `if` is open");
                let otherwise = frame.otherwise.take().expect("it has one `else`");
                let end = frame.label;
                self.edge(self.node, end);
                self.begin(otherwise, handler);
            }
            Flow::End => {
                let frame = self.frames.pop().expect("something is open");
                let branched_to = self.labels[frame.label].last_from != NONE;
                match frame.flow {
                    // Branches go to the header, so that only what is inside gets here.
                    Flow::Loop => {}
                    Flow::Block if !branched_to => {}
                    _ => self.fall_into(frame.label, frame.handler),
                }
                if let Some(otherwise) = frame.otherwise {
                    self.labels[otherwise].node = self.node;
                }
                self.node_of[i] = self.node;
            }
        }
    }

    fn finish(self) -> Graph {
        debug_assert!(self.frames.is_empty(), "the last `end` closes the function");
        let len = self.handler.len();
        let edges = self
            .edges
            .iter()
            .map(|&(from, label)| (from, self.labels[label].node));
        let successors = Adjacency::new(len, edges.clone());
        let predecessors = Adjacency::new(len, edges.map(|(from, to)| (to, from)));
        let mut reachable = vec![false; len];
        reachable[0] = true;
        let mut work = vec![0];
        while let Some(node) = work.pop() {
            for &to in successors.of(node) {
                if !std::mem::replace(&mut reachable[to as usize], true) {
                    work.push(to);
                }
            }
        }
        Graph {
            node_of: self.node_of,
            handler: self.handler,
            is_handler: self.is_handler,
            reachable,
            successors,
            predecessors,
        }
    }
}
