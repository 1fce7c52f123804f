//! Files that people write: strict TOML, and errors that say where, what, and what was probably meant.
//!
//! A deployment is one such file, a scenario another; [`parse`] reads any type that denies unknown fields.
//!
//! ```
//! use farshore_world::config;
//!
//! let error = config::deployment("[[datastore]]\nname = \"shop\"\nlun = [\"shop\"]\n", "shop.toml").unwrap_err();
//! assert_eq!((error.line, error.column), (3, 1));
//! assert_eq!(error.help.as_deref(), Some("did you mean `luns`?"));
//! ```

mod error;
mod suggest;

use farshore_core::spec::Deployment;
use serde::de::DeserializeOwned;

pub use error::ConfigFileError;

/// Reads a deployment. What it says is not checked yet: [`Site::new`](farshore_core::Site::new) does that.
///
/// `file` is the name that errors show; nothing is opened.
///
/// # Errors
/// The text is not TOML, or has a key, type or value that the format does not have. `docs/deployment.md` describes it.
pub fn deployment(text: &str, file: &str) -> Result<Deployment, ConfigFileError> {
    parse(text, file)
}

/// Reads a value from TOML, strictly: give `T` and what it holds `#[serde(deny_unknown_fields)]`.
///
/// `file` is the name that errors show; nothing is opened.
///
/// # Errors
/// The text is not TOML, or not a `T`: where, what, and for an unknown key or value the one that was probably meant.
pub fn parse<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, ConfigFileError> {
    toml::from_str(text).map_err(|error| ConfigFileError::new(text, file, &error))
}
