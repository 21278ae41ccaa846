//! What is known of machine code, as bytes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::tier::code::{NativeCode, Pad, Role, Site, SiteValue, ValuePlace};

/// All of [`NativeCode`] but the code itself and what it is.
#[derive(Serialize, Deserialize)]
pub(super) struct Facts<'a> {
    saves: Cow<'a, [(u8, i32)]>,
    sites: Cow<'a, [Site]>,
    values: Cow<'a, [SiteValue]>,
    constants: Cow<'a, [u128]>,
    traps: Cow<'a, [(u32, u8)]>,
    pub(super) lines: Cow<'a, [(u32, u32)]>,
    frame_bytes: u32,
    keeps_locals: bool,
    unspent: Cow<'a, [(u32, u32)]>,
    pads: Cow<'a, [Pad]>,
}

impl<'a> Facts<'a> {
    /// `None` of code that is made for one store.
    pub(super) fn of(code: &'a NativeCode) -> Option<Facts<'a>> {
        // Nothing is forgotten here.
        let NativeCode {
            base: _,
            len: _,
            twin: _,
            role: _,
            saves,
            sites,
            values,
            constants,
            traps,
            lines,
            frame_bytes,
            keeps_locals,
            unspent,
            pads,
            // There is none where nothing watches.
            held: _,
            watch,
            _memory: _,
        } = code;
        if watch.is_some() {
            return None;
        }
        Some(Facts {
            saves: Cow::Borrowed(saves),
            sites: Cow::Borrowed(sites),
            values: Cow::Borrowed(values),
            constants: Cow::Borrowed(constants),
            traps: Cow::Borrowed(traps),
            lines: Cow::Borrowed(lines),
            frame_bytes: *frame_bytes,
            keeps_locals: *keeps_locals,
            unspent: Cow::Borrowed(unspent),
            pads: Cow::Borrowed(pads),
        })
    }

    /// Facts of code of this length; `None` if that cannot be. A file whose checksum is right has
    /// what was written, so this only looks for what would be out of bounds.
    pub(super) fn read(bytes: &[u8], len: usize) -> Option<Facts<'static>> {
        let facts: Facts<'static> = postcard::from_bytes(bytes).ok()?;
        let in_range = |first: u32, count: u32, len: usize| {
            let end = (first as usize).checked_add(count as usize);
            end.is_some_and(|end| end <= len)
        };
        let sites_fit = facts.sites.iter().all(|site| {
            site.ret as usize <= len
                && in_range(site.first, site.count, facts.values.len())
                && in_range(site.first_pad, site.pads, facts.pads.len())
        });
        let pads_fit = facts.pads.iter().all(|pad| (pad.offset as usize) < len);
        let constants = facts.constants.len();
        let values_fit = facts.values.iter().all(|value| match value.place {
            ValuePlace::Constant(at) => (at as usize) < constants,
            ValuePlace::Register(register) => register < 16,
            ValuePlace::Stack(_) | ValuePlace::Slot => true,
        });
        (sites_fit && pads_fit && values_fit && !facts.lines.is_empty()).then_some(facts)
    }

    /// Machine code of which these are the facts.
    pub(super) fn into_code(
        self,
        (base, len, twin): (*const u8, usize, usize),
        role: Role,
        memory: Box<dyn std::any::Any + Send + Sync>,
    ) -> NativeCode {
        NativeCode {
            base,
            len,
            twin,
            role,
            saves: self.saves.into(),
            sites: self.sites.into(),
            values: self.values.into(),
            constants: self.constants.into(),
            traps: self.traps.into(),
            lines: self.lines.into(),
            frame_bytes: self.frame_bytes,
            keeps_locals: self.keeps_locals,
            unspent: self.unspent.into(),
            pads: self.pads.into(),
            held: Box::default(),
            watch: None,
            _memory: memory,
        }
    }
}
