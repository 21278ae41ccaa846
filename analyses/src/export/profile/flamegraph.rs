//! A flame graph: one SVG that can be searched and zoomed in a browser. Inferno draws it.

use std::io;

use inferno::flamegraph::{Options, from_lines};

use super::{folded, title};
use crate::export::one_line;
use crate::profile::data::Profile;

pub(in crate::export) fn write(profile: &Profile, out: &mut dyn io::Write) -> io::Result<()> {
    let lines = folded::lines(profile);
    if lines.is_empty() {
        // There is nothing to draw, and inferno would call that an error.
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"400\" height=\"40\">\
            <text x=\"10\" y=\"25\">nothing was executed</text></svg>";
        return writeln!(out, "{svg}");
    }
    let lines = lines
        .iter()
        .map(|(stack, weight)| format!("{stack} {weight}"));
    let lines: Vec<String> = lines.collect();
    let mut options = Options::default();
    options.title = one_line(&title(profile)).into_owned();
    options.count_name = match profile.weight.unit() {
        "count" => profile.weight.name().to_owned(),
        unit => unit.to_owned(),
    };
    // Colours by name, so that equal profiles are equal files.
    options.deterministic = true;
    from_lines(&mut options, lines.iter().map(String::as_str), out)
}
