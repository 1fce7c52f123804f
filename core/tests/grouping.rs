//! Grouping (G1 to G6). Each test names the rule that it checks.

use std::collections::{BTreeMap, BTreeSet};

use farshore_core::detection::corroboration::{ArrayAnswer, Finding};
use farshore_core::grouping::{Due, GroupTimer, Grouping, Window};
use farshore_core::ids::{HostIx, LunIx};
use farshore_core::input::ProbeId;
use farshore_core::policy::{Grouping as Policy, Mode};
use farshore_core::{Instant, Millis};
use proptest::prelude::*;

const SLIDING: Policy = Policy {
    mode: Mode::Sliding,
    idle_poll: Millis(5_000),
    min_poll: Millis(100),
    short: Millis(2_000),
    long: Millis(15_000),
};
const FIXED: Policy = Policy { mode: Mode::Fixed, ..SLIDING };
const PUSHED: Policy = Policy { idle_poll: Millis(0), ..SLIDING };

/// What happened, in order.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Poll(u64),
    Closed(u64, Vec<u32>),
}
use Told::{Closed, Poll};

struct Bench {
    policy: Policy,
    g: Grouping,
    told: Vec<Told>,
    findings: BTreeMap<u32, Finding>,
}

impl Bench {
    fn new(policy: Policy) -> Self {
        Self { policy, g: Grouping::new(&policy, Instant(0)), told: Vec::new(), findings: BTreeMap::new() }
    }

    /// A failure of a LUN, seen by host 0.
    fn fail(&mut self, at: u64, lun: u32) -> bool {
        self.g.failure(&self.policy, Instant(at), LunIx(lun), HostIx(0), ProbeId(1))
    }

    /// Takes what is due.
    fn due(&mut self, now: u64) {
        loop {
            match self.g.due(&self.policy, Instant(now)) {
                Due::Nothing => return,
                Due::Poll => self.told.push(Poll(now)),
                Due::Closed(window) => self.closed(now, &window),
            }
        }
    }

    fn closed(&mut self, now: u64, window: &Window) {
        self.findings.extend(window.findings().map(|(lun, finding)| (lun.0, finding)));
        self.told.push(Closed(now, window.findings().map(|(lun, _)| lun.0).collect()));
    }

    /// Wakes at every deadline up to `until`.
    fn run(&mut self, until: u64) {
        while let Some((at, _)) = self.g.next_deadline().filter(|(at, _)| at.0 <= until) {
            self.due(at.0);
        }
    }

    fn polls(&self) -> Vec<u64> {
        self.told.iter().filter_map(|t| if let Poll(at) = t { Some(*at) } else { None }).collect()
    }

    fn groups(&self) -> Vec<(u64, Vec<u32>)> {
        self.told
            .iter()
            .filter_map(|t| if let Closed(at, luns) = t { Some((*at, luns.clone())) } else { None })
            .collect()
    }
}

/// G1: "Idle: poll each host every `idle_poll` (5 s)"; with zero, hosts only push.
#[test]
fn g1_idle_hosts_are_polled_every_idle_poll() {
    let mut b = Bench::new(SLIDING);
    b.run(16_000);
    assert_eq!(b.told, [Poll(5_000), Poll(10_000), Poll(15_000)]);
    assert_eq!(Bench::new(PUSHED).g.next_deadline(), None);
}

/// G1: a caller that is late polls once, and not for each poll that it has missed.
#[test]
fn g1_missed_polls_are_not_made_up_for() {
    let mut b = Bench::new(SLIDING);
    b.due(60_000);
    assert_eq!((b.told, b.g.next_deadline()), (vec![Poll(60_000)], Some((Instant(65_000), GroupTimer::Poll))));
}

