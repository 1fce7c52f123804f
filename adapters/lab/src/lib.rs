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
mod parties;
mod report;
mod run;
mod scenario;
mod site;

pub use deployment::{LOST, VMS, armed, deployment, split};
pub use failed::Failed;
pub use farshore_qemu::array::Mode;
pub use parties::{AgentArgs, ArbiterArgs, GuardArgs, run_agent, run_arbiter, run_guard, side};
pub use report::{Phase, Report};
pub use run::{Guest, Interrupted, Notice, Options, Progress, run};
pub use scenario::Scenario;
