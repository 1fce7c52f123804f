//! What operators read, from what the core tells: reports of failovers, estimates of what one would take, and what a
//! check of a deployment finds.
//!
//! Nothing here decides anything, does any I/O or reads a clock. A report is made of a stream of [`Note`]s, which a
//! simulator or a site can give, and a [`Site`](farshore_core::Site).

mod build;
pub mod check;
mod course;
pub mod estimate;
mod markdown;
mod note;
mod report;
mod waits;
pub mod words;

pub use build::{About, report};
pub use note::{Note, What};
pub use report::{
    AlertLine, Approval, ByTier, CountedFrom, Evidence, GroupReport, Incident, LunLine, OrderLine, Outcome, Phase,
    PlanLine, Remark, Report, Role, SeenBy, StepLine, TestReport, TestVmLine, Totals, VERSION, VmLine, Wait,
};
