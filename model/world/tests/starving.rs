//! I18: a flood of events at the managers starves no lease: agents renew, and nothing is fenced.

use std::path::Path;

use farshore_core::event::{Alert, Event};
use farshore_core::ids::Side;
use farshore_world::scenario::Scenario;
use farshore_world::{Action, Clock, Fault, Setup, World};

/// Both arrays of the deployment flap and repeat for minutes, on every host.
fn flood(times: u32) -> String {
    let mut text = String::from("title = \"x\"\ndeployment = \"deployments/armed.toml\"\nuntil = \"4m\"\n");
    for lun in ["shop", "mail"] {
        text.push_str(&format!(
            "[[event]]\nat = \"10s\"\nrepeat-reports = {{ lun = \"{lun}\", times = {times}, every = \"20ms\" }}\n"
        ));
    }
    text
}

#[test]
fn i18_a_flood_at_the_managers_starves_no_lease() {
    let book = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scenarios"));
    let scenario = Scenario::parse(&flood(3_000), "x.toml", book).unwrap();
    let run = scenario.run(1, None).unwrap();
    assert!(run.broken.is_none(), "{:?}", run.broken);
    let reports = run.actions[run.before..].iter().filter(|a| matches!(a, Action::Report { .. })).count();
    assert!(reports > 5_000, "{reports} reports");
    // What was done is done again, step by step, to see what the agents had.
    let setup = Setup::new(scenario.setup.scope.clone(), Clock::Real).unwrap();
    let mut world = World::cold(&setup);
    let (mut letters, mut fewest) = (0, u64::MAX);
    for (at, &action) in run.actions.iter().enumerate() {
        letters += usize::from(at >= run.before && matches!(action, Action::Letter { .. }));
        let outcome = world.apply(&setup, action);
        let fenced =
            |e: &(Side, Event)| matches!(e.1, Event::Raised(Alert::Unrenewed { .. } | Alert::TakeoverOff { .. }));
        assert!(at < run.before || !outcome.events.iter().any(fenced), "{:?}", outcome.events);
        if at >= run.before {
            for (_, group) in setup.inventory().groups.iter() {
                let side = group.home;
                let agent = world.node(side).agent.as_ref().unwrap();
                let left = agent.authority(setup.site(side), world.now, group.key).expect("the owner has authority");
                fewest = fewest.min(left.0);
            }
        }
        assert!(!matches!(action, Action::Fault(Fault::StopAgent(_))));
    }
    // Each agent renews three times a lease, and each renewal is a question, an answer, and a word to the peer.
    let lease = setup.site(Side::One).policy.arbiter.unwrap().leases.length().0;
    assert!(fewest > lease / 3, "{fewest} ms of {lease} were left at some moment");
    assert!(letters > 100, "{letters} letters");
}
