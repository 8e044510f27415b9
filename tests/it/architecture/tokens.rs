//! Rust source as a row of tokens, just exact enough for the rules of `architecture.rs`.
//! Never fails: what it does not know is a sign like any other.

/// A piece of code: a name, a number, `::` or another sign. Comments, texts and characters leave none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub text: &'a str,
    pub line: usize,
}

impl Token<'_> {
    pub fn is_name(&self) -> bool {
        self.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }

    pub fn is_float(&self) -> bool {
        let is_number = self.text.starts_with(|first: char| first.is_ascii_digit());
        let is_hex = self.text.starts_with("0x");
        is_number
            && !is_hex
            && (self.text.contains('.') || self.text.ends_with("f32") || self.text.ends_with("f64"))
    }
}

/// The pieces of code in a source file.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found: Vec<Token<'_>> = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let after_dot = found.last().is_some_and(|token| token.text == ".");
        let (length, is_code) = piece(rest, first, after_dot);
        let (text, next) = rest.split_at(length);
        if is_code {
            found.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = next;
    }
    found
}

/// How long the piece at the start of `rest` is, and whether it is code.
fn piece(rest: &str, first: char, after_dot: bool) -> (usize, bool) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    if let Some(length) = text_literal(rest) {
        return (length, false);
    }
    if rest.starts_with("::") {
        return (2, true);
    }
    if first == '\'' {
        return (character_or_lifetime(rest), false);
    }
    if first.is_ascii_digit() {
        return (number(rest, after_dot), true);
    }
    if is_word(first) {
        return (rest.find(|sign| !is_word(sign)).unwrap_or(rest.len()), true);
    }
    (first.len_utf8(), !first.is_whitespace())
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_'
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a text at the start of `rest`, plain, raw or of bytes; None where there is none.
fn text_literal(rest: &str) -> Option<usize> {
    let body = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - body.len();
    if let Some(raw) = body.strip_prefix('r').filter(|_| prefix <= 1) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inside = raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = inside.find(&close).map_or(inside.len(), |at| at + close.len());
        return Some(prefix + 1 + hashes + 1 + end);
    }
    let inside = body.strip_prefix('"').filter(|_| prefix <= 1)?;
    let mut escaped = false;
    let end = inside.find(|sign| {
        let ends = sign == '"' && !escaped;
        escaped = sign == '\\' && !escaped;
        ends
    });
    Some(prefix + 1 + end.map_or(inside.len(), |at| at + 1))
}

fn character_or_lifetime(rest: &str) -> usize {
    let mut signs = rest.char_indices().skip(1);
    match (signs.next(), signs.next()) {
        // '\'' and '\\': the sign after the backslash does not close it
        (Some((_, '\\')), Some((at, escaped))) => {
            let from = at + escaped.len_utf8();
            rest[from..].find('\'').map_or(rest.len(), |close| from + close + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1 + rest[1..].find(|sign| !is_word(sign)).unwrap_or(rest.len() - 1),
    }
}

fn number(rest: &str, after_dot: bool) -> usize {
    let whole = rest.find(|sign| !is_word(sign)).unwrap_or(rest.len());
    // `0..9` is a range, `1.max(2)` a call, `pair.0.1` two places
    let fraction = rest[whole..]
        .strip_prefix('.')
        .filter(|more| !after_dot && more.starts_with(|sign: char| sign.is_ascii_digit()));
    fraction.map_or(whole, |more| whole + 1 + more.find(|sign| !is_word(sign)).unwrap_or(more.len()))
}
