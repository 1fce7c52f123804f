//! What managers tell people, in words: names instead of keys, and why.

use farshore_core::authority::proof::Proof;
use farshore_core::authority::wire::Denial;
use farshore_core::detection::corroboration::Finding;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{DatastoreKey, GroupKey, HostKey, LunKey, PlanKey, Side, VmKey};
use farshore_core::input::Command;
use farshore_core::inventory::Inventory;
use farshore_core::message::Scope;
use farshore_core::operation::{Goal, Target};
use farshore_core::plan::Reply;
use farshore_core::policy::{ErrorKind, Remainder};
use farshore_core::record::{GivePhase, Hold, TakePhase};

use farshore_core::time::Millis;
use farshore_core::waiver::Override;

/// Turns keys into names.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(
    /// What has the names.
    pub &'a Inventory,
);

impl<'a> Words<'a> {
    /// A site's name.
    #[must_use]
    pub fn site(self, side: Side) -> &'a str {
        &self.0.sites[side.at()].name
    }
    /// A group's name.
    #[must_use]
    pub fn group(self, key: GroupKey) -> &'a str {
        self.0.groups.by_key(key).map_or("(unknown group)", |(_, x)| &x.name)
    }
    /// A LUN's name.
    #[must_use]
    pub fn lun(self, key: LunKey) -> &'a str {
        self.0.luns.by_key(key).map_or("(unknown LUN)", |(_, x)| &x.name)
    }
    /// A VM's name.
    #[must_use]
    pub fn vm(self, key: VmKey) -> &'a str {
        self.0.vms.by_key(key).map_or("(unknown VM)", |(_, x)| &x.name)
    }
    /// A host's name.
    #[must_use]
    pub fn host(self, key: HostKey) -> &'a str {
        self.0.hosts.by_key(key).map_or("(unknown host)", |(_, x)| &x.name)
    }
    /// A plan's name.
    #[must_use]
    pub fn plan(self, key: PlanKey) -> &'a str {
        self.0.plans.by_key(key).map_or("(unknown plan)", |(_, x)| &x.name)
    }
    /// A datastore's name.
    #[must_use]
    pub fn datastore(self, key: DatastoreKey) -> &'a str {
        self.0.datastores.by_key(key).map_or("(unknown datastore)", |(_, x)| &x.name)
    }

    /// The object of an operation.
    #[must_use]
    pub fn target(self, target: Target) -> String {
        match target {
            Target::Lun(key) => format!("LUN {}", self.lun(key)),
            Target::Host(key) => format!("host {}", self.host(key)),
            Target::Vm(key) => format!("VM {}", self.vm(key)),
            Target::TestLun(key) => format!("the test's copy of LUN {}", self.lun(key)),
            Target::TestVm(key) => format!("the test's copy of VM {}", self.vm(key)),
            Target::Step(key) => format!("step {}", self.step(key)),
            Target::TestStep(key) => format!("step {}, in a test", self.step(key)),
        }
    }

    /// What an event of a site's manager says. `None`: nothing for a timeline.
    #[must_use]
    pub fn event(self, side: Side, event: &Event) -> Option<String> {
        let peer = self.site(side.peer());
        Some(match *event {
            Event::LossSeen { host, lun } => {
                format!("{} sees LUN {} lost on every path", self.host(host), self.lun(lun))
            }
            Event::SenseUnreadable { host, lun } => {
                format!("{} gives bytes for LUN {} that are no sense data: no evidence", self.host(host), self.lun(lun))
            }
            Event::WindowOpened => "collects failures that belong together".into(),
            Event::WindowClosed { luns: 1 } => "nothing more comes: one LUN has failed".into(),
            Event::WindowClosed { luns } => format!("nothing more comes: {luns} LUNs have failed together"),
            Event::Concluded { lun, finding: Finding::Confirmed } => {
                format!("LUN {} is lost for good: nobody contradicts", self.lun(lun))
            }
            Event::Concluded { lun, finding: Finding::Contradicted } => {
                format!("LUN {} is not lost: it was seen well after the report. No failover", self.lun(lun))
            }
            Event::ArrayFailed { array } => {
                let name = self.0.arrays.by_key(array).map_or("(unknown array)", |(_, x)| &x.name);
                format!("no host has reached array {name} for long, and its management is silent: it counts as failed")
            }
            Event::Marked { group, lun, epoch } => {
                format!("group {} is marked, for LUN {} (epoch {})", self.group(group), self.lun(lun), epoch.0)
            }
            Event::PlanChosen { group, plan, rule, kind, scope } => format!(
                "group {} moves by plan {} (rule {}: {}); {}",
                self.group(group),
                self.plan(plan),
                rule + 1,
                error_kind(kind),
                scope_words(scope)
            ),
            Event::Giving { group, turn, phase } => self.giving(side, self.group(group), turn.0, phase),
            Event::Taking { group, epoch, phase } => self.taking(side, self.group(group), epoch.0, phase),
            Event::Refused { group, reason } => format!("{peer} does not take group {}: {reason}", self.group(group)),
            Event::Protected { group } => format!("group {} is protected", self.group(group)),
            Event::NoLongerProtected { group } => {
                format!("group {} is protected no more; its VMs run on", self.group(group))
            }
            Event::Aborted { group, turn } => {
                format!("the failover of group {} is given up and put back (turn {})", self.group(group), turn.0)
            }
            Event::Settled { group, epoch } => format!("group {} rests in epoch {}", self.group(group), epoch.0),
            Event::VmReady { vm, host } => format!("{} is ready on {}", self.vm(vm), self.host(host)),
            Event::StepOver { .. }
            | Event::Committed { .. }
            | Event::Testing { .. }
            | Event::TestCopyFailed { .. }
            | Event::TestVmReady { .. }
            | Event::TestVmFailed { .. }
            | Event::TestCleared { .. } => return self.course(event),
            Event::Doubt(op) => format!(
                "{} {}: no answer in time, so it is looked at before anything else is done",
                doing(op.goal),
                self.target(op.id.target)
            ),
            Event::LateAnswer { target, .. } => {
                format!("an answer about {} comes too late to matter", self.target(target))
            }
            Event::Overridden(Override { group, waives, by, second }) => {
                let who = match second {
                    Some(second) => format!("operators {} and {}", by.0, second.0),
                    None => format!("operator {}", by.0),
                };
                format!("{who} accept for group {}, once: {waives}", self.group(group))
            }
            Event::Raised(alert) => format!("alert: {}", self.alert(side, &alert)),
            Event::Cleared(alert) => format!("over: {}", self.alert(side, &alert)),
            Event::Halted => "the manager stops for good".into(),
        })
    }

    /// What an operator's command asks for.
    #[must_use]
    pub fn command(self, command: &Command) -> String {
        let named = |keys: &[GroupKey]| keys.iter().map(|&g| self.group(g)).collect::<Vec<_>>().join(", ");
        match command {
            Command::Protect(groups) => format!("protect {}", named(groups)),
            Command::Unprotect(group) => format!("unprotect group {}", self.group(*group)),
            Command::Pause(group) => format!("pause what is done with group {}", self.group(*group)),
            Command::Resume(group) => format!("go on with group {}", self.group(*group)),
            Command::Migrate(group) => format!("move group {} to the other site", self.group(*group)),
            Command::Release(group) => format!("let group {} go, which is held", self.group(*group)),
            Command::Cancel(group) => format!("give up the move of group {}", self.group(*group)),
            Command::Force(given) => format!("go on with group {}: {}", self.group(given.group), given.waives),
            Command::Retry(group) => format!("try group {} again", self.group(*group)),
            Command::StartRemainder(group) => format!("start the other VMs of group {}", self.group(*group)),
            Command::RetryVm(vm) => format!("try VM {} again", self.vm(*vm)),
            Command::SkipVm(vm) => format!("go on without VM {}", self.vm(*vm)),
            Command::TakeOver(given) => format!("take over group {}: {}", self.group(given.group), given.waives),
            Command::Test(group) => format!("test the plan of group {} on copies", self.group(*group)),
            Command::EndTest(group) => format!("end the test of group {}", self.group(*group)),
            Command::AnswerStep { group, step, reply } => {
                let reply = match reply {
                    Reply::Continue => "go on",
                    Reply::Retry => "try again",
                    Reply::Abort => "stop",
                };
                format!("answer step {} of group {}: {reply}", self.step(*step), self.group(*group))
            }
            Command::Commit(group) => format!("commit the recovery of group {}", self.group(*group)),
            Command::RollBack(given) => format!("roll back group {}: {}", self.group(given.group), given.waives),
            Command::Maintenance(true) => "maintenance mode on: everything automatic is a proposal".into(),
            Command::Maintenance(false) => "maintenance mode off".into(),
        }
    }

    fn giving(self, side: Side, group: &str, turn: u64, phase: GivePhase) -> String {
        let peer = self.site(side.peer());
        match phase {
            GivePhase::Held(hold) => format!("group {group} is held: {}", held(hold)),
            GivePhase::Queued => format!("group {group} waits for groups of higher priority"),
            GivePhase::BackingOff => format!("group {group} waits a while and tries again"),
            GivePhase::Preparing => format!("asks {peer} to take group {group} (turn {turn})"),
            GivePhase::Quiescing => {
                format!(
                    "{peer} is ready: stops the VMs of group {group}, saves what can be saved, makes its LUNs read-only"
                )
            }
            GivePhase::Confirming => format!("all of group {group} is still: asks {peer} once more"),
            GivePhase::Released => format!("releases group {group} to {peer}: no way back"),
            GivePhase::Following => format!("{peer} has group {group}; what is left here becomes placeholders"),
        }
    }

    fn taking(self, side: Side, group: &str, epoch: u64, phase: TakePhase) -> String {
        let peer = self.site(side.peer());
        match phase {
            TakePhase::Acquiring { .. } => format!("asks for group {group}: the owner's site is silent"),
            TakePhase::Stopping => format!("finishes stopping group {group}: its authority had run out"),
            TakePhase::Reserved => format!("keeps room for group {group}"),
            TakePhase::Cutting => format!("owns group {group} in epoch {epoch}: takes no more writes from {peer}"),
            TakePhase::Promoting => format!("makes the copies of group {group} one point in time, and writable"),
            TakePhase::Starting => format!("starts the VMs of group {group}"),
            TakePhase::Waiting => format!("the critical VMs of group {group} run; the others wait for an operator"),
            TakePhase::PuttingBack => format!("puts group {group} back as it was"),
        }
    }

    /// What an alert says.
    #[must_use]
    pub fn alert(self, side: Side, alert: &Alert) -> String {
        let peer = self.site(side.peer());
        match *alert {
            Alert::NeedsOperator { group, why } => format!("group {} needs an operator: {why}", self.group(group)),
            Alert::Loss { lun, lag: Some(lag) } => {
                format!("the copy of LUN {} is {} old, more than policy allows to lose", self.lun(lun), lag_words(lag))
            }
            Alert::Loss { lun, lag: None } => format!("nobody knows how old the copy of LUN {} is", self.lun(lun)),
            Alert::Held { group, hold } => format!("group {} is held: {}", self.group(group), held(hold)),
            Alert::Unrenewed { group } => {
                format!("the authority over group {} has not been renewed for half a lease", self.group(group))
            }
            Alert::ArbiterNew { group } => {
                format!(
                    "the arbiter of group {} is another one than was known: arm it at both sites",
                    self.group(group)
                )
            }
            Alert::TakeoverOff { group } => format!(
                "group {} runs on a standing promise, as the arbiter does not answer: automatic takeover is off",
                self.group(group)
            ),
            Alert::TakeoverDenied {
                group,
                why: Denial::Proof(Proof::Unfit { lag: Some(lag) } | Proof::Fit { lag: Some(lag), .. }),
            } => format!(
                "group {} may not be taken over from {peer}: by its last word the copies here were {} old, and it may have \
                 written for one lease more",
                self.group(group),
                lag_words(lag)
            ),
            Alert::TakeoverDenied { group, why } => {
                format!("group {} may not be taken over from {peer}: {why}", self.group(group))
            }
            Alert::ManagerLost => "its manager is away; a deputy moves its groups".into(),
            Alert::PeerSilent { group } => format!("{peer} does not answer about group {}", self.group(group)),
            Alert::InDoubt { group, target } => {
                format!("whether {} of group {} did as told can't be found out", self.target(target), self.group(group))
            }
            Alert::OpFailed { group, target, failure } => {
                format!("{} of group {} does not do as told: {failure}", self.target(target), self.group(group))
            }
            Alert::VmDown { vm } => format!("{} could not be started, or did not become ready", self.vm(vm)),
            Alert::Prompt { group, step } => {
                format!("step {} of group {} asks: {}", self.step(step), self.group(group), self.question(step))
            }
            Alert::StepDown { group, step } => {
                format!("step {} failed for group {}", self.step(step), self.group(group))
            }
            Alert::Uncommitted { group } => {
                format!("the recovery of group {} is not committed: it can be rolled back", self.group(group))
            }
            Alert::Testing { group } => {
                format!("copies of the VMs of group {} run in a test, until somebody ends it", self.group(group))
            }
            Alert::TestFailed { group } => format!("the last test of group {} did not go well", self.group(group)),
            Alert::TestLeft { group } => {
                format!("what the test of group {} made could not be taken away yet", self.group(group))
            }
            Alert::RecoveryLunLost { lun } => {
                format!("LUN {} has no other copy here any more: its group can't fail over", self.lun(lun))
            }
            Alert::Unprotected { datastore } => {
                format!("datastore {} has lost a LUN, and VMs on it are not protected", self.datastore(datastore))
            }
            Alert::Contradicted { lun } => {
                format!("one host says that LUN {} is lost, another that it is well", self.lun(lun))
            }
            Alert::AllPathsDown { lun } => {
                format!("no host reaches LUN {} by any path, and none says that it is lost", self.lun(lun))
            }
            Alert::RpoBehind { lun, times } => {
                format!("{peer}'s copy of LUN {} is more than {times} times its RPO behind", self.lun(lun))
            }
            Alert::OutOfSync { lun } => {
                format!("{peer}'s copy of LUN {} does not hold every acknowledged write", self.lun(lun))
            }
            Alert::HostLost { host } => {
                format!("host {} is lost; the site's own HA starts its VMs elsewhere", self.host(host))
            }
            Alert::Returned { lun } => {
                format!("LUN {} is back: not used before a full resynchronisation", self.lun(lun))
            }
            Alert::Stranger { host, lun } => {
                format!("{} reports LUN {}, which it is not set up to mount", self.host(host), self.lun(lun))
            }
        }
    }
}