/// G2: "The first failure opens a group, starts the long timer and the short timer, and sets the poll interval to
/// `min_poll`."
#[test]
fn g2_the_first_failure_opens_a_group() {
    let mut b = Bench::new(SLIDING);
    assert!(b.fail(1_000, 7) && b.g.is_open());
    assert_eq!(b.g.next_deadline(), Some((Instant(1_100), GroupTimer::Poll)));
    b.run(20_000);
    assert_eq!(b.groups(), [(3_000, vec![7])]);
    assert!(!b.g.is_open());
}

/// G3: "An empty poll doubles the interval, up to half the short timer." The failure that opened the group counts as
/// found by a poll (G1), so the first poll afterwards is the first that can be empty.
#[test]
fn g3_an_empty_poll_doubles_the_interval_up_to_half_the_short_timer() {
    let policy = Policy { short: Millis(5_000), ..SLIDING };
    let mut b = Bench::new(policy);
    b.fail(0, 1);
    b.run(4_999);
    // Pauses: 100, 100, 200, 400, 800, 1600.
    assert_eq!(b.polls(), [100, 200, 400, 800, 1_600, 3_200]);
    b.run(5_000);
    assert_eq!(b.groups(), [(5_000, vec![1])]);
    // No more than half of 2000: what the poll at 1600 leaves is 1000, and 500 once a failure halves it.
    let mut b = Bench::new(SLIDING);
    b.fail(0, 1);
    b.run(1_900);
    assert_eq!(b.polls(), [100, 200, 400, 800, 1_600]);
    b.fail(1_900, 2);
    assert_eq!(b.g.next_deadline(), Some((Instant(2_400), GroupTimer::Poll)));
}

/// G3: "A further failure joins the group, restarts the short timer and halves the interval, down to `min_poll`."
#[test]
fn g3_a_further_failure_restarts_the_short_timer_and_halves_the_interval() {
    let mut b = Bench::new(SLIDING);
    b.fail(0, 1);
    b.run(800);
    assert_eq!(b.polls(), [100, 200, 400, 800]);
    assert_eq!(b.g.next_deadline(), Some((Instant(1_600), GroupTimer::Poll)));
    assert!(b.fail(900, 2));
    assert_eq!(b.g.next_deadline(), Some((Instant(1_300), GroupTimer::Poll)), "800 halved, from now");
    for lun in 3..9 {
        b.fail(900, lun);
    }
    assert_eq!(b.g.next_deadline(), Some((Instant(1_000), GroupTimer::Poll)), "min_poll");
    b.run(20_000);
    assert_eq!(b.groups(), [(2_900, (1..9).collect())]);
}

/// G3: a repeated report, or another host's, is no further failure: it keeps no group open (G5).
#[test]
fn g3_a_repeated_failure_extends_nothing() {
    let mut b = Bench::new(SLIDING);
    b.fail(0, 1);
    for at in 1..1_999 {
        assert!(!b.fail(at, 1));
        assert!(!b.g.failure(&SLIDING, Instant(at), LunIx(1), HostIx(1), ProbeId(9)));
    }
    b.run(2_000);
    assert_eq!(b.groups(), [(2_000, vec![1])]);
}

/// G3: "poll once per short timer; an empty poll … closes the group."
#[test]
fn g3_fixed_an_empty_poll_closes() {
    let mut b = Bench::new(FIXED);
    b.fail(0, 1);
    b.run(2_000);
    b.fail(2_500, 2);
    b.run(30_000);
    // The poll at 2000 found LUN 2; the one at 4000 was empty, which the next short timer knows.
    assert_eq!(b.told[..3], [Poll(2_000), Poll(4_000), Closed(6_000, vec![1, 2])]);
    assert_eq!(b.told[3], Poll(11_000), "idle again (G1)");
}

/// G3: "… or one that finds the long timer expired, closes the group": with failures all along.
#[test]
fn g3_fixed_the_long_timer_closes() {
    let mut b = Bench::new(FIXED);
    for lun in 0..10 {
        b.run(u64::from(lun) * 1_900);
        b.fail(u64::from(lun) * 1_900, lun);
    }
    assert_eq!(b.groups(), [(15_000, (0..8).collect())]);
    b.run(60_000);
    assert_eq!(b.groups()[1].1, [8, 9]);
}

