//! A report as a page for people.

use core::fmt::Write;

use farshore_core::time::Millis;

use crate::report::{GroupReport, Incident, LunLine, Outcome, Report, Role, StepLine, TestReport, VmLine};
use crate::words::{clock, span};

impl Outcome {
    /// In words, of a group.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Recovered => "moved, and every VM is ready",
            Self::RecoveredInPart => "moved, and not every VM is ready",
            Self::UnderWay => "is under way",
            Self::PutBack => "was given up and put back",
            Self::Restarted => "was stopped, and started again where it was",
            Self::Held => "is held",
            Self::NeedsOperator => "waits for an operator",
            Self::Stayed => "stayed",
        }
    }
}

impl Report {
    /// The report as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut page = Page(String::new());
        page.line(&format!("# {}", self.title));
        let groups = self.incidents.iter().map(|i| i.groups.len()).sum::<usize>();
        page.line(&format!(
            "{}, ended at {}. {}, {}, {}.",
            self.source,
            time(self.end),
            count(self.incidents.len(), "incident"),
            count(groups, "group"),
            count(self.alerts.len(), "alert"),
        ));
        for incident in &self.incidents {
            page.incident(incident);
        }
        for test in &self.tests {
            page.test(test);
        }
        page.orders(self);
        page.alerts(self);
        page.0
    }
}

/// A page that grows.
struct Page(String);

impl Page {
    /// A paragraph or a heading.
    fn line(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        let _ = writeln!(self.0, "{text}");
    }

    /// A table; nothing, where there are no rows.
    fn table(&mut self, heads: &[&str], rows: Vec<Vec<String>>) {
        if rows.is_empty() {
            return;
        }
        self.line(&format!("| {} |", heads.join(" | ")));
        let _ = writeln!(self.0, "|{}", "---|".repeat(heads.len()));
        for row in rows {
            let cells: Vec<String> = row.iter().map(|c| c.replace('|', "\\|")).collect();
            let _ = writeln!(self.0, "| {} |", cells.join(" | "));
        }
    }

    /// A table under a heading.
    fn part(&mut self, title: &str, heads: &[&str], rows: Vec<Vec<String>>) {
        if !rows.is_empty() {
            self.line(&format!("#### {title}"));
            self.table(heads, rows);
        }
    }

    fn incident(&mut self, incident: &Incident) {
        self.line(&format!("## Incident {} at {}: {}", incident.number, incident.site, incident.kind));
        let from = &incident.counted_from;
        self.line(&format!("Times are counted from {}: {}.", time(from.at), from.what));
        if !incident.evidence.is_empty() {
            self.line("### Evidence");
            let rows = incident.evidence.iter().map(|e| {
                let seen = e.seen_by.iter().map(|s| format!("{} at {}", s.host, time(s.at))).collect::<Vec<_>>();
                let concluded = match (e.lost, e.concluded) {
                    (Some(true), Some(at)) => format!("lost for good, at {}: nobody contradicts", time(at)),
                    (Some(false), Some(at)) => format!("not lost, at {}: it was seen well after the report", time(at)),
                    (Some(_) | None, _) => "nothing yet".into(),
                };
                vec![e.lun.clone(), seen.join(", "), concluded]
            });
            self.table(&["LUN", "seen lost on every path by (D2)", "concluded (D3)"], rows.collect());
        }
        for datastore in &incident.unprotected {
            self.line(&format!("Datastore {datastore} has VMs that no group protects (M2): nothing is done for them."));
        }
        if incident.groups.is_empty() {
            self.line("No group moves for it.");
        }
        for group in &incident.groups {
            self.group(group);
        }
    }

