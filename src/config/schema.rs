//! Which keys there are, and of what kind: the embedded default files say it, and this file adds the few tables whose
//! keys are free. Merges layers; what does not fit is a fault and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::document;
use super::fault::{Fault, Faults, Origin};
use super::nearest::nearest;
use super::value::{Entry, Leaf, Shape, Value};

/// The default files, in the order they are shown, with the names a folder given by `--config` holds them under.
pub const FILES: &[(&str, &str)] = &[("tillgate.toml", include_str!("../../config/tillgate.toml"))];

/// The merged configuration: effective key -> the entry that won, which keeps the key it was written under.
pub type Tree = BTreeMap<String, Entry>;

/// A table whose keys are free.
#[derive(Clone, Copy, Debug)]
pub struct OpenMap {
    /// The table.
    pub path: &'static str,
    /// What each of its keys takes.
    pub shape: Shape,
    /// Its names have dots of their own, which TOML may write as nested tables and a variable as underscores.
    pub dotted: bool,
}

/// All tables whose keys are free.
pub const OPEN_MAPS: &[OpenMap] = &[OpenMap { path: "kafka.librdkafka", shape: Shape::Scalar, dotted: true }];

/// Below `checks.override.SE` and the like stand the keys of `checks` again.
pub const OVERRIDE: &str = "checks.override";
/// What is repeated below an override.
pub const OVERRIDDEN: &str = "checks";

/// What a key means.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// A setting of this shape.
    Setting(Shape),
    /// An entry of a table with free keys.
    Open(OpenMap),
    Section,
    Unknown,
}

/// The known keys.
#[derive(Debug)]
pub struct Schema {
    shapes: BTreeMap<String, Shape>,
    sections: BTreeSet<String>,
}

impl Schema {
    /// Reads the embedded files: the schema, and the tree of defaults.
    pub fn embedded(faults: &mut Faults) -> (Self, Tree) {
        let mut tree = Tree::new();
        let mut shapes = BTreeMap::new();
        let mut sections = BTreeSet::from([OVERRIDE.to_owned()]);
        sections.extend(OPEN_MAPS.iter().map(|map| map.path.to_owned()));
        for (name, text) in FILES {
            let path: Arc<Path> = Arc::from(Path::new(name));
            for entry in document::entries(text, &path, faults) {
                if entry.leaf.value == Value::Section {
                    sections.insert(entry.key);
                    continue;
                }
                shapes.insert(entry.key.clone(), entry.leaf.value.shape());
                let leaf = Leaf { value: entry.leaf.value, origin: Origin::Default };
                let key = entry.key;
                tree.insert(key.clone(), Entry { key, leaf });
            }
        }
        (Self { shapes, sections }, tree)
    }

    /// What `key` means.
    pub fn place(&self, key: &str) -> Place {
        if let Some(map) = open_map(key) {
            return Place::Open(map);
        }
        if let Some(shape) = self.shapes.get(key) {
            return Place::Setting(*shape);
        }
        if self.sections.contains(key) {
            return Place::Section;
        }
        match overridden(key) {
            Some(None) => Place::Section,
            Some(Some(original)) if overridden(&original).is_none() => self.place(&original),
            Some(Some(_)) | None => Place::Unknown,
        }
    }

    /// The key that the environment variable `TILLGATE_<name>` sets, `name` with `__` between its levels.
    pub fn key_of_variable(&self, name: &str) -> String {
        let written = name.replace("__", ".");
        let mut known = self.shapes.keys();
        if let Some(key) = known.find(|key| key.eq_ignore_ascii_case(&written)) {
            return key.clone();
        }
        for map in OPEN_MAPS {
            let Some((path, name)) = written.split_at_checked(map.path.len()) else {
                continue;
            };
            if path.eq_ignore_ascii_case(map.path) && name.starts_with('.') {
                let name =
                    if map.dotted { name.to_ascii_lowercase().replace('_', ".") } else { name.to_owned() };
                return format!("{}{name}", map.path);
            }
        }
        self.key_of_override_variable(&written).unwrap_or_else(|| written.to_ascii_lowercase())
    }

    fn key_of_override_variable(&self, written: &str) -> Option<String> {
        let (path, rest) = written.split_at_checked(OVERRIDE.len())?;
        if !path.eq_ignore_ascii_case(OVERRIDE) {
            return None;
        }
        let (scope, rest) = rest.strip_prefix('.')?.split_once('.')?;
        let original = self.key_of_variable(&format!("{OVERRIDDEN}__{}", rest.replace('.', "__")));
        let rest = original.strip_prefix(OVERRIDDEN)?;
        Some(format!("{OVERRIDE}.{}{rest}", scope.to_ascii_uppercase()))
    }

