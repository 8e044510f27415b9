//! Where settings come from: files, environment variables, `--set` flags. The only place of the configuration that reads
//! the process's environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document;
use super::fault::{Faults, Origin};
use super::schema::{FILES, KeyMeaning, Schema};
use super::value::{LayerEntry, Shape, Value};

/// Names a file or folder where no `--config` is given.
pub const CONFIG_VARIABLE: &str = "TILLGATE_CONFIG";
const PREFIX: &str = "TILLGATE_";

/// Everything that settings are read from, besides the embedded defaults. Not `Debug`: it holds secrets.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config FILE|FOLDER`, in the order given. A folder stands for the default files' names in it.
    pub configs: Vec<PathBuf>,
    /// The process's environment.
    pub environment: BTreeMap<String, String>,
    /// `--set KEY=VALUE`, in the order given.
    pub overrides: Vec<String>,
}

impl Sources {
    /// The flags given, and the environment of this process.
    pub fn of_process(configs: Vec<PathBuf>, overrides: Vec<String>) -> Self {
        let lossless = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            let value = value.to_string_lossy().into_owned();
            Some((name.into_string().ok()?, value))
        };
        Self { configs, environment: std::env::vars_os().filter_map(lossless).collect(), overrides }
    }

    /// The entries of all layers, the weakest first.
    pub(super) fn layers(&self, schema: &Schema, faults: &mut Faults) -> Vec<Vec<LayerEntry>> {
        let mut layers = Vec::new();
        let flag = Origin::Flag("--config".to_owned());
        for config in &self.configs {
            read_config(config, &flag, &mut layers, faults);
        }
        let named = self.environment.get(CONFIG_VARIABLE).filter(|path| !path.is_empty());
        if let (true, Some(config)) = (self.configs.is_empty(), named) {
            let origin = Origin::Environment(CONFIG_VARIABLE.to_owned());
            read_config(Path::new(config), &origin, &mut layers, faults);
        }
        layers.push(self.variables(schema, faults));
        layers.push(self.flags(schema, faults));
        layers
    }

    /// Variables with two underscores are settings; others with the prefix may be anything (Kubernetes makes
    /// TILLGATE_PORT of a service's name) and are left alone, unless one spells a setting.
    fn variables(&self, schema: &Schema, faults: &mut Faults) -> Vec<LayerEntry> {
        let mut found = Vec::new();
        for (name, raw) in &self.environment {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let origin = Origin::Environment(name.clone());
            if rest.contains("__") {
                let key = schema.key_of_variable(rest);
                found.extend(entries(schema, key, raw, &origin, Spelling::Plain));
            } else if let Some(key) = schema.key_of_flat_variable(rest) {
                let proper = key.replace('.', "__").to_ascii_uppercase();
                let remedy = format!("rename the variable to {PREFIX}{proper}");
                faults.add(&origin, key, "has one underscore where levels have two", remedy);
            }
        }
        found
    }

    fn flags(&self, schema: &Schema, faults: &mut Faults) -> Vec<LayerEntry> {
        let mut found = Vec::new();
        for text in &self.overrides {
            let Some((key, raw)) = text.split_once('=') else {
                let origin = Origin::Flag("--set".to_owned());
                let remedy = "write --set KEY=VALUE, such as --set kafka.workers=4";
                faults.add(&origin, text.trim(), "has no value", remedy);
                continue;
            };
            let key = key.trim().to_owned();
            let origin = Origin::Flag(format!("--set {key}"));
            found.extend(entries(schema, key, raw.trim(), &origin, Spelling::Toml));
        }
        found
    }
}

/// One file, or the files of a folder.
fn read_config(path: &Path, named_by: &Origin, layers: &mut Vec<Vec<LayerEntry>>, faults: &mut Faults) {
    if !path.is_dir() {
        layers.push(read_file(path, named_by, faults));
        return;
    }
    let names = FILES.iter().map(|(name, _)| *name);
    let there: Vec<PathBuf> =
        names.clone().map(|name| path.join(name)).filter(|file| file.exists()).collect();
    if there.is_empty() {
        let names = names.collect::<Vec<_>>().join(", ");
        let problem = format!("folder {} holds none of {names}", path.display());
        faults.add(named_by, "", problem, "name the folder of these files, or a file");
    }
    layers.extend(there.iter().map(|file| read_file(file, named_by, faults)));
}

fn read_file(path: &Path, named_by: &Origin, faults: &mut Faults) -> Vec<LayerEntry> {
    match std::fs::read_to_string(path) {
        Ok(text) => document::entries(&text, &Arc::from(path), faults),
        Err(error) => {
            let problem = format!("cannot read {}: {error}", path.display());
            faults.add(named_by, "", problem, "name a file that exists and can be read");
            Vec::new()
        }
    }
}

/// How a value from outside a file is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Texts as they are: what stands in an environment variable has no quotes of its own.
    Plain,
    /// Texts as they are, or quoted as TOML has them.
    Toml,
}

/// The entries of a value from outside a file. What is no text is read as TOML; a table becomes an entry for each key.
pub(super) fn entries(
    schema: &Schema,
    key: String,
    raw: &str,
    origin: &Origin,
    spelling: Spelling,
) -> Vec<LayerEntry> {
    let textual = match schema.place(&key) {
        KeyMeaning::Setting(shape) => matches!(shape, Shape::Text),
        KeyMeaning::Open(map) => matches!(map.shape, Shape::Text | Shape::Scalar),
        KeyMeaning::Section | KeyMeaning::Unknown => false,
    };
    let mut parsed = document::entries_of_value(&key, raw, origin);
    let kept = match parsed.first().map(|entry| &entry.value) {
        Some(Value::Text(_)) => !textual || spelling == Spelling::Toml,
        Some(_) => !textual,
        None => false,
    };
    if !kept {
        parsed = vec![LayerEntry { key, value: Value::Text(raw.to_owned()), origin: origin.clone() }];
    }
    parsed
}
