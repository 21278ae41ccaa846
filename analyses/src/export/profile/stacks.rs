//! The call tree as formats show it that know frames by their names: inlined functions are frames of their own, between
//! what they are inlined in and what they call.

use std::collections::HashMap;
use std::sync::Arc;

use super::name;
use crate::profile::data::{self, Profile};

/// A tree of named frames; a parent comes before its children.
pub(super) struct Stacks {
    pub frames: Vec<NamedFrame>,
    /// Node 0 is the root, which is no frame.
    pub nodes: Vec<StackNode>,
}

/// A function, or one that is inlined.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct NamedFrame {
    /// Demangled.
    pub name: Arc<str>,
    pub file: Option<Arc<str>>,
    /// Where it is defined, from 1; 0 if that is not known.
    pub line: u32,
    /// Whether it is the host's.
    pub is_host: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct StackNode {
    pub parent: u32,
    /// Index in [`Stacks::frames`].
    pub frame: u32,
    pub weight: u64,
    pub calls: u64,
}

impl Stacks {
    pub fn new(profile: &Profile) -> Stacks {
        let mut builder = Builder {
            stacks: Stacks {
                frames: Vec::new(),
                nodes: vec![StackNode {
                    parent: 0,
                    frame: 0,
                    weight: 0,
                    calls: 0,
                }],
            },
            frames: HashMap::new(),
            children: HashMap::new(),
        };
        let named = profile.functions.iter().map(|function| NamedFrame {
            name: name(function).into(),
            file: function.source.as_ref().map(|source| source.file.clone()),
            line: function.source.as_ref().map_or(0, |source| source.line),
            is_host: function.index.is_none(),
        });
        let named: Vec<u32> = named.map(|frame| builder.frame(frame)).collect();
        // The node of each call, without what is inlined.
        let mut of = vec![0; profile.nodes.len()];
        for (at, node) in profile.nodes.iter().enumerate().skip(1) {
            let caller = of[node.parent as usize];
            let function = profile.nodes[node.parent as usize].function;
            let caller = match node.site.filter(|_| node.parent != 0) {
                Some(pc) => builder.inlined(profile, (caller, function), pc),
                None => caller,
            };
            let own = builder.child(caller, named[node.function as usize]);
            of[at] = own;
            let mut rest = node.weight;
            for &(pc, weight) in &node.pcs {
                let place = builder.inlined(profile, (own, node.function), pc);
                builder.stacks.nodes[place as usize].weight += weight;
                rest = rest.saturating_sub(weight);
            }
            let own = &mut builder.stacks.nodes[own as usize];
            own.weight += rest;
            own.calls += node.calls;
        }
        builder.stacks
    }

    /// Frames from the outermost to that of a node; empty for the root.
    pub fn stack(&self, mut node: u32) -> Vec<u32> {
        let mut stack = Vec::new();
        while node != 0 {
            let at = &self.nodes[node as usize];
            stack.push(at.frame);
            node = at.parent;
        }
        stack.reverse();
        stack
    }

    /// The weight of each node with all below it.
    pub fn totals(&self) -> Vec<u64> {
        data::totals(&self.nodes, |node| (node.parent, node.weight))
    }

    /// The children of each node, in their order.
    pub fn children(&self) -> Vec<Vec<u32>> {
        data::children(&self.nodes, |node| node.parent)
    }
}

struct Builder {
    stacks: Stacks,
    frames: HashMap<NamedFrame, u32>,
    children: HashMap<(u32, u32), u32>,
}

impl Builder {
    fn frame(&mut self, frame: NamedFrame) -> u32 {
        let frames = &mut self.stacks.frames;
        *self.frames.entry(frame).or_insert_with_key(|frame| {
            frames.push(frame.clone());
            frames.len() as u32 - 1
        })
    }

    fn child(&mut self, parent: u32, frame: u32) -> u32 {
        let nodes = &mut self.stacks.nodes;
        *self.children.entry((parent, frame)).or_insert_with(|| {
            nodes.push(StackNode {
                parent,
                frame,
                weight: 0,
                calls: 0,
            });
            nodes.len() as u32 - 1
        })
    }

    /// What is inlined at an offset of a function, below the node of its call.
    fn inlined(&mut self, profile: &Profile, (node, function): (u32, u32), pc: u32) -> u32 {
        let places = profile.functions[function as usize].places.get(&pc);
        let inlined = places.and_then(|places| places.split_last());
        let Some((_, inlined)) = inlined else {
            return node;
        };
        inlined.iter().rev().fold(node, |node, frame| {
            let frame = self.frame(NamedFrame {
                name: frame.function.clone(),
                file: frame.place.as_ref().map(|place| place.file.clone()),
                line: 0,
                is_host: false,
            });
            self.child(node, frame)
        })
    }
}
