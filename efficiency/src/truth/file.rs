//! Which source file is the program's own, and which of its lines are statements.

use std::collections::BTreeSet;
use std::sync::Arc;

use probity_engine::{ExternType, Module, WasmPc};
use probity_probes::nearest::nearest;
use probity_probes::source::{SourceMap, is_file};

use crate::task::Entry;

/// Files that a message names.
const NAMED: usize = 8;

/// The file that lines are of.
///
/// # Errors
/// If there is none, or several that may be meant.
pub(super) fn choose(
    map: &SourceMap,
    module: &Module,
    entry: &Entry,
    wanted: Option<&str>,
) -> Result<String, String> {
    let rows = map.rows(0..u32::MAX).filter(|row| row.line > 0);
    let files: BTreeSet<Arc<str>> = rows.map(|row| row.file.clone()).collect();
    let list = |files: &[&Arc<str>]| {
        let named: Vec<&str> = files.iter().take(NAMED).map(|file| &***file).collect();
        match files.len().saturating_sub(NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    };
    if let Some(wanted) = wanted {
        let found: Vec<&Arc<str>> = files.iter().filter(|file| is_file(file, wanted)).collect();
        return match found[..] {
            [file] => Ok(file.to_string()),
            [] => {
                let near = nearest(wanted, files.iter().map(|file| name_of(file)));
                let near = near.map(|near| format!("; did you mean `{near}`?"));
                Err(format!(
                    "find the file `{wanted}`: no code is of it{}",
                    near.unwrap_or_default()
                ))
            }
            _ => Err(format!(
                "find the file `{wanted}`: it may be any of {}",
                list(&found)
            )),
        };
    }
    if let Some(file) = entry_file(map, module, entry) {
        return Ok(file.to_string());
    }
    let all: Vec<&Arc<str>> = files.iter().collect();
    match all[..] {
        [file] => Ok(file.to_string()),
        [] => Err("find its source lines: its debug information has none".to_owned()),
        _ => Err(format!(
            "find the program's own file: choose one by --file: {}",
            list(&all)
        )),
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The file of the function that the program begins with, as the source has it.
fn entry_file(map: &SourceMap, module: &Module, entry: &Entry) -> Option<Arc<str>> {
    let start = |index: u32| Some(WasmPc(module.function(index)?.body()?.start));
    let file = |pc: WasmPc| match map
        .function(pc)
        .and_then(|code| code.function().place.clone())
    {
        Some(place) => Some(place.file),
        None => {
            let body = pc.0..pc.0 + 1;
            Some(map.rows(body).next()?.file.clone())
        }
    };
    match entry {
        Entry::Func(name) => {
            let export = module
                .exports()
                .find(|export| export.name == *name && matches!(export.ty, ExternType::Func(_)))?;
            file(start(export.index)?)
        }
        Entry::Stdio => {
            let defined = module.num_imported_functions()..module.num_functions();
            let mut mains = defined.filter_map(start).filter(|pc| {
                let function = map.function(*pc).map(|code| &code.function().name);
                function.is_some_and(|name| {
                    &**name == "main" || name.starts_with("main(") || name.ends_with("::main")
                })
            });
            file(mains.next()?)
        }
    }
}

/// Lines, from 1, that are nothing but brackets, punctuation and a comment: compilers give the code to them that leaves
/// a block.
///
/// ```
/// use probity_efficiency::truth::no_statements;
/// let text = "int f(int n)\n{\n    return n;\n} // f\n";
/// assert_eq!(no_statements(text).into_iter().collect::<Vec<_>>(), [2, 4]);
/// ```
pub fn no_statements(source: &str) -> BTreeSet<u32> {
    let is_none = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        !code.contains(|c: char| c.is_alphanumeric() || c == '_')
    };
    let lines = (1..).zip(source.lines());
    lines
        .filter(|(_, line)| is_none(line))
        .map(|(number, _)| number)
        .collect()
}

/// Statements that may be nothing but a jump; a loop without a condition is one back.
const JUMPS: [&str; 7] = [
    "break", "continue", "goto", "return", "for", "while", "loop",
];

/// Lines, from 1, with a statement that may be nothing but a jump.
///
/// ```
/// use probity_efficiency::truth::jumps;
/// let text = "if (x) {\n    if (y) break;\n    breaks++;\n}\n";
/// assert_eq!(jumps(text).into_iter().collect::<Vec<_>>(), [2]);
/// ```
pub fn jumps(source: &str) -> BTreeSet<u32> {
    let has_jump = |line: &str| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| JUMPS.contains(&word))
    };
    let lines = (1..).zip(source.lines());
    lines
        .filter(|(_, line)| has_jump(line))
        .map(|(number, _)| number)
        .collect()
}
