//! Starting from records (J5): the ordinary path, with an empty run.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::{RecoveryManager, queue::Queue};
use crate::detection::Detector;
use crate::effect::Effects;
use crate::error::RestoreError;
use crate::failover::{Durability, GroupState, Slots, Wait};
use crate::grouping::Grouping;
use crate::ids::GroupIx;
use crate::input::ProbeId;
use crate::inventory::Site;
use crate::record::{GroupRecord, Records, VERSION};
use crate::time::Instant;

impl RecoveryManager {
    /// Starts a machine from what is durable. `boot` rises with every start of this site's machine; the adapter that
    /// keeps the journal counts it.
    ///
    /// A restarted machine does nothing for a group until it has compared its record with the peer's (J5).
    ///
    /// # Errors
    /// Records that this build cannot read, or that do not fit the inventory. Nothing has happened then.
    pub fn restore(
        site: &Site,
        boot: u32,
        records: Records,
        now: Instant,
        effects: &mut Effects,
    ) -> Result<Self, RestoreError> {
        let Records { site: site_record, groups: records } = records;
        version(site_record.version)?;
        let mut by_index: BTreeMap<GroupIx, GroupRecord> = BTreeMap::new();
        for record in records {
            version(record.version)?;
            let key = record.group;
            let g = site.inventory.groups.find(key).ok_or(RestoreError::UnknownGroup(key))?;
            if by_index.insert(g, record).is_some() {
                return Err(RestoreError::Twice(key));
            }
        }
        let hosts = site.inventory.hosts.len();
        let mut slots = Slots { starting: alloc::vec![0; hosts], held: alloc::vec![0; hosts], ..Slots::default() };
        let groups: Vec<GroupState> = site
            .inventory
            .groups
            .iter()
            .map(|(g, group)| match by_index.remove(&g) {
                Some(record) => GroupState::restored(site, record, now, &mut slots),
                None => GroupState::first(group, group.home == site.here),
            })
            .collect();
        let count = groups.len();
        let mut machine = Self {
            digest: site.digest,
            boot,
            halted: false,
            saving: None,
            bit: false,
            site_record,
            site_durability: Durability::Clean,
            acknowledge: BTreeSet::new(),
            detector: Detector::default(),
            grouping: Grouping::new(&site.policy.grouping, now),
            probe: ProbeId(boot << 16),
            contradicted: BTreeMap::new(),
            down: BTreeMap::new(),
            luns_down: BTreeMap::new(),
            unreached: BTreeMap::new(),
            silent: false,
            deputy: false,
            groups,
            slots,
            queue: Queue::new(count),
            dirty: BTreeSet::new(),
            touched: site.inventory.groups.indices().collect(),
            deadlines: alloc::vec![None; count],
            timers: BTreeSet::new(),
        };
        machine.settle(site, now, effects);
        Ok(machine)
    }
}

const fn version(found: u16) -> Result<(), RestoreError> {
    if found > VERSION { Err(RestoreError::Version { found, known: VERSION }) } else { Ok(()) }
}

impl GroupState {
    /// A group as its record left it. The cooldown starts again in full (M5).
    fn restored(site: &Site, record: GroupRecord, now: Instant, slots: &mut Slots) -> Self {
        let mut state = Self::of(record);
        state.count_room(site, slots);
        if state.record.cooling {
            state.run.waits.insert(Wait::Cooldown, now + site.policy.limits.cooldown);
        }
        state
    }
}
