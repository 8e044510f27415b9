//! What the customer reads: one text for each code and conversation language.

use super::catalogue::Check;
use crate::domain::enums::{CountryCode, Language};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The customer texts. Complete: a code without a text in some language cannot be built.
#[derive(Clone, Debug)]
pub struct Texts {
    by_code: BTreeMap<&'static str, Spoken>,
}

/// One text in every language.
#[derive(Clone, Debug)]
struct Spoken {
    texts: [Arc<str>; Language::SPOKEN.len()],
    /// German as it is written in Switzerland, where `ß` is none of the letters.
    swiss_german: Arc<str>,
}

impl Spoken {
    fn new(texts: [Arc<str>; Language::SPOKEN.len()]) -> Self {
        let german = &texts[place(Language::De).unwrap_or_default()];
        let swiss_german = match german.contains(['ß', 'ẞ']) {
            true => german.replace('ß', "ss").replace('ẞ', "SS").into(),
            false => Arc::clone(german),
        };
        Self { texts, swiss_german }
    }
}

/// Place of a language among those that are spoken (obsolete ones included).
fn place(language: Language) -> Option<usize> {
    Language::SPOKEN.iter().position(|spoken| *spoken == language.spoken())
}

/// What is wrong with a set of texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// A code has no text in a language.
    #[error("no text for code {code} in language {language}")]
    Missing {
        /// The code.
        code: &'static str,
        /// The language.
        language: Language,
    },
    /// A text for a code that no check has.
    #[error("a text for code {code} in language {language}, which no check has")]
    UnknownCode {
        /// The code.
        code: String,
        /// The language.
        language: Language,
    },
    /// A text that is blank or longer than the contract allows.
    #[error("the text for code {code} in language {language} is blank or longer than 4096 characters")]
    Unfit {
        /// The code.
        code: String,
        /// The language.
        language: Language,
    },
}

impl Texts {
    /// Builds the table.
    ///
    /// # Errors
    /// Every missing, unknown and unfit text.
    pub fn new(texts: &BTreeMap<(Language, String), String>) -> Result<Self, Vec<TextFault>> {
        let codes = Check::codes();
        let mut faults = Vec::new();
        for ((language, code), text) in texts {
            if !codes.contains(&code.as_str()) {
                faults.push(TextFault::UnknownCode { code: code.clone(), language: *language });
            } else if text.trim().is_empty() || text.chars().count() > crate::domain::limits::TEXT_CHARS_MAX {
                faults.push(TextFault::Unfit { code: code.clone(), language: *language });
            }
        }
        let mut by_code = BTreeMap::new();
        for code in codes {
            let spoken = Language::SPOKEN.map(|language| {
                texts.get(&(language, code.to_owned())).map_or_else(
                    || {
                        faults.push(TextFault::Missing { code, language });
                        Arc::from("")
                    },
                    |text| Arc::from(text.as_str()),
                )
            });
            by_code.insert(code, Spoken::new(spoken));
        }
        if faults.is_empty() { Ok(Self { by_code }) } else { Err(faults) }
    }

    /// The text for a code in a conversation language (obsolete ones included), as it is written in the country.
    #[must_use]
    pub fn of(&self, code: &str, language: Language, country: Option<CountryCode>) -> Option<Arc<str>> {
        let place = place(language)?;
        let spoken = self.by_code.get(code)?;
        Some(match (language.spoken(), country) {
            (Language::De, Some(CountryCode::Ch)) => Arc::clone(&spoken.swiss_german),
            _ => Arc::clone(&spoken.texts[place]),
        })
    }
}
