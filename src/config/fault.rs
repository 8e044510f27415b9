//! What is wrong with a configuration, where it stands and what to do about it. A fault never carries
//! the value of a secret: whoever makes one leaves that value out.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::domain::visible::visible;

/// Where a value was written. Ordered as the layers are: what comes later wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The defaults built into the binary.
    Default,
    /// A file, with the line and column (from 1) of the key.
    File {
        /// The file, as it was named.
        path: Arc<Path>,
        /// Line number, from 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// An environment variable, by name.
    Environment(String),
    /// A command line flag, without the value it was given.
    Flag(String),
}

impl Origin {
    /// The folder of the file that the value stands in: relative paths start there.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => path.parent(),
            Self::Default | Self::Environment(_) | Self::Flag(_) => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File { path, line, column } => {
                write!(out, "{}:{line}:{column}", path.display())
            }
            Self::Environment(name) => write!(out, "environment variable {name}"),
            Self::Flag(flag) => out.write_str(flag),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SettingFault {
    /// Where the faulty text stands.
    pub origin: Origin,
    /// The key it is about, dotted; empty where a whole file cannot be read.
    pub key: String,
    /// What is wrong, without the key.
    pub problem: String,
    /// What the operator should do about it.
    pub remedy: String,
}

/// Keys and values are what somebody wrote: a terminal must not obey them.
impl fmt::Display for SettingFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.key.is_empty() { "" } else { ": " };
        writeln!(out, "{}", visible(&self.origin.to_string()))?;
        writeln!(out, "  {}{separator}{}", visible(&self.key), visible(&self.problem))?;
        write!(out, "  {}", visible(&self.remedy))
    }
}

/// Everything that is wrong with a configuration, in the order of its layers; never empty when returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<SettingFault>);

impl Faults {
    /// Notes one more fault.
    pub fn add(&mut self, origin: &Origin, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(SettingFault {
            origin: origin.clone(),
            key: key.to_owned(),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// Whether a fault was noted about this key.
    pub fn concern(&self, key: &str) -> bool {
        self.0.iter().any(|fault| fault.key == key)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => out.write_str("1 fault in the configuration")?,
            count => write!(out, "{count} faults in the configuration")?,
        }
        for fault in &self.0 {
            write!(out, "\n\n{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
