//! A pull reader over the text of one JSON value: borrowed strings, number tokens as they stand, faults
//! that say where.
//!
//! Our own because decoding is on the decision path and a generic deserializer gives neither the path
//! of a fault nor a bound on the depth of what it skips. It accepts exactly the texts that RFC 8259
//! describes, a byte order mark before them (held against `serde_json` by a property test), never recurses, never panics.

use crate::codec::encoding::{behind_mark, refuse_foreign};
use crate::codec::fault::{FieldFault, Read};
use std::borrow::Cow;

/// Depth to which a value that nobody asked for may nest.
const SKIPPED_DEPTH_MAX: u32 = 100;

/// What a value is, told from its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonKind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl JsonKind {
    fn named(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        }
    }
}

/// A position in a text. Between calls it stands at the start of a value or behind one.
pub struct JsonReader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> JsonReader<'a> {
    /// A reader at the start of `bytes`, behind a byte order mark; a fault where they are no UTF-8.
    pub(super) fn new(bytes: &'a [u8]) -> Read<Self> {
        refuse_foreign(bytes)?;
        match str::from_utf8(bytes) {
            Ok(text) => Ok(Self { text, at: bytes.len() - behind_mark(bytes).len() }),
            Err(error) => Err(FieldFault::unreadable(format!("no UTF-8 at byte {}", error.valid_up_to()))),
        }
    }

    /// Nothing but white space may follow.
    pub(super) fn end(mut self) -> Read<()> {
        match self.next_byte() {
            None => Ok(()),
            Some(_) => Err(self.broken("more than one value")),
        }
    }

    /// What the next value is.
    #[inline]
    pub(super) fn kind(&mut self) -> Read<JsonKind> {
        match self.next_byte() {
            Some(b'{') => Ok(JsonKind::Object),
            Some(b'[') => Ok(JsonKind::Array),
            Some(b'"') => Ok(JsonKind::String),
            Some(b'-' | b'0'..=b'9') => Ok(JsonKind::Number),
            Some(b't' | b'f') => Ok(JsonKind::Boolean),
            Some(b'n') => Ok(JsonKind::Null),
            Some(_) => Err(self.broken("no JSON value")),
            None => Err(self.broken("the text ends where a value should stand")),
        }
    }

    /// Reads a null if one is next.
    pub(in crate::codec) fn null(&mut self) -> Read<bool> {
        if self.next_byte() != Some(b'n') {
            return Ok(false);
        }
        self.literal("null")?;
        Ok(true)
    }

    /// Reads an object; `member` is called behind each key and must read the value.
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Read<()>) -> Read<()> {
        self.expect(JsonKind::Object)?;
        self.at += 1;
        if self.taken(b'}') {
            return Ok(());
        }
        loop {
            let key = self.key()?;
            member(self, key)?;
            if self.taken(b'}') {
                return Ok(());
            }
            if !self.taken(b',') {
                return Err(self.broken("expected ',' or '}'"));
            }
        }
    }

    /// Reads an array; `element` is called with the index of each element and must read it.
    pub(in crate::codec) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self, usize) -> Read<()>,
    ) -> Read<()> {
        self.expect(JsonKind::Array)?;
        self.at += 1;
        if self.taken(b']') {
            return Ok(());
        }
        for index in 0.. {
            element(self, index)?;
            if self.taken(b']') {
                break;
            }
            if !self.taken(b',') {
                return Err(self.broken("expected ',' or ']'"));
            }
        }
        Ok(())
    }

    /// Reads a string; borrowed where nothing in it is escaped.
    pub(super) fn string(&mut self) -> Read<Cow<'a, str>> {
        self.expect(JsonKind::String)?;
        self.at += 1;
        let start = self.at;
        match self.plain_run()? {
            b'"' => Ok(Cow::Borrowed(&self.text[start..self.at - 1])),
            _ => self.escaped_string(start).map(Cow::Owned),
        }
    }

    /// Reads a number and gives its token, whose form is that of RFC 8259.
    pub(super) fn number(&mut self) -> Read<&'a str> {
        self.expect(JsonKind::Number)?;
        let start = self.at;
        self.pass(b'-');
        let zero = self.pass(b'0');
        if zero == (self.digits() > 0) {
            return Err(self.broken(if zero {
                "a number that begins with 0"
            } else {
                "a number without digits"
            }));
        }
        if self.pass(b'.') && self.digits() == 0 {
            return Err(self.broken("no digit behind the point of a number"));
        }
        if self.pass(b'e') || self.pass(b'E') {
            let _ = self.pass(b'-') || self.pass(b'+');
            if self.digits() == 0 {
                return Err(self.broken("no digit in the exponent of a number"));
            }
        }
        Ok(&self.text[start..self.at])
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self) -> Read<bool> {
        self.expect(JsonKind::Boolean)?;
        let value = self.text.as_bytes()[self.at] == b't';
        self.literal(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads a value of whatever kind and forgets it.
    pub(in crate::codec) fn skip(&mut self) -> Read<()> {
        // One bit per level: 1 within an object, 0 within an array.
        let mut objects: u128 = 0;
        let mut depth = 0;
        loop {
            match self.kind()? {
                kind @ (JsonKind::Object | JsonKind::Array) => {
                    self.at += 1;
                    let object = kind == JsonKind::Object;
                    if depth == SKIPPED_DEPTH_MAX {
                        return Err(self.broken(format!("nested more than {SKIPPED_DEPTH_MAX} deep")));
                    }
                    if !self.taken(if object { b'}' } else { b']' }) {
                        depth += 1;
                        objects = objects << 1 | u128::from(object);
                        if object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                JsonKind::String => drop(self.string()?),
                JsonKind::Number => {
                    self.number()?;
                }
                JsonKind::Boolean => {
                    self.boolean()?;
                }
                JsonKind::Null => self.literal("null")?,
            }
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                if self.taken(b',') {
                    if object {
                        self.key()?;
                    }
                    break;
                }
                if !self.taken(if object { b'}' } else { b']' }) {
                    return Err(self.broken("expected ',' or the end of an object or array"));
                }
                depth -= 1;
                objects >>= 1;
            }
        }
    }

    fn key(&mut self) -> Read<Cow<'a, str>> {
        if self.next_byte() != Some(b'"') {
            return Err(self.broken("expected a key in quotes"));
        }
        let key = self.string()?;
        if !self.taken(b':') {
            return Err(self.broken("expected ':'"));
        }
        Ok(key)
    }

    fn expect(&mut self, expected: JsonKind) -> Read<()> {
        let found = self.kind()?;
        if found == expected {
            return Ok(());
        }
        Err(FieldFault::unreadable(format!("expected {}, found {}", expected.named(), found.named())))
    }

    /// Passes over plain letters and the quote or backslash behind them, which it gives.
    #[inline]
    fn plain_run(&mut self) -> Read<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        match rest.iter().position(|byte| !PLAIN[usize::from(*byte)]) {
            Some(length) if rest[length] >= 0x20 => {
                self.at += length + 1;
                Ok(rest[length])
            }
            Some(length) => {
                self.at += length;
                Err(self.broken("a control character in a string"))
            }
            None => {
                self.at = self.text.len();
                Err(self.broken("the text ends within a string"))
            }
        }
    }

    /// The rest of a string that began at `start`; stands behind its first backslash.
    #[cold]
    fn escaped_string(&mut self, start: usize) -> Read<String> {
        let mut value = self.text[start..self.at - 1].to_owned();
        loop {
            value.push(self.escape()?);
            let run = self.at;
            let end = self.plain_run()?;
            value.push_str(&self.text[run..self.at - 1]);
            if end == b'"' {
                return Ok(value);
            }
        }
    }

    /// The letter of an escape; stands behind the backslash.
    fn escape(&mut self) -> Read<char> {
        let byte = self.text.as_bytes().get(self.at).copied();
        self.at += usize::from(byte.is_some_and(|byte| byte.is_ascii()));
        Ok(match byte {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.broken("an unknown escape in a string")),
        })
    }

    fn unicode_escape(&mut self) -> Read<char> {
        let high = self.four_hex_digits()?;
        let code = match high {
            0xd800..=0xdbff => {
                if !(self.pass(b'\\') && self.pass(b'u')) {
                    return Err(self.broken("a lone surrogate in a string"));
                }
                let low = self.four_hex_digits()?;
                if !(0xdc00..=0xdfff).contains(&low) {
                    return Err(self.broken("a lone surrogate in a string"));
                }
                0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| self.broken("a lone surrogate in a string"))
    }

    fn four_hex_digits(&mut self) -> Read<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or_default();
        let value =
            digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?));
        match value {
            Some(value) if digits.len() == 4 => {
                self.at += 4;
                Ok(value)
            }
            _ => Err(self.broken("no four hexadecimal digits behind \\u")),
        }
    }

    fn literal(&mut self, literal: &str) -> Read<()> {
        if !self.text.as_bytes()[self.at..].starts_with(literal.as_bytes()) {
            return Err(self.broken("no JSON value"));
        }
        self.at += literal.len();
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += length;
        length
    }

    /// Passes over `byte` if it is next, white space before it included.
    fn taken(&mut self, byte: u8) -> bool {
        let found = self.next_byte() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Passes over `byte` if it is the very next.
    fn pass(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// Goes to the next byte that is no white space.
    #[inline]
    fn next_byte(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                next => return next.copied(),
            }
        }
    }

    #[cold]
    fn broken(&self, what: impl std::fmt::Display) -> Box<FieldFault> {
        FieldFault::unreadable(format!("malformed JSON at byte {}: {what}", self.at))
    }
}

/// Bytes that stand for themselves in a string.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut control = 0;
    while control < 0x20 {
        plain[control] = false;
        control += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain
};
