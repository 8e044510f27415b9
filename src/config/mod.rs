//! Configuration: embedded defaults < files < environment < `--set`, every fault found at once with its place and
//! remedy. Never guesses what was meant: what does not fit is refused. Never shows a secret.

mod authorities;
mod checks;
mod contact;
mod document;
mod fault;
mod gateway;
mod later;
mod layers;
pub(crate) mod librdkafka;
mod nearest;
mod reader;
mod ruleset;
mod schema;
mod secret;
mod settings;
mod texts;
mod topics;
pub mod units;
mod value;

use std::net::SocketAddr;
use std::sync::Arc;

pub use authorities::trusted;
pub use contact::{is_of_contact, read_rules};
pub use fault::{Faults, Origin, SettingFault};
pub use gateway::{
    ApiKey, AuthSettings, GatewaySettings, JwksPlace, KEY_HASH, Scope, TlsSettings, TokenSettings,
    is_client_name,
};
pub use layers::{CONFIG_VARIABLE, Sources};
pub use nearest::nearest;
pub use ruleset::{Ruleset, read_ruleset};
pub use schema::FILES;
pub use secret::Secret;
pub use settings::{
    AvroFraming, BatchLimits, ContactSettings, GroupProtocol, JournalSettings, KafkaSettings, LogSettings,
    OnLostInput, OutputFormat, OutputSettings, ProfileSettings, RegistryAuth, RegistrySettings,
};
pub use topics::TopicSettings;

use later::Later;
use reader::SettingsReader;
use schema::{Schema, Tree, is_secret};
use value::Value;

use crate::checks::{ParameterSets, Texts};
use crate::contact::Rules;

/// Everything a run is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Cluster, group, workers and transactions.
    pub kafka: KafkaSettings,
    /// Names, and how they are created.
    pub topics: TopicSettings,
    /// The shared profiles.
    pub profiles: ProfileSettings,
    /// Contact decisions.
    pub contact: ContactSettings,
    /// The rules of contact decisions.
    pub contact_rules: Arc<Rules>,
    /// The schema registry.
    pub registry: RegistrySettings,
    /// How outcomes are written.
    pub output: OutputSettings,
    /// The state journal.
    pub journal: JournalSettings,
    /// Where `/metrics`, `/healthz` and `/readyz` are served; none: nowhere.
    pub admin: Option<SocketAddr>,
    /// Requests over HTTP, and who may send them.
    pub gateway: GatewaySettings,
    /// Format and level of log lines.
    pub log: LogSettings,
    /// Parameters of the checks, by country and currency.
    pub checks: ParameterSets,
    /// What customers read.
    pub texts: Texts,
    rows: Vec<SettingRow>,
    ruleset: String,
    contact_text: String,
}

/// One setting, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingRow {
    /// Dotted name, such as `kafka.workers`.
    pub key: String,
    /// As TOML writes it; `"***"` for a secret.
    pub value: String,
    /// Where the value was written.
    pub origin: Origin,
}

impl Settings {
    /// Every setting with its value and where it came from, sorted by key; secrets masked.
    pub fn describe(&self) -> &[SettingRow] {
        &self.rows
    }

    /// Everything that decides what an outcome says: a line `key = value` for each parameter of the checks and each
    /// text, sorted, every value in one spelling ("120s" and "2min" are the same here). The ruleset's hash is taken
    /// of this, and this is what is kept of it: [`read_ruleset`] makes the same parameters and texts of it again.
    pub fn canonical_text(&self) -> &str {
        &self.ruleset
    }

    /// The same of what decides whether a person may be contacted; [`read_rules`] makes the same rules of it again.
    pub fn contact_text(&self) -> &str {
        &self.contact_text
    }
}

/// Reads and checks all settings.
///
/// # Errors
/// All faults of all layers, in the order of the layers.
pub fn load(sources: &Sources) -> Result<Settings, Faults> {
    let mut faults = Faults::default();
    let (schema, mut tree) = Schema::embedded(&mut faults);
    for layer in sources.layers(&schema, &mut faults) {
        schema.merge(&mut tree, layer, &mut faults);
    }
    let mut reader = SettingsReader::new(&tree, &sources.environment, faults);
    let settings = read(&mut reader, &tree);
    let mut faults = reader.faults;
    match settings {
        Some(settings) if faults.0.is_empty() => Ok(settings),
        _ => {
            faults.0.sort();
            faults.0.dedup();
            Err(faults)
        }
    }
}

/// The settings; nothing only where faults were found.
fn read(reader: &mut SettingsReader, tree: &Tree) -> Option<Settings> {
    let topics = topics::topics(reader);
    let profiles = ProfileSettings::read(reader);
    let contact = ContactSettings::read(reader);
    let registry = settings::registry(reader);
    let kafka = settings::kafka(reader);
    let output = settings::output(reader, &registry);
    let journal = settings::journal(reader, kafka.message_bytes_max);
    let admin = settings::admin(reader, "admin.listen");
    let gateway = gateway::gateway(reader);
    let log = LogSettings::read(reader);
    let checks = checks::read(reader, tree);
    let texts = texts::read(reader);
    let (contact_rules, contact_text) = contact::read(reader);
    let contact_rules = Arc::new(contact_rules);
    Some(Settings {
        kafka,
        topics,
        profiles,
        contact,
        contact_rules,
        registry,
        output,
        journal,
        admin,
        gateway,
        log,
        checks,
        texts: texts?,
        rows: rows(tree),
        ruleset: Later::of_this_program().text(&reader.canonical),
        contact_text,
    })
}

fn rows(tree: &Tree) -> Vec<SettingRow> {
    let row = |(key, entry): (&String, &value::LayerEntry)| SettingRow {
        key: key.clone(),
        value: show_value(key, &entry.value),
        origin: entry.origin.clone(),
    };
    tree.iter().map(row).collect()
}

/// A value for people: a secret is masked, where it is kept is not.
fn show_value(key: &str, value: &Value) -> String {
    let elsewhere = |text: &str| text.is_empty() || text.starts_with("env:") || text.starts_with("file:");
    match value {
        Value::Text(text) if is_secret(key) && !elsewhere(text) => "\"***\"".to_owned(),
        value if is_secret(key) && !matches!(value, Value::Text(_)) => "\"***\"".to_owned(),
        Value::Text(text) => Value::Text(without_user(text)).to_toml(),
        value => value.to_toml(),
    }
}

/// A text without the user and the password that an address in it may name: all between `://` and the last `@`.
fn without_user(text: &str) -> String {
    match text.split_once("://").map(|(scheme, rest)| (scheme, rest.rsplit_once('@'))) {
        Some((scheme, Some((_, place)))) => format!("{scheme}://***@{place}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_read_by_code() {
        let mut faults = Faults::default();
        let (_, tree) = Schema::embedded(&mut faults);
        let environment = std::collections::BTreeMap::new();
        let mut reader = SettingsReader::new(&tree, &environment, faults);
        read(&mut reader, &tree);
        assert_eq!(reader.faults, Faults::default());
        let unread: Vec<&String> =
            tree.keys().filter(|key| !reader.canonical.contains_key(key.as_str())).collect();
        assert!(unread.is_empty(), "settings without effect: {unread:?}");
    }
}