fn lag_words(lag: Millis) -> String {
    format!("{}.{} s", lag.0 / 1000, lag.0 % 1000 / 100)
}

/// What is done to an object, so that it reaches this state.
#[must_use]
pub const fn doing(goal: Goal) -> &'static str {
    match goal {
        Goal::Drained => "draining",
        Goal::ReplicationStopped => "stopping replication of",
        Goal::ReadOnly => "making read-only",
        Goal::Cut => "cutting replication into",
        Goal::RolledBack { .. } => "rolling back",
        Goal::ReadWrite => "making writable",
        Goal::Replicating => "replicating",
        Goal::Fenced => "fencing",
        Goal::Mounted => "mounting on",
        Goal::Stopped { grace: Some(_) } => "shutting down",
        Goal::Stopped { grace: None } => "powering off",
        Goal::Running { .. } => "starting",
        Goal::Placeholder => "registering",
        Goal::TailKept => "keeping the tail of",
        Goal::Unregistered => "unregistering",
        Goal::Ran => "running",
        Goal::Copied | Goal::CopiedAt { .. } => "copying",
        Goal::Gone => "taking away",
    }
}

/// Why a group is held.
#[must_use]
pub const fn held(hold: Hold) -> &'static str {
    match hold {
        Hold::Proposal => "it is a proposal, for an operator to release or cancel",
        Hold::Manual => "its mode leaves it to an operator",
        Hold::Count => "too few VMs are affected so far",
        Hold::AfterCritical => "critical VMs come first",
        Hold::OnRequest => "it has no critical VM, and waits for an operator",
    }
}

