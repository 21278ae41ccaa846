//! DWARF, as [DWARF for WebAssembly](https://yurydelendik.github.io/webassembly-dwarf/) embeds
//! it: addresses are byte offsets from the start of the code section's contents.
//!
//! Sections are read where they lie in the module, as a whole and once: into a table of
//! lines, and into one of functions, each when it is first asked for. What cannot be read is
//! left out.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use gimli::{
    AttributeValue, ColumnType, DebugInfoOffset, DebuggingInformationEntry, Dwarf, EndianSlice,
    LittleEndian, UnitOffset, UnitSectionOffset,
};

use super::SourceLine;
use super::functions::{FunctionCode, FunctionTable, Inlined, SourceFunction};
use super::lines::{LineTable, Row};
use super::paths::{join, tidy};
use super::sections::Sections;
use crate::demangle::demangle;

pub(super) type Slice<'m> = EndianSlice<'m, LittleEndian>;
pub(super) type Entry<'m> = DebuggingInformationEntry<Slice<'m>>;
pub(super) type Unit<'m> = gimli::Unit<Slice<'m>>;

/// A function's entry may refer to another for its name, that to another, and so on.
const REFERENCES_MAX: usize = 16;
/// Lists of ranges may be shared, so that a small section claims any number of them.
const RANGES_MAX: usize = 1 << 22;
/// So may strings: what all paths and names of a module may take, in bytes, and what one may.
const TEXT_BYTES_MAX: usize = 256 << 20;
const NAME_BYTES_MAX: usize = 16 << 10;

/// The lines of all units.
pub(super) fn lines(sections: &Sections<'_>) -> LineTable {
    let dwarf = Reading::new(sections);
    let mut table = LineTable::default();
    for unit in &dwarf.units {
        // A unit that ends in the middle keeps what was before.
        let _ = dwarf.unit_lines(unit, &mut table);
    }
    table.finish()
}

/// The functions of all units.
pub(super) fn functions(sections: &Sections<'_>) -> FunctionTable {
    let dwarf = Reading::new(sections);
    let mut functions = Functions {
        dwarf: &dwarf,
        known: HashMap::new(),
        paths: RefCell::default(),
        ranges_left: RANGES_MAX,
        found: Vec::new(),
    };
    for unit in &dwarf.units {
        let _ = functions.unit(unit);
    }
    FunctionTable::new(functions.found)
}

/// The sections of one module, while they are read.
pub(super) struct Reading<'m> {
    pub(super) dwarf: Dwarf<Slice<'m>>,
    /// In the order of the section, so that an offset's is found.
    units: Vec<Unit<'m>>,
    /// Byte offset in the module that DWARF calls 0.
    code: u32,
    text_left: Cell<usize>,
}

