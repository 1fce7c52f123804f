//! Durations and sizes as a person writes them.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use crate::time::Millis;

/// A span of time as a person writes it: a whole number and a unit, such as `100ms`, `140s`, `15m`, `1h` or `1d`.
///
/// At most [`Span::LONGEST`], so that no sum of a few of them can overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub Millis);

/// A size of memory as a person writes it: a whole number and a unit, such as `512MiB`, `64GiB` or `2TiB`.
///
/// Held in MiB, at most [`Memory::LARGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Memory(pub u64);

/// What is wrong with the text of a [`Span`] or a [`Memory`]. The message says what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text is no span of time.
    #[error(
        "`{0}` is not a duration: write a whole number and a unit (ms, s, m, h or d), such as \"100ms\" or \"140s\""
    )]
    Span(String),
    /// The span is longer than [`Span::LONGEST`].
    #[error("`{0}` is too long: a duration is at most {longest}", longest = Span::LONGEST)]
    SpanTooLong(String),
    /// The text is no size of memory.
    #[error("`{0}` is not a size: write a whole number and a unit (MiB, GiB or TiB), such as \"512MiB\" or \"64GiB\"")]
    Memory(String),
    /// The size is larger than [`Memory::LARGEST`].
    #[error("`{0}` is too large: a size is at most {largest}", largest = Memory::LARGEST)]
    MemoryTooLarge(String),
}

/// Milliseconds in each unit, the longest unit first.
const SPAN_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// MiB in each unit, the largest unit first.
const MEMORY_UNITS: [(&str, u64); 3] = [("TiB", 1 << 20), ("GiB", 1 << 10), ("MiB", 1)];

impl Span {
    /// The longest span that is accepted: 366 days.
    pub const LONGEST: Self = Self(Millis::secs(366 * 86_400));

    /// A span of whole seconds.
    #[must_use]
    pub const fn secs(s: u64) -> Self {
        Self(Millis::secs(s))
    }

    /// A span of milliseconds.
    #[must_use]
    pub const fn millis(ms: u64) -> Self {
        Self(Millis(ms))
    }
}

impl Memory {
    /// The largest size that is accepted: 1024 TiB.
    pub const LARGEST: Self = Self(1 << 30);

    /// A size of whole GiB.
    #[must_use]
    pub const fn gib(gib: u64) -> Self {
        Self(gib.saturating_mul(1024))
    }
}

/// Splits "140s" into 140 and the size of its unit. `None`: not of that form.
fn parts(text: &str, units: &[(&str, u64)]) -> Option<(Option<u64>, u64)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = (text.get(..end)?, text.get(end..)?.trim_start());
    let size = units.iter().find(|(name, _)| *name == unit)?.1;
    // All digits: what does not parse is out of range.
    (!number.is_empty()).then(|| (number.parse().ok(), size))
}

/// The text of a number in the largest unit that divides it.
fn write(f: &mut fmt::Formatter<'_>, number: u64, units: &[(&str, u64)]) -> fmt::Result {
    let smallest = units.last().copied().unwrap_or(("", 1));
    let fitting = units.iter().copied().find(|&(_, size)| number >= size && number.is_multiple_of(size));
    let (name, size) = fitting.unwrap_or(smallest);
    write!(f, "{}{name}", number / size)
}

impl FromStr for Span {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let (number, unit) = parts(text, &SPAN_UNITS).ok_or_else(|| TextError::Span(text.into()))?;
        match number.and_then(|n| n.checked_mul(unit)).map(Self::millis) {
            Some(span) if span <= Self::LONGEST => Ok(span),
            _ => Err(TextError::SpanTooLong(text.into())),
        }
    }
}

impl FromStr for Memory {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let (number, unit) = parts(text, &MEMORY_UNITS).ok_or_else(|| TextError::Memory(text.into()))?;
        match number.and_then(|n| n.checked_mul(unit)).map(Self) {
            Some(size) if size <= Self::LARGEST => Ok(size),
            _ => Err(TextError::MemoryTooLarge(text.into())),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Millis::ZERO { f.write_str("0s") } else { write(f, self.0.0, &SPAN_UNITS) }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, &MEMORY_UNITS)
    }
}

impl From<Span> for Millis {
    fn from(span: Span) -> Self {
        span.0
    }
}

/// Reading and writing these as text, and as nothing else: a bare number has no unit.
#[cfg(feature = "serde")]
mod with_serde {
    use super::{FromStr, Memory, Span, fmt};
    use serde::de::{Deserialize, Deserializer, Error, Visitor};
    use serde::ser::{Serialize, Serializer};

    macro_rules! as_text {
        ($($name:ident: $expected:literal;)*) => {$(
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    struct Text;
                    impl Visitor<'_> for Text {
                        type Value = $name;
                        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                            f.write_str($expected)
                        }
                        fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                            $name::from_str(text).map_err(E::custom)
                        }
                    }
                    deserializer.deserialize_str(Text)
                }
            }
        )*};
    }

    as_text! {
        Span: "a duration in quotes, with its unit, such as \"100ms\", \"140s\" or \"1h\"";
        Memory: "a size in quotes, with its unit, such as \"512MiB\" or \"64GiB\"";
    }
}
