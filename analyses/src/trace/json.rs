//! The form for programs: one JSON object an event.

use serde_json::{Map, Value as Json, json};

use super::model::{Catalogue, Event, EventKind, Value};

impl Event<'_> {
    /// The event as an object. What does not apply is left out.
    pub fn to_json(&self, all: &Catalogue) -> Json {
        let place = self.place;
        let mut object = Map::new();
        let mut put = |key: &str, value: Json| drop(object.insert(key.to_owned(), value));
        put("event", place.kind.name().into());
        put("depth", self.depth.into());
        let name = |function: u32| {
            let function = &all.functions[function as usize];
            let module = function
                .module
                .map(|module| all.modules[module as usize].name.clone());
            json!({
                "module": module.as_deref(),
                "index": function.module.map(|_| function.index),
                "name": &*function.name,
            })
        };
        put("function", name(place.function));
        if let Some(callee) = place.callee.filter(|&callee| callee != place.function) {
            put("callee", name(callee));
        }
        if place.kind != EventKind::Call {
            put("pc", place.pc.into());
        }
        let what = match place.kind {
            EventKind::Trap | EventKind::HostFail => "message",
            _ => "opcode",
        };
        if !place.text.is_empty() {
            put(what, (&*place.text).into());
        }
        let index = match place.kind {
            EventKind::GlobalGet | EventKind::GlobalSet => Some("global"),
            EventKind::Throw if !place.text.starts_with("throw_ref") => Some("tag"),
            EventKind::Grow if place.text.starts_with("table") => Some("table"),
            EventKind::Grow | EventKind::Bulk => Some("memory"),
            _ if place.width > 0 => Some("memory"),
            _ => None,
        };
        if let Some(index) = index {
            put(index, place.index.into());
        }
        let (mut before, after) = self.values.split_at(place.before.min(self.values.len()));
        if place.width > 0 {
            let address = before.first().and_then(|address| address.unsigned());
            put(
                "address",
                address.map(|a| a.saturating_add(place.offset)).into(),
            );
            put("width", place.width.into());
            before = before.get(1..).unwrap_or(&[]);
        }
        if place.kind == EventKind::Catch {
            put("target", place.offset.into());
        }
        let values = |values: &[Value]| -> Json {
            values.iter().map(|value| value_json(*value, all)).collect()
        };
        let (before_key, after_key) = match place.kind {
            EventKind::Return | EventKind::HostReturn => ("results", "results"),
            _ => ("operands", "results"),
        };
        if !before.is_empty() {
            put(before_key, values(before));
        }
        if !after.is_empty() {
            put(after_key, values(after));
        }
        if !self.completed {
            put("completed", false.into());
        }
        Json::Object(object)
    }
}

/// Integers as they are; what JSON has no numbers for as text.
fn value_json(value: Value, all: &Catalogue) -> Json {
    let shown = match value {
        Value::I32(value) => value.into(),
        Value::I64(value) => value.into(),
        Value::F32(bits) if f32::from_bits(bits).is_finite() => f32::from_bits(bits).into(),
        Value::F64(bits) if f64::from_bits(bits).is_finite() => f64::from_bits(bits).into(),
        Value::Func(Some(function)) => (&*all.functions[function as usize].name).into(),
        Value::Func(None) | Value::Ref(_, false) => Json::Null,
        value => value.to_string().into(),
    };
    json!({ "type": value.ty().name(), "value": shown })
}
