//! Events of scenario files: what each breaks, and what is said of mistakes.

use std::path::Path;

use farshore_core::ids::Side;
use farshore_core::time::Millis;
use farshore_world::scenario::{LinkError, Run, Scenario, ScenarioError};
use farshore_world::{Fault, Holder, Store, Wire};

/// The scenarios of the book, whose deployments the texts below name.
fn book() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scenarios"))
}

fn read(deployment: &str, rest: &str) -> Result<Scenario, ScenarioError> {
    let text = format!("title = \"x\"\ndeployment = \"deployments/{deployment}.toml\"\n{rest}");
    Scenario::parse(&text, "x.toml", book())
}

fn scenario(rest: &str) -> Scenario {
    read("armed", rest).unwrap_or_else(|e| panic!("{e}\n{rest}"))
}

fn event(deed: &str) -> String {
    format!("[[event]]\nat = \"20s\"\n{deed}\n")
}

fn run(rest: &str) -> Run {
    scenario(rest).run(1, None).expect("it begins")
}

/// The faults that an event needs, in their order.
fn faults(deed: &str) -> Vec<Fault> {
    scenario(&event(deed)).setup.scope.faults.iter().map(|(fault, _)| *fault).collect()
}

fn cuts(deed: &str) -> Vec<Wire> {
    let wire = |fault| match fault {
        Fault::Cut(wire) => wire,
        other => panic!("{other:?} is no cut"),
    };
    faults(deed).into_iter().map(wire).collect()
}

fn wrong(deed: &str) -> ScenarioError {
    match read("armed", &event(deed)) {
        Err(error) => error,
        Ok(_) => panic!("{deed} was read"),
    }
}

fn wrong_link(deed: &str) -> LinkError {
    match wrong(deed) {
        ScenarioError::Link { line, why, .. } => {
            assert_eq!(line, 5, "the line of the event's key");
            why
        }
        other => panic!("{other}"),
    }
}

const ALDER: Side = Side::One;
const BIRCH: Side = Side::Two;

