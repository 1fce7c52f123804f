//! What two recovery managers say to each other, over TCP.
//!
//! [`frame`] is the wire format, pure and bounded; [`Peer`] is the [`Link`](farshore_core::ports::Link) that a pump takes.
//! Messages may be lost: the machines ask again until they are answered.
//!
//! The link is neither authenticated nor encrypted: run it on loopback, or inside a tunnel that is both.

pub mod frame;
mod peer;

pub use peer::{Listener, Peer};
