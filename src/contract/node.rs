//! A JSON value whose members keep their order, so that a document reads from the general to the special and comes out the
//! same in every run. Numbers are kept as they are written: 12.50 stays 12.50. Never reads what came from outside.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt::{self, Write as _};

/// Characters of a line, up to which an object or a list stays on one.
const LINE_MAX: usize = 110;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, by its token.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Node>),
    /// An object.
    Object(Vec<(String, Node)>),
}

/// Builds a [`Node`] out of JSON; an expression stands in parentheses.
macro_rules! node {
    ({ $($key:literal : $value:tt),* $(,)? }) => {
        $crate::contract::node::Node::Object(vec![$(($key.to_owned(), $crate::contract::node::node!($value))),*])
    };
    ([ $($value:tt),* $(,)? ]) => {
        $crate::contract::node::Node::List(vec![$($crate::contract::node::node!($value)),*])
    };
    (null) => { $crate::contract::node::Node::Null };
    (($value:expr)) => { $crate::contract::node::Node::from($value) };
    ($value:expr) => { $crate::contract::node::Node::from($value) };
}
pub(super) use node;

impl Node {
    /// An object without members.
    #[must_use]
    pub fn object() -> Self {
        Self::Object(Vec::new())
    }

    /// A reference to another part of the same document.
    #[must_use]
    pub fn reference(pointer: &str) -> Self {
        Self::object().with("$ref", pointer)
    }

    /// With this member, in the place of one of that name or behind the others. Anything but an object stays as it is.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Node>) -> Self {
        if let Self::Object(members) = &mut self {
            match members.iter_mut().find(|(known, _)| known == name) {
                Some((_, member)) => *member = value.into(),
                None => members.push((name.to_owned(), value.into())),
            }
        }
        self
    }

    /// With this member where there is one.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Into<Node>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Without the members of these names.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        if let Self::Object(members) = &mut self {
            members.retain(|(name, _)| !names.contains(&name.as_str()));
        }
        self
    }

    /// A member of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.members().iter().find(|(known, _)| known == name).map(|(_, member)| member)
    }

    /// The part that a JSON Pointer names, without its leading `#`.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Node> {
        pointer.split('/').skip(1).try_fold(self, |node, step| {
            let name = step.replace("~1", "/").replace("~0", "~");
            match node {
                Self::List(items) => items.get(name.parse::<usize>().ok()?),
                _ => node.get(&name),
            }
        })
    }

    /// The members of an object; none of anything else.
    #[must_use]
    pub fn members(&self) -> &[(String, Node)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// The elements of a list; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a string or a number.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            _ => None,
        }
    }

    /// Reads a text of our own.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let text = text.trim();
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let members = serde_json::Deserializer::from_str(text).deserialize_map(Members)?;
                let read = |(name, raw): (String, Box<RawValue>)| Ok((name, Self::parse(raw.get())?));
                Self::Object(members.into_iter().map(read).collect::<Result<_, serde_json::Error>>()?)
            }
            Some(b'[') => {
                let items: Vec<Box<RawValue>> = serde_json::from_str(text)?;
                let read = |raw: Box<RawValue>| Self::parse(raw.get());
                Self::List(items.into_iter().map(read).collect::<Result<_, serde_json::Error>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            Some(b't' | b'f') => Self::Bool(serde_json::from_str(text)?),
            Some(b'n') => {
                serde_json::from_str::<()>(text)?;
                Self::Null
            }
            _ => Self::Number(serde_json::from_str::<Box<RawValue>>(text)?.get().to_owned()),
        })
    }

    /// On one line, without white space where none is needed.
    #[must_use]
    pub fn compact(&self) -> String {
        let mut line = String::new();
        self.write_line(&mut line, "");
        line
    }

    fn write_line(&self, out: &mut String, gap: &str) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(token) => out.push_str(token),
            Self::Text(text) => out.push_str(&quoted(text)),
            Self::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    separate(out, place, gap);
                    item.write_line(out, gap);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (place, (name, member)) in members.iter().enumerate() {
                    separate(out, place, gap);
                    out.push_str(&quoted(name));
                    out.push(':');
                    out.push_str(gap);
                    member.write_line(out, gap);
                }
                out.push('}');
            }
        }
    }

    /// For people: what is short stays on its line, the rest is indented. `used` is how much of the line is taken.
    fn write_lines(&self, out: &mut String, depth: usize, used: usize) {
        let mut line = String::new();
        self.write_line(&mut line, " ");
        let is_nested = matches!(self, Self::List(_) | Self::Object(_));
        if !is_nested || used + line.chars().count() < LINE_MAX {
            out.push_str(&line);
            return;
        }
        let indent = 2 * (depth + 1);
        let step = |out: &mut String, place: usize| {
            out.push_str(if place == 0 { "\n" } else { ",\n" });
            out.extend(std::iter::repeat_n(' ', indent));
        };
        let (open, close) = if matches!(self, Self::List(_)) { ('[', ']') } else { ('{', '}') };
        out.push(open);
        for (place, item) in self.items().iter().enumerate() {
            step(out, place);
            item.write_lines(out, depth + 1, indent);
        }
        for (place, (name, member)) in self.members().iter().enumerate() {
            step(out, place);
            let name = quoted(name);
            // Writing into a text does not fail.
            let _ = write!(out, "{name}: ");
            member.write_lines(out, depth + 1, indent + name.chars().count() + 2);
        }
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', indent - 2));
        out.push(close);
    }
}

