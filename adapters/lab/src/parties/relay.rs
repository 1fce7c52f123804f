//! A wire that can be cut: whatever goes from one party to another at another place passes through one.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a connection attempt may take.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often it is looked whether the wire was cut or mended.
const LOOK: Duration = Duration::from_millis(20);

/// Passes bytes on; or, cut, takes them and passes nothing on, in either direction, as a broken network does: nobody is
/// told. Connections that have lost bytes are closed when it is mended.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    cut: AtomicBool,
    stop: AtomicBool,
}

impl Relay {
    /// A wire to an address, where nobody need listen yet.
    ///
    /// # Errors
    /// No port can be listened on.
    pub(crate) fn to(there: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let state = Arc::<State>::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            while !shared.stop.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((here, _)) => {
                        let state = shared.clone();
                        std::thread::spawn(move || join(&here, there, &state));
                    }
                    Err(_) => std::thread::sleep(LOOK),
                }
            }
        });
        Ok(Self { address, state })
    }

    /// Where the wire begins.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it, or mends it.
    pub(crate) fn cut(&self, cut: bool) {
        self.state.cut.store(cut, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
    }
}

/// One connection, both ways, until it ends or has lost something.
fn join(here: &TcpStream, there: SocketAddr, state: &State) {
    // A connection that is made over a broken wire hangs.
    while state.cut.load(Ordering::SeqCst) {
        if state.stop.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(LOOK);
    }
    let Ok(there) = TcpStream::connect_timeout(&there, PATIENCE) else { return };
    for stream in [here, &there] {
        let set = stream.set_nonblocking(false).and_then(|()| stream.set_nodelay(true));
        if set.and_then(|()| stream.set_read_timeout(Some(LOOK))).is_err() {
            return;
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| pass(here, &there, state));
        pass(&there, here, state);
    });
}

fn pass(mut from: &TcpStream, mut to: &TcpStream, state: &State) {
    let mut lossy = false;
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut bytes);
        let cut = state.cut.load(Ordering::SeqCst);
        if state.stop.load(Ordering::Relaxed) || (lossy && !cut) {
            break;
        }
        match read {
            Ok(0) => break,
            Ok(_) if cut => lossy = true,
            Ok(n) if to.write_all(&bytes[..n]).is_err() => break,
            Ok(_) => {}
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => break,
        }
    }
    // A broken wire does not say that the other end has gone, either.
    while state.cut.load(Ordering::SeqCst) && !state.stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK);
    }
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(stream: &mut TcpStream, n: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; n];
        stream.read_exact(&mut bytes).ok().map(|()| bytes)
    }

    #[test]
    fn a_cut_wire_passes_nothing_on_and_says_nothing_and_is_new_when_mended() {
        let there = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Relay::to(there.local_addr().unwrap()).unwrap();
        let mut here = TcpStream::connect(relay.address()).unwrap();
        let (mut far, _) = there.accept().unwrap();
        here.write_all(b"one").unwrap();
        assert_eq!(heard(&mut far, 3).as_deref(), Some(&b"one"[..]));
        relay.cut(true);
        here.write_all(b"two").unwrap();
        far.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let silence = far.read(&mut [0; 8]).unwrap_err();
        assert!(matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        relay.cut(false);
        far.set_read_timeout(None).unwrap();
        assert_eq!(far.read(&mut [0; 8]).unwrap(), 0, "it has lost something, so it ends");
        let mut again = TcpStream::connect(relay.address()).unwrap();
        let (mut far, _) = there.accept().unwrap();
        again.write_all(b"three").unwrap();
        assert_eq!(heard(&mut far, 5).as_deref(), Some(&b"three"[..]));
    }
}
