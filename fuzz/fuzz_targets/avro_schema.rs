//! Runs the target `avro_schema` of `tests/fuzz/targets`. Holds nothing of its own.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (tillgate_fuzz::targets::named("avro_schema").run)(bytes));
