//! The table of the guest's file descriptors.

use std::io::{Cursor, Read, Write};

use crate::dir::HostDir;
use crate::errno::{Errno, Result};
use crate::host::HostFile;

/// An embedder's writer as stdout or stderr.
pub(crate) type Output = Box<dyn Write + Send>;

/// An embedder's stdin.
pub(crate) enum Input {
    Bytes(Cursor<Vec<u8>>),
    Reader(Box<dyn Read + Send>),
}

/// What a descriptor refers to.
pub(crate) enum Node {
    File(HostFile),
    Dir(HostDir),
    Input(Input),
    Output(Output),
}

/// An open descriptor.
pub(crate) struct Descriptor {
    pub(crate) node: Node,
    pub(crate) rights_base: u64,
    pub(crate) rights_inheriting: u64,
    /// `fdflags` as the guest set them.
    pub(crate) flags: u16,
    /// Under a read-only preopen: nothing can be changed through it.
    pub(crate) read_only: bool,
}

impl Descriptor {
    pub(crate) fn new(node: Node, rights_base: u64, rights_inheriting: u64) -> Descriptor {
        Descriptor {
            node,
            rights_base,
            rights_inheriting,
            flags: 0,
            read_only: false,
        }
    }

    /// NOTCAPABLE unless the descriptor has all of `rights`.
    pub(crate) fn require(&self, rights: u64) -> Result<(), Errno> {
        match self.rights_base & rights == rights {
            true => Ok(()),
            false => Err(Errno::Notcapable),
        }
    }

    /// ROFS if nothing may be changed through the descriptor.
    pub(crate) fn require_writable(&self) -> Result<(), Errno> {
        match self.read_only {
            true => Err(Errno::Rofs),
            false => Ok(()),
        }
    }

    /// The directory: NOTDIR for anything else, NOTCAPABLE without `rights`.
    pub(crate) fn dir(&self, rights: u64) -> Result<&HostDir, Errno> {
        let Node::Dir(dir) = &self.node else {
            return Err(Errno::Notdir);
        };
        self.require(rights)?;
        Ok(dir)
    }

    /// The host's file: BADF for a directory, SPIPE for an embedder's stream,
    /// NOTCAPABLE without `rights`.
    pub(crate) fn file(&self, rights: u64) -> Result<&HostFile, Errno> {
        match &self.node {
            Node::File(file) => {
                self.require(rights)?;
                Ok(file)
            }
            Node::Dir(_) => Err(Errno::Badf),
            Node::Input(_) | Node::Output(_) => Err(Errno::Spipe),
        }
    }

    /// The host's file if it has a position, else SPIPE; otherwise as
    /// [`file`](Descriptor::file).
    pub(crate) fn seekable(&self, rights: u64) -> Result<&HostFile, Errno> {
        match &self.node {
            Node::File(file) if !file.seekable() => Err(Errno::Spipe),
            _ => self.file(rights),
        }
    }
}

/// The guest's descriptors by number.
#[derive(Default)]
pub(crate) struct Descriptors(Vec<Option<Descriptor>>);

impl Descriptors {
    /// By number.
    pub(crate) fn all(&self) -> &[Option<Descriptor>] {
        &self.0
    }

    /// By number.
    pub(crate) fn into_all(self) -> Vec<Option<Descriptor>> {
        self.0
    }

    /// Puts a descriptor (or a hole) behind the last number.
    pub(crate) fn push(&mut self, descriptor: Option<Descriptor>) {
        self.0.push(descriptor);
    }

    /// Opens at the lowest free number. The table cannot grow without bound:
    /// each entry that a guest makes holds a descriptor of the host.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let free = self.0.iter().position(Option::is_none);
        let number = free.unwrap_or(self.0.len());
        let fd = u32::try_from(number).map_err(|_| Errno::Mfile)?;
        match free {
            Some(_) => self.0[number] = Some(descriptor),
            None => self.0.push(Some(descriptor)),
        }
        Ok(fd)
    }

    /// BADF if the number is not open.
    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        let slot = self.0.get(fd as usize);
        slot.and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    /// BADF if the number is not open.
    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        let slot = self.0.get_mut(fd as usize);
        slot.and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// Takes the descriptor out; BADF if the number is not open.
    pub(crate) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let slot = self.0.get_mut(fd as usize);
        slot.and_then(Option::take).ok_or(Errno::Badf)
    }

    /// Closes `to` and moves `from` there; BADF unless both are open.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let moved = self.remove(from)?;
            *self.get_mut(to)? = moved;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink() -> Descriptor {
        Descriptor::new(Node::Output(Box::new(std::io::sink())), 1, 0)
    }

    #[test]
    fn the_lowest_free_number_is_taken() {
        let mut table = Descriptors::default();
        for expect in 0..4 {
            assert_eq!(table.insert(sink()).ok(), Some(expect));
        }
        assert!(table.remove(1).is_ok());
        assert_eq!(table.remove(1).err(), Some(Errno::Badf));
        assert_eq!(table.insert(sink()).ok(), Some(1));
        assert_eq!(table.insert(sink()).ok(), Some(4));
        assert_eq!(table.get(5).err(), Some(Errno::Badf));
        assert_eq!(table.get(u32::MAX).err(), Some(Errno::Badf));
    }

    #[test]
    fn renumbering_closes_the_target() {
        let mut table = Descriptors::default();
        table.push(Some(sink()));
        table.push(Some(sink()));
        assert!(table.renumber(0, 0).is_ok());
        assert!(table.get(0).is_ok());
        assert_eq!(table.renumber(0, 7).err(), Some(Errno::Badf));
        assert!(table.renumber(0, 1).is_ok());
        assert_eq!(table.get(0).err(), Some(Errno::Badf));
        assert!(table.get(1).is_ok());
    }
}
