//! Types as the text format has them, with the module's own indices: two types
//! that are the same to the engine show as the first of them.

use std::collections::HashMap;

use probity_engine::{
    CompositeType, FieldType, FuncType, HeapType, Module, RefType, StorageType, TypeId, ValType,
};

/// The types of a module.
pub struct Types<'m> {
    module: &'m Module,
    indices: HashMap<TypeId, u32>,
}

impl<'m> Types<'m> {
    /// Those of its type section.
    pub fn new(module: &'m Module) -> Types<'m> {
        let mut indices = HashMap::new();
        for index in 0..module.num_types() {
            if let Some(id) = module.type_id(index) {
                indices.entry(id).or_insert(index);
            }
        }
        Types { module, indices }
    }

    /// A value's type, such as `i32` or `(ref null 3)`.
    pub fn value(&self, ty: ValType) -> String {
        match ty {
            ValType::Ref(RefType {
                nullable,
                heap: HeapType::Concrete(id),
            }) => match self.indices.get(&id) {
                Some(index) if nullable => format!("(ref null {index})"),
                Some(index) => format!("(ref {index})"),
                None => ty.to_string(),
            },
            other => other.to_string(),
        }
    }

    /// `(param i32 i64) (result f32)`; empty for a function without either.
    pub fn signature(&self, ty: &FuncType) -> String {
        let part = |word: &str, types: &[ValType]| -> Option<String> {
            let types: Vec<String> = types.iter().map(|&ty| self.value(ty)).collect();
            (!types.is_empty()).then(|| format!("({word} {})", types.join(" ")))
        };
        let parts = [part("param", ty.params()), part("result", ty.results())];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// A type of the type section, such as `(struct (field i32) (field (mut i8)))`.
    pub fn defined(&self, index: u32) -> Option<String> {
        Some(match self.module.composite_type(index)? {
            CompositeType::Func(ty) => match self.signature(ty) {
                signature if signature.is_empty() => "(func)".to_owned(),
                signature => format!("(func {signature})"),
            },
            CompositeType::Struct(ty) => {
                let fields = ty.fields().iter();
                let fields = fields.map(|&field| format!(" (field {})", self.field(field)));
                format!("(struct{})", fields.collect::<String>())
            }
            CompositeType::Array(ty) => format!("(array {})", self.field(ty.element)),
        })
    }

    /// Every structure and array type, with its index.
    pub fn objects(&self) -> impl Iterator<Item = (u32, String)> {
        let is_object = |index: &u32| {
            let ty = self.module.composite_type(*index);
            matches!(ty, Some(CompositeType::Struct(_) | CompositeType::Array(_)))
        };
        let indices = (0..self.module.num_types()).filter(is_object);
        indices.filter_map(|index| Some((index, self.defined(index)?)))
    }

    /// What an exception of a tag carries, such as `(param i32)`.
    pub fn tag(&self, index: u32) -> Option<String> {
        Some(self.signature(self.module.tag_type(index)?))
    }

    fn field(&self, field: FieldType) -> String {
        let storage = match field.storage {
            StorageType::Val(ty) => self.value(ty),
            packed => packed.to_string(),
        };
        match field.mutable {
            true => format!("(mut {storage})"),
            false => storage,
        }
    }
}
