//! What is wrong with an event about a link or about letters.

use core::fmt;

/// An event names a link, a site, a sender or a direction that there is not, or says too much or too little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// There is no such link.
    Link {
        /// The event's key.
        event: &'static str,
        /// What the file says.
        value: String,
        /// The links that there are.
        allowed: &'static [&'static str],
    },
    /// There is no such site.
    Site {
        /// The event's key.
        event: &'static str,
        /// What the file says.
        value: String,
        /// The sites that there are.
        allowed: Vec<String>,
    },
    /// Nobody of this name sends or gets letters.
    Party {
        /// The event's key.
        event: &'static str,
        /// What the file says.
        value: String,
        /// Who does.
        allowed: Vec<String>,
    },
    /// The link has no such direction.
    Direction {
        /// The event's key.
        event: &'static str,
        /// The link.
        link: String,
        /// What the file says.
        value: String,
        /// Its directions.
        allowed: &'static [&'static str],
    },
    /// The key says nothing of this link.
    Key {
        /// The event's key.
        event: &'static str,
        /// The link.
        link: String,
        /// The key within the event.
        key: &'static str,
        /// The keys that say something of it.
        allowed: &'static [&'static str],
    },
    /// Each site has such a link of its own, and none is named.
    NoSite {
        /// The event's key.
        event: &'static str,
        /// The link.
        link: String,
        /// The sites that there are.
        allowed: Vec<String>,
    },
    /// The deployment has no arbiter.
    NoArbiter {
        /// The event's key.
        event: &'static str,
    },
    /// Sender and receiver are one.
    Itself {
        /// The event's key.
        event: &'static str,
        /// Who.
        value: String,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link { event, value, .. } => write!(f, "`{event}`: there is no link called `{value}`"),
            Self::Site { event, value, .. } => write!(f, "`{event}`: the deployment has no site called `{value}`"),
            Self::Party { event, value, .. } => write!(f, "`{event}`: nobody called `{value}` sends or gets letters"),
            Self::Direction { event, link, value, .. } => {
                write!(f, "`{event}`: the link `{link}` has no direction `{value}`")
            }
            Self::Key { event, link, key, .. } => write!(f, "`{event}`: `{key}` says nothing of the link `{link}`"),
            Self::NoSite { event, link, .. } => write!(f, "`{event}`: each site has a link `{link}` of its own"),
            Self::NoArbiter { event } => {
                write!(f, "`{event}`: the deployment has no arbiter, and nobody sends letters")
            }
            Self::Itself { event, value } => write!(f, "`{event}`: `{value}` sends no letters to itself"),
        }
    }
}

impl LinkError {
    /// What is allowed.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Link { allowed, .. } => format!("the links are {}", listed(allowed)),
            Self::Site { allowed, .. } => format!("the sites are {}", listed(allowed)),
            Self::Party { allowed, .. } => format!("`from` and `to` are one of {}", listed(allowed)),
            Self::Direction { allowed, .. } => format!("its directions are {}; leave it out for both", listed(allowed)),
            Self::Key { allowed, .. } => format!("what it takes is {}", listed(allowed)),
            Self::NoSite { allowed, .. } => format!("say whose with `site`: {}", listed(allowed)),
            Self::NoArbiter { .. } => "add `[policy.arbiter]` to the deployment, or leave the event out".into(),
            Self::Itself { .. } => "name two different ones, or leave one out".into(),
        }
    }
}

fn listed(names: &[impl AsRef<str>]) -> String {
    names.iter().map(|n| format!("`{}`", n.as_ref())).collect::<Vec<_>>().join(", ")
}
