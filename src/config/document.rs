//! TOML text -> entries with their positions. Knows nothing of which keys exist. Never shows a source line in a fault:
//! it may hold a secret.

use std::path::Path;
use std::sync::Arc;

use toml_edit::{Document, Item, TableLike, TomlError};

use super::fault::{Faults, Origin};
use super::value::{LayerEntry, Value};

/// All entries of a file's text, sections before what stands in them.
/// A text that is not TOML is one fault and no entry; a key set twice is a fault.
pub fn entries(text: &str, path: &Arc<Path>, faults: &mut Faults) -> Vec<LayerEntry> {
    let origin_at = |offset: usize| {
        let (line, column) = line_and_column(text, offset);
        Origin::File { path: Arc::clone(path), line, column }
    };
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let span = error.span().unwrap_or_default();
            let (key, problem, remedy) = syntax_problem(&error, text.get(span.clone()));
            faults.add(&origin_at(span.start), key, problem, remedy);
            return Vec::new();
        }
    };
    let mut found: Vec<LayerEntry> = Vec::new();
    walk(document.as_table(), "", text, &origin_at, &mut found);
    let mut seen = std::collections::BTreeMap::new();
    for entry in &found {
        if entry.value == Value::Section {
            continue;
        }
        if let Some(first) = seen.insert(entry.key.as_str(), &entry.origin) {
            let problem = format!("is set twice in this file, first at {first}");
            faults.add(&entry.origin, &entry.key, problem, "delete one of the two");
        }
    }
    found
}

/// The entries that setting `key` to `raw` makes: one, or those of an inline table; none where `raw` is no TOML value.
pub fn entries_of_value(key: &str, raw: &str, origin: &Origin) -> Vec<LayerEntry> {
    let text = format!("value = {raw}");
    let Ok(document) = Document::parse(text.as_str()) else {
        return Vec::new();
    };
    let table = document.as_table();
    let mut found = Vec::new();
    if let (1, Some(item)) = (table.len(), table.get("value")) {
        add(item, key.to_owned(), origin.clone(), &text, &|_| origin.clone(), &mut found);
    }
    found
}

/// Key, problem and remedy. `marked` is the text the error points at, shown only where it is a key.
fn syntax_problem<'a>(error: &TomlError, marked: Option<&'a str>) -> (&'a str, String, &'static str) {
    let message = error.message().trim().replace('\n', ", ");
    if message.contains("duplicate key") {
        return (
            marked.unwrap_or_default(),
            "is set twice in this section".to_owned(),
            "delete one of the two",
        );
    }
    let remedy = "correct this line; the rest of the file is looked at after that";
    ("", format!("not valid TOML: {message}"), remedy)
}

fn walk(
    table: &dyn TableLike,
    prefix: &str,
    text: &str,
    origin_at: &dyn Fn(usize) -> Origin,
    found: &mut Vec<LayerEntry>,
) {
    for (name, item) in table.iter() {
        let key = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        let span = table.key(name).and_then(toml_edit::Key::span);
        let span = span.or_else(|| item.span());
        let origin = origin_at(span.map_or(0, |span| span.start));
        add(item, key, origin, text, origin_at, found);
    }
}

/// Adds the entry of one item, and those of what stands in it.
fn add(
    item: &Item,
    key: String,
    origin: Origin,
    text: &str,
    origin_at: &dyn Fn(usize) -> Origin,
    found: &mut Vec<LayerEntry>,
) {
    let nested = item.as_table_like();
    let value = match (nested, item) {
        (Some(_), _) => Value::Section,
        (None, Item::Value(value)) => convert(value, text),
        (None, _) => Value::Foreign("a list of sections"),
    };
    found.push(LayerEntry { key: key.clone(), value, origin });
    if let Some(nested) = nested {
        walk(nested, &key, text, origin_at, found);
    }
}

fn convert(value: &toml_edit::Value, text: &str) -> Value {
    match value {
        toml_edit::Value::String(string) => Value::Text(string.value().clone()),
        toml_edit::Value::Integer(integer) => Value::Integer(*integer.value()),
        toml_edit::Value::Float(_) => {
            let raw = value.span().and_then(|span| text.get(span)).unwrap_or_default();
            Value::Decimal(raw.trim_start_matches('+').replace('_', ""))
        }
        toml_edit::Value::Boolean(flag) => Value::Flag(*flag.value()),
        toml_edit::Value::Array(array) => {
            Value::List(array.iter().map(|value| convert(value, text)).collect())
        }
        toml_edit::Value::Datetime(_) => Value::Foreign("a date"),
        toml_edit::Value::InlineTable(_) => Value::Foreign("a table"),
    }
}

/// Line and column from 1; the column counts characters.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(start..).map_or(0, |line| line.chars().count()) + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(String, String, String)>, Faults) {
        let mut faults = Faults::default();
        let path: Arc<Path> = Arc::from(Path::new("a.toml"));
        let entries = entries(text, &path, &mut faults);
        let rows = entries
            .into_iter()
            .filter(|entry| entry.value != Value::Section)
            .map(|entry| (entry.key, entry.value.to_toml(), entry.origin.to_string()))
            .collect();
        (rows, faults)
    }

    #[test]
    fn keeps_numbers_as_they_were_written() {
        let (rows, _) = read("a = 0.10\nb = 1_000.5e-2\nc = +7\nd = 0x10\ne = [1.50, \"x\"]");
        let values: Vec<&str> = rows.iter().map(|row| row.1.as_str()).collect();
        assert_eq!(values, ["0.10", "1000.5e-2", "7", "16", "[1.50, \"x\"]"]);
    }

    #[test]
    fn knows_line_and_column_of_keys_however_they_are_written() {
        let (rows, _) = read("[k]\n  a.b = 1\n\"c.d\" = 2\ne = { f = 3 }\n");
        let rows: Vec<String> =
            rows.into_iter().map(|(key, value, origin)| format!("{key}={value} {origin}")).collect();
        assert_eq!(rows, ["k.a.b=1 a.toml:2:5", "k.c.d=2 a.toml:3:1", "k.e.f=3 a.toml:4:7"]);
    }

    #[test]
    fn names_line_of_a_syntax_error_and_never_the_text() {
        let (rows, faults) = read("a = 1\nb = hunter2 hunter2\n");
        assert!(rows.is_empty());
        assert_eq!(faults.0.len(), 1);
        assert!(faults.0[0].origin.to_string().starts_with("a.toml:2:"));
        assert!(!faults.to_string().contains("hunter2"), "{faults}");
    }

    #[test]
    fn reports_a_key_set_twice_by_two_spellings() {
        let (_, faults) = read("k.a = 1\n\"k.a\" = 2\n");
        assert_eq!(faults.0.len(), 1);
        assert_eq!(faults.0[0].key, "k.a");
    }

    #[test]
    fn takes_one_value_and_nothing_behind_it() {
        let rows = |raw: &str| -> Vec<String> {
            let found = entries_of_value("a.b", raw, &Origin::Default);
            found.iter().map(|entry| format!("{}={}", entry.key, entry.value.to_toml())).collect()
        };
        assert_eq!(rows("0.50"), ["a.b=0.50"]);
        assert_eq!(rows("{ c = 1, d.e = 2 }"), ["a.b={}", "a.b.c=1", "a.b.d={}", "a.b.d.e=2"]);
        assert!(rows("bare").is_empty());
        assert!(rows("1\nother = 2").is_empty());
    }
}
