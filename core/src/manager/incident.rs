//! From reports to incidents: detection, grouping, marking, the gate, the plan (D1 to D5, G1 to G6, M1 to M5).

use alloc::vec::Vec;

use super::{RecoveryManager, queue::Class};
use crate::choosing;
use crate::detection::Noticed;
use crate::detection::corroboration::{ArrayAnswer, Finding};
use crate::detection::paths::PathAnswer;
use crate::effect::{Effect, Effects};
use crate::event::{Alert, Event};
use crate::failover::GroupState;
use crate::gate::{self, Critical};
use crate::grouping::{Due, Window};
use crate::guard::{self, Guard};
use crate::ids::{ArrayIx, GroupIx, HostIx, HostKey, LunIx, LunKey};
use crate::input::ProbeId;
use crate::inventory::Site;
use crate::message::{Offer, Progress, Scope};
use crate::policy::{Automation, ErrorKind, RecoveryType};
use crate::record::{Give, GivePhase, Hold, Latch, Protection, Work};
use crate::time::Instant;

/// Why a LUN marks its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Hosts see it as permanently lost (D3).
    Lost,
    /// Nobody reaches its whole array (D2).
    CutOff,
}

impl RecoveryManager {
    /// What one path of a host to a LUN says (D1 to D3).
    pub(super) fn path(
        &mut self,
        site: &Site,
        now: Instant,
        effects: &mut Effects,
        (host, lun, path): (HostKey, LunKey, u8),
        probe: Option<ProbeId>,
        answer: &PathAnswer,
    ) {
        let found = (site.inventory.hosts.find(host), site.inventory.luns.find(lun));
        let (Some(h), Some(l)) = found else { return self.raise(effects, Alert::Stranger { host, lun }) };
        let noticed = self.detector.report(site, h, l, path, answer);
        self.watch(site, now, effects, (h, l), *answer == PathAnswer::Healthy);
        match noticed {
            Noticed::Nothing => {}
            Noticed::Stranger => self.raise(effects, Alert::Stranger { host, lun }),
            Noticed::Unreadable(_) => effects.push(Effect::Event(Event::SenseUnreadable { host, lun })),
            // Once: what answers a probe like this is left to the next report.
            Noticed::ProbeAgain if probe.is_some() => {}
            Noticed::ProbeAgain => effects.push(Effect::Probe { host, lun, probe: self.probe }),
            Noticed::Lost => {
                effects.push(Effect::Event(Event::LossSeen { host, lun }));
                self.lost(site, now, effects, h, l);
            }
            Noticed::StillLost => self.still_lost(site, now, effects, h, l),
            Noticed::Healthy { was_lost } => {
                let undisputed = self.grouping.undisputed(l);
                self.grouping.healthy(l, probe);
                if was_lost {
                    // D3: a host that flaps takes its own word back, however old this answer is.
                    self.grouping.withdrawn(l, h);
                    self.back(site, now, effects, l, undisputed);
                }
            }
        }
    }

    /// A host sees a LUN lost: the failure joins the open group, and others are asked (G2, G3, D3).
    fn lost(&mut self, site: &Site, now: Instant, effects: &mut Effects, host: HostIx, lun: LunIx) {
        let policy = &site.policy.grouping;
        let next = ProbeId(self.probe.0.wrapping_add(1));
        if !self.grouping.is_open() {
            effects.push(Effect::Event(Event::WindowOpened));
        }
        if self.grouping.failure(policy, now, lun, host, next) {
            // Another host may have said so before this group of failures opened.
            for other in self.detector.lost_at(lun).collect::<Vec<_>>() {
                self.grouping.failure(policy, now, lun, other, next);
            }
            self.probe = next;
            self.probe_all(site, effects, lun);
        }
    }

    /// A level is repeated. Where everything that follows from it is durable, the host may stop (G6).
    fn still_lost(&mut self, site: &Site, now: Instant, effects: &mut Effects, host: HostIx, lun: LunIx) {
        let l = &site.inventory.luns[lun];
        let Some(g) = l.group else {
            if self.site_durability == crate::failover::Durability::Clean {
                effects.push(Effect::Acknowledge { lun: l.key });
            }
            return;
        };
        let state = &mut self.groups[g.0 as usize];
        let known = state.is_lost(l.key) || state.record.alerts.contains(&Alert::RecoveryLunLost { lun: l.key });
        if known {
            state.run.acknowledge.insert(l.key);
            self.touched.insert(g);
        } else if !self.contradicted.contains_key(&lun) {
            self.lost(site, now, effects, host, lun);
        }
    }

