//! Subnets as a person writes them.

use alloc::string::{String, ToString};
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

/// A subnet, as `10.1.0.0/16` or `fd00:1::/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subnet {
    network: IpAddr,
    prefix: u8,
}

/// What is wrong with the text of a [`Subnet`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubnetError {
    /// It is none.
    #[error("`{0}` is not a subnet: write an address and a length of prefix, such as \"10.1.0.0/16\"")]
    Text(String),
    /// Bits are set below the prefix.
    #[error("`{0}` has bits set below its prefix: write the network's own address, `{1}`")]
    HostBits(String, IpAddr),
}

impl Subnet {
    /// Length of the prefix, in bits.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether it holds addresses of version 4.
    #[must_use]
    pub const fn is_v4(&self) -> bool {
        self.network.is_ipv4()
    }

    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_v4() && masked(address, self.prefix) == self.network
    }

    /// The address with the same host part in another subnet of the same length.
    #[must_use]
    pub fn translate(&self, address: IpAddr, to: &Self) -> Option<IpAddr> {
        if !self.contains(address) || self.prefix != to.prefix || self.is_v4() != to.is_v4() {
            return None;
        }
        Some(match (address, to.network) {
            (IpAddr::V4(host), IpAddr::V4(net)) => {
                IpAddr::V4((host.to_bits() & !mask4(self.prefix) | net.to_bits()).into())
            }
            (IpAddr::V6(host), IpAddr::V6(net)) => {
                IpAddr::V6((host.to_bits() & !mask6(self.prefix) | net.to_bits()).into())
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
        })
    }
}

const fn mask4(prefix: u8) -> u32 {
    match u32::MAX.checked_shl(32 - prefix as u32) {
        Some(mask) => mask,
        None => 0,
    }
}

const fn mask6(prefix: u8) -> u128 {
    match u128::MAX.checked_shl(128 - prefix as u32) {
        Some(mask) => mask,
        None => 0,
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(a) => IpAddr::V4((a.to_bits() & mask4(prefix)).into()),
        IpAddr::V6(a) => IpAddr::V6((a.to_bits() & mask6(prefix)).into()),
    }
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let wrong = || SubnetError::Text(text.to_string());
        let (network, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let network: IpAddr = network.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        if prefix > if network.is_ipv4() { 32 } else { 128 } {
            return Err(wrong());
        }
        let own = masked(network, prefix);
        if own != network {
            return Err(SubnetError::HostBits(text.to_string(), own));
        }
        Ok(Self { network, prefix })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Subnet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Subnet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
