//! A configured value as it was written, with its origin. Numbers with a fraction stay text: they never pass through
//! binary floating point.

use super::fault::Origin;

/// A value of one key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Integer(i64),
    /// A number with a fraction or an exponent, as it was written, without `_` and leading `+`.
    Decimal(String),
    Flag(bool),
    List(Vec<Value>),
    /// A table: its keys follow as values of their own.
    Section,
    /// Something TOML has and no setting takes, by its name.
    Foreign(&'static str),
}

impl Value {
    /// What kind of value this is, for messages.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Text(_) => Shape::Text,
            Self::Integer(_) => Shape::Integer,
            Self::Decimal(_) => Shape::Decimal,
            Self::Flag(_) => Shape::Flag,
            Self::List(_) => Shape::List,
            Self::Section => Shape::Section,
            Self::Foreign(name) => Shape::Foreign(name),
        }
    }

    /// The value as TOML writes it.
    pub fn to_toml(&self) -> String {
        match self {
            // TOML would spread it over lines, and a value is one line wherever it is shown or kept.
            Self::Text(text) if text.contains(['\n', '\r']) => {
                serde_json::Value::from(text.as_str()).to_string().replace('\u{7f}', "\\u007f")
            }
            Self::Text(text) => toml_edit::Value::from(text.as_str()).to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Decimal(raw) => raw.clone(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(Self::to_toml).collect();
                format!("[{}]", values.join(", "))
            }
            Self::Section => "{}".to_owned(),
            Self::Foreign(name) => format!("({name})"),
        }
    }
}

/// The kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Text,
    Integer,
    Decimal,
    Flag,
    List,
    Section,
    /// Any of text, number and flag.
    Scalar,
    /// A number, or a word in its place.
    Tolerance,
    Foreign(&'static str),
}

impl Shape {
    /// Whether a value of shape `given` may stand where this shape is wanted.
    pub fn takes(self, given: Self) -> bool {
        match self {
            Self::Decimal => matches!(given, Self::Decimal | Self::Integer),
            Self::Scalar => {
                matches!(given, Self::Text | Self::Integer | Self::Decimal | Self::Flag)
            }
            Self::Tolerance => matches!(given, Self::Text | Self::Integer | Self::Decimal),
            Self::Foreign(_) => false,
            Self::Text | Self::Integer | Self::Flag | Self::List | Self::Section => self == given,
        }
    }

    /// The shape in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::Decimal => "a number",
            Self::Flag => "true or false",
            Self::List => "a list",
            Self::Section => "a section",
            Self::Scalar => "a text, a number, true or false",
            Self::Tolerance => "an amount or \"rounding\"",
            Self::Foreign(name) => name,
        }
    }

    /// How a value of this shape is written.
    pub fn example(self) -> &'static str {
        match self {
            Self::Text => "write it in quotes: \"...\"",
            Self::Integer => "write a whole number without quotes, such as 4",
            Self::Decimal => "write a number without quotes, such as 0.02",
            Self::Flag => "write true or false without quotes",
            Self::List => "write a list, such as [\"a\", \"b\"]",
            Self::Section => "set one of its keys",
            Self::Tolerance => "write \"rounding\", or an amount without quotes, such as 0.02",
            Self::Scalar | Self::Foreign(_) => "write a text in quotes, a number, true or false",
        }
    }
}

/// One key of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerEntry {
    /// Dotted, whether the file wrote it dotted, quoted or below section headers.
    pub key: String,
    pub value: Value,
    /// Where it was written.
    pub origin: Origin,
}
