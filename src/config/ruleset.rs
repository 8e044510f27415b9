//! A kept ruleset -> parameters and texts again. What is kept is the very text that the ruleset's hash is of, so nothing
//! can be left out of either. A text that this program would read otherwise than it was meant is refused: a default of
//! today must not stand in for what was in force then.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::fault::{Faults, Origin};
use super::layers::{Spelling, entries};
use super::reader::Reader;
use super::schema::{Schema, Tree};
use super::value::Value;
use super::{checks, document};
use crate::checks::{Parameters, Texts};
use crate::domain::enums::Language;

/// What decides, besides the state.
#[derive(Clone, Debug)]
pub struct Ruleset {
    /// Parameters of the checks.
    pub checks: Parameters,
    /// What customers read.
    pub texts: Texts,
}

const OTHER_VERSION: &str = "another version of tillgate kept this ruleset: replay with that one";

/// Reads the text of a kept ruleset, [`super::Settings::canonical_text`]; `name` says which one in faults.
///
/// # Errors
/// Every line that this program does not know or reads otherwise, and every parameter that is missing.
pub fn read_ruleset(name: &str, text: &str) -> Result<Ruleset, Faults> {
    let path: Arc<Path> = Arc::from(Path::new(name));
    let mut faults = Faults::default();
    let (schema, _defaults) = Schema::embedded(&mut faults);
    let (mut tree, mut texts, mut canonical) = (Tree::new(), BTreeMap::new(), BTreeMap::new());
    for (number, line) in (1..).zip(text.lines()) {
        let origin = Origin::File { path: Arc::clone(&path), line: number, column: 1 };
        match line.split_once(" = ") {
            Some((key, raw)) if key.starts_with("checks.") => {
                let entries = entries(&schema, key.to_owned(), raw, &origin, Spelling::Toml);
                schema.merge(&mut tree, entries, &mut faults);
            }
            Some((key, raw)) if key.starts_with("texts.") => match customer_text(key, raw, &origin) {
                Some((place, text)) => {
                    canonical.insert(key.to_owned(), Value::Text(text.clone()).to_toml());
                    texts.insert(place, text);
                }
                None => faults.add(&origin, key, "is no text of a language", OTHER_VERSION),
            },
            _ => faults.add(&origin, line, "is no line of a ruleset", OTHER_VERSION),
        }
    }
    let environment = BTreeMap::new();
    let mut reader = Reader::of_ruleset(&tree, &environment, faults, OTHER_VERSION);
    let checks = checks::read(&mut reader, &tree);
    let mut faults = reader.faults;
    let origin = Origin::File { path, line: 1, column: 1 };
    canonical.append(&mut reader.canonical);
    let again: String = canonical.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    if faults.0.is_empty() && again != text {
        faults.add(&origin, "", "is read otherwise than it was written", OTHER_VERSION);
    }
    let texts = Texts::new(&texts).map_err(|found| {
        for fault in found {
            faults.add(&origin, "texts", fault.to_string(), OTHER_VERSION);
        }
    });
    match texts {
        Ok(texts) if faults.0.is_empty() => Ok(Ruleset { checks, texts }),
        _ => Err(faults),
    }
}

/// Language and code of `texts.EN.pos.item.gross`, and what it says.
fn customer_text(key: &str, raw: &str, origin: &Origin) -> Option<((Language, String), String)> {
    let (symbol, code) = key.strip_prefix("texts.")?.split_once('.')?;
    let language = Language::SPOKEN.into_iter().find(|language| language.symbol() == symbol)?;
    match document::entries_of_value(key, raw, origin).into_iter().next()?.leaf.value {
        Value::Text(text) => Some(((language, code.to_owned()), text)),
        _ => None,
    }
}
