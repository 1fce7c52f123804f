//! The link carries messages, survives a peer that restarts, and never trusts what it reads.

use std::sync::mpsc::channel;
use std::time::Duration;

use farshore_core::Fact;
use farshore_core::ids::{Epoch, GroupKey, Turn};
use farshore_core::message::{Body, Message};
use farshore_core::ports::Link;
use farshore_link::frame::{Decoder, FrameError, MAX, encode};
use farshore_link::{Listener, Peer};
use proptest::prelude::*;

fn message(turn: u64) -> Message {
    Message { group: GroupKey::of("shop"), epoch: Epoch(3), body: Body::Abort { turn: Turn(turn) } }
}

#[test]
fn messages_arrive_and_a_restarted_peer_is_found_again() {
    let (tell, facts) = channel();
    let start = |address: &str| {
        let tell = tell.clone();
        Listener::start(address.parse().unwrap(), move |fact| drop(tell.send(fact))).unwrap()
    };
    let listener = start("127.0.0.1:0");
    let address = listener.address();
    let mut peer = Peer::connect(address);
    let mut say = |turn| loop {
        peer.send(message(turn));
        match facts.recv_timeout(Duration::from_millis(200)) {
            Ok(Fact::Message(m)) if m == message(turn) => break,
            _ => {}
        }
    };
    say(1);
    drop(listener);
    let again = start(&address.to_string());
    say(2);
    drop(again);
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_is_read() {
    let mut decoder = Decoder::default();
    decoder.push(&u32::MAX.to_be_bytes());
    assert!(matches!(decoder.next_message(), Err(FrameError::TooLong(n)) if n > MAX));
}

proptest! {
    #[test]
    fn a_stream_reads_alike_in_whatever_pieces_it_comes(turns in prop::collection::vec(any::<u64>(), 1..8), cut in 1usize..40) {
        let stream: Vec<u8> = turns.iter().flat_map(|&t| encode(&message(t)).unwrap()).collect();
        let mut decoder = Decoder::default();
        let mut read = Vec::new();
        for piece in stream.chunks(cut) {
            decoder.push(piece);
            while let Some(m) = decoder.next_message().unwrap() {
                read.push(m);
            }
        }
        prop_assert_eq!(read, turns.into_iter().map(message).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_a_message_a_wait_or_a_typed_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        while let Ok(Some(_)) = decoder.next_message() {}
    }
}
