//! The agent's side of section 5: lease, promise, ladder, acquire, what its manager may claim (O1 to O4, O6 to O8, O10).

use farshore_core::authority::agent::{AgentEffect, AgentFact, AgentRecord, Claim, Enforcers, SiteAgent, Told};
use farshore_core::authority::proof::{Proof, Stamp};
use farshore_core::authority::wire::{Answer, Ask, Denial, Note, Reply, Request, Say, Want};
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{Epoch, GroupKey, LunKey, Side};
use farshore_core::inventory::Site;
use farshore_core::message::Standing;
use farshore_core::operation::{Goal, ReplicationSeen};
use farshore_core::spec::{self, Datastore, Deployment, Group, Lun, Replica, Vm};
use farshore_core::{Instant, Millis};

const FIT: Proof = Proof::Fit { lag: None, spare: None };
const UNFIT: Proof = Proof::Unfit { lag: None };

fn key() -> GroupKey {
    GroupKey::of("shop")
}

/// An agent whose saves are durable at once.
struct Agent {
    site: Site,
    machine: SiteAgent,
    disk: Vec<AgentRecord>,
    now: u64,
    said: Vec<AgentEffect>,
}

impl Agent {
    fn at(side: Side) -> Self {
        Self::with(side, None)
    }

    fn with(side: Side, deputy: Option<spec::Deputy>) -> Self {
        let mut deployment = Deployment {
            sites: vec![
                spec::Site::of("alder", "alder-san", &["alder-1"]),
                spec::Site::of("birch", "birch-san", &["birch-1"]),
            ],
            luns: vec![Lun::of("shop", "alder-san", 1).replicated(Replica::synchronous("birch-san", 1))],
            datastores: vec![Datastore::of("shop", &["shop"])],
            vms: vec![Vm::of("db", &["shop"])],
            groups: vec![Group::of("shop", &["shop"])],
            ..Deployment::default()
        };
        deployment.policy.arbiter = Some(spec::Arbiter::default());
        deployment.policy.deputy = deputy;
        let site = Site::pair(&deployment).unwrap()[side.at()].clone();
        Self::restored(site, 1, Vec::new(), 100_000)
    }

    fn restored(site: Site, boot: u32, disk: Vec<AgentRecord>, now: u64) -> Self {
        let mut effects = Vec::new();
        let machine = SiteAgent::restore(&site, boot, disk.clone(), Instant(now), &mut effects).unwrap();
        let mut agent = Self { site, machine, disk, now, said: Vec::new() };
        agent.execute(effects);
        agent
    }

    fn restart(self) -> Self {
        Self::restored(self.site, 2, self.disk, self.now)
    }

    /// Arrays answer at once, that all is in sync.
    fn execute(&mut self, effects: Vec<AgentEffect>) {
        for effect in effects {
            match &effect {
                AgentEffect::Save { id, batch } => {
                    for record in batch {
                        self.disk.retain(|r| r.group != record.group);
                        self.disk.push(*record);
                    }
                    self.tell(AgentFact::Saved(*id));
                }
                AgentEffect::Read(group) => {
                    let seen = ReplicationSeen { running: true, in_sync: Some(true), ..ReplicationSeen::default() };
                    self.tell(AgentFact::Read { group: *group, luns: vec![(LunKey::of("shop"), Some(seen))] });
                }
                _ => self.said.push(effect),
            }
        }
    }

    fn tell(&mut self, fact: AgentFact) {
        let mut effects = Vec::new();
        self.machine.handle(&self.site, Instant(self.now), fact, &mut effects);
        self.execute(effects);
    }

    /// Wakes at every deadline up to `after` milliseconds from now; what was said before is forgotten.
    fn pass(&mut self, after: u64) {
        self.said.clear();
        let until = self.now + after;
        while let Some(at) = self.machine.next_deadline(&self.site).filter(|at| at.0 <= until) {
            self.now = at.0;
            self.tell(AgentFact::Wake);
        }
        self.now = until;
    }

