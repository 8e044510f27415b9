//! Colours for people, and numbers and texts laid out in columns. Widths are those of the bare text: paint last.

use crate::domain::enums::Verdict;
use crate::domain::visible::{visible, visible_lines};

/// Paints, or leaves as it is.
#[derive(Clone, Copy, Debug)]
pub struct Paint(pub bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What matters.
    pub fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What is there for completeness.
    pub fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// What is wrong.
    pub fn wrong(self, text: &str) -> String {
        self.with("31", text)
    }

    /// What is right.
    pub fn right(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Something to type.
    pub fn command(self, text: &str) -> String {
        self.with("36", text)
    }

    /// In the colour of a verdict.
    pub fn verdict(self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Accepted => "1;32",
            Verdict::Pending => "1;33",
            Verdict::Rejected => "1;31",
            Verdict::NotEvaluated => "1;35",
        };
        self.with(code, text)
    }
}

/// `21874` as `21,874`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `part` of `whole` in per cent with one decimal, such as `91.6 %`.
pub fn share(part: u64, whole: u64) -> String {
    let per_mille = (part * 1_000 + whole / 2).checked_div(whole).unwrap_or(0);
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// The text, cut to `width` characters.
pub fn cut(text: &str, width: usize) -> String {
    let text = &*visible(text);
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

/// The text in lines of at most `width` characters, broken between words where they allow it.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let text = &*visible_lines(text);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        let Some(line) = lines.last_mut() else { break };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_thousands_and_rounds_shares() {
        assert_eq!(
            [0, 999, 1_000, 21_874, 1_234_567].map(grouped),
            ["0", "999", "1,000", "21,874", "1,234,567"]
        );
        assert_eq!([share(916, 1_000), share(1, 3), share(0, 0)], ["91.6 %", "33.3 %", "0.0 %"]);
    }

    #[test]
    fn breaks_between_words_and_cuts_with_an_ellipsis() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(cut("Göteborg", 5), "Göte…");
    }
}
