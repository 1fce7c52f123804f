//! Sending to the peer and listening for it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use farshore_core::Fact;
use farshore_core::message::Message;
use farshore_core::ports::Link;

use crate::frame::{Decoder, encode};

/// Messages that wait for a connection; more are lost, and asked for again (I18).
const QUEUE: usize = 1024;
/// How long a connection attempt, a write or a silent read may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// The way to the peer: one thread that connects, sends, and connects again. Never blocks the pump.
#[derive(Debug)]
pub struct Peer {
    queue: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Starts sending to a peer's listener. It need not be there yet.
    #[must_use]
    pub fn connect(address: SocketAddr) -> Self {
        let (queue, messages) = sync_channel(QUEUE);
        let thread = std::thread::spawn(move || send_all(address, &messages));
        Self { queue: Some(queue), thread: Some(thread) }
    }
}

impl Link for Peer {
    fn send(&mut self, message: Message) {
        if let Some(queue) = &self.queue {
            // A full queue loses the message, as a link may.
            let _ = queue.try_send(message);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.queue = None;
        join(&mut self.thread);
    }
}

/// Sends whatever comes; a message that cannot be sent is lost, and with it the connection.
fn send_all(address: SocketAddr, messages: &Receiver<Message>) {
    let mut connection: Option<TcpStream> = None;
    for message in messages {
        let Ok(frame) = encode(&message).inspect_err(|e| eprintln!("farshore: {e}")) else { continue };
        if connection.is_none() {
            connection = open(address).ok();
        }
        if let Some(stream) = &mut connection
            && stream.write_all(&frame).is_err()
        {
            // The peer may have restarted: one more try on a new connection, at once.
            connection = open(address).ok().filter(|mut s| s.write_all(&frame).is_ok());
        }
    }
}

fn open(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Listens for the peer and hands every message on as a fact.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Starts listening; port 0 picks a free one. `tell` is called from threads of the listener.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn start(address: SocketAddr, tell: impl Fn(Fact) + Clone + Send + 'static) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || accept(&listener, &stopped, &tell));
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// The address that is listened on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        join(&mut self.thread);
    }
}

fn accept(listener: &TcpListener, stop: &Arc<AtomicBool>, tell: &(impl Fn(Fact) + Clone + Send + 'static)) {
    let mut readers = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, from)) => {
                let (stop, tell) = (stop.clone(), tell.clone());
                readers.push(std::thread::spawn(move || {
                    if let Err(e) = read(stream, &stop, &tell) {
                        eprintln!("farshore: connection from {from} ended: {e}");
                    }
                }));
                readers.retain(|r: &JoinHandle<()>| !r.is_finished());
            }
            // Nobody there: look again soon.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    for reader in readers {
        let _ = reader.join();
    }
}

fn read(mut stream: TcpStream, stop: &AtomicBool, tell: &impl Fn(Fact)) -> Result<(), Box<dyn std::error::Error>> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut decoder = Decoder::default();
    let mut bytes = [0; 16 * 1024];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(n) => decoder.push(&bytes[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(e) => return Err(e.into()),
        }
        while let Some(message) = decoder.next_message()? {
            tell(Fact::Message(message));
        }
    }
    Ok(())
}

fn join(thread: &mut Option<JoinHandle<()>>) {
    if let Some(thread) = thread.take() {
        let _ = thread.join();
    }
}
