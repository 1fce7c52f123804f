//! Who is believed about a LUN, and when (D3, D4, G4, I19), through a whole manager: orders and times at which answers
//! once were believed that should not be, or the other way round. Each test names the rule that it checks.

use farshore_core::detection::corroboration::{ArrayAnswer, Finding};
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{ArrayKey, HostKey, LunKey};
use farshore_core::input::{PathAnswer, ProbeId};
use farshore_core::inventory::Site;
use farshore_core::spec::{self, Datastore, Deployment, Group, Lun, Replica, Vm};
use farshore_core::{Effect, Effects, Fact, Instant, Records, RecoveryManager};

/// Two LUNs, each with a group of its own, mounted by these hosts.
fn site(hosts: &[&str]) -> Site {
    let deployment = Deployment {
        sites: vec![spec::Site::of("alder", "alder-san", hosts), spec::Site::of("birch", "birch-san", &["birch-1"])],
        luns: vec![
            Lun::of("x", "alder-san", 1).replicated(Replica::synchronous("birch-san", 1)),
            Lun::of("y", "alder-san", 2).replicated(Replica::synchronous("birch-san", 2)),
        ],
        datastores: vec![Datastore::of("x", &["x"]), Datastore::of("y", &["y"])],
        vms: vec![Vm::of("vx", &["x"]), Vm::of("vy", &["y"])],
        groups: vec![Group::of("x", &["x"]), Group::of("y", &["y"])],
        ..Deployment::default()
    };
    Site::new(&deployment, "alder").unwrap()
}

fn sense(key: u8, code: u8, qualifier: u8) -> PathAnswer {
    PathAnswer::Sense(vec![0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier])
}

fn gone() -> PathAnswer {
    sense(5, 0x25, 0)
}

/// Power on, reset: what an array says first to a host that it has not talked to for a while.
fn attention() -> PathAnswer {
    sense(6, 0x29, 0)
}

struct Alone {
    site: Site,
    machine: RecoveryManager,
    out: Effects,
}

impl Alone {
    fn with(hosts: &[&str]) -> Self {
        let site = site(hosts);
        let mut out = Effects::new();
        let machine = RecoveryManager::restore(&site, 1, Records::first_start(), Instant(0), &mut out).unwrap();
        Self { site, machine, out }
    }

    fn fact(&mut self, at: u64, fact: Fact) -> Effects {
        let mut effects = Effects::new();
        self.machine.handle(&self.site, Instant(at), fact, &mut effects);
        self.out.extend(effects.clone());
        effects
    }

    fn path(&mut self, at: u64, host: &str, lun: &str, probe: Option<ProbeId>, answer: PathAnswer) -> Effects {
        self.fact(at, Fact::Path { host: HostKey::of(host), lun: LunKey::of(lun), path: 0, probe, answer })
    }

    fn array(&mut self, at: u64, lun: &str, answer: ArrayAnswer) {
        self.fact(at, Fact::Array { array: ArrayKey::of("alder-san"), lun: LunKey::of(lun), answer });
    }

    /// Wakes at every deadline up to this time.
    fn run(&mut self, until: u64) {
        while let Some((at, _)) = self.machine.next_deadline().filter(|(at, _)| at.0 <= until) {
            self.fact(at.0, Fact::Wake);
        }
    }

    /// The time of the next deadline.
    fn next(&self) -> u64 {
        self.machine.next_deadline().map_or(0, |(at, _)| at.0)
    }

    fn found(&self, lun: &str) -> Vec<Finding> {
        let found = |effect: &Effect| match effect {
            Effect::Event(Event::Concluded { lun: l, finding }) if *l == LunKey::of(lun) => Some(*finding),
            _ => None,
        };
        self.out.iter().filter_map(found).collect()
    }

    fn alerts(&self) -> Vec<Alert> {
        self.machine.status(&self.site).alerts
    }
}

fn probe(effects: &Effects, of: &str) -> Option<ProbeId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Probe { host, probe, .. } if *host == HostKey::of(of) => Some(*probe),
        _ => None,
    })
}

/// D3: the only host that says so takes its word back before the group closes: nobody says PDL then, nothing is marked.
#[test]
fn d3_a_host_that_takes_its_word_back_leaves_no_evidence() {
    let mut m = Alone::with(&["a1", "a2"]);
    m.path(1000, "a1", "x", None, gone());
    m.path(1100, "a1", "x", None, PathAnswer::Healthy);
    m.run(4000);
    assert_eq!(m.found("x"), [Finding::Contradicted]);
    assert!(!m.out.iter().any(|e| matches!(e, Effect::Event(Event::Marked { .. }))));
}

/// D3: and if it says so again before the group closes, the healthy answer was the old one.
#[test]
fn d3_a_host_that_repeats_the_loss_is_believed_again() {
    let mut m = Alone::with(&["a1", "a2"]);
    m.path(1000, "a1", "x", None, gone());
    m.path(1100, "a1", "x", None, PathAnswer::Healthy);
    m.path(1200, "a1", "x", None, gone());
    m.run(4000);
    assert_eq!(m.found("x"), [Finding::Confirmed]);
}

