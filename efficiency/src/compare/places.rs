//! Which functions, lines and loops of two programs are the same.
//!
//! Functions are the same by name. Lines move when a program is edited: they are the same if they have the same text, in the
//! same order (a longest common subsequence); of those left over, which an edit changed, those of the same number. Loops are
//! the same if their lines are, or, where no line is known, by their order in the function.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Delta;
use crate::result::{Hot, HotLine, HotLoop};

/// Beyond so many pairs lines are compared by number.
const PAIRS_MAX: usize = 4_000_000;

/// A function of two programs. What only one side has a number of is not among the hottest of the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionDelta {
    /// Its name.
    pub name: String,
    /// Instructions in itself.
    pub instr: Delta,
    /// Calls.
    pub calls: Delta,
}

/// A line of two programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineDelta {
    /// The source file, after if there is one.
    pub file: String,
    /// Its number before.
    pub line_before: Option<u32>,
    /// Its number after.
    pub line_after: Option<u32>,
    /// Its text, after if there is one.
    pub text: String,
    /// Instructions.
    pub instr: Delta,
    /// Executions.
    pub count: Delta,
    /// In percent of all instructions, before.
    pub percent_before: Option<f64>,
    /// The same, after.
    pub percent_after: Option<f64>,
}

/// A loop of two programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoopDelta {
    /// The function that it is in, after if there is one.
    pub function: String,
    /// Its line before.
    pub line_before: Option<u32>,
    /// Its line after.
    pub line_after: Option<u32>,
    /// How often its body was begun.
    pub trips: Delta,
    /// How often it was entered.
    pub entries: Delta,
}

/// Those that change most come first.
pub(super) fn functions(before: &Hot, after: &Hot) -> Vec<FunctionDelta> {
    let names: BTreeSet<&str> = [before, after]
        .iter()
        .flat_map(|hot| hot.functions.iter().map(|function| function.name.as_str()))
        .collect();
    let sum = |hot: &Hot, name: &str, of: fn(&crate::result::HotFunction) -> u64| {
        let found = hot.functions.iter().filter(|f| f.name == name).map(of);
        found.reduce(u64::saturating_add)
    };
    let delta = |name: &str, of| Delta::new(sum(before, name, of), sum(after, name, of));
    let mut deltas: Vec<FunctionDelta> = names
        .into_iter()
        .map(|name| FunctionDelta {
            name: name.to_owned(),
            instr: delta(name, |function| function.instr),
            calls: delta(name, |function| function.calls),
        })
        .collect();
    deltas.sort_by_key(|delta| std::cmp::Reverse(delta.instr.size()));
    deltas
}

/// Lines and loops; those that change most come first.
pub(super) fn lines_and_loops(before: &Hot, after: &Hot) -> (Vec<LineDelta>, Vec<LoopDelta>) {
    let old = sorted(&before.lines);
    let new = sorted(&after.lines);
    let is_one_file = is_one_file(&old) && is_one_file(&new);
    let pairs = line_pairs(&old, &new, is_one_file);
    let moved: BTreeMap<(&str, u32), u32> = pairs
        .iter()
        .map(|(i, j)| ((base(&old[*i].file), old[*i].line), new[*j].line))
        .collect();
    let mut lines = lines(&old, &new, &pairs);
    lines.sort_by_key(|delta| std::cmp::Reverse(delta.instr.size()));
    let mut loops = loops(&before.loops, &after.loops, &moved, is_one_file);
    loops.sort_by_key(|delta| std::cmp::Reverse(delta.trips.size()));
    (lines, loops)
}

/// In the order of the source.
fn sorted(lines: &[HotLine]) -> Vec<&HotLine> {
    let mut lines: Vec<&HotLine> = lines.iter().collect();
    lines.sort_by_key(|line| (base(&line.file), line.line));
    lines
}

fn is_one_file(lines: &[&HotLine]) -> bool {
    lines.windows(2).all(|pair| pair[0].file == pair[1].file)
}