    /// Every host that mounts a LUN samples its paths, and its array is asked (D3).
    fn probe_all(&self, site: &Site, effects: &mut Effects, lun: LunIx) {
        let l = &site.inventory.luns[lun];
        let Some(end) = &l.ends[site.here.at()] else { return };
        let hosts = end.hosts.iter().map(|&h| site.inventory.hosts[h].key);
        effects.extend(hosts.map(|host| Effect::Probe { host, lun: l.key, probe: self.probe }));
        effects.push(Effect::AskArray { array: site.inventory.arrays[end.array].key, lun: l.key });
    }

    /// What an array's management says of a LUN.
    pub(super) fn array(&mut self, site: &Site, lun: LunKey, answer: ArrayAnswer) {
        if let Some(lun) = site.inventory.luns.find(lun) {
            self.grouping.array(lun, answer);
        }
    }

    /// A LUN that was lost answers again (D3, D4). It is new if it was found lost, or if nobody disputed that yet.
    pub(super) fn back(&mut self, site: &Site, now: Instant, effects: &mut Effects, lun: LunIx, undisputed: bool) {
        let l = &site.inventory.luns[lun];
        if self.detector.lost_at(lun).next().is_none() && self.contradicted.remove(&lun).is_some() {
            self.clear(effects, Alert::Contradicted { lun: l.key });
        }
        let Some(g) = l.group else { return };
        let record = &self.groups[g.0 as usize].record;
        let found = self.groups[g.0 as usize].is_lost(l.key)
            || record.alerts.contains(&Alert::RecoveryLunLost { lun: l.key })
            || record.returning.contains_key(&l.key);
        if found || undisputed {
            self.with(site, now, effects, g, |state, cx| state.lun_is_back(cx, l.key));
        }
    }

    /// Polls, and groups of failures that close (G1 to G4).
    pub(super) fn grouping_due(&mut self, site: &Site, now: Instant, effects: &mut Effects) {
        loop {
            match self.grouping.due(&site.policy.grouping, now) {
                Due::Nothing => return,
                Due::Poll => {
                    let here = site.inventory.hosts.iter().filter(|(_, h)| h.side == site.here);
                    effects.extend(here.map(|(_, h)| Effect::Poll(h.key)));
                    // D1, D3: answers get lost, and a unit attention is none. Where there is nobody else to ask, one
                    // question was enough.
                    let hosts = |lun: LunIx| {
                        site.inventory.luns[lun].ends[site.here.at()].as_ref().map_or(0, |e| e.hosts.len())
                    };
                    for lun in self.grouping.undecided().filter(|&lun| hosts(lun) > 1) {
                        self.probe_all(site, effects, lun);
                    }
                }
                Due::Closed(window) => self.closed(site, now, effects, &window),
            }
        }
    }

    /// A group of failures has closed: what is confirmed marks (M1), what is contradicted is probed on (D3).
    fn closed(&mut self, site: &Site, now: Instant, effects: &mut Effects, window: &Window) {
        let findings: Vec<(LunIx, Finding)> = window.findings().collect();
        let luns = u32::try_from(findings.len()).unwrap_or(u32::MAX);
        effects.push(Effect::Event(Event::WindowClosed { luns }));
        let mut marked = false;
        for (lun, finding) in findings {
            let key = site.inventory.luns[lun].key;
            effects.push(Effect::Event(Event::Concluded { lun: key, finding }));
            match finding {
                Finding::Confirmed => {
                    self.clear(effects, Alert::Contradicted { lun: key });
                    marked |= self.mark(site, now, effects, lun, Why::Lost);
                }
                Finding::Contradicted => {
                    self.raise(effects, Alert::Contradicted { lun: key });
                    self.contradicted.insert(lun, now + recheck(site));
                }
            }
        }
        if marked {
            self.site_record.incident = self.site_record.incident.wrapping_add(1);
            self.site_durability.touch();
        }
    }

    /// D3: a contradicted LUN is probed again each `idle_poll`, as a new case.
    pub(super) fn contradicted_due(&mut self, site: &Site, now: Instant, effects: &mut Effects) {
        let due: Vec<LunIx> = self.contradicted.iter().filter(|&(_, &at)| at <= now).map(|(&l, _)| l).collect();
        for lun in due {
            self.contradicted.remove(&lun);
            let host = self.detector.lost_at(lun).next();
            match host {
                Some(host) => self.lost(site, now, effects, host, lun),
                None => self.clear(effects, Alert::Contradicted { lun: site.inventory.luns[lun].key }),
            }
        }
    }

