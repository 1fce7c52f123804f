//! Records and commands: whatever was durable at any point of a run can be started from (J5, J1), and a command that is
//! rejected changes nothing. Each test names the rule that it checks.

mod support;

use farshore_core::error::RestoreError;
use farshore_core::ids::{GroupKey, LunKey, VmKey};
use farshore_core::record::{Records, VERSION, Work};
use farshore_core::spec::{Deployment, Recovery, SitePolicy, Vm};
use farshore_core::waiver::{Operator, Override, Waiver};
use farshore_core::{Command, Effects, Instant, RecoveryManager};
use proptest::prelude::*;
use support::{ALDER, BIRCH, Fault, Pair, groups, vm};

const GROUPS: [&str; 2] = ["one", "two"];
const VMS: [&str; 3] = ["one-a", "one-b", "two-a"];

fn deployment(held: bool) -> Deployment {
    let mut deployment = groups(&GROUPS);
    deployment.vms = VMS.map(|n| Vm::of(n, &[&n[..3]])).to_vec();
    deployment.plans[0].on_failure = farshore_core::plan::OnFailure::Ask;
    let recovery = Recovery { kind: farshore_core::policy::RecoveryKind::AtLeast, remainder: None, vms: Some(3) };
    if held {
        let site = SitePolicy { recovery: Some(recovery), backoff: None };
        deployment.policy.sites.insert("alder".into(), site);
    }
    deployment
}

/// Something that happens in a run.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Steps(u8),
    Pass(u16),
    Lose(usize, usize),
    Command(usize, u8, usize),
    Fault(usize, usize),
    Mend,
    Link(bool),
    Restart(usize),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (1..40_u8).prop_map(Happens::Steps),
        4 => (0..20_000_u16).prop_map(Happens::Pass),
        3 => (prop_oneof![4 => Just(ALDER), 1 => Just(BIRCH)], 0..2_usize).prop_map(|(s, g)| Happens::Lose(s, g)),
        3 => (0..2_usize, 0..10_u8, 0..2_usize).prop_map(|(s, c, g)| Happens::Command(s, c, g)),
        1 => (0..2_usize, 0..3_usize).prop_map(|(s, v)| Happens::Fault(s, v)),
        1 => Just(Happens::Mend),
        1 => any::<bool>().prop_map(Happens::Link),
        1 => (0..2_usize).prop_map(Happens::Restart),
    ]
}

fn command(number: u8, group: usize) -> Command {
    let key = GroupKey::of(GROUPS[group]);
    match number {
        0 => Command::Protect(vec![key]),
        1 => Command::Release(key),
        2 => Command::Cancel(key),
        3 => Command::Force(Override {
            group: key,
            waives: Waiver::Evidence { loss: None },
            by: Operator(1),
            second: None,
        }),
        4 => Command::Retry(key),
        5 => Command::StartRemainder(key),
        6 => Command::RetryVm(VmKey::of(VMS[group])),
        7 => Command::SkipVm(VmKey::of(VMS[group])),
        8 => Command::Maintenance(group == 0),
        _ => Command::Protect(GROUPS.map(GroupKey::of).to_vec()),
    }
}

/// Gives a command without letting anything follow. Rejected: machine and effects are as they were.
fn give(pair: &mut Pair, at: usize, command: Command) {
    let mut probe = pair.nodes[at].machine.clone();
    let mut effects = Effects::new();
    if let Err(why) = probe.command(&pair.nodes[at].site, Instant(pair.now), command.clone(), &mut effects) {
        assert_eq!(probe, pair.nodes[at].machine, "{command:?}: {why}");
        assert!(effects.is_empty(), "{command:?}: {why}: {effects:?}");
    } else {
        pair.command(at, command).unwrap();
    }
}

