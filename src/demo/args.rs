//! The command line of `tillgate demo`.

use clap::Args;

/// `tillgate demo`
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Needs no Kafka: a broker inside this process (librdkafka's mock cluster) stands in for one. It
has no real transactions, so this is a first look and no proof of exactly once; `tillgate run` on a
real cluster is. The rules are those of the configuration: --config and --set change them here as
everywhere. Colour only on terminals, and not where NO_COLOR is set.

Examples:
  tillgate demo                                            ends by itself within some ten seconds
  tillgate demo --seed 7 --events 5000                     other accounts and baskets, and fewer
  tillgate demo --set checks.basket.total_tolerance=0.05   what if four cents did not matter?
  tillgate demo --keep                                     goes on, with metrics, until Ctrl-C")]
pub struct DemoArgs {
    /// Chooses the run: the same seed gives the same accounts, terminals and baskets
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// POS events, mistakes included
    #[arg(long, value_name = "EVENTS", default_value_t = 24_000, value_parser = clap::value_parser!(u32).range(500..=60_000))]
    pub events: u32,
    /// POS events a second
    #[arg(long, value_name = "EVENTS/S", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub rate: u32,
    /// Go on afterwards with twenty events a second and the metrics page (admin.listen), until Ctrl-C
    #[arg(long)]
    pub keep: bool,
}
