//! Leaving out what makes no difference, so that worlds that nobody can tell apart are one.

use farshore_core::ids::{Index, Side};
use farshore_core::operation::{Op, Token};

use crate::array::refuses;
use crate::setup::{Object, Setup};
use crate::world::World;

impl World {
    /// Reduced: a command that its object refuses now will be refused for ever; if the manager that issued it is gone,
    /// too, nobody hears of that. Worlds with and without it are the same world.
    pub(crate) fn forget_dead_commands(&mut self, setup: &Setup) {
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