/// What failed.
#[must_use]
pub const fn error_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::LunLost => "a LUN is lost",
        ErrorKind::DeviceLost => "an array is lost",
        ErrorKind::HostLost => "a host is lost",
        ErrorKind::ManagerLost => "a manager is lost",
        ErrorKind::SiteLost => "a site is lost",
        ErrorKind::Planned => "an operator moves it",
        ErrorKind::RollBack => "an operator rolls its recovery back",
    }
}

/// What is started.
#[must_use]
pub const fn scope_words(scope: Scope) -> &'static str {
    match scope {
        Scope::All => "all its VMs start",
        Scope::Critical(Remainder::Subsequently) => "critical VMs start first, the others after them",
        Scope::Critical(Remainder::OnRequest) => "critical VMs start, the others on request",
        Scope::Critical(Remainder::Never) => "critical VMs start, the others do not",
    }
}

/// A time in a timeline: minutes, seconds and tenths, with hours where there are any.
#[must_use]
pub fn clock(at: Millis) -> String {
    let (tenths, minutes) = (at.0 / 100 % 600, at.0 / 60_000);
    let rest = format!("{:02}.{}", tenths / 10, tenths % 10);
    if minutes < 60 { format!("{minutes}:{rest}") } else { format!("{}:{:02}:{rest}", minutes / 60, minutes % 60) }
}

/// A time in a timeline of the lab: minutes, seconds and milliseconds.
#[must_use]
pub fn milliseconds(ms: u64) -> String {
    format!("{}:{:02}.{:03}", ms / 60_000, ms / 1000 % 60, ms % 1000)
}

/// A span of time with one digit after the point.
#[must_use]
pub fn span(t: Millis) -> String {
    if t.0 < 120_000 {
        format!("{}.{} s", t.0 / 1000, t.0 % 1000 / 100)
    } else {
        format!("{} min {:02} s", t.0 / 60_000, t.0 / 1000 % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(clock(Millis(0)), "0:00.0");
        assert_eq!(clock(Millis(75_430)), "1:15.4");
        assert_eq!(clock(Millis(3_661_200)), "1:01:01.2");
        assert_eq!(span(Millis(12_340)), "12.3 s");
        assert_eq!(span(Millis(200_000)), "3 min 20 s");
    }
}
