//! A kept ruleset -> parameters and texts again. What is kept is the very text that the ruleset's hash is of, so nothing
//! can be left out of either. A text that this program would read otherwise than it was meant is refused: a default of
//! today must not stand in for what was in force then.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::fault::{Faults, Origin};
use super::later::{CATALOGUE, Later, text_of};
use super::layers::{Spelling, entries};
use super::reader::SettingsReader;
use super::schema::{Schema, Tree};
use super::value::Value;
use super::{checks, document};
use crate::checks::{ParameterSets, Texts};
use crate::domain::enums::Language;

/// What decides, besides the state.
#[derive(Clone, Debug)]
pub struct Ruleset {
    /// Parameters of the checks.
    pub checks: ParameterSets,
    /// What customers read.
    pub texts: Texts,
}

const OTHER_VERSION: &str = "another version of tillgate kept this ruleset: replay with that one";

/// Reads the text of a kept ruleset, [`super::Settings::canonical_text`]; `name` says which one in faults.
///
/// # Errors
/// Every line that this program does not know or reads otherwise, and every parameter that is missing and had no meaning
/// before it was there; a ruleset of a release in which checks meant something else.
pub fn read_ruleset(name: &str, text: &str) -> Result<Ruleset, Faults> {
    read(name, text, &Later::of_this_program())
}

fn read(name: &str, text: &str, later: &Later) -> Result<Ruleset, Faults> {
    let path: Arc<Path> = Arc::from(Path::new(name));
    let mut faults = Faults::default();
    let (schema, _defaults) = Schema::embedded(&mut faults);
    let place = |line| Origin::File { path: Arc::clone(&path), line, column: 1 };
    let (mut tree, mut texts, mut canonical) = (Tree::new(), BTreeMap::new(), BTreeMap::new());
    let mut version = 1;
    for (number, text) in (1..).zip(text.lines()) {
        let origin = place(number);
        match text.split_once(" = ") {
            Some((CATALOGUE, raw)) if number == 1 => version = raw.parse().unwrap_or(0),
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
            _ => faults.add(&origin, text, "is no line of a ruleset", OTHER_VERSION),
        }
    }
    if let Some(remedy) = later.other_release(version) {
        let problem = format!("is of version {version} of the catalogue");
        // Whatever else is found in it says less.
        let mut faults = Faults::default();
        faults.add(&place(1), "", problem, remedy);
        return Err(faults);
    }
    later.complete(&schema, &mut tree, &mut faults);
    let environment = BTreeMap::new();
    let mut reader = SettingsReader::of_ruleset(&tree, &environment, faults, OTHER_VERSION);
    let checks = checks::read(&mut reader, &tree);
    let mut faults = reader.faults;
    let origin = place(1);
    canonical.append(&mut reader.canonical);
    let again = later.text(&canonical);
    if faults.0.is_empty() && again != text {
        faults.add(&origin, "", "is read otherwise than it was written", OTHER_VERSION);
    }
    let keys: Vec<&str> = again.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    later.complete_texts(&keys, &mut texts);
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
    let (symbol, code) = text_of(key)?;
    let language = Language::SPOKEN.into_iter().find(|language| language.symbol() == symbol)?;
    match document::entries_of_value(key, raw, origin).into_iter().next()?.value {
        Value::Text(text) => Some(((language, code.to_owned()), text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::catalogue::MEANINGS;
    use crate::config::{Settings, Sources, load};

    /// A release that came before corrections were checked and before rules had a count.
    const PARAMETERS: &[(&str, &str)] = &[
        ("checks.correction.original.enabled", "false"),
        ("checks.correction.original.outcome", "\"reject\""),
        ("checks.velocity.windows.rules.*.count", "7"),
    ];

    fn since_then() -> Later {
        let checks = vec![("correction.original", vec!["pos.correction", "pos.correction.unlinked"])];
        Later { parameters: PARAMETERS, checks, meanings: &["0.1"] }
    }

    fn settings(overrides: &[&str]) -> Settings {
        // What is switched off has no text in a ruleset: these tests know of one such check alone.
        let others = ["checks.nfc.missing.enabled=true", "checks.nfc.sca.enabled=true"];
        let overrides = overrides.iter().chain(&others);
        let overrides = overrides.map(|line| (*line).to_owned()).collect();
        load(&Sources { overrides, ..Sources::default() }).expect("settings")
    }

    /// The text of these settings, as `later` writes it, which knows nothing of what this program leaves out.
    fn text(settings: &Settings, later: &Later) -> String {
        let lines = settings.canonical_text().lines().map(|line| line.split_once(" = ").expect("a line"));
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let mut lines: BTreeMap<String, String> = lines.map(owned).collect();
        for (key, before) in Later::of_this_program().before(lines.keys()) {
            lines.entry(key).or_insert_with(|| before.to_owned());
        }
        later.text(&lines)
    }

    const UNUSED: &[&str] =
        &["checks.correction.original.enabled=false", "checks.velocity.windows.rules.account_hour.count=7"];

    #[test]
    fn what_came_later_is_read_as_what_held_before_and_stands_in_no_text_until_it_is_used() {
        let later = &since_then();
        let unchanged = settings(UNUSED);
        let kept = text(&unchanged, later);
        assert!(!kept.contains("correction.original.") && !kept.contains("pos.correction"), "{kept}");
        assert!(!kept.contains("account_hour.count ="), "{kept}");
        let found = read("kept", &kept, later).expect("a ruleset");
        assert_eq!(found.checks, unchanged.checks);
        let of_today = format!("{CATALOGUE} = {}\n{kept}", MEANINGS.len());
        let today =
            read("kept", &of_today, &Later::of_this_program()).expect_err("it lacks what it must say");
        assert!(today.to_string().contains("is not in the ruleset"), "{today}");
        for used in [
            "checks.correction.original.enabled=true",
            "checks.correction.original.outcome=pending",
            "checks.override.SE.correction.original.enabled=true",
            "checks.velocity.windows.rules.account_hour.count=8",
        ] {
            let settings = settings(&[UNUSED, &[used]].concat());
            let kept = text(&settings, later);
            let is_on = used.ends_with("enabled=true");
            assert_eq!(kept.contains("texts.EN.pos.correction"), is_on, "{used}");
            assert_eq!(read("kept", &kept, later).expect(used).checks, settings.checks, "{used}");
        }
    }

    #[test]
    fn a_ruleset_under_which_checks_meant_something_else_names_the_release_to_use() {
        let of = |meanings: &'static [&str], kept: &str| {
            let later = Later { parameters: &[], checks: Vec::new(), meanings };
            read("kept", kept, &later).map(|_| ()).map_err(|faults| faults.to_string())
        };
        let later = Later { parameters: &[], checks: Vec::new(), meanings: &["0.1"] };
        let first = text(&settings(&[]), &later);
        let second = format!("catalogue = 2\n{first}");
        assert_eq!(of(&["0.1"], &first), Ok(()));
        assert_eq!(of(&["0.1", "0.4"], &second), Ok(()));
        let older = of(&["0.1", "0.4"], &first).unwrap_err();
        assert!(older.contains("replay with a release from 0.1 on that is older than 0.4"), "{older}");
        let newer = of(&["0.1"], &second).unwrap_err();
        assert!(newer.contains("replay with the release that kept it"), "{newer}");
    }
}