impl<'m> Reading<'m> {
    pub fn new(sections: &Sections<'m>) -> Reading<'m> {
        let load = |id: gimli::SectionId| -> Result<Slice<'m>, gimli::Error> {
            let data = sections.custom(id.name()).unwrap_or_default();
            Ok(EndianSlice::new(data, LittleEndian))
        };
        let dwarf = Dwarf::load(load).unwrap_or_default();
        let mut units = Vec::new();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            units.extend(dwarf.unit(header));
        }
        Reading {
            dwarf,
            units,
            code: sections.code,
            text_left: Cell::new(TEXT_BYTES_MAX),
        }
    }

    fn unit_lines(&self, unit: &Unit<'m>, table: &mut LineTable) -> Result<(), gimli::Error> {
        let Some(program) = unit.line_program.clone() else {
            return Ok(());
        };
        let mut files: HashMap<u64, u32> = HashMap::new();
        let mut rows = program.rows();
        let mut open: Option<(u64, Row)> = None;
        while let Some((_, row)) = rows.next_row()? {
            let address = row.address();
            if let Some((begin, mut row)) = open.take()
                && let Some(code) = self.code_range(begin, address)
            {
                row.start = code.start;
                row.end = code.end;
                table.push(row);
            }
            if row.end_sequence() {
                continue;
            }
            let file = *files.entry(row.file_index()).or_insert_with(|| {
                table.file(self.path(unit, row.file_index()).unwrap_or_default())
            });
            let line = row.line().map_or(0, |line| line.get());
            let column = match row.column() {
                ColumnType::LeftEdge => 0,
                ColumnType::Column(column) => column.get(),
            };
            let row = Row {
                start: 0,
                end: 0,
                file,
                line: u32::try_from(line).unwrap_or(0),
                column: u32::try_from(column).unwrap_or(0),
            };
            open = Some((address, row));
        }
        Ok(())
    }

    /// Offsets in the module; `None` for what the linker has dropped, whose addresses are
    /// 0 (the number of functions is there) or beyond everything.
    fn code_range(&self, begin: u64, end: u64) -> Option<Range<u32>> {
        let offset = |address: u64| self.code.checked_add(u32::try_from(address).ok()?);
        (0 < begin && begin < end).then_some(offset(begin)?..offset(end)?)
    }

    /// A file of a unit's line program.
    pub fn path(&self, unit: &Unit<'m>, index: u64) -> Option<String> {
        let header = unit.line_program.as_ref()?.header();
        let file = header.file(index)?;
        let text = |value| self.text(unit, value);
        let comp_dir = unit.comp_dir.and_then(|dir| self.bounded(dir));
        let mut dir = comp_dir.unwrap_or_default();
        // Directory 0 is the one that the compiler ran in.
        if file.directory_index() != 0
            && let Some(value) = file.directory(header)
        {
            dir = join(&dir, &text(value)?);
        }
        Some(tidy(&join(&dir, &text(file.path_name())?)))
    }

    /// A name or a part of a path, if it is of a size that names have.
    fn text(&self, unit: &Unit<'m>, value: AttributeValue<Slice<'m>>) -> Option<String> {
        self.bounded(self.dwarf.attr_string(unit, value).ok()?)
    }

    /// The text of an entry's attribute.
    pub fn attr_text(
        &self,
        unit: &Unit<'m>,
        entry: &Entry<'m>,
        name: gimli::DwAt,
    ) -> Option<String> {
        self.text(unit, entry.attr_value(name)?)
    }

    /// Whether the code of an entry holds an address.
    pub fn holds(
        &self,
        unit: &Unit<'m>,
        entry: &Entry<'m>,
        address: u64,
        steps_left: &mut usize,
    ) -> bool {
        let ranges = self.ranges(unit, entry, steps_left);
        let offset = u32::try_from(address).ok();
        let offset = offset.and_then(|address| self.code.checked_add(address));
        offset.is_some_and(|offset| ranges.iter().any(|range| range.contains(&offset)))
    }

    fn bounded(&self, text: Slice<'m>) -> Option<String> {
        let bytes = text.slice();
        if bytes.len() > NAME_BYTES_MAX {
            return None;
        }
        let left = self.text_left.get().checked_sub(bytes.len())?;
        self.text_left.set(left);
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// The code of an entry, ascending.
    fn ranges(&self, unit: &Unit<'m>, entry: &Entry<'m>, left: &mut usize) -> Vec<Range<u32>> {
        let dwarf = &self.dwarf;
        let mut ranges = Vec::new();
        if let Some(value) = entry.attr_value(gimli::DW_AT_ranges) {
            let Ok(Some(mut list)) = dwarf.attr_ranges(unit, value) else {
                return ranges;
            };
            while let Ok(Some(range)) = list.next() {
                if *left == 0 {
                    break;
                }
                *left -= 1;
                ranges.extend(self.code_range(range.begin, range.end));
            }
        } else {
            let address = |value| dwarf.attr_address(unit, value).ok().flatten();
            let low = entry.attr_value(gimli::DW_AT_low_pc).and_then(address);
            let high = entry.attr_value(gimli::DW_AT_high_pc).and_then(|value| {
                match (&value, low) {
                    // A size, in all forms that are no address.
                    (AttributeValue::Udata(size), Some(low)) => low.checked_add(*size),
                    _ => address(value),
                }
            });
            if let (Some(low), Some(high)) = (low, high) {
                ranges.extend(self.code_range(low, high));
            }
        }
        ranges.sort_by_key(|range| range.start);
        ranges
    }

    /// All units.
    pub fn units(&self) -> &[Unit<'m>] {
        &self.units
    }

    /// The unit that holds an offset of the section.
    pub fn unit_at(&self, offset: DebugInfoOffset) -> Option<(&Unit<'m>, UnitOffset)> {
        let start = |unit: &Unit<'m>| unit.header.debug_info_offset().map_or(0, |at| at.0);
        let behind = self.units.partition_point(|unit| start(unit) <= offset.0);
        let unit = self.units.get(behind.checked_sub(1)?)?;
        let at = UnitSectionOffset(offset.0).to_unit_offset(&unit.header)?;
        Some((unit, at))
    }
}

