//! References to exceptions.

use super::core::StoreCore;
use super::root::Root;
use crate::error::Result;

/// An exception. Keeps what it carries alive. Equal if it is the same exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExnRef(Root);

impl ExnRef {
    pub(crate) fn to_raw(this: Option<&ExnRef>, core: &StoreCore) -> Result<u64> {
        this.map_or(Ok(0), |exn| exn.0.raw(core))
    }

    pub(crate) fn from_raw(raw: u64, core: &StoreCore) -> Option<ExnRef> {
        (raw != 0).then(|| ExnRef(core.root(raw)))
    }
}
