//! Types of the source, as DWARF describes them.

use std::sync::Arc;

use gimli::{AttributeValue, DwAte, DwTag};

use super::dwarf::{Entry, Reading};

/// A type of the source, by the offset of its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeId(pub(super) usize);

/// A type of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// As the source has it, or made up from the types that it consists of.
    pub name: Arc<str>,
    /// Size of a value in bytes, if that is known.
    pub bytes: Option<u64>,
    /// What its values are.
    pub kind: TypeKind,
}

/// What the values of a type are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeKind {
    /// An integer.
    Integer {
        /// Whether it has a sign.
        signed: bool,
    },
    /// A floating-point number.
    Float,
    /// True or false.
    Boolean,
    /// A character.
    Character,
    /// An address; of nothing in particular if there is no type.
    Pointer(Option<TypeId>),
    /// Members one behind the other, or, in a union, at the same place.
    Structure(Vec<Member>),
    /// Values of a type, one behind the other.
    Array {
        /// Their type.
        of: Option<TypeId>,
        /// How many, by dimension; `None` if that is not said.
        counts: Vec<Option<u64>>,
    },
    /// An integer of which some values have names.
    Enumeration(Vec<(Arc<str>, i64)>),
    /// Another name of a type, or the same with a qualifier; of no type, nothing (`void`).
    Alias(Option<TypeId>),
    /// Anything else: functions, types that are only declared, and what is not understood.
    Other,
}

/// A member of a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name; empty for a base class, or one that has none.
    pub name: Arc<str>,
    /// Where in the structure it begins, in bytes.
    pub offset: u64,
    /// Its type.
    pub ty: Option<TypeId>,
}

/// Names of pointers to pointers to pointers end somewhere.
const NAME_DEPTH_MAX: u32 = 16;
/// More members, or named values, are cut off.
const MEMBERS_MAX: usize = 1 << 16;

impl<'m> Reading<'m> {
    /// The type of an entry.
    pub(super) fn ty(&self, id: TypeId) -> Option<Type> {
        let (unit, offset) = self.unit_at(gimli::DebugInfoOffset(id.0))?;
        let mut entries = unit.entries_at_offset(offset).ok()?;
        let entry = entries.next_dfs().ok()??.clone();
        let mut members = Vec::new();
        let mut values = Vec::new();
        let mut counts = Vec::new();
        while let Ok(Some(child)) = entries.next_dfs() {
            if child.depth() <= entry.depth() || members.len() + values.len() >= MEMBERS_MAX {
                break;
            }
            if child.depth() > entry.depth() + 1 {
                continue;
            }
            let number = |name| child.attr_value(name).and_then(|value| value.udata_value());
            let name = || {
                self.attr_text(unit, child, gimli::DW_AT_name)
                    .unwrap_or_default()
            };
            match child.tag() {
                gimli::DW_TAG_member | gimli::DW_TAG_inheritance => members.push(Member {
                    name: name().into(),
                    offset: number(gimli::DW_AT_data_member_location).unwrap_or(0),
                    ty: self.type_of(unit, child),
                }),
                gimli::DW_TAG_enumerator => {
                    let value = child.attr_value(gimli::DW_AT_const_value);
                    let value = value.and_then(|value| value.sdata_value()).unwrap_or(0);
                    values.push((name().into(), value));
                }
                gimli::DW_TAG_subrange_type => {
                    let bound = number(gimli::DW_AT_upper_bound).and_then(|b| b.checked_add(1));
                    counts.push(number(gimli::DW_AT_count).or(bound));
                }
                _ => {}
            }
        }
        let of = self.type_of(unit, &entry);
        let declared = entry.attr_value(gimli::DW_AT_declaration);
        let kind = match entry.tag() {
            gimli::DW_TAG_base_type => match entry.attr_value(gimli::DW_AT_encoding) {
                Some(AttributeValue::Encoding(encoding)) => base(encoding),
                _ => TypeKind::Other,
            },
            tag if is_pointer(tag) => TypeKind::Pointer(of),
            _ if declared == Some(AttributeValue::Flag(true)) => TypeKind::Other,
            gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_union_type => {
                TypeKind::Structure(members)
            }
            gimli::DW_TAG_array_type => TypeKind::Array { of, counts },
            gimli::DW_TAG_enumeration_type => TypeKind::Enumeration(values),
            tag if qualifier(tag).is_some() => TypeKind::Alias(of),
            _ => TypeKind::Other,
        };
        let bytes = entry.attr_value(gimli::DW_AT_byte_size);
        Some(Type {
            name: self.type_name(Some(id), NAME_DEPTH_MAX).into(),
            bytes: bytes
                .and_then(|value| value.udata_value())
                .or_else(|| self.bytes(&kind)),
            kind,
        })
    }

