//! What customers read: a text for every code in every conversation language, built in or from a folder. Complete or
//! refused: a customer must never meet a code without a text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document;
use super::fault::{Faults, Origin};
use super::nearest::nearest;
use super::reader::SettingsReader;
use super::value::{LayerEntry, Shape, Value};
use crate::checks::texts::TextFault;
use crate::checks::{Check, Texts};
use crate::domain::enums::Language;
use crate::domain::limits::TEXT_CHARS_MAX;

/// The setting that names the folder.
pub const DIR: &str = "texts.dir";

/// The texts of the folder `texts.dir`, where a language without a file keeps the built-in ones; nothing where faults
/// were found.
pub fn read(reader: &mut SettingsReader) -> Option<Texts> {
    let folder = reader.path(DIR);
    if let Some(folder) = &folder {
        look_through(folder, reader);
    }
    let mut texts = BTreeMap::new();
    let mut origins = BTreeMap::new();
    for language in Language::SPOKEN {
        let (path, content) = content(language, folder.as_deref(), reader);
        let path: Arc<Path> = Arc::from(path);
        let end = Origin::File { path: Arc::clone(&path), line: content.lines().count().max(1), column: 1 };
        origins.insert((language, String::new()), end);
        for LayerEntry { key: code, value, origin } in document::entries(&content, &path, &mut reader.faults)
        {
            let text = match value {
                Value::Section => continue,
                Value::Text(text) => text,
                other => {
                    let problem = format!("is {} and must be a text", other.shape().words());
                    reader.faults.add(&origin, &code, problem, Shape::Text.example());
                    String::from("-")
                }
            };
            let key = format!("texts.{}.{code}", language.symbol());
            reader.canonical.insert(key, Value::Text(text.clone()).to_toml());
            origins.insert((language, code.clone()), origin);
            texts.insert((language, code), text);
        }
    }
    match Texts::new(&texts) {
        Ok(texts) => Some(texts),
        Err(found) => {
            report(&found, &origins, &mut reader.faults);
            None
        }
    }
}

/// Notes what is wrong with the texts; what is missing once for each language.
fn report(found: &[TextFault], origins: &BTreeMap<(Language, String), Origin>, faults: &mut Faults) {
    let mut missing: BTreeMap<Language, Vec<&str>> = BTreeMap::new();
    let origin = |language: Language, code: &str| {
        let known = origins.get(&(language, code.to_owned()));
        known.cloned().unwrap_or(Origin::Default)
    };
    for fault in found {
        match fault {
            TextFault::Missing { code, language } => missing.entry(*language).or_default().push(code),
            TextFault::UnknownCode { code, language } => {
                let remedy = match nearest(code, Check::codes().into_iter()) {
                    Some(code) => format!("did you mean {code}?"),
                    None => "delete the line; docs/checks.md lists the codes".to_owned(),
                };
                faults.add(&origin(*language, code), code, "is not a code", remedy);
            }
            TextFault::Unfit { code, language } => {
                let remedy = format!("write a text of 1 to {TEXT_CHARS_MAX} characters");
                faults.add(&origin(*language, code), code, "is blank or too long", remedy);
            }
        }
    }
    for (language, codes) in missing {
        let problem = format!("language {language} has no text for {}", codes.join(", "));
        faults.add(&origin(language, ""), "", problem, "add a line for each");
    }
}

/// Notes what is wrong with the folder itself.
fn look_through(folder: &Path, reader: &mut SettingsReader) {
    let known = Language::SPOKEN.map(file_name).join(", ");
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) => {
            let problem = format!("is {}, which cannot be read: {error}", folder.display());
            reader.refuse(DIR, problem, "name a folder that exists and can be read");
            return;
        }
    };
    let mut paths: Vec<PathBuf> = listed.flatten().map(|file| file.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    if paths.is_empty() {
        let problem = format!("is {}, which holds no texts", folder.display());
        reader.refuse(DIR, problem, format!("put files there, one a language: {known}"));
    }
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !Language::SPOKEN.iter().any(|language| file_name(*language) == name) {
            let problem = format!("holds {name}, which is not a language");
            reader.refuse(DIR, problem, format!("rename or remove it; the languages are {known}"));
        }
    }
}

/// Where the texts of a language stand, and the file's content.
fn content(language: Language, folder: Option<&Path>, reader: &mut SettingsReader) -> (PathBuf, String) {
    let (name, built_in) = built_in(language);
    if let Some(path) = folder.map(|folder| folder.join(name)).filter(|path| path.exists()) {
        match std::fs::read_to_string(&path) {
            Ok(content) => return (path, content),
            Err(error) => {
                let problem = format!("holds {name}, which cannot be read: {error}");
                reader.refuse(DIR, problem, "let the file be read");
            }
        }
    }
    (Path::new("texts").join(name), built_in.to_owned())
}

fn file_name(language: Language) -> &'static str {
    built_in(language).0
}

/// The name of a language's file, and the texts that are built in.
fn built_in(language: Language) -> (&'static str, &'static str) {
    match language.spoken() {
        Language::No => ("no.toml", include_str!("../../config/texts/no.toml")),
        Language::Sv => ("sv.toml", include_str!("../../config/texts/sv.toml")),
        Language::Fi => ("fi.toml", include_str!("../../config/texts/fi.toml")),
        Language::Da => ("da.toml", include_str!("../../config/texts/da.toml")),
        Language::De => ("de.toml", include_str!("../../config/texts/de.toml")),
        Language::Nl => ("nl.toml", include_str!("../../config/texts/nl.toml")),
        Language::Fr => ("fr.toml", include_str!("../../config/texts/fr.toml")),
        _ => ("en.toml", include_str!("../../config/texts/en.toml")),
    }
}
