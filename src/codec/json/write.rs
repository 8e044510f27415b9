//! Writing JSON straight into a buffer: members in the order they are asked for, text escaped as RFC
//! 8259 says, decimals as exact number tokens. Never fails and never allocates but for the buffer.

use crate::domain::{Amount, Decimal, Micros};
use std::io::Write as _;

/// An object under way.
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Writer<'a> {
    /// Opens an object.
    pub(in crate::codec) fn object(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Closes it.
    pub(in crate::codec) fn end(self) {
        self.out.push(b'}');
    }

    /// A member's key; its value must be appended to what this gives.
    pub(super) fn key(&mut self, name: &str) -> &mut Vec<u8> {
        self.next();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// The same for a name that anybody has chosen.
    pub(super) fn named(&mut self, name: &str) -> &mut Vec<u8> {
        self.next();
        string(name, self.out);
        self.out.push(b':');
        self.out
    }

    fn next(&mut self) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
    }

    pub(super) fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            string(value, self.key(name));
        }
    }

    pub(super) fn boolean(&mut self, name: &str, value: bool) {
        self.key(name).extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(super) fn integer(&mut self, name: &str, value: i64) {
        integer(value, self.key(name));
    }

    pub(super) fn amount(&mut self, name: &str, value: Option<Amount>) {
        if let Some(value) = value {
            amount(value, self.key(name));
        }
    }

    pub(super) fn time(&mut self, name: &str, value: Option<Micros>) {
        if let Some(value) = value {
            write_display(value, self.key(name), true);
        }
    }

    pub(super) fn decimal(&mut self, name: &str, value: Decimal) {
        write_display(value, self.key(name), false);
    }

    pub(super) fn nested(&mut self, name: &str, members: impl FnOnce(&mut Writer<'_>)) {
        let mut object = Writer::object(self.key(name));
        members(&mut object);
        object.end();
    }

    pub(in crate::codec) fn list<T>(&mut self, name: &str, values: &[T], write: fn(&T, &mut Vec<u8>)) {
        let out = self.key(name);
        out.push(b'[');
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            write(value, out);
        }
        out.push(b']');
    }
}

/// A string in quotes: `"`, `\` and control characters escaped, everything else as it is.
pub(super) fn string(text: &(impl AsRef<str> + ?Sized), out: &mut Vec<u8>) {
    let bytes = text.as_ref().as_bytes();
    out.push(b'"');
    let mut start = 0;
    for (place, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..place]);
        start = place + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// A whole number.
pub(super) fn integer(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    digits(value.unsigned_abs(), 1, out);
}

/// An amount, digit for digit as its `Display` has it.
fn amount(value: Amount, out: &mut Vec<u8>) {
    let units = value.ten_thousandths();
    if units < 0 {
        out.push(b'-');
    }
    digits(units.unsigned_abs() / 10_000, 1, out);
    out.push(b'.');
    match units.unsigned_abs() % 10_000 {
        fraction if fraction % 100 == 0 => digits(fraction / 100, 2, out),
        fraction if fraction % 10 == 0 => digits(fraction / 10, 3, out),
        fraction => digits(fraction, 4, out),
    }
}

/// A number in at least `width` digits.
fn digits(mut value: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = [b'0'; 20];
    let mut start = buffer.len();
    while value > 0 {
        start -= 1;
        buffer[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&buffer[start.min(buffer.len() - width)..]);
}

/// Anything whose `Display` needs no escape.
fn write_display(value: impl std::fmt::Display, out: &mut Vec<u8>, quoted: bool) {
    // Writing into a `Vec` cannot fail.
    let _ = if quoted { write!(out, "\"{value}\"") } else { write!(out, "{value}") };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn amounts_are_written_as_they_are_displayed(units in -999_999_999_999_999_999i64..1_000_000_000_000_000_000, scale in 1i64..100_000_000) {
            for units in [units, units / scale, units / scale * 100, units / scale / 10 * 10] {
                let Some(value) = Amount::new(units) else { continue };
                let mut out = Vec::new();
                amount(value, &mut out);
                prop_assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
            }
        }

        #[test]
        fn every_text_reads_back(text in any::<String>()) {
            let mut out = Vec::new();
            string(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn every_integer_reads_back(value in any::<i64>()) {
            let mut out = Vec::new();
            integer(value, &mut out);
            prop_assert_eq!(serde_json::from_slice::<i64>(&out).unwrap(), value);
        }
    }
}
