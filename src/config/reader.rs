//! Typed access to the merged tree. A value that does not fit is noted as a fault and replaced by something harmless, so
//! that one run finds every fault; the caller throws the result away where there was one.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::fault::{Faults, Origin};
use super::nearest::nearest;
use super::schema::{Tree, is_secret};
use super::secret::Secret;
use super::units;
use super::value::{LayerEntry, Value};
use crate::domain::{Amount, Decimal, Micros};

/// How a quantity is read and shown.
type Unit = (fn(&str) -> Option<i64>, fn(i64) -> String);

/// Reads settings, and keeps the faults and what was read.
#[derive(Debug)]
pub struct SettingsReader<'a> {
    tree: &'a Tree,
    environment: &'a BTreeMap<String, String>,
    /// What is wrong with a key that is not there, and what to do.
    absent: (&'static str, &'static str),
    /// What was found wrong so far.
    pub faults: Faults,
    /// Every key read, with its value in one spelling: "120s" and "2min" are the same here.
    pub canonical: BTreeMap<String, String>,
}

impl<'a> SettingsReader<'a> {
    /// A reader that adds to `faults`.
    pub fn new(tree: &'a Tree, environment: &'a BTreeMap<String, String>, faults: Faults) -> Self {
        let absent = ("has no default", "report this as a defect of tillgate");
        Self { tree, environment, absent, faults, canonical: BTreeMap::new() }
    }

    /// A reader of a kept ruleset, which has no defaults.
    pub fn of_ruleset(
        tree: &'a Tree,
        environment: &'a BTreeMap<String, String>,
        faults: Faults,
        remedy: &'static str,
    ) -> Self {
        Self { absent: ("is not in the ruleset", remedy), ..Self::new(tree, environment, faults) }
    }

    /// The same reader over another tree, while `read` runs.
    pub fn over<T>(&mut self, tree: &Tree, read: impl FnOnce(&mut SettingsReader) -> T) -> T {
        let mut reader = SettingsReader {
            tree,
            environment: self.environment,
            absent: self.absent,
            faults: std::mem::take(&mut self.faults),
            canonical: std::mem::take(&mut self.canonical),
        };
        let result = read(&mut reader);
        self.faults = reader.faults;
        self.canonical = reader.canonical;
        result
    }

    /// A text, possibly empty.
    pub fn text(&mut self, key: &str) -> String {
        let Some(entry) = self.entry(key) else {
            return String::new();
        };
        let Value::Text(text) = &entry.value else {
            self.misplaced(entry);
            return String::new();
        };
        let shown = if is_secret(&entry.key) { "***".to_owned() } else { entry.value.to_toml() };
        self.canonical.insert(entry.key.clone(), shown);
        text.clone()
    }

    /// A text with something in it.
    pub fn name(&mut self, key: &str) -> String {
        let text = self.text(key);
        if text.trim().is_empty() {
            self.refuse(key, "is empty", "give it a value");
        }
        text
    }

    /// True or false.
    pub fn flag(&mut self, key: &str) -> bool {
        let Some(entry) = self.entry(key) else {
            return false;
        };
        let Value::Flag(flag) = entry.value else {
            self.misplaced(entry);
            return false;
        };
        self.canonical.insert(entry.key.clone(), flag.to_string());
        flag
    }

    /// A whole number within `range`.
    pub fn integer<T>(&mut self, key: &str, range: RangeInclusive<T>) -> T
    where
        T: Copy + Into<i64> + TryFrom<i64>,
    {
        let (low, high) = (*range.start(), *range.end());
        let Some(entry) = self.entry(key) else {
            return low;
        };
        let Value::Integer(number) = entry.value else {
            self.misplaced(entry);
            return low;
        };
        self.canonical.insert(entry.key.clone(), number.to_string());
        let fitting = T::try_from(number).ok();
        let within = (low.into()..=high.into()).contains(&number);
        let Some(value) = fitting.filter(|_| within) else {
            let remedy = format!("choose a whole number from {} to {}", low.into(), high.into());
            self.refuse(key, format!("is {number}, which is out of range"), remedy);
            return low;
        };
        value
    }

    /// A number of things within `range`.
    pub fn count(&mut self, key: &str, range: RangeInclusive<usize>) -> usize {
        let bound = |bound: &usize| u32::try_from(*bound).unwrap_or(u32::MAX);
        self.integer(key, bound(range.start())..=bound(range.end())) as usize
    }

