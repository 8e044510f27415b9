//! Foreign text made visible: what a record, a topic or another program says, as it may stand in a message, a header, a
//! log line or on a terminal. Never lets a character through that a terminal obeys, or that hides or reorders others.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters of a foreign text that a message repeats: enough to recognise it.
pub const EXCERPT_CHARS_MAX: usize = 60;

/// Whether a character stands for itself: no control of a terminal (C0, DEL, C1), no end of a line, nothing that changes
/// the direction of others, and nothing that takes no room.
#[must_use]
pub fn is_visible(letter: char) -> bool {
    !(letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'))
}

/// The text, with what is not visible written as `\u{1b}`, `\n` and the like.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    rewritten(text, is_visible, escape)
}

/// The same for a text of several lines, whose ends stay.
#[must_use]
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    rewritten(text, stays_in_lines, escape)
}

fn stays_in_lines(letter: char) -> bool {
    letter == '\n' || is_visible(letter)
}

fn escape(letter: char, shown: &mut String) {
    shown.extend(letter.escape_default());
}

fn rewritten(text: &str, stays: fn(char) -> bool, escape: fn(char, &mut String)) -> Cow<'_, str> {
    if text.chars().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if stays(letter) {
            shown.push(letter);
        } else {
            escape(letter, &mut shown);
        }
    }
    Cow::Owned(shown)
}

/// The text's start, visible, for a message: at most [`EXCERPT_CHARS_MAX`] of its characters, and `…` where there are
/// more.
#[must_use]
pub fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS_MAX) {
        None => visible(text).into_owned(),
        Some((end, _)) => visible(&text[..end]).into_owned() + "…",
    }
}

/// A JSON text, with what is not visible in its strings written as JSON escapes: the same value, fit for a terminal. Ends
/// of lines stay.
#[must_use]
pub fn visible_json(json: &str) -> Cow<'_, str> {
    rewritten(json, stays_in_lines, |letter, shown| {
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // Writing into a `String` cannot fail.
            let _ = write!(shown, "\\u{unit:04x}");
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_out_what_a_terminal_obeys_or_hides() {
        for (text, shown) in [
            ("Brötchen, 2 Stück – ok", "Brötchen, 2 Stück – ok"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{202e}gnp.exe\u{2066}", "\\u{202e}gnp.exe\\u{2066}"),
            ("a\u{2028}b\u{200b}c\u{feff}", "a\\u{2028}b\\u{200b}c\\u{feff}"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(visible_lines("a\n\u{1b}b\n"), "a\n\\u{1b}b\n");
    }

    #[test]
    fn an_excerpt_is_cut_at_sixty_characters_of_the_text() {
        let sixty = "ä".repeat(EXCERPT_CHARS_MAX);
        assert_eq!(excerpt(&sixty), sixty);
        assert_eq!(excerpt(&(sixty.clone() + "b")), sixty + "…");
        assert_eq!(excerpt(&"\u{1b}".repeat(61)), "\\u{1b}".repeat(60) + "…");
    }

    proptest! {
        #[test]
        fn nothing_invisible_is_left_of_any_text(text in any::<String>()) {
            prop_assert!(visible(&text).chars().all(is_visible));
            prop_assert!(excerpt(&text).chars().all(is_visible));
            prop_assert!(visible_lines(&text).lines().all(|line| line.chars().all(is_visible)));
        }

        #[test]
        fn json_keeps_its_value(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = visible_json(&json);
            prop_assert!(shown.chars().all(is_visible));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