    fn reply(&mut self, epoch: u64, owner: Side, answer: Answer) {
        let reply = Reply { group: key(), incarnation: 1, epoch: Epoch(epoch), owner, armed: true, answer };
        self.tell(AgentFact::Reply(reply));
    }

    fn note(&mut self, epoch: u64, say: Say) {
        self.tell(AgentFact::Note(Note { group: key(), epoch: Epoch(epoch), say }));
    }

    fn stamp(&self) -> Stamp {
        Stamp { boot: 1, sent: Instant(self.now), nth: 0 }
    }

    /// The arbiter gives a lease for what is sent now.
    fn leased(&mut self) {
        let stamp = self.stamp();
        self.reply(1, Side::One, Answer::Leased(stamp));
    }

    fn record(&self) -> &AgentRecord {
        self.machine.record(&self.site, key()).unwrap()
    }

    fn left(&self) -> Option<Millis> {
        self.machine.authority(&self.site, Instant(self.now), key())
    }

    fn stops(&self) -> Vec<Goal> {
        let goals = self.said.iter();
        goals.filter_map(|e| if let AgentEffect::Do(op) = e { Some(op.goal) } else { None }).collect()
    }

    fn asked(&self, fits: impl Fn(&Ask) -> bool) -> bool {
        self.said.iter().any(|e| matches!(e, AgentEffect::Ask(Request { ask, .. }) if fits(ask)))
    }

    fn spoke(&self, fits: impl Fn(&Say) -> bool) -> bool {
        self.said.iter().any(|e| matches!(e, AgentEffect::Say(Note { say, .. }) if fits(say)))
    }

    /// Deputies that are started and stopped.
    fn deputies(&self) -> Vec<bool> {
        let said = self.said.iter();
        said.filter_map(|e| if let AgentEffect::Deputy(started) = e { Some(*started) } else { None }).collect()
    }

    fn denied(&self) -> Option<Denial> {
        self.said.iter().find_map(|e| if let AgentEffect::Deny { why, .. } = e { Some(*why) } else { None })
    }

    /// The owner is alive, as its peer hears it.
    fn alive(&mut self, proof: Proof, want: Option<Want>) {
        let say = Say::Alive { stamp: self.stamp(), proof, want, returned: None };
        self.note(1, say);
    }
}

#[test]
fn o2_authority_is_counted_from_the_sending_and_handed_on_less_the_drift() {
    let mut owner = Agent::at(Side::One);
    assert_eq!(owner.left(), None, "O1: nothing is held at first");
    let sent = owner.stamp();
    owner.now += 4_000;
    owner.reply(1, Side::One, Answer::Leased(sent));
    assert_eq!(owner.left(), Some(Millis(26_000 * 990 / 1010)));
    owner.now += 26_000;
    assert_eq!(owner.left(), None);
}

#[test]
fn o3_the_ladder_and_the_way_back() {
    let mut owner = Agent::at(Side::One);
    owner.leased();
    owner.pass(14_999);
    assert!(owner.stops().is_empty() && !owner.said.iter().any(|e| matches!(e, AgentEffect::Event(_))));
    owner.pass(1);
    assert!(owner.said.iter().any(|e| matches!(e, AgentEffect::Event(_))), "L/2: alert");
    owner.pass(5_000);
    assert_eq!(owner.stops(), [Goal::Stopped { grace: Some(Millis(5_000)) }], "2L/3: gracefully");
    assert!(owner.record().fenced && owner.record().authority.turn().0 == 1, "in a turn of its own");
    owner.pass(5_000);
    assert_eq!(owner.stops(), [Goal::Stopped { grace: None }, Goal::ReadOnly], "5L/6: hard");
    owner.leased();
    assert!(!owner.record().fenced && owner.record().authority.turn().0 == 2, "undone in a later turn");
}

#[test]
fn o3_what_enforcers_ended_is_a_stage() {
    let mut owner = Agent::at(Side::One);
    owner.tell(AgentFact::Enforced(key()));
    assert!(owner.record().fenced);
    owner.leased();
    assert!(!owner.record().fenced && owner.left().is_some());
}

