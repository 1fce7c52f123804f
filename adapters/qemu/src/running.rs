//! The VMs that run on a host, by the process ids that QEMU writes down: for a guard, which is another process.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

/// VMs that run, and their processes. A process counts only if it was started with that very file, so that an id that the
/// system has given to another program since is never touched.
#[must_use]
pub fn of(dir: &Path) -> Vec<(String, Pid)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        let vm = path.file_stem()?.to_str()?.to_string();
        let pid = std::fs::read_to_string(&path).ok()?.trim().parse().ok().and_then(Pid::from_raw)?;
        let words = std::fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?;
        let file = path.to_str()?.as_bytes();
        words.split(|&b| b == 0).any(|word| word == file).then_some((vm, pid))
    };
    let mut running: Vec<(String, Pid)> = entries.filter_map(read).collect();
    running.sort_by(|a, b| a.0.cmp(&b.0));
    running
}

/// Ends a process at once, whatever it is doing.
pub fn kill(pid: Pid) {
    let _ = kill_process(pid, Signal::KILL);
}

/// Processes in whose arguments this directory is named.
#[must_use]
pub fn told_of(dir: &Path) -> Vec<u32> {
    let (Ok(entries), Some(wanted)) = (std::fs::read_dir("/proc"), dir.to_str()) else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let told = |pid: &u32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        *pid != std::process::id() && String::from_utf8_lossy(&words).contains(wanted)
    };
    pids.filter(told).collect()
}
