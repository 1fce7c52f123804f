//! The one environment of Farshore: the real machines in an abstract world.

pub mod config;
