//! What a report makes of what managers say.

use farshore_core::Site;
use farshore_core::detection::corroboration::Finding;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{Epoch, GroupKey, HostKey, LunKey, PlanKey, Side, StepKey, Turn, VmKey};
use farshore_core::message::Scope;
use farshore_core::policy::ErrorKind;
use farshore_core::record::{GivePhase, Latch, StepVerdict, TakePhase, TestPhase};
use farshore_core::spec::{Datastore, Deployment, Edge, Group, Host, Lun, Plan, PlanGroup, PlanStep, Replica, Vm};
use farshore_core::time::Millis;
use farshore_core::waiver::{Operator, Override, Waiver};
use farshore_report::{About, GroupReport, Note, Outcome, Report, What, report};

/// Two groups of two VMs each, priorities 1 and 2, and one host at birch that starts one VM at a time.
fn site() -> Site {
    let mut birch = farshore_core::spec::Site::of("birch", "birch-san", &[]);
    birch.hosts = vec![Host { max_concurrent_starts: 1, ..Host::named("birch-1") }];
    let names = ["first", "second"];
    let vm = |name: &str, ds| Vm { tier: 1, ..Vm::of(name, &[ds]) };
    let step = |name: &str| PlanStep { name: name.into(), group: Some("first".into()), ..PlanStep::default() };
    let priority = |group: &str, priority| PlanGroup { priority, ..PlanGroup::named(group) };
    let lun = |(unit, name): (u16, &&str)| {
        Lun::of(name, "alder-san", unit).replicated(Replica::synchronous("birch-san", unit))
    };
    let deployment = Deployment {
        sites: vec![farshore_core::spec::Site::of("alder", "alder-san", &["alder-1", "alder-2"]), birch],
        luns: (1..).zip(&names).map(lun).collect(),
        datastores: names.iter().map(|n| Datastore::of(n, &[n])).collect(),
        vms: vec![vm("a", "first"), vm("b", "first"), vm("c", "second"), vm("d", "second")],
        groups: names.iter().map(|n| Group::of(n, &[n])).collect(),
        plans: vec![Plan {
            groups: vec![priority("first", 1), priority("second", 2)],
            steps: vec![
                PlanStep { prompt: Some("Go?".into()), when: Some(Edge::First), ..step("ask") },
                PlanStep { command: vec!["move-name".into()], when: Some(Edge::Last), ..step("name") },
            ],
            ..Plan::of("move", &[])
        }],
        ..Deployment::default()
    };
    let [site, _] = Site::pair(&deployment).expect("it is valid");
    site
}

struct Story(Site, Vec<Note>);

impl Story {
    fn event(&mut self, at: u64, side: Side, event: Event) {
        self.1.push(Note { at: Millis(at), side: Some(side), what: What::Event(event) });
    }

    /// A LUN is lost, found lost, and marks its group.
    fn marked(&mut self, at: u64, name: &str) {
        let (lun, group) = (LunKey::of(name), GroupKey::of(name));
        self.event(at, Side::One, Event::LossSeen { host: HostKey::of("alder-1"), lun });
        self.event(at, Side::One, Event::WindowOpened);
        self.event(at + 10, Side::One, Event::WindowClosed { luns: 1 });
        self.event(at + 10, Side::One, Event::Concluded { lun, finding: Finding::Confirmed });
        self.event(at + 10, Side::One, Event::Marked { group, lun, epoch: Epoch::FIRST });
        let (kind, scope) = (ErrorKind::LunLost, Scope::All);
        self.event(at + 10, Side::One, Event::PlanChosen { group, plan: PlanKey::of("move"), rule: 0, kind, scope });
    }

    fn gives(&mut self, at: u64, name: &str, phase: GivePhase) {
        self.event(at, Side::One, Event::Giving { group: GroupKey::of(name), turn: Turn(1), phase });
    }

    fn takes(&mut self, at: u64, name: &str, phase: TakePhase) {
        self.event(at, Side::Two, Event::Taking { group: GroupKey::of(name), epoch: Epoch(2), phase });
    }

    fn starts(&mut self, asked: u64, ready: u64, vm: &str) {
        let host = HostKey::of("birch-1");
        let ix = self.0.inventory.vms.find(VmKey::of(vm)).expect("there");
        let on = self.0.inventory.hosts.find(host).expect("there");
        self.1.push(Note { at: Millis(asked), side: Some(Side::Two), what: What::Asked(ix, on) });
        self.1.push(Note { at: Millis(ready), side: Some(Side::Two), what: What::Started(ix, on) });
        self.event(ready, Side::Two, Event::VmReady { vm: VmKey::of(vm), host });
    }

    fn told(mut self) -> Report {
        self.1.sort_by_key(|n| n.at);
        report(About { title: "t", source: "s", end: Millis(100_000) }, &self.0, &self.1)
    }
}

