//! The verdict on a VM that ran at one site after the other and back: from all that it said at both, and its last disk.

use crate::guest::Disk;
use crate::verdict::VmVerdict;

/// What a VM said between one start and the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stay {
    site: usize,
    began: u64,
    /// Record that it went on from.
    from: u32,
    /// Milliseconds and number, in order.
    acks: Vec<(u64, u32)>,
}

impl Stay {
    fn last(&self) -> (u64, u32) {
        self.acks.last().copied().unwrap_or((self.began, self.from))
    }
}

/// Every start of a VM at either site, in the order of time. Lines that do not read are none.
fn stays(texts: [&str; 2]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    for (site, text) in texts.into_iter().enumerate() {
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(ms), Some(word), Some(number)) = (words.next(), words.next(), words.next()) else { continue };
            let (Ok(ms), Ok(number)) = (ms.parse(), u32::from_str_radix(number, 16)) else { continue };
            match (word, stays.last_mut().filter(|stay| stay.site == site)) {
                ("RESUME", _) => stays.push(Stay { site, began: ms, from: number, acks: Vec::new() }),
                ("ACK", Some(stay)) => stay.acks.push((ms, number)),
                _ => {}
            }
        }
    }
    stays.sort_by_key(|stay| stay.began);
    stays
}

/// Judges a VM that was to run at these sites, one after the other: what it said at both, and its disk at the last.
///
/// Each stay must go on from the last record that was acknowledged in the one before, and begin after it; and the disk must
/// hold every record, of all stays, as far as its ring reaches back.
#[must_use]
pub fn judge_trip(vm: &str, texts: [&str; 2], way: &[usize], disk: &Disk) -> VmVerdict {
    let stays = stays(texts);
    let mut wrong = Vec::new();
    let went: Vec<usize> = stays.iter().map(|stay| stay.site).collect();
    if went != way {
        wrong.push(format!("it started at the sites {went:?}, not at {way:?}"));
    }
    let (mut lost, mut lost_ms, mut downtime_ms) = (0, 0, None);
    for pair in stays.windows(2) {
        let [before, after] = pair else { continue };
        let (last_ms, acked) = before.last();
        if after.began <= last_ms {
            wrong.push(format!(
                "it ran twice: it started {} ms before its last record elsewhere",
                last_ms - after.began
            ));
        }
        if acked > after.from {
            lost += acked - after.from;
            let oldest = before.acks.iter().find(|(_, n)| *n > after.from).map_or(last_ms, |(ms, _)| *ms);
            lost_ms = lost_ms.max(last_ms.saturating_sub(oldest));
        }
        if let Some((first, _)) = after.acks.first() {
            downtime_ms = downtime_ms.max(Some(first.saturating_sub(last_ms)));
        }
    }
    let newest = stays.last().map_or(0, |stay| stay.last().1);
    // One more may have been written that was not acknowledged any more.
    let highest = disk.ring.last().map_or(0, |record| record.number).max(newest);
    let missing = (oldest_kept(highest)..=newest).filter(|n| !disk.ring.iter().any(|r| r.number == *n)).count();
    if missing > 0 {
        wrong.push(format!("{missing} records are missing on its disk"));
    }
    if disk.ring.iter().any(|r| r.vm.as_bytes() != &vm.as_bytes()[..vm.len().min(16)]) {
        wrong.push("another VM's records are on its disk".into());
    }
    let before_last = stays.len().checked_sub(2).and_then(|at| stays.get(at));
    let acked = before_last.map_or(newest, |stay| stay.last().1);
    let resumed = before_last.and(stays.last()).map(|stay| stay.from);
    VmVerdict { vm: vm.into(), acked, resumed, lost, lost_ms, downtime_ms, wrong }
}

/// The oldest record that a ring still holds, by the highest in it.
fn oldest_kept(highest: u32) -> u32 {
    highest.saturating_sub(crate::guest::RING_RECORDS).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Record;

    const ALDER: &str = "100 RESUME 00000000\n200 ACK 00000001\n300 ACK 00000002\n\
                         900 RESUME 00000004\n950 ACK 00000005\n";
    const BIRCH: &str = "500 RESUME 00000002\n550 ACK 00000003\n600 ACK 00000004\n";

    fn disk(numbers: impl IntoIterator<Item = u32>) -> Disk {
        let ring = numbers.into_iter().map(|number| Record { vm: "db".into(), number }).collect();
        Disk { head: None, ring }
    }

    fn judge(alder: &str, birch: &str, disk: &Disk) -> VmVerdict {
        judge_trip("db", [alder, birch], &[0, 1, 0], disk)
    }

    #[test]
    fn there_and_back_with_everything() {
        let verdict = judge(ALDER, BIRCH, &disk(1..=5));
        assert!(verdict.wrong.is_empty(), "{verdict:?}");
        assert_eq!((verdict.acked, verdict.resumed, verdict.lost), (4, Some(4), 0));
        assert_eq!(verdict.downtime_ms, Some(350));
    }

    #[test]
    fn a_record_of_either_direction_that_is_gone_is_seen() {
        for gone in 1..=5 {
            let verdict = judge(ALDER, BIRCH, &disk((1..=5).filter(|n| *n != gone)));
            assert_eq!(verdict.wrong, ["1 records are missing on its disk"], "{gone}");
        }
        let back = BIRCH.replace("RESUME 00000002", "RESUME 00000001");
        let verdict = judge(ALDER, &back, &disk(1..=5));
        assert_eq!((verdict.lost, verdict.lost_ms), (1, 0), "{verdict:?}");
        let short = ALDER.replace("RESUME 00000004", "RESUME 00000002");
        let verdict = judge(&short, BIRCH, &disk(1..=5));
        assert_eq!((verdict.lost, verdict.lost_ms), (2, 50), "{verdict:?}");
    }

    #[test]
    fn running_at_both_sites_or_not_at_all_is_seen() {
        let early = ALDER.replace("900 RESUME", "580 RESUME");
        assert!(judge(&early, BIRCH, &disk(1..=5)).wrong.iter().any(|w| w.contains("it ran twice")));
        let never = ALDER.split_inclusive('\n').take(3).collect::<String>();
        assert!(judge(&never, BIRCH, &disk(1..=5)).wrong.iter().any(|w| w.contains("not at [0, 1, 0]")));
        let again = BIRCH.to_string() + "700 RESUME 00000004\n";
        assert_eq!(judge(ALDER, &again, &disk(1..=5)).wrong.len(), 1);
    }

    #[test]
    fn a_ring_reaches_only_so_far_back() {
        let newest = crate::guest::RING_RECORDS + 7;
        let birch = format!("500 RESUME 00000002\n600 ACK {newest:08x}\n");
        let alder = format!("100 RESUME 00000000\n200 ACK 00000002\n900 RESUME {newest:08x}\n");
        assert!(judge(&alder, &birch, &disk(8..=newest)).wrong.is_empty());
        assert_eq!(judge(&alder, &birch, &disk(9..=newest)).wrong.len(), 1);
    }
}