fn run(held: bool, steps: &[Happens]) -> Pair {
    let mut pair = Pair::protected(&deployment(held));
    for &step in steps {
        match step {
            Happens::Steps(n) => {
                let _ = (0..n).any(|_| !pair.step());
            }
            Happens::Pass(millis) => pair.pass(millis.into()),
            Happens::Lose(at, group) => {
                pair.nodes[at].objects.lose(LunKey::of(GROUPS[group]));
                pair.lose(at, GROUPS[group]);
            }
            Happens::Command(at, number, group) => give(&mut pair, at, command(number, group)),
            Happens::Fault(at, name) => drop(pair.nodes[at].objects.faults.insert(vm(VMS[name]), Fault::Fails)),
            Happens::Mend => pair.nodes.iter_mut().for_each(|node| node.objects.faults.clear()),
            Happens::Link(up) => pair.link = up,
            Happens::Restart(at) => pair.restart(at),
        }
        assert!(pair.nodes.iter().all(|n| !n.machine.status(&n.site).halted));
    }
    pair
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// J5: every state of the journal, at any point of any run, starts a machine that holds every invariant, knows what
    /// was durable, and begins nothing before it has compared. A rejected command changes nothing at any point.
    #[test]
    fn j5_every_journal_starts(held in any::<bool>(), steps in prop::collection::vec(happens(), 1..24)) {
        let pair = run(held, &steps);
        for node in &pair.nodes {
            for records in &node.history {
                let mut effects = Effects::new();
                let now = Instant(pair.now);
                let machine = RecoveryManager::restore(&node.site, 99, records.clone(), now, &mut effects).unwrap();
                prop_assert_eq!(machine.check(&node.site), Ok(()));
                let status = machine.status(&node.site);
                prop_assert!(!status.halted && status.groups.iter().all(|g| g.durable && !g.verified));
                for record in &records.groups {
                    prop_assert!(status.groups.iter().any(|g| g.record == record));
                }
                prop_assert_eq!(status.maintenance, records.site.maintenance);
                let asks = |e: &farshore_core::Effect| matches!(e, farshore_core::Effect::Claim(c) if c.from.is_none());
                prop_assert!(effects.iter().all(asks), "{:?}", effects);
            }
        }
    }
}

/// Every command, at every step of a failover that meets a failing VM: taken, or rejected without a trace.
#[test]
fn a_rejected_command_changes_nothing_at_any_step() {
    let mut pair = Pair::protected(&deployment(false));
    pair.nodes[BIRCH].objects.faults.insert(vm("one-b"), Fault::Fails);
    pair.nodes[ALDER].objects.lose(LunKey::of("one"));
    pair.lose(ALDER, "one");
    let mut rejected = 0;
    for _ in 0..2_000 {
        for (at, node) in pair.nodes.iter().enumerate() {
            for (number, group) in (0..10).flat_map(|c| [(c, 0), (c, 1)]) {
                let (mut machine, mut effects) = (node.machine.clone(), Effects::new());
                let command = command(number, group);
                if machine.command(&node.site, Instant(pair.now), command.clone(), &mut effects).is_err() {
                    rejected += 1;
                    assert!(machine == node.machine && effects.is_empty(), "{at}: {command:?}");
                }
            }
        }
        let asked = pair.nodes[BIRCH].record("one").work != Work::Idle && pair.recovered(&["one-a"]);
        if !pair.step() && (asked || !pair.wake(u64::MAX)) {
            break;
        }
    }
    assert!(pair.recovered(&["one-a"]) && rejected > 1_000, "{rejected}");
}

/// J5: records that do not fit are refused, and say why.
#[test]
fn j5_records_that_do_not_fit_are_refused() {
    let pair = Pair::protected(&deployment(false));
    let node = &pair.nodes[ALDER];
    let start =
        |records: Records| RecoveryManager::restore(&node.site, 2, records, Instant(0), &mut Effects::new()).map(drop);
    let known = VERSION;
    assert_eq!(start(node.disk.clone()), Ok(()));
    let mut newer = node.disk.clone();
    newer.groups[1].version = known + 1;
    assert_eq!(start(newer), Err(RestoreError::Version { found: known + 1, known }));
    let mut newer = node.disk.clone();
    newer.site.version = known + 1;
    assert_eq!(start(newer), Err(RestoreError::Version { found: known + 1, known }));
    let mut twice = node.disk.clone();
    twice.groups.push(twice.groups[0].clone());
    assert_eq!(start(twice), Err(RestoreError::Twice(node.disk.groups[0].group)));
    let mut unknown = node.disk.clone();
    unknown.groups[0].group = GroupKey::of("gone");
    assert_eq!(start(unknown), Err(RestoreError::UnknownGroup(GroupKey::of("gone"))));
}