    /// The size of what says none itself.
    fn bytes(&self, kind: &TypeKind) -> Option<u64> {
        match kind {
            // Memories of 64 bits say so.
            TypeKind::Pointer(_) => Some(4),
            TypeKind::Alias(Some(of)) => self.bytes_of(*of, NAME_DEPTH_MAX),
            TypeKind::Array { of, counts } => {
                let one = self.bytes_of((*of)?, NAME_DEPTH_MAX)?;
                counts
                    .iter()
                    .try_fold(one, |sum, count| sum.checked_mul((*count)?))
            }
            _ => None,
        }
    }

    fn bytes_of(&self, id: TypeId, depth: u32) -> Option<u64> {
        let depth = depth.checked_sub(1)?;
        let (unit, offset) = self.unit_at(gimli::DebugInfoOffset(id.0))?;
        let entry = unit.entry(offset).ok()?;
        let own = entry.attr_value(gimli::DW_AT_byte_size);
        own.and_then(|value| value.udata_value())
            .or_else(|| match entry.tag() {
                tag if is_pointer(tag) => Some(4),
                tag if qualifier(tag).is_some() => {
                    self.bytes_of(self.type_of(unit, &entry)?, depth)
                }
                _ => None,
            })
    }

    fn type_name(&self, id: Option<TypeId>, depth: u32) -> String {
        let Some((id, depth)) = id.zip(depth.checked_sub(1)) else {
            return "void".to_owned();
        };
        let Some((unit, offset)) = self.unit_at(gimli::DebugInfoOffset(id.0)) else {
            return "?".to_owned();
        };
        let Ok(entry) = unit.entry(offset) else {
            return "?".to_owned();
        };
        if let Some(name) = self.attr_text(unit, &entry, gimli::DW_AT_name) {
            return name;
        }
        let of = || self.type_name(self.type_of(unit, &entry), depth);
        match entry.tag() {
            gimli::DW_TAG_reference_type => format!("{}&", of()),
            gimli::DW_TAG_rvalue_reference_type => format!("{}&&", of()),
            gimli::DW_TAG_pointer_type => format!("{}*", of()),
            gimli::DW_TAG_array_type => format!("{}[]", of()),
            gimli::DW_TAG_subroutine_type => format!("{}()", of()),
            tag => match qualifier(tag) {
                Some(qualifier) => format!("{qualifier} {}", of()),
                None => "?".to_owned(),
            },
        }
    }

    /// What an entry says that its type is.
    pub(super) fn type_of(
        &self,
        unit: &super::dwarf::Unit<'m>,
        entry: &Entry<'m>,
    ) -> Option<TypeId> {
        match entry.attr_value(gimli::DW_AT_type)? {
            AttributeValue::UnitRef(offset) => {
                Some(TypeId(offset.to_unit_section_offset(&unit.header).0))
            }
            AttributeValue::DebugInfoRef(offset) => Some(TypeId(offset.0)),
            _ => None,
        }
    }
}

fn base(encoding: DwAte) -> TypeKind {
    match encoding {
        gimli::DW_ATE_boolean => TypeKind::Boolean,
        gimli::DW_ATE_float => TypeKind::Float,
        gimli::DW_ATE_signed => TypeKind::Integer { signed: true },
        gimli::DW_ATE_unsigned => TypeKind::Integer { signed: false },
        gimli::DW_ATE_signed_char | gimli::DW_ATE_unsigned_char | gimli::DW_ATE_UTF => {
            TypeKind::Character
        }
        _ => TypeKind::Other,
    }
}

fn is_pointer(tag: DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_pointer_type
            | gimli::DW_TAG_reference_type
            | gimli::DW_TAG_rvalue_reference_type
    )
}

/// What stands before the type that an entry is another form of.
fn qualifier(tag: DwTag) -> Option<&'static str> {
    Some(match tag {
        gimli::DW_TAG_typedef => "typedef",
        gimli::DW_TAG_const_type => "const",
        gimli::DW_TAG_volatile_type => "volatile",
        gimli::DW_TAG_restrict_type => "restrict",
        gimli::DW_TAG_atomic_type => "_Atomic",
        _ => return None,
    })
}
