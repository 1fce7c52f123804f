//! The one environment of Farshore: the real machines in an abstract world.

pub mod action;
mod apply;
pub mod array;
pub mod config;
mod converge;
pub mod disk;
mod drive;
mod enabled;
pub mod ghost;
pub mod host;
pub mod in_flight;
pub mod intent;
pub mod node;
pub mod properties;
pub mod replication;
pub mod reports;
pub mod scope;
mod setup;
mod start;
mod world;

pub use action::{Action, Choice, Outcome, Rank};
pub use properties::{ALWAYS, Property, Violation};
pub use scope::{Budget, Budgets, Fault, Order, Scope, Wire};
pub use setup::{Clock, Object, SetInfo, Setup};
pub use world::{Desk, Flight, World};
