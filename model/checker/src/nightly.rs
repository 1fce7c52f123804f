//! The nightly run: every pinned scope in a process of its own, so that its peak of memory can be told; and the table of
//! what was seen last.

use std::fmt::Write as _;

use crate::pins::{NIGHTLY, PINS};

/// What `nightly` saw last: a row per scope, written by the run itself.
pub const TABLE: &str = include_str!("../nightly.tsv");

/// First line of the table.
pub const HEADER: &str = "scope\tstates\tdepth\tseconds\tpeak_mib\texhausted";

/// What exploring one scope showed, and took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The scope.
    pub scope: String,
    /// Unique states.
    pub states: usize,
    /// Longest way that the search took.
    pub depth: usize,
    /// Seconds.
    pub seconds: u64,
    /// Most memory that its process ever held, in MiB; `None`: this system does not tell.
    pub peak: Option<u64>,
    /// It ended by exhaustion.
    pub exhausted: bool,
}

impl Row {
    /// The row as a line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { scope, states, depth, seconds, peak, exhausted } = self;
        let peak = peak.map_or_else(|| "-".into(), |mib| mib.to_string());
        format!("{scope}\t{states}\t{depth}\t{seconds}\t{peak}\t{}", if *exhausted { "yes" } else { "no" })
    }

    /// A line as a row.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let mut cells = line.split('\t');
        let mut next = || cells.next();
        Some(Self {
            scope: next()?.into(),
            states: next()?.parse().ok()?,
            depth: next()?.parse().ok()?,
            seconds: next()?.parse().ok()?,
            peak: next()?.parse().ok(),
            exhausted: next()? == "yes",
        })
    }
}

/// The rows of a table, in order.
#[must_use]
pub fn rows(table: &str) -> Vec<Row> {
    table.lines().skip(1).filter_map(Row::read).collect()
}

/// The table with these rows in place of older ones, in the order of the pins; what is pinned no more is left out.
#[must_use]
pub fn merged(table: &str, new: &[Row]) -> String {
    let old = rows(table);
    let find = |name: &str| new.iter().chain(&old).find(|row| row.scope == name);
    let mut text = format!("{HEADER}\n");
    for row in PINS.iter().chain(NIGHTLY).filter_map(|pin| find(pin.scope)) {
        let _ = writeln!(text, "{}", row.line());
    }
    text
}
