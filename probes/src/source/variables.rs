//! Variables and parameters of the source, and where their values are.

use std::sync::Arc;

use gimli::{AttributeValue, DebugInfoOffset, Expression, Operation};

use super::SourceLine;
use super::dwarf::{Entry, Reading, Slice, Unit, file_index};
use super::types::TypeId;

/// A variable that is in scope at some operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is a parameter.
    pub is_parameter: bool,
    /// Where it is declared.
    pub declared: Option<SourceLine>,
    /// Its type ([`SourceMap::ty`](super::SourceMap::ty)).
    pub ty: Option<TypeId>,
    /// Where its value is.
    pub place: Place,
    /// Number of scopes around it: an inner variable hides an outer one of its name.
    pub depth: u32,
}

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a Wasm local.
    Local(u32),
    /// In a Wasm global.
    Global(u32),
    /// On the operand stack, by height from its bottom.
    Operand(u32),
    /// In memory 0, so many bytes behind an address.
    Memory {
        /// What has the address.
        base: Base,
        /// Bytes behind it.
        offset: i64,
    },
    /// Nowhere: it is always this.
    Constant(i64),
    /// Not at this operator, or not in a way that is understood.
    Unknown,
}

/// What an address is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The beginning of the memory.
    Zero,
    /// The value of a Wasm local.
    Local(u32),
    /// The value of a Wasm global.
    Global(u32),
    /// The value on the operand stack, by height from its bottom.
    Operand(u32),
}

/// Longer expressions compute what we do not.
const OPERATIONS_MAX: usize = 4;
/// An entry may refer to another, that to another, and so on.
const REFERENCES_MAX: usize = 16;
/// More variables than anyone declares outside of functions.
const STATICS_MAX: usize = 1 << 17;
/// Lists of ranges and locations may be shared: what is looked at for one answer.
const STEPS_MAX: usize = 1 << 22;

impl<'m> Reading<'m> {
    /// The variables in scope at an address, in the function whose entry is given; inner scopes
    /// first.
    pub(super) fn variables(&self, function: usize, address: u64) -> Vec<Variable> {
        let found = self.unit_at(DebugInfoOffset(function));
        let Some((unit, offset)) = found else {
            return Vec::new();
        };
        let Ok(mut entries) = unit.entries_at_offset(offset) else {
            return Vec::new();
        };
        let Ok(Some(function)) = entries.next_dfs() else {
            return Vec::new();
        };
        let function = function.clone();
        let frame = self.frame_base(unit, &function);
        let mut variables: Vec<Variable> = Vec::new();
        let mut skipped: Option<isize> = None;
        let mut steps_left = STEPS_MAX;
        while let Ok(Some(entry)) = entries.next_dfs() {
            if entry.depth() <= function.depth() {
                break;
            }
            if skipped.is_some_and(|depth| entry.depth() > depth) {
                continue;
            }
            skipped = None;
            match entry.tag() {
                gimli::DW_TAG_lexical_block | gimli::DW_TAG_inlined_subroutine => {
                    if !self.holds(unit, entry, address, &mut steps_left) {
                        skipped = Some(entry.depth());
                    }
                }
                gimli::DW_TAG_variable | gimli::DW_TAG_formal_parameter => {
                    let depth = entry.depth() - function.depth();
                    let place = self.place(unit, entry, frame, address, &mut steps_left);
                    variables.extend(self.variable(unit, entry, place, depth as u32));
                }
                // Functions and types inside have variables of their own.
                _ => skipped = Some(entry.depth()),
            }
        }
        variables.sort_by_key(|variable| std::cmp::Reverse(variable.depth));
        variables
    }

    /// The variables outside of all functions, in the order of their entries; those in a namespace by their path.
    pub(super) fn statics(&self) -> Vec<Variable> {
        let mut variables = Vec::new();
        let mut steps_left = STEPS_MAX;
        for unit in self.units() {
            // Depth and name of the namespaces around the next entry.
            let mut around: Vec<(isize, String)> = Vec::new();
            let mut skipped: Option<isize> = None;
            let mut entries = unit.entries();
            while let Ok(Some(entry)) = entries.next_dfs() {
                let depth = entry.depth();
                if skipped.is_some_and(|skipped| depth > skipped) {
                    continue;
                }
                skipped = None;
                around.retain(|(at, _)| *at < depth);
                match entry.tag() {
                    gimli::DW_TAG_compile_unit => {}
                    gimli::DW_TAG_namespace => {
                        let name = self.attr_text(unit, entry, gimli::DW_AT_name);
                        around.push((depth, name.unwrap_or_default()));
                    }
                    gimli::DW_TAG_variable => {
                        let place = self.place(unit, entry, None, 0, &mut steps_left);
                        // Without a place it is only declared here.
                        if place != Place::Unknown
                            && let Some(mut variable) = self.variable(unit, entry, place, 0)
                        {
                            let names = around.iter().map(|(_, name)| name.as_str());
                            let path: Vec<&str> = names.chain([&*variable.name]).collect();
                            variable.name = path.join("::").into();
                            variables.push(variable);
                        }
                        skipped = Some(depth);
                    }
                    // Functions and types inside have variables of their own.
                    _ => skipped = Some(depth),
                }
                if variables.len() >= STATICS_MAX {
                    return variables;
                }
            }
        }
        variables
    }

