//! The verdict, read from the disks, from what the guests said, and from what the arrays wrote down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::LabError;
use crate::guest::{self, Disk};

/// What one VM said at one site: when it acknowledged which record, and where it went on from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Milliseconds and number, in order.
    pub acks: Vec<(u64, u32)>,
    /// Number that it went on from at its first start here; `None`: it never ran here.
    pub resumed: Option<(u64, u32)>,
}

/// Reads what a VM said. Lines that do not read are none.
#[must_use]
pub fn said(text: &str) -> Said {
    let mut said = Said::default();
    for line in text.lines() {
        let mut words = line.split(' ');
        let (Some(ms), Some(word), Some(number)) = (words.next(), words.next(), words.next()) else { continue };
        let (Ok(ms), Ok(number)) = (ms.parse(), u32::from_str_radix(number, 16)) else { continue };
        match word {
            "ACK" => said.acks.push((ms, number)),
            "RESUME" => said.resumed = said.resumed.or(Some((ms, number))),
            _ => {}
        }
    }
    said
}

/// What became of one VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmVerdict {
    /// Its name.
    pub vm: String,
    /// Last record that it was told is durable at the first site.
    pub acked: u32,
    /// Record that it went on from at the second, or that its copy in a test did; `None`: it never came up there.
    pub resumed: Option<u32>,
    /// Acknowledged records that are not on the second site's copy.
    pub lost: u32,
    /// Age of the oldest of them when the last was acknowledged, milliseconds.
    pub lost_ms: u64,
    /// Time without service: from the last acknowledgement at the first site to the first at the second, milliseconds.
    pub downtime_ms: Option<u64>,
    /// What is wrong, in words.
    pub wrong: Vec<String>,
}

/// Judges one VM: what it said at both sites, and the disk at the second.
#[must_use]
pub fn judge(vm: &str, first: &Said, second: &Said, disk: &Disk) -> VmVerdict {
    let mut wrong = Vec::new();
    let &(last_ms, acked) = first.acks.last().unwrap_or(&(0, 0));
    let resumed = second.resumed.map(|(_, n)| n);
    let kept = resumed.unwrap_or(0);
    let lost = if resumed.is_some() { acked.saturating_sub(kept) } else { acked };
    let oldest = first.acks.iter().find(|(_, n)| *n > kept).map_or(last_ms, |(ms, _)| *ms);
    if let Some((began, _)) = second.resumed
        && began <= last_ms
    {
        wrong.push(format!("it ran at the second site {} ms before its last record at the first", last_ms - began));
    }
    if resumed.is_none() {
        wrong.push("it never ran at the second site".into());
    }
    let newest = second.acks.last().map_or(kept, |(_, n)| *n);
    let numbers: Vec<u32> = disk.ring.iter().map(|r| r.number).collect();
    if disk.complete_to() < newest {
        wrong.push(format!("record {} is missing on the second site's disk", disk.complete_to() + 1));
    }
    if disk.ring.iter().any(|r| r.vm.as_bytes() != &vm.as_bytes()[..vm.len().min(16)]) {
        wrong.push("another VM's records are on its disk".into());
    }
    if numbers.windows(2).any(|w| w[0] == w[1]) {
        wrong.push("a record is on its disk twice".into());
    }
    let downtime_ms = second.acks.first().map(|(ms, _)| ms.saturating_sub(last_ms));
    VmVerdict { vm: vm.into(), acked, resumed, lost, lost_ms: last_ms.saturating_sub(oldest), downtime_ms, wrong }
}

/// Judges one VM that nothing was to happen to: what it said at both sites, and its disk at the first. `until`: the end of
/// whatever went wrong, milliseconds. The longest pause between two records stands for the time without service.
#[must_use]
pub fn judge_stayed(vm: &str, text: &str, second: &Said, disk: &Disk, until: u64) -> VmVerdict {
    let first = said(text);
    let mut wrong = Vec::new();
    let &(last_ms, acked) = first.acks.last().unwrap_or(&(0, 0));
    if second.resumed.is_some() {
        wrong.push("it ran at the second site".into());
    }
    if text.lines().filter(|line| line.contains(" RESUME ")).count() > 1 {
        wrong.push("it was stopped and started again".into());
    }
    if last_ms <= until {
        wrong.push("it wrote nothing more after what went wrong was over".into());
    }
    if disk.complete_to() < acked {
        wrong.push(format!("record {} is missing on its disk", disk.complete_to() + 1));
    }
    let pause = first.acks.windows(2).map(|w| w[1].0.saturating_sub(w[0].0)).max();
    let lost = acked.saturating_sub(disk.complete_to());
    VmVerdict { vm: vm.into(), acked, resumed: None, lost, lost_ms: 0, downtime_ms: pause, wrong }
}

/// Reads a VM's disk through the file that its array shows it by, or a file of its own.
///
/// # Errors
/// The file cannot be read.
pub fn disk(device: &Path) -> Result<Disk, LabError> {
    guest::read(device)
}

/// A change of who may write a LUN at a site: milliseconds, site, LUN, access.
type Change = (u64, usize, String, String);