    fn group(&mut self, g: &GroupReport) {
        self.line(&format!("### Group {}, from {} to {}: {}", g.group, g.from, g.to, g.outcome.words()));
        let mut facts: Vec<Vec<String>> = Vec::new();
        let mut fact = |what: &str, text: String| facts.push(vec![what.into(), text]);
        for m in &g.marked {
            fact("marked (M1)", format!("for {}, at {}", m.what, time(m.at)));
        }
        if let Some(p) = &g.plan {
            let at = p.at.map_or_else(String::new, |at| format!(", at {}", time(at)));
            let text = format!("{}, priority {}; by rule {}: {}{at}; {}", p.plan, p.priority, p.rule, p.kind, p.scope);
            fact("plan (M4)", text);
        }
        for a in &g.approvals {
            let who = a.by.iter().map(|n| format!("operator {n}")).collect::<Vec<_>>().join(" and ");
            let who = if who.is_empty() { "an operator".into() } else { who };
            let verb = if a.forced { "forced (I22)" } else { "ordered" };
            fact(verb, format!("{who} at {}, {}: {}", a.site, time(a.at), a.what));
        }
        fact("recovery time (RTO)", recovery_time(g));
        fact("data loss (RPO)", data_loss(g));
        self.table(&["", ""], facts);
        let phases = g.phases.iter().map(|p| {
            let role = match p.role {
                Role::Testing => "tests",
                Role::Giving => "gives",
                Role::Taking => "takes",
            };
            let end = p.end.map_or_else(|| "goes on".into(), time);
            vec![format!("{} {role}", p.site), p.what.clone(), p.rule.clone(), time(p.start), end, long(p.duration)]
        });
        self.part("Phases", &["site", "phase", "rule", "from", "until", "took"], phases.collect());
        let waits = g.waits.iter().map(|w| {
            let end = w.end.map_or_else(|| "goes on".into(), time);
            vec![w.who.clone(), w.what.clone(), w.rule.clone(), time(w.start), end, long(w.duration)]
        });
        self.part("What waited for what", &["who", "waited for", "rule", "from", "until", "for"], waits.collect());
        let vms = g.vms.iter().map(|v| vm_row(g, v));
        self.part(
            "VMs",
            &["VM", "tier", "host", "down from", "start asked", "powered on", "ready", "after", "writes lost"],
            vms.collect(),
        );
        let luns = g.luns.iter().map(lun_row);
        self.part(
            "LUNs",
            &["LUN", "replication", "left as (F2, F2a)", "loss estimate", "went back by", "writes lost"],
            luns.collect(),
        );
        self.steps(&g.steps);
        let tiers = g.totals.tiers.iter().map(|t| {
            let (at, after) = (t.at.map_or_else(|| "-".into(), time), long(t.after));
            vec![t.tier.to_string(), format!("{} of {}", t.ready, t.vms), at, after]
        });
        self.part("RTO reached by tier", &["tier", "VMs ready", "at", "after"], tiers.collect());
        let remarks = g.remarks.iter().map(|r| vec![time(r.at), r.site.clone(), r.rule.clone(), r.what.clone()]);
        self.part("Remarks", &["at", "site", "rule", "what"], remarks.collect());
    }

    fn steps(&mut self, steps: &[StepLine]) {
        let cell = |at: Option<u64>| at.map_or_else(|| "-".into(), time);
        let rows = steps.iter().map(|s| {
            let verdict = s.verdict.clone().unwrap_or_else(|| "not behind".into());
            vec![s.step.clone(), s.kind.clone(), s.when.clone(), cell(s.asked), cell(s.failed), cell(s.over), verdict]
        });
        self.part("Steps of the plan", &["step", "is a", "comes", "asked", "failed", "over", "ended"], rows.collect());
    }

    fn test(&mut self, test: &TestReport) {
        let outcome = match (test.passed, test.end) {
            (Some(true), _) => "passed",
            (Some(false), _) => "failed",
            (None, Some(_)) => "ended before it was through",
            (None, None) => "is under way",
        };
        self.line(&format!("## Test of group {} at {}: {outcome}", test.group, test.site));
        let left = test
            .end
            .map_or_else(|| "it is not cleared".into(), |at| format!("nothing of it is left from {} on", time(at)));
        self.line(&format!("Begun at {}; {left}.", time(test.begin)));
        for lun in &test.uncopied {
            self.line(&format!("No copy of LUN {lun} could be had."));
        }
        let phases = test.phases.iter().map(|p| {
            vec![p.what.clone(), time(p.start), p.end.map_or_else(|| "goes on".into(), time), long(p.duration)]
        });
        self.part("Phases", &["phase", "from", "until", "took"], phases.collect());
        let vms = test.vms.iter().map(|v| {
            let cell = |at: Option<u64>| at.map_or_else(|| "-".into(), time);
            vec![v.vm.clone(), v.host.clone().unwrap_or_else(|| "-".into()), cell(v.ready), cell(v.failed)]
        });
        self.part("Copies of VMs", &["VM", "host", "ready", "failed"], vms.collect());
        self.steps(&test.steps);
    }

    fn orders(&mut self, report: &Report) {
        if report.orders.is_empty() {
            return;
        }
        self.line("## Commands");
        let rows = report.orders.iter().map(|o| vec![time(o.at), o.site.clone(), o.what.clone()]);
        self.table(&["at", "taken by", "command"], rows.collect());
    }

