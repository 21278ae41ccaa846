//! Formats of profiles.

pub(super) mod callgrind;
pub(super) mod dot;
pub(super) mod firefox;
pub(super) mod flamegraph;
pub(super) mod folded;
pub(super) mod perfetto;
pub(super) mod pprof;
pub(super) mod speedscope;
mod stacks;

use std::borrow::Cow;
use std::io;

use probity_probes::demangle::demangle;

use super::Data;
use crate::profile::data::{Function, Profile};

/// Writes a profile; of other data, nothing.
pub(super) fn with(
    data: &Data,
    out: &mut dyn io::Write,
    write: fn(&Profile, &mut dyn io::Write) -> io::Result<()>,
) -> io::Result<()> {
    match data {
        Data::Profile(profile) => write(profile, out),
        _ => Ok(()),
    }
}

/// A function's name, as its source has it.
fn name(function: &Function) -> Cow<'_, str> {
    demangle(&function.name).map_or(Cow::Borrowed(&*function.name), Cow::Owned)
}

/// What a profile is of, for titles.
fn title(profile: &Profile) -> String {
    let modules: Vec<&str> = profile
        .modules
        .iter()
        .map(|module| module.path.as_deref().unwrap_or(&module.name))
        .collect();
    match modules.is_empty() {
        true => "profile".to_owned(),
        false => modules.join(", "),
    }
}
