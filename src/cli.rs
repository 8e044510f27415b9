//! The command line: commands, flags and their help. Runs nothing.

use crate::config::{OutputFormat, Scope, is_client_name};
use crate::domain::{Micros, PartitionId};
use crate::kafka::cluster::topics::TimestampSource;
use crate::replay::ReplayFrom;
use clap::builder::TypedValueParser;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

mod parties;

pub use parties::{ContactFiles, PartiesCommand};

/// Risk-checks point-of-sale events: exact, exactly once, explained, replayable.
#[derive(Debug, Parser)]
#[command(name = "tillgate", version, propagate_version = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tillgate demo                                       a first look, without any Kafka
  tillgate check --events events.jsonl.zst --summary  what would be decided on a file of events
  tillgate load --rate 1000                           generated events into Kafka, mistakes included
  tillgate explain txn_1j1awwebat42657a2zd8xavtdm     one decision, line by line
  tillgate checks show pos.item.gross                 a code: what it means, and what to do about it
  tillgate config show                                every setting, and where it comes from
  tillgate topics check --set kafka.bootstrap_servers=broker:9092
  tillgate run --config /etc/tillgate
  tillgate replay --verify --config /etc/tillgate     decided again, compared byte by byte

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong, 3 lines of a file were lost (check).";

/// Flags of every command.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// A config file, or a folder with tillgate.toml, checks.toml, contact.toml; may be given again, later ones win
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Vec<PathBuf>,
    /// Override a setting, such as checks.basket.item_amounts=line; may be given again
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take a first look: generated events through the real worker, on a broker inside this process
    Demo(crate::demo::DemoArgs),
    /// Decide on the events of a Kafka cluster, exactly once, until SIGTERM or SIGINT
    #[command(after_help = "\
Takes part in the consumer group kafka.group_id; further processes with the same settings share the partitions. \
The topics must be there: see `tillgate topics`. SIGTERM commits what is held and leaves the group; a second one \
ends the process at once, which loses nothing either.

Examples:
  tillgate run --set kafka.bootstrap_servers=broker-1:9092,broker-2:9092
  tillgate run --config /etc/tillgate --set log.format=json")]
    Run,
    /// Ask the process that runs with these settings on this machine whether it is alive
    #[command(after_help = "\
Reads /healthz, or /readyz, at admin.listen, for health checks of containers and for people. Give it the same \
configuration as the process.

Examples:
  tillgate health --config /etc/tillgate
  tillgate health --ready

Exit codes: 0 it is, 1 it is not, or does not answer (the reasons are on standard error), 2 the command line or the \
configuration is wrong.")]
    Health {
        /// Whether it decides all that it is to decide: /readyz instead of /healthz
        #[arg(long)]
        ready: bool,
    },
    /// Create and check the topics, give them more partitions, or move them to and from files
    #[command(subcommand)]
    Topics(TopicsCommand),
    /// Mend the state of a partition
    #[command(subcommand)]
    State(StateCommand),
    /// Decide on the events of files or of an export, and print the outcomes, or what a change of rules would change
    Check(CheckArgs),
    /// Decide again on what was recorded, and compare every outcome byte by byte
    Replay(ReplayArgs),
    /// Generate accounts, terminals and baskets from a seed, into Kafka or files
    Load(Box<crate::load::LoadArgs>),
    /// Explain a decision: its basket, what was expected and found, what each reader was told, what was booked
    Explain(ExplainArgs),
    /// Look up a check or a code: what it looks at, what it answers here, and what to do about it
    #[command(subcommand)]
    Checks(ChecksCommand),
    /// Record what is known about terminals and chips, and look up what is known about them now
    #[command(subcommand)]
    Profiles(ProfilesCommand),
    /// Record what is known about persons, for contact decisions, and look up what is known about one now
    #[command(subcommand)]
    Parties(PartiesCommand),
    /// Let clients send events over HTTP, each answered once it is decided
    #[command(after_help = "\
Every request becomes a record of the topics, and is answered with what was committed of it: any number of gateways can run, \
beside `tillgate run` or anywhere else. The address, clients, TLS and bounds are [gateway] of the configuration; /docs and \
/openapi.json say what can be asked.

