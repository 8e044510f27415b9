//! What the brokers themselves must be set to before a worker may start.
//!
//! Brokers that do not look whether a transaction is open before they take its records and positions take those of a
//! producer that was replaced, where they arrive late: the hole in the protocol, which a new producer otherwise closes. And
//! they bound how long a transaction may stay open and a member be silent. A broker that cannot be asked, or has no such
//! setting, is reported and let pass.

use crate::kafka::client::Admin;
use crate::kafka::failure::Fault;
use crate::kafka::settings::{ClusterSettings, GroupProtocol};
use std::time::Duration;

/// Whether a broker asks the transaction's coordinator before it takes what belongs to a transaction.
const VERIFICATION: &str = "transaction.partition.verification.enable";
/// How long a transaction may stay open, whatever its producer asks for.
const TRANSACTION_MAX: &str = "transaction.max.timeout.ms";
/// Between what a member of a classic group may ask for as its session.
const SESSION_MIN: &str = "group.min.session.timeout.ms";
const SESSION_MAX: &str = "group.max.session.timeout.ms";

/// What each broker is set to, in the order of the constants above.
type Found = [(i32, [Option<String>; 4])];

/// Refuses brokers on which `transaction.partition.verification.enable` is off, and those that do not take the times that
/// they are asked for.
///
/// # Errors
/// Which they are, and what to do; or the cluster cannot be reached.
pub fn verify(admin: &Admin, settings: &ClusterSettings) -> Result<(), Fault> {
    let found = admin.broker_settings([VERIFICATION, TRANSACTION_MAX, SESSION_MIN, SESSION_MAX])?;
    let unknown = numbers(&found, |settings| settings[0].is_none());
    if !unknown.is_empty() {
        log::warn!(
            "whether {VERIFICATION} is on could not be read of broker {unknown}: exactly once needs it to be; grant \
             DescribeConfigs on the cluster, so that it can be checked at every start"
        );
    }
    let faults = faults(&found, settings);
    if faults.is_empty() { Ok(()) } else { Err(Fault::setup(faults.join("; "))) }
}

fn faults(found: &Found, settings: &ClusterSettings) -> Vec<String> {
    let mut faults = Vec::new();
    let off = numbers(found, |settings| settings[0].as_ref().is_some_and(|value| value != "true"));
    if !off.is_empty() {
        faults.push(format!(
            "broker {off} has {VERIFICATION}=false: records and positions of a producer that was replaced could still \
             arrive and count; set it to true, as it is by default, on every broker (`kafka-configs.sh --alter \
             --entity-type brokers --entity-default --add-config {VERIFICATION}=true`), and take it out of \
             server.properties and of settings of single brokers"
        ));
    }
    let mut bound = |place: usize, key: &str, what: &str, time: Duration, holds: fn(u128, u128) -> bool| {
        for (number, settings) in found {
            let Some(limit) = settings[place].as_ref().and_then(|limit| limit.parse().ok()) else { continue };
            if !holds(time.as_millis(), limit) {
                let is = time.as_millis();
                faults.push(format!(
                    "broker {number} has {key}={limit}, and {what} is {is} ms: change one of them so that they fit"
                ));
            }
        }
    };
    let (at_most, at_least) = (|time, limit| time <= limit, |time, limit| time >= limit);
    bound(1, TRANSACTION_MAX, "kafka.transaction_timeout", settings.kafka.transaction_timeout, at_most);
    if settings.kafka.group_protocol == GroupProtocol::Classic {
        bound(2, SESSION_MIN, "kafka.session_timeout", settings.kafka.session_timeout, at_least);
        bound(3, SESSION_MAX, "kafka.session_timeout", settings.kafka.session_timeout, at_most);
    }
    faults
}

/// The brokers whose settings are so.
fn numbers(found: &Found, is: impl Fn(&[Option<String>; 4]) -> bool) -> String {
    let numbers = found.iter().filter(|(_, settings)| is(settings)).map(|(number, _)| number.to_string());
    numbers.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: [Option<&str>; 4], protocol: GroupProtocol, expected: &[&str]) {
        let found = [(1, values.map(|value| value.map(str::to_owned)))];
        let settings = ClusterSettings::default().with(|kafka| kafka.group_protocol = protocol);
        let faults = faults(&found, &settings);
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        for (fault, part) in faults.iter().zip(expected) {
            assert!(fault.contains(part), "{fault}");
        }
    }

    #[test]
    fn brokers_take_the_times_that_they_are_asked_for() {
        use GroupProtocol::{Classic, Consumer};
        check([Some("true"), Some("900000"), Some("6000"), Some("1800000")], Classic, &[]);
        check([None, None, None, None], Classic, &[]);
        check(
            [Some("false"), None, None, None],
            Consumer,
            &["broker 1 has transaction.partition.verification"],
        );
        let small = [Some("true"), Some("9999"), Some("6001"), Some("5999")];
        check(
            small,
            Classic,
            &[
                "broker 1 has transaction.max.timeout.ms=9999, and kafka.transaction_timeout is 10000 ms",
                "broker 1 has group.min.session.timeout.ms=6001, and kafka.session_timeout is 6000 ms",
                "broker 1 has group.max.session.timeout.ms=5999, and kafka.session_timeout is 6000 ms",
            ],
        );
        check(small, Consumer, &["transaction.max.timeout.ms=9999"]);
    }
}
