//! Who goes next: plan priorities (F9), counted holds and groups after the critical ones (M3).
//!
//! An index over the groups' records, kept as they change, so that one group's step never looks at all the others.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::ids::{GroupIx, PlanIx};
use crate::record::Hold;

/// What the queue needs to know of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) enum Class {
    /// No failover is open, or it is over as far as others are concerned, or an operator is needed.
    #[default]
    Free,
    /// Held.
    Held(Hold),
    /// Queued in a plan, at a priority.
    Queued(PlanIx, u8, bool),
    /// Under way in a plan, at a priority.
    Running(PlanIx, u8, bool),
}

/// The index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Queue {
    class: Vec<Class>,
    unfinished: BTreeMap<(PlanIx, u8), u32>,
    queued: BTreeSet<(PlanIx, u8, GroupIx)>,
    counted: BTreeSet<GroupIx>,
    counted_vms: u32,
    after_critical: BTreeSet<GroupIx>,
    critical: u32,
}

impl Queue {
    pub(super) fn new(groups: usize) -> Self {
        Self { class: alloc::vec![Class::Free; groups], ..Self::default() }
    }

    /// Notes what has become of a group; `vms` is how many it protects.
    pub(super) fn update(&mut self, g: GroupIx, class: Class, vms: u32) {
        let old = core::mem::replace(&mut self.class[g.0 as usize], class);
        if old == class {
            return;
        }
        match old {
            Class::Free | Class::Held(Hold::Proposal | Hold::Manual | Hold::OnRequest) => {}
            Class::Held(Hold::Count) => {
                self.counted.remove(&g);
                self.counted_vms -= vms;
            }
            Class::Held(Hold::AfterCritical) => {
                self.after_critical.remove(&g);
            }
            Class::Queued(plan, priority, critical) => {
                self.queued.remove(&(plan, priority, g));
                self.leave(plan, priority, critical);
            }
            Class::Running(plan, priority, critical) => self.leave(plan, priority, critical),
        }
        match class {
            Class::Free | Class::Held(Hold::Proposal | Hold::Manual | Hold::OnRequest) => {}
            Class::Held(Hold::Count) => {
                self.counted.insert(g);
                self.counted_vms += vms;
            }
            Class::Held(Hold::AfterCritical) => {
                self.after_critical.insert(g);
            }
            Class::Queued(plan, priority, critical) => {
                self.queued.insert((plan, priority, g));
                self.join(plan, priority, critical);
            }
            Class::Running(plan, priority, critical) => self.join(plan, priority, critical),
        }
    }

    fn join(&mut self, plan: PlanIx, priority: u8, critical: bool) {
        *self.unfinished.entry((plan, priority)).or_insert(0) += 1;
        self.critical += u32::from(critical);
    }

    fn leave(&mut self, plan: PlanIx, priority: u8, critical: bool) {
        self.critical -= u32::from(critical);
        if let Some(n) = self.unfinished.get_mut(&(plan, priority)) {
            *n -= 1;
            if *n == 0 {
                self.unfinished.remove(&(plan, priority));
            }
        }
    }

    /// Held groups that the gate lets go now (M3): all that are counted, once they are enough; all that come after the
    /// critical ones, once none of those is under way.
    pub(super) fn released(&self, at_least: Option<u32>) -> Vec<GroupIx> {
        let enough = at_least.is_some_and(|n| self.counted_vms >= n);
        let counted = self.counted.iter().copied().filter(|_| enough);
        let after = self.after_critical.iter().copied().filter(|_| self.critical == 0);
        counted.chain(after).collect()
    }

    /// Queued groups whose turn it is in their plan: nothing of a higher priority is under way (F9).
    pub(super) fn next(&self) -> Vec<GroupIx> {
        let first = |plan: PlanIx| self.unfinished.range((plan, 0)..=(plan, u8::MAX)).next().map(|(&(_, p), _)| p);
        let mut next = Vec::new();
        let mut from = None;
        while let Some(&(plan, priority, _)) = match from {
            None => self.queued.first(),
            Some(plan) => self.queued.range((PlanIx(plan), 0, GroupIx(0))..).next(),
        } {
            if first(plan) == Some(priority) {
                let same = self.queued.range((plan, priority, GroupIx(0))..=(plan, priority, GroupIx(u32::MAX)));
                next.extend(same.map(|&(_, _, g)| g));
            }
            from = Some(plan.0 + 1);
        }
        next
    }
}