Examples:
  tillgate gateway --set gateway.listen=127.0.0.1:8080
  tillgate gateway --config /etc/tillgate
  curl localhost:8080/api/v3/customer-account/A-1/event -H 'Content-Type: application/json' -d @event.json
  tillgate gateway key till-7 --scope events:write

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.")]
    Gateway(GatewayArgs),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print or write the documents that machines read: OpenAPI, AsyncAPI, JSON Schemas
    #[command(subcommand)]
    Contract(ContractCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// `tillgate explain`
#[derive(Args, Debug)]
#[command(after_help = "\
Finds every outcome that has the id, repeats it, supersedes it or corrects it, in the order of the topic, each with its \
event: in the topics that the settings name, in an export, or in the files of `tillgate check`. Without --account all \
outcomes are read. It needs to read topics.pos_outcomes and topics.pos_events. Nothing is written.

Examples:
  tillgate explain txn_1j1awwebat42657a2zd8xavtdm --config /etc/tillgate
  tillgate explain 4711-0815 --account 40700000000000 --set kafka.bootstrap_servers=broker:9092
  tillgate explain 4711-0815 --files /backup/today
  tillgate explain 4711-0815 --outcomes outcomes.jsonl --events events.jsonl

Exit codes: 0 found, 1 not found, or failed, 2 the command line or the configuration is wrong.")]
pub struct ExplainArgs {
    /// A transactionId, or an accountTransactionId
    pub id: String,
    /// Only outcomes of this account; on a cluster, only the partition that it is on today is read
    #[arg(long, value_name = "NUMBER")]
    pub account: Option<String>,
    /// An export of the topics, as `tillgate topics export` writes it, instead of a cluster
    #[arg(long, value_name = "DIR", conflicts_with_all = ["outcomes", "events"])]
    pub files: Option<PathBuf>,
    /// Outcomes of `tillgate check` in JSON Lines, instead of a cluster
    #[arg(long, value_name = "FILE", requires = "events")]
    pub outcomes: Option<PathBuf>,
    /// The events that these are for
    #[arg(long, value_name = "FILE", requires = "outcomes")]
    pub events: Option<PathBuf>,
}

/// `tillgate checks`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  tillgate checks list
  tillgate checks show pos.item.gross
  tillgate checks show 29 --config /etc/tillgate")]
pub enum ChecksCommand {
    /// Print every check: its number, what it answers with this configuration, its codes and its title
    List {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Print everything about one check, or about each check that has this code
    Show {
        /// A code of an outcome's message, such as pos.item.gross, or a number of the catalogue
        #[arg(value_name = "CODE|NUMBER")]
        name: String,
    },
}

/// `tillgate gateway`
#[derive(Args, Debug)]
pub struct GatewayArgs {
    /// None: serve.
    #[command(subcommand)]
    pub command: Option<GatewayCommand>,
}

/// `tillgate gateway key`
#[derive(Debug, Subcommand)]
pub enum GatewayCommand {
    /// Make an API key: print it, and the line of the settings that lets its holder in
    #[command(after_help = "\
The first line of standard output is the key, for the client; it is printed this once and kept nowhere. The second one \
belongs below [gateway.auth.api_keys]: it holds the key's hash, by which the key cannot be found.

Examples:
  tillgate gateway key till-7 --scope events:write --scope events:read
  tillgate gateway key ledger --scope account-events:write

Exit codes: 0 done, 1 failed, 2 the command line is wrong.")]
    Key(GatewayKeyArgs),
}

/// `tillgate gateway key`
#[derive(Args, Debug)]
pub struct GatewayKeyArgs {
    /// Whose key it is, for audit lines and rates: up to 64 letters, digits, dots, dashes and underscores
    #[arg(value_name = "CLIENT", value_parser = client_name)]
    pub client: String,
    /// What the client may ask for: events:write, events:read, account-events:write, interactions:write, contact:ask; may be given
    /// again
    #[arg(long, value_name = "SCOPE", required = true, value_parser = scope)]
    pub scope: Vec<Scope>,
}

fn client_name(text: &str) -> Result<String, String> {
    let name = Some(text.to_owned()).filter(|name| is_client_name(name));
    name.ok_or_else(|| "use up to 64 letters, digits, dots, dashes and underscores".to_owned())
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::from_symbol(text).ok_or_else(|| format!("the scopes are {}", Scope::listed()))
}

/// `tillgate profiles`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Profile records say where a terminal stands, that it is out of service, or that a chip is blocked for all accounts. They go \
to topics.profile_records; decisions know of one within a second or so. A record takes the place of the one before it whole. \
Needs profiles.enabled.

Examples:
  tillgate profiles put --terminal T-4711 --country NO --position 59.913868,10.752245
  tillgate profiles put --terminal T-4711 --disabled
  tillgate profiles put --chip 04a2c9f1 --blocked
  tillgate profiles remove --chip 04a2c9f1
  tillgate profiles get --terminal T-4711
  tillgate profiles import terminals.jsonl

Exit codes: 0 done, 1 failed, or there is no such profile, 2 the command line or the configuration is wrong.")]
pub enum ProfilesCommand {
    /// Write the record of a terminal or a chip
    Put(ProfilePut),
    /// Take the record of a terminal or a chip away; what decisions have seen of it stays
    Remove(ProfileOf),
    /// Print what is published of a terminal or a chip, as JSON
    Get(ProfileOf),
    /// Write the records of a file: JSON Lines with posId, disabled, country, position, or with nfcId, blocked
    Import {
        /// The file; - is standard input
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
    },
}

/// A terminal or a chip.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct ProfileOf {
    /// A terminal, by its posId
    #[arg(long, value_name = "POSID")]
    pub terminal: Option<String>,
    /// A chip, by its nfcId
    #[arg(long, value_name = "NFCID")]
    pub chip: Option<String>,
}

/// `tillgate profiles put`
#[derive(Args, Debug)]
pub struct ProfilePut {
    #[command(flatten)]
    pub of: ProfileOf,
    /// The terminal is out of service
    #[arg(long, conflicts_with = "chip")]
    pub disabled: bool,
    /// The country that the terminal stands in, such as NO
    #[arg(long, value_name = "CODE", conflicts_with = "chip")]
    pub country: Option<String>,
    /// Where the terminal stands: degrees north and east, such as 59.913868,10.752245
    #[arg(long, value_name = "LAT,LON", conflicts_with = "chip", allow_hyphen_values = true)]
    pub position: Option<String>,
    /// The chip is blocked for all accounts
    #[arg(long, conflicts_with = "terminal")]
    pub blocked: bool,
}

/// `tillgate check`
#[derive(Args, Debug)]
#[command(after_help = "\
Reads JSON Lines in UTF-8, plain or zstd. The files are merged by their times (time, createdAt), account events first \
where equal; outcomes come in the order of the events. Each file should be in the order of its times: where they go \
back, the files are merged as they stand, while a topic is merged partition by partition. A line that lies far ahead of \
those around it (checks.time.files) moves no time. With shared profiles (--profile-records, or profiles.enabled) one thread \
decides, since every line is judged by all before it. Lines that name no account or cannot be read give no outcome; they \
are told on standard error and counted.

An export is decided as `run` would: by its records' keys, partitions and times, in the order that its outcomes recorded, ticks \
included, and with what shared profiles said then. With --summary its outcomes are held beside the recorded ones: what changed \
from what to what, which codes, what is booked, and the first 20. Outcomes come by the times of their records, 16 partitions at \
a time. What `run` could not read gives no outcome here either, and is no fault of an export.

Examples:
  tillgate check --events events.jsonl.zst --summary
  tillgate check today --config /etc/tillgate --summary --set checks.limit.first_amount.cap.EUR=200
  tillgate check today --config /etc/tillgate --summary --contact --set contact.policies.US.calls_max=5
  tillgate check --events - --output outcomes.jsonl --account-events accounts.jsonl < events.jsonl
  tillgate check --events invoices.jsonl --set checks.account.unknown=open --set checks.basket.item_amounts=line
  tillgate check --contact-requests requests.jsonl --interactions interactions.jsonl --party-records parties.jsonl

With --contact-requests contact decisions are made instead: first all party facts and records are taken, then interactions and requests by their times (occurredAt; startAt, or startDate at 0 o'clock UTC).

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong, 3 done, but lines were lost: they name \
no account or cannot be read, and nothing was decided or applied.")]
pub struct CheckArgs {
    /// An export of the topics, as `tillgate topics export` writes it, instead of files
    #[arg(value_name = "EXPORT", conflicts_with_all = ["events", "account_events", "profile_records", "partitions", "contact_requests"])]
    pub export: Option<PathBuf>,
    /// POS events; - is standard input
    #[arg(long, value_name = "FILE|-", required_unless_present_any = ["contact_requests", "export"])]
    pub events: Option<PathBuf>,
    /// Account events
    #[arg(long, value_name = "FILE")]
    pub account_events: Option<PathBuf>,
    /// Profile records of terminals and chips, as for `tillgate profiles import`; switches shared profiles on
    #[arg(long, value_name = "FILE")]
    pub profile_records: Option<PathBuf>,
    #[command(flatten)]
    pub contact: ContactFiles,
    /// Where outcomes go; - is standard output, the default unless --summary is given
    #[arg(long, value_name = "FILE|-")]
    pub output: Option<PathBuf>,
    /// How outcomes are written: JSON Lines, or an Avro object container file
    #[arg(long, value_enum, default_value_t = OutputFormat::Json)]
    pub format: OutputFormat,
    /// Split by key as topics.partitioner says, and decide on all cores
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub partitions: u32,
    /// Decide an export that does not begin with the first record, as if nothing had been before
    #[arg(long, requires = "export")]
    pub trimmed: bool,
    /// Print counts by outcome and code; of an export also what changed, beside what was recorded
    #[arg(long)]
    pub summary: bool,
    /// Print the summary as JSON
    #[arg(long, requires = "summary")]
    pub json: bool,
}

/// `tillgate replay`
#[derive(Args, Debug)]
#[command(after_help = "\
Reads the topics that the settings name, committed records only, up to where their journals end, and decides \
everything again: the inputs merged as the outcomes recorded it, by the rulesets that decided then. Every outcome, \
dead letter and reply to an account event is compared byte by byte, every transaction with the counts of the journal, and the state at the end with \
the journal's; with contact.enabled the same of contact decisions. Processes may go on deciding meanwhile, but not while an export is made that is to be verified. Nothing \
is written.

Examples:
  tillgate replay --verify --set kafka.bootstrap_servers=broker:9092
  tillgate replay --verify --config /etc/tillgate --from checkpoint --json
  tillgate replay --verify --partition 3 --partition 7
  tillgate topics export --to today && tillgate replay --verify --files today

Exit codes: 0 everything is identical, 1 something differs or cannot be verified (the first difference is explained \
field by field), 2 the command line or the configuration is wrong.")]
pub struct ReplayArgs {
    /// Compare what is decided with what was recorded
    #[arg(long, required = true)]
    pub verify: bool,
    /// Where to begin: with the first record, or where the journal's oldest complete checkpoint rotation ends
    #[arg(long, value_enum, default_value_t = ReplayFrom::Beginning)]
    pub from: ReplayFrom,
    /// Only this partition; may be given again
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).map(PartitionId::from))]
    pub partition: Vec<PartitionId>,
    /// Partitions at a time; by default as many as there are cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Read an export (`tillgate topics export`) instead of the cluster
    #[arg(long, value_name = "DIR")]
    pub files: Option<PathBuf>,
    /// A folder of kept rulesets, besides those of the rulesets topic and the configuration's own: files as `tillgate
    /// config ruleset --to` writes them
    #[arg(long, value_name = "DIR")]
    pub rulesets: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum TopicsCommand {
    /// Print what has to be done, and do it
    Create {
        /// Only print
        #[arg(long)]
        dry_run: bool,
        /// Whose times the records of the inputs have; inputs that are made have the broker's unless given, those that
        /// exist stay as they are
        #[arg(long, value_enum)]
        times: Option<TimestampSource>,
    },
    /// Print how the topics are and how they should be; exit code 1 where they differ
    Check,
    /// Write topics to files, byte for byte
    Export(crate::app::archive::args::ExportArgs),
    /// Write the records of an export to topics
    Import(crate::app::archive::args::ImportArgs),
    /// Add partitions to the inputs and everything that follows them, and move the state of every account along
    #[command(after_help = "\
Stop the senders, let tillgate decide what there is, stop every tillgate; then run this, then start tillgate, then \
the senders. It refuses while the group has members, and while a record that is not decided would be left behind on a \
partition that its account leaves. It prints its plan before it acts. Killed at any step, it is run again and goes \
on. Needs Alter on the topics besides what `tillgate run` needs. See \"More partitions\" in docs/operations.md.

Examples:
  tillgate topics repartition --config /etc/tillgate --partitions 48 --dry-run
  tillgate topics repartition --config /etc/tillgate --partitions 48
  tillgate topics repartition --config /etc/tillgate --partitions 48 --wait 120

Exit codes: 0 done, or nothing to do; 1 refused or failed; 2 the command line or the configuration is wrong.")]
    Repartition(RepartitionArgs),
}

