//! Every scenario of the book, with several seeds: what it expects comes, and no rule of the protocol is broken.

use std::path::{Path, PathBuf};
use std::process::Command;

use farshore_world::scenario::Scenario;

const SEEDS: u64 = 8;

fn book() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenarios")
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(book()).expect("the book has scenarios");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("readable").path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    files
}

fn farshore(args: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_farshore")).args(args).current_dir(folder).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

#[test]
fn every_scenario_ends_as_it_says() {
    let files = files();
    assert!(files.len() >= 10, "the book has at least ten scenarios");
    for file in files {
        let scenario = Scenario::read(&file).unwrap_or_else(|e| panic!("{e}"));
        assert!(!scenario.about.trim().is_empty(), "{} says what it is about", file.display());
        for seed in 1..=SEEDS {
            let run = scenario.run(seed, None).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(run.broken, None, "{}, seed {seed}", file.display());
            for verdict in &run.verdicts {
                let (expected, found) = (&verdict.expected, &verdict.found);
                assert!(verdict.met, "{}, seed {seed}: {expected}; found: {found}", file.display());
            }
        }
    }
}

#[test]
fn every_scenario_is_listed_in_the_book() {
    let list = std::fs::read_to_string(book().join("README.md")).expect("the list of scenarios");
    for file in files() {
        let name = file.file_name().expect("a name").to_string_lossy();
        assert!(list.contains(&format!("({name})")), "docs/scenarios/README.md does not list {name}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let scenario = Scenario::read(&book().join("flood.toml")).unwrap_or_else(|e| panic!("{e}"));
    let run = |seed| scenario.run(seed, None).unwrap_or_else(|e| panic!("{e}")).actions;
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn how_many_run_at_a_time_changes_nothing_in_what_is_printed() {
    let of = |jobs: &str| {
        farshore(&["simulate", "--runs", "40", "--jobs", jobs, "site-lost.toml", "opposite-failovers.toml"], &book())
    };
    let (code, out, err) = of("1");
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(of("3").1, out);
}

#[test]
fn a_failed_expectation_is_an_exit_code_and_a_trace_that_replays() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(book().join("lost-lun.toml")).expect("readable");
    let town = book().join("deployments/town.toml").canonicalize().expect("there");
    let text = text.replace("deployments/town.toml", &town.display().to_string());
    std::fs::write(folder.path().join("late.toml"), text.replace("by = \"30s\"", "by = \"11s\"")).expect("written");
    let (code, out, err) = farshore(&["simulate", "late.toml"], folder.path());
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("✗ birch owns group shop by 11s"), "{out}");
    assert!(err.contains("farshore replay late-seed-1.trace"), "{err}");
    let (again, replayed, err) = farshore(&["replay", "late-seed-1.trace"], folder.path());
    assert_eq!((again, replayed), (Some(1), out), "{err}");
}

#[test]
fn a_mistake_is_told_with_its_place_and_what_was_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    let town = book().join("deployments/town.toml").canonicalize().expect("there");
    let head = format!("title = \"x\"\ndeployment = \"{}\"\n", town.display());
    let tell = |rest: &str| {
        std::fs::write(folder.path().join("x.toml"), format!("{head}{rest}")).expect("written");
        let (code, _, err) = farshore(&["simulate", "x.toml"], folder.path());
        assert_eq!(code, Some(2));
        err
    };
    let err = tell("[[event]]\nat = \"1s\"\nlose-lnu = \"shop-lun\"\n");
    assert!(err.contains("x.toml:5:1: unknown key `lose-lnu`") && err.contains("did you mean `lose-lun`?"), "{err}");
    let err = tell("[[event]]\nat = \"1s\"\nlose-lun = \"shop-lnu\"\n");
    assert!(err.contains("x.toml:5: the deployment has no LUN called `shop-lnu`"), "{err}");
    assert!(err.contains("did you mean `shop-lun`?"), "{err}");
    let err = tell("[[event]]\nat = \"1s\"\nlose-lun = \"shop-lun\"\ncut = \"sites\"\n");
    assert!(err.contains("this event does several things: lose-lun, cut"), "{err}");
    let err = tell("[[event]]\nat = \"1s\"\ncut = { link = \"sites\", from = \"elder\" }\n");
    assert!(err.contains("x.toml:5: `cut`: the deployment has no site called `elder`"), "{err}");
    assert!(err.contains("the sites are `alder`, `birch`"), "{err}");
    let err = tell("[[expect]]\nvm = \"mail\"\nowner = \"birch\"\n");
    assert!(err.contains("`owner` says nothing of `vm`"), "{err}");
}

#[test]
fn a_plan_is_shown_and_nothing_else() {
    let (code, out, err) = farshore(&["plan", "lost-lun.toml", "--lose-lun", "shop-lun"], &book());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("group shop moves from alder to birch"), "{out}");
    assert!(out.contains("stop order     shop-web, shop-db"), "{out}");
    let (_, json, _) = farshore(&["plan", "lost-lun.toml", "--json"], &book());
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["groups"][0]["starts"][0]["vm"], "shop-db");
}