/// G3: where hosts only push, the same window without polls.
#[test]
fn g3_push_only_closes_without_polls() {
    for (mode, closed) in [(Mode::Sliding, 3_000), (Mode::Fixed, 6_000)] {
        let mut b = Bench::new(Policy { mode, ..PUSHED });
        b.fail(1_000 * u64::from(mode == Mode::Sliding), 1);
        if mode == Mode::Fixed {
            b.run(2_000);
            b.fail(2_500, 2);
        }
        b.run(60_000);
        assert_eq!((b.polls(), b.groups()[0].0), (vec![], closed), "{mode:?}");
        assert_eq!(b.g, Grouping::new(&b.policy, Instant(0)));
    }
}

/// G4: "The long timer is never extended."
#[test]
fn g4_the_long_timer_is_never_extended() {
    let mut b = Bench::new(SLIDING);
    for lun in 0..20 {
        b.run(u64::from(lun) * 1_000);
        b.fail(u64::from(lun) * 1_000, lun);
    }
    b.run(60_000);
    assert_eq!(b.groups(), [(15_000, (0..15).collect()), (21_000, (15..20).collect())]);
}

/// G4: "What arrives afterwards opens the next group", also at the very time, and also before the caller has woken: it is
/// not concluded with the group that is over, before anyone could answer its probe (D3, I19).
#[test]
fn g4_what_arrives_when_the_group_is_over_opens_the_next() {
    for policy in [SLIDING, PUSHED, FIXED] {
        for at in [15_000, 15_001, 17_000, 90_000] {
            let mut b = Bench::new(policy);
            b.fail(0, 1);
            assert!(b.fail(at, 2), "a failure of its own");
            assert!(!b.fail(at, 1), "repeated: in its own group, which is not yet handed out");
            assert_eq!(b.g.next_deadline().map(|(at, _)| at <= Instant(15_000)), Some(true), "due at once");
            b.due(at);
            assert_eq!(b.groups(), [(at, vec![1])], "{policy:?}");
            b.g.healthy(LunIx(2), Some(ProbeId(1)));
            b.run(at + 15_000);
            assert_eq!((&b.groups()[1].1, b.findings[&2]), (&vec![2], Finding::Contradicted));
        }
    }
}

/// G4: at one time a group that is over closes before anything is polled.
#[test]
fn g4_closing_comes_before_polling() {
    let mut b = Bench::new(Policy { short: Millis(1_600), ..SLIDING });
    b.fail(0, 1);
    b.due(1_600);
    assert_eq!(b.told, [Closed(1_600, vec![1])]);
    assert!(GroupTimer::Long < GroupTimer::Short && GroupTimer::Short < GroupTimer::Poll);
}

/// D3: late evidence about a LUN counts until its group is handed out, and none is carried into another group.
#[test]
fn d3_evidence_belongs_to_the_group_of_its_lun() {
    let mut b = Bench::new(SLIDING);
    b.fail(0, 1);
    b.fail(2_000, 2);
    b.g.healthy(LunIx(1), Some(ProbeId(1)));
    b.g.array(LunIx(2), ArrayAnswer::Present);
    b.g.healthy(LunIx(3), Some(ProbeId(1)));
    b.run(2_000);
    assert_eq!(b.findings, BTreeMap::from([(1, Finding::Contradicted)]));
    b.fail(2_100, 1);
    b.run(60_000);
    assert_eq!(b.findings, BTreeMap::from([(1, Finding::Confirmed), (2, Finding::Contradicted)]));
}

