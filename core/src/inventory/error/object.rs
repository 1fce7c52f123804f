//! Objects of a deployment, as errors name them.

use alloc::string::String;
use core::fmt;

/// Kind of an object of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A site.
    Site,
    /// A host.
    Host,
    /// A storage array.
    Array,
    /// A LUN pair, or a LUN without a replica.
    Lun,
    /// A datastore.
    Datastore,
    /// A virtual machine.
    Vm,
    /// A protection group.
    Group,
    /// A recovery plan.
    Plan,
    /// A step of a plan.
    Step,
    /// A resource pool.
    Pool,
    /// A folder.
    Folder,
    /// A network.
    Network,
    /// A rule that chooses a plan; its name is its number in the file, from 1.
    Rule,
    /// An inventory mapping; its name is "from → to".
    Mapping,
    /// A section of the policy, by its heading.
    Section,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Site => "site",
            Self::Host => "host",
            Self::Array => "array",
            Self::Lun => "LUN",
            Self::Datastore => "datastore",
            Self::Vm => "VM",
            Self::Group => "group",
            Self::Plan => "plan",
            Self::Step => "step",
            Self::Pool => "pool",
            Self::Folder => "folder",
            Self::Network => "network",
            Self::Rule => "rule",
            Self::Mapping => "mapping",
            Self::Section => "section",
        })
    }
}

/// An object of a deployment, as an error names it: "VM `shop-db`".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its name in the deployment.
    pub name: String,
}

impl Object {
    /// The object of this kind and name.
    pub(in crate::inventory) fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)
    }
}