#[test]
fn every_wire_can_be_cut_by_itself() {
    let cut = |rest: &str| cuts(&format!("cut = {{ {rest} }}"));
    assert_eq!(cut(r#"link = "sites", from = "alder""#), [Wire::Peer(ALDER)]);
    assert_eq!(cut(r#"link = "sites", from = "birch""#), [Wire::Peer(BIRCH)]);
    assert_eq!(cut(r#"link = "replication", from = "alder""#), [Wire::Frames(ALDER)]);
    assert_eq!(cut(r#"link = "replication", from = "birch""#), [Wire::Frames(BIRCH)]);
    for (site, side) in [("alder", ALDER), ("birch", BIRCH)] {
        let one = |link: &str, way: &str| cut(&format!(r#"link = "{link}", site = "{site}", direction = "{way}""#));
        assert_eq!(one("arbiter", "to-arbiter"), [Wire::ToArbiter(side)]);
        assert_eq!(one("arbiter", "from-arbiter"), [Wire::FromArbiter(side)]);
        assert_eq!(one("management", "orders"), [Wire::Orders(side)]);
        assert_eq!(one("management", "answers"), [Wire::Answers(side)]);
    }
}

#[test]
fn what_is_left_out_is_both() {
    assert_eq!(cuts(r#"cut = "sites""#), [Wire::Peer(ALDER), Wire::Peer(BIRCH)]);
    assert_eq!(cuts(r#"cut = "replication""#), [Wire::Frames(ALDER), Wire::Frames(BIRCH)]);
    let both = [Wire::ToArbiter(ALDER), Wire::ToArbiter(BIRCH), Wire::FromArbiter(ALDER), Wire::FromArbiter(BIRCH)];
    assert_eq!(cuts(r#"cut = "arbiter""#), both);
    assert_eq!(cuts(r#"cut = { link = "arbiter", direction = "to-arbiter" }"#), both[..2]);
    let birch = [Wire::ToArbiter(BIRCH), Wire::FromArbiter(BIRCH)];
    assert_eq!(cuts(r#"cut = { link = "arbiter", site = "birch" }"#), birch);
    let all = cuts(r#"cut = { link = "all", site = "birch" }"#);
    assert_eq!((all.len(), all.contains(&Wire::ToArbiter(ALDER))), (6, false));
    let mended = faults(r#"mend = { link = "arbiter", site = "birch" }"#);
    assert_eq!(mended, birch.map(Fault::Mend));
}

#[test]
fn a_link_that_flaps_is_cut_and_mended_as_often_as_it_says() {
    let flap = r#"flap = { link = "sites", from = "alder", down = ["1s", "2s"], up = "3s", times = 4 }"#;
    assert_eq!(faults(flap), [Fault::Cut(Wire::Peer(ALDER)), Fault::Mend(Wire::Peer(ALDER))]);
    let actions = run(&event(flap)).actions;
    let count = |fault| actions.iter().filter(|&&a| a == farshore_world::Action::Fault(fault)).count();
    assert_eq!(count(Fault::Cut(Wire::Peer(ALDER))), 4);
    assert_eq!(count(Fault::Mend(Wire::Peer(ALDER))), 4);
}

#[test]
fn a_wrong_link_is_told_with_the_event_the_value_and_what_is_allowed() {
    let links: &[&str] = &["sites", "replication", "arbiter", "all", "management"];
    let error = wrong_link(r#"cut = "agents""#);
    assert_eq!(error, LinkError::Link { event: "cut", value: "agents".into(), allowed: links });
    assert_eq!(error.to_string(), "`cut`: there is no link called `agents`");
    assert_eq!(error.help(), "the links are `sites`, `replication`, `arbiter`, `all`, `management`");

    let error = wrong_link(r#"mend = { link = "sites", from = "elder" }"#);
    assert_eq!(error.to_string(), "`mend`: the deployment has no site called `elder`");
    assert_eq!(error.help(), "the sites are `alder`, `birch`");

    let error = wrong_link(r#"cut = { link = "arbiter", site = "alder", direction = "orders" }"#);
    assert_eq!(error.to_string(), "`cut`: the link `arbiter` has no direction `orders`");
    assert_eq!(error.help(), "its directions are `to-arbiter`, `from-arbiter`; leave it out for both");

    let error = wrong_link(r#"flap = { link = "sites", site = "alder", down = "1s", up = "1s", times = 2 }"#);
    assert_eq!(error.to_string(), "`flap`: `site` says nothing of the link `sites`");
    assert_eq!(error.help(), "what it takes is `from`");

    let error = wrong_link(r#"cut = "management""#);
    assert_eq!(
        error,
        LinkError::NoSite { event: "cut", link: "management".into(), allowed: vec!["alder".into(), "birch".into()] }
    );
}

#[test]
fn a_link_to_an_arbiter_that_is_not_there_is_a_mistake() {
    for deed in [r#"cut = "arbiter""#, r#"lose-letters = { from = "alder" }"#] {
        let error = read("town", &event(deed)).err();
        let no_arbiter = matches!(error, Some(ScenarioError::Link { why: LinkError::NoArbiter { .. }, .. }));
        assert!(no_arbiter, "{deed}: {error:?}");
    }
    for deed in [r#"snapshot-agent = "alder""#, "replace-arbiter = true", r#"jump-clock = { of = "alder", by = "1m" }"#]
    {
        let error = read("town", &event(deed)).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("the deployment has no arbiter, so this changes nothing"), "{deed}: {error}");
    }
}

#[test]
fn letters_go_wrong_by_sender_and_receiver() {
    for deed in [
        r#"lose-letters = { from = "alder", to = "arbiter", times = 3 }"#,
        r#"late-letters = { to = "arbiter", by = ["1s", "2s"] }"#,
        r#"double-letters = { from = "birch" }"#,
    ] {
        assert_eq!(run(&event(deed)).broken, None, "{deed}");
    }
    let error = wrong_link(r#"late-letters = { from = "oak" }"#);
    assert_eq!(error.to_string(), "`late-letters`: nobody called `oak` sends or gets letters");
    assert_eq!(error.help(), "`from` and `to` are one of `alder`, `birch`, `arbiter`");
    let error = wrong_link(r#"lose-letters = { from = "arbiter", to = "arbiter" }"#);
    assert_eq!(error, LinkError::Itself { event: "lose-letters", value: "arbiter".into() });
}

/// All letters to and from the owner are lost: it lives on nothing, and stops.
#[test]
fn lost_letters_are_not_heard() {
    let both = event(r#"lose-letters = { from = "alder" }"#) + &event(r#"lose-letters = { to = "alder" }"#);
    let stays = "[[expect]]\nvm = \"shop\"\nnever-stops = true\n";
    let run = run(&format!("{both}{stays}[[expect]]\nalert = \"unrenewed\"\nabout = \"shop\"\n"));
    assert_eq!(run.verdicts.iter().map(|v| v.met).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn never_stops_is_met_where_nothing_happens() {
    let quiet = run(&(event(r#"cut = "arbiter""#) + "[[expect]]\nvm = [\"shop\", \"mail\"]\nnever-stops = true\n"));
    assert!(quiet.passed(), "{:?}", quiet.verdicts);
    let error = read("armed", "[[expect]]\ngroup = \"shop\"\nnever-stops = true\n").err().map(|e| e.to_string());
    assert!(error.is_some_and(|e| e.contains("`never-stops` says nothing of `group`")));
}

#[test]
fn stores_and_clocks_name_what_they_change() {
    assert_eq!(faults(r#"snapshot-manager = "birch""#), [Fault::Keep(Store::Journal(BIRCH))]);
    assert_eq!(faults(r#"restore-manager = "birch""#), [Fault::Restore(Store::Journal(BIRCH))]);
    assert_eq!(faults("snapshot-arbiter = true"), [Fault::Keep(Store::Authority(Holder::Arbiter))]);
    assert!(faults("replace-arbiter = true").contains(&Fault::ReplaceArbiter));
    let slip = faults(r#"slip-clock = { of = "arbiter", ppm = -10000 }"#);
    assert_eq!(slip, [Fault::Slip(Holder::Arbiter, -10_000)]);
    let jump = faults(r#"jump-clock = { of = "alder", by = "90s" }"#);
    assert_eq!(jump, [Fault::Jump(Holder::Agent(ALDER), Millis::secs(90))]);
}

#[test]
fn a_clock_or_store_that_is_not_there_is_a_mistake() {
    let tell = |deed: &str| wrong(deed).to_string();
    let error = tell(r#"slip-clock = { of = "oak", ppm = 1 }"#);
    assert!(error.contains("x.toml:5: nobody called `oak` counts authority by a clock"), "{error}");
    assert!(error.contains("`of` is one of `alder`, `birch`, `arbiter`"), "{error}");
    for deed in [r#"slip-clock = { of = "alder", ppm = 100000 }"#, r#"slip-clock = { of = "alder", by = "1s" }"#] {
        let error = tell(deed);
        assert!(error.contains("from -99999 (slow) to 99999 (fast)"), "{error}");
    }
    let error = tell(r#"jump-clock = { of = "arbiter", ppm = 5 }"#);
    assert!(error.contains("clocks only jump ahead"), "{error}");
    let error = tell(r#"restore-manager = "adler""#);
    assert!(error.contains("did you mean `alder`?"), "{error}");
    let error = tell("restore-arbiter = false");
    assert!(error.contains("an event that does nothing"), "{error}");
}

#[test]
fn a_store_is_put_back_only_from_a_copy() {
    let actions = run(&event(r#"restore-manager = "alder""#)).actions;
    let restored = |a: &farshore_world::Action| matches!(a, farshore_world::Action::Fault(Fault::Restore(_)));
    assert!(!actions.iter().any(restored), "nobody made a copy");
}

/// What the protocol trusts can be broken, and that is seen: an arbiter whose clock jumps ends a lease that is alive (O2).
#[test]
fn a_clock_beyond_what_is_trusted_breaks_a_property() {
    let pause = event(r#"pause-agent = "alder""#);
    let jump = "[[event]]\nat = \"33s\"\njump-clock = { of = \"arbiter\", by = \"1m\" }\n";
    let broken = read("armed-quick", &(pause + jump)).expect("it is read").run(1, None).expect("it begins").broken;
    assert_eq!(broken.map(|b| b.property), Some("I20"));
}

/// What is new to the world is replayed like everything else.
#[test]
fn a_run_with_old_stores_and_odd_clocks_replays() {
    let text = [
        r#"slip-clock = { of = "alder", ppm = -9000 }"#,
        r#"snapshot-arbiter = true"#,
        r#"snapshot-manager = "alder""#,
        r#"late-letters = { from = "arbiter", by = ["1s", "3s"] }"#,
        r#"double-letters = { to = "arbiter", times = 2 }"#,
        r#"lose-letters = { from = "birch", times = 2 }"#,
        r#"flap = { link = "arbiter", down = "1s", up = "1s", times = 2 }"#,
    ]
    .map(event)
    .concat()
        + &[r#"restore-manager = "alder""#, "restore-arbiter = true", r#"jump-clock = { of = "birch", by = "20s" }"#]
            .map(|deed| event(deed).replace("20s\"\n", "25s\"\n"))
            .concat();
    let scenario = scenario(&format!("until = \"1m\"\n{text}"));
    let run = scenario.run(3, None).expect("it begins");
    let again = scenario.replay(&scenario.trace(&run)).expect("it replays");
    assert_eq!((again.end, &again.broken), (run.end, &run.broken));
    let downtimes = |run: &Run| run.history.vms.iter().map(|v| v.downtime(run.end)).collect::<Vec<_>>();
    assert_eq!(downtimes(&again), downtimes(&run));
}