    /// M1: a lost LUN whose site owns its group marks it, once per epoch; a lost recovery LUN is an alert. M2: VMs on it
    /// that no group protects are an alert.
    pub(super) fn mark(&mut self, site: &Site, now: Instant, effects: &mut Effects, lun: LunIx, why: Why) -> bool {
        let l = &site.inventory.luns[lun];
        let datastore = &site.inventory.datastores[l.datastore];
        if l.group.is_none() || datastore.vms.iter().any(|&v| site.inventory.vms[v].group.is_none()) {
            self.raise(effects, Alert::Unprotected { datastore: datastore.key });
        }
        let Some(g) = l.group else {
            self.acknowledge.insert(l.key);
            return false;
        };
        self.with(site, now, effects, g, |state, cx| {
            let changed = match why {
                Why::Lost => {
                    state.run.acknowledge.insert(l.key);
                    state.record.cut_off.remove(&l.key)
                }
                Why::CutOff => !state.is_lost(l.key) && state.record.cut_off.insert(l.key),
            };
            if changed {
                state.touch();
            }
            if !state.record.authority.is_active() && guard::on(Guard::M1Side) {
                state.record.protection = Protection::Unprotected;
                state.record.kept = false;
                state.touch();
                state.raise(cx, Alert::RecoveryLunLost { lun: l.key });
                return false;
            }
            let epoch = state.record.authority.epoch();
            let new = state.record.marks.insert(l.key, epoch) != Some(epoch) || !guard::on(Guard::M1Epoch);
            if new {
                state.touch();
                cx.event(Event::Marked { group: state.record.group, lun: l.key, epoch });
            }
            new
        })
    }

    /// An alert about what belongs to no group.
    pub(super) fn raise(&mut self, effects: &mut Effects, alert: Alert) {
        if self.site_record.alerts.insert(alert) {
            self.site_durability.touch();
            effects.push(Effect::Event(Event::Raised(alert)));
        }
    }

    pub(super) fn clear(&mut self, effects: &mut Effects, alert: Alert) {
        if self.site_record.alerts.remove(&alert) {
            self.site_durability.touch();
            effects.push(Effect::Event(Event::Cleared(alert)));
        }
    }

    /// D5: what failed, as far as a group is concerned: a whole array, if every LUN that groups of this site have on it is lost.
    fn kind(&self, site: &Site, g: GroupIx) -> ErrorKind {
        let lost = |lun: LunIx| {
            let lun = &site.inventory.luns[lun];
            let Some(g) = lun.group else { return false };
            let state = &self.groups[g.0 as usize];
            state.is_lost(lun.key) || state.record.alerts.contains(&Alert::RecoveryLunLost { lun: lun.key })
        };
        let array = |lun: LunIx| site.inventory.luns[lun].ends[site.here.at()].as_ref().map(|end| end.array);
        let mut arrays: Vec<ArrayIx> =
            site.inventory.groups[g].luns.iter().filter(|&&l| lost(l)).filter_map(|&l| array(l)).collect();
        arrays.dedup();
        if arrays.iter().any(|&a| site.inventory.arrays[a].luns.iter().all(|&l| lost(l))) {
            ErrorKind::DeviceLost
        } else {
            ErrorKind::LunLost
        }
    }

