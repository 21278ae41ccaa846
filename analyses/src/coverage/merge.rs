//! Several runs added up.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{
    CoverageData, FileCoverage, FunctionCoverage, ModuleCoverage, OffsetBranch, Piece,
};
use super::files::FileSum;

impl CoverageData {
    /// Adds what other runs executed. Runs of the same module, byte by byte, are added
    /// function by function; of different modules, source lines are (see
    /// [`CoverageData::files`]).
    ///
    /// ```
    /// use probity_analyses::coverage::{CoverageData, ModuleCoverage};
    ///
    /// let run = || CoverageData {
    ///     modules: vec![ModuleCoverage { hash: "c0de".to_owned(), runs: 1, ..Default::default() }],
    ///     ..Default::default()
    /// };
    /// let mut both = run();
    /// both.merge(run());
    /// assert_eq!(both.modules.len(), 1);
    /// assert_eq!(both.modules[0].runs, 2);
    /// ```
    pub fn merge(&mut self, other: CoverageData) {
        for module in other.modules {
            match self
                .modules
                .iter_mut()
                .find(|known| known.hash == module.hash)
            {
                Some(known) => known.add(module),
                None => self.modules.push(module),
            }
        }
    }

    /// Drops what is left of earlier builds: modules that came from the file of one in `newer`
    /// and are another now. Their lines may not be where they were.
    pub fn drop_superseded(&mut self, newer: &CoverageData) {
        self.modules.retain(|old| {
            let rebuilt = |new: &ModuleCoverage| new.path == old.path && new.hash != old.hash;
            old.path.is_none() || !newer.modules.iter().any(rebuilt)
        });
    }
}

impl ModuleCoverage {
    fn add(&mut self, other: ModuleCoverage) {
        self.runs = self.runs.saturating_add(other.runs);
        let functions = std::mem::take(&mut self.functions);
        let mut functions: BTreeMap<u32, FunctionCoverage> =
            functions.into_iter().map(|f| (f.index, f)).collect();
        for function in other.functions {
            match functions.get_mut(&function.index) {
                Some(known) => known.add(&function),
                None => drop(functions.insert(function.index, function)),
            }
        }
        self.functions = functions.into_values().collect();

        let mut files: BTreeMap<&str, FileSum> = BTreeMap::new();
        for file in self.files.iter().chain(&other.files) {
            files.entry(&file.path).or_default().add(file);
        }
        let files = files.into_iter();
        let files: Vec<FileCoverage> = files
            .map(|(path, sum)| sum.finish(path.to_owned()))
            .collect();
        self.files = files;
    }
}

impl FunctionCoverage {
    fn add(&mut self, other: &FunctionCoverage) {
        self.entries = self.entries.saturating_add(other.entries);
        self.pieces = add_pieces(&self.pieces, &other.pieces);
        let ways = |branches: &[OffsetBranch]| -> BTreeMap<u32, Vec<u64>> {
            branches.iter().map(|b| (b.pc, b.ways.clone())).collect()
        };
        let mut sums = ways(&self.branches);
        for (pc, ways) in ways(&other.branches) {
            let sum = sums.entry(pc).or_default();
            sum.resize(sum.len().max(ways.len()), 0);
            for (sum, way) in sum.iter_mut().zip(ways) {
                *sum = sum.saturating_add(way);
            }
        }
        let sums = sums.into_iter();
        self.branches = sums.map(|(pc, ways)| OffsetBranch { pc, ways }).collect();
    }
}

/// Two divisions of the same code: divided where either is, and joined where counts are equal.
fn add_pieces(a: &[Piece], b: &[Piece]) -> Vec<Piece> {
    let cuts: BTreeSet<u32> = a.iter().chain(b).flat_map(|p| [p.start, p.end]).collect();
    let cuts: Vec<u32> = cuts.into_iter().collect();
    // The operators before each cut that a division knows.
    let mut before: BTreeMap<u32, u32> = BTreeMap::new();
    for pieces in [a, b] {
        let mut sum = 0u32;
        for piece in pieces {
            before.insert(piece.start, sum);
            sum = sum.saturating_add(piece.operators);
            before.insert(piece.end, sum);
        }
    }
    let operators = |at: u32| before.get(&at).copied().unwrap_or(0);
    let (mut rest_a, mut rest_b) = (a.iter().peekable(), b.iter().peekable());
    let mut sums: Vec<Piece> = Vec::new();
    for cut in cuts.windows(2) {
        let (start, end) = (cut[0], cut[1]);
        let mut count = 0u64;
        for rest in [&mut rest_a, &mut rest_b] {
            while rest.next_if(|piece| piece.end <= start).is_some() {}
            if let Some(piece) = rest.peek().filter(|piece| piece.start <= start) {
                count = count.saturating_add(piece.count);
            }
        }
        let operators = operators(end).saturating_sub(operators(start));
        match sums.last_mut() {
            Some(last) if last.count == count && last.end == start => {
                last.end = end;
                last.operators = last.operators.saturating_add(operators);
            }
            _ => sums.push(Piece {
                start,
                end,
                operators,
                count,
            }),
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(start: u32, end: u32, operators: u32, count: u64) -> Piece {
        Piece {
            start,
            end,
            operators,
            count,
        }
    }

    /// Of one run: 3 operators in 6 bytes ran once, then 2 in 4 bytes not. Of the other: 2
    /// operators in 4 bytes did not run, then 3 in 6 ran once. So the operator at 4 ran twice, what
    /// is before and behind it once.
    #[test]
    fn pieces_are_cut_where_either_run_is() {
        let a = [piece(0, 6, 3, 1), piece(6, 10, 2, 0)];
        let b = [piece(0, 4, 2, 0), piece(4, 10, 3, 1)];
        let sum = [piece(0, 4, 2, 1), piece(4, 6, 1, 2), piece(6, 10, 2, 1)];
        assert_eq!(add_pieces(&a, &b), sum);
        assert_eq!(add_pieces(&b, &a), sum);
        // What differs no longer is one piece.
        let opposite = [piece(0, 6, 3, 0), piece(6, 10, 2, 1)];
        assert_eq!(add_pieces(&a, &opposite), [piece(0, 10, 5, 1)]);
        assert_eq!(add_pieces(&a, &[]), a);
        assert_eq!(add_pieces(&[], &[]), []);
        // Data that nobody has written gives something.
        add_pieces(&[piece(9, 2, 1, u64::MAX), piece(0, 5, u32::MAX, 1)], &a);
    }

    #[test]
    fn rebuilt_modules_replace_what_they_were() {
        let module = |path: Option<&str>, hash: &str| ModuleCoverage {
            path: path.map(str::to_owned),
            hash: hash.to_owned(),
            ..ModuleCoverage::default()
        };
        let data = |modules| CoverageData {
            modules,
            ..CoverageData::default()
        };
        let mut old = data(vec![
            module(Some("a.wasm"), "1"),
            module(Some("b.wasm"), "2"),
            module(None, "3"),
        ]);
        old.drop_superseded(&data(vec![
            module(Some("a.wasm"), "4"),
            module(Some("b.wasm"), "2"),
            module(None, "5"),
        ]));
        let left: Vec<&str> = old.modules.iter().map(|module| &*module.hash).collect();
        assert_eq!(left, ["2", "3"]);
    }
}
