//! The verdict on a test's copy of a VM: it went on from what the VM had written when it was copied, and what it wrote then
//! is on its copy.

use crate::copies;
use crate::guest::Disk;
use crate::verdict::Said;

/// What a copy of a VM showed.
#[derive(Clone, Debug)]
pub struct Copied<'a> {
    /// The VM.
    pub vm: &'a str,
    /// What the VM said, where it runs.
    pub vm_said: &'a Said,
    /// What its copy has said so far.
    pub said: &'a Said,
    /// The copy's disk, read after that.
    pub disk: &'a Disk,
    /// When the test was asked for, milliseconds.
    pub asked: u64,
    /// How old what it was copied from may have been then, milliseconds.
    pub age: u64,
}

/// What is wrong with a copy, in words.
#[must_use]
pub fn judge_copy(copied: &Copied<'_>) -> Vec<String> {
    let Copied { vm, vm_said, said, disk, asked, age } = *copied;
    let Some((began, from)) = said.resumed else { return vec![format!("{vm}: its copy never ran")] };
    let mut wrong = Vec::new();
    let mut is_wrong = |what: String| wrong.push(format!("{vm}: {what}"));
    let newest = said.acks.last().map_or(from, |(_, n)| *n);
    if newest == from {
        is_wrong("its copy wrote nothing".into());
    }
    // What was told durable so long before the test was asked for was there to be copied.
    if let Some((ms, _)) = vm_said.acks.iter().find(|(_, n)| *n > from)
        && ms + age < asked
    {
        is_wrong(format!("its copy is {} ms older than it may be", asked - ms - age));
    }
    // One more may have been written that was not told durable yet.
    let written = vm_said.acks.iter().filter(|(ms, _)| *ms <= began).map(|(_, n)| *n).max().unwrap_or(0) + 1;
    if from > written {
        is_wrong(format!("its copy went on from {from}, and only {written} were written"));
    }
    if disk.complete_to() < newest {
        is_wrong(format!("record {} is missing on its copy", disk.complete_to() + 1));
    }
    let mine = copies::name(vm);
    if disk.ring.iter().any(|r| r.vm != if r.number <= from { vm } else { mine.as_str() }) {
        is_wrong("its copy holds records of others than it had when it was copied, and wrote".into());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Record;
    use crate::verdict;

    const VM: &str = "100 RESUME 00000000\n200 ACK 00000001\n300 ACK 00000002\n400 ACK 00000003\n900 ACK 00000004\n";
    const COPY: &str = "500 RESUME 00000003\n600 ACK 00000004\n700 ACK 00000005\n";

    fn disk(own: u32) -> Disk {
        let vm = |number| if number < own { "db".into() } else { "test-db".into() };
        Disk { head: None, ring: (1..=5).map(|number| Record { vm: vm(number), number }).collect() }
    }

    fn judge(copy: &str, disk: &Disk, asked: u64, age: u64) -> usize {
        let (vm_said, said) = (verdict::said(VM), verdict::said(copy));
        judge_copy(&Copied { vm: "db", vm_said: &vm_said, said: &said, disk, asked, age }).len()
    }

    #[test]
    fn a_copy_of_its_point_is_told_from_others() {
        assert_eq!(judge(COPY, &disk(4), 450, 0), 0);
        assert_eq!(judge("", &disk(4), 450, 0), 1, "it never ran");
        assert_eq!(judge("500 RESUME 00000003\n", &disk(4), 450, 0), 1, "it wrote nothing");
        assert_eq!(judge(COPY, &disk(3), 450, 0), 1, "a record of its own is older than it");
        assert_eq!(judge(COPY, &disk(5), 450, 0), 1, "a record of the VM's is newer");
        let old = COPY.replace("RESUME 00000003", "RESUME 00000001");
        assert_eq!(judge(&old, &disk(2), 450, 0), 1, "it is too old");
        assert_eq!(judge(&old, &disk(2), 450, 150), 0);
        assert_eq!(judge(&old, &disk(2), 450, 149), 1);
        assert_eq!(judge(&COPY.replace("RESUME 00000003", "RESUME 00000005"), &disk(6), 450, 0), 2, "it is too new");
        let mut holed = disk(4);
        holed.ring.remove(3);
        assert_eq!(judge(COPY, &holed, 450, 0), 1, "a record is missing");
    }
}
