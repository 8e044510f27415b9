//! The members of a body as they were sent: numbers as their tokens, and each of those whose name comes twice, which the decoder
//! answers. Says nothing of what they mean.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The members of a JSON object in their order.
pub(super) struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(object: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = object.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        object.deserialize_map(InOrder)
    }
}

impl<'a> Members<'a> {
    /// Those of a text.
    ///
    /// # Errors
    /// It is no JSON object.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// The first one of this name.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, raw)| *raw)
    }

    /// The first one of this name, where it is a text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// An object of `own` members, texts, and of these but for the names in `without`.
    pub(super) fn with(&self, own: &[(&str, &str)], without: &[&str]) -> Vec<u8> {
        let mut out = b"{".to_vec();
        let mut add = |name: &str, value: &str| {
            if out.len() > 1 {
                out.push(b',');
            }
            out.extend_from_slice(serde_json::Value::from(name).to_string().as_bytes());
            out.push(b':');
            out.extend_from_slice(value.as_bytes());
        };
        for (name, text) in own {
            add(name, &serde_json::Value::from(*text).to_string());
        }
        for (name, raw) in self.0.iter().filter(|(name, _)| !without.contains(&name.as_str())) {
            add(name, raw.get());
        }
        out.push(b'}');
        out
    }
}
