//! Any bytes are sense data or a typed error (D1).
#![no_main]
use farshore_core::detection::sense;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = sense::parse(bytes) {
        assert!(read.key < 16);
        let _ = sense::classify(read);
    }
});
