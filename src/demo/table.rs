//! The live table: outcomes, rate and latency; and its one-line form where nothing can be drawn in place.

use super::tally::DemoTally;
use crate::domain::enums::Verdict;
use crate::explain::paint::{Paint, grouped, share};
use std::time::Duration;

/// The order of the rows.
const ROWS: [Verdict; 4] = [Verdict::Accepted, Verdict::Pending, Verdict::Rejected, Verdict::NotEvaluated];
/// Cells of the longest bar.
const BAR: u64 = 36;

/// What each verdict means, for people who see it for the first time.
fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "booked",
        Verdict::Pending => "held until the customer has done a step",
        Verdict::Rejected => "refused, with every reason",
        Verdict::NotEvaluated => "cannot be judged, with the reason",
    }
}

/// The table.
pub(super) fn table(tally: &DemoTally, due: u64, elapsed: Duration, paint: Paint) -> Vec<String> {
    let answers = tally.answers();
    let mut lines = vec![paint.dim(&format!("  {:<14}{:>9}{:>10}", "outcome", "events", "share"))];
    for verdict in ROWS {
        let count = tally.of(verdict);
        let bar = (count * BAR).div_ceil(answers.max(1));
        lines.push(format!(
            "  {}{:>9}{:>10}  {}",
            paint.verdict(verdict, &format!("{:<14}", verdict.symbol())),
            grouped(count),
            share(count, answers),
            match verdict {
                Verdict::Accepted => paint.verdict(verdict, &"▇".repeat(bar as usize)),
                _ => {
                    let bar = format!("{:<3} ", "▇".repeat(bar as usize));
                    format!("{}{}", paint.verdict(verdict, &bar), paint.dim(meaning(verdict)))
                }
            }
        ));
    }
    lines.push(format!(
        "  {:<14}{:>9}{:>10}      {}",
        "dead letters",
        grouped(tally.dead_letters()),
        "",
        paint.dim("not readable, or without an account: kept as they came")
    ));
    lines.push(format!(
        "  {} of {} answered   {} events/s   latency {}   {}",
        paint.bold(&grouped(answers)),
        grouped(due),
        paint.bold(&grouped(tally.rate())),
        paint.bold(&latency(tally)),
        paint.dim(&seconds(elapsed)),
    ));
    lines
}

/// The table in one line.
pub(super) fn line(tally: &DemoTally, due: u64, elapsed: Duration) -> String {
    let counts: Vec<String> =
        ROWS.iter().map(|verdict| format!("{} {}", verdict.symbol(), tally.of(*verdict))).collect();
    format!(
        "{:>6}  {} of {due} answered: {}, dead letters {}; {} events/s, {}",
        seconds(elapsed),
        tally.answers(),
        counts.join(", "),
        tally.dead_letters(),
        tally.rate(),
        latency(tally),
    )
}

/// Latency from the record's time to the receipt of the committed outcome.
pub(super) fn latency(tally: &DemoTally) -> String {
    let within =
        |share| tally.latencies.within(share).map_or_else(|| "-".to_owned(), |millis| millis.to_string());
    format!("p50 {} ms, p99 {} ms", within(500), within(990))
}

/// With one decimal, such as `6.3 s`.
pub(super) fn seconds(time: Duration) -> String {
    format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100)
}
