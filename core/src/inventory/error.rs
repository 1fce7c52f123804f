//! What can be wrong with a deployment: each message names the offending object and says what to change.

mod object;
mod step;

use alloc::string::String;

pub use object::{Kind, Object};
pub use step::{AddressError, StepError, SubnetPair};

use crate::spec::Span;

/// Why a deployment is refused.
///
/// Which error is reported, where there are several, does not depend on the order of the file's lists.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not exactly two sites.
    #[error("a deployment has two sites, this one has {found}: write exactly two [[site]] sections")]
    SiteCount {
        /// How many there are.
        found: usize,
    },
    /// The site that the value is asked for is not in the deployment.
    #[error("there is no site `{here}` to act for: the sites are `{one}` and `{two}`")]
    UnknownHere {
        /// The site asked for.
        here: String,
        /// A site there is.
        one: String,
        /// The other site there is.
        two: String,
    },
    /// A name that cannot be one.
    #[error(
        "a {kind} is called {name:?}: give it a name of 1 to 255 bytes without control characters or space at its ends"
    )]
    BadName {
        /// Kind of the object.
        kind: Kind,
        /// Its name.
        name: String,
    },
    /// Two objects of one kind with one name.
    #[error("there is more than one {0}: rename all but one")]
    Duplicate(
        /// The name that both have.
        Object,
    ),
    /// Two names of one kind with one key.
    #[error("the names `{name}` and `{other}` of two {kind}s have the same 64-bit key: rename one of them")]
    KeyCollision {
        /// Kind of both.
        kind: Kind,
        /// The name that sorts first.
        name: String,
        /// The other name.
        other: String,
    },
    /// More objects of a kind than indices allow for.
    #[error("there are {count} objects of the kind {kind}: split the deployment, {limit} are the most")]
    TooMany {
        /// Kind of the objects.
        kind: Kind,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A reference to something that is not there.
    #[error("{by} names {what}, which is not in the deployment: add it, or correct the name")]
    Unknown {
        /// What is referred to.
        what: Object,
        /// What refers to it.
        by: Object,
    },
    /// A list that names one thing twice.
    #[error("{by} lists {what} twice: take one of them out")]
    ListedTwice {
        /// What is listed.
        what: Object,
        /// What lists it.
        by: Object,
    },
    /// A list that must not be empty.
    #[error("the list `{list}` of {by} is empty: name at least one")]
    Empty {
        /// Whose list it is.
        by: Object,
        /// Key of the list.
        list: &'static str,
    },
    /// A number, duration or size that must not be zero.
    #[error("`{key}` of {by} is zero: set it to more than zero")]
    Zero {
        /// Whose value it is.
        by: Object,
        /// Key of the value.
        key: &'static str,
    },
    /// A value beyond what another value of its section allows.
    #[error("`{key}` of {by} is {value}: set it to {bound}, {limit}")]
    Bound {
        /// The section.
        by: Object,
        /// Key of the value.
        key: &'static str,
        /// The value.
        value: Span,
        /// How it must relate to which other key.
        bound: &'static str,
        /// The value that results from that.
        limit: Span,
    },
    /// A step of a plan.
    #[error("step `{step}` of plan `{plan}`: {why}")]
    Step {
        /// The plan.
        plan: String,
        /// The step.
        step: String,
        /// What is wrong with it.
        why: StepError,
    },
    /// Groups of a plan that wait for each other.
    #[error("in plan `{plan}` group `{group}` comes after itself by way of `after`: break the circle")]
    AfterItself {
        /// The plan.
        plan: String,
        /// One of the groups.
        group: String,
    },
    /// An address of a VM.
    #[error("VM `{vm}`: {why}")]
    Address {
        /// The VM.
        vm: String,
        /// What is wrong with it.
        why: AddressError,
    },
    /// Subnets of a mapping.
    #[error("{by}: {why}")]
    Subnets {
        /// The mapping.
        by: Object,
        /// What is wrong with them.
        why: SubnetPair,
    },
    /// `probe` without `ready = "probe"`, or the other way round.
    #[error("VM `{vm}` has only one of `ready = \"probe\"` and `probe`: write both, or neither")]
    Probe {
        /// The VM.
        vm: String,
    },
    /// Length, drift and margin of the leases do not go together (O2).
    #[error("[policy.arbiter]: {0}")]
    Lease(crate::authority::lease::LeaseError),
    /// No takeover could ever keep to the RPO (O5).
    #[error(
        "the `rpo` of LUN `{lun}`, {rpo}, is shorter than the lease, {lease}, so no takeover could keep to it: make the RPO longer or the lease shorter, or set `automatic = false` in [policy.arbiter]"
    )]
    RpoShort {
        /// The LUN.
        lun: String,
        /// Its RPO.
        rpo: Span,
        /// The lease.
        lease: Span,
    },
    /// The two sites wait alike after a refusal and could refuse each other in step (M6).
    #[error("sites `{one}` and `{two}` have the same `backoff`, {value}: change one, so that they do not try in step")]
    SameBackoff {
        /// One site.
        one: String,
        /// The other.
        two: String,
        /// What both wait.
        value: Span,
    },

    /// An array of another site than the LUN says it is at.
    #[error("LUN `{lun}` says it is at site `{site}`, but its array `{array}` is not: correct `site` or `array`")]
    ArrayElsewhere {
        /// The LUN.
        lun: String,
        /// Its array.
        array: String,
        /// The site it says it is at.
        site: String,
    },
    /// A replica at the site of the LUN itself.
    #[error("the replica of LUN `{lun}` is on array `{array}`, at the LUN's own site: put it on one of the other site")]
    ReplicaAtHome {
        /// The LUN.
        lun: String,
        /// The replica's array.
        array: String,
    },
    /// An asynchronous replica without a recovery point objective.
    #[error("the asynchronous replica of LUN `{lun}` has no `rpo`: say how old it may be, such as rpo = \"30s\"")]
    RpoMissing {
        /// The LUN.
        lun: String,
    },
    /// A synchronous replica with a recovery point objective.
    #[error("the synchronous replica of LUN `{lun}` has an `rpo`: take it out, or set mode = \"asynchronous\"")]
    RpoOnSynchronous {
        /// The LUN.
        lun: String,
    },
    /// Two copies at one place.
    #[error("LUNs `{one}` and `{other}` are both unit {unit} of array `{array}`: give one of them another unit")]
    SameUnit {
        /// The array.
        array: String,
        /// The unit.
        unit: u16,
        /// One LUN.
        one: String,
        /// The other, or the same.
        other: String,
    },
    /// A host that mounts a LUN, or is in a pool, of the site where it does not stand.
    #[error(
        "{by} names host `{host}` for site `{site}`, where it does not stand: take it out, or name one of that site"
    )]
    HostElsewhere {
        /// The LUN or pool that names it.
        by: Object,
        /// The host.
        host: String,
        /// The site whose hosts it may name.
        site: String,
    },
    /// A LUN under no datastore.
    #[error("LUN `{lun}` backs no datastore: add it to the `luns` of one, or take it out")]
    LunUnused {
        /// The LUN.
        lun: String,
    },
    /// A LUN under two datastores.
    #[error("LUN `{lun}` backs both datastores `{one}` and `{other}`: take it out of one of them")]
    LunTwice {
        /// The LUN.
        lun: String,
        /// One datastore.
        one: String,
        /// The other.
        other: String,
    },
    /// A datastore, VM or group that lies at both sites.
    #[error("{by} lies at both sites: {one} is at one, {other} at the other; keep what is at one site only")]
    AcrossSites {
        /// What lies at both.
        by: Object,
        /// A part of it at one site.
        one: Object,
        /// A part of it at the other.
        other: Object,
    },

    /// A datastore in two groups.
    #[error("datastore `{datastore}` is in both groups `{one}` and `{other}`: take it out of one of them")]
    DatastoreInTwoGroups {
        /// The datastore.
        datastore: String,
        /// One group.
        one: String,
        /// The other.
        other: String,
    },
    /// A VM with disks in two groups (I13).
    #[error(
        "VM `{vm}` has disks in both groups `{one}` and `{other}`, which could not move alone: make them one group (I13)"
    )]
    VmInTwoGroups {
        /// The VM.
        vm: String,
        /// One group.
        one: String,
        /// The other.
        other: String,
    },
    /// A VM with disks inside and outside of a group (I13).
    #[error(
        "VM `{vm}` has disks in group `{group}` and on datastore `{datastore}`, which is in no group: add `{datastore}` \
         to the `datastores` of `{group}` (I13)"
    )]
    VmHalfProtected {
        /// The VM.
        vm: String,
        /// The group.
        group: String,
        /// The datastore to add to it.
        datastore: String,
    },
    /// A LUN of a group without a replica.
    #[error(
        "group `{group}` has LUN `{lun}`, which has no replica: give it one, or take its datastore out of the group"
    )]
    NoReplica {
        /// The group.
        group: String,
        /// The LUN.
        lun: String,
    },
    /// LUNs that must be rolled back together but are not replicated alike.
    #[error(
        "{by} needs one consistent point on LUN `{synchronous}`, which is synchronous, and `{asynchronous}`, which is \
         asynchronous: replicate both in one mode, or move its disks"
    )]
    MixedReplication {
        /// The VM, or a datastore without VMs.
        by: Object,
        /// A synchronous LUN under it.
        synchronous: String,
        /// An asynchronous LUN under it.
        asynchronous: String,
    },

    /// A tier that there is not.
    #[error("`tier` of VM `{vm}` is {tier}: set it to 1 (starts first) to 5 (last)")]
    Tier {
        /// The VM.
        vm: String,
        /// Its tier.
        tier: u8,
    },
    /// A dependency on a VM that is not in the same group.
    #[error("VM `{vm}` depends on VM `{on}`, which is not in the same group: put both in one, or drop the dependency")]
    DependencyElsewhere {
        /// The VM.
        vm: String,
        /// What it depends on.
        on: String,
    },
    /// A dependency on a VM that starts in a later tier.
    #[error(
        "VM `{vm}`, of tier {tier}, depends on VM `{on}`, of the later tier {later}: give `{on}` a tier of at most {tier}"
    )]
    DependencyLater {
        /// The VM.
        vm: String,
        /// Its tier.
        tier: u8,
        /// What it depends on.
        on: String,
        /// The tier of that.
        later: u8,
    },
    /// VMs that depend on themselves.
    #[error("VM `{vm}` depends on itself, {path}: drop one of these dependencies")]
    DependencyCycle {
        /// A VM of the cycle.
        vm: String,
        /// The way around: "a → b → a".
        path: String,
    },

    /// A VM that does not say which of several pools, folders or networks it has.
    #[error("VM `{vm}` names no {kind}, and site `{site}` has several: say which, with `{kind} = \"…\"`")]
    PlaceUnclear {
        /// The VM.
        vm: String,
        /// What it does not name.
        kind: Kind,
        /// The site.
        site: String,
    },
    /// A VM that no host of its pool can run.
    #[error(
        "no host of pool `{pool}` at site `{site}` mounts all LUNs of VM `{vm}`: add one to `hosts` of the pool or of \
         the LUNs, or put the VM in another pool"
    )]
    NoHost {
        /// The VM.
        vm: String,
        /// The pool it is in, or is mapped to.
        pool: String,
        /// The site of that pool.
        site: String,
    },
    /// A mapping from a site to itself.
    #[error("a mapping leads from site `{site}` to itself: set `from` to one site and `to` to the other")]
    MappingToItself {
        /// The site.
        site: String,
    },
    /// A name that two mappings of one direction map.
    #[error("{what} of site `{site}` is mapped by two [[mapping]] sections: take it out of one of them")]
    MappedTwice {
        /// What is mapped.
        what: Object,
        /// Its site.
        site: String,
    },

    /// A group that no plan moves.
    #[error("group `{group}` is in no plan: add it to the `groups` of one")]
    GroupWithoutPlan {
        /// The group.
        group: String,
    },
    /// No rules where more than one plan could be chosen.
    #[error("group `{group}` is in both plans `{one}` and `{other}`: say with [[policy.rule]] which is run when (M4)")]
    RulesNeeded {
        /// The group.
        group: String,
        /// One plan.
        one: String,
        /// The other.
        other: String,
    },
    /// The last rule has a condition, so there are failures that choose no plan (M4).
    #[error("the last rule, rule {rule}, has a condition: end with a rule that has only a `plan` (M4)")]
    LastRule {
        /// Its number, from 1.
        rule: usize,
    },
    /// A rule after one that matches everything.
    #[error("rule {rule} is never reached, because rule {after} matches everything: move it before, or take it out")]
    RuleUnreachable {
        /// Its number, from 1.
        rule: usize,
        /// The number of the rule that matches everything.
        after: usize,
    },
    /// A rule that can choose a plan for a group that the plan does not have.
    #[error(
        "rule {rule} runs plan `{plan}` for group `{group}`, which the plan does not have: add the group to the plan, \
         or a rule before that matches it"
    )]
    RulePlan {
        /// Number of the rule, from 1.
        rule: usize,
        /// Its plan.
        plan: String,
        /// A group that it can match.
        group: String,
    },
    /// A threshold that can never be reached (M3).
    #[error(
        "`vms` of the recovery type of site `{site}` is {vms}, and it has {protected} protected VMs: set it to \
         at least 1 and at most that, or give the site another type with [policy.site.{site}]"
    )]
    AtLeast {
        /// The site.
        site: String,
        /// The threshold.
        vms: u32,
        /// How many protected VMs are at home there.
        protected: usize,
    },
    /// The recovery type `at-least` without its number.
    #[error("the recovery type `at-least` of {by} has no `vms`: say how many, such as vms = 10")]
    AtLeastMissing {
        /// The section.
        by: Object,
    },
    /// A key that another recovery type has.
    #[error("{by} has `{key}` in a recovery type other than `{belongs}`: take it out, or change the type")]
    RecoveryKey {
        /// The section.
        by: Object,
        /// The key.
        key: &'static str,
        /// The recovery type that has it.
        belongs: &'static str,
    },
}
