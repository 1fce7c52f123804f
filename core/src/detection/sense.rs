//! SCSI sense data: what a path answered, read from its bytes (D1; SPC-4, 4.5).

use thiserror::Error;

/// Sense key, additional sense code and qualifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sense {
    /// Sense key, 0 to 15.
    pub key: u8,
    /// Additional sense code.
    pub asc: u8,
    /// Additional sense code qualifier.
    pub ascq: u8,
    /// It describes an earlier command than the one that it came with.
    pub deferred: bool,
}

/// Bytes that are no sense data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum SenseError {
    /// There are too few bytes for a sense code.
    #[error("sense data of {length} bytes hold no sense code: at least {needed} are needed")]
    Truncated {
        /// Bytes given.
        length: usize,
        /// Bytes needed for this format.
        needed: usize,
    },
    /// Fixed format whose own length, byte 7, ends before the sense code at bytes 12 and 13.
    #[error("sense data hold no sense code: byte 7 counts {additional} more bytes, at least 6 are needed")]
    NoCode {
        /// The additional sense length.
        additional: u8,
    },
    /// The first byte names no format that is known, or a vendor's own (7Fh).
    #[error("response code {0:#04x} is not sense data (70h to 73h)")]
    Format(u8),
}

/// What sense data say about permanent device loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meaning {
    /// The logical unit is permanently lost.
    DeviceLoss,
    /// No answer: the path is to be probed again.
    AskAgain,
    /// Something else, which is no permanent loss.
    Other,
}

/// Sense codes that mean permanent device loss: key, code, qualifier (D1).
pub const DEVICE_LOSS: [(u8, u8, u8); 4] = [
    (0x5, 0x25, 0x00), // LOGICAL UNIT NOT SUPPORTED
    (0x4, 0x3e, 0x01), // LOGICAL UNIT FAILURE
    (0x4, 0x3e, 0x03), // LOGICAL UNIT FAILED SELF-TEST
    (0x4, 0x4c, 0x00), // LOGICAL UNIT FAILED SELF-CONFIGURATION
];

const UNIT_ATTENTION: u8 = 0x6;

/// Reads sense data in fixed (70h, 71h) or descriptor (72h, 73h) format (D1).
///
/// A transfer may be cut short anywhere: what was transferred is valid, and only the bytes that are read must be there.
/// Nothing is made up for bytes that are not. Bit 7 of the first byte (VALID, or reserved) and whatever follows the
/// codes, a vendor's bytes and descriptors too, change nothing.
///
/// # Errors
/// Bytes that are too few, or in no known format.
pub fn parse(bytes: &[u8]) -> Result<Sense, SenseError> {
    let truncated = |needed| SenseError::Truncated { length: bytes.len(), needed };
    let &first = bytes.first().ok_or(truncated(1))?;
    let code = first & 0x7f;
    let deferred = code & 1 == 1;
    match code {
        0x70 | 0x71 => match *bytes {
            // Byte 7 counts the bytes after it: the codes at 12 and 13 are there from 6 on.
            [_, _, key, _, _, _, _, more, _, _, _, _, asc, ascq, ..] if more >= 6 => {
                Ok(Sense { key: key & 0xf, asc, ascq, deferred })
            }
            [_, _, _, _, _, _, _, additional, _, _, _, _, _, _, ..] => Err(SenseError::NoCode { additional }),
            _ => Err(truncated(14)),
        },
        0x72 | 0x73 => match *bytes {
            [_, key, asc, ascq, ..] => Ok(Sense { key: key & 0xf, asc, ascq, deferred }),
            _ => Err(truncated(4)),
        },
        _ => Err(SenseError::Format(first)),
    }
}

/// What sense data mean: the table of D1. A unit attention is no answer. Nor is a deferred error (71h, 73h), which tells
/// of an earlier command than the one that was sent to find out: permanent loss shows again in the answer to the next.
#[must_use]
pub fn classify(sense: Sense) -> Meaning {
    if sense.deferred || sense.key == UNIT_ATTENTION {
        return Meaning::AskAgain;
    }
    if DEVICE_LOSS.contains(&(sense.key, sense.asc, sense.ascq)) { Meaning::DeviceLoss } else { Meaning::Other }
}
