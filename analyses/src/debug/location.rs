//! Places in a program, as users name them.

use std::collections::BTreeMap;

use probity_engine::WasmPc;
use probity_probes::matcher::{FunctionSelector, function_at};
use probity_probes::nearest::nearest;
use probity_probes::source::is_file;

use super::info::{Known, Program, has};

/// An operator of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub module: usize,
    pub index: u32,
    pub pc: WasmPc,
}

/// More places than anyone can mean.
const SPOTS_MAX: usize = 10_000;

impl Program {
    /// The operators that a text names: `FILE:LINE`, `LINE` (of `file`), `FUNCTION`, `FUNCTION+OFFSET` or `*OFFSET`.
    ///
    /// # Errors
    /// Why there are none.
    pub fn locate(&self, text: &str, file: Option<&str>) -> Result<Vec<Spot>, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("a place is missing: FILE:LINE, FUNCTION or *OFFSET".to_owned());
        }
        if let Some(offset) = text.strip_prefix('*') {
            let offset = number(offset).ok_or_else(|| format!("`{offset}` is no offset"))?;
            return self.at_offset(offset);
        }
        if let Ok(line) = text.parse() {
            let file = file.ok_or("there is no current file; write FILE:LINE")?;
            return self.at_line(file, line);
        }
        // A path of Rust has colons too.
        if let Some((file, line)) = text.rsplit_once(':')
            && let Ok(line) = line.parse()
        {
            return self.at_line(file, line);
        }
        if let Some((function, offset)) = text.rsplit_once('+')
            && let Some(offset) = number(offset)
        {
            return self.in_function(function, offset);
        }
        let inlined = self.inlined(text);
        let functions = match self.functions_named(text) {
            Err(error) if inlined.is_empty() => return Err(error),
            found => found.unwrap_or_default(),
        };
        let own = functions.into_iter().filter_map(|(module, index)| {
            let pc = self.modules[module].body_start(index)?;
            Some(Spot { module, index, pc })
        });
        let spots: Vec<Spot> = own.chain(inlined).collect();
        match spots.is_empty() {
            true => Err(format!("`{text}` is a function of the host")),
            false => Ok(spots),
        }
    }

    /// Where copies of a function begin that are inlined in others.
    fn inlined(&self, name: &str) -> Vec<Spot> {
        let mut spots = Vec::new();
        for (module, known) in self.modules.iter().enumerate() {
            let Some(map) = known.source.map() else {
                continue;
            };
            for index in known.module.num_imported_functions()..known.module.num_functions() {
                let body = known.module.function(index).and_then(|info| info.body());
                // Its declarations of locals come first.
                let code = body.and_then(|body| map.function(WasmPc(body.end - 1)));
                let copies = code.into_iter().flat_map(|code| code.inlined());
                let named = copies.filter(|copy| *copy.function.name == *name);
                let starts = named.filter_map(|copy| copy.ranges.iter().map(|r| r.start).min());
                let new = starts.map(|start| Spot {
                    module,
                    index,
                    pc: WasmPc(start),
                });
                spots.extend(new.filter(|spot| self.is_operator(spot)));
            }
        }
        spots
    }

    fn at_offset(&self, offset: u32) -> Result<Vec<Spot>, String> {
        let pc = WasmPc(offset);
        let spots = self
            .modules
            .iter()
            .enumerate()
            .filter_map(|(module, known)| {
                let index = known.function_at(pc)?;
                Some(Spot { module, index, pc })
            });
        let spots: Vec<Spot> = spots.filter(|spot| self.is_operator(spot)).collect();
        match spots.is_empty() {
            true => Err(format!("no operator begins at offset {offset:#x}")),
            false => Ok(spots),
        }
    }

    fn is_operator(&self, spot: &Spot) -> bool {
        let info = self.modules[spot.module].module.function(spot.index);
        let operators = info.and_then(|info| info.operators().ok());
        operators.is_some_and(|operators| has(&operators, spot.pc))
    }

    fn in_function(&self, function: &str, offset: u32) -> Result<Vec<Spot>, String> {
        let functions = self.functions_named(function)?;
        let spots = functions.into_iter().filter_map(|(module, index)| {
            let body = self.modules[module].module.function(index)?.body()?;
            let pc = WasmPc(body.start.checked_add(offset)?);
            Some(Spot { module, index, pc })
        });
        let spots: Vec<Spot> = spots.filter(|spot| self.is_operator(spot)).collect();
        match spots.is_empty() {
            true => Err(format!(
                "no operator of `{function}` begins {offset:#x} bytes behind its start"
            )),
            false => Ok(spots),
        }
    }

    /// The functions of a name, demangled or not; of the last part of a path, if there is none; or of a glob.
    pub fn functions_named(&self, name: &str) -> Result<Vec<(usize, u32)>, String> {
        let indexed = name
            .strip_prefix("func[")
            .and_then(|rest| rest.strip_suffix(']'));
        let selector = FunctionSelector::parse(indexed.unwrap_or(name))?;
        let (mut exact, mut last) = (Vec::new(), Vec::new());
        for (module, known) in self.modules.iter().enumerate() {
            for index in 0..known.module.num_functions() {
                let Some(info) = known.module.function(index) else {
                    continue;
                };
                if selector.matches(&info) {
                    exact.push((module, index));
                } else if exact.is_empty() {
                    let full = known.function_name(index);
                    let path = full.split(['<', '(']).next().unwrap_or(&full);
                    if path.rsplit("::").next() == Some(name) || path == name {
                        last.push((module, index));
                    }
                }
                if exact.len().max(last.len()) > SPOTS_MAX {
                    return Err(format!("`{name}` names more than {SPOTS_MAX} functions"));
                }
            }
        }
        let found = if exact.is_empty() { last } else { exact };
        if !found.is_empty() {
            return Ok(found);
        }
        let mut names: Vec<String> = Vec::new();
        for known in &self.modules {
            let all = 0..known.module.num_functions();
            names.extend(all.map(|index| known.function_name(index)));
        }
        let mut message = format!("there is no function `{name}`");
        if let Some(near) = nearest(name, names.iter().map(String::as_str)) {
            message += &format!("; did you mean `{near}`?");
        }
        Err(message)
    }

    /// The code of a line, or else of the next one that has any: its first operator in each function, and in each
    /// inlined copy of one.
    fn at_line(&self, file: &str, line: u32) -> Result<Vec<Spot>, String> {
        let mut best: Option<u32> = None;
        let mut firsts: BTreeMap<(usize, u32, Option<u32>), WasmPc> = BTreeMap::new();
        let mut files: Vec<&str> = Vec::new();
        for (module, known) in self.modules.iter().enumerate() {
            let Some(map) = known.source.map() else {
                continue;
            };
            for row in map.rows(0..u32::MAX) {
                if !is_file(row.file, file) {
                    if files.last() != Some(&&**row.file) {
                        files.push(row.file);
                    }
                    continue;
                }
                if row.line < line || best.is_some_and(|best| row.line > best) {
                    continue;
                }
                if best != Some(row.line) {
                    best = Some(row.line);
                    firsts.clear();
                }
                let pc = WasmPc(row.start);
                let Some(index) = known.function_at(pc) else {
                    continue;
                };
                let copy = map.function(pc).and_then(|code| code.innermost(pc.0));
                firsts.entry((module, index, copy)).or_insert(pc);
            }
        }
        let spots = firsts
            .into_iter()
            .map(|((module, index, _), pc)| Spot { module, index, pc });
        let mut spots: Vec<Spot> = spots.filter(|spot| self.is_operator(spot)).collect();
        spots.sort();
        spots.dedup();
        if !spots.is_empty() {
            return Ok(spots);
        }
        if best.is_some() {
            return Err(format!("line {line} of {file} has no code"));
        }
        if self
            .modules
            .iter()
            .all(|known| known.source.map().is_none())
        {
            return Err("the program has no line information".to_owned());
        }
        files.sort_unstable();
        files.dedup();
        let known_file = files.is_empty() || self.has_file(file);
        if known_file {
            return Err(format!("no line from {line} on has code in {file}"));
        }
        let short = |path: &&str| path.rsplit('/').next().unwrap_or(path).to_owned();
        let names: Vec<String> = files.iter().map(short).collect();
        let mut message = format!("the program has no source file `{file}`");
        if let Some(near) = nearest(file, names.iter().map(String::as_str)) {
            message += &format!("; did you mean `{near}`?");
        }
        Err(message)
    }

    fn has_file(&self, file: &str) -> bool {
        let mut maps = self.modules.iter().filter_map(|known| known.source.map());
        maps.any(|map| map.rows(0..u32::MAX).any(|row| is_file(row.file, file)))
    }
}

impl Known {
    /// The function whose body holds an offset.
    pub fn function_at(&self, pc: WasmPc) -> Option<u32> {
        function_at(&self.module, pc)
    }
}

/// A number in decimal or hexadecimal.
pub(super) fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}
