//! What a lab leaves that could not clean up, because it was killed: found and removed by the next one.
//!
//! Its programs die with it. Its directory, and what is mounted in there, stay; that nobody holds the lock in a directory
//! any more tells them from those of a lab that runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::LabError;
use crate::cellar::{release, remove};

const LOCK: &str = "run.lock";

/// Marks a directory as in use, for as long as the result is kept.
///
/// # Errors
/// It cannot be written to.
pub fn mark(dir: &Path) -> Result<File, LabError> {
    let what = || format!("marking {} as in use", dir.display());
    // Locked before it can be found by its name.
    let new = dir.join("run.lock.new");
    let file = File::create(&new).map_err(LabError::io(what()))?;
    file.lock().map_err(LabError::io(what()))?;
    fs::rename(&new, dir.join(LOCK)).map_err(LabError::io(what()))?;
    Ok(file)
}

/// A directory is to be kept: it is nobody's leftover.
pub fn keep(dir: &Path) {
    let _ = fs::remove_file(dir.join(LOCK));
}

/// Releases what a killed lab left mounted in a directory, if it did.
pub fn settle(dir: &Path) {
    if abandoned(dir) {
        mounts_below(dir).iter().for_each(|at| release(at));
    }
}

/// Removes what killed labs left among the directories whose names begin so; which those were.
pub fn sweep(among: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(among) else { return Vec::new() };
    let dirs = entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(prefix)).map(|e| e.path());
    let dead: Vec<PathBuf> = dirs.filter(|dir| abandoned(dir)).collect();
    for dir in &dead {
        settle(dir);
        remove(dir);
    }
    dead
}

fn abandoned(dir: &Path) -> bool {
    File::open(dir.join(LOCK)).is_ok_and(|file| file.try_lock().is_ok())
}

fn mounts_below(dir: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = table.lines().filter_map(|line| line.split(' ').nth(1));
    places.map(|at| PathBuf::from(at.replace("\\040", " "))).filter(|at| at.starts_with(dir)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_uses_and_nobody_kept_is_removed() {
        let among = tempfile::tempdir().expect("a directory");
        let dir = |name: &str| {
            let dir = among.path().join(name);
            fs::create_dir(&dir).expect("a directory");
            dir
        };
        let (used, kept, left, other) = (dir("lab-used"), dir("lab-kept"), dir("lab-left"), dir("other"));
        let _used = mark(&used).expect("marked");
        drop(mark(&kept).expect("marked"));
        keep(&kept);
        drop(mark(&left).expect("marked"));
        drop(mark(&other).expect("marked"));
        assert_eq!(sweep(among.path(), "lab-"), std::slice::from_ref(&left));
        assert!(!left.exists() && used.exists() && kept.exists() && other.exists());
    }
}
