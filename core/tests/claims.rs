//! Manager and agent (O10): a claim that is refused.

mod support;

use farshore_core::authority::agent::{Enforcers, Told};
use farshore_core::detection::corroboration::ArrayAnswer;
use farshore_core::ids::LunKey;
use farshore_core::inventory::Site;
use farshore_core::{Effect, Effects, Fact, Instant, RecoveryManager};
use support::{ALDER, Pair, lost, shop};

/// A manager whose agent refuses whatever it claims, because its authority has run out.
struct Refused<'a> {
    site: &'a Site,
    machine: RecoveryManager,
    now: Instant,
    told: Told,
    claims: usize,
}

impl Refused<'_> {
    fn tell(&mut self, fact: Fact) {
        let mut facts = vec![fact];
        for _ in 0..1_000 {
            let Some(fact) = facts.pop() else { return };
            let mut effects = Effects::new();
            self.machine.handle(self.site, self.now, fact, &mut effects);
            for effect in effects {
                match effect {
                    Effect::Save { id, .. } => facts.push(Fact::Saved(id)),
                    Effect::Claim(_) => {
                        self.claims += 1;
                        facts.push(Fact::Authority(self.told));
                    }
                    Effect::AskArray { array, lun } => {
                        facts.push(Fact::Array { array, lun, answer: ArrayAnswer::Lost });
                    }
                    _ => {}
                }
            }
        }
        panic!("manager and agent talk without end");
    }
}

/// O10, L5: it is asked for again after `resend`, or at once when the agent says something else; not without end.
#[test]
fn o10_a_refused_claim_is_asked_for_again_later() {
    let pair = Pair::protected(&shop());
    let node = &pair.nodes[ALDER];
    let authority = node.record("shop").authority.bare();
    let group = node.record("shop").group;
    let told = Told { group, authority, live: false, fenced: false, known: true, enforcers: Enforcers::Served };
    let mut refused =
        Refused { site: &node.site, machine: node.machine.clone(), now: Instant(pair.now), told, claims: 0 };
    refused.tell(Fact::Authority(told));
    for host in ["alder-1", "alder-2"] {
        let (host, lun) = (farshore_core::ids::HostKey::of(host), LunKey::of("shop"));
        refused.tell(Fact::Path { host, lun, path: 0, probe: None, answer: lost() });
    }
    let until = pair.now + 20_000;
    while let Some((at, _)) = refused.machine.next_deadline().filter(|(at, _)| at.0 <= until) {
        refused.now = at;
        refused.tell(Fact::Wake);
    }
    let resend = node.site.policy.waits.resend.0;
    assert!(refused.claims > 1, "it asks again");
    assert!(refused.claims as u64 <= 20_000 / resend + 2, "{} claims", refused.claims);
    let before = refused.claims;
    refused.told.live = true;
    refused.tell(Fact::Authority(refused.told));
    assert!(refused.claims > before, "it asks at once when it may");
}
