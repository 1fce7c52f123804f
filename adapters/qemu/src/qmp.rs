//! QMP: what QEMU and qemu-storage-daemon are told. Every reply has a time limit; unknown events are kept, not feared.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thiserror::Error;

use crate::LabError;

/// How long a monitor may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What a monitor says, one line at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The greeting.
    Greeting,
    /// The result of a command.
    Return(Value),
    /// Why a command was refused.
    Error(String),
    /// Something happened: name and data.
    Event(String, Value),
}

/// Why a line is no QMP.
#[derive(Debug, Error)]
pub enum NotQmp {
    /// It is no JSON.
    #[error("no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is JSON, but no object.
    #[error("not an object")]
    NoObject,
    /// It is an object of another kind.
    #[error("neither greeting, result, error nor event")]
    Other,
}

/// Reads one line of a monitor.
///
/// # Errors
/// A line that is no QMP, and why.
pub fn parse(line: &str) -> Result<Said, NotQmp> {
    let Value::Object(mut object) = serde_json::from_str(line)? else { return Err(NotQmp::NoObject) };
    if let Some(result) = object.remove("return") {
        return Ok(Said::Return(result));
    }
    if let Some(error) = object.remove("error") {
        let words = error.get("desc").and_then(Value::as_str).unwrap_or("no description");
        return Ok(Said::Error(words.into()));
    }
    if let Some(Value::String(name)) = object.remove("event") {
        return Ok(Said::Event(name, object.remove("data").unwrap_or(Value::Null)));
    }
    if object.contains_key("QMP") {
        return Ok(Said::Greeting);
    }
    Err(NotQmp::Other)
}

/// A connection to a monitor.
#[derive(Debug)]
pub struct Qmp {
    name: String,
    stream: UnixStream,
    unread: Vec<u8>,
    events: Vec<(String, Value)>,
}

impl Qmp {
    /// Connects and agrees on capabilities.
    ///
    /// # Errors
    /// A monitor that is not there, does not answer, or does not speak QMP.
    pub fn connect(name: &str, socket: &Path) -> Result<Self, LabError> {
        let stream =
            UnixStream::connect(socket).map_err(LabError::io(format!("connecting to {}", socket.display())))?;
        let mut qmp = Self { name: name.into(), stream, unread: Vec::new(), events: Vec::new() };
        let limit = Instant::now() + PATIENCE;
        while qmp.next(limit, "the greeting")? != Said::Greeting {}
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Executes a command.
    ///
    /// # Errors
    /// A refusal, silence, or an answer that is no QMP.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, LabError> {
        let mut line = json!({ "execute": command, "arguments": arguments }).to_string();
        line.push('\n');
        self.stream.set_write_timeout(Some(PATIENCE)).map_err(LabError::io(&self.name))?;
        self.stream.write_all(line.as_bytes()).map_err(LabError::io(format!("telling {} {command}", self.name)))?;
        let limit = Instant::now() + PATIENCE;
        loop {
            match self.next(limit, command)? {
                Said::Return(value) => return Ok(value),
                Said::Error(reason) => {
                    let (monitor, command) = (self.name.clone(), command.into());
                    return Err(LabError::Refused { monitor, command, reason });
                }
                Said::Event(name, data) => self.events.push((name, data)),
                Said::Greeting => {}
            }
        }
    }

    /// Waits for an event that fits; those that do not are dropped.
    ///
    /// # Errors
    /// Silence, or something that is no QMP.
    pub fn event(
        &mut self,
        what: &str,
        within: Duration,
        fits: impl Fn(&str, &Value) -> bool,
    ) -> Result<Value, LabError> {
        if let Some(at) = self.events.iter().position(|(name, data)| fits(name, data)) {
            return Ok(self.events.drain(..=at).next_back().map_or(Value::Null, |(_, data)| data));
        }
        self.events.clear();
        let limit = Instant::now() + within;
        loop {
            if let Said::Event(name, data) = self.next(limit, what)?
                && fits(&name, &data)
            {
                return Ok(data);
            }
        }
    }

    /// The next thing that is said.
    fn next(&mut self, limit: Instant, what: &str) -> Result<Said, LabError> {
        loop {
            if let Some(end) = self.unread.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line);
                if text.trim().is_empty() {
                    continue;
                }
                return parse(&text).map_err(|why| LabError::Qmp { monitor: self.name.clone(), what: why.to_string() });
            }
            let left = limit.saturating_duration_since(Instant::now());
            let late = || LabError::Timeout { what: format!("{}: {what}", self.name), ms: 5000 };
            if left.is_zero() {
                return Err(late());
            }
            self.stream.set_read_timeout(Some(left)).map_err(LabError::io(&self.name))?;
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => {
                    let what = format!("{} closed its monitor during {what}", self.name);
                    return Err(LabError::Io { what, error: std::io::ErrorKind::UnexpectedEof.into() });
                }
                Ok(n) => self.unread.extend_from_slice(&bytes[..n]),
                Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                    return Err(late());
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(LabError::Io { what: format!("listening to {}", self.name), error: source }),
            }
        }
    }
}