/// Both groups are lost at once; the first moves, and then the second.
fn both() -> Story {
    let mut story = Story(site(), Vec::new());
    story.marked(1000, "first");
    story.gives(1010, "first", GivePhase::Preparing);
    story.takes(2000, "first", TakePhase::Cutting);
    story.takes(3000, "first", TakePhase::Starting);
    story.starts(3005, 6000, "a");
    story.starts(6000, 9000, "b");
    story.event(9000, Side::Two, Event::Settled { group: GroupKey::of("first"), epoch: Epoch(2) });
    story.marked(1100, "second");
    story.gives(1110, "second", GivePhase::Queued);
    story.gives(9100, "second", GivePhase::Preparing);
    story
}

fn group<'a>(report: &'a Report, name: &str) -> &'a GroupReport {
    report.incidents.iter().flat_map(|i| &i.groups).find(|g| g.group == name).expect("there")
}

fn waits(g: &GroupReport) -> Vec<(String, u64, Option<u64>)> {
    g.waits.iter().map(|w| (format!("{}: {}", w.who, w.what), w.start, w.end)).collect()
}

#[test]
fn f9_a_group_waits_for_the_groups_before_it() {
    let report = both().told();
    let second = group(&report, "second");
    let wait = ("group second: groups of a higher priority: first".to_string(), 1110, Some(9100));
    assert_eq!(waits(second), [wait]);
    assert_eq!(second.outcome, Outcome::UnderWay);
    assert_eq!(second.plan.as_ref().map(|p| (p.priority, p.rule)), Some((2, 1)));
}

#[test]
fn f6_a_vm_waits_for_a_slot_of_its_host() {
    let report = both().told();
    let first = group(&report, "first");
    let wait = ("VM b: a slot of host birch-1, which starts 1 at once".to_string(), 3000, Some(6000));
    assert_eq!(waits(first), [wait]);
    let tier = &first.totals.tiers[0];
    assert_eq!((tier.ready, tier.at, tier.after), (2, Some(9000), Some(8000)));
    assert_eq!((first.outcome, first.totals.counted_from.at), (Outcome::Recovered, 1000));
}

#[test]
fn d3_what_is_found_again_is_the_same_incident() {
    let mut story = both();
    let lun = LunKey::of("first");
    story.event(20_000, Side::One, Event::LossSeen { host: HostKey::of("alder-2"), lun });
    story.event(20_000, Side::One, Event::WindowOpened);
    story.event(20_010, Side::One, Event::WindowClosed { luns: 1 });
    story.event(20_010, Side::One, Event::Concluded { lun, finding: Finding::Confirmed });
    let report = story.told();
    let evidence: Vec<_> = report.incidents.iter().flat_map(|i| &i.evidence).filter(|e| e.lun == "first").collect();
    let [evidence] = evidence[..] else { panic!("{evidence:?}") };
    let hosts: Vec<&str> = evidence.seen_by.iter().map(|s| s.host.as_str()).collect();
    assert_eq!((hosts, evidence.concluded), (vec!["alder-1", "alder-2"], Some(1010)));
}

#[test]
fn i22_an_override_is_told_with_who_gave_it_and_what_waited_for_it() {
    let mut story = Story(site(), Vec::new());
    story.marked(1000, "first");
    story.gives(1010, "first", GivePhase::Quiescing);
    let group_key = GroupKey::of("first");
    let alert = Alert::NeedsOperator { group: group_key, why: Latch::Evidence };
    story.event(1020, Side::One, Event::Raised(alert));
    let waives = Waiver::Evidence { loss: Some(Millis(4200)) };
    let given = Override { group: group_key, waives, by: Operator(7), second: Some(Operator(9)) };
    story.event(5000, Side::One, Event::Overridden(given));
    story.event(5000, Side::One, Event::Cleared(alert));
    let report = story.told();
    let first = group(&report, "first");
    let [approval] = &first.approvals[..] else { panic!("{:?}", first.approvals) };
    assert_eq!((approval.by.as_slice(), approval.forced), (&[7, 9][..], true));
    assert_eq!(approval.what, "the last 4.200 s of writes may be lost");
    let (wait, from, until) = &waits(first)[0];
    assert!(wait.contains("an operator"), "{wait}");
    assert_eq!((*from, *until), (1020, Some(5000)));
    assert_eq!((report.alerts[0].raised, report.alerts[0].cleared), (1020, Some(5000)));
}

#[test]
fn a_planned_move_and_the_way_back_are_two_incidents() {
    let mut story = Story(site(), Vec::new());
    let group_key = GroupKey::of("first");
    let chosen = Event::PlanChosen {
        group: group_key,
        plan: PlanKey::of("move"),
        rule: 0,
        kind: ErrorKind::Planned,
        scope: Scope::All,
    };
    story.event(1000, Side::One, chosen);
    story.gives(1000, "first", GivePhase::Preparing);
    story.takes(2000, "first", TakePhase::Cutting);
    story.event(3000, Side::Two, Event::Settled { group: group_key, epoch: Epoch(2) });
    story.event(3500, Side::One, Event::Settled { group: group_key, epoch: Epoch(1) });
    story.event(9000, Side::Two, chosen);
    let report = story.told();
    let ways: Vec<(&str, &str)> =
        report.incidents.iter().flat_map(|i| &i.groups).map(|g| (g.from.as_str(), g.to.as_str())).collect();
    assert_eq!(ways, [("alder", "birch"), ("birch", "alder")]);
    assert_eq!(report.incidents.len(), 2);
}

