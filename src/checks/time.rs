//! Group time (checks 17, 18): events from the future, and events that come too late.

use super::Context;
use super::catalogue::Check;
use super::findings::{Effect, Finding, Findings, Rule};
use super::sound::SoundEvent;
use crate::domain::Micros;

/// `checks.time`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `future.enabled`
    pub future: bool,
    /// `future.skew`: how far an event may lie after its record's timestamp.
    pub skew: Micros,
    /// `late`
    pub late: Rule,
    /// `late.older_than`: how far an event may lie before stream time.
    pub older_than: Micros,
}

/// Check 17: the event lies after its record's timestamp, by more than the skew.
#[must_use]
pub fn check_future(
    event: &SoundEvent<'_>,
    timestamp: Option<Micros>,
    parameters: &Parameters,
) -> Option<Finding> {
    let written = timestamp?;
    if !parameters.future || event.time <= written.plus(parameters.skew) {
        return None;
    }
    let (time, skew) = (event.time, span(parameters.skew));
    let message = format!("time {time} is more than {skew} after its record was written ({written})");
    Some(Finding::new(Check::Future, Effect::NotEvaluated, message).at("time"))
}

/// Check 18: the event lies further back than accepted.
pub fn check_late(context: &Context<'_>, findings: &mut Findings) {
    let parameters = &context.parameters.time;
    let event = context.event;
    if parameters.late.enabled && event.time < context.now.minus(parameters.older_than) {
        let message = format!(
            "time {} is more than {} before the newest event of the partition ({})",
            event.time,
            span(parameters.older_than),
            context.now
        );
        findings.add(Finding::new(Check::Late, parameters.late.effect, message).at("time"));
    }
}

/// A span as a person says it: `72 h`, `2 min`.
#[must_use]
pub fn span(span: Micros) -> String {
    const UNITS: [(i64, &str); 4] =
        [(3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1_000, "ms")];
    for (unit, name) in UNITS {
        if span.0 != 0 && span.0 % unit == 0 {
            return format!("{} {name}", span.0 / unit);
        }
    }
    format!("{} us", span.0)
}
