//! Runs the target `contact_http` of `tests/fuzz/targets`. Holds nothing of its own.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (tillgate_fuzz::targets::named("contact_http").run)(bytes));
