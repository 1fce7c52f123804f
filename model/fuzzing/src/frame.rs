//! What comes over the link.

use farshore_core::message::Message;
use farshore_link::frame::{Decoder, FrameError, encode};

/// Any bytes on the wire are messages, a wait for more, or a typed error. What reads, writes as it was read; and the
/// pieces that a stream comes in make no difference.
pub fn run(bytes: &[u8]) {
    let (all, error) = read(&[bytes]);
    for message in &all {
        let frame = encode(message).expect("what was read is short enough to be written");
        let (again, _) = read(&[&frame]);
        assert_eq!(again, std::slice::from_ref(message), "what was written reads as it was");
    }
    let cut = bytes.first().map_or(0, |&b| usize::from(b)).min(bytes.len());
    let (left, right) = bytes.split_at(cut);
    let (pieces, failed) = read(&[left, right]);
    assert_eq!((pieces, failed), (all, error), "pieces make no difference");
}

fn read(pieces: &[&[u8]]) -> (Vec<Message>, Option<String>) {
    let (mut decoder, mut messages) = (Decoder::default(), Vec::new());
    let mut error: Option<FrameError> = None;
    for piece in pieces {
        decoder.push(piece);
        while error.is_none() {
            match decoder.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(why) => error = Some(why),
            }
        }
    }
    (messages, error.map(|e| e.to_string()))
}
