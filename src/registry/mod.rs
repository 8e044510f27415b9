//! The schema registry, over its Confluent API: writers' schemas by id or GUID, and our outcome schema put in.
//!
//! Asking never waits: threads of its own fetch, decoders are told "known", "unknown" or "not yet".
//! A registry that cannot be asked never turns a record into a dead letter; only a registry's own answer
//! that there is no such schema does.

mod cache;
mod client;
mod schemas;

pub use client::{RegistryClient, RegistryError, WrittenAs};
pub use schemas::Registry;
