//! Contact decisions on the command line: files and exports decided by `tillgate check`, and party records.

mod answers;
pub(super) mod check;
pub(super) mod export;
pub(super) mod parties;
