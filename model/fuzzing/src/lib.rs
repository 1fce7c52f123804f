//! What every fuzz target does with its bytes.
//!
//! `fuzz/` needs nightly and is outside the workspace; it only calls [`TARGETS`]. So seeds (`fuzz/seeds/`) and what was
//! once found (`fuzz/regressions/`) are replayed by an ordinary `cargo test` too. `docs/fuzzing.md` says what each target
//! looks at.

pub mod agent;
pub mod arbiter;
pub mod bytes;
pub mod files;
pub mod frame;
pub mod known;
pub mod manager;
mod parts;
pub mod qmp;
pub mod records;
pub mod sense;
mod wired;
pub mod world;

/// What a target does with its bytes: it returns, or panics and says what does not hold.
pub type Body = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Body)] = &[
    ("world", world::run),
    ("manager", manager::run),
    ("agent", agent::run),
    ("arbiter", arbiter::run),
    ("records", records::run),
    ("frame", frame::run),
    ("sense", sense::run),
    ("deployment", files::deployment),
    ("scenario", files::scenario),
    ("qmp", qmp::run),
];

/// Says what a machine is told and makes of it, where `FARSHORE_FUZZ_TRACE` is set: to read what a file does.
pub(crate) fn trace(words: impl FnOnce() -> String) {
    static WANTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    if *WANTED.get_or_init(|| std::env::var_os("FARSHORE_FUZZ_TRACE").is_some()) {
        eprintln!("{}", words());
    }
}

/// The body of the target of this name.
#[must_use]
pub fn target(name: &str) -> Option<Body> {
    TARGETS.iter().find(|(n, _)| *n == name).map(|&(_, body)| body)
}
