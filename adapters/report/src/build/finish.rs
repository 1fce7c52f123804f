//! Names and numbers in the place of keys, and what follows from the whole.

use farshore_core::event::Event;
use farshore_core::ids::{LunIx, Turn};
use farshore_core::inventory::Replication;
use farshore_core::message::Left;
use farshore_core::policy::ErrorKind;
use farshore_core::record::{GivePhase, TakePhase};
use farshore_core::time::Millis;

use super::draft::{Draft, Kind, LunDraft, Move, Part, PhaseDraft, VmDraft};
use super::{About, Builder};
use crate::report::{
    AlertLine, ByTier, CountedFrom, Evidence, GroupReport, Incident, LunLine, Outcome, Phase, PlanLine, Remark, Report,
    Role, SeenBy, Totals, VERSION, VmLine,
};
use crate::words::{error_kind, scope_words};

impl Builder<'_> {
    pub(super) fn finish(self, about: About<'_>) -> Report {
        let incidents = (0..).zip(&self.incidents).map(|(n, draft)| self.incident_report(n, draft)).collect();
        let alert = |&(side, alert, raised, cleared): &(_, farshore_core::event::Alert, Millis, Option<Millis>)| {
            let (site, what) = (self.words.site(side).to_string(), self.words.alert(side, &alert));
            AlertLine { site, rule: alert.rule().into(), what, raised: raised.0, cleared: cleared.map(|c| c.0) }
        };
        Report {
            version: VERSION,
            title: about.title.into(),
            source: about.source.into(),
            end: about.end.0,
            incidents,
            tests: self.test_reports(),
            alerts: self.alerts.iter().map(alert).collect(),
            orders: self.orders.clone(),
        }
    }

    fn incident_report(&self, n: usize, draft: &Draft) -> Incident {
        let evidence = draft.evidence.iter().map(|(&lun, said)| Evidence {
            lun: self.words.lun(lun).into(),
            seen_by: said
                .by
                .iter()
                .map(|&(host, at)| SeenBy { host: self.words.host(host).into(), at: at.0 })
                .collect(),
            lost: said.finding.map(|(f, _)| f == farshore_core::detection::corroboration::Finding::Confirmed),
            concluded: said.finding.map(|(_, at)| at.0),
        });
        let mut evidence: Vec<Evidence> = evidence.collect();
        evidence.sort_by(|a, b| a.lun.cmp(&b.lun));
        let moves: Vec<&Move> = self.moves.iter().filter(|m| m.incident == n).collect();
        let groups: Vec<GroupReport> = moves.iter().map(|m| self.group_report(m)).collect();
        let first = groups.iter().map(|g| &g.totals.counted_from).min_by_key(|c| c.at);
        let counted_from = first.cloned().unwrap_or_else(|| {
            let what = evidence
                .first()
                .and_then(|e| e.seen_by.first())
                .map_or("the first word of it".into(), |s| format!("the first report, by {}", s.host));
            CountedFrom { at: draft.begin.0, what }
        });
        Incident {
            number: u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1),
            site: self.words.site(draft.side).into(),
            kind: kind_words(draft.kind).into(),
            counted_from,
            evidence,
            unprotected: draft.unprotected.clone(),
            groups,
        }
    }

    fn group_report(&self, m: &Move) -> GroupReport {
        let inventory = &self.site.inventory;
        let group = &inventory.groups[m.group];
        let marked = m.marked.iter().map(|&(at, lun, epoch)| Remark {
            at: at.0,
            site: self.words.site(m.from).into(),
            rule: "M1".into(),
            what: format!("LUN {}, in epoch {}", self.words.lun(lun), epoch.0),
        });
        let remark = |(at, side, rule, what): &(Millis, farshore_core::ids::Side, &'static str, String)| Remark {
            at: at.0,
            site: self.words.site(*side).into(),
            rule: (*rule).into(),
            what: what.clone(),
        };
        let vms: Vec<VmLine> = group.vms.iter().map(|v| self.vm_line(m, *v)).collect();
        let luns: Vec<LunLine> = group.luns.iter().map(|&l| self.lun_line(m, l)).collect();
        GroupReport {
            group: group.name.clone(),
            from: self.words.site(m.from).into(),
            to: self.words.site(m.from.peer()).into(),
            outcome: outcome(m, &vms),
            marked: marked.collect(),
            plan: m.chosen.map(|c| self.plan_line(m, &c)),
            approvals: m.approvals.clone(),
            phases: m.phases.iter().filter(|p| shown(p)).map(|p| self.phase_line(m, p)).collect(),
            waits: self.waits(m),
            steps: self.step_lines(m),
            remarks: m.remarks.iter().map(remark).collect(),
            totals: self.totals(m, &vms, &luns),
            vms,
            luns,
        }
    }

    fn plan_line(&self, m: &Move, c: &super::draft::Chosen) -> PlanLine {
        let plan = self.site.inventory.plans.by_key(c.plan).map(|(_, p)| p);
        let listed = plan.and_then(|p| p.groups.iter().find(|(g, _)| *g == m.group));
        PlanLine {
            plan: self.words.plan(c.plan).into(),
            rule: c.rule + 1,
            priority: listed.map_or(1, |(_, p)| *p),
            kind: error_kind(c.kind).into(),
            scope: scope_words(c.scope).into(),
            at: c.at.map(|at| at.0),
        }
    }

    fn phase_line(&self, m: &Move, p: &PhaseDraft) -> Phase {
        let group = self.site.inventory.groups[m.group].key;
        let (role, event) = match p.part {
            Part::Giving(phase) => (Role::Giving, Event::Giving { group, turn: Turn(0), phase }),
            Part::Taking(phase) => (Role::Taking, Event::Taking { group, epoch: Default::default(), phase }),
        };
        Phase {
            site: self.words.site(p.side).into(),
            role,
            phase: name(p.part).into(),
            rule: event.rule().into(),
            what: what(p.part).into(),
            start: p.start.0,
            end: p.end.map(|e| e.0),
            duration: p.end.map(|e| e.0.saturating_sub(p.start.0)),
        }
    }

    fn vm_line(&self, m: &Move, v: farshore_core::ids::VmIx) -> VmLine {
        let vm = &self.site.inventory.vms[v];
        let seen: VmDraft = m.vms.get(&v).copied().unwrap_or_default();
        // What it has lost is known where its writes are counted.
        let lost = seen.lost.or_else(|| seen.held.map(|_| 0));
        VmLine {
            vm: vm.name.clone(),
            tier: vm.tier,
            critical: vm.critical,
            host: seen.host.map(|h| self.site.inventory.hosts[h].name.clone()),
            down: seen.down.map(|t| t.0),
            asked: seen.asked.map(|t| t.0),
            started: seen.started.map(|t| t.0),
            ready: seen.ready.map(|t| t.0),
            failed: seen.failed.map(|t| t.0),
            writes_kept: seen.held,
            writes_lost: lost,
        }
    }

    fn lun_line(&self, m: &Move, l: LunIx) -> LunLine {
        let lun = &self.site.inventory.luns[l];
        let seen: LunDraft = m.luns.get(&l).copied().unwrap_or_default();
        let marked = m.marked.iter().any(|(_, key, _)| *key == lun.key);
        let drained = seen.left.map(|(left, _)| matches!(left, Left::Drained(_)));
        let (replication, rpo) = match lun.replication {
            Some(Replication::Synchronous) => ("synchronous", 0),
            Some(Replication::Asynchronous { rpo }) => ("asynchronous", rpo.0),
            None => ("none", 0),
        };
        let sync = lun.replication == Some(Replication::Synchronous);
        let on = |f: fn(&VmDraft) -> Option<u32>| {
            let vms = self.site.inventory.vms.iter().filter(|(_, v)| v.luns.contains(&l));
            let counts: Option<Vec<u32>> = vms.map(|(v, _)| m.vms.get(&v).and_then(f)).collect();
            counts.filter(|c| m.taken && !c.is_empty()).map(|c| c.iter().sum::<u32>())
        };
        let writes_lost = on(|v| v.lost.or_else(|| v.held.map(|_| 0)));
        let kept = on(|v| v.held);
        let told_age = self
            .site
            .inventory
            .vms
            .iter()
            .filter(|(_, v)| v.luns.contains(&l))
            .filter_map(|(v, _)| m.vms.get(&v)?.lost_age)
            .max();
        let reached = match (m.taken, seen.promoted, drained) {
            (false, _, _) => None,
            (true, _, Some(true)) => Some(0),
            (true, Some(Some(age)), _) => Some(age.0),
            (true, _, _) if sync && writes_lost == Some(0) => Some(0),
            (true, _, _) => told_age.map(|a| a.0),
        };
        LunLine {
            lun: lun.name.clone(),
            replication: replication.into(),
            rpo,
            lost: marked || seen.gone.is_some(),
            drained,
            estimate: seen.left.and_then(|(_, s)| s.lag).or(seen.estimate).map(|t| t.0),
            in_sync: seen.left.and_then(|(_, s)| s.in_sync).filter(|_| sync),
            reached,
            writes_lost,
            writes_before: kept.zip(writes_lost).map(|(kept, lost)| kept.saturating_add(lost)),
        }
    }

    /// What times are counted from: the loss itself, where it is known; what was first said of it, otherwise.
    fn counted_from(&self, m: &Move) -> CountedFrom {
        let site = self.words.site(m.from);
        let kind = self.incidents[m.incident].kind;
        let gone = m.luns.iter().filter_map(|(l, d)| Some((d.gone?, *l))).min();
        let down = m.vms.iter().filter_map(|(v, d)| Some((d.down?, *v))).min();
        match kind {
            Kind::Error(ErrorKind::Planned | ErrorKind::ManagerLost | ErrorKind::RollBack) => {}
            Kind::Error(ErrorKind::SiteLost) | Kind::Unrenewed => {
                if let Some((at, vm)) = down {
                    let vm = &self.site.inventory.vms[vm].name;
                    return CountedFrom { at: at.0, what: format!("VM {vm} served nobody any more") };
                }
            }
            Kind::Error(ErrorKind::LunLost | ErrorKind::DeviceLost | ErrorKind::HostLost)
            | Kind::Contradicted
            | Kind::Before => {
                if let Some((at, lun)) = gone {
                    let lun = &self.site.inventory.luns[lun].name;
                    return CountedFrom { at: at.0, what: format!("{site}'s copy of LUN {lun} was lost") };
                }
            }
        }
        let said = &self.incidents[m.incident].evidence;
        let first =
            m.marked.iter().filter_map(|(_, lun, _)| said.get(lun)?.by.iter().min_by_key(|s| s.1)).min_by_key(|s| s.1);
        match first {
            Some(&(host, at)) => {
                CountedFrom { at: at.0, what: format!("the first report, by {}", self.words.host(host)) }
            }
            None => CountedFrom { at: m.begin.0, what: "the move began".into() },
        }
    }

    fn totals(&self, m: &Move, vms: &[VmLine], luns: &[LunLine]) -> Totals {
        let counted_from = self.counted_from(m);
        let mut tiers: Vec<u8> = vms.iter().map(|v| v.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        let by_tier = |tier: u8| {
            let of: Vec<&VmLine> = vms.iter().filter(|v| v.tier == tier).collect();
            let ready: Vec<u64> = of.iter().filter_map(|v| v.ready).collect();
            let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let at = ready.iter().max().copied();
            let after = at.map(|at| at.saturating_sub(counted_from.at));
            ByTier { tier, vms: count(of.len()), ready: count(ready.len()), at, after }
        };
        let known: Option<Vec<u64>> = luns.iter().map(|l| l.reached).collect();
        let sum = |f: fn(&VmLine) -> Option<u32>| {
            let all: Option<Vec<u32>> = vms.iter().map(f).collect();
            all.filter(|all| m.taken && !all.is_empty()).map(|all| all.iter().sum::<u32>())
        };
        let (lost, kept) = (sum(|v| v.writes_lost), sum(|v| v.writes_kept));
        Totals {
            tiers: tiers.into_iter().map(by_tier).collect(),
            rpo: known.and_then(|k| k.into_iter().max()),
            writes_lost: lost,
            writes_before: lost.zip(kept).map(|(lost, kept)| lost.saturating_add(kept)),
            counted_from,
        }
    }
}