#[test]
fn o8_losing_the_arbiter_stops_nothing() {
    let mut owner = Agent::at(Side::One);
    owner.leased();
    owner.pass(10_000);
    assert!(owner.spoke(|s| matches!(s, Say::Alive { want: Some(Want::Live), .. })), "slow: a promise");
    let stamp = owner.stamp();
    owner.note(1, Say::Promise { stamp, standing: None });
    owner.pass(14_000);
    let stamp = owner.stamp();
    owner.note(1, Say::Promise { stamp, standing: None });
    owner.pass(8_000);
    assert!(owner.spoke(|s| matches!(s, Say::Alive { want: Some(Want::Standing), .. })), "lost: a standing one");
    let stamp = owner.stamp();
    owner.note(1, Say::Promise { stamp, standing: Some(1) });
    owner.pass(1_000_000);
    assert!(owner.left().is_some() && owner.stops().is_empty());
    // It is back: first the lease, then the promise.
    owner.leased();
    assert_eq!((owner.record().held, owner.record().returned), (None, Some(1)));
    owner.note(1, Say::Promise { stamp, standing: Some(1) });
    assert_eq!(owner.record().held, None, "a late word about a promise that was given back");
}

#[test]
fn o4_no_acquire_under_a_promise_of_its_own() {
    let mut peer = Agent::at(Side::Two);
    peer.pass(40_000);
    peer.alive(FIT, Some(Want::Live));
    peer.tell(AgentFact::Acquire { group: key(), forced: false });
    assert_eq!(peer.denied(), Some(Denial::Held));
    peer.pass(61_000);
    peer.tell(AgentFact::Acquire { group: key(), forced: false });
    assert!(peer.asked(|a| matches!(a, Ask::Acquire { k: 1, .. })), "it has run out");
    assert!(peer.record().acquire.is_some(), "durable before it is sent");
}

#[test]
fn o4_while_an_acquire_is_in_doubt_no_promise_and_no_notice() {
    let mut peer = Agent::at(Side::Two);
    peer.pass(40_000);
    peer.tell(AgentFact::Acquire { group: key(), forced: false });
    peer.said.clear();
    peer.alive(FIT, Some(Want::Live));
    peer.alive(UNFIT, None);
    assert!(!peer.spoke(|s| matches!(s, Say::Promise { .. } | Say::Noted(_))));
    peer.pass(5_000);
    assert!(peer.asked(|a| *a == Ask::Withdraw { k: 1 }), "the owner is heard again");
    peer.reply(1, Side::One, Answer::Evaluated { k: 1, outcome: Err(Denial::Withdrawn) });
    peer.said.clear();
    peer.alive(UNFIT, None);
    assert!(peer.spoke(|s| matches!(s, Say::Noted(_))));
    peer.tell(AgentFact::Acquire { group: key(), forced: false });
    assert_eq!(peer.denied(), Some(Denial::Proof(UNFIT)), "O6: who has noted it acquires no more");
}

#[test]
fn o5_a_grant_makes_the_owner_and_a_lease_lets_it_run() {
    let mut peer = Agent::at(Side::Two);
    peer.pass(60_000);
    assert!(peer.said.contains(&AgentEffect::Silent(true)), "O11: silent for site_grace");
    peer.tell(AgentFact::Acquire { group: key(), forced: false });
    peer.reply(2, Side::Two, Answer::Evaluated { k: 1, outcome: Ok(()) });
    assert_eq!((peer.record().authority.epoch(), peer.record().authority.standing()), (Epoch(2), Standing::Active));
    assert_eq!(peer.left(), None, "O1: a grant is no lease");
    let stamp = peer.stamp();
    peer.reply(2, Side::Two, Answer::Leased(stamp));
    assert!(peer.left().is_some());
}

#[test]
fn o7_a_restarted_peer_counts_every_promise_as_just_given() {
    let mut peer = Agent::at(Side::Two);
    peer.pass(100_000);
    let mut peer = peer.restart();
    peer.tell(AgentFact::Acquire { group: key(), forced: false });
    assert_eq!(peer.denied(), Some(Denial::Held));
}

