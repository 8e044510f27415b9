//! `tillgate checks list | show`: the catalogue as the running configuration has it. What a check looks at, its causes and its
//! remedies are docs/checks.md itself, which the program carries with it; numbers, kinds and actions are the catalogue's, and
//! parameters and texts those of the configuration. Decides nothing.

use super::AppError;
use crate::checks::Check;
use crate::cli::{ChecksCommand, Common};
use crate::config::{SettingRow, Settings, nearest};
use crate::domain::code::Code;
use crate::domain::enums::Language;
use std::io::Write;

/// What stands for the answer of a check that has several.
const VARIES: &str = "varies";

const HANDBOOK: &str = include_str!("../../docs/checks.md");

pub(super) fn run(command: &ChecksCommand, common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    let mut out = std::io::stdout().lock();
    match command {
        ChecksCommand::List { json: true } => {
            let all = sections().iter().map(|section| section.json(&settings)).collect();
            writeln!(out, "{:#}", serde_json::Value::Array(all))?;
        }
        ChecksCommand::List { json: false } => {
            for section in sections() {
                writeln!(out, "{}", section.line(&settings))?;
            }
        }
        ChecksCommand::Show { name } => {
            let found: Vec<Section> =
                sections().into_iter().filter(|section| section.is_named(name)).collect();
            if found.is_empty() {
                return Err(AppError::Usage(unknown(name)));
            }
            for (place, section) in found.iter().enumerate() {
                write!(out, "{}{}", if place == 0 { "" } else { "\n\n" }, section.page(&settings))?;
            }
        }
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    let codes = Check::codes();
    let meant = nearest(name, codes.into_iter());
    let meant = meant.map_or_else(String::new, |code| format!(" (did you mean {code}?)"));
    format!("no check has the number or code {name:?}{meant}: `tillgate checks list` has them all")
}

/// What the handbook says of one check, or of one end of a Pending event.
#[derive(Debug)]
struct Section {
    number: Option<u8>,
    title: &'static str,
    codes: Vec<&'static str>,
    body: &'static str,
}

/// All of them, in the order of the handbook.
fn sections() -> Vec<Section> {
    let parts = HANDBOOK.split("\n### ").skip(1);
    parts.filter_map(section).collect()
}

/// A section with a code or a number; others explain what several have in common.
fn section(part: &'static str) -> Option<Section> {
    let (heading, body) = part.split_once('\n')?;
    let body = body.split("\n## ").next().unwrap_or_default().trim_end();
    let (title, codes) = heading.rsplit_once(" (").unwrap_or((heading, ""));
    let codes: Vec<&str> = codes.split('`').skip(1).step_by(2).collect();
    let numbered = title.split_once(". ").and_then(|(number, title)| Some((number.parse().ok()?, title)));
    let (number, title) = numbered.map_or((None, title), |(number, title)| (Some(number), title));
    (number.is_some() || !codes.is_empty()).then_some(Section { number, title, codes, body })
}

impl Section {
    fn is_named(&self, name: &str) -> bool {
        self.codes.iter().any(|code| code.eq_ignore_ascii_case(name))
            || self.number.is_some_and(|number| name.parse() == Ok(number))
    }

    /// Its entry in the catalogue; book-keeping (45) is none.
    fn check(&self) -> Option<Check> {
        let has_first = |check: &&Check| {
            let first = self.codes.first();
            first.is_none_or(|first| check.entry().codes.iter().any(|code| code.as_str() == *first))
        };
        let of_number = |check: &&Check| Some(check.entry().number) == self.number;
        let own = Check::ALL.iter().filter(of_number).find(has_first).copied();
        own.or_else(|| Check::of_code(&self.codes.first().map(|code| Code::of(code))?))
    }

    /// What it answers with this configuration: an outcome, `note`, `off`, or [`VARIES`].
    fn answer(&self, settings: &Settings) -> String {
        let value = |rest: &str| {
            let key = format!("checks.{}{rest}", self.check()?.entry().name);
            let row = settings.describe().iter().find(|row| row.key == key)?;
            Some(row.value.trim_matches('"').to_owned())
        };
        if value(".enabled").as_deref() == Some("false") {
            return "off".to_owned();
        }
        let usual = || {
            let answers = self.body.split("**Answers** ").nth(1)?;
            let word = answers.split(|letter: char| !letter.is_alphabetic()).next()?;
            ["NotEvaluated", "Rejected", "Pending", "Accepted"].contains(&word).then_some(word)
        };
        match value(".outcome").or_else(|| value("")).as_deref() {
            Some("reject") => "Rejected".to_owned(),
            Some("pending") => "Pending".to_owned(),
            Some(other) => other.to_owned(),
            None => usual().unwrap_or(VARIES).to_owned(),
        }
    }

    fn line(&self, settings: &Settings) -> String {
        let number = self.number.map_or_else(String::new, |number| number.to_string());
        let (answer, codes) = (self.answer(settings), self.codes.join(", "));
        format!("{number:>2}  {answer:<12}  {codes:<39}  {}", self.title)
    }

    fn json(&self, settings: &Settings) -> serde_json::Value {
        let entry = self.check().map(Check::entry);
        serde_json::json!({
            "number": self.number,
            "title": self.title,
            "codes": self.codes,
            "answers": self.answer(settings),
            "type": entry.map(|entry| entry.kind.symbol()),
            "actionCode": entry.map(|entry| entry.action.symbol()),
            "since": entry.map(|entry| entry.since),
            "parameters": self.parameters(settings).map(|row| row.key.as_str()).collect::<Vec<_>>(),
        })
    }

    /// The settings that the section names, and those of its place in the catalogue.
    fn parameters<'s>(&self, settings: &'s Settings) -> impl Iterator<Item = &'s SettingRow> {
        let quoted = self.body.split('`').skip(1).step_by(2);
        let mut names: Vec<String> = quoted
            .map(|text| text.split([' ', '=']).next().unwrap_or_default().trim_matches(['[', ']']).to_owned())
            .filter(|name| name.starts_with("checks."))
            .collect();
        names.extend(self.check().map(|check| format!("checks.{}", check.entry().name)));
        settings.describe().iter().filter(move |row| {
            names.iter().any(|name| {
                row.key
                    .strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                    || row.key.starts_with("checks.override.")
                        && row.key.contains(&name.replacen("checks.", ".", 1))
            })
        })
    }

    /// Everything of it.
    fn page(&self, settings: &Settings) -> String {
        let number = self.number.map_or_else(String::new, |number| format!("{number}. "));
        let mut page = format!("{number}{}\n\n", self.title);
        let mut row = |label: &str, text: &str| page.push_str(&format!("{label:<9}{text}\n"));
        row("code", &self.codes.join(", "));
        row("answers", &self.answer(settings));
        if let Some(entry) = self.check().map(Check::entry) {
            row("usually", &format!("{}, {}", entry.kind.symbol(), entry.action.symbol()));
            row("since", entry.since);
        }
        page.push_str(&format!("\n{}\n", self.body.trim_start().replace("**", "")));
        let rows: Vec<_> = self.parameters(settings).collect();
        let width = rows.iter().map(|row| row.key.len()).max().unwrap_or(0);
        if !rows.is_empty() {
            page.push_str("\nParameters, and where they come from:\n");
        }
        for row in rows {
            page.push_str(&format!("  {:<width$} = {}  # {}\n", row.key, row.value, row.origin));
        }
        for code in &self.codes {
            page.push_str(&format!("\nWhat the customer reads ({code}):\n"));
            for language in Language::SPOKEN {
                if let Some(text) = settings.texts.of(code, language, None) {
                    page.push_str(&format!("  {}  {text}\n", language.symbol()));
                }
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_section_with_its_codes_and_its_usual_answer() {
        let settings = crate::config::load(&crate::config::Sources::default()).expect("the defaults");
        let sections = sections();
        for check in Check::ALL {
            let entry = check.entry();
            let own: Vec<_> = sections.iter().filter(|section| section.check() == Some(*check)).collect();
            let codes: Vec<&str> = own.iter().flat_map(|section| section.codes.iter().copied()).collect();
            let known: Vec<&str> = entry.codes.iter().map(Code::as_str).collect();
            assert!(!own.is_empty() && codes.iter().all(|code| known.contains(code)), "{check:?}: {codes:?}");
            for section in own.iter().filter(|section| section.number.is_some()) {
                let body = section.body;
                assert!(body.contains(entry.kind.symbol()), "{check:?}: {}", entry.kind.symbol());
                assert!(body.contains(entry.action.symbol()), "{check:?}: {}", entry.action.symbol());
                let answers = body.split("**Answers**").nth(1).expect("what it answers");
                match section.answer(&settings).as_str() {
                    "note" | "true" | "off" | VARIES => {}
                    answer => assert!(answers.contains(answer), "{check:?}: {answer}"),
                }
            }
        }
    }
}
