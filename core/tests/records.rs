//! Records and commands: whatever was durable at any point of a run can be started from (J5, J1), and a command that is
//! rejected changes nothing. Each test names the rule that it checks.

mod support;

use farshore_core::error::{Rejected, RestoreError};
use farshore_core::ids::{GroupKey, LunKey};
use farshore_core::record::{Records, VERSION, Work};
use farshore_core::{Effects, Fact, Instant, RecoveryManager};
use proptest::prelude::*;
use support::happens::{COMMANDS, KINDS, command, deployment, happens, kind, run};
use support::{ALDER, BIRCH, Fault, Pair, vm};

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

/// Commands of every kind, for either group.
fn commands() -> impl Iterator<Item = farshore_core::Command> {
    (0..COMMANDS).flat_map(|number| [command(number, 0), command(number, 1)])
}

/// Every command, at every step of a failover that meets a failing VM: taken, or rejected without a trace.
#[test]
fn a_rejected_command_changes_nothing_at_any_step() {
    let mut pair = Pair::protected(&deployment(false));
    pair.nodes[BIRCH].objects.faults.insert(vm("one-b"), Fault::Fails);
    pair.nodes[ALDER].objects.lose(LunKey::of("one"));
    pair.lose(ALDER, "one");
    let mut rejected = [0; KINDS];
    for _ in 0..2_000 {
        for (at, node) in pair.nodes.iter().enumerate() {
            for command in commands() {
                let (mut machine, mut effects) = (node.machine.clone(), Effects::new());
                if machine.command(&node.site, Instant(pair.now), command.clone(), &mut effects).is_err() {
                    rejected[kind(&command)] += 1;
                    assert!(machine == node.machine && effects.is_empty(), "{at}: {command:?}");
                }
            }
        }
        let asked = pair.nodes[BIRCH].record("one").work != Work::Idle && pair.recovered(&["one-a"]);
        if !pair.step() && (asked || !pair.wake(u64::MAX)) {
            break;
        }
    }
    assert!(pair.recovered(&["one-a"]));
    // Maintenance mode is taken at any time.
    let maintenance = core::mem::replace(&mut rejected[kind(&farshore_core::Command::Maintenance(true))], usize::MAX);
    assert!(rejected.iter().all(|&times| times > 20) && maintenance == 0, "{rejected:?}");
}

/// J7: a machine that has stopped rejects every command, and nothing changes.
#[test]
fn j7_a_stopped_machine_rejects_every_command() {
    let mut pair = Pair::protected(&deployment(false));
    pair.nodes[ALDER].durable = false;
    pair.order(ALDER, command(9, 0)).unwrap();
    let (id, _) = pair.nodes[ALDER].saving.clone().unwrap();
    pair.fact(ALDER, Fact::SaveFailed(id));
    let node = &pair.nodes[ALDER];
    for command in commands() {
        let (mut machine, mut effects) = (node.machine.clone(), Effects::new());
        let answer = machine.command(&node.site, Instant(pair.now), command, &mut effects);
        assert_eq!(answer, Err(Rejected::Halted));
        assert!(machine == node.machine && effects.is_empty());
    }
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