    /// Opens a failover for a group that is marked and rests (M3 to M5), or says why not.
    pub(super) fn admit(&mut self, site: &Site, now: Instant, effects: &mut Effects, g: GroupIx) {
        self.seize(site, now, effects, g);
        self.lead(site, now, effects, g);
        let state = &self.groups[g.0 as usize];
        let record = &state.record;
        let resting = record.work == Work::Idle && record.latch.is_none();
        if !resting || !state.run.verified || !record.authority.is_active() || !state.any_lost() {
            return;
        }
        let refused = match (state.may_fail_over(), record.cooling && guard::on(Guard::M5)) {
            (false, _) => Some(Latch::NotProtected),
            (true, true) => Some(Latch::Cooldown),
            (true, false) => None,
        };
        if let Some(why) = refused {
            return self.with(site, now, effects, g, |state, cx| state.latch(cx, why));
        }
        let kind = self.kind(site, g);
        let recovery = site.policy.recovery_of(site.here);
        let Some((plan, rule)) = choosing::choose(&site.policy, g, kind, recovery.kind()) else { return };
        let passage = gate::gate(recovery, critical(site, g));
        let hold = match site.inventory.groups[g].mode {
            Automation::Manual => Some(Hold::Manual),
            Automation::Propose => Some(Hold::Proposal),
            Automation::Automatic if self.site_record.maintenance => Some(Hold::Proposal),
            Automation::Automatic => passage.hold,
        };
        let plan = &site.inventory.plans[plan];
        let config = site.inventory.groups[g].hash;
        let offer = Offer { plan: plan.key, plan_hash: plan.hash, config, kind, scope: passage.scope };
        let give = Give {
            phase: hold.map_or(GivePhase::Queued, GivePhase::Held),
            incident: self.site_record.incident,
            offer,
            luns: alloc::collections::BTreeMap::new(),
            forced: false,
            expiry: false,
        };
        let never = hold == Some(Hold::OnRequest)
            && recovery == RecoveryType::CriticalFirst { remainder: crate::policy::Remainder::Never };
        self.with(site, now, effects, g, |state, cx| {
            let group = state.record.group;
            cx.event(Event::PlanChosen { group, plan: offer.plan, rule, kind, scope: offer.scope });
            state.record.tries = 0;
            state.open_give(cx, give);
            if never {
                state.latch(cx, Latch::RemainderNever);
            }
        });
    }

    /// Held groups that the gate lets go, and queued groups whose turn it is; whether there were any.
    pub(super) fn let_go(&mut self, site: &Site, now: Instant, effects: &mut Effects) -> bool {
        let at_least = match site.policy.recovery_of(site.here) {
            RecoveryType::AtLeast { vms } => Some(vms),
            RecoveryType::Everything | RecoveryType::CriticalFirst { .. } => None,
        };
        let released = self.queue.released(at_least);
        for &g in &released {
            self.with(site, now, effects, g, GroupState::let_go);
        }
        let next = self.queue.next();
        for &g in &next {
            self.with(site, now, effects, g, GroupState::begin_try);
        }
        !released.is_empty() || !next.is_empty()
    }
}

/// How many of a group's VMs are critical (M3).
pub(super) fn critical(site: &Site, g: GroupIx) -> Critical {
    let vms = &site.inventory.groups[g].vms;
    match vms.iter().filter(|&&v| site.inventory.vms[v].critical).count() {
        0 => Critical::None,
        n if n == vms.len() => Critical::All,
        _ => Critical::Some,
    }
}

/// What the queue needs to know of a group. One that an operator is needed for holds nobody up (F9).
pub(super) fn class(site: &Site, state: &GroupState, g: GroupIx) -> Class {
    let Work::Give(give) = &state.record.work else { return Class::Free };
    let Some(plan) = site.inventory.plans.find(give.offer.plan) else { return Class::Free };
    let listed = site.inventory.plans[plan].groups.iter().find(|(group, _)| *group == g);
    let priority = listed.map_or(u8::MAX, |&(_, priority)| priority);
    let critical = matches!(give.offer.scope, Scope::Critical(_)) || critical(site, g) == Critical::All;
    let over = matches!(state.run.progress, Some(Progress::Recovered | Progress::Stopped));
    // What has not been compared with the peer since a restart does not move, and holds up those behind it (J5).
    let verified = state.run.verified;
    match give.phase {
        GivePhase::Queued if !verified => Class::Running(plan, priority, critical),
        GivePhase::Held(_) if !verified => Class::Free,
        GivePhase::Held(hold) if state.record.latch.is_none() => Class::Held(hold),
        GivePhase::Queued if state.is_paused() => Class::Free,
        GivePhase::Queued => Class::Queued(plan, priority, critical),
        GivePhase::Held(_) => Class::Free,
        GivePhase::Following if over => Class::Free,
        GivePhase::BackingOff
        | GivePhase::Preparing
        | GivePhase::Quiescing
        | GivePhase::Confirming
        | GivePhase::Released
        | GivePhase::Following => match state.record.latch {
            Some(_) => Class::Free,
            None => Class::Running(plan, priority, critical),
        },
    }
}

/// How often a contradicted LUN is probed again; where hosts only push, each short timer.
pub(super) fn recheck(site: &Site) -> crate::time::Millis {
    let policy = &site.policy.grouping;
    if policy.idle_poll > crate::time::Millis::ZERO { policy.idle_poll } else { policy.short }
}
