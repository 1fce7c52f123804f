//! Golden scripts: every file in `testdata/` replays as written.

use std::fs;
use std::path::Path;

use farshore_world::{Trace, run_trace};

#[test]
fn every_golden_script_replays() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata");
    let mut files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "txt"));
    files.sort();
    assert!(files.len() >= 8, "{}: only {} scripts", directory.display(), files.len());
    let mut failed = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        if let Err(error) = run_trace(&text) {
            failed.push(format!("{}: {error}", file.display()));
        }
        let trace = Trace::parse(&text).unwrap();
        assert_eq!(trace.to_string(), text, "{}: printing what was read changes it", file.display());
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