#[test]
fn o7_an_arbiter_of_another_incarnation_is_refused() {
    let mut owner = Agent::at(Side::One);
    owner.leased();
    let stamp = owner.stamp();
    let answer = Answer::Leased(Stamp { sent: Instant(stamp.sent.0 + 1), ..stamp });
    let reply = Reply { group: key(), incarnation: 2, epoch: Epoch(1), owner: Side::One, armed: true, answer };
    owner.now += 30_000;
    owner.tell(AgentFact::Reply(reply));
    assert_eq!(owner.left(), None);
    assert!(owner.record().arbiter.is_some_and(|known| known.refused));
    let raised = AgentEffect::Event(Event::Raised(Alert::ArbiterNew { group: key() }));
    assert!(owner.said.contains(&raised));
    assert!(owner.restart().said.contains(&raised), "L6: and again after a restart");
}

/// O7: armed at one site alone, it is asked, and not believed; once it says that both have armed it, it is.
#[test]
fn o7_another_arbiter_is_believed_once_both_sites_have_armed_it() {
    let mut owner = Agent::at(Side::One);
    owner.leased();
    let reply = |armed, epoch, answer| {
        AgentFact::Reply(Reply { group: key(), incarnation: 2, epoch: Epoch(epoch), owner: Side::One, armed, answer })
    };
    owner.tell(reply(true, 1, Answer::Record));
    owner.said.clear();
    owner.pass(10_000);
    assert!(!owner.asked(|_| true), "who is refused is not asked");
    owner.tell(AgentFact::Rearm);
    owner.pass(10_000);
    assert!(owner.asked(|a| matches!(a, Ask::Renew { .. })));
    owner.pass(60_000);
    let granted = Answer::Leased(owner.stamp());
    owner.tell(reply(false, 1, granted));
    owner.tell(reply(true, 2, Answer::Record));
    assert_eq!(owner.left(), None, "armed here alone, or at another epoch");
    owner.tell(reply(true, 1, granted));
    assert!(owner.left().is_some());
    assert!(owner.record().arbiter.is_some_and(|known| !known.refused && known.incarnation == 2));
    assert!(owner.said.contains(&AgentEffect::Event(Event::Cleared(Alert::ArbiterNew { group: key() }))));
}

/// O7, O4: what an arbiter that is gone may have granted is never heard: the doubt is over, and people are told.
#[test]
fn o7_an_acquire_ends_when_its_arbiter_is_refused() {
    let mut peer = Agent::at(Side::Two);
    peer.reply(1, Side::One, Answer::Record);
    peer.pass(100_000);
    peer.tell(AgentFact::Acquire { group: key(), forced: false });
    let k = peer.record().k;
    let reply = |incarnation, epoch, owner, answer| {
        AgentFact::Reply(Reply { group: key(), incarnation, epoch: Epoch(epoch), owner, armed: true, answer })
    };
    peer.tell(reply(2, 1, Side::One, Answer::Record));
    assert_eq!((peer.record().acquire, peer.denied()), (None, Some(Denial::Manual)));
    peer.tell(AgentFact::Rearm);
    peer.tell(reply(1, 2, Side::Two, Answer::Evaluated { k, outcome: Ok(()) }));
    assert!(peer.record().stands_by(), "a late grant of the one that is gone");
}

#[test]
fn o6_a_write_that_is_not_mirrored_waits_until_somebody_knows() {
    let mut owner = Agent::at(Side::One);
    owner.leased();
    owner.said.clear();
    let lun = LunKey::of("shop");
    owner.tell(AgentFact::Mirror { lun, broken: true });
    assert!(owner.asked(|a| matches!(a, Ask::Renew { proof: Proof::Unfit { .. }, .. })), "said at once");
    assert!(!owner.said.contains(&AgentEffect::Degrade(lun)));
    let stamp = Stamp { nth: 9, ..owner.stamp() };
    owner.note(1, Say::Noted(stamp));
    assert!(owner.said.contains(&AgentEffect::Degrade(lun)));
}

