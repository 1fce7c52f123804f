//! Two managers with parts that do nothing but answer, recorded; and what becomes of the recording when it is changed.

use std::collections::VecDeque;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use farshore_core::effect::SaveId;
use farshore_core::event::Event;
use farshore_core::ids::{ArrayKey, GroupKey, HostKey, LunKey};
use farshore_core::input::ProbeId;
use farshore_core::inventory::Site;
use farshore_core::message::Message;
use farshore_core::operation::{
    CopySeen, Goal, HostSeen, LunSeen, Op, ReplicationSeen, Seen, StepSeen, Target, VmSeen,
};
use farshore_core::ports::{Arrays, Hosts, Journal, Link, OwnAgent, Parts, Pump};
use farshore_core::record::Record;
use proptest::prelude::*;

use super::*;
use crate::deployment::deployment;

/// Does what it is asked for at once, and says so when it is asked what happened.
#[derive(Clone)]
struct Obedient(Sender<(usize, Fact)>, usize);

impl Obedient {
    fn say(&self, fact: Fact) {
        let _ = self.0.send((self.1, fact));
    }

    fn done(&self, op: &Op) {
        let token = op.id.token;
        let running = op.goal == Goal::Replicating;
        let replication = ReplicationSeen { running, in_sync: Some(true), ..ReplicationSeen::default() };
        let writable = op.goal == Goal::ReadWrite;
        let seen = match op.id.target {
            Target::Lun(_) => Seen::Lun(LunSeen { token, present: true, writable, tail: token, replication }),
            Target::Host(_) => Seen::Host(HostSeen { token, running: 0, mounted: false }),
            Target::Vm(_) | Target::TestVm(_) => Seen::Vm(VmSeen { token, running_on: None, registered: true }),
            Target::Step(_) | Target::TestStep(_) => Seen::Step(StepSeen { token, ran: true }),
            Target::TestLun(_) => Seen::Copy(CopySeen { token, exists: true, point: None }),
        };
        self.say(Fact::Answer { id: op.id, attempt: op.attempt, outcome: Ok(seen) });
    }
}

impl Hosts for Obedient {
    fn submit(&mut self, op: &Op) {
        self.done(op);
    }
    fn observe(&mut self, group: GroupKey, target: Target) {
        self.say(Fact::Observed { group, target, seen: None });
    }
    fn poll(&mut self, _: HostKey) {}
    fn probe(&mut self, _: HostKey, _: LunKey, _: ProbeId) {}
    fn acknowledge(&mut self, _: LunKey) {}
}

impl Arrays for Obedient {
    fn submit(&mut self, op: &Op) {
        self.done(op);
    }
    fn observe(&mut self, group: GroupKey, target: Target) {
        self.say(Fact::Observed { group, target, seen: None });
    }
    fn ask(&mut self, _: ArrayKey, _: LunKey) {}
}

impl Journal for Obedient {
    fn save(&mut self, id: SaveId, _: Vec<Record>) {
        self.say(Fact::Saved(id));
    }
}

impl Link for Obedient {
    fn send(&mut self, message: Message) {
        let _ = self.0.send((1 - self.1, Fact::Message(message)));
    }
}

/// Records how a group is protected.
fn recorded() -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("recording");
    let header = Header { title: "a test".into(), deployment: deployment(crate::Mode::Synchronous) };
    let tape = Tape::create(&file, &header).expect("the file");
    let (tell, told): (_, Receiver<(usize, Fact)>) = channel();
    let sites = Site::pair(&header.deployment).expect("a valid deployment");
    let tracks =
        sites.each_ref().map(|site| Track::new(Some(tape.clone()), &site.inventory.sites[site.here.at()].name));
    let mut pumps: Vec<_> = sites
        .into_iter()
        .zip(&tracks)
        .enumerate()
        .map(|(at, (site, track))| {
            let part = Obedient(tell.clone(), at);
            let agent = OwnAgent::start(&site, 1, Vec::new(), |_: &[_]| true, Instant(0)).expect("an agent");
            let parts = Parts {
                hosts: part.clone(),
                arrays: part.clone(),
                journal: part.clone(),
                link: part,
                agent,
                watch: |_: Event| {},
            };
            let records = Records::first_start();
            track.told(Instant(0), || Told::Start { boot: 1, records: records.clone() });
            let pump = Pump::start(site, 1, records, Instant(0), track.record(parts)).expect("a pump");
            track.done();
            pump
        })
        .collect();
    let mut todo: VecDeque<(usize, Fact)> = VecDeque::new();
    for now in 1..200 {
        let now = Instant(now * 10);
        todo.extend(told.try_iter());
        for (at, fact) in std::mem::take(&mut todo).into_iter().chain([(0, Fact::Wake), (1, Fact::Wake)]) {
            tracks[at].told(now, || Told::Fact(fact.clone()));
            pumps[at].fact(now, fact);
            tracks[at].done();
        }
        if now == Instant(50) || now == Instant(1000) {
            // The second time it is protected already: both sites have the answer in their recordings.
            let command = Command::Protect(vec![GroupKey::of("shop")]);
            for (track, pump) in tracks.iter().zip(&mut pumps) {
                track.told(now, || Told::Command { command: command.clone(), rejected: None });
                if let Err(why) = pump.command(now, command.clone()) {
                    track.rejected(&why);
                }
                track.done();
            }
        }
    }
    tape.finish().expect("written");
    std::fs::read_to_string(&file).expect("the recording")
}

fn with_line(text: &str, at: usize, change: impl Fn(&str) -> String) -> String {
    let lines = text.lines().enumerate().map(|(n, line)| if n + 1 == at { change(line) } else { line.into() });
    lines.collect::<Vec<_>>().join("\n")
}

