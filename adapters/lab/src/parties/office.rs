//! Where a site's agent reaches its hosts and arrays: it reads how good the copies are, and stops what may not run.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use farshore_core::ids::LunKey;
use farshore_core::inventory::Site;
use farshore_core::operation::{Op, ReplicationSeen, Target};
use farshore_qemu::array::Array;
use farshore_qemu::host::Hosts;
use farshore_qemu::ports::{self, Names};

use super::{Caller, Ear, FromOffice, ToOffice};

#[derive(Clone)]
struct Office {
    site: Arc<Site>,
    names: Arc<Names>,
    array: Weak<Array>,
    hosts: Weak<Hosts>,
}

/// Opens a site's office, on a free port.
pub(crate) fn open(site: &Site, array: &Arc<Array>, hosts: &Arc<Hosts>) -> std::io::Result<Ear> {
    let office = Office {
        site: Arc::new(site.clone()),
        names: Arc::new(Names::of(site)),
        array: Arc::downgrade(array),
        hosts: Arc::downgrade(hosts),
    };
    Ear::start(SocketAddr::from(([127, 0, 0, 1], 0)), move |caller: &Caller, said| {
        // Arrays and hosts may hang; who asks does not.
        let (office, caller) = (office.clone(), caller.clone());
        std::thread::spawn(move || office.serve(&caller, said));
    })
}

impl Office {
    fn serve(&self, caller: &Caller, said: ToOffice) -> Option<()> {
        match said {
            ToOffice::Read(group) => {
                let (_, found) = self.site.inventory.groups.by_key(group)?;
                let luns = found.luns.iter().map(|&lun| self.read(self.site.inventory.luns[lun].key)).collect();
                caller.say(&FromOffice::Read { group, luns });
            }
            ToOffice::Do(op) => self.carry_out(&op)?,
            ToOffice::Degrade(lun) => {
                let _ = self.array.upgrade()?.degrade(self.name(lun)?);
            }
        }
        Some(())
    }

    fn name(&self, lun: LunKey) -> Option<&str> {
        self.site.inventory.luns.by_key(lun).map(|(_, lun)| lun.name.as_str())
    }

    fn read(&self, lun: LunKey) -> (LunKey, Option<ReplicationSeen>) {
        let seen = self.array.upgrade().zip(self.name(lun)).and_then(|(array, name)| array.observe(name));
        (lun, seen.map(|seen| seen.replication))
    }

    fn carry_out(&self, op: &Op) -> Option<()> {
        match op.id.target {
            Target::Lun(lun) => drop(self.array.upgrade()?.apply(self.name(lun)?, op.goal, op.id.token)),
            Target::Host(_) | Target::Vm(_) => ports::carry_out(&self.hosts.upgrade()?, &self.names, op),
            // An agent takes away (O3); it runs no plan, and tests none.
            Target::Step(_) | Target::TestLun(_) | Target::TestVm(_) | Target::TestStep(_) => {}
        }
        Some(())
    }
}
