//! A site's manager: the machine, what is durable of it, the batch that is being saved.

use farshore_core::authority::agent::{AgentRecord, SiteAgent};
use farshore_core::effect::SaveId;
use farshore_core::event::Alert;
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
    /// The site's agent; `None`: it is down.
    pub agent: Option<SiteAgent>,
    /// It is there and does nothing, such as a process that is stopped.
    pub paused: bool,
    /// What is durable of it, by group.
    pub agent_records: Vec<AgentRecord>,
    /// Its starts so far.
    pub agent_boot: u32,
    /// Alerts that it raised.
    pub agent_alerts: Vec<Alert>,
    /// The whole site is without power.
    pub dark: bool,
    /// The manager is lost, and does not start again by itself (O10).
    pub lost: bool,
    /// The journal of the manager that is lost, while a deputy has the seat and a journal of its own.
    pub aside: Option<Records>,
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
        Self {
            manager: None,
            halted: false,
            records: Records::first_start(),
            boot: 0,
            saving: None,
            agent: None,
            paused: false,
            agent_records: Vec::new(),
            agent_boot: 0,
            agent_alerts: Vec::new(),
            dark: false,
            lost: false,
            aside: None,
        }
    }

    /// The durable record of a group.
    #[must_use]
    pub fn record(&self, group: GroupKey) -> Option<&GroupRecord> {
        let at = self.records.groups.binary_search_by_key(&group, |r| r.group).ok()?;
        self.records.groups.get(at)
    }

    /// Whether it takes facts.
    /// Whether the agent hears and answers.
    #[must_use]
    pub const fn agent_answers(&self) -> bool {
        self.agent.is_some() && !self.paused
    }

    /// Power is gone, and with it whatever is not durable.
    pub(crate) fn go_dark(&mut self) {
        (self.manager, self.halted, self.saving) = (None, false, None);
        (self.agent, self.paused, self.dark) = (None, false, true);
        self.agent_alerts.clear();
    }

    /// Whether the manager runs.
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
