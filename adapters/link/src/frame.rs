//! The wire format: a four-byte length, most significant byte first, and that many bytes of JSON.

use farshore_core::message::Message;
use thiserror::Error;

/// Longest message, bytes. A handover of a group with ten thousand LUNs fits.
pub const MAX: usize = 1 << 20;

/// Bytes that are no messages. The connection is of no further use.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The length is more than [`MAX`].
    #[error("a frame of {0} bytes was announced, {MAX} are the most: this is not a Farshore manager of this version")]
    TooLong(usize),
    /// The bytes are no message.
    #[error("a frame does not read as a message: {0}: this is not a Farshore manager of this version")]
    Message(#[from] serde_json::Error),
}

/// A message as it goes over the wire.
///
/// # Errors
/// A message longer than [`MAX`].
pub fn encode(message: &Message) -> Result<Vec<u8>, FrameError> {
    let body = serde_json::to_vec(message)?;
    let length =
        u32::try_from(body.len()).ok().filter(|&n| n as usize <= MAX).ok_or(FrameError::TooLong(body.len()))?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(body);
    Ok(frame)
}

/// Turns a stream of bytes into messages, whatever pieces it comes in. Holds at most one frame and what came with it.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
}

impl Decoder {
    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if it is there in full.
    ///
    /// # Errors
    /// Bytes that are no message; the stream is of no further use.
    pub fn next_message(&mut self) -> Result<Option<Message>, FrameError> {
        let Some((length, rest)) = self.bytes.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = serde_json::from_slice(body)?;
        self.bytes.drain(..4 + length);
        Ok(Some(message))
    }
}
