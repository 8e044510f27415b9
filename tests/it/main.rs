//! All tests that can share a process, in one binary: linked once, with one broker of each kind for all of them. The name
//! of a test begins with that of its file: `cargo test --test it proof::`.
//!
//! Outside stand those that need a process of their own: `sim` (catches panics by a hook of its own, and keeps processors
//! busy), `torture` (kills brokers, by the hour if asked), `fuzz` (its allocator counts) and `telemetry` (sets the recorder,
//! the log and the panic hook of its process).

mod admin;
mod architecture;
mod archive;
mod audiences;
mod bad_input;
mod baskets;
mod bounds;
mod check_export;
mod checks_command;
mod codec_avro;
mod codec_json;
mod config;
mod config_checks;
mod config_gateway;
mod contact;
mod contact_avro;
mod contact_inputs;
mod contact_rules;
mod contact_state;
mod contactless;
mod contract;
mod demo;
mod docker;
mod docs;
mod dump;
mod explain;
mod gateway;
mod gateway_auth;
mod gateway_key;
mod gateway_server;
mod gateway_tls;
mod golden;
mod harness;
mod hole;
mod journal_versions;
mod load;
mod load_answers;
mod load_files;
mod load_kafka;
mod money;
mod profile_state;
mod profiles;
mod proof;
mod readme;
mod receipts;
mod reference;
mod registry;
mod repartition;
mod replay;
mod replay_kafka;
mod replay_releases;
mod replies;
mod restore;
mod run;
mod secured;
mod state;
#[path = "../support/mod.rs"]
mod support;
mod ticks;
mod topic_files;
mod vectors;
mod velocity;
