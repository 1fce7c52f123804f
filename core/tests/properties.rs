//! What holds of a manager at any point of any run. Each test names the rule that it checks.

mod support;

use farshore_core::event::{Alert, Event};
use farshore_core::ids::{Index, LunKey, VmIx, VmKey};
use farshore_core::inventory::Readiness;
use farshore_core::operation::{Goal, Target};
use farshore_core::plan::OnFailure;
use farshore_core::record::Work;
use farshore_core::spec::{Deployment, Vm};
use farshore_core::{Effect, Effects, Fact, Instant, Millis, RecoveryManager};
use proptest::prelude::*;
use support::happens::{GROUPS, Happens, deployment, happen, happens, run};
use support::{ALDER, BIRCH, Fault, Input, Node, Pair, groups};

fn steps(most: usize) -> impl Strategy<Value = Vec<Happens>> {
    prop::collection::vec(happens(), 1..most)
}

/// Tells a machine what is on a tape, on a clock that shows `less` less; what it wants done each time.
fn play(node: &Node, machine: &mut RecoveryManager, less: u64) -> Vec<Effects> {
    let tell = |(at, input): &(u64, Input)| {
        let (mut effects, now) = (Effects::new(), Instant(at - less));
        match input.clone() {
            Input::Fact(fact) => machine.handle(&node.site, now, fact, &mut effects),
            Input::Command(command) => drop(machine.command(&node.site, now, command, &mut effects)),
        }
        effects
    };
    node.tape.iter().map(tell).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// Time translation: at any point of a run the machine may be moved to a clock with another origin. It is told the
    /// same, and wants the same done, to the end of the run.
    #[test]
    fn a_clock_with_another_origin_makes_no_difference(
        held in any::<bool>(), before in steps(16), after in steps(16), part in 0_u64..=4,
    ) {
        let mut pair = run(held, &before);
        let less = pair.now * part / 4;
        let moved = pair.nodes.each_ref().map(|node| {
            let mut machine = node.machine.clone();
            machine.shift(Millis(less));
            [node.machine.clone(), machine]
        });
        pair.nodes.iter_mut().for_each(|node| node.tape.clear());
        let after = after.into_iter().filter(|step| !matches!(step, Happens::Restart(_)));
        after.for_each(|step| happen(&mut pair, step));
        for (node, [mut here, mut there]) in pair.nodes.iter().zip(moved) {
            prop_assert_eq!(play(node, &mut here, 0), play(node, &mut there, less));
            prop_assert!(here == node.machine, "a tape holds everything that a machine was told");
            here.shift(Millis(less));
            prop_assert!(here == there, "and the machines are the same but for the clock");
        }
    }

    /// L5: waking at the deadline makes progress, from any point of a run, and with nobody answering: the next deadline is
    /// later, or there is none.
    #[test]
    fn l5_waking_at_the_deadline_makes_progress(held in any::<bool>(), before in steps(24)) {
        let pair = run(held, &before);
        for node in &pair.nodes {
            let mut machine = node.machine.clone();
            let mut now = Instant(pair.now);
            for _ in 0..300 {
                let Some((at, _)) = machine.next_deadline() else { break };
                prop_assert!(at > now || at <= Instant(pair.now), "woken at {now:?}, and wants to be woken at {at:?}");
                now = at.max(now);
                machine.handle(&node.site, now, Fact::Wake, &mut Effects::new());
                prop_assert!(machine.next_deadline().is_none_or(|(next, _)| next > now), "at {now:?}");
                prop_assert_eq!(machine.check(&node.site), Ok(()));
            }
        }
    }
}

// Generated plans -----------------------------------------------------------------------------------------------------

const MOST: usize = 12;

/// A VM of a generated plan: its tier, what it needs among those before it, and how it becomes ready, or not.
#[derive(Clone, Debug)]
struct Guest {
    tier: u8,
    needs: Vec<usize>,
    heartbeat: bool,
    fails: bool,
}

fn guests() -> impl Strategy<Value = Vec<Guest>> {
    let guest = (1_u8..5, prop::collection::vec(any::<prop::sample::Index>(), 0..3), any::<bool>(), 0_u8..8);
    prop::collection::vec(guest, 1..MOST).prop_map(|drawn| {
        let mut guests: Vec<Guest> = Vec::new();
        for (tier, needs, heartbeat, fails) in drawn {
            // What it needs is in no later tier.
            let fit: Vec<usize> = (0..guests.len()).filter(|&g| guests[g].tier <= tier).collect();
            let mut needs: Vec<usize> = needs.iter().filter(|_| !fit.is_empty()).map(|n| *n.get(&fit)).collect();
            needs.sort_unstable();
            needs.dedup();
            guests.push(Guest { tier, needs, heartbeat, fails: fails == 0 });
        }
        guests
    })
}

