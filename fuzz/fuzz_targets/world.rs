//! See `model/fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| farshore_fuzzing::world::run(bytes));
