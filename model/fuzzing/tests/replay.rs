//! Every seed and everything that was once found, as ordinary tests: what a target checks holds for each.

use std::path::{Path, PathBuf};

use farshore_fuzzing::{TARGETS, target};

fn folder(kind: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(kind).join(name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("readable").path()).collect();
    files.sort();
    files
}

fn replay(name: &str) -> usize {
    let body = target(name).expect("a target");
    let files = [files(&folder("seeds", name)), files(&folder("regressions", name))].concat();
    for file in &files {
        println!("{}", file.display());
        body(&std::fs::read(file).expect("readable"));
    }
    files.len()
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            assert!(replay(stringify!($name)) > 0, "there are seeds");
        })*

        #[test]
        fn every_target_is_replayed() {
            let names: Vec<&str> = TARGETS.iter().map(|&(name, _)| name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

targets! { world manager agent arbiter records frame sense deployment scenario qmp }
