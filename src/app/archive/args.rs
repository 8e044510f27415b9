//! The flags of `tillgate topics export | import`, and their help.

use crate::archive::Encoding;
use crate::domain::PartitionId;
use crate::kafka::client::Isolation;
use clap::Args;
use clap::builder::TypedValueParser;
use std::path::PathBuf;

/// `tillgate topics export`
#[derive(Args, Debug)]
#[command(after_help = "\
Writes TOPIC/PARTITION.ENDING for every partition, up to its end as it is when the command begins, and \
manifest.json last: a folder without it is no export. Keys, headers, times and values are kept byte for byte; \
docs/archive.md has the formats. The journal is looked at first and the inputs last, so every outcome's event is in \
the export too.

Examples:
  tillgate topics export --to /backup/today
  tillgate topics export --to outcomes --topic pos.outcomes --format avro
  tillgate topics export --to tail --topic pos.events --partition 7 --from-offset 1200000
  zstdcat outcomes/pos.outcomes/*.zst | jq -r '.value.outcome' | sort | uniq -c

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.")]
pub struct ExportArgs {
    /// The folder; made where it is not there
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// How records are written
    #[arg(long, value_enum, default_value_t = Encoding::JsonLinesZstd)]
    pub format: Encoding,
    /// A topic; may be given again. All of the configuration where none is given
    #[arg(long, value_name = "NAME")]
    pub topic: Vec<String>,
    /// A partition; may be given again. All where none is given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..).map(PartitionId::from))]
    pub partition: Vec<PartitionId>,
    /// Begin at this offset; for one topic and one partition
    #[arg(long, value_name = "OFFSET", requires_all = ["topic", "partition"], value_parser = clap::value_parser!(i64).range(0..))]
    pub from_offset: Option<i64>,
    /// Stop before this offset; for one topic and one partition
    #[arg(long, value_name = "OFFSET", requires_all = ["topic", "partition"], value_parser = clap::value_parser!(i64).range(0..))]
    pub until_offset: Option<i64>,
    /// Which records are read
    #[arg(long, value_enum, default_value_t = Isolation::Committed)]
    pub isolation: Isolation,
    /// Replace an export that is there: it is removed first
    #[arg(long)]
    pub force: bool,
}

/// `tillgate topics import`
#[derive(Args, Debug)]
#[command(after_help = "\
Reads every file to its end before anything is written: what was cut or changed is refused whole. Partitions, \
order, keys, headers, times (as producers' times) and values are as they were.

Offsets are Kafka's: they are the same where the export has no gaps and the topic begins at the same offset, as for \
a fresh topic and inputs that were exported from offset 0 and written without transactions. Topics written in \
transactions (outcomes, journal) have gaps where markers stood: their offsets move, and so does what names them, \
such as the ids of outcomes that are decided again. --dry-run says beforehand which offsets move.

Killed halfway, it leaves topics that hold a part: delete them, create them again and import again. Restoring a \
cluster is more than importing topics: see docs/archive.md.

Examples:
  tillgate topics import --from /backup/today --dry-run
  tillgate topics import --from /backup/today --topic pos.events --topic account.events
  tillgate topics import --from outcomes --rename pos.outcomes=audit.outcomes

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.")]
pub struct ImportArgs {
    /// The folder of an export
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// A topic of the export; may be given again. All of them where none is given
    #[arg(long, value_name = "NAME")]
    pub topic: Vec<String>,
    /// Import a topic under another name; may be given again
    #[arg(long, value_name = "OLD=NEW", value_parser = rename)]
    pub rename: Vec<(String, String)>,
    /// Import into topics that hold records already
    #[arg(long)]
    pub append: bool,
    /// Read and check everything, say what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

fn rename(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.to_owned(), new.to_owned())),
        _ => Err("give OLD=NEW, two names of topics".to_owned()),
    }
}
