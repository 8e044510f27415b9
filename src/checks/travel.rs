//! Impossible travel (check 39, group nfc): one chip at two places between which nobody can have travelled in the time.
//! Places are those of the terminals' reference records; where one has none, the countries of the events.

use super::Context;
use super::catalogue::Check;
use super::findings::{Findings, Rule};
use super::time::span;
use crate::domain::enums::CountryCode;
use crate::domain::profile_view::{LastUse, Position};
use crate::domain::{Micros, limits};
use crate::state::Remembered;
use rust_decimal::{Decimal, MathematicalOps};
use smallvec::SmallVec;

/// `checks.nfc.travel`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `travel`
    pub travel: Rule,
    /// `travel.within`: how far apart two uses may be, either way, to be compared.
    pub within: Micros,
    /// `travel.speed`: kilometres an hour that can be travelled.
    pub speed: u32,
    /// `travel.nearby`: kilometres that count as no distance.
    pub nearby: u32,
    /// `travel.abroad`: what it takes at least from one country to another, where places are not known.
    pub abroad: Micros,
}

/// Another use of the chip.
struct Elsewhere {
    time: Micros,
    country: CountryCode,
    position: Option<Position>,
}

/// A use of a chip, to be held against others.
#[derive(Clone, Copy, Debug)]
pub struct ChipUse {
    /// Hash of the chip.
    pub chip: u64,
    /// Hash of the terminal.
    pub terminal: u64,
    /// When.
    pub time: Micros,
}

/// Other terminals at which the account used the chip near `at` in time, the nearest first; each once.
#[must_use]
pub fn other_terminals(
    recent: impl Iterator<Item = Remembered>,
    at: ChipUse,
    parameters: &Parameters,
) -> SmallVec<[u64; 2]> {
    let others = recent.filter(|other| is_elsewhere(other, at, parameters));
    let others = others.map(|other| (time_between(other.time, at.time), other.terminal));
    let mut found: SmallVec<[(u64, u64); 8]> = others.collect();
    found.sort_unstable();
    let mut terminals = SmallVec::new();
    for (_, terminal) in found {
        if !terminals.contains(&terminal) && terminals.len() < limits::PLACES_PER_DECISION_MAX {
            terminals.push(terminal);
        }
    }
    terminals
}

fn time_between(one: Micros, other: Micros) -> u64 {
    one.0.abs_diff(other.0)
}

/// Whether it was charged to the chip at another terminal near a time. What an old journal remembered has other hashes.
fn is_elsewhere(other: &Remembered, at: ChipUse, parameters: &Parameters) -> bool {
    other.chip == at.chip
        && other.terminal != 0
        && other.terminal != at.terminal
        && other.kind.charges()
        && other.stands()
        && !other.is_of_old_journal()
        && time_between(other.time, at.time) < parameters.within.0.unsigned_abs()
}

/// Check 39: the nearest use in time that is too far away.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let (parameters, event) = (&context.parameters.travel, context.event());
    let content = context.known.event.content;
    if !parameters.travel.enabled || content.chip == 0 || content.terminal == 0 {
        return;
    }
    let view = context.profiles;
    let here = Elsewhere { time: event.time, country: event.country, position: view.terminal.position };
    let at = ChipUse { chip: content.chip, terminal: content.terminal, time: event.time };
    // What is kept beyond this would count in some accounts and not in others.
    let oldest = context.now.minus(context.parameters.time.older_than.plus(parameters.within));
    let own = context.recent.iter().filter(|other| is_elsewhere(other, at, parameters));
    let own = own.filter(|other| other.time >= oldest);
    let own = own.map(|other| Elsewhere {
        time: other.time,
        country: other.kind.country,
        position: view.position_of(other.terminal),
    });
    let last = view.chip.last.filter(|last| {
        last.terminal != content.terminal
            && time_between(last.time, event.time) < parameters.within.0.unsigned_abs()
    });
    let last = last.map(|LastUse { time, country, position, .. }| Elsewhere { time, country, position });
    let too_far = own.chain(last).filter_map(|other| {
        let why = impossible(&here, &other, parameters)?;
        Some((time_between(other.time, event.time), other.time, why))
    });
    let forgot = context.account.and_then(|account| account.forgot().events);
    let detail = match too_far.min() {
        Some((_, time, why)) => format!("the chip was used at another terminal at {time}: {why}"),
        None if forgot.is_some_and(|forgot| forgot > event.time.minus(parameters.within)) => {
            "uses of the chip were forgotten: where it was cannot be told".to_owned()
        }
        None => return,
    };
    findings.report(Check::NfcTravel, parameters.travel.effect, "posId", detail);
}

