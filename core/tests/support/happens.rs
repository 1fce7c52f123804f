//! What may happen in a run of two managers, drawn at random.

use farshore_core::ids::{GroupKey, LunKey, StepKey, VmKey};
use farshore_core::plan::Reply;
use farshore_core::spec::{Deployment, Recovery, SitePolicy, Vm};
use farshore_core::waiver::{Operator, Override, Waiver};
use farshore_core::{Command, Effects, Instant};
use proptest::prelude::*;

use super::{ALDER, BIRCH, Fault, Pair, groups, vm};

pub(crate) const GROUPS: [&str; 2] = ["one", "two"];
pub(crate) const VMS: [&str; 3] = ["one-a", "one-b", "two-a"];

/// Two groups, of two VMs and of one; `held`: nothing moves before three VMs are affected.
pub(crate) fn deployment(held: bool) -> Deployment {
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
pub(crate) enum Happens {
    Steps(u8),
    Pass(u16),
    Lose(usize, usize),
    Command(usize, u8, usize),
    Fault(usize, usize),
    Mend,
    Link(bool),
    Restart(usize),
}

pub(crate) fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (1..40_u8).prop_map(Happens::Steps),
        4 => (0..20_000_u16).prop_map(Happens::Pass),
        3 => (prop_oneof![4 => Just(ALDER), 1 => Just(BIRCH)], 0..2_usize).prop_map(|(s, g)| Happens::Lose(s, g)),
        3 => (0..2_usize, 0..COMMANDS, 0..2_usize).prop_map(|(s, c, g)| Happens::Command(s, c, g)),
        1 => (0..2_usize, 0..3_usize).prop_map(|(s, v)| Happens::Fault(s, v)),
        1 => Just(Happens::Mend),
        1 => any::<bool>().prop_map(Happens::Link),
        1 => (0..2_usize).prop_map(Happens::Restart),
    ]
}

/// How many commands [`command`] gives.
pub(crate) const COMMANDS: u8 = 21;

fn word(group: GroupKey, waives: Waiver) -> Override {
    Override { group, waives, by: Operator(1), second: None }
}

/// Its place among the kinds of commands. A new kind is to be given by [`command`], too.
pub(crate) const fn kind(command: &Command) -> usize {
    match command {
        Command::Protect(_) => 0,
        Command::Migrate(_) => 1,
        Command::Test(_) => 2,
        Command::EndTest(_) => 3,
        Command::Release(_) => 4,
        Command::Cancel(_) => 5,
        Command::Force(_) => 6,
        Command::Retry(_) => 7,
        Command::StartRemainder(_) => 8,
        Command::RetryVm(_) => 9,
        Command::SkipVm(_) => 10,
        Command::AnswerStep { .. } => 11,
        Command::TakeOver(_) => 12,
        Command::Maintenance(_) => 13,
        Command::Unprotect(_) => 14,
        Command::Commit(_) => 15,
        Command::RollBack(_) => 16,
        Command::Pause(_) => 17,
        Command::Resume(_) => 18,
    }
}

/// How many kinds there are.
pub(crate) const KINDS: usize = 19;

/// Commands of every kind, by number.
pub(crate) fn command(number: u8, group: usize) -> Command {
    let key = GroupKey::of(GROUPS[group]);
    match number {
        0 => Command::Protect(vec![key]),
        1 => Command::Release(key),
        2 => Command::Cancel(key),
        3 => Command::Force(word(key, Waiver::Evidence { loss: None })),
        4 => Command::Retry(key),
        5 => Command::StartRemainder(key),
        6 => Command::RetryVm(VmKey::of(VMS[group])),
        7 => Command::SkipVm(VmKey::of(VMS[group])),
        8 => Command::Maintenance(group == 0),
        9 => Command::Migrate(key),
        10 => Command::TakeOver(Override { second: Some(Operator(2)), ..word(key, Waiver::Fence) }),
        15 => Command::Unprotect(key),
        16 => Command::Commit(key),
        17 => Command::RollBack(word(key, Waiver::Writes)),
        18 => Command::Pause(key),
        19 => Command::Resume(key),
        11 => Command::Test(key),
        12 => Command::EndTest(key),
        13 => Command::AnswerStep { group: key, step: StepKey::of("dns"), reply: Reply::Retry },
        14 => Command::Force(word(key, Waiver::Journal)),
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

/// One of these happens.
pub(crate) fn happen(pair: &mut Pair, step: Happens) {
    match step {
        Happens::Steps(n) => {
            let _ = (0..n).any(|_| !pair.step());
        }
        Happens::Pass(millis) => pair.pass(millis.into()),
        Happens::Lose(at, group) => {
            pair.nodes[at].objects.lose(LunKey::of(GROUPS[group]));
            pair.lose(at, GROUPS[group]);
        }
        Happens::Command(at, number, group) => give(pair, at, command(number, group)),
        Happens::Fault(at, name) => drop(pair.nodes[at].objects.faults.insert(vm(VMS[name]), Fault::Fails)),
        Happens::Mend => pair.nodes.iter_mut().for_each(|node| node.objects.faults.clear()),
        Happens::Link(up) => pair.link = up,
        Happens::Restart(at) => pair.restart(at),
    }
    assert!(pair.nodes.iter().all(|n| !n.machine.status(&n.site).halted));
}

/// A run of these.
pub(crate) fn run(held: bool, steps: &[Happens]) -> Pair {
    let mut pair = Pair::protected(&deployment(held));
    steps.iter().for_each(|&step| happen(&mut pair, step));
    pair
}