/// The functions found so far.
struct Functions<'d, 'm> {
    dwarf: &'d Reading<'m>,
    /// By the offset of their entry in the section.
    known: HashMap<usize, Arc<SourceFunction>>,
    /// By unit and index in it.
    paths: RefCell<HashMap<(usize, u64), Arc<str>>>,
    ranges_left: usize,
    found: Vec<FunctionCode>,
}

/// A function that is being read: its depth in the tree of entries.
struct Open {
    depth: isize,
    entry: usize,
    function: Arc<SourceFunction>,
    range: Range<u32>,
    inlined: Vec<Inlined>,
    /// Depth and index of the copies around the next entry.
    around: Vec<(isize, u32)>,
}

impl<'m> Functions<'_, 'm> {
    fn unit(&mut self, unit: &Unit<'m>) -> Result<(), gimli::Error> {
        let mut open: Vec<Open> = Vec::new();
        let mut entries = unit.entries();
        let walked = loop {
            let entry = match entries.next_dfs() {
                Ok(Some(entry)) => entry,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let depth = entry.depth();
            while open.last().is_some_and(|top| depth <= top.depth) {
                self.found.extend(open.pop().map(Open::finish));
            }
            // A block behind a copy ends it, too: what is inlined in that block is not inside the copy.
            if let Some(top) = open.last_mut() {
                top.around.retain(|&(at, _)| at < depth);
            }
            match entry.tag() {
                gimli::DW_TAG_subprogram => {
                    let Some(range) = self
                        .dwarf
                        .ranges(unit, entry, &mut self.ranges_left)
                        .into_iter()
                        .next()
                    else {
                        continue;
                    };
                    open.push(Open {
                        depth,
                        entry: entry.offset().to_unit_section_offset(&unit.header).0,
                        function: self.function(unit, entry),
                        range,
                        inlined: Vec::new(),
                        around: Vec::new(),
                    });
                }
                gimli::DW_TAG_inlined_subroutine => {
                    let Some(top) = open.last_mut() else {
                        continue;
                    };
                    let parent = top.around.last().map(|&(_, copy)| copy);
                    // Each has taken bytes of a section that is smaller than 4 GiB.
                    top.around.push((depth, top.inlined.len() as u32));
                    let ranges = self.dwarf.ranges(unit, entry, &mut self.ranges_left);
                    let number =
                        |name| entry.attr_value(name).and_then(|value| value.udata_value());
                    let call_file = entry.attr_value(gimli::DW_AT_call_file);
                    let call_file = call_file.as_ref().and_then(file_index);
                    let call_line = number(gimli::DW_AT_call_line);
                    let copy = Inlined {
                        function: self.function(unit, entry),
                        call: self.place(unit, call_file, call_line),
                        call_column: number(gimli::DW_AT_call_column)
                            .and_then(|column| u32::try_from(column).ok())
                            .unwrap_or(0),
                        parent,
                        ranges,
                    };
                    if let Some(top) = open.last_mut() {
                        top.inlined.push(copy);
                    }
                }
                _ => {}
            }
        };
        self.found.extend(open.into_iter().map(Open::finish));
        walked
    }

    /// What an entry says of its function, or the entries that it refers to.
    fn function(&mut self, unit: &Unit<'m>, entry: &Entry<'m>) -> Arc<SourceFunction> {
        let at = entry.offset().to_unit_section_offset(&unit.header).0;
        if let Some(known) = self.known.get(&at) {
            return known.clone();
        }
        let mut told = Told::default();
        let mut refers_to = self.read(unit, entry, &mut told);
        // The innermost entry that others have been read from: most copies are of few functions.
        let mut origin = at;
        for _ in 0..REFERENCES_MAX {
            let Some((unit, offset)) = refers_to.and_then(|offset| self.dwarf.unit_at(offset))
            else {
                break;
            };
            if told == Told::default() {
                origin = offset.to_unit_section_offset(&unit.header).0;
                if let Some(known) = self.known.get(&origin) {
                    return known.clone();
                }
            }
            let Ok(entry) = unit.entry(offset) else {
                break;
            };
            refers_to = self.read(unit, &entry, &mut told);
        }
        let name = match (told.linkage_name, told.name) {
            (Some(linkage), plain) => demangle(&linkage).or(plain).unwrap_or(linkage),
            (None, plain) => plain.unwrap_or_else(|| "?".to_owned()),
        };
        let function = Arc::new(SourceFunction {
            name: name.into(),
            place: told.place,
        });
        self.known.insert(origin, function.clone());
        function
    }

    /// Adds what an entry says to what is told; the entry that it refers to.
    fn read(&self, unit: &Unit<'m>, entry: &Entry<'m>, told: &mut Told) -> Option<DebugInfoOffset> {
        let text = |value| self.dwarf.text(unit, value);
        let (mut file, mut line, mut refers_to) = (None, None, None);
        for attr in entry.attrs() {
            let value = attr.value();
            match attr.name() {
                gimli::DW_AT_linkage_name | gimli::DW_AT_MIPS_linkage_name => {
                    told.linkage_name = told.linkage_name.take().or_else(|| text(value));
                }
                gimli::DW_AT_name => told.name = told.name.take().or_else(|| text(value)),
                gimli::DW_AT_decl_file => file = file_index(&value),
                gimli::DW_AT_decl_line => line = value.udata_value(),
                gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => {
                    refers_to = match value {
                        AttributeValue::UnitRef(offset) => {
                            let offset = offset.to_unit_section_offset(&unit.header);
                            Some(DebugInfoOffset(offset.0))
                        }
                        AttributeValue::DebugInfoRef(offset) => Some(offset),
                        _ => None,
                    };
                }
                _ => {}
            }
        }
        if told.place.is_none() {
            told.place = self.place(unit, file, line);
        }
        refers_to
    }

    fn place(&self, unit: &Unit<'m>, file: Option<u64>, line: Option<u64>) -> Option<SourceLine> {
        let (file, line) = (file?, u32::try_from(line?).ok()?);
        let key = (unit.header.offset().0, file);
        let known = self.paths.borrow().get(&key).cloned();
        let path = match known {
            Some(path) => path,
            None => {
                let path: Arc<str> = self.dwarf.path(unit, file)?.into();
                self.paths.borrow_mut().insert(key, path.clone());
                path
            }
        };
        Some(SourceLine { file: path, line })
    }
}

pub(super) fn file_index(value: &AttributeValue<Slice<'_>>) -> Option<u64> {
    match value {
        AttributeValue::FileIndex(index) => Some(*index),
        value => value.udata_value(),
    }
}

/// What is known of a function so far.
#[derive(Default, PartialEq)]
struct Told {
    name: Option<String>,
    linkage_name: Option<String>,
    place: Option<SourceLine>,
}

impl Open {
    fn finish(self) -> FunctionCode {
        FunctionCode::new(self.function, self.entry, self.range, self.inlined)
    }
}