#[test]
fn a_plan_tells_how_long_it_would_take_and_what_it_assumes() {
    let json = |args: &[&str]| {
        let (code, out, err) = farshore(&[&["plan", "--json"], args].concat(), &book());
        assert_eq!(code, Some(0), "{err}");
        serde_json::from_str::<serde_json::Value>(&out).expect("JSON")
    };
    let plan = json(&["lost-lun.toml", "--lost-lun", "shop-lun"]);
    let web = &plan["estimate"]["groups"][0]["vms"][1];
    assert_eq!((&web["vm"], &web["host"]), (&"shop-web".into(), &plan["groups"][0]["starts"][1]["host"]));
    let slow = json(&["lost-lun.toml", "--lost-lun", "shop-lun", "--assume", "boot.shop-db=80s"]);
    let ready = |plan: &serde_json::Value| plan["estimate"]["end"].as_u64().expect("a time");
    assert_eq!(ready(&slow), ready(&plan) + 60_000, "a minute more than the 20 s that are assumed otherwise");
    let moved = json(&["lost-lun.toml", "--planned", "shop"]);
    assert_eq!((&moved["groups"][0]["moves"], &moved["lost"]), (&true.into(), &serde_json::json!([])));
    let silent = json(&["site-silent-no-arbiter.toml", "--lost-site", "alder"]);
    assert_eq!(silent["estimate"]["end"], serde_json::Value::Null, "nobody takes over without an arbiter");
    let (code, _, err) = farshore(&["plan", "lost-lun.toml", "--assume", "boot.shop-bd=1s"], &book());
    assert_eq!(code, Some(2));
    assert!(err.contains("no VM, LUN, host or step called `shop-bd`"), "{err}");
}

#[test]
fn a_check_fails_where_something_would_not_be_recovered() {
    let folder = tempfile::tempdir().expect("a folder");
    let town = std::fs::read_to_string(book().join("deployments/town.toml")).expect("readable");
    let check = |text: &str, args: &[&str]| {
        std::fs::write(folder.path().join("town.toml"), text).expect("written");
        farshore(&[&["check", "town.toml"], args].concat(), folder.path())
    };
    let (code, out, err) = check(&town, &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("0 errors"), "{out}");
    let (code, out, _) = check(&town, &["--lag", "31s"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("LUN mail-lun") && out.contains("F2a"), "{out}");
    let (code, out, _) = check(&town, &["--json", "--assume", "boot.mail=5m"]);
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &value["errors"]), (Some(1), &1.into()));
    assert_eq!(
        (&value["findings"][0]["kind"], &value["findings"][0]["object"]),
        (&"ready-timeout".into(), &"VM mail".into())
    );
    let broken = town.replace("luns = [\"shop-lun\"]", "luns = [\"shop-lnu\"]");
    let (code, out, _) = check(&broken, &["--json"]);
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &value["findings"][0]["kind"]), (Some(1), &"deployment".into()));
}