    /// The setting that a variable with single underscores for dots was surely meant for.
    pub fn key_of_flat_variable(&self, name: &str) -> Option<&str> {
        let known = self.shapes.keys().map(String::as_str);
        let mut matching = known.filter(|key| key.replace('.', "_").eq_ignore_ascii_case(name));
        matching.next()
    }

    /// Lays `entries` over `tree`.
    pub fn merge(&self, tree: &mut Tree, entries: Vec<Entry>, faults: &mut Faults) {
        let mut refused: Option<String> = None;
        for entry in entries {
            let below_refused = refused
                .as_deref()
                .and_then(|section| entry.key.strip_prefix(section))
                .is_some_and(|rest| rest.starts_with('.'));
            if below_refused {
                continue;
            }
            match self.check(&entry) {
                Err(fault) => {
                    if entry.leaf.value == Value::Section {
                        refused = Some(entry.key);
                    }
                    faults.0.push(fault);
                }
                Ok(()) if entry.leaf.value == Value::Section => {}
                Ok(()) => {
                    tree.insert(entry.key.clone(), entry);
                }
            }
        }
    }

    fn check(&self, entry: &Entry) -> Result<(), Fault> {
        let given = entry.leaf.value.shape();
        let wanted = match self.place(&entry.key) {
            Place::Unknown => return Err(self.unknown(entry)),
            Place::Section => Shape::Section,
            Place::Setting(shape) => shape,
            Place::Open(map) if map.dotted && given == Shape::Section => Shape::Section,
            Place::Open(map) => map.shape,
        };
        if wanted.takes(given) {
            return Ok(());
        }
        let shown = match given {
            Shape::Section => String::new(),
            _ if is_secret(&entry.key) => String::new(),
            _ => format!(" ({})", entry.leaf.value.to_toml()),
        };
        Err(Fault {
            origin: entry.leaf.origin.clone(),
            key: entry.key.clone(),
            problem: format!("is {}{shown} and must be {}", given.words(), wanted.words()),
            remedy: wanted.example().to_owned(),
        })
    }

    fn unknown(&self, entry: &Entry) -> Fault {
        let section = entry.leaf.value == Value::Section;
        Fault {
            origin: entry.leaf.origin.clone(),
            key: entry.key.clone(),
            problem: format!("is not a known {}", if section { "section" } else { "key" }),
            remedy: match self.suggestion(&entry.key, section) {
                Some(key) => format!("did you mean {key}?"),
                None => "`tillgate config show` lists the known ones".to_owned(),
            },
        }
    }

    /// A key near to this one, or one of the same last name elsewhere.
    fn suggestion(&self, key: &str, section: bool) -> Option<String> {
        if let Some(Some(original)) = overridden(key) {
            let scope_end = key.len() - (original.len() - OVERRIDDEN.len());
            let found = self.suggestion(&original, section)?;
            let rest = found.strip_prefix(OVERRIDDEN)?;
            return Some(format!("{}{rest}", &key[..scope_end]));
        }
        if section {
            return nearest(key, self.sections.iter().map(String::as_str)).map(str::to_owned);
        }
        let known = || self.shapes.keys().map(String::as_str);
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let name = last(key);
        let alike = nearest(key, known());
        let alike = alike.or_else(|| {
            let mut same = known().filter(|known| last(known) == name);
            same.next().filter(|_| same.next().is_none())
        });
        alike.map(str::to_owned)
    }
}

/// Whether the value of `key` must never be shown.
pub fn is_secret(key: &str) -> bool {
    const KEYS: &[&str] = &["registry.password", "registry.token"];
    const WORDS: &[&str] =
        &["password", "passphrase", "secret", "token", "jaas", ".pem", "oauthbearer.config"];
    match key.strip_prefix("kafka.librdkafka.") {
        Some(name) => WORDS.iter().any(|word| name.contains(word)),
        None => KEYS.contains(&key),
    }
}

/// The open map that `key` is an entry of.
fn open_map(key: &str) -> Option<OpenMap> {
    let of = |map: &&OpenMap| {
        let rest = key.strip_prefix(map.path).and_then(|rest| rest.strip_prefix('.'));
        rest.is_some_and(|rest| !rest.is_empty())
    };
    OPEN_MAPS.iter().find(of).copied()
}

/// `checks.override.SE.a.b` -> `checks.a.b`; `Some(None)` for the override's own section; `None` for any other key.
fn overridden(key: &str) -> Option<Option<String>> {
    let below = key.strip_prefix(OVERRIDE)?.strip_prefix('.')?;
    let rest = below.split_once('.').map(|(_, rest)| rest);
    Some(rest.map(|rest| format!("{OVERRIDDEN}.{rest}")))
}
