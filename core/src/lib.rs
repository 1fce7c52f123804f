//! The deciding core of Farshore.
//!
//! A pure crate: no I/O, no clock, no randomness, no hash-ordered maps.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod authority;
pub mod choosing;
pub mod detection;
pub mod effect;
pub mod error;
pub mod event;
pub mod evidence;
mod failover;
pub mod gate;
pub mod grouping;
pub mod guard;
pub mod ids;
pub mod input;
pub mod inventory;
pub mod manager;
pub mod message;
pub mod operation;
pub mod plan;
pub mod policy;
pub mod ports;
pub mod record;
pub mod spec;
pub mod status;
pub mod time;
pub mod waiver;

pub use effect::{Effect, Effects};
pub use failover::placement;
pub use input::{Command, Fact};
pub use inventory::Site;
pub use manager::RecoveryManager;
pub use record::Records;
pub use time::{Instant, Millis};
