//! Records: read from any bytes, or made up; and machines that are started from them.

use std::collections::BTreeMap;
use std::fmt::Debug;

use farshore_core::Records;
use farshore_core::authority::agent::AgentRecord;
use farshore_core::authority::arbiter::ArbiterRecords;
use farshore_core::event::Alert;
use farshore_core::ids::{Epoch, GroupKey, Turn};
use farshore_core::operation::Point;
use farshore_core::record::{
    Give, GivePhase, GroupRecord, Hold, Latch, ProtectPhase, Protection, Record, SiteRecord, Take, TakePhase, VERSION,
    VmVerdict, Work,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bytes::Bytes;
use crate::parts::{self, Parts};
use crate::{known, manager, wired};

/// Any bytes are a record or an error, and what reads, writes as it was read. Any record that can be written starts a
/// machine, or is refused with a reason; and the machine does not panic, whatever follows.
pub fn run(bytes: &[u8]) {
    match bytes.split_first() {
        Some((b'{', _)) => read(bytes),
        Some((_, rest)) => made_up(rest),
        None => {}
    }
}

fn read(bytes: &[u8]) {
    round::<Record>(bytes);
    round::<SiteRecord>(bytes);
    round::<AgentRecord>(bytes);
    round::<ArbiterRecords>(bytes);
    let group = round::<GroupRecord>(bytes);
    let records = round::<Records>(bytes);
    let alone = group.map(|group| Records { groups: vec![group], ..Records::first_start() });
    for records in [records, alone].into_iter().flatten() {
        for site in known::sites().iter().flatten() {
            manager::started(site, records.clone(), &mut Bytes::new(&[]));
        }
    }
}

/// Reading and writing are the inverse of each other.
fn round<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(bytes).ok()?;
    same(&value);
    Some(value)
}

fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let written = serde_json::to_vec(value).expect("a record can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written reads");
    assert_eq!(&again, value, "what was written reads as it was");
}

fn made_up(bytes: &[u8]) {
    let mut b = Bytes::new(bytes);
    let sites = known::sites();
    let pair = &sites[b.below(sites.len())];
    let site = &pair[b.below(2)];
    let parts = Parts { site };
    let mut records = Records::first_start();
    records.site.maintenance = b.flag();
    records.site.incident = b.number32();
    for at in 0..site.inventory.groups.len() {
        let group = parts::group_at(site, at);
        records.groups.push(group_record(&mut b, &parts, group));
        same(&wired::agent_record(&mut b, group));
        let arbiter = ArbiterRecords { incarnation: 1, groups: vec![wired::arbiter_record(&mut b, &parts, group)] };
        same(&arbiter);
    }
    same(&records);
    manager::started(site, records, &mut b);
}

fn group_record(b: &mut Bytes<'_>, parts: &Parts<'_>, group: GroupKey) -> GroupRecord {
    let (epoch, turn) = (Epoch(b.number()), Turn(b.number()));
    let mut marks = BTreeMap::new();
    let mut returning = BTreeMap::new();
    let mut placement = BTreeMap::new();
    for _ in 0..b.below(3) {
        marks.insert(parts.lun(b), Epoch(b.number()));
        returning.insert(parts.lun(b), parts::token(b));
        placement.insert(parts.vm(b), parts.host(b));
    }
    GroupRecord {
        version: if b.once_in(20) { b.byte().into() } else { VERSION },
        group,
        authority: wired::authority(b, epoch, turn),
        protection: b.pick(&[Protection::Protected, Protection::Unprotected, Protection::Ending]),
        marks: if b.flag() { marks } else { BTreeMap::new() },
        cut_off: if b.once_in(4) { [parts.lun(b)].into() } else { std::collections::BTreeSet::new() },
        returning: if b.once_in(4) { returning } else { BTreeMap::new() },
        work: work(b, parts, group),
        placement,
        tries: b.byte(),
        cooling: b.flag(),
        latch: b.maybe(latch),
        overrides: b.number32(),
        last_override: None,
        alerts: (0..b.below(3)).map(|_| alert(b, parts, group)).collect(),
    }
}

fn work(b: &mut Bytes<'_>, parts: &Parts<'_>, group: GroupKey) -> Work {
    match b.below(10) {
        8 => Work::Unprotect,
        9 => Work::Unshield { turn: Turn(b.number()) },
        0 => Work::Idle,
        1 => Work::Protect(b.pick(&[ProtectPhase::Shielding, ProtectPhase::Replicating])),
        2 => Work::Shield { turn: Turn(b.number()) },
        3 => Work::StandDown,
        4 | 5 => Work::Give(Give {
            phase: give_phase(b),
            incident: b.number32(),
            offer: parts.offer(b, group),
            luns: parts.left(b, group),
            forced: b.flag(),
            expiry: b.flag(),
        }),
        _ => Work::Take(take(b, parts, group)),
    }
}

fn give_phase(b: &mut Bytes<'_>) -> GivePhase {
    b.pick(&[
        GivePhase::Held(Hold::Proposal),
        GivePhase::Held(Hold::Manual),
        GivePhase::Held(Hold::Count),
        GivePhase::Held(Hold::AfterCritical),
        GivePhase::Held(Hold::OnRequest),
        GivePhase::Queued,
        GivePhase::BackingOff,
        GivePhase::Preparing,
        GivePhase::Quiescing,
        GivePhase::Confirming,
        GivePhase::Released,
        GivePhase::Following,
    ])
}

fn take(b: &mut Bytes<'_>, parts: &Parts<'_>, group: GroupKey) -> Take {
    let phase = b.pick(&[
        TakePhase::Reserved,
        TakePhase::Acquiring { forced: false },
        TakePhase::Acquiring { forced: true },
        TakePhase::Cutting,
        TakePhase::Promoting,
        TakePhase::Starting,
        TakePhase::Waiting,
        TakePhase::Stopping,
        TakePhase::PuttingBack,
    ]);
    let (turn, offer, luns) = (Turn(b.number()), parts.offer(b, group), parts.left(b, group));
    let points = luns.keys().map(|&lun| (lun, b.maybe(|b| Point(b.number())))).collect();
    let verdict = |b: &mut Bytes<'_>| b.pick(&[VmVerdict::Failed, VmVerdict::Asked, VmVerdict::NotInScope]);
    let verdicts = (0..b.below(3)).map(|_| (parts.vm(b), verdict(b))).collect();
    Take { phase, turn, offer, luns, points, verdicts }
}

fn latch(b: &mut Bytes<'_>) -> Latch {
    b.pick(&[
        Latch::NotProtected,
        Latch::Cooldown,
        Latch::Refused,
        Latch::Evidence,
        Latch::Stuck,
        Latch::StepFailed,
        Latch::Cancelled,
        Latch::RemainderNever,
        Latch::Paused,
        Latch::Denied,
        Latch::SiteSilent,
        Latch::JournalBehind,
    ])
}

fn alert(b: &mut Bytes<'_>, parts: &Parts<'_>, group: GroupKey) -> Alert {
    match b.below(6) {
        0 => Alert::NeedsOperator { group, why: latch(b) },
        1 => Alert::PeerSilent { group },
        2 => Alert::InDoubt { group, target: parts.target(b) },
        3 => Alert::VmDown { vm: parts.vm(b) },
        4 => Alert::TakeoverDenied { group, why: wired::denial(b) },
        _ => Alert::RecoveryLunLost { lun: parts.lun(b) },
    }
}
