//! Bends inputs: a few changes to one seed, by a stream of choices that follows from a number. Knows no target.

/// Longest input that is made.
const BYTES_MAX: usize = 256 << 10;
/// Changes to one seed, at most.
const CHANGES_MAX: usize = 6;
/// Bytes that readers treat in their own way.
const TELLING: &[u8] = b"\x00\x01\x02\x7f\x80\xfe\xff\"\\{}[],:-+.eE09 \n\r\t'=#$";
/// Numbers at the ends of what something holds.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "1e400",
    "1e-400",
    "1e99999999999999999999",
    "0e-9999999999",
    "0.00001",
    "99999999999999.9999",
    "999999999999999999",
    "1000000000000000000",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "253402300800000",
    "0.000000000000000001",
];
/// Texts that are dangerous somewhere.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\u{feff}",
    "\\u0000",
    "\\u001b[2J",
    "\\ud800",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{85}",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "2016-12-31T23:59:60Z",
    "2025-06-15T12:00:00+23:59",
];

/// A stream of choices (splitmix64).
pub struct Choices(u64);

impl Choices {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    pub fn below(&mut self, count: usize) -> usize {
        (self.next() % count.max(1) as u64) as usize
    }

    pub fn one_of<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        &choices[self.below(choices.len())]
    }

    /// A part of so many bytes: mostly a short one.
    fn part(&mut self, length: usize) -> std::ops::Range<usize> {
        let begin = self.below(length + 1);
        let most = if self.below(4) == 0 { length - begin } else { (length - begin).min(24) };
        begin..begin + self.below(most + 1)
    }
}

/// Puts an input together from `seeds`, which are not empty, and `words`, which mean something to the target.
pub fn input(choices: &mut Choices, seeds: &[Vec<u8>], words: &[Vec<u8>], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(choices.one_of::<Vec<u8>>(seeds));
    for _ in 0..=choices.below(CHANGES_MAX) {
        change(choices, seeds, words, out);
    }
    out.truncate(BYTES_MAX);
}

fn change(choices: &mut Choices, seeds: &[Vec<u8>], words: &[Vec<u8>], out: &mut Vec<u8>) {
    match choices.below(16) {
        0 | 1 => {
            let (place, bit) = (choices.below(out.len()), choices.below(8));
            if let Some(byte) = out.get_mut(place) {
                *byte ^= 1 << bit;
            }
        }
        2 => {
            let (place, value) = (choices.below(out.len()), choices.below(256));
            if let Some(byte) = out.get_mut(place) {
                *byte = value as u8;
            }
        }
        3 | 4 => {
            let (place, value) = (choices.below(out.len()), *choices.one_of(TELLING));
            if let Some(byte) = out.get_mut(place) {
                *byte = value;
            }
        }
        5 => drop(out.drain(choices.part(out.len()))),
        6 => {
            let part = out[choices.part(out.len())].to_vec();
            let place = choices.below(out.len() + 1);
            out.splice(place..place, part);
        }
        7 => repeat(choices, out),
        8 | 9 => {
            let word = word(choices, words);
            let place = choices.below(out.len() + 1);
            let end = if choices.below(2) == 0 { place } else { out.len().min(place + word.len()) };
            out.splice(place..end, word);
        }
        10 => {
            let other = choices.one_of(seeds);
            let part = other[choices.part(other.len())].to_vec();
            let range = choices.part(out.len());
            out.splice(range, part);
        }
        11 => out.truncate(choices.below(out.len() + 1)),
        12 | 13 => number(choices, out),
        14 => text(choices, words, out),
        _ => {
            let varint = varint(choices);
            let place = choices.below(out.len() + 1);
            let end = (place + choices.below(3)).min(out.len());
            out.splice(place..end, varint);
        }
    }
}

/// A part many times over: what is quadratic takes its time, and what nests deeply nests.
fn repeat(choices: &mut Choices, out: &mut Vec<u8>) {
    let range = choices.part(out.len());
    let part = out[range.clone()].to_vec();
    let times = match choices.below(16) {
        0 => BYTES_MAX / part.len().max(64),
        1 => 1_000,
        _ => choices.below(20),
    };
    let times = times.min(BYTES_MAX.saturating_sub(out.len()) / part.len().max(1));
    out.splice(range.end..range.end, part.repeat(times));
}

fn word(choices: &mut Choices, words: &[Vec<u8>]) -> Vec<u8> {
    match choices.below(6) {
        0 => choices.one_of(NUMBERS).as_bytes().to_vec(),
        1 => choices.one_of(TEXTS).as_bytes().to_vec(),
        _ if words.is_empty() => vec![*choices.one_of(TELLING)],
        _ => choices.one_of(words).clone(),
    }
}

/// Another number for one that stands there in digits.
fn number(choices: &mut Choices, out: &mut Vec<u8>) {
    let from = choices.below(out.len());
    let digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let Some(begin) = out[from.min(out.len())..].iter().position(digit).map(|place| from + place) else {
        return;
    };
    let end = out[begin..].iter().position(|byte| !digit(byte)).map_or(out.len(), |length| begin + length);
    let number = match choices.below(3) {
        0 => choices.below(1_000_000).to_string(),
        1 => format!("{}.{:02}", choices.below(1_000), choices.below(100)),
        _ => (*choices.one_of(NUMBERS)).to_owned(),
    };
    out.splice(begin..end, number.into_bytes());
}

/// Another text between two quotes.
fn text(choices: &mut Choices, words: &[Vec<u8>], out: &mut Vec<u8>) {
    let from = choices.below(out.len());
    let quote =
        |from: usize, out: &[u8]| out.get(from..)?.iter().position(|byte| *byte == b'"').map(|at| from + at);
    let Some(begin) = quote(from, out).map(|begin| begin + 1) else { return };
    let Some(end) = quote(begin, out) else { return };
    let text = match choices.below(4) {
        0 => choices
            .one_of::<&str>(&["x", "é", "\u{1f600}", "\\u001b"])
            .repeat(1 + choices.below(6_000))
            .into_bytes(),
        1 => choices.one_of(TEXTS).as_bytes().to_vec(),
        _ => word(choices, words),
    };
    out.splice(begin..end, text);
}

/// A whole number in seven bits a byte: a length or count that may be anything.
fn varint(choices: &mut Choices) -> Vec<u8> {
    let mut rest = choices.next() >> choices.below(64);
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}