fn separate(out: &mut String, place: usize, gap: &str) {
    if place > 0 {
        out.push(',');
        out.push_str(gap);
    }
}

fn quoted(text: &str) -> String {
    // A text is always JSON.
    serde_json::to_string(text).unwrap_or_default()
}

/// For people, with a line end behind it.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write_lines(&mut out, 0, 0);
        writeln!(f, "{out}")
    }
}

/// The members of an object in their order.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Box<RawValue>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Node {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Node {
    fn from(value: i64) -> Self {
        Self::Number(value.to_string())
    }
}

impl From<usize> for Node {
    fn from(value: usize) -> Self {
        Self::Number(value.to_string())
    }
}

impl From<i32> for Node {
    fn from(value: i32) -> Self {
        Self::Number(value.to_string())
    }
}

impl<T: Into<Node>> From<Vec<T>> for Node {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_tokens() {
        let text = r#"{"b":12.50,"a":[null,true,"x\"y",1e3],"c":{}}"#;
        assert_eq!(Node::parse(text).expect("JSON").compact(), text);
        let built = node!({ "b": (Node::Number("12.50".to_owned())), "a": [null, true, "x\"y"], "c": {} });
        assert_eq!(built.compact(), r#"{"b":12.50,"a":[null,true,"x\"y"],"c":{}}"#);
        assert!(Node::parse("{").is_err());
    }

    #[test]
    fn breaks_long_lines_and_keeps_short_ones() {
        let long = "x".repeat(60);
        let node = node!({ "a": { "b": 1 }, "list": [(long.as_str()), (long.as_str())] });
        let lines =
            format!("{{\n  \"a\": {{\"b\": 1}},\n  \"list\": [\n    \"{long}\",\n    \"{long}\"\n  ]\n}}\n");
        assert_eq!(node.to_string(), lines);
        assert_eq!(Node::parse(&lines).expect("JSON"), node);
    }

    #[test]
    fn finds_parts_by_pointers() {
        let node = node!({ "paths": { "/a/{b}": { "x~y": [7, 8] } } });
        assert_eq!(node.at("/paths/~1a~1{b}/x~0y/1"), Some(&Node::from(8)));
        assert_eq!(node.at("/paths/none"), None);
        let node = node.with("paths", 1).with("more", true).without(&["paths"]);
        assert_eq!(node.compact(), r#"{"more":true}"#);
    }
}
