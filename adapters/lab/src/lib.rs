//! The lab: two sites of real parts on one machine, a real loss of a LUN, and a verdict read from the disks.
//!
//! ```no_run
//! let options = farshore_lab::Options::default();
//! let report = farshore_lab::run(&options, &|_| {}, &|| false)?;
//! println!("{} ms", report.total_ms());
//! # Ok::<(), farshore_lab::Failed>(())
//! ```

mod deployment;
mod failed;
mod manager;
mod options;
mod parties;
pub mod recording;
mod report;
mod run;
mod scenario;
mod site;

pub use deployment::{LOST, VMS, armed, deployment, split, tested, unheard};
pub use failed::Failed;
pub use farshore_qemu::array::Mode;
pub use options::{Guest, Interrupted, Notice, Options, Progress};
pub use parties::{AgentArgs, ArbiterArgs, GuardArgs, run_agent, run_arbiter, run_guard, side};
pub use report::{Phase, Report};
pub use run::run;
pub use scenario::Scenario;
