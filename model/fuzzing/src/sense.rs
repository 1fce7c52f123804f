//! Sense bytes (D1).

use farshore_core::detection::sense;

/// Any bytes are sense data or a typed error; the answer depends on nothing else.
pub fn run(bytes: &[u8]) {
    if let Ok(read) = sense::parse(bytes) {
        assert!(read.key < 16, "D1: a sense key has four bits");
        assert_eq!(sense::parse(bytes), Ok(read), "the same bytes read alike");
        assert_eq!(sense::classify(read), sense::classify(read));
    }
}