fn changes(logs: [&str; 2]) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for (at, log) in logs.into_iter().enumerate() {
        for line in log.lines() {
            let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
            let (Some(ms), Some(lun)) = (value["ms"].as_u64(), value["lun"].as_str()) else { continue };
            changes.push((ms, at, lun.into(), value["access"].as_str().unwrap_or_default().into()));
        }
    }
    // What is taken away in a millisecond comes before what is given in it: a lock is noted after it holds.
    changes.sort_by_key(|(ms, _, _, access)| (*ms, access == "read-write"));
    changes
}

/// I1, from the arrays' own logs: the moments at which both copies of a LUN were writable to VMs, in words.
#[must_use]
pub fn both_writable(first: &str, second: &str) -> Vec<String> {
    let mut writable: BTreeMap<String, [bool; 2]> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (ms, at, lun, access) in changes([first, second]) {
        let sides = writable.entry(lun.clone()).or_default();
        sides[at] = access == "read-write";
        if sides == &[true, true] {
            wrong.push(format!("{lun}: both copies were writable at {ms} ms"));
        }
    }
    wrong
}

/// From the same logs: whether the first site's array was dead before the last of its LUNs was writable at the second.
#[must_use]
pub fn died_in_between(first: &str, second: &str) -> bool {
    let mut dark: BTreeSet<String> = BTreeSet::new();
    let mut after = false;
    for (_, at, lun, access) in changes([first, second]) {
        match (at, access.as_str()) {
            (0, "dark") => drop(dark.insert(lun)),
            (1, "read-write") => after = dark.contains(&lun),
            _ => {}
        }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Record;

    fn disk(numbers: std::ops::RangeInclusive<u32>) -> Disk {
        let record = |number| Record { vm: "db".into(), number };
        Disk { head: Some(record(*numbers.end())), ring: numbers.map(record).collect() }
    }

    #[test]
    fn nothing_lost_is_told_from_something_lost() {
        let first = said("100 RESUME 00000000\n200 ACK 00000001\n300 ACK 00000002\n400 ACK 00000003\n");
        let whole = judge("db", &first, &said("900 RESUME 00000003\n950 ACK 00000004\n"), &disk(1..=4));
        assert_eq!((whole.lost, whole.downtime_ms, whole.wrong.len()), (0, Some(550), 0), "{whole:?}");
        let short = judge("db", &first, &said("900 RESUME 00000001\n950 ACK 00000002\n"), &disk(1..=2));
        assert_eq!((short.lost, short.lost_ms, short.wrong.len()), (2, 100, 0), "{short:?}");
    }

    #[test]
    fn running_at_both_sites_is_seen() {
        let first = said("100 RESUME 00000000\n200 ACK 00000001\n990 ACK 00000002\n");
        let both = judge("db", &first, &said("900 RESUME 00000001\n950 ACK 00000002\n"), &disk(1..=2));
        assert!(both.wrong[0].contains("before its last record"), "{both:?}");
    }

    #[test]
    fn a_vm_that_was_to_stay_and_did_not_is_seen() {
        let text = "100 RESUME 00000000\n200 ACK 00000001\n900 ACK 00000002\n";
        let stayed = judge_stayed("db", text, &said(""), &disk(1..=2), 500);
        assert_eq!((stayed.wrong.len(), stayed.downtime_ms), (0, Some(700)), "{stayed:?}");
        assert_eq!(judge_stayed("db", text, &said("950 RESUME 00000002\n"), &disk(1..=2), 500).wrong.len(), 1);
        assert_eq!(judge_stayed("db", text, &said(""), &disk(1..=2), 950).wrong.len(), 1);
        assert_eq!(judge_stayed("db", text, &said(""), &disk(1..=1), 500).lost, 1);
        let again = text.to_string() + "950 RESUME 00000002\n980 ACK 00000003\n";
        assert_eq!(judge_stayed("db", &again, &said(""), &disk(1..=3), 500).wrong.len(), 1);
    }

    #[test]
    fn a_hole_on_the_disk_is_seen() {
        let mut holed = disk(1..=5);
        holed.ring.remove(2);
        let first = said("100 RESUME 00000000\n200 ACK 00000001\n");
        let verdict = judge("db", &first, &said("300 RESUME 00000004\n350 ACK 00000005\n"), &holed);
        assert_eq!(verdict.wrong, ["record 3 is missing on the second site's disk"]);
    }

    #[test]
    fn both_copies_writable_is_seen() {
        let log = |ms, access| format!("{{\"ms\":{ms},\"lun\":\"l\",\"access\":\"{access}\"}}\n");
        let first = log(1, "read-write") + &log(50, "read-only");
        assert!(both_writable(&first, &log(60, "read-write")).is_empty());
        assert_eq!(both_writable(&first, &log(40, "read-write")).len(), 1);
    }

    #[test]
    fn an_array_that_dies_too_late_or_never_is_seen() {
        let log = |ms, lun, access| format!("{{\"ms\":{ms},\"lun\":\"{lun}\",\"access\":\"{access}\"}}\n");
        let first = log(40, "a", "lost") + &log(40, "b", "lost") + &log(50, "a", "dark") + &log(50, "b", "dark");
        let second = log(45, "a", "read-write") + &log(60, "b", "read-write");
        assert!(died_in_between(&first, &second));
        assert!(!died_in_between(&first, &second.replace("60", "46")));
        assert!(!died_in_between(&log(40, "a", "lost"), &second));
        assert!(!died_in_between(&first, ""));
    }
}
