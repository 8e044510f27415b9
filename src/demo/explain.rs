//! A decision that the demo has picked, under a heading of its own.

use super::pick::{Pick, PickKind};
use crate::codec::KnownSchemas;
use crate::config::Settings;
use crate::domain::enums::Verdict;
use crate::explain::decision::{WIDTH, decision};
use crate::explain::outcome::ShownMessage;
use crate::explain::paint::Paint;

/// The explanation of a decision, the `place`-th of `count`.
pub(super) fn explain(
    pick: &Pick,
    (place, count): (usize, usize),
    schemas: &KnownSchemas,
    settings: &Settings,
    paint: Paint,
) -> Vec<String> {
    let Some(event) = pick.event(schemas) else { return Vec::new() };
    let verdict = pick.answer.verdict();
    let mut lines = vec![heading(pick, (place, count), verdict, paint)];
    lines.extend(decision(&pick.answer, &event, settings, paint));
    lines
}

fn heading(pick: &Pick, (place, count): (usize, usize), verdict: Verdict, paint: Paint) -> String {
    let title = match pick.kind {
        PickKind::Accepted => "everything adds up",
        PickKind::LineGross => "a line does not add up",
        PickKind::Total => "the total is off by a cent",
        PickKind::OverLimit => "more than the account may spend",
        PickKind::Identify => "the customer has to identify first",
    };
    let check = pick.answer.risk_check_messages.first().and_then(ShownMessage::check);
    let check = check.map_or_else(String::new, |check| {
        let left = format!("{place}/{count}  {:<9} {title}", verdict.symbol());
        let room = WIDTH.saturating_sub(left.chars().count());
        let named = format!("check {}, {}", check.entry().number, check.entry().name);
        paint.dim(&format!("{named:>room$}"))
    });
    format!(
        "{}  {} {}{}",
        paint.dim(&format!("{place}/{count}")),
        paint.verdict(verdict, &format!("{:<9}", verdict.symbol())),
        paint.bold(title),
        check,
    )
}