/// Attempts are in folders of their own.
fn base(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

/// Indices of lines that are the same.
fn line_pairs(old: &[&HotLine], new: &[&HotLine], is_one_file: bool) -> Vec<(usize, usize)> {
    let is_file = |a: &HotLine, b: &HotLine| is_one_file || base(&a.file) == base(&b.file);
    let is_same = |a: &HotLine, b: &HotLine| {
        let is_text = match a.text.is_empty() || b.text.is_empty() {
            true => a.line == b.line,
            false => a.text == b.text,
        };
        is_text && is_file(a, b)
    };
    let mut pairs = common(old, new, |a, b| is_same(a, b));
    let (is_old, is_new): (BTreeSet<usize>, BTreeSet<usize>) = pairs.iter().copied().unzip();
    let mut left: Vec<usize> = (0..new.len()).filter(|j| !is_new.contains(j)).collect();
    for i in (0..old.len()).filter(|i| !is_old.contains(i)) {
        let is_number = |j: &usize| old[i].line == new[*j].line && is_file(old[i], new[*j]);
        if let Some(at) = left.iter().position(is_number) {
            pairs.push((i, left.remove(at)));
        }
    }
    pairs
}

/// The longest common subsequence.
fn common<T>(old: &[T], new: &[T], is_same: impl Fn(&T, &T) -> bool) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    if old.len().saturating_mul(width) > PAIRS_MAX {
        return Vec::new();
    }
    // Length of that of what is behind i and j.
    let mut lengths = vec![0u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i * width + j] = if is_same(&old[i], &new[j]) {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        if is_same(&old[i], &new[j]) {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn lines(old: &[&HotLine], new: &[&HotLine], pairs: &[(usize, usize)]) -> Vec<LineDelta> {
    let (is_old, is_new): (BTreeSet<usize>, BTreeSet<usize>) = pairs.iter().copied().unzip();
    let both = pairs.iter().map(|(i, j)| (Some(old[*i]), Some(new[*j])));
    let gone = (0..old.len()).filter(|i| !is_old.contains(i));
    let come = (0..new.len()).filter(|j| !is_new.contains(j));
    let all = both
        .chain(gone.map(|i| (Some(old[i]), None)))
        .chain(come.map(|j| (None, Some(new[j]))));
    let mut deltas: Vec<LineDelta> = all
        .filter_map(|(a, b)| {
            let shown = b.or(a)?;
            Some(LineDelta {
                file: shown.file.clone(),
                line_before: a.map(|line| line.line),
                line_after: b.map(|line| line.line),
                text: shown.text.clone(),
                instr: Delta::new(a.map(|line| line.instr), b.map(|line| line.instr)),
                count: Delta::new(a.map(|line| line.count), b.map(|line| line.count)),
                percent_before: a.map(|line| line.instr_percent),
                percent_after: b.map(|line| line.instr_percent),
            })
        })
        .collect();
    deltas.sort_by_key(|delta| (delta.line_after.or(delta.line_before), delta.line_before));
    deltas
}

fn loops(
    old: &[HotLoop],
    new: &[HotLoop],
    moved: &BTreeMap<(&str, u32), u32>,
    is_one_file: bool,
) -> Vec<LoopDelta> {
    let delta = |a: Option<&HotLoop>, b: Option<&HotLoop>| {
        let known = |side: &HotLoop| (side.line > 0).then_some(side.line);
        Some(LoopDelta {
            function: b.or(a)?.function.clone(),
            line_before: a.and_then(known),
            line_after: b.and_then(known),
            trips: Delta::new(a.map(|l| l.trips), b.map(|l| l.trips)),
            entries: Delta::new(a.map(|l| l.entries), b.map(|l| l.entries)),
        })
    };
    let mut left: Vec<&HotLoop> = new.iter().collect();
    let mut deltas = Vec::new();
    for a in old {
        let line = moved.get(&(base(&a.file), a.line)).unwrap_or(&a.line);
        let is_same = |b: &&HotLoop| match a.line {
            0 => b.line == 0 && b.function == a.function,
            _ => b.line == *line && (is_one_file || base(&b.file) == base(&a.file)),
        };
        let b = left.iter().position(is_same).map(|at| left.remove(at));
        deltas.extend(delta(Some(a), b));
    }
    deltas.extend(left.into_iter().filter_map(|b| delta(None, Some(b))));
    deltas
}
