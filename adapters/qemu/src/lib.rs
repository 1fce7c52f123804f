//! Real hosts and real arrays on one machine.
//!
//! An array is, per LUN, an nbdkit medium that can be made to fail; a qemu-storage-daemon that replicates; a second one in
//! front of it; and an iSCSI target. A host is a name under which QEMU processes run, each on its own libiscsi session.
//!
//! Architecture Invariant: nothing here decides. Objects are brought into the states that are asked for, the highest
//! token *applied* per object is kept durably, and lower ones are refused (J2).

pub mod array;
pub mod cellar;
pub mod clock;
pub mod copies;
pub mod copy_verdict;
pub mod error;
pub mod guest;
pub mod host;
pub mod leftovers;
pub mod linux;
mod machine;
pub mod ports;
pub mod probe;
pub mod process;
pub mod qmp;
pub mod running;
pub mod steps;
pub mod tokens;
pub mod trip;
pub mod verdict;

pub use cellar::Cellar;
pub use error::LabError;
