//! Lines of JSON over TCP. Whoever sends loses what cannot be sent now; whoever listens answers on the same connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Lines that wait for a connection; more are lost, and said again by whoever needs them (I18).
const QUEUE: usize = 1024;
/// How long a connection attempt or a write may take.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often a connection that has ended is made anew, and a listener looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(20);
/// Longest line, bytes.
const LONGEST: u64 = 1 << 20;

/// A way to somebody: kept up by a thread, which ends with it.
#[derive(Clone, Debug)]
pub(crate) struct Wire(SyncSender<String>);

impl Wire {
    /// Keeps up a connection. `hello` is said first on each; what comes back is told.
    pub(crate) fn to<T: DeserializeOwned + 'static>(
        address: SocketAddr,
        hello: Option<String>,
        tell: impl Fn(T) + Clone + Send + 'static,
    ) -> Self {
        let (queue, lines) = sync_channel(QUEUE);
        std::thread::spawn(move || keep_up(address, hello.as_deref(), &lines, &tell));
        Self(queue)
    }

    pub(crate) fn send(&self, message: &impl Serialize) {
        if let Ok(line) = serde_json::to_string(message) {
            let _ = self.0.try_send(line);
        }
    }
}

struct Connection {
    stream: TcpStream,
    ended: Arc<AtomicBool>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn keep_up<T: DeserializeOwned + 'static>(
    address: SocketAddr,
    hello: Option<&str>,
    lines: &Receiver<String>,
    tell: &(impl Fn(T) + Clone + Send + 'static),
) {
    let mut connection: Option<Connection> = None;
    loop {
        let line = match lines.recv_timeout(LOOK) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        connection = connection.filter(|c| !c.ended.load(Ordering::Relaxed)).or_else(|| open(address, hello, tell));
        if let (Some(open), Some(line)) = (&mut connection, line)
            && write(&mut open.stream, &line).is_err()
        {
            connection = None;
        }
    }
}

fn open<T: DeserializeOwned + 'static>(
    address: SocketAddr,
    hello: Option<&str>,
    tell: &(impl Fn(T) + Clone + Send + 'static),
) -> Option<Connection> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(PATIENCE))).ok()?;
    if let Some(hello) = hello {
        write(&mut stream, hello).ok()?;
    }
    let (reader, ended) = (stream.try_clone().ok()?, Arc::new(AtomicBool::new(false)));
    let (over, tell) = (ended.clone(), tell.clone());
    std::thread::spawn(move || {
        read(reader, tell);
        over.store(true, Ordering::Relaxed);
    });
    Some(Connection { stream, ended })
}

fn write(stream: &mut TcpStream, line: &str) -> std::io::Result<()> {
    stream.write_all(format!("{line}\n").as_bytes())
}

/// Reads lines until the connection ends, or somebody says what is none.
fn read<T: DeserializeOwned>(stream: TcpStream, mut tell: impl FnMut(T)) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let read = Read::by_ref(&mut reader).take(LONGEST).read_until(b'\n', &mut line);
        if !matches!(read, Ok(n) if n > 0) || !line.ends_with(b"\n") {
            return;
        }
        match serde_json::from_slice(&line) {
            Ok(message) => tell(message),
            Err(error) => {
                eprintln!("farshore: a line does not read as a message, and its connection is closed: {error}");
                return;
            }
        }
    }
}

/// Whoever said something: can be answered for as long as the connection lasts.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Arc<Mutex<TcpStream>>);

impl Caller {
    pub(crate) fn say(&self, message: &impl Serialize) {
        let Ok(line) = serde_json::to_string(message) else { return };
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if write(&mut stream, &line).is_err() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Somebody who listens, until it is dropped.
#[derive(Debug)]
pub(crate) struct Ear {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Ear {
    /// Listens. `serve` is called from a thread for each connection.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub(crate) fn start<T: DeserializeOwned>(
        address: SocketAddr,
        serve: impl Fn(&Caller, T) + Clone + Send + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => answer(stream, serve.clone()),
                    Err(_) => std::thread::sleep(LOOK),
                }
            }
        });
        Ok(Self { address, stop })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn answer<T: DeserializeOwned>(stream: TcpStream, serve: impl Fn(&Caller, T) + Send + 'static) {
    let ready = stream.set_nonblocking(false).and_then(|()| stream.set_nodelay(true));
    let ready = ready.and_then(|()| stream.set_write_timeout(Some(PATIENCE))).and_then(|()| stream.try_clone());
    if let Ok(reader) = ready {
        let caller = Caller(Arc::new(Mutex::new(stream)));
        std::thread::spawn(move || read(reader, |message| serve(&caller, message)));
    }
}

/// Asks once, and takes the first answer.
pub(crate) fn ask_once<T: DeserializeOwned>(address: SocketAddr, message: &impl Serialize) -> Option<T> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write(&mut stream, &serde_json::to_string(message).ok()?).ok()?;
    let mut line = Vec::new();
    BufReader::new(stream).take(LONGEST).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(&line).ok()
}
