//! Formats of profiles.

pub(super) mod callgrind;
pub(super) mod dot;
pub(super) mod firefox;
pub(super) mod flamegraph;
pub(super) mod folded;
pub(super) mod perfetto;
pub(super) mod pprof;
mod shares;
pub(super) mod speedscope;
mod stacks;

use std::borrow::Cow;

use probity_probes::demangle::demangle;

use crate::profile::data::{Function, Profile};

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
