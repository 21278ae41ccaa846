//! A JSON document with its keys in their order, which is that of the analyses and columns.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(u64),
    Negative(i64),
    Real(f64),
    Text(String),
    List(Vec<Json>),
    Map(Vec<(Arc<str>, Json)>),
}

impl Json {
    /// The value of a key; `None` if there is no such key, or no map.
    pub fn get(&self, key: &str) -> Option<&Json> {
        let (_, value) = self.entries().iter().find(|(name, _)| &**name == key)?;
        Some(value)
    }

    /// Those of a map; none otherwise.
    pub fn entries(&self) -> &[(Arc<str>, Json)] {
        match self {
            Json::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Those of a list; none otherwise.
    pub fn items(&self) -> &[Json] {
        match self {
            Json::List(items) => items,
            _ => &[],
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<u64> {
        match self {
            Json::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// What rows are sorted by.
    pub fn real(&self) -> Option<f64> {
        match self {
            Json::Number(number) => Some(*number as f64),
            Json::Negative(number) => Some(*number as f64),
            Json::Real(number) => Some(*number),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        Reader(&RefCell::default()).deserialize(deserializer)
    }
}

/// Rows of a table have the same keys, so each is kept once.
#[derive(Clone, Copy)]
struct Reader<'k>(&'k RefCell<HashSet<Arc<str>>>);

impl Reader<'_> {
    fn key(self, key: &str) -> Arc<str> {
        let mut keys = self.0.borrow_mut();
        if let Some(known) = keys.get(key) {
            return known.clone();
        }
        let key: Arc<str> = key.into();
        keys.insert(key.clone());
        key
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Negative(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Real(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Cow<'de, str>>()? {
            map.push((self.key(&key), entries.next_value_seed(self)?));
        }
        Ok(Json::Map(map))
    }
}
