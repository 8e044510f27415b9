//! `tillgate config check | ruleset | show`

use super::AppError;
use crate::cli::{Common, ConfigCommand};
use crate::codec::rulesets::{hash_of, hash_text};
use std::io::Write;

pub(super) fn run(command: &ConfigCommand, common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Check => {
            let warnings = [settings.registry.warning(), settings.gateway.warning()];
            for warning in warnings.into_iter().flatten() {
                writeln!(std::io::stderr(), "warning: {warning}")?;
            }
            let ruleset = super::engine(&settings);
            writeln!(
                out,
                "the configuration is sound: {} settings, ruleset {}",
                settings.describe().len(),
                ruleset.ruleset()
            )?;
        }
        ConfigCommand::Ruleset { to, contact } => {
            let text = if *contact { settings.contact_text() } else { settings.canonical_text() };
            let Some(folder) = to else { return Ok(write!(out, "{text}")?) };
            let path = super::write_into(folder, &hash_text(hash_of(text)), text)?;
            writeln!(out, "{}", path.display())?;
        }
        ConfigCommand::Show { json: false } => {
            let width = settings.describe().iter().map(|row| row.key.len()).max().unwrap_or(0);
            for row in settings.describe() {
                writeln!(out, "{:<width$} = {}  # {}", row.key, row.value, row.origin)?;
            }
        }
        ConfigCommand::Show { json: true } => {
            let rows = settings.describe().iter().map(|row| {
                serde_json::json!({ "key": row.key, "value": row.value, "origin": row.origin.to_string() })
            });
            writeln!(out, "{:#}", serde_json::Value::from_iter(rows))?;
        }
    }
    Ok(())
}