/// D3: what hangs on one host is worth asking again with each poll; what is decided is not.
#[test]
fn d3_undecided_are_those_that_hang_on_one_host() {
    let mut b = Bench::new(SLIDING);
    (1..=4).for_each(|lun| assert!(b.fail(0, lun)));
    b.g.failure(&SLIDING, Instant(0), LunIx(2), HostIx(1), ProbeId(1));
    b.g.healthy(LunIx(3), Some(ProbeId(1)));
    b.g.withdrawn(LunIx(4), HostIx(0));
    assert_eq!(b.g.undecided().collect::<Vec<_>>(), [LunIx(1), LunIx(4)]);
    b.run(2_000);
    assert_eq!((b.g.undecided().count(), b.findings[&4]), (0, Finding::Contradicted));
}

/// G6: a restart forgets the group; the reports, repeated, open it again with every LUN.
#[test]
fn g6_a_crash_inside_an_open_group_loses_nothing() {
    let mut b = Bench::new(SLIDING);
    (0..5).for_each(|lun| assert!(b.fail(0, lun)));
    b.g = Grouping::new(&SLIDING, Instant(500));
    (0..5).for_each(|lun| assert!(b.fail(600, lun)));
    b.run(3_000);
    assert_eq!(b.groups(), [(2_600, (0..5).collect())]);
}

// Any history ---------------------------------------------------------------------------------------------------------

const LUNS: u32 = 6;

fn policies() -> impl Strategy<Value = Policy> {
    let times = (0_u64..60, 1_u64..20, 2_u64..50, 0_u64..200);
    (prop::sample::select(vec![Mode::Sliding, Mode::Fixed]), times).prop_map(|(mode, (idle, min, short, more))| {
        let min = min.min(short / 2).max(1);
        let idle = if idle < min { 0 } else { idle };
        let [idle_poll, min_poll, short, long] = [idle, min, short, short + more].map(Millis);
        Policy { mode, idle_poll, min_poll, short, long }
    })
}

/// Failures in time, each with whether the caller wakes on time before it.
fn histories() -> impl Strategy<Value = Vec<(u64, u32, bool)>> {
    let step = (0_u64..40, 0..LUNS, any::<bool>());
    prop::collection::vec(step, 0..60).prop_map(|mut steps| {
        let mut now = 0;
        for (at, ..) in &mut steps {
            now += *at;
            *at = now;
        }
        steps
    })
}

/// Runs a history; after each failure what is due is taken, as the manager does.
fn play(policy: Policy, history: &[(u64, u32, bool)], origin: u64) -> (Bench, Vec<(u64, u32)>) {
    let mut b = Bench::new(policy);
    b.g = Grouping::new(&policy, Instant(origin));
    let mut joined = Vec::new();
    for &(at, lun, punctual) in history {
        if punctual {
            b.run(origin + at);
        }
        if b.fail(origin + at, lun) {
            joined.push((at, lun));
        }
        b.due(origin + at);
    }
    let end = origin + history.last().map_or(0, |h| h.0) + 2 * policy.long.0 + 2 * policy.short.0;
    b.run(end);
    (b, joined)
}

