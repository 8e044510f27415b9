//! Runs the target `key_set` of `tests/fuzz/targets`. Holds nothing of its own.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (tillgate_fuzz::targets::named("key_set").run)(bytes));
