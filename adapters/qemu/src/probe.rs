//! Asking a LUN whether it is there, as a host would: an iSCSI login and TEST UNIT READY. The sense bytes come as sent.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use farshore_core::input::PathAnswer;
use thiserror::Error;

/// How long a target may take to answer before it is silent.
const PATIENCE: Duration = Duration::from_millis(400);
/// Longest data segment that is read.
const MOST: usize = 64 * 1024;
/// How often a unit attention is asked past: it is no answer (D1).
const ATTENTIONS: usize = 3;

/// Header of a protocol data unit.
pub const HEADER: usize = 48;

/// What a target answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Login: status class and detail.
    Login(u8, u8),
    /// A command has ended: SCSI status and sense bytes.
    Status(u8, Vec<u8>),
    /// Something else.
    Other(u8),
}

/// The target did not complete a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the target did not complete the command: response {0:#04x}")]
pub struct NotCompleted(pub u8);

/// Reads a protocol data unit: a header, and the data segment that it announces.
///
/// # Errors
/// A response to a command that the target did not complete.
pub fn parse(header: &[u8; HEADER], data: &[u8]) -> Result<Answer, NotCompleted> {
    match header[0] & 0x3f {
        0x23 => Ok(Answer::Login(header[36], header[37])),
        0x21 if header[2] != 0 => Err(NotCompleted(header[2])),
        0x21 => {
            let sense = match data.split_first_chunk::<2>() {
                None => Vec::new(),
                Some((length, sense)) => {
                    let length = usize::from(u16::from_be_bytes(*length)).min(sense.len());
                    sense[..length].to_vec()
                }
            };
            Ok(Answer::Status(header[3], sense))
        }
        other => Ok(Answer::Other(other)),
    }
}

/// Length of the data segment that a header announces, padding included; `None`: longer than is read.
#[must_use]
pub fn data_length(header: &[u8; HEADER]) -> Option<usize> {
    let ahs = usize::from(header[4]) * 4;
    let data = usize::from(header[5]) << 16 | usize::from(header[6]) << 8 | usize::from(header[7]);
    let padded = data.next_multiple_of(4) + ahs;
    (padded <= MOST).then_some(padded)
}

/// One path of a host to a LUN.
#[derive(Debug)]
pub struct Path {
    portal: SocketAddr,
    target: String,
    initiator: String,
    unit: u16,
    session: Option<Session>,
}

#[derive(Debug)]
struct Session {
    stream: TcpStream,
    next: u32,
}

impl Path {
    /// A path; nothing is connected yet.
    #[must_use]
    pub fn new(portal: SocketAddr, target: &str, initiator: &str, unit: u16) -> Self {
        Self { portal, target: target.into(), initiator: initiator.into(), unit, session: None }
    }

    /// Asks the LUN now.
    pub fn sample(&mut self) -> PathAnswer {
        for _ in 0..ATTENTIONS {
            let session = match self.session.take() {
                Some(session) => Ok(session),
                None => self.login(),
            };
            let mut session = match session {
                Ok(session) => session,
                Err(answer) => return answer,
            };
            match session.test_unit_ready(self.unit) {
                Ok(Answer::Status(0, _)) => {
                    self.session = Some(session);
                    return PathAnswer::Healthy;
                }
                Ok(Answer::Status(_, sense)) => {
                    self.session = Some(session);
                    if sense.get(2).is_some_and(|key| key & 0xf == 6) {
                        continue;
                    }
                    return PathAnswer::Sense(sense);
                }
                Ok(Answer::Login(..) | Answer::Other(_)) | Err(_) => return PathAnswer::Silent,
            }
        }
        PathAnswer::Silent
    }

    fn login(&self) -> Result<Session, PathAnswer> {
        let connect = || -> std::io::Result<Session> {
            let stream = TcpStream::connect_timeout(&self.portal, PATIENCE)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(Session { stream, next: 1 })
        };
        let mut session = connect().map_err(|_| PathAnswer::Silent)?;
        let keys = format!(
            "InitiatorName={}\0SessionType=Normal\0TargetName={}\0HeaderDigest=None\0DataDigest=None\0",
            self.initiator, self.target
        );
        let mut header = [0; HEADER];
        header[0] = 0x43;
        header[1] = 0x87; // from operational negotiation straight to the full feature phase
        header[5..8].copy_from_slice(&u32::try_from(keys.len()).unwrap_or(0).to_be_bytes()[1..]);
        header[8] = 0x80; // a random session id: the target tells sessions of one initiator apart by it
        header[9..13].copy_from_slice(&(std::process::id() ^ u32::from(self.unit) << 16).to_be_bytes());
        header[27] = 1;
        match session.ask(&header, keys.as_bytes()) {
            Ok(Answer::Login(0, _)) => Ok(session),
            // Not found, or removed: the target is not available any more (D1).
            Ok(Answer::Login(2, 3 | 4)) => Err(PathAnswer::TargetUnavailable),
            Ok(Answer::Login(..) | Answer::Status(..) | Answer::Other(_)) | Err(_) => Err(PathAnswer::Silent),
        }
    }
}

impl Session {
    fn test_unit_ready(&mut self, unit: u16) -> std::io::Result<Answer> {
        let mut header = [0; HEADER];
        header[0] = 0x01;
        header[1] = 0x81;
        header[8..10].copy_from_slice(&unit.to_be_bytes());
        header[16..20].copy_from_slice(&self.next.to_be_bytes());
        header[24..28].copy_from_slice(&self.next.to_be_bytes());
        self.next = self.next.wrapping_add(1);
        self.ask(&header, &[])
    }

    fn ask(&mut self, header: &[u8; HEADER], data: &[u8]) -> std::io::Result<Answer> {
        let mut unit = header.to_vec();
        unit.extend_from_slice(data);
        unit.resize(unit.len().next_multiple_of(4), 0);
        self.stream.write_all(&unit)?;
        loop {
            let mut header = [0; HEADER];
            self.stream.read_exact(&mut header)?;
            let length = data_length(&header).ok_or(std::io::ErrorKind::InvalidData)?;
            let mut data = vec![0; length];
            self.stream.read_exact(&mut data)?;
            match parse(&header, &data).map_err(std::io::Error::other)? {
                Answer::Other(_) => {}
                answer => return Ok(answer),
            }
        }
    }
}
