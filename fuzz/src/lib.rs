//! The targets that the tests run on stable too. Holds none of its own.

#[path = "../../tests/fuzz/targets/mod.rs"]
pub mod targets;