fn name(at: usize) -> String {
    format!("vm-{at:02}")
}

fn planned(guests: &[Guest], starts: u16) -> Deployment {
    let vm = |(at, guest): (usize, &Guest)| Vm {
        tier: guest.tier,
        depends_on: guest.needs.iter().map(|&n| name(n)).collect(),
        ready: if guest.heartbeat { Readiness::Heartbeat } else { Readiness::PowerOn },
        ..Vm::of(&name(at), &["shop"])
    };
    let mut deployment = Deployment { vms: guests.iter().enumerate().map(vm).collect(), ..groups(&["shop"]) };
    deployment.plans[0].on_failure = OnFailure::Skip;
    for host in &mut deployment.sites[1].hosts {
        host.max_concurrent_starts = starts;
    }
    deployment
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// I3, F6: whatever the plan, a VM is asked to start when everything that it needs is ready or given up, and every VM
    /// of the tiers before; and all come up that can.
    #[test]
    fn i3_any_plan_is_kept(guests in guests(), starts in 1_u16..4) {
        let mut pair = Pair::protected(&planned(&guests, starts));
        for (at, _) in guests.iter().enumerate().filter(|(_, guest)| guest.fails) {
            pair.nodes[BIRCH].objects.faults.insert(support::vm(&name(at)), Fault::Fails);
        }
        pair.lose(ALDER, "shop");
        let idle = |p: &Pair| p.nodes[BIRCH].active("shop") && p.nodes[BIRCH].record("shop").work == Work::Idle;
        let mut beaten = Vec::new();
        for _ in 0..10_000 {
            if idle(&pair) {
                break;
            }
            if pair.step() {
                continue;
            }
            // Guests that run and have not said so do, one after another; then time passes.
            let silent = |at: &usize| guests[*at].heartbeat && !beaten.contains(at) && pair.nodes[BIRCH].runs(&name(*at));
            match (0..guests.len()).find(silent) {
                Some(at) => {
                    beaten.push(at);
                    pair.fact(BIRCH, Fact::Heartbeat(VmKey::of(&name(at))));
                }
                None => prop_assert!(pair.wake(u64::MAX), "it never ends"),
            }
        }
        prop_assert!(idle(&pair));
        let node = &pair.nodes[BIRCH];
        let find = |key| node.site.inventory.vms.find(key).map(VmIx::at);
        let mut over = vec![false; guests.len()];
        let mut ready = vec![false; guests.len()];
        for effect in &node.log {
            match effect {
                Effect::Do(op) => {
                    let (Target::Vm(key), Goal::Running { .. }) = (op.id.target, op.goal) else { continue };
                    let at = find(key).unwrap();
                    prop_assert!(guests[at].needs.iter().all(|&n| over[n]), "{at} before what it needs");
                    let before = |(g, other): (usize, &Guest)| other.tier >= guests[at].tier || over[g];
                    prop_assert!(guests.iter().enumerate().all(before), "{at} before a tier that is not over");
                }
                Effect::Event(Event::VmReady { vm, .. }) => {
                    let at = find(*vm).unwrap();
                    (over[at], ready[at]) = (true, true);
                }
                Effect::Event(Event::Raised(Alert::VmDown { vm })) => over[find(*vm).unwrap()] = true,
                _ => {}
            }
        }
        prop_assert!(over.iter().all(|o| *o));
        prop_assert_eq!(ready, guests.iter().map(|guest| !guest.fails).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// G6: a manager that crashes at any point between the first report and the marking loses nothing: hosts repeat what
    /// was not acknowledged, and in the end the same groups are marked and moved.
    #[test]
    fn g6_a_crash_at_any_point_of_an_open_group_loses_nothing(
        lost in prop::collection::vec((0_usize..2, 0_u64..3_000), 1..4), crash in 0_usize..60,
    ) {
        let moved = |crash: Option<usize>| {
            let mut pair = Pair::protected(&deployment(false));
            for &(group, pause) in &lost {
                let group = GROUPS[group];
                pair.pass(pause);
                pair.nodes[ALDER].objects.lose(LunKey::of(group));
                pair.lose(ALDER, group);
            }
            for at in 0..2_000 {
                if Some(at) == crash {
                    pair.restart(ALDER);
                }
                if !pair.step() && !pair.wake(600_000) {
                    break;
                }
            }
            GROUPS.map(|group| (pair.nodes[BIRCH].active(group), pair.nodes[ALDER].active(group)))
        };
        prop_assert_eq!(moved(Some(crash)), moved(None));
    }
}