/// A group that is queued and goes on at once has not waited.
fn shown(p: &PhaseDraft) -> bool {
    p.part != Part::Giving(GivePhase::Queued) || p.end != Some(p.start)
}

fn outcome(m: &Move, vms: &[VmLine]) -> Outcome {
    let waits = m.latches.iter().any(|l| l.3.is_none());
    let ready = vms.iter().filter(|v| v.ready.is_some()).count();
    let rests = m.phases.iter().any(|p| p.part == Part::Taking(TakePhase::Waiting) && p.end.is_none());
    match (m.taken, m.ended.is_some() || rests) {
        (true, true) if ready == vms.len() => Outcome::Recovered,
        (true, true) => Outcome::RecoveredInPart,
        (true, false) if waits => Outcome::NeedsOperator,
        (true, false) => Outcome::UnderWay,
        (false, true) if m.chosen.is_none() => Outcome::Restarted,
        (false, true) if m.aborted => Outcome::PutBack,
        (false, _) if waits => Outcome::NeedsOperator,
        (false, _) if m.hold().is_some() => Outcome::Held,
        (false, true) => Outcome::Stayed,
        (false, false) if m.chosen.is_none() => Outcome::Stayed,
        (false, false) => Outcome::UnderWay,
    }
}

fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Error(kind) => error_kind(kind),
        Kind::Contradicted => "a LUN is said to be lost, and is not",
        Kind::Unrenewed => "a site's authority ran out",
        Kind::Before => "begun before the report",
    }
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Giving(phase) => match phase {
            GivePhase::Held(_) => "held",
            GivePhase::Queued => "queued",
            GivePhase::BackingOff => "backing-off",
            GivePhase::Preparing => "preparing",
            GivePhase::Quiescing => "quiescing",
            GivePhase::Confirming => "confirming",
            GivePhase::Released => "released",
            GivePhase::Following => "following",
        },
        Part::Taking(phase) => match phase {
            TakePhase::Reserved => "reserved",
            TakePhase::Acquiring { .. } => "acquiring",
            TakePhase::Cutting => "cutting",
            TakePhase::Promoting => "promoting",
            TakePhase::Starting => "starting",
            TakePhase::Waiting => "waiting",
            TakePhase::Stopping => "stopping",
            TakePhase::PuttingBack => "putting-back",
        },
    }
}

fn what(part: Part) -> &'static str {
    match part {
        Part::Giving(phase) => match phase {
            GivePhase::Held(_) => "held by the gate",
            GivePhase::Queued => "behind a higher priority",
            GivePhase::BackingOff => "waits after a refusal",
            GivePhase::Preparing => "asks the peer",
            GivePhase::Quiescing => "stops VMs, drains and locks LUNs",
            GivePhase::Confirming => "asks the peer again",
            GivePhase::Released => "has released it: no way back",
            GivePhase::Following => "makes placeholders, follows the recovery",
        },
        Part::Taking(phase) => match phase {
            TakePhase::Reserved => "keeps room",
            TakePhase::Acquiring { .. } => "asks for the group of a silent site",
            TakePhase::Cutting => "cuts replication",
            TakePhase::Promoting => "rolls back, makes writable, mounts",
            TakePhase::Starting => "starts VMs",
            TakePhase::Waiting => "waits for an operator to start the others",
            TakePhase::Stopping => "finishes stopping",
            TakePhase::PuttingBack => "puts it back",
        },
    }
}
