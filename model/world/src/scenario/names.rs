//! Looking names up, with the name that was probably meant where there is none.

use core::ops::Range;

use farshore_core::ids::{ArrayIx, GroupIx, HostIx, LunIx, Side, StepKey, VmIx};
use farshore_core::inventory::Inventory;

use super::error::Nonsense;

/// The names of a deployment, for one place in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) inventory: &'a Inventory,
    pub(crate) at: &'a Range<usize>,
}

impl<'a> Names<'a> {
    pub(crate) const fn new(inventory: &'a Inventory, at: &'a Range<usize>) -> Self {
        Self { inventory, at }
    }

    fn find<T>(
        &self,
        kind: &str,
        name: &str,
        mut all: impl Iterator<Item = (T, &'a str)>,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<T, Nonsense> {
        let found = all.find(|(_, known)| *known == name);
        found.map(|(ix, _)| ix).ok_or_else(|| {
            Nonsense::new(self.at, format!("the deployment has no {kind} called `{name}`"), meant(name, kind, names))
        })
    }

    pub(crate) fn site(&self, name: &str) -> Result<Side, Nonsense> {
        let all = || Side::BOTH.into_iter().map(|s| (s, self.inventory.sites[s.at()].name.as_str()));
        self.find("site", name, all(), all().map(|(_, n)| n))
    }

    pub(crate) fn lun(&self, name: &str) -> Result<LunIx, Nonsense> {
        let all = || self.inventory.luns.iter().map(|(i, x)| (i, x.name.as_str()));
        self.find("LUN", name, all(), all().map(|(_, n)| n))
    }

    pub(crate) fn vm(&self, name: &str) -> Result<VmIx, Nonsense> {
        let all = || self.inventory.vms.iter().map(|(i, x)| (i, x.name.as_str()));
        self.find("VM", name, all(), all().map(|(_, n)| n))
    }

    pub(crate) fn group(&self, name: &str) -> Result<GroupIx, Nonsense> {
        let all = || self.inventory.groups.iter().map(|(i, x)| (i, x.name.as_str()));
        self.find("group", name, all(), all().map(|(_, n)| n))
    }

    pub(crate) fn host(&self, name: &str) -> Result<HostIx, Nonsense> {
        let all = || self.inventory.hosts.iter().map(|(i, x)| (i, x.name.as_str()));
        self.find("host", name, all(), all().map(|(_, n)| n))
    }

    pub(crate) fn array(&self, name: &str) -> Result<ArrayIx, Nonsense> {
        let all = || self.inventory.arrays.iter().map(|(i, x)| (i, x.name.as_str()));
        self.find("array", name, all(), all().map(|(_, n)| n))
    }

    /// A step of a plan: by its name alone where there is one of that name, or as `plan/step`.
    pub(crate) fn step(&self, name: &str) -> Result<StepKey, Nonsense> {
        let plans = || self.inventory.plans.iter().flat_map(|(_, plan)| plan.steps.iter());
        if let Some(step) = plans().find(|step| step.key == StepKey::of(name)) {
            return Ok(step.key);
        }
        let all = || plans().map(|step| (step.key, step.name.as_str()));
        self.find("step", name, all(), all().map(|(_, n)| n))
    }

    /// A site that may be left out.
    pub(crate) fn site_or(&self, name: Option<&String>, otherwise: Side) -> Result<Side, Nonsense> {
        name.map_or(Ok(otherwise), |name| self.site(name))
    }
}

/// What to do about a name that is not there.
fn meant<'a>(name: &str, kind: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let distance = |known: &str| strsim::osa_distance(&name.to_lowercase(), &known.to_lowercase());
    let closest = known.iter().min_by_key(|k| distance(k)).filter(|k| distance(k) <= (name.chars().count() / 3).max(2));
    match (closest, known.as_slice()) {
        (Some(closest), _) => format!("did you mean `{closest}`?"),
        (None, []) => format!("the deployment has no {kind} at all"),
        (None, all) => {
            let shown: Vec<String> = all.iter().take(12).map(|k| format!("`{k}`")).collect();
            let more = if all.len() > 12 { ", …" } else { "" };
            format!("its {kind}s are {}{more}", shown.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_name_that_was_probably_meant_is_offered() {
        let known = ["shop-db", "shop-web"];
        assert_eq!(meant("shop-bd", "VM", known.into_iter()), "did you mean `shop-db`?");
        assert_eq!(meant("x", "VM", known.into_iter()), "its VMs are `shop-db`, `shop-web`");
        assert_eq!(meant("x", "VM", [].into_iter()), "the deployment has no VM at all");
    }
}