    fn variable(
        &self,
        unit: &Unit<'m>,
        entry: &Entry<'m>,
        place: Place,
        depth: u32,
    ) -> Option<Variable> {
        let (mut name, mut ty, mut declared) = (None, None, None);
        let mut unit_of = unit;
        let mut at = entry.clone();
        for _ in 0..REFERENCES_MAX {
            name = name.or_else(|| self.attr_text(unit_of, &at, gimli::DW_AT_name));
            ty = ty.or_else(|| self.type_of(unit_of, &at));
            declared = declared.or_else(|| self.declared(unit_of, &at));
            let origin = at.attr_value(gimli::DW_AT_abstract_origin);
            // What is declared in a class and defined outside.
            let origin = origin.or_else(|| at.attr_value(gimli::DW_AT_specification));
            let Some(origin) = origin else {
                break;
            };
            let offset = match origin {
                AttributeValue::UnitRef(offset) => {
                    DebugInfoOffset(offset.to_unit_section_offset(&unit_of.header).0)
                }
                AttributeValue::DebugInfoRef(offset) => offset,
                _ => break,
            };
            let Some((unit, offset)) = self.unit_at(offset) else {
                break;
            };
            let Ok(next) = unit.entry(offset) else {
                break;
            };
            (unit_of, at) = (unit, next);
        }
        Some(Variable {
            name: name?.into(),
            is_parameter: entry.tag() == gimli::DW_TAG_formal_parameter,
            declared,
            ty,
            place,
            depth,
        })
    }

    fn declared(&self, unit: &Unit<'m>, entry: &Entry<'m>) -> Option<SourceLine> {
        let file = file_index(&entry.attr_value(gimli::DW_AT_decl_file)?)?;
        let line = entry.attr_value(gimli::DW_AT_decl_line)?.udata_value()?;
        Some(SourceLine {
            file: self.path(unit, file)?.into(),
            line: u32::try_from(line).ok()?,
        })
    }

    fn place(
        &self,
        unit: &Unit<'m>,
        entry: &Entry<'m>,
        frame: Option<Base>,
        address: u64,
        steps_left: &mut usize,
    ) -> Place {
        if let Some(value) = entry.attr_value(gimli::DW_AT_const_value) {
            return value.sdata_value().map_or(Place::Unknown, Place::Constant);
        }
        let Some(location) = entry.attr_value(gimli::DW_AT_location) else {
            return Place::Unknown;
        };
        if let AttributeValue::Exprloc(expression) = location {
            return place(unit, expression, frame);
        }
        let list = self.dwarf.attr_locations(unit, location);
        let Ok(Some(mut list)) = list else {
            return Place::Unknown;
        };
        while let Ok(Some(at)) = list.next() {
            let Some(left) = steps_left.checked_sub(1) else {
                break;
            };
            *steps_left = left;
            if (at.range.begin..at.range.end).contains(&address) {
                return place(unit, at.data, frame);
            }
        }
        Place::Unknown
    }

    fn frame_base(&self, unit: &Unit<'m>, function: &Entry<'m>) -> Option<Base> {
        match function.attr_value(gimli::DW_AT_frame_base)? {
            AttributeValue::Exprloc(expression) => match operations(unit, expression)?[..] {
                [Operation::WasmLocal { index }, ..] => Some(Base::Local(index)),
                [Operation::WasmGlobal { index }, ..] => Some(Base::Global(index)),
                [Operation::WasmStack { index }, ..] => Some(Base::Operand(index)),
                _ => None,
            },
            _ => None,
        }
    }
}

fn place(unit: &Unit<'_>, expression: Expression<Slice<'_>>, frame: Option<Base>) -> Place {
    let Some(operations) = operations(unit, expression) else {
        return Place::Unknown;
    };
    let memory = |base, offset| Place::Memory { base, offset };
    match operations[..] {
        [Operation::FrameOffset { offset }] => {
            frame.map_or(Place::Unknown, |base| memory(base, offset))
        }
        [Operation::Address { address }] => memory(Base::Zero, address.cast_signed()),
        [Operation::WasmLocal { index }, Operation::StackValue] => Place::Local(index),
        [Operation::WasmGlobal { index }, Operation::StackValue] => Place::Global(index),
        [Operation::WasmStack { index }, Operation::StackValue] => Place::Operand(index),
        // Without being a value, it is the address of one.
        [Operation::WasmLocal { index }] => memory(Base::Local(index), 0),
        [Operation::WasmGlobal { index }] => memory(Base::Global(index), 0),
        [
            Operation::WasmLocal { index },
            Operation::PlusConstant { value },
        ] => memory(Base::Local(index), value.cast_signed()),
        [Operation::SignedConstant { value }, Operation::StackValue] => Place::Constant(value),
        [Operation::UnsignedConstant { value }, Operation::StackValue] => {
            Place::Constant(value.cast_signed())
        }
        _ => Place::Unknown,
    }
}

fn operations<'m>(
    unit: &Unit<'m>,
    expression: Expression<Slice<'m>>,
) -> Option<Vec<Operation<Slice<'m>>>> {
    let mut list = expression.operations(unit.encoding());
    let mut operations = Vec::new();
    while let Some(operation) = list.next().ok()? {
        if operations.len() == OPERATIONS_MAX {
            return None;
        }
        operations.push(operation);
    }
    Some(operations)
}
