//! Names, keys and dense indices.
//!
//! Outside the machine everything is known by a key: the digest of its name, the same after a restart, a
//! reordering or an upgrade. Inside, tables are addressed by dense indices, which never leave memory.

use core::fmt;

/// 64-bit FNV-1a of some bytes: stable over versions and machines. Not cryptographic.
#[must_use]
pub const fn fnv1a(bytes: &[u8]) -> u64 {
    fnv1a_on(0xcbf2_9ce4_8422_2325, bytes)
}

/// Continues a digest with more bytes.
#[must_use]
pub const fn fnv1a_on(mut digest: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        digest = (digest ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    digest
}

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name(pub u64);

        impl $name {
            /// The key of a name.
            #[must_use]
            pub const fn of(name: &str) -> Self {
                Self(fnv1a(name.as_bytes()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:016x})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }
    )*};
}

keys! {
    /// Key of a site.
    SiteKey;
    /// Key of a host.
    HostKey;
    /// Key of a storage array.
    ArrayKey;
    /// Key of a LUN pair (or of a LUN without a replica). Which of the two copies is meant follows from the site.
    LunKey;
    /// Key of a datastore.
    DatastoreKey;
    /// Key of a virtual machine.
    VmKey;
    /// Key of a protection group.
    GroupKey;
    /// Key of a recovery plan.
    PlanKey;
    /// Key of a step of a recovery plan: of `plan/step`.
    StepKey;
}

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl Index for $name {
            fn at(self) -> usize {
                self.0 as usize
            }
            fn from_at(at: usize) -> Self {
                Self(u32::try_from(at).unwrap_or(u32::MAX))
            }
        }
    )*};
}

/// A dense index into one kind of [`Table`](crate::inventory::Table).
pub trait Index: Copy + Ord {
    /// Position in the table.
    fn at(self) -> usize;
    /// Index of a position.
    fn from_at(at: usize) -> Self;
}

indices! {
    /// Index of a host.
    HostIx;
    /// Index of an array.
    ArrayIx;
    /// Index of a LUN pair.
    LunIx;
    /// Index of a datastore.
    DatastoreIx;
    /// Index of a virtual machine.
    VmIx;
    /// Index of a protection group.
    GroupIx;
    /// Index of a recovery plan.
    PlanIx;
    /// Index of a resource pool.
    PoolIx;
}

/// One of the two sites of a pair. `One` is the site whose name sorts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Side {
    /// The site whose name sorts first.
    One,
    /// The other site.
    Two,
}

impl Side {
    /// Both sites, in order.
    pub const BOTH: [Self; 2] = [Self::One, Self::Two];

    /// The other site of the pair.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::One => Self::Two,
            Self::Two => Self::One,
        }
    }

    /// Position in a pair `[T; 2]`.
    #[must_use]
    pub const fn at(self) -> usize {
        match self {
            Self::One => 0,
            Self::Two => 1,
        }
    }
}

/// Which ownership a group is in. Rises each time ownership moves and never falls (I7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch in which a group's home site owns it from the start.
    pub const FIRST: Self = Self(1);

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Which try at a workflow, within an epoch. Rises, and is journaled, each time a workflow starts, aborts or tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Turn(pub u64);

impl Turn {
    /// The turn after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Digest of something that both sites must hold alike (a plan, a group's configuration, a whole deployment).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Digest(pub u64);
