//! Contact decisions on the command line: files decided by `tillgate check`, and party records.

pub(super) mod check;
pub(super) mod parties;
