//! What docs/operations.md says that commands print is what they print.

use std::path::{Path, PathBuf};
use std::process::Command;

use farshore_report::check::Kind;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/operations.md")).expect("the page")
}

/// The blocks of the page between these fences.
fn blocks<'a>(page: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    page.split(open).skip(1).filter_map(|rest| rest.split(close).next()).collect()
}

#[test]
fn commands_print_what_the_page_says() {
    let page = page();
    let blocks = blocks(&page, "\n```console\n", "\n```\n");
    assert!(blocks.len() >= 3, "the page shows what commands print");
    for block in blocks {
        let (command, said) = block.split_once('\n').expect("a command and what it prints");
        let args = command.strip_prefix("$ farshore ").expect("a command").split(' ');
        let done =
            Command::new(env!("CARGO_BIN_EXE_farshore")).args(args).current_dir(root()).output().expect("it runs");
        let printed = String::from_utf8(done.stdout).expect("text");
        assert!(printed.trim_end() == said, "{command}: docs/operations.md is behind; it prints:\n{printed}");
    }
}

#[test]
fn the_report_on_the_page_is_the_one_that_is_kept() {
    let page = page();
    let kept = root().join("adapters/farshore/tests/golden/async-beyond-rpo.md");
    let kept = std::fs::read_to_string(kept).expect("the report");
    let blocks = blocks(&page, "\n````markdown\n", "\n````\n");
    let [block] = blocks[..] else { panic!("one block") };
    for line in block.lines() {
        assert!(kept.lines().any(|own| own == line), "not in the report: {line}");
    }
}

#[test]
fn every_finding_is_on_the_page() {
    let page = page();
    for kind in Kind::ALL {
        let row = page.lines().find(|l| l.starts_with('|') && l.contains(&format!("`{}`", kind.name())));
        let row = row.unwrap_or_else(|| panic!("docs/operations.md does not list {}", kind.name()));
        assert!(row.contains(kind.severity().word()), "{row}");
        assert!(row.contains(kind.rule()), "{row}");
    }
}