/// G3, G4 in closed form: when a group closes, given which LUN joined it when.
fn closes(policy: Policy, group: &BTreeMap<u32, u64>) -> u64 {
    let times: BTreeSet<u64> = group.values().copied().collect();
    let (opened, last) = (times.first().expect("not empty"), times.last().expect("not empty"));
    let short = policy.short.0;
    let short = match policy.mode {
        Mode::Sliding => last + short,
        // The end of the first round, after the one of the failure that opened the group, in which nothing joined.
        Mode::Fixed => (2..)
            .map(|round| opened + round * short)
            .find(|&end| times.range(end - short..end).next().is_none())
            .expect("joins end"),
    };
    short.min(opened + policy.long.0)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    /// G4: "no failure is lost, and none is in two groups"; G5: a group is bounded by the inventory; L4: grouping ends.
    #[test]
    fn g4_no_failure_is_lost_and_none_is_in_two_groups(policy in policies(), history in histories()) {
        let (b, joined) = play(policy, &history, 0);
        let grouped: Vec<u32> = b.groups().into_iter().flat_map(|(_, luns)| luns).collect();
        let mut expected: Vec<u32> = joined.iter().map(|&(_, lun)| lun).collect();
        let mut got = grouped.clone();
        expected.sort_unstable();
        got.sort_unstable();
        prop_assert_eq!(got, expected, "each failure that joined is in exactly one group");
        for (_, luns) in b.groups() {
            prop_assert!(luns.len() <= LUNS as usize && !luns.is_empty());
            prop_assert_eq!(luns.iter().collect::<BTreeSet<_>>().len(), luns.len());
        }
        let lost: BTreeSet<u32> = history.iter().map(|h| h.1).collect();
        prop_assert_eq!(grouped.into_iter().collect::<BTreeSet<_>>(), lost, "whatever was reported is in some group");
        prop_assert!(!b.g.is_open());
    }

    /// G4: "The group closes when either timer fires. The long timer is never extended." Against a simple model that sees
    /// the times alone, for a caller that is on time.
    #[test]
    fn g4_groups_are_those_of_a_simple_model(policy in policies(), mut history in histories()) {
        history.iter_mut().for_each(|h| h.2 = true);
        let mut groups: Vec<BTreeMap<u32, u64>> = Vec::new();
        for &(at, lun, _) in &history {
            match groups.last_mut() {
                Some(group) if at < closes(policy, group) => {
                    group.entry(lun).or_insert(at);
                }
                Some(_) | None => groups.push(BTreeMap::from([(lun, at)])),
            }
        }
        let expected: Vec<(u64, Vec<u32>)> =
            groups.iter().map(|group| (closes(policy, group), group.keys().copied().collect())).collect();
        prop_assert_eq!(play(policy, &history, 0).0.groups(), expected);
    }

    /// G3, G4: a failure that joins never waits longer than the long timer, and polls keep their distance.
    #[test]
    fn g4_no_group_outlives_its_long_timer(policy in policies(), mut history in histories()) {
        history.iter_mut().for_each(|h| h.2 = true);
        let (b, mut joined) = play(policy, &history, 0);
        for (closed, luns) in b.groups() {
            let opened = joined.iter().filter(|(_, lun)| luns.contains(lun)).map(|&(at, _)| at).min();
            let opened = opened.expect("no group is empty");
            prop_assert!(closed <= opened + policy.long.0, "{opened} to {closed}");
            for lun in luns {
                let at = joined.iter().position(|j| j.1 == lun).expect("it joined");
                joined.remove(at);
            }
        }
        let polls = b.polls();
        prop_assert!(policy.idle_poll > Millis(0) || polls.is_empty());
        for pair in polls.windows(2) {
            prop_assert!(pair[1] - pair[0] >= policy.min_poll.0.min(policy.short.0));
        }
    }

    /// Handling is invariant under time translation, and `shift` is one.
    #[test]
    fn deadlines_are_relative(policy in policies(), history in histories(), by in 1_u64..1_000_000, cut in 0_usize..60) {
        let (here, _) = play(policy, &history, 0);
        let (there, _) = play(policy, &history, by);
        let moved = |told: &Told| match told {
            Poll(at) => Poll(at + by),
            Closed(at, luns) => Closed(at + by, luns.clone()),
        };
        prop_assert_eq!(here.told.iter().map(moved).collect::<Vec<_>>(), there.told);
        // An open group, too: shifted back, it is the same value as one that was never elsewhere.
        let half = &history[..cut.min(history.len())];
        let open = |origin: u64| {
            let mut g = Grouping::new(&policy, Instant(origin));
            for &(at, lun, _) in half {
                g.failure(&policy, Instant(origin + at), LunIx(lun), HostIx(0), ProbeId(1));
            }
            g
        };
        let mut shifted = open(by);
        shifted.shift(Millis(by));
        prop_assert_eq!(shifted, open(0));
    }
}
