//! What a report is made of.

use farshore_core::event::Event;
use farshore_core::ids::{HostIx, LunIx, Side, VmIx};
use farshore_core::input::Command;
use farshore_core::message::Left;
use farshore_core::operation::ReplicationSeen;
use farshore_core::time::Millis;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When, from an origin of the caller's choice.
    pub at: Millis,
    /// At which site, where it is one.
    pub side: Option<Side>,
    /// What.
    pub what: What,
}

/// What happened. Only events are needed; the more of the rest is given, the more a report tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A manager or an agent told people.
    Event(Event),
    /// An operator's command was taken.
    Ordered(Command),
    /// The site's copy of a LUN was lost: what a manager can only hear of.
    Lost(LunIx),
    /// A host was told to start a VM.
    Asked(VmIx, HostIx),
    /// A VM runs on a host.
    Started(VmIx, HostIx),
    /// A VM serves nobody.
    Down(VmIx),
    /// A VM serves again.
    Serving(VmIx),
    /// The owner left a LUN like this (F2, F2a), and its array told this of replication.
    Left(LunIx, Left, ReplicationSeen),
    /// The site's copy became writable (F5). Asynchronous: how old, as of the loss, the point is that it went back to.
    Promoted(LunIx, Option<Millis>),
    /// A VM starts with so many of its acknowledged writes on its disks.
    Held(VmIx, u32),
    /// So many acknowledged writes of a VM are given up; how old the oldest of them was, where somebody knows.
    Gone(VmIx, u32, Option<Millis>),
}