    /// An exact number within `range`, with at most `decimals` digits behind the point.
    pub fn decimal(&mut self, key: &str, range: RangeInclusive<Decimal>, decimals: u8) -> Decimal {
        let low = *range.start();
        let Some(entry) = self.entry(key) else {
            return low;
        };
        let raw = match &entry.value {
            Value::Decimal(raw) => raw.clone(),
            Value::Integer(number) => number.to_string(),
            _ => {
                self.misplaced(entry);
                return low;
            }
        };
        let Ok(value) = Decimal::parse(&raw) else {
            let remedy = format!("write a plain number with at most {decimals} decimals and 18 digits");
            self.refuse(key, format!("is {raw}, which cannot be held exactly"), remedy);
            return low;
        };
        self.canonical.insert(entry.key.clone(), plain(value));
        if value.decimals() > decimals {
            let remedy = format!("write it with at most {decimals}");
            self.refuse(key, format!("is {raw}, which has {} decimals", value.decimals()), remedy);
            return low;
        }
        if value.exact() < low.exact() || value.exact() > range.end().exact() {
            let remedy = format!("choose a number from {} to {}", plain(low), plain(*range.end()));
            self.refuse(key, format!("is {raw}, which is out of range"), remedy);
            return low;
        }
        value
    }

    /// An exact number as [`Self::decimal`] reads it, or nothing where `word` stands in its place.
    pub fn decimal_or(
        &mut self,
        key: &str,
        word: &str,
        range: RangeInclusive<Decimal>,
        decimals: u8,
    ) -> Option<Decimal> {
        if !matches!(self.tree.get(key).map(|entry| &entry.value), Some(Value::Text(_))) {
            return Some(self.decimal(key, range, decimals));
        }
        let text = self.text(key);
        if text != word {
            let remedy = format!("write \"{word}\", or an amount without quotes, such as 0.02");
            self.refuse(key, format!("is {text:?}, which is no amount"), remedy);
        }
        None
    }

    /// An amount of money, not negative.
    pub fn amount(&mut self, key: &str) -> Amount {
        let range = Decimal::ZERO..=Decimal::new(99_999_999_999_999, 0).unwrap_or(Decimal::ZERO);
        Amount::from_decimal(self.decimal(key, range, 4)).unwrap_or(Amount::ZERO)
    }

    /// A span of time within `range`.
    pub fn span(&mut self, key: &str, range: RangeInclusive<Micros>) -> Micros {
        let (low, high) = (range.start().0, range.end().0);
        let found = self.quantity(
            key,
            (units::micros, units::show_micros),
            low..=high,
            "\"500ms\", \"2min\", \"72h\", \"30d\"",
        );
        Micros(found)
    }

    /// A duration within `range`, for the shell.
    pub fn duration(&mut self, key: &str, range: RangeInclusive<Duration>) -> Duration {
        let micros = |duration: &Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        let span = self.span(key, Micros(micros(range.start()))..=Micros(micros(range.end())));
        Duration::from_micros(span.0.unsigned_abs())
    }

    /// A number of bytes within `range`.
    pub fn bytes(&mut self, key: &str, range: RangeInclusive<u32>) -> usize {
        let range = i64::from(*range.start())..=i64::from(*range.end());
        let low = *range.start();
        let found = self.quantity(key, (units::bytes, units::show_bytes), range, "\"900KiB\", \"8MiB\"");
        usize::try_from(found.max(low)).unwrap_or(usize::MAX)
    }