#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Set the stream time of a partition back, after a wrong clock has moved it ahead
    #[command(after_help = "\
Writes a record to topics.ticks, which the process that decides the partition reads as any other input: what it does \
is recorded, and a replay does it too. Each open hold keeps the time that it had left. Time can be set ahead no further \
than to the broker's: a record that asks for more goes to the dead letters, and does nothing. See \"Stream time ran \
ahead\" in docs/operations.md.

Examples:
  tillgate state set-time --config /etc/tillgate --partition 3 --to 2026-01-31T12:00:00Z --dry-run
  tillgate state set-time --config /etc/tillgate --partition 3 --to 2026-01-31T12:00:00Z

Exit codes: 0 done, 1 refused, failed, or not decided within --wait, 2 the command line or the configuration is wrong.")]
    SetTime(SetTimeArgs),
}

/// `tillgate state set-time`
#[derive(Args, Debug)]
pub struct SetTimeArgs {
    /// The partition
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).map(PartitionId::from))]
    pub partition: PartitionId,
    /// The time, as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Micros,
    /// Who does it, and why: written to the log, and kept with the record
    #[arg(long, value_name = "TEXT", default_value = "an operator")]
    pub by: String,
    /// Only print where the partition's time stands
    #[arg(long)]
    pub dry_run: bool,
    /// How long the process that decides the partition may take to do it
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    pub wait: u64,
}

