//! Records of a recovery manager, durable in one embedded database file (J1, J6, J7).
//!
//! A batch is one transaction: all of it is durable or none. The database checks itself when it is opened and cuts what
//! a crash left unfinished. Records are JSON, so that a person can read what a manager knew.
//!
//! [`Store`] is the file; [`Writer`] is the [`Journal`](farshore_core::ports::Journal) that a pump takes: a thread that
//! saves batches in order and answers each with a fact.

mod store;
mod writer;

pub use store::{JournalError, Store};
pub use writer::Writer;
