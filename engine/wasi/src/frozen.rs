//! What a guest has of the outside world as part of a snapshot: what it may change, which are clocks, random numbers, positions
//! and the numbers of descriptors.

use std::io::Cursor;

use probity_engine::{Error, HostState};

use crate::WasiCtx;
use crate::args::Strings;
use crate::clock::Clocks;
use crate::descriptors::{Descriptor, Input, Node};
use crate::dir::HostDir;
use crate::random::Random;
use crate::usage::Usage;

/// A context at one moment.
#[derive(Debug)]
pub struct FrozenWasi {
    args: Strings,
    env: Strings,
    clocks: Clocks,
    random: Random,
    table: Vec<Option<FrozenDescriptor>>,
    usage: Usage,
}

#[derive(Debug)]
struct FrozenDescriptor {
    node: FrozenNode,
    rights_base: u64,
    rights_inheriting: u64,
    flags: u16,
    read_only: bool,
}

#[derive(Debug)]
enum FrozenNode {
    Dir(HostDir),
    /// What is left of an embedder's bytes.
    Bytes(Cursor<Vec<u8>>),
    /// A stream that others have, too: whoever goes on has its own.
    Stream,
}

impl FrozenDescriptor {
    fn of(number: usize, descriptor: &Descriptor) -> Result<FrozenDescriptor, Error> {
        let failed = |what: &str| {
            Error::usage(format!(
                "failed to take a snapshot: descriptor {number} is {what}"
            ))
        };
        let node = match &descriptor.node {
            Node::Dir(dir) => {
                let dir = dir.try_clone();
                FrozenNode::Dir(dir.map_err(|error| failed(&format!("a directory: {error}")))?)
            }
            Node::Input(Input::Bytes(bytes)) => FrozenNode::Bytes(bytes.clone()),
            Node::Input(Input::Reader(_)) | Node::Output(_) => FrozenNode::Stream,
            Node::File(file) if file.is_shared() => FrozenNode::Stream,
            Node::File(_) => return Err(failed("an open file")),
        };
        Ok(FrozenDescriptor {
            node,
            rights_base: descriptor.rights_base,
            rights_inheriting: descriptor.rights_inheriting,
            flags: descriptor.flags,
            read_only: descriptor.read_only,
        })
    }

    /// As it was, with this node.
    fn with(&self, node: Node) -> Descriptor {
        Descriptor {
            node,
            rights_base: self.rights_base,
            rights_inheriting: self.rights_inheriting,
            flags: self.flags,
            read_only: self.read_only,
        }
    }

    /// The node; `None` if it is the stream of the context that goes on, which has `own` at this number.
    fn thaw(&self, number: usize, own: Option<&Descriptor>) -> Result<Option<Node>, Error> {
        let failed = |what: String| Error::usage(format!("descriptor {number} {what}"));
        match &self.node {
            FrozenNode::Dir(dir) => match dir.try_clone() {
                Ok(dir) => Ok(Some(Node::Dir(dir))),
                Err(error) => Err(failed(format!("is a directory: {error}"))),
            },
            FrozenNode::Bytes(bytes) => Ok(Some(Node::Input(Input::Bytes(bytes.clone())))),
            FrozenNode::Stream if own.is_some_and(|own| is_stream(&own.node)) => Ok(None),
            FrozenNode::Stream => {
                let what = "was a stream when the snapshot was taken, and is none here";
                Err(failed(what.to_owned()))
            }
        }
    }
}

fn is_stream(node: &Node) -> bool {
    match node {
        Node::Input(_) | Node::Output(_) => true,
        Node::File(file) => file.is_shared(),
        Node::Dir(_) => false,
    }
}

/// Arguments, environment, clocks, random numbers, usage and descriptors. Streams that the embedder has given are not frozen: the
/// context that goes on has its own, at the same numbers. Directories and unread bytes of stdin are as they were.
///
/// # Errors
/// Freezing: the guest has a file open. Thawing: a stream was at a number where the context has none; it is unchanged then.
impl HostState for WasiCtx {
    type Frozen = FrozenWasi;

    fn freeze(&self) -> Result<FrozenWasi, Error> {
        let table = self.table.all().iter().enumerate();
        let table = table.map(|(number, slot)| {
            let frozen = slot.as_ref().map(|slot| FrozenDescriptor::of(number, slot));
            frozen.transpose()
        });
        Ok(FrozenWasi {
            args: self.args.clone(),
            env: self.env.clone(),
            clocks: self.clocks.clone(),
            random: self.random.clone(),
            table: table.collect::<Result<_, _>>()?,
            usage: self.usage,
        })
    }

    fn thaw(&mut self, frozen: &FrozenWasi) -> Result<(), Error> {
        // All that may fail comes first.
        let own = |number: usize| self.table.all().get(number).and_then(Option::as_ref);
        let nodes = frozen.table.iter().enumerate();
        let nodes = nodes.map(|(number, slot)| match slot {
            Some(slot) => slot.thaw(number, own(number)),
            None => Ok(None),
        });
        let nodes: Vec<Option<Node>> = nodes.collect::<Result<_, _>>()?;
        let mut own = std::mem::take(&mut self.table).into_all().into_iter();
        for (slot, node) in frozen.table.iter().zip(nodes) {
            let own = own.next().flatten();
            let node = node.or(own.map(|own| own.node));
            self.table
                .push(slot.as_ref().zip(node).map(|(slot, node)| slot.with(node)));
        }
        self.args.clone_from(&frozen.args);
        self.env.clone_from(&frozen.env);
        self.clocks = frozen.clocks.clone();
        self.random = frozen.random.clone();
        self.usage = frozen.usage;
        Ok(())
    }
}
