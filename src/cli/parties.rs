//! `tillgate parties`, and the files of contact decisions.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `tillgate parties`
#[derive(Subcommand, Debug)]
#[command(after_help = "\
A party record says how a person is reached, what they agreed to, and what speaks against it: docs/contact.md. The latest record \
of a person counts, as a whole. They are written to topics.party_records; contact.enabled must be set.

Examples:
  tillgate parties put '{\"partyId\": \"P-1\", \"jurisdiction\": \"US-NY\", \"timeZones\": [\"America/New_York\"]}'
  tillgate parties import parties.jsonl
  tillgate parties get P-1
  tillgate parties remove P-1

Exit codes: 0 done, 1 failed, or nothing is known of the person, 2 the command line or the configuration is wrong.")]
pub enum PartiesCommand {
    /// Write the record of a person, as JSON
    Put {
        /// The record; - reads it from standard input
        #[arg(value_name = "JSON|-")]
        record: String,
    },
    /// Take the record of a person away; accounts and interactions stay known
    Remove {
        /// The partyId
        party: String,
    },
    /// Print what is known about a person now, as JSON: record, accounts, new contacts, interactions
    Get {
        /// The partyId
        party: String,
    },
    /// Write the records of a file, JSON Lines
    Import {
        /// The file; - is standard input
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
    },
}

/// What contact decisions of `tillgate check` are made of.
#[derive(Args, Debug)]
pub struct ContactFiles {
    /// Contact requests: decide whether persons may be contacted; - is standard input
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["events", "account_events", "profile_records", "format", "partitions"])]
    pub contact_requests: Option<PathBuf>,
    /// Of an export: the contact decisions instead of POS events
    #[arg(long, requires = "export", conflicts_with = "format")]
    pub contact: bool,
    /// Interactions that took place
    #[arg(long, value_name = "FILE", requires = "contact_requests")]
    pub interactions: Option<PathBuf>,
    /// Party records, as for `tillgate parties import`
    #[arg(long, value_name = "FILE", requires = "contact_requests")]
    pub party_records: Option<PathBuf>,
    /// Facts of persons' accounts, as in topics.parties
    #[arg(long, value_name = "FILE", requires = "contact_requests")]
    pub party_facts: Option<PathBuf>,
}
