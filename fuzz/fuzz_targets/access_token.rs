//! Runs the target `access_token` of `tests/fuzz/targets`. Holds nothing of its own.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (tillgate_fuzz::targets::named("access_token").run)(bytes));
