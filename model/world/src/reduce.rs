//! Leaving out what makes no difference, so that worlds that nobody can tell apart are one.

use farshore_core::effect::Effect;
use farshore_core::ids::{Index, Side};
use farshore_core::input::{Fact, ProbeId};
use farshore_core::operation::{Op, Token};

use crate::array::refuses;
use crate::setup::{Object, Setup};
use crate::world::{Desk, World};

impl World {
    /// The world that stands for this one, and for all others that nobody can tell from it.
    #[must_use]
    pub fn canonical(&self, setup: &Setup) -> Self {
        let mut world = self.clone();
        world.normalise(setup);
        world
    }

    /// Makes it canonical.
    pub(crate) fn normalise(&mut self, setup: &Setup) {
        self.forget_dead_commands(setup);
        self.renumber_probes(setup);
        self.rebase(setup);
    }

    /// Reduced: a command that its object refuses now will be refused for ever; if the manager that issued it is gone,
    /// too, nobody hears of that. Worlds with and without it are the same world.
    fn forget_dead_commands(&mut self, setup: &Setup) {
        if !setup.reduced {
            return;
        }
        for side in Side::BOTH {
            let node = self.node(side);
            let boot = node.boot + u32::from(node.manager.is_none());
            let heard = |op: &Op| op.attempt / 256 >= boot;
            if self.desks[side.at()].ops.iter().all(|f| heard(&f.item)) {
                continue;
            }
            let mut ops = core::mem::take(&mut self.desks[side.at()].ops);
            let refused = |op: &Op| self.kept(setup, side, op).is_some_and(|kept| refuses(kept, op.id.token));
            ops.retain(|f| heard(&f.item) || !refused(&f.item));
            self.desks[side.at()].ops = ops;
        }
    }

    /// Reduced: probes are numbered on without end while a contradiction lasts (D3). Of a number matters only which of
    /// the answers that may still come are not older: those on their way, and those to the newest probe or a later one.
    fn renumber_probes(&mut self, setup: &Setup) {
        if !setup.reduced {
            return;
        }
        for side in Side::BOTH {
            let Some(manager) = &self.node(side).manager else { continue };
            let (newest, base) = (manager.newest_probe(), ProbeId(self.node(side).boot << 16));
            let cases: Vec<ProbeId> = manager.probes().collect();
            let mut known = vec![newest];
            self.desks[side.at()].each_probe(|p| known.push(*p));
            // Numbers may wrap: half of them are later than any given one.
            let later = |p: ProbeId| p.0.wrapping_sub(newest.0).cast_signed();
            known.sort_by_key(|&p| later(p));
            known.dedup();
            let rank = |p: ProbeId| u32::try_from(known.partition_point(|&k| later(k) < later(p))).unwrap_or(u32::MAX);
            let to = |p: ProbeId| ProbeId(base.0.wrapping_add(rank(p)).wrapping_sub(rank(newest)));
            if cases.iter().chain(&known).all(|&p| to(p) == p) {
                continue;
            }
            if let Some(manager) = &mut self.node_mut(side).manager {
                manager.renumber_probes(to);
            }
            self.desks[side.at()].each_probe(|p| *p = to(*p));
        }
    }

    /// The highest token that the object of a command has taken.
    #[must_use]
    pub fn kept(&self, setup: &Setup, side: Side, op: &Op) -> Option<Token> {
        match setup.object(op.id.target)? {
            Object::Lun(l) => self.luns[l.at()].at(side).map(|c| c.token),
            Object::Vm(v) => Some(self.vms[v.at()].at[side.at()].token),
            Object::Host(h) => {
                let group = setup.inventory().groups.find(op.id.group)?;
                self.host_group(setup, h, group).map(|held| held.token)
            }
            object @ (Object::Step(_) | Object::TestLun(_) | Object::TestVm(_) | Object::TestStep(_)) => {
                self.stage_kept(side, setup.inventory().groups.find(op.id.group), object)
            }
        }
    }
}

impl Desk {
    /// Every number of a probe that is on its way, or whose answer is.
    fn each_probe(&mut self, mut act: impl FnMut(&mut ProbeId)) {
        for flight in &mut self.requests {
            if let Effect::Probe { probe, .. } = &mut flight.item {
                act(probe);
            }
        }
        for fact in &mut self.facts {
            if let Fact::Path { probe: Some(probe), .. } = fact {
                act(probe);
            }
        }
    }
}