#[test]
fn f6_a_step_that_asks_is_told_with_how_long_it_was_waited_for() {
    let mut story = both();
    let (group_key, step) = (GroupKey::of("first"), StepKey::of("move/ask"));
    let prompt = Alert::Prompt { group: group_key, step };
    story.event(3001, Side::Two, Event::Raised(prompt));
    story.event(3400, Side::Two, Event::StepOver { group: group_key, step, verdict: StepVerdict::Done });
    story.event(3400, Side::Two, Event::Cleared(prompt));
    let report = story.told();
    let first = group(&report, "first");
    let steps: Vec<_> = first.steps.iter().map(|s| (&*s.step, &*s.when, s.asked, s.over)).collect();
    assert_eq!(steps, [("ask", "first", Some(3001), Some(3400)), ("name", "last", None, None)]);
    let asked = ("group first: an operator: Go?".to_string(), 3001, Some(3400));
    assert!(waits(first).contains(&asked), "{:?}", waits(first));
}

#[test]
fn f8_a_test_of_a_plan_moves_nothing_and_is_told_by_itself() {
    let mut story = Story(site(), Vec::new());
    let (group_key, step) = (GroupKey::of("first"), StepKey::of("move/ask"));
    let phase = |phase| Event::Testing { group: group_key, phase };
    story.event(1000, Side::Two, phase(TestPhase::Copying));
    story.event(2000, Side::Two, phase(TestPhase::Starting));
    story.event(2100, Side::Two, Event::StepOver { group: group_key, step, verdict: StepVerdict::Done });
    story.event(3000, Side::Two, Event::TestVmReady { vm: VmKey::of("a"), host: HostKey::of("birch-1") });
    story.event(4000, Side::Two, Event::TestVmFailed { vm: VmKey::of("b") });
    story.event(4000, Side::Two, phase(TestPhase::Running));
    story.event(9000, Side::Two, phase(TestPhase::Clearing));
    story.event(9500, Side::Two, Event::TestCleared { group: group_key });
    let report = story.told();
    assert_eq!(report.incidents, []);
    let [test] = &report.tests[..] else { panic!("{:?}", report.tests) };
    assert_eq!((test.passed, test.begin, test.end), (Some(false), 1000, Some(9500)));
    let vms: Vec<_> = test.vms.iter().map(|v| (&*v.vm, v.ready, v.failed)).collect();
    assert_eq!(vms, [("a", Some(3000), None), ("b", None, Some(4000))]);
    let durations: Vec<_> = test.phases.iter().map(|p| p.duration).collect();
    assert_eq!(durations, [Some(1000), Some(2000), Some(5000), Some(500)]);
    assert_eq!(test.steps.iter().map(|s| s.over).collect::<Vec<_>>(), [Some(2100)]);
}

#[test]
fn what_is_counted_afterwards_belongs_to_the_move_that_moved_the_data() {
    let mut story = both();
    let group_key = GroupKey::of("first");
    // The new owner stops and starts it again, once it has it (O3).
    story.takes(20_000, "first", TakePhase::Stopping);
    story.takes(20_100, "first", TakePhase::PuttingBack);
    story.event(21_000, Side::Two, Event::Settled { group: group_key, epoch: Epoch(2) });
    let ix = story.0.inventory.vms.find(VmKey::of("a")).expect("there");
    for what in [What::Held(ix, 40), What::Gone(ix, 2, Some(Millis(700)))] {
        story.1.push(Note { at: Millis(30_000), side: None, what });
    }
    let report = story.told();
    let own: Vec<&GroupReport> =
        report.incidents.iter().flat_map(|i| &i.groups).filter(|g| g.group == "first").collect();
    let told: Vec<_> = own.iter().map(|g| (g.outcome, g.vms[0].writes_kept, g.vms[0].writes_lost)).collect();
    assert_eq!(told, [(Outcome::Recovered, Some(40), Some(2)), (Outcome::Restarted, None, None)]);
}

#[test]
fn json_is_read_back_as_it_was() {
    let report = both().told();
    let text = serde_json::to_string(&report).expect("JSON");
    assert_eq!(serde_json::from_str::<Report>(&text).expect("the same"), report);
    assert!(text.contains("\"counted-from\""), "keys are kebab-case: {text}");
}

#[test]
fn a_page_keeps_its_columns() {
    let page = both().told().markdown();
    let mut columns = None;
    for line in page.lines() {
        let bars = line.replace("\\|", "").matches('|').count();
        match (line.starts_with('|'), columns) {
            (true, Some(wanted)) => assert_eq!(bars, wanted, "{line}"),
            (true, None) => columns = Some(bars),
            (false, _) => columns = None,
        }
    }
    assert!(page.contains("### Group first, from alder to birch: moved, and every VM is ready"), "{page}");
}
