//! One scenario with many seeds, on several threads. Results come in the order of the seeds, whoever was faster.

use std::num::NonZeroUsize;
use std::ops::Range;

use anyhow::{Result, anyhow};
use farshore_core::time::Millis;
use farshore_world::scenario::{Run, Scenario};

/// Runs that each thread does before results are handed on: enough to keep it busy, few enough to keep them all.
const BATCH: u64 = 16;

/// Runs a scenario with each of the seeds, `jobs` at a time, and hands every run to `tell` in the order of the seeds.
pub(crate) fn each(
    scenario: &Scenario,
    seeds: Range<u64>,
    jobs: NonZeroUsize,
    until: Option<Millis>,
    mut tell: impl FnMut(Run) -> Result<()>,
) -> Result<()> {
    let jobs = u64::try_from(jobs.get()).unwrap_or(u64::MAX);
    let mut next = seeds.start;
    while next < seeds.end {
        let end = seeds.end.min(next.saturating_add(jobs.saturating_mul(BATCH)));
        for run in batch(scenario, next..end, jobs, until)? {
            tell(run)?;
        }
        next = end;
    }
    Ok(())
}

fn batch(scenario: &Scenario, seeds: Range<u64>, jobs: u64, until: Option<Millis>) -> Result<Vec<Run>> {
    let share = |job: u64| {
        let mine = (seeds.start + job..seeds.end).step_by(usize::try_from(jobs).unwrap_or(usize::MAX));
        mine.map(|seed| scenario.run(seed, until)).collect::<Result<Vec<Run>, _>>()
    };
    let busy = jobs.min(seeds.end - seeds.start);
    let mut runs = std::thread::scope(|threads| -> Result<Vec<Run>> {
        let share = &share;
        let started: Vec<_> = (0..busy).map(|job| threads.spawn(move || share(job))).collect();
        let mut runs = Vec::new();
        for thread in started {
            let done =
                thread.join().map_err(|_| anyhow!("a run of {} ended the thread that it ran in", scenario.file))?;
            runs.extend(done?);
        }
        Ok(runs)
    })?;
    runs.sort_unstable_by_key(|run| run.seed);
    Ok(runs)
}
