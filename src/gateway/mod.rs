//! HTTP: what an operator and a monitoring system ask of a running tillgate. The only folder that names axum and hyper.
//!
//! Never imports the Kafka side: what it shows comes through traits declared here and filled by `app`. Never shows a
//! record, an account or a setting.

pub mod admin;
mod problem;
mod standing;

pub use admin::{AdminError, AdminSource, Bounds, Listener};
pub use standing::Standing;
