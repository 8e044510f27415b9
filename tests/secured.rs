//! The built binary beside a broker with TLS, authentication and rights: what it says of each thing that is wrong, and
//! that it ends when it is told to. All on one secured broker. Never looks inside.

#[path = "secured/access.rs"]
mod access;
#[path = "secured/connections.rs"]
mod connections;
#[path = "secured/modes.rs"]
mod modes;
#[path = "secured/rights.rs"]
mod rights;
#[path = "proof/scene.rs"]
#[allow(dead_code, reason = "others use more of it")]
mod scene;
#[path = "secured/starts.rs"]
mod starts;
#[path = "secured/stops.rs"]
mod stops;
mod support;
