//! A JSON value whose members keep their order, so that a document reads from the general to the special and comes out the
//! same in every run. Numbers are kept as they are written: 12.50 stays 12.50. Never reads what came from outside.

use crate::codec::json::Members;
use serde_json::value::RawValue;
use std::fmt;

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

    /// A copy of the part that a JSON Pointer names; `null` where there is none.
    pub(super) fn copy_of(&self, pointer: &str) -> Node {
        self.at(pointer).cloned().unwrap_or(Node::Null)
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

    /// The elements of a member that is a list.
    pub(super) fn items_of(&self, name: &str) -> &[Node] {
        self.get(name).map_or(&[], Node::items)
    }

    /// The members of a member that is an object.
    pub(super) fn members_of(&self, name: &str) -> &[(String, Node)] {
        self.get(name).map_or(&[], Node::members)
    }

    /// The text of a member; empty where it has none.
    pub(super) fn text_of(&self, name: &str) -> &str {
        self.get(name).and_then(Node::text).unwrap_or_default()
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
                let Members(members) = serde_json::from_str(text)?;
                let read = |(name, raw): (String, &RawValue)| Ok((name, Self::parse(raw.get())?));
                Self::Object(members.into_iter().map(read).collect::<Result<_, serde_json::Error>>()?)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                let read = |raw: &RawValue| Self::parse(raw.get());
                Self::List(items.into_iter().map(read).collect::<Result<_, serde_json::Error>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            Some(b't' | b'f') => Self::Bool(serde_json::from_str(text)?),
            Some(b'n') => {
                serde_json::from_str::<()>(text)?;
                Self::Null
            }
            _ => Self::Number(serde_json::from_str::<&RawValue>(text)?.get().to_owned()),
        })
    }

    /// On one line.
    fn line(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(token) => token.clone(),
            Self::Text(text) => quoted(text),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::line).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(members) => {
                let member = |(name, value): &(String, Node)| format!("{}: {}", quoted(name), value.line());
                let members: Vec<String> = members.iter().map(member).collect();
                format!("{{{}}}", members.join(", "))
            }
        }
    }

    /// For people: what is short stays on its line, the rest is indented. `used` is how much of the line is taken.
    fn lines(&self, depth: usize, used: usize) -> String {
        let line = self.line();
        let (open, close) = match self {
            Self::List(_) => ('[', ']'),
            Self::Object(_) => ('{', '}'),
            _ => return line,
        };
        if used + line.chars().count() < LINE_MAX {
            return line;
        }
        let indent = 2 * (depth + 1);
        let items = self.items().iter().map(|item| item.lines(depth + 1, indent));
        let members = self.members().iter().map(|(name, member)| {
            let name = quoted(name);
            format!("{name}: {}", member.lines(depth + 1, indent + name.chars().count() + 2))
        });
        let parts: Vec<String> = items.chain(members).map(|part| format!("{:indent$}{part}", "")).collect();
        format!("{open}\n{}\n{:2$}{close}", parts.join(",\n"), "", indent - 2)
    }
}

fn quoted(text: &str) -> String {
    // A text is always JSON.
    serde_json::to_string(text).unwrap_or_default()
}

/// For people, with a line end behind it.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.lines(0, 0))
    }
}

/// An object of these members.
impl<N: Into<String>, V: Into<Node>> FromIterator<(N, V)> for Node {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(members: I) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
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

macro_rules! from_integers {
    ($($integer:ty),*) => {
        $(impl From<$integer> for Node {
            fn from(value: $integer) -> Self {
                Self::Number(value.to_string())
            }
        })*
    };
}
from_integers!(u8, u16, i32, i64, usize);

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
        let text = r#"{"b": 12.50, "a": [null, true, "x\"y", 1e3], "c": {}}"#;
        assert_eq!(Node::parse(text).expect("JSON").line(), text);
        let built = node!({ "b": (Node::Number("12.50".to_owned())), "a": [null, true, "x\"y"], "c": {} });
        assert_eq!(built.line(), r#"{"b": 12.50, "a": [null, true, "x\"y"], "c": {}}"#);
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
        assert_eq!(node.line(), r#"{"more": true}"#);
    }
}