    fn alerts(&mut self, report: &Report) {
        self.line("## Alerts");
        if report.alerts.is_empty() {
            return self.line("None.");
        }
        let rows = report.alerts.iter().map(|a| {
            let cleared = a.cleared.map_or_else(|| "it stands".into(), time);
            vec![time(a.raised), cleared, a.site.clone(), a.rule.clone(), a.what.clone()]
        });
        self.table(&["raised", "cleared", "site", "rule", "alert"], rows.collect());
    }
}

fn recovery_time(g: &GroupReport) -> String {
    let wanted = g.totals.tiers.iter().map(|t| t.vms).sum::<u32>();
    let ready = g.totals.tiers.iter().map(|t| t.ready).sum::<u32>();
    match g.totals.tiers.iter().filter_map(|t| t.after).max() {
        Some(after) => format!("RTO reached: {}, with {ready} of {wanted} VMs ready", long(Some(after))),
        None => "no VM became ready".into(),
    }
}

fn data_loss(g: &GroupReport) -> String {
    if matches!(g.outcome, Outcome::PutBack | Outcome::Restarted | Outcome::Held | Outcome::Stayed) {
        return "none: the group stayed where its data is".into();
    }
    let writes = match (g.totals.writes_lost, g.totals.writes_before) {
        (Some(lost), Some(before)) => format!("{lost} of {before} acknowledged writes"),
        (Some(lost), None) => format!("{lost} acknowledged writes"),
        (None, _) => String::new(),
    };
    match (g.totals.rpo, writes.is_empty()) {
        (Some(0), true) => "none".into(),
        (Some(0), false) => format!("none: {writes}"),
        (Some(rpo), true) => format!("RPO reached: {}", long(Some(rpo))),
        (Some(rpo), false) => format!("{writes}; RPO reached: {}", long(Some(rpo))),
        (None, true) => "not known".into(),
        (None, false) => writes,
    }
}

fn vm_row(g: &GroupReport, v: &VmLine) -> Vec<String> {
    let cell = |at: Option<u64>| at.map_or_else(|| "-".into(), time);
    let name = if v.critical { format!("{} (critical)", v.vm) } else { v.vm.clone() };
    let ready = match (v.ready, v.failed) {
        (_, Some(at)) => format!("failed at {}", time(at)),
        (at, None) => cell(at),
    };
    vec![
        name,
        v.tier.to_string(),
        v.host.clone().unwrap_or_else(|| "-".into()),
        cell(v.down),
        cell(v.asked),
        cell(v.started),
        ready,
        long(v.ready.map(|at| at.saturating_sub(g.totals.counted_from.at))),
        lost_of(v.writes_lost, v.writes_kept.zip(v.writes_lost).map(|(kept, lost)| kept.saturating_add(lost))),
    ]
}

fn lun_row(l: &LunLine) -> Vec<String> {
    let replication = match l.rpo {
        0 => l.replication.clone(),
        rpo => format!("{}, RPO {}", l.replication, span(Millis(rpo))),
    };
    let left = match (l.drained, l.lost) {
        (Some(true), _) => "drained",
        (Some(false), true) => "lost, not drained",
        (Some(false), false) => "not drained",
        (None, true) => "lost",
        (None, false) => "-",
    };
    let estimate = match (l.drained, l.in_sync, l.estimate) {
        (Some(true), _, _) => "none: drained".into(),
        (_, Some(true), _) => "none: in sync".into(),
        (_, _, Some(age)) => format!("the copy is {} old", long(Some(age))),
        (_, Some(false), None) => "unknown: not in sync".into(),
        (_, None, None) => "-".into(),
    };
    let reached = l.reached.map_or_else(|| "-".into(), |t| if t == 0 { "nothing".into() } else { long(Some(t)) });
    vec![l.lun.clone(), replication, left.into(), estimate, reached, lost_of(l.writes_lost, l.writes_before)]
}

fn lost_of(lost: Option<u32>, before: Option<u32>) -> String {
    match (lost, before) {
        (Some(lost), Some(before)) => format!("{lost} of {before}"),
        (Some(lost), None) => lost.to_string(),
        (None, _) => "-".into(),
    }
}

fn time(at: u64) -> String {
    clock(Millis(at))
}

fn long(span_of: Option<u64>) -> String {
    match span_of {
        None => "-".into(),
        Some(ms) if ms < 1000 => format!("{ms} ms"),
        Some(ms) => span(Millis(ms)),
    }
}

fn count(n: usize, what: &str) -> String {
    match n {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}