/// Why nobody can have been at both; none where somebody can.
fn impossible(one: &Elsewhere, other: &Elsewhere, parameters: &Parameters) -> Option<String> {
    let time = Micros(i64::try_from(time_between(one.time, other.time)).unwrap_or(i64::MAX));
    if let (Some(here), Some(there)) = (one.position, other.position) {
        let reachable = reachable(time, parameters);
        return is_farther(here, there, reachable).then(|| {
            let km = reachable.trunc();
            format!("the two are more than {km} km apart, all that can be travelled in {}", span(time))
        });
    }
    let abroad = one.country != other.country && time < parameters.abroad;
    abroad.then(|| {
        let (from, to, least) = (other.country, one.country, span(parameters.abroad));
        format!("from {from} to {to} in {}, which takes {least} at least", span(time))
    })
}

/// Kilometres that can be travelled in a time.
fn reachable(time: Micros, parameters: &Parameters) -> Decimal {
    const HOUR: Decimal = Decimal::from_parts(3_600_000_000, 0, 0, false, 0);
    Decimal::from(time.0) * Decimal::from(parameters.speed) / HOUR + Decimal::from(parameters.nearby)
}

/// Whether two places are farther apart than so many kilometres along the surface of a sphere of the mean radius of the earth
/// (IUGG: 6371.009 km). By haversines: of the distance d, sin²(d/2r) = sin²(Δφ/2) + cos φ₁ cos φ₂ sin²(Δλ/2).
fn is_farther(one: Position, other: Position, km: Decimal) -> bool {
    const RADIUS: Decimal = Decimal::from_parts(6_371_009, 0, 0, false, 3);
    let half_way = km / RADIUS / Decimal::TWO;
    if half_way >= Decimal::HALF_PI {
        return false;
    }
    let radians = |millionths: i64| Decimal::new(millionths, 6) * Decimal::PI / Decimal::from(180);
    let square = |decimal: Decimal| decimal * decimal;
    let [north_1, north_2] = [one, other].map(|at| i64::from(at.latitude()));
    let [east_1, east_2] = [one, other].map(|at| i64::from(at.longitude()));
    let sine_of_half = |from: i64, to: i64| square((radians(from - to) / Decimal::TWO).sin());
    let cosines = radians(north_1).cos() * radians(north_2).cos();
    sine_of_half(north_1, north_2) + cosines * sine_of_half(east_1, east_2) > square(half_way.sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_globe() {
        // Great-circle distances between the airports' reference points, kilometres.
        for (one, other, km) in [
            ("60.193917,11.100361", "59.651944,17.918611", 385), // OSL, ARN
            ("50.033333,8.570556", "40.639751,-73.778925", 6_189), // FRA, JFK
            ("-36.85,179.9", "-36.85,-179.9", 18),               // across the date line
            ("0,0", "0,180", 20_015),                            // half around
        ] {
            let [one, other] = [one, other].map(|text| Position::parse(text).expect("a position"));
            let farther = |km: i64| is_farther(one, other, Decimal::from(km));
            // A sphere is up to half a percent off the ellipsoid.
            assert!(farther(km * 995 / 1_000), "{one} {other}");
            assert!(!farther(km * 1_005 / 1_000 + 1), "{one} {other}");
            assert!(!is_farther(one, one, Decimal::ZERO), "{one}");
        }
    }
}
