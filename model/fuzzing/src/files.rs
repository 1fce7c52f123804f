//! Files that people write: deployments and scenarios.

use std::path::Path;

use farshore_core::Site;
use farshore_core::ids::Side;
use farshore_core::time::Millis;
use farshore_world::config;
use farshore_world::scenario::Scenario;

/// How much of a scenario is played: enough to go through its beginning.
const PLAYED: Millis = Millis::secs(5);
/// The deployment that most scenarios of the book play in.
const TOWN: &str = include_str!("../../../docs/scenarios/deployments/town.toml");
/// Larger deployments are read and checked, and not played.
const OBJECTS: usize = 24;

/// Any text is a deployment or an error that says where and what. A deployment makes two sites that agree, or an error
/// that names the object; the order of its lists makes no difference.
pub fn deployment(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = match config::deployment(text, "fuzzed.toml") {
        Ok(read) => read,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let sites = match Site::pair(&read) {
        Ok(sites) => sites,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(sites[0].inventory, sites[1].inventory, "one inventory at both sites");
    assert_eq!(sites[0].digest, sites[1].digest, "one digest at both sites");
    assert_eq!(sites.each_ref().map(|s| s.here), Side::BOTH);
    let mut turned = read;
    turned.sites.reverse();
    turned.luns.reverse();
    turned.datastores.reverse();
    turned.vms.reverse();
    turned.groups.reverse();
    let turned = Site::pair(&turned).expect("the order of lists makes no difference");
    assert_eq!(turned[0].digest, sites[0].digest, "the order of lists makes no difference");
}

/// Any text is a scenario or an error; a scenario runs, and breaks no rule.
pub fn scenario(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(text) = inline(text) else { return };
    let scenario = match Scenario::parse(&text, "fuzzed.toml", Path::new("")) {
        Ok(scenario) => scenario,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let inventory = scenario.setup.inventory();
    let objects = [inventory.hosts.len(), inventory.luns.len(), inventory.vms.len()].iter().sum::<usize>();
    if objects > OBJECTS {
        return;
    }
    if let Ok(run) = scenario.run(1, Some(PLAYED.min(scenario.until))) {
        assert_eq!(run.broken, None, "a scenario breaks no rule");
    }
}

/// Nothing is opened: where a scenario names a file, the deployment of this crate is put in its place.
fn inline(text: &str) -> Option<String> {
    let Ok(mut file) = toml::from_str::<toml::Table>(text) else { return Some(text.into()) };
    if !file.get("deployment").is_some_and(toml::Value::is_str) {
        return Some(text.into());
    }
    let town: toml::Table = toml::from_str(TOWN).ok()?;
    file.insert("deployment".into(), toml::Value::Table(town));
    toml::to_string(&file).ok()
}
