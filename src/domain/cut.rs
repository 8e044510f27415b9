//! Texts cut to a number of characters. Never within a character, and never in silence: what is cut ends in `…`.

use std::borrow::Cow;

/// `text`, or its beginning with `…` where it has more than `chars_max` (at least 1) characters.
#[must_use]
pub fn cut_to(text: &str, chars_max: usize) -> Cow<'_, str> {
    if text.len() > chars_max
        && let Some((end, _)) = text.char_indices().nth(chars_max.saturating_sub(1))
        && text[end..].chars().nth(1).is_some()
    {
        let mut cut = String::with_capacity(end + '…'.len_utf8());
        cut.push_str(&text[..end]);
        cut.push('…');
        return Cow::Owned(cut);
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cuts_only_what_is_too_long() {
        for (text, cut) in [
            ("", ""),
            ("abc", "abc"),
            ("abcd", "ab…"),
            ("äöü", "äöü"),
            ("äöüß", "äö…"),
            ("日本語文", "日本…"),
        ] {
            assert_eq!(cut_to(text, 3), cut, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_has_as_many_characters_as_it_may(text in ".{0,40}", most in 1usize..30) {
            let cut = cut_to(&text, most);
            prop_assert_eq!(cut.chars().count(), text.chars().count().min(most));
            prop_assert_eq!(cut == text, text.chars().count() <= most);
        }
    }
}
