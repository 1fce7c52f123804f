//! The one environment of Farshore: the real machines in an abstract world.
//!
//! A [`World`] holds both sites' recovery managers, their journals, arrays, hosts, VMs and links, and what the properties
//! remember. It is a value: clone it, compare it, hash it. What can happen next are [`Action`]s; everybody who explores it
//! (model checker, random walks, fuzzer, simulator, golden scripts) only chooses among [`World::enabled`].
//!
//! ```
//! use farshore_world::{Clock, Setup, World, scopes};
//!
//! let setup = Setup::new(scopes::pdl_crash(), Clock::Model)?;
//! let mut world = World::protected(&setup)?;
//! for _ in 0..100 {
//!     let Some(&action) = world.enabled(&setup).first() else { break };
//!     world.apply(&setup, action);
//!     world.check(&setup)?;
//! }
//! world.converges(&setup, 3_000)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | Module | What it does |
//! |---|---|
//! | [`scope`], [`scopes`] | what may happen, and how often: named values |
//! | [`action`] | what happens, one thing at a time, and what it does |
//! | [`node`] | a manager and its journal |
//! | [`array`](mod@array), [`replication`], [`disk`] | LUN copies, what flows between them, which writes are on them |
//! | [`host`] | hosts and VMs |
//! | [`clocks`], [`kept`] | clocks that drift, stores that go back |
//! | [`reports`] | what paths say and hosts report |
//! | [`properties`], [`ghost`], [`intent`] | what must always hold, and what has to be remembered for it |
//! | [`milestones`] | what must be reachable |
//! | [`trace`] | runs as text: printed, read, replayed |
//! | [`in_flight`] | what a scheduler gives delays to |
//! | [`config`], [`scenario`] | files that people write |

pub mod action;
mod apply;
pub mod array;
pub mod clocks;
pub mod config;
mod converge;
mod describe;
pub mod disk;
mod drive;
mod drive_agents;
mod enabled;
mod faults;
pub mod ghost;
pub mod host;
pub mod in_flight;
pub mod intent;
pub mod kept;
pub mod milestones;
pub mod node;
pub mod prelude;
pub mod properties;
mod reduce;
pub mod replication;
pub mod reports;
pub mod scenario;
pub mod scope;
pub mod scopes;
mod setup;
pub mod stage;
mod start;
pub mod third;
pub mod trace;
mod world;

pub use action::{Action, Choice, Outcome, Rank};
pub use milestones::{Milestone, SOMETIMES};
pub use prelude::Prelude;
pub use properties::{ALWAYS, Property, Violation};
pub use scope::{Budget, Budgets, Fault, Holder, Order, Scope, Store, Wire};
pub use setup::{Clock, Object, SetInfo, Setup};
pub use trace::{Replay, Start, Trace, TraceError, run_trace};
pub use world::{Desk, Flight, LateClaim, World};
