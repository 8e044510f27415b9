//! The members of a JSON object as they stand there: in their order, numbers as their tokens, and each of those whose name comes
//! again. Says nothing of what they mean.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

use super::write::{Writer, string};

/// The members of an object.
pub struct Members<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(object: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = object.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        object.deserialize_map(InOrder).map(Members)
    }
}

impl<'a> Members<'a> {
    /// The first one of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, raw)| *raw)
    }

    /// The first one of this name, where it is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// An object of `own` members, texts, and of these but for the names in `without`.
    #[must_use]
    pub fn with(&self, own: &[(&str, &str)], without: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut object = Writer::object(&mut out);
        for (name, text) in own {
            string(text, object.named(name));
        }
        for (name, raw) in self.0.iter().filter(|(name, _)| !without.contains(&name.as_str())) {
            object.named(name).extend_from_slice(raw.get().as_bytes());
        }
        object.end();
        out
    }
}
