//! The one environment of Farshore: the real machines in an abstract world.

pub mod action;
mod apply;
pub mod array;
pub mod config;
mod converge;
mod describe;
pub mod disk;
mod drive;
mod enabled;
pub mod ghost;
pub mod host;
pub mod in_flight;
pub mod intent;
pub mod milestones;
pub mod node;
pub mod properties;
pub mod replication;
pub mod reports;
pub mod scenario;
pub mod scope;
pub mod scopes;
mod setup;
mod start;
pub mod trace;
mod world;

pub use action::{Action, Choice, Outcome, Rank};
pub use milestones::{Milestone, SOMETIMES};
pub use properties::{ALWAYS, Property, Violation};
pub use scope::{Budget, Budgets, Fault, Order, Scope, Wire};
pub use setup::{Clock, Object, SetInfo, Setup};
pub use trace::{Replay, Start, Trace, TraceError, run_trace};
pub use world::{Desk, Flight, World};