/// D1, D3: a unit attention is no answer, so the host that gave it is asked again; its healthy answer to that counts.
#[test]
fn d1_a_host_that_answers_with_a_unit_attention_is_asked_again() {
    let mut m = Alone::with(&["a1", "a2"]);
    let first = probe(&m.path(1000, "a1", "x", None, gone()), "a2").unwrap();
    m.path(1010, "a2", "x", Some(first), attention());
    let mut asked = 0;
    while let Some((at, _)) = m.machine.next_deadline().filter(|(at, _)| at.0 < 1500) {
        let effects = m.fact(at.0, Fact::Wake);
        if let Some(again) = probe(&effects, "a2") {
            asked += 1;
            m.path(at.0 + 1, "a2", "x", Some(again), PathAnswer::Healthy);
        }
    }
    assert!(asked > 0, "asked again");
    m.run(4000);
    assert_eq!(m.found("x"), [Finding::Contradicted]);
    assert!(m.alerts().contains(&Alert::Contradicted { lun: LunKey::of("x") }));
}

/// D3: a healthy level that another host pushes may be older than the loss, and contradicts nothing.
#[test]
fn d3_a_healthy_answer_that_nobody_asked_for_contradicts_nothing() {
    let mut m = Alone::with(&["a1", "a2"]);
    m.path(1000, "a1", "x", None, gone());
    (1100..2900).step_by(100).for_each(|at| drop(m.path(at, "a2", "x", None, PathAnswer::Healthy)));
    m.run(4000);
    assert_eq!(m.found("x"), [Finding::Confirmed]);
}

/// G4: a failure at the very time at which a group closes opens the next one.
#[test]
fn g4_a_failure_at_the_deadline_opens_the_next_group() {
    let mut m = Alone::with(&["a1", "a2"]);
    m.path(1000, "a1", "x", None, gone());
    m.path(1000, "a2", "x", None, gone());
    m.run(2999);
    m.path(3000, "a1", "y", None, gone());
    assert_eq!((m.found("x"), m.found("y")), (vec![Finding::Confirmed], vec![]));
    m.run(4999);
    assert_eq!(m.found("y"), [], "a short timer of its own");
    m.run(5000);
    assert_eq!(m.found("y"), [Finding::Confirmed]);
}

/// G4, D3: told late, past the long timer, it joins no group that is over, and its probe can still be answered.
#[test]
fn g4_a_late_wake_up_concludes_nothing_unprobed() {
    let mut m = Alone::with(&["a1", "a2"]);
    m.path(1000, "a1", "x", None, gone());
    m.path(1000, "a2", "x", None, gone());
    let asked = probe(&m.path(17_000, "a1", "y", None, gone()), "a2").unwrap();
    assert_eq!((m.found("x"), m.found("y")), (vec![Finding::Confirmed], vec![]));
    m.path(17_001, "a2", "y", Some(asked), PathAnswer::Healthy);
    m.run(20_000);
    assert_eq!(m.found("y"), [Finding::Contradicted]);
}

/// D3: where one host mounts a LUN its array's answer counts, and a later "cannot say" does not take it back.
#[test]
fn d3_an_array_that_falls_silent_does_not_take_its_answer_back() {
    for later in [ArrayAnswer::Unreachable, ArrayAnswer::Lost] {
        let mut m = Alone::with(&["a1"]);
        m.path(1000, "a1", "x", None, gone());
        m.array(1010, "x", ArrayAnswer::Present);
        m.array(1020, "x", later);
        m.run(4000);
        assert_eq!(m.found("x"), [Finding::Contradicted], "{later:?}");
    }
}

/// D3: an answer to a probe that another boot of this manager sent was sampled before the loss.
#[test]
fn d3_an_answer_to_a_probe_of_an_earlier_boot_contradicts_nothing() {
    let mut m = Alone::with(&["a1", "a2"]);
    m.path(1000, "a1", "x", None, gone());
    m.path(1010, "a2", "x", Some(ProbeId(7)), PathAnswer::Healthy);
    m.run(4000);
    assert_eq!(m.found("x"), [Finding::Confirmed]);
}

/// I19: two hosts, one lies: the other, asked, is believed; nothing is marked for as long as it goes on.
#[test]
fn i19_one_lying_host_marks_nothing() {
    let mut m = Alone::with(&["a1", "a2"]);
    let mut now = 1000;
    let mut effects = m.path(now, "a1", "x", None, gone());
    for _ in 0..200 {
        if let Some(asked) = probe(&effects, "a2") {
            m.path(now, "a2", "x", Some(asked), PathAnswer::Healthy);
        }
        now = m.next();
        effects = m.fact(now, Fact::Wake);
    }
    assert!(m.found("x").len() > 1, "found anew each time it is probed again");
    assert!(m.found("x").iter().all(|&f| f == Finding::Contradicted));
}

/// G4, D3, a known limit: the long timer is never extended, so a lie told just before it fires is concluded before a
/// healthy host's answer can arrive. Within one group of failures silence contradicts nothing.
#[test]
fn g4_an_answer_after_the_group_has_closed_contradicts_nothing() {
    let mut m = Alone::with(&["a1", "a2"]);
    m.site.policy.grouping.long = m.site.policy.grouping.short; // The same edge, without fifteen seconds of failures.
    m.path(1000, "a1", "x", None, gone());
    m.path(1000, "a2", "x", None, gone());
    m.run(2998);
    let asked = probe(&m.path(2999, "a1", "y", None, gone()), "a2").unwrap();
    m.run(3000);
    m.path(3001, "a2", "y", Some(asked), PathAnswer::Healthy);
    m.run(9000);
    assert_eq!(m.found("y"), [Finding::Confirmed]);
}
