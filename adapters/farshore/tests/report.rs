//! Reports of runs: two of them word by word, and every scenario's against what the run itself says.
//!
//! The two are written anew with, in docs/scenarios:
//! `cargo run -p farshore -- simulate lost-lun.toml async-beyond-rpo.toml --report ../../adapters/farshore/tests/golden`

use std::path::{Path, PathBuf};
use std::process::Command;

use farshore_report::{Outcome, Report};
use serde_json::Value;

const GOLDEN: [&str; 2] = ["lost-lun", "async-beyond-rpo"];

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs scenarios of the book with reports; what is printed, as JSON.
fn simulate(files: &[String], reports: &Path) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farshore"));
    command.args(["simulate", "--json", "--report"]).arg(reports).args(files);
    let done = command.current_dir(here().join("../../docs/scenarios")).output().expect("it runs");
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn reports_read_as_they_did() {
    let folder = tempfile::tempdir().expect("a folder");
    simulate(&GOLDEN.map(|name| format!("{name}.toml")), folder.path());
    for name in GOLDEN.iter().flat_map(|name| [format!("{name}.md"), format!("{name}.json")]) {
        let read = |dir: &Path| std::fs::read_to_string(dir.join(&name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (old, new) = (read(&here().join("tests/golden")), read(folder.path()));
        assert!(old == new, "{name} is not what it was; this file says how to write it anew. Now:\n{new}");
    }
}

#[test]
fn a_report_leaves_out_no_loss_no_move_and_no_alert() {
    let book = std::fs::read_dir(here().join("../../docs/scenarios")).expect("the book has scenarios");
    let mut files: Vec<PathBuf> = book.map(|e| e.expect("readable").path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let names: Vec<String> = files.iter().map(|f| f.file_name().expect("a name").to_string_lossy().into()).collect();
    let folder = tempfile::tempdir().expect("a folder");
    for (name, run) in names.iter().zip(simulate(&names, folder.path())) {
        let path = folder.path().join(name.replace(".toml", ".json"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let report: Report = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let groups: Vec<_> = report.incidents.iter().flat_map(|i| &i.groups).collect();
        assert_eq!(report.alerts.len(), run["alerts"].as_array().expect("a list").len(), "{name}: alerts");
        for vm in run["vms"].as_array().expect("a list") {
            let of = |g: &&farshore_report::GroupReport| g.vms.iter().find(|v| vm["name"] == v.vm.as_str()).cloned();
            let told: u32 = groups.iter().filter_map(of).filter_map(|v| v.writes_lost).sum();
            assert_eq!(vm["writes-lost"], told, "{name}: what {} lost", vm["name"]);
        }
        for group in run["groups"].as_array().expect("a list") {
            let owners = group["owners"].as_array().expect("a list").iter().filter_map(|o| o["epoch"].as_u64());
            let epochs: std::collections::BTreeSet<u64> = owners.collect();
            let own = groups.iter().filter(|g| group["name"] == g.group.as_str());
            let moved = |o: Outcome| matches!(o, Outcome::Recovered | Outcome::RecoveredInPart);
            let moves = own.clone().filter(|g| moved(g.outcome)).count();
            assert_eq!(moves, epochs.len() - 1, "{name}: moves of {}", group["name"]);
            for g in own.filter(|g| g.outcome == Outcome::Recovered) {
                assert!(g.totals.tiers.iter().all(|t| t.ready == t.vms && t.after.is_some()), "{name}: {}", g.group);
                assert!(g.phases.iter().all(|p| p.end.is_none_or(|end| end >= p.start)), "{name}: {}", g.group);
            }
        }
    }
}

#[test]
fn several_runs_leave_a_report_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = here().join("../../docs/scenarios/planned-migration.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_farshore"));
    command.args(["simulate", "--runs", "2", "--seed", "5", "--report"]).arg(folder.path()).arg(scenario);
    assert!(command.output().expect("it runs").status.success());
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .expect("there")
        .map(|e| e.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let wanted = ["5.json", "5.md", "6.json", "6.md"].map(|end| format!("planned-migration-seed-{end}"));
    assert_eq!(names, wanted);
}