    /// One of `choices`, by name. The first one stands in for a faulty one.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> T {
        let text = self.text(key);
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return *value;
        }
        self.refuse_choice(key, &text, &choices.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        choices[0].1
    }

    /// A list of texts.
    pub fn list(&mut self, key: &str) -> Vec<String> {
        let Some(entry) = self.entry(key) else {
            return Vec::new();
        };
        let Value::List(values) = &entry.value else {
            self.misplaced(entry);
            return Vec::new();
        };
        self.canonical.insert(entry.key.clone(), entry.value.to_toml());
        let mut texts = Vec::with_capacity(values.len());
        for value in values {
            if let Value::Text(text) = value {
                texts.push(text.clone());
            } else {
                let problem = format!("holds {}, which is no text", value.to_toml());
                self.refuse(key, problem, "write every entry in quotes");
            }
        }
        texts
    }

    /// A list of some of `choices`, by name.
    pub fn choices<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Vec<T> {
        let mut found = Vec::new();
        for text in self.list(key) {
            match choices.iter().find(|(name, _)| *name == text) {
                Some((_, value)) => found.push(*value),
                None => {
                    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                    self.refuse_choice(key, &text, &names);
                }
            }
        }
        found
    }

    /// A file or folder; a relative path starts at the folder of the file it was written in. Empty: nothing.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key);
        let origin = self.origin(key);
        (!text.is_empty()).then(|| match origin.folder() {
            Some(folder) => folder.join(&text),
            None => PathBuf::from(&text),
        })
    }

    /// A secret: the text itself, or what `env:NAME` or `file:PATH` stands for.
    pub fn secret(&mut self, key: &str) -> Secret {
        let text = self.text(key);
        self.resolve_secret(key, &text)
    }

    /// The secret that `text`, the value of `key`, stands for.
    pub fn resolve_secret(&mut self, key: &str, text: &str) -> Secret {
        if let Some(name) = text.strip_prefix("env:") {
            if let Some(value) = self.environment.get(name) {
                return Secret::new(value);
            }
            let problem = format!("takes environment variable {name}, which is not set");
            self.refuse(key, problem, "set the variable or name another one");
            return Secret::default();
        }
        let Some(path) = text.strip_prefix("file:") else {
            return Secret::new(text);
        };
        let path = self.origin(key).folder().map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
        match std::fs::read_to_string(&path) {
            Ok(content) => Secret::new(content.trim_end_matches(['\r', '\n'])),
            Err(error) => {
                let problem = format!("takes file {}, which cannot be read: {error}", path.display());
                self.refuse(key, problem, "name a file that exists and can be read");
                Secret::default()
            }
        }
    }

    /// Names and entries below an open map.
    pub fn open(&self, path: &str) -> Vec<(&'a str, &'a LayerEntry)> {
        let below = format!("{path}.");
        let entries = self.tree.range(below.clone()..);
        let entries = entries.map_while(|(key, entry)| Some((key.strip_prefix(&below)?, entry)));
        entries.collect()
    }

    /// Names of the sections below an open map, each with the first entry in it.
    pub fn sections(&self, path: &str) -> Vec<(&'a str, &'a LayerEntry)> {
        let entries = self.open(path).into_iter();
        let mut sections: Vec<_> =
            entries.map(|(below, entry)| (below.split('.').next().unwrap_or(below), entry)).collect();
        sections.dedup_by_key(|(name, _)| *name);
        sections
    }

    /// Whether there is a value of `key`.
    pub fn has(&self, key: &str) -> bool {
        self.tree.contains_key(key)
    }

    /// Where the value of `key` was written.
    pub fn origin(&self, key: &str) -> Origin {
        self.tree.get(key).map_or(Origin::Default, |entry| entry.origin.clone())
    }

    /// Notes that the value of `key` is wrong, under the key and at the place it was written.
    pub fn refuse(&mut self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        let written = self.tree.get(key).map_or(key, |entry| entry.key.as_str());
        self.faults.add(&self.origin(key), written, problem, remedy);
    }

    /// Whether nothing was found wrong with these keys: only then does it make sense to compare them.
    pub fn sound(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| {
            let written = self.tree.get(*key).map_or(*key, |entry| entry.key.as_str());
            !self.faults.concern(key) && !self.faults.concern(written)
        })
    }

    fn entry(&mut self, key: &str) -> Option<&'a LayerEntry> {
        let found = self.tree.get(key);
        if found.is_none() {
            self.faults.add(&Origin::Default, key, self.absent.0, self.absent.1);
        }
        found
    }

    /// The default is of a shape the code does not expect, or an open map took what it should not have.
    fn misplaced(&mut self, entry: &LayerEntry) {
        let shape = entry.value.shape().words();
        let problem = format!("is {shape}, which cannot stand here");
        self.faults.add(&entry.origin, &entry.key, problem, "look at the default and its comment");
    }

    fn refuse_choice(&mut self, key: &str, text: &str, names: &[&str]) {
        let listed: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        let remedy = match nearest(text, names.iter().copied()) {
            Some(name) => format!("did you mean {name:?}? choose one of {}", listed.join(", ")),
            None => format!("choose one of {}", listed.join(", ")),
        };
        self.refuse(key, format!("is {text:?}, which is not a choice"), remedy);
    }

    /// A number with its unit.
    fn quantity(
        &mut self,
        key: &str,
        (parse, show): Unit,
        range: RangeInclusive<i64>,
        examples: &str,
    ) -> i64 {
        let low = *range.start();
        let Some(entry) = self.entry(key) else {
            return low;
        };
        let Value::Text(text) = &entry.value else {
            self.misplaced(entry);
            return low;
        };
        let Some(found) = parse(text) else {
            let remedy = format!("write a whole number and its unit, such as {examples}");
            self.refuse(key, format!("is {text:?}, which is not a number with a unit"), remedy);
            return low;
        };
        self.canonical.insert(entry.key.clone(), show(found));
        if !range.contains(&found) {
            let remedy = format!("choose from {} to {}", show(low), show(*range.end()));
            self.refuse(key, format!("is {text:?}, which is out of range"), remedy);
            return low;
        }
        found
    }
}

/// All values of an enum as choices.
pub fn named<T: Copy>(all: &[T], symbol: fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    all.iter().map(|one| (symbol(*one), *one)).collect()
}

/// A decimal without zeros that say nothing.
fn plain(decimal: Decimal) -> String {
    let (units, scale) = decimal.normalised();
    Decimal::new(units.into(), scale).map_or_else(String::new, |decimal| decimal.to_string())
}
