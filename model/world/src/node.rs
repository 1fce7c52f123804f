//! A site's manager: the machine, what is durable of it, the batch that is being saved.

use farshore_core::effect::SaveId;
use farshore_core::ids::GroupKey;
use farshore_core::record::{GroupRecord, Record};
use farshore_core::{Records, RecoveryManager};

/// A manager and its journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// The machine; `None`: it has crashed.
    pub manager: Option<RecoveryManager>,
    /// It has stopped for good, because a save failed (J7).
    pub halted: bool,
    /// What is durable.
    pub records: Records,
    /// Number of its start.
    pub boot: u32,
    /// The batch that is being saved.
    pub saving: Option<Saving>,
}

/// A batch on its way to the disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Saving {
    /// How the answer names it.
    pub id: SaveId,
    /// The records.
    pub batch: Vec<Record>,
}

impl Node {
    /// One that never ran.
    #[must_use]
    pub fn new() -> Self {
        Self { manager: None, halted: false, records: Records::first_start(), boot: 0, saving: None }
    }

    /// The durable record of a group.
    #[must_use]
    pub fn record(&self, group: GroupKey) -> Option<&GroupRecord> {
        let at = self.records.groups.binary_search_by_key(&group, |r| r.group).ok()?;
        self.records.groups.get(at)
    }

    /// Whether it takes facts.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.manager.is_some() && !self.halted
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}