/// The first line, from 1, in which something stands.
fn line_with(text: &str, what: &str) -> usize {
    text.lines().position(|line| line.contains(what)).expect("it stands there") + 1
}

#[test]
fn a_recording_runs_again() {
    let text = recorded();
    let again = replay(&text).expect("as recorded");
    assert_eq!(again.counts.map(|c| c.starts), [1, 1]);
    assert!(again.counts.iter().all(|c| c.steps > 200 && c.effects > 10), "{:?}", again.counts);
    assert!(again.events.iter().any(|(_, _, event)| matches!(event, Event::Protected { .. })));
    assert!(text.contains("\"rejected\":\""), "one site does not own the group");
}

#[test]
fn what_is_no_recording_is_told_by_its_line() {
    let text = recorded();
    assert!(matches!(replay(""), Err(ReplayError::NoRecording)));
    assert!(matches!(replay("farshore trace 1\n"), Err(ReplayError::NoRecording)));
    let newer = text.replacen("recording 1", "recording 2", 1);
    assert!(matches!(replay(&newer), Err(ReplayError::Version { found }) if found.ends_with('2')));
    assert!(matches!(replay(FIRST_LINE), Err(ReplayError::Unreadable { line: 2, .. })));
    let half = with_line(&text, 9, |line| line[..line.len() / 2].into());
    let Err(ReplayError::Unreadable { line: 9, what }) = replay(&half) else { panic!("half a line is read") };
    assert!(what.starts_with("this is no whole JSON object"), "{what}");
    let unknown = with_line(&text, 9, |line| line.replacen("\"told\"", "\"tald\"", 1));
    let Err(ReplayError::Unreadable { line: 9, what }) = replay(&unknown) else { panic!("an unknown field is read") };
    assert!(what.contains("unknown field `tald`"), "{what}");
    let nobody = with_line(&text, 9, |line| line.replacen("\"site\":\"alder\"", "\"site\":\"oak\"", 1));
    let nobody = with_line(&nobody, 9, |line| line.replacen("\"site\":\"birch\"", "\"site\":\"oak\"", 1));
    assert!(matches!(replay(&nobody), Err(ReplayError::NoSite { line: 9, site }) if site == "oak"));
    for (at, says) in [(0, "time goes back"), (u64::MAX, "no clock says")] {
        let when = |line: &str| {
            let step: Step = serde_json::from_str(line).expect("a step");
            serde_json::to_string(&Step { at: Instant(at), ..step }).expect("a line")
        };
        let Err(ReplayError::Unreadable { line: 100, what }) = replay(&with_line(&text, 100, when)) else {
            panic!("a time of {at} ms is believed")
        };
        assert!(what.contains(says), "{what}");
    }
    let unstarted = with_line(&text, line_with(&text, "\"start\""), |_| text.lines().nth(8).unwrap_or_default().into());
    assert!(matches!(replay(&unstarted), Err(ReplayError::NotStarted { .. })), "{:?}", replay(&unstarted));
}

#[test]
fn another_effect_is_told_by_its_step() {
    let text = recorded();
    let line = line_with(&text, "\"save\"");
    let changed = with_line(&text, line, |line| {
        let (told, effects) = line.split_at(line.find("\"effects\"").expect("effects"));
        let (bit, other) = if effects.contains("\"bit\":true") { ("true", "false") } else { ("false", "true") };
        told.to_string() + &effects.replacen(&format!("\"bit\":{bit}"), &format!("\"bit\":{other}"), 1)
    });
    let error = replay(&changed).expect_err("another save");
    let ReplayError::Differs(difference) = &error else { panic!("{error}") };
    assert_eq!((difference.line, difference.recorded.is_some(), difference.now.is_some()), (line, true, true));
    assert!(error.is_finding() && error.to_string().contains("effect "), "{error}");
    let fewer = with_line(&text, line, |line| {
        line[..line.find("\"effects\"").expect("effects")].to_string() + "\"effects\":[]}"
    });
    let error = replay(&fewer).expect_err("fewer effects");
    assert!(matches!(&error, ReplayError::Differs(d) if d.line == line && d.recorded.is_none()), "{error}");
}

#[test]
fn another_answer_to_a_command_is_told() {
    let text = recorded();
    let line = line_with(&text, "\"rejected\":\"");
    let changed = with_line(&text, line, |line| line.replacen("\"rejected\":\"", "\"rejected\":\"not ", 1));
    let error = replay(&changed).expect_err("another answer");
    assert!(matches!(&error, ReplayError::Differs(d) if d.line == line && d.what.contains("rejected")), "{error}");
}

#[test]
fn what_a_manager_was_not_told_is_missed() {
    let text = recorded();
    let line = line_with(&text, "\"saved\"");
    let lines = text.lines().enumerate().filter(|(n, _)| n + 1 != line).map(|(_, line)| line);
    let error = replay(&lines.collect::<Vec<_>>().join("\n")).expect_err("a fact is missing");
    assert!(matches!(error, ReplayError::Differs(_)), "{error}");
}

static TEXT: LazyLock<String> = LazyLock::new(recorded);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_make_it_panic(at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = TEXT.clone().into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = replay(&text);
        }
    }

    #[test]
    fn no_number_makes_it_panic(at in any::<proptest::sample::Index>(), number in prop_oneof![Just(u64::MAX), Just(0), any::<u64>()]) {
        let starts = TEXT.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at);
        let starts: Vec<usize> = starts.filter(|&at| !TEXT[..at].ends_with(|c: char| c.is_ascii_digit())).collect();
        let (before, after) = TEXT.split_at(starts[at.index(starts.len())]);
        let _ = replay(&format!("{before}{number}{}", after.trim_start_matches(|c: char| c.is_ascii_digit())));
    }
}
