//! What a test of a plan makes (F8): copies of LUNs, and VMs on them, under names of their own. No guard knows them, no
//! target shows them, and nothing of them is registered: they are to be found here alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use farshore_core::operation::{Failure, Token};
use serde_json::json;

use crate::host::{Done, Hosts, Kind, Running, State, VmView};
use crate::machine::{About, Machine};
use crate::{LabError, guest, running};

/// Where a site keeps what its tests make.
#[must_use]
pub fn dir(site: &Path) -> PathBuf {
    site.join("test")
}

/// The name of a copy, of a LUN or a VM.
#[must_use]
pub fn name(of: &str) -> String {
    format!("test-{of}")
}

/// The copy of a LUN.
#[must_use]
pub fn file(site: &Path, lun: &str) -> PathBuf {
    dir(site).join(format!("{lun}.img"))
}

/// Under which name the token of a copy is recorded, of a LUN or a VM.
pub(crate) fn object(of: &str) -> String {
    format!("test/{of}")
}

/// What is left of tests at a site, of files and processes, in words. Found by looking, not by what anybody remembers.
#[must_use]
pub fn left(site: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir(site)).into_iter().flatten().flatten();
    let files = entries.map(|entry| format!("the file {}", entry.path().display()));
    let processes = running::told_of(&dir(site)).into_iter().map(|pid| format!("the process {pid}"));
    files.chain(processes).collect()
}

impl Hosts {
    /// Starts a test's copy of a VM on a host, on the copy of its LUN, unless it runs already.
    ///
    /// # Errors
    /// QEMU does not come up: nobody can tell whether the guest began to run.
    pub fn start_copy(self: &Arc<Self>, vm: &str, host: &str, token: Token) -> Done<VmView> {
        let Some(config) = self.vms.get(vm) else { return Ok(Err(Failure::Unknown)) };
        let mut state = self.state();
        if let Err(superseded) = state.tokens.admits(&object(vm), token) {
            return Ok(Err(superseded));
        }
        state.tokens.record(&object(vm), token)?;
        if !state.copies.contains_key(vm) {
            let file = file(self.dir(), &config.lun);
            if !file.exists() {
                return Ok(Err(Failure::Failed));
            }
            // Its records are told from those of the VM by its name.
            guest::rename(&file, &name(vm))?;
            match self.launch_copy(vm, host, &file) {
                Ok(running) => drop(state.copies.insert(vm.into(), running)),
                Err(LabError::Ended { .. }) => return Ok(Err(Failure::Failed)),
                Err(error) => return Err(error),
            }
        }
        Ok(Ok(seen(&state, vm)))
    }

    fn launch_copy(self: &Arc<Self>, vm: &str, host: &str, file: &Path) -> Result<Running, LabError> {
        let (hosts, of) = (Arc::downgrade(self), vm.to_string());
        let beat = move || {
            if let Some(hosts) = hosts.upgrade() {
                (hosts.beat)(&of, Kind::Copy);
            }
        };
        let disk = json!({ "driver": "file", "node-name": "d0", "filename": file });
        let (name, sockets) = (name(vm), dir(self.dir()));
        let about = About { name: &name, sockets: &sockets, said: self.dir(), pid: None, disk };
        let machine = Machine::start(self.cellar(), (&self.accelerator, self.kernel.as_ref()), &about, beat)?;
        Ok(Running { host: host.into(), machine })
    }

    /// Ends a test's copy of a VM. Its disk is the array's to remove.
    ///
    /// # Errors
    /// The token cannot be recorded, or a socket cannot be removed.
    pub fn end_copy(&self, vm: &str, token: Token) -> Done<VmView> {
        if !self.vms.contains_key(vm) {
            return Ok(Err(Failure::Unknown));
        }
        let copy = {
            let mut state = self.state();
            if let Err(superseded) = state.tokens.admits(&object(vm), token) {
                return Ok(Err(superseded));
            }
            state.tokens.record(&object(vm), token)?;
            state.copies.remove(vm)
        };
        if let Some(copy) = copy {
            copy.machine.end(None);
        }
        for end in ["serial", "monitor"] {
            remove(&dir(self.dir()).join(format!("{}.{end}", name(vm))))?;
        }
        Ok(Ok(seen(&self.state(), vm)))
    }

    /// What is seen of a test's copy of a VM.
    #[must_use]
    pub fn copy(&self, vm: &str) -> VmView {
        seen(&self.state(), vm)
    }
}

fn seen(state: &State, vm: &str) -> VmView {
    let on = state.copies.get(vm).map(|copy| copy.host.clone());
    VmView { token: state.tokens.of(&object(vm)), on, registered: false }
}

/// Removes a file; one that is not there is gone.
pub(crate) fn remove(file: &Path) -> Result<(), LabError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LabError::io(format!("removing {}", file.display()))(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Cellar;
    use crate::process::Process;

    #[test]
    fn what_a_test_leaves_is_seen() {
        let site = tempfile::tempdir().expect("a directory");
        assert!(left(site.path()).is_empty());
        std::fs::create_dir(dir(site.path())).expect("a directory");
        let file = file(site.path(), "db1");
        std::fs::write(&file, "").expect("written");
        assert_eq!(left(site.path()).len(), 1);
        remove(&file).expect("removed");
        remove(&file).expect("it is gone");
        let cellar = Cellar::new();
        // It follows a file that is not there yet.
        let args = ["-F".into(), file.display().to_string()];
        let process = Process::start(&cellar, "tail", "tail", &args, &site.path().join("log")).expect("started");
        process.until("to be seen", Duration::from_secs(10), || left(site.path()).len() == 1).expect("seen");
        cellar.end();
        assert!(left(site.path()).is_empty());
    }
}