fn time(text: &str) -> Result<Micros, String> {
    Micros::parse_rfc3339(text).ok_or_else(|| "give a time as 2026-01-31T12:00:00Z".to_owned())
}

/// `tillgate topics repartition`
#[derive(Args, Debug)]
pub struct RepartitionArgs {
    /// How many partitions the inputs shall have; never fewer than they have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub partitions: u32,
    /// Only print what would be done, and whether it could be done now
    #[arg(long)]
    pub dry_run: bool,
    /// Where the inputs have grown before: go past the records that are not decided on partitions where some would be left
    /// behind, and say which they are, so that they can be sent again
    #[arg(long)]
    pub pass_over: bool,
    /// Where accounts are listed that stand on another partition than their key belongs to, with what they hold, as JSON
    /// Lines; it must not exist yet
    #[arg(long, value_name = "FILE", default_value = "misplaced-accounts.jsonl")]
    pub misplaced: PathBuf,
    /// Leave out those of them that this file names: such a list, or account numbers, one a line
    #[arg(long, value_name = "FILE")]
    pub drop: Option<PathBuf>,
    /// How long members of the group may take to leave
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    pub wait: u64,
    /// How long the transaction that moves the state may take; at most the brokers' transaction.max.timeout.ms
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub transaction_timeout: u64,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read and check the configuration; exit code 2 where it is wrong
    Check,
    /// Print the ruleset: every parameter and text that decides, the very lines that its hash is made from
    #[command(after_help = "\
Each outcome names the hash of the ruleset that decided it, and a replay needs that ruleset. Processes keep theirs in \
the topic topics.rulesets; where one is gone from there, its lines come back from the configuration of then.

Examples:
  tillgate config ruleset --config /etc/tillgate
  tillgate config ruleset --config /backup/etc --to rulesets
  tillgate replay --verify --config /etc/tillgate --rulesets rulesets

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.")]
    Ruleset {
        /// Write it into this folder instead, as a file named by its hash, and print its path: for `replay --rulesets`
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// The rules of contact decisions instead
        #[arg(long)]
        contact: bool,
    },
    /// Print every setting, its value, and where it comes from
    Show {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
}

/// `tillgate contract`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
The documents are made out of what the program reads and writes, with the names and bounds of the configuration. Those of the \
default configuration are in the folder schemas of the sources, beside the Avro schemas.

Examples:
  tillgate contract openapi
  tillgate contract asyncapi --config /etc/tillgate
  tillgate contract page > gateway.html
  tillgate contract schemas build/schemas

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.")]
pub enum ContractCommand {
    /// Print the OpenAPI document of the HTTP gateway
    Openapi,
    /// Print the AsyncAPI document of the topics; it refers to the files that `schemas` writes
    Asyncapi,
    /// Print the page of the HTTP gateway for people
    Page,
    /// Write all documents and the Avro schemas into a folder, and print their paths
    Schemas {
        /// The folder; it is made where it is missing
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
}
