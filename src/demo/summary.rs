//! What came of it, by code and check, and what to try next.

use super::table::{latency, seconds};
use super::tally::DemoTally;
use crate::checks::catalogue::Check;
use crate::domain::Micros;
use crate::domain::enums::Verdict;
use crate::explain::paint::{Paint, grouped, wrapped};
use crate::load::accounts::LoadAccount;
use std::net::SocketAddr;

/// Characters for the names of checks.
const NAMES: usize = 64;

/// Counts by code with the names of the checks that give it. `nameless` of the events `sent` name no account.
pub(super) fn summary(tally: &DemoTally, sent: u64, nameless: u64, paint: Paint) -> Vec<String> {
    let (rate, span) = tally.overall();
    let mut lines = vec![
        paint.bold("What was found"),
        paint.dim(&format!("  {:>7}  {:<24}{}", "times", "code", "check (docs/checks.md)")),
    ];
    for code in Check::codes() {
        let Some(count) = tally.codes().get(code) else { continue };
        for (place, names) in wrapped(&names(code), NAMES).iter().enumerate() {
            let (count, code) = if place == 0 { (grouped(*count), code) } else { (String::new(), "") };
            lines.push(format!("  {count:>7}  {code:<24}{names}"));
        }
    }
    lines.push(format!(
        "  {} events gave {} outcomes ({} accepted); {} name no account and are dead letters only",
        grouped(sent),
        grouped(tally.answers()),
        grouped(tally.of(Verdict::Accepted)),
        grouped(nameless),
    ));
    lines.push(format!(
        "  {}: {} a second; from a record's time to its committed outcome {}",
        seconds(span),
        grouped(rate),
        latency(tally),
    ));
    lines
}

/// The checks that give a code, such as `basket.item_gross (8)`.
fn names(code: &str) -> String {
    let named: Vec<String> = Check::ALL
        .iter()
        .map(|check| check.entry())
        .filter(|entry| entry.codes.iter().any(|known| known.as_str() == code))
        .map(|entry| format!("{} ({})", entry.name, entry.number))
        .collect();
    named.join(", ")
}

/// A request that can be sent to the demo's gateway as it stands.
pub(super) fn request(
    gateway: SocketAddr,
    account: &LoadAccount,
    now_millis: i64,
    paint: Paint,
) -> Vec<String> {
    let (time, chip) = (Micros::from_millis(now_millis), account.chip(0));
    let (currency, country) = (account.currency(), account.country);
    let item = r#"{"itemId":"1","itemDescription":"Coffee","unitCode":"C62","quantity":1,"unitPrice":4.50,"grossAmount":4.50}"#;
    let event = format!(
        r#"{{"eventType":"Purchase","time":"{time}","nfcId":"{chip}","posId":"T-1","totalAmount":4.50,"items":[{item}],"currency":"{currency}","accountTransactionId":"curl-1","countryCode":"{country}","conversationLanguage":"EN"}}"#
    );
    let account = account.number();
    let command = format!(
        "  curl http://{gateway}/api/v3/customer-account/{account}/event -H 'Content-Type: application/json' -d '{event}'"
    );
    vec![
        format!("Ask it yourself ({}):", paint.command(&format!("http://{gateway}/docs"))),
        paint.command(&command),
    ]
}

/// What to do with it from here.
pub(super) fn next(paint: Paint) -> Vec<String> {
    let steps = [
        (
            "on files, without any broker:",
            &[
                "tillgate load --to events.jsonl --account-events accounts.jsonl",
                "tillgate check --events events.jsonl --account-events accounts.jsonl --summary",
            ][..],
        ),
        (
            "on a real cluster, exactly once:",
            &[
                "tillgate topics create --set kafka.bootstrap_servers=broker:9092",
                "tillgate run --set kafka.bootstrap_servers=broker:9092",
                "tillgate load --rate 1000 --set kafka.bootstrap_servers=broker:9092",
            ],
        ),
        (
            "what a code means here, and one decision line by line:",
            &["tillgate checks show pos.item.gross", "tillgate explain ID --outcomes FILE --events FILE"],
        ),
        (
            "other rules, and every setting with where it comes from:",
            &["tillgate demo --set checks.basket.total_tolerance=0.05", "tillgate config show"],
        ),
        ("the same for longer, with a metrics page:", &["tillgate demo --keep"]),
    ];
    let mut lines = vec![paint.bold("What to try next")];
    for (what, commands) in steps {
        lines.push(format!("  {}", paint.dim(what)));
        lines.extend(commands.iter().map(|command| format!("    {}", paint.command(command))));
    }
    lines.push(format!(
        "  {}",
        paint.dim("docs/checks.md has every check, docs/operations.md how to run it; from a checkout it is")
    ));
    lines.push(format!("  {}", paint.dim("`cargo run --release --` in place of `tillgate`")));
    lines
}
