//! `tillgate contract openapi | asyncapi | page | schemas`: the documents that machines read, by the configuration at hand.

use super::AppError;
use crate::cli::{Common, ContractCommand};
use crate::contract;
use std::io::Write;

pub(super) fn run(command: &ContractCommand, common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    let mut out = std::io::stdout().lock();
    match command {
        ContractCommand::Openapi => {
            write!(out, "{}", contract::openapi(&contract::FormBounds::of(&settings.checks)))?
        }
        ContractCommand::Asyncapi => {
            write!(out, "{}", contract::asyncapi(&settings.kafka, &settings.topics))?
        }
        ContractCommand::Page => {
            let openapi = contract::openapi(&contract::FormBounds::of(&settings.checks));
            write!(out, "{}", contract::page(&openapi))?;
        }
        ContractCommand::Schemas { folder } => {
            for (name, text) in contract::files(&settings) {
                let path = super::write_into(folder, &name, &text)?;
                writeln!(out, "{}", path.display())?;
            }
        }
    }
    Ok(())
}
