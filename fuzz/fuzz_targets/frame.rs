//! Any bytes on the wire are messages, a wait for more, or a typed error; and what reads, writes as it was read.
#![no_main]
use farshore_link::frame::{Decoder, encode};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    while let Ok(Some(message)) = decoder.next_message() {
        let mut again = Decoder::default();
        again.push(&encode(&message).expect("what was read is short enough to be written"));
        assert_eq!(again.next_message().expect("what was written reads"), Some(message));
    }
});
