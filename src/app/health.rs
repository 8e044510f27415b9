//! `tillgate health`: asks the process that runs with the same settings how it stands, for health checks of containers,
//! where no other program is that could ask. Changes nothing.

use super::AppError;
use crate::cli::Common;
use serde::Deserialize;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How long an answer may take: less than what container engines wait for by default, and a page takes milliseconds.
const WITHIN: Duration = Duration::from_secs(5);
/// Longest answer that is read, bytes: thousands of partitions with their reasons.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// What the health pages say.
#[derive(Deserialize)]
struct HealthPage {
    status: String,
    reasons: Vec<String>,
    #[serde(default, rename = "heldUp")]
    held_up: Vec<String>,
}

pub(super) fn run(ready: bool, common: &Common) -> Result<(), AppError> {
    let settings = super::settings(common)?;
    let Some(listen) = settings.admin else {
        let text = "admin.listen is \"\", so there is nobody to ask: set it to the address of the process";
        return Err(AppError::Usage(text.to_owned()));
    };
    let page = format!("http://{}/{}", reachable(listen), if ready { "readyz" } else { "healthz" });
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(WITHIN))
        .http_status_as_error(false)
        // The process is on this machine, whatever the environment says of the way out.
        .proxy(None)
        .build()
        .into();
    let unanswered = |error: ureq::Error| {
        AppError::Unwell(format!("no answer from {page}: {error}; is it running with this admin.listen?"))
    };
    let mut answer = agent.get(&page).call().map_err(unanswered)?;
    let good = answer.status().is_success();
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    let HealthPage { status, reasons, held_up } = body.read_json().map_err(unanswered)?;
    if !good {
        return Err(AppError::Unwell(format!("{status}: {}", reasons.join("; "))));
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{status}")?;
    held_up.iter().try_for_each(|sentence| writeln!(out, "{sentence}"))?;
    Ok(())
}

/// Where one who listens on all interfaces is reached from the same machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    SocketAddr::new(address, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_this_machine_where_all_interfaces_are_listened_at() {
        for (listen, asked) in
            [("0.0.0.0:9464", "127.0.0.1:9464"), ("[::]:9464", "[::1]:9464"), ("10.0.0.7:1", "10.0.0.7:1")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
