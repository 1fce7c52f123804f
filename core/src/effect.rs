//! What a machine wants done, appended in order to a buffer that the caller owns.

use alloc::vec::Vec;

use crate::event::Event;
use crate::ids::{ArrayKey, GroupKey, HostKey, LunKey};
use crate::input::ProbeId;
use crate::message::Message;
use crate::operation::{Op, Target};
use crate::record::Record;

/// One thing to do. The caller does them in order; none waits for another but through the facts that answer them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Effect {
    /// Make these records durable, all or none, replacing those of the same key; answer [`Saved`](crate::input::Fact::Saved) (J1).
    Save {
        /// To be named in the answer.
        id: SaveId,
        /// The records.
        batch: Vec<Record>,
    },
    /// Send to the peer's manager. May be lost.
    Send(Message),
    /// Ask a host for all its path states: [`Path`](crate::input::Fact::Path) per path (G1).
    Poll(HostKey),
    /// Have a host sample every path to a LUN now and report with this number (D3).
    Probe {
        /// The host.
        host: HostKey,
        /// The LUN.
        lun: LunKey,
        /// To be named in the answers.
        probe: ProbeId,
    },
    /// Ask an array's management for a LUN (D3).
    AskArray {
        /// The array.
        array: ArrayKey,
        /// The LUN.
        lun: LunKey,
    },
    /// Hosts may stop reporting this LUN: what follows from the report is durable (G6).
    Acknowledge {
        /// The LUN.
        lun: LunKey,
    },
    /// Do an operation; answer [`Answer`](crate::input::Fact::Answer).
    Do(Op),
    /// Observe an object with the token recorded for it; answer [`Observed`](crate::input::Fact::Observed) (J3).
    Observe {
        /// The group that it is asked for.
        group: GroupKey,
        /// The object.
        target: Target,
    },
    /// Tell people: what was decided, and why. Nothing waits for it.
    Event(Event),
    /// Ask this site's agent for authority; [`Fact::Authority`](crate::Fact::Authority) follows (O10).
    Claim(crate::authority::agent::Claim),
    /// Ask this site's agent to acquire the group of a silent site (O4).
    Acquire {
        /// The group.
        group: GroupKey,
        /// An operator accepts the loss.
        forced: bool,
    },
}

/// Names a batch: the boot that saved it and one bit, so a late answer from before a restart acknowledges nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SaveId {
    /// Boot number.
    pub boot: u32,
    /// Alternates from batch to batch.
    pub bit: bool,
}

/// The caller-owned buffer that effects are appended to.
pub type Effects = Vec<Effect>;