#[test]
fn o10_a_claim_is_one_compare_and_swap() {
    let mut owner = Agent::at(Side::One);
    owner.leased();
    let at = owner.record().authority;
    let told = |a: &Agent| {
        a.said.iter().rev().find_map(|e| if let AgentEffect::Tell(told) = e { Some(*told) } else { None }).unwrap()
    };
    let Told { authority, live, fenced, .. } = told(&owner);
    assert!(authority == at && live && !fenced);
    // The agent takes a turn by itself; a manager that has not heard of it gets nothing.
    owner.tell(AgentFact::Enforced(key()));
    let want = owner.record().authority;
    owner.said.clear();
    owner.tell(AgentFact::Claim(Claim { group: key(), from: Some(at), want, withhold: false }));
    assert_eq!(told(&owner).authority, owner.record().authority);
    let other = AgentRecord::first(key(), false).authority;
    owner.tell(AgentFact::Claim(Claim { group: key(), from: Some(at), want: other, withhold: false }));
    assert_eq!(owner.record().authority.standing(), Standing::Active);
}

/// F2, O2: a host that nobody reaches is waited out: enforcers are served nothing in this turn, and the manager is told
/// once none of them can allow the group to run any more.
#[test]
fn f2_what_enforcers_have_runs_out_where_they_are_served_no_more() {
    let mut owner = Agent::at(Side::One);
    owner.leased();
    let at = owner.record().authority;
    let served = |a: &Agent| {
        let told = |e: &AgentEffect| if let AgentEffect::Tell(told) = e { Some(told.enforcers) } else { None };
        a.said.iter().rev().find_map(told)
    };
    owner.said.clear();
    owner.tell(AgentFact::Claim(Claim { group: key(), from: Some(at), want: at, withhold: true }));
    assert_eq!((owner.left(), served(&owner)), (None, Some(Enforcers::Withheld)));
    let (began, given) = (owner.now, owner.site.policy.arbiter.unwrap().leases.given().0);
    let mut last = Enforcers::Withheld;
    while owner.now < began + given {
        assert_eq!(last, Enforcers::Withheld, "{} of {given}", owner.now - began);
        owner.pass(5_000);
        last = served(&owner).unwrap_or(last);
        let granted = Answer::Leased(owner.stamp());
        owner.reply(1, Side::One, granted);
    }
    assert_eq!(last, Enforcers::Expired);
    owner.tell(AgentFact::Enforced(key()));
    assert!(!owner.record().fenced, "what was withheld on purpose is no failure");
}

fn two_minutes() -> Option<spec::Deputy> {
    Some(spec::Deputy { grace: spec::Span::millis(120_000) })
}

#[test]
fn o10_a_manager_that_is_away_for_the_grace_has_a_deputy_until_it_is_back() {
    let mut agent = Agent::with(Side::One, two_minutes());
    agent.tell(AgentFact::Manager(true));
    agent.pass(500_000);
    assert_eq!(agent.deputies(), [], "the manager is there");
    agent.tell(AgentFact::Manager(false));
    agent.pass(119_999);
    assert_eq!(agent.deputies(), [], "not yet");
    agent.tell(AgentFact::Manager(false));
    agent.pass(1);
    assert_eq!(agent.deputies(), [true], "the grace counts from when it was missed first");
    agent.pass(500_000);
    assert_eq!(agent.deputies(), [], "one is enough");
    agent.tell(AgentFact::Manager(true));
    assert_eq!(agent.deputies(), [false], "there is one seat");
}

#[test]
fn o10_a_manager_that_is_back_in_time_has_no_deputy() {
    let mut agent = Agent::with(Side::One, two_minutes());
    for there in [false, true, false, true] {
        agent.tell(AgentFact::Manager(there));
        agent.pass(119_000);
        assert_eq!(agent.deputies(), []);
    }
}

#[test]
fn o10_without_the_policy_nobody_has_a_deputy() {
    let mut agent = Agent::at(Side::One);
    agent.tell(AgentFact::Manager(false));
    agent.pass(5_000_000);
    assert_eq!(agent.deputies(), []);
}
