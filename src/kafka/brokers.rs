//! What the brokers themselves must be set to before a worker may start.
//!
//! Brokers that do not look whether a transaction is open before they take its records and positions take those of a
//! producer that was replaced, where they arrive late: the hole in the protocol, which a new producer else closes. A
//! broker that cannot be asked, or has no such setting, is told of and let pass.

use super::{
    client::Admin,
    failure::{Fault, FaultClass, Operation},
};

/// Whether a broker asks the transaction's coordinator before it takes what belongs to a transaction.
const VERIFICATION: &str = "transaction.partition.verification.enable";

/// Refuses brokers on which `transaction.partition.verification.enable` is off.
///
/// # Errors
/// Which they are, and what to do; or the cluster cannot be reached.
pub fn verify(admin: &Admin) -> Result<(), Fault> {
    let found = admin.broker_setting(VERIFICATION)?;
    let unknown = numbers(&found, |value| value.is_none());
    if !unknown.is_empty() {
        log::warn!(
            "whether {VERIFICATION} is on could not be read of broker {unknown}: exactly once needs it to be; grant \
             DescribeConfigs on the cluster, so that it can be checked at every start"
        );
    }
    let off = numbers(&found, |value| value.as_ref().is_some_and(|value| value != "true"));
    if off.is_empty() {
        return Ok(());
    }
    let text = format!(
        "broker {off} has {VERIFICATION}=false: records and positions of a producer that was replaced could still \
         arrive and count; set it to true, as it is by default, on every broker (`kafka-configs.sh --alter \
         --entity-type brokers --entity-default --add-config {VERIFICATION}=true`), and take it out of \
         server.properties and of settings of single brokers"
    );
    Err(Fault::new(Operation::Check, FaultClass::Setup, text))
}

/// The brokers whose value is so.
fn numbers(found: &[(i32, Option<String>)], is: impl Fn(&Option<String>) -> bool) -> String {
    let numbers = found.iter().filter(|(_, value)| is(value)).map(|(number, _)| number.to_string());
    numbers.collect::<Vec<_>>().join(", ")
}
