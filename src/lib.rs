//! tillgate risk-checks point-of-sale events from Kafka: exact, exactly once, explained, replayable.
//!
//! The core (`domain`, `state`, `checks`, `engine`) is pure and deterministic: records in, effects
//! out. Formats, Kafka, HTTP and files are shells around it; imports point one way only, which
//! `tests/it/architecture.rs` holds.

pub mod allocator;
pub mod app;
pub mod archive;
pub mod checks;
pub mod cli;
pub mod codec;
pub mod config;
pub mod contact;
pub mod contract;
pub mod demo;
pub mod domain;
pub mod engine;
pub mod explain;
pub mod gateway;
pub mod kafka;
pub mod load;
pub mod pipeline;
pub mod pos;
pub mod profiles;
pub mod registry;
pub mod replay;
pub mod state;
pub mod telemetry;
