//! Tables with a short form: text alone stands for a table that has only its first key.

use core::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Host, PlanGroup, Pool, Recovery};
use crate::policy::RecoveryKind;

/// Reads text or a table; always writes a table. Unlike serde's `untagged` it keeps the table's own errors.
macro_rules! text_or_table {
    ($($name:ident: $expected:literal, $short:expr;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // The derived, inherent method: `serde(remote = "Self")`.
                Self::serialize(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> Visitor<'de> for Either {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                        let short: fn(&str) -> Result<$name, E> = $short;
                        short(text)
                    }
                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        $name::deserialize(MapAccessDeserializer::new(map))
                    }
                }
                deserializer.deserialize_any(Either)
            }
        }
    )*};
}

text_or_table! {
    Host: "the name of a host, or a table with its `name`", |name| Ok(Host::named(name));
    Pool: "the name of a pool, or a table with its `name`", |name| Ok(Pool::named(name));
    PlanGroup: "the name of a group, or a table with `group` and `priority`", |name| Ok(PlanGroup::named(name));
    Recovery: "a recovery type, or a table with its `type`", |kind| {
        let kind = RecoveryKind::deserialize(serde::de::value::StrDeserializer::new(kind))?;
        Ok(Recovery { kind, ..Recovery::default() })
    };
}
