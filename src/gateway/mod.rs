//! HTTP: what an operator and a monitoring system ask of a running tillgate, and the gateway's server, through whose gate
//! (`gate.rs`) clients send requests. The only folder that names axum and hyper.
//!
//! Never imports the Kafka side: what it shows comes through traits declared here and filled by `app`. Never shows a
//! record, an account or a setting.

pub mod admin;
pub mod api;
mod audit;
pub mod auth;
mod body;
mod gate;
mod problem;
pub mod rate;
pub mod read_model;
pub mod records;
pub mod server;
mod standing;
pub mod tls;

pub use admin::{AdminBounds, AdminError, AdminSource, Listener};
pub use auth::{Authenticator, Client};
pub use body::BODIES_BYTES_MAX;
pub use gate::{Gate, HANDLER_SLACK, needing, protect};
pub use server::{Server, ServerBounds, ServerError};
pub use standing::ProcessStanding;
