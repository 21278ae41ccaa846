//! Which code is of which function of the source, inlined ones included.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::SourceLine;

/// A function as the source declares it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceFunction {
    /// Demangled.
    pub name: Arc<str>,
    /// Where it begins; line 0 if that is not said.
    pub place: Option<SourceLine>,
}

/// A function's code, with the functions that are inlined in it.
#[derive(Debug)]
pub struct FunctionCode {
    function: Arc<SourceFunction>,
    /// Offset of its entry in DWARF.
    entry: usize,
    start: u32,
    end: u32,
    inlined: Vec<Inlined>,
    /// The innermost inlined function from an offset on, if there is one.
    innermost: BTreeMap<u32, Option<u32>>,
}

/// A copy of a function inside another.
#[derive(Debug)]
pub struct Inlined {
    /// What is inlined.
    pub function: Arc<SourceFunction>,
    /// Where it is called, in the file of the function around it.
    pub call: Option<SourceLine>,
    /// Column of the call, from 1; 0 if that is not said.
    pub call_column: u32,
    /// The copy around it, as an index of [`FunctionCode::inlined`].
    pub parent: Option<u32>,
    /// Its code, as byte offsets in the module.
    pub ranges: Vec<Range<u32>>,
}

impl FunctionCode {
    /// `inlined` has outer copies before those inside them.
    pub(super) fn new(
        function: Arc<SourceFunction>,
        entry: usize,
        range: Range<u32>,
        inlined: Vec<Inlined>,
    ) -> FunctionCode {
        let mut innermost = BTreeMap::new();
        for (at, copy) in inlined.iter().enumerate() {
            for range in &copy.ranges {
                paint(&mut innermost, range.clone(), at as u32);
            }
        }
        FunctionCode {
            function,
            entry,
            start: range.start,
            end: range.end,
            inlined,
            innermost,
        }
    }

    /// The function itself.
    pub fn function(&self) -> &Arc<SourceFunction> {
        &self.function
    }

    /// Offset of its entry in DWARF.
    pub(super) fn entry(&self) -> usize {
        self.entry
    }

    /// What is inlined in it, outer copies before those inside them.
    pub fn inlined(&self) -> &[Inlined] {
        &self.inlined
    }

    /// The innermost copy that the code at an offset in the module belongs to, as an index of
    /// [`FunctionCode::inlined`]; `None` for the function's own.
    pub fn innermost(&self, offset: u32) -> Option<u32> {
        let (_, &copy) = self.innermost.range(..=offset).next_back()?;
        copy
    }
}

/// Gives a range to a copy, whatever it belonged to.
fn paint(innermost: &mut BTreeMap<u32, Option<u32>>, range: Range<u32>, copy: u32) {
    if range.is_empty() {
        return;
    }
    let before = innermost.range(..=range.end).next_back();
    let behind = before.and_then(|(_, &copy)| copy);
    let inside: Vec<u32> = innermost.range(range.clone()).map(|(&at, _)| at).collect();
    for at in inside {
        innermost.remove(&at);
    }
    innermost.insert(range.start, Some(copy));
    innermost.insert(range.end, behind);
}

/// The functions of a module, by offset.
#[derive(Debug, Default)]
pub(super) struct FunctionTable {
    by_start: Vec<FunctionCode>,
}

impl FunctionTable {
    pub fn new(mut functions: Vec<FunctionCode>) -> FunctionTable {
        functions.sort_by_key(|function| function.start);
        FunctionTable {
            by_start: functions,
        }
    }

    /// The function that holds an offset.
    pub fn at(&self, offset: u32) -> Option<&FunctionCode> {
        let behind = self
            .by_start
            .partition_point(|function| function.start <= offset);
        let function = self.by_start.get(behind.checked_sub(1)?)?;
        (offset < function.end).then_some(function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn innermost_copies() {
        let function = Arc::new(SourceFunction {
            name: "f".into(),
            place: None,
        });
        let copy = |parent, ranges: &[(u32, u32)]| Inlined {
            function: function.clone(),
            call: None,
            call_column: 0,
            parent,
            ranges: ranges.iter().map(|&(start, end)| start..end).collect(),
        };
        // 1 and 2 are inside 0; 2 ends where 0 does; 3 claims more than what it is inside of.
        let inlined = vec![
            copy(None, &[(10, 30), (40, 50)]),
            copy(Some(0), &[(12, 14)]),
            copy(Some(0), &[(20, 30), (45, 50)]),
            copy(Some(1), &[(13, 16)]),
        ];
        let code = FunctionCode::new(function, 0, 0..60, inlined);
        let at = [0, 10, 12, 13, 14, 16, 19, 20, 29, 30, 40, 45, 49, 50, 59];
        let expected = [
            None,
            Some(0),
            Some(1),
            Some(3),
            Some(3),
            Some(0),
            Some(0),
            Some(2),
            Some(2),
            None,
            Some(0),
            Some(2),
            Some(2),
            None,
            None,
        ];
        assert_eq!(at.map(|offset| code.innermost(offset)), expected);
        let table = FunctionTable::new(vec![code]);
        assert!(table.at(60).is_none() && table.at(59).is_some());
    }
}
