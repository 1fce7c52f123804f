//! A QEMU process: a guest on one disk, with a serial line, a monitor, and no network.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::linux::Kernel;
use crate::process::Process;
use crate::qmp::Qmp;
use crate::{Cellar, LabError, clock};

/// How long a guest's QEMU may take to answer `quit` before it is killed.
const QUIT: Duration = Duration::from_millis(300);
/// How long QEMU may take to open its monitor and its disk.
const START: Duration = Duration::from_secs(10);

/// What is to be started.
pub(crate) struct About<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Where its sockets go.
    pub(crate) sockets: &'a Path,
    /// Where what its guest says is written down.
    pub(crate) said: &'a Path,
    /// Where its process id is written, for a guard.
    pub(crate) pid: Option<PathBuf>,
    /// Its disk: a block node called `d0`.
    pub(crate) disk: Value,
}

/// A running guest.
pub(crate) struct Machine {
    process: Process,
    serial: UnixStream,
    monitor: PathBuf,
}

impl Machine {
    /// Starts a guest; `beat` is called each time it has acknowledged a record.
    ///
    /// # Errors
    /// QEMU does not come up.
    pub(crate) fn start(
        cellar: &Arc<Cellar>,
        (accelerator, kernel): (&str, Option<&Kernel>),
        about: &About<'_>,
        beat: impl Fn() + Send + 'static,
    ) -> Result<Self, LabError> {
        let name = about.name;
        let socket = |end: &str| about.sockets.join(format!("{name}.{end}"));
        let (serial, monitor) = (socket("serial"), socket("monitor"));
        for old in [&serial, &monitor] {
            let _ = std::fs::remove_file(old);
        }
        let socket = |id: &str, at: &PathBuf| format!("socket,id={id},path={},server=on,wait=off", at.display());
        let args = [
            "-name",
            name,
            "-accel",
            accelerator,
            "-M",
            "pc,hpet=off,usb=off",
            "-m",
            "16",
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
            "-chardev",
            &socket("serial", &serial),
            "-serial",
            "chardev:serial",
            "-chardev",
            &socket("monitor", &monitor),
            "-mon",
            "chardev=monitor,mode=control",
            "-blockdev",
            &about.disk.to_string(),
            "-device",
            "virtio-blk-pci,drive=d0,id=disk0,bootindex=1,werror=stop,rerror=stop",
        ];
        // Paused, so that no record is acknowledged before anybody listens.
        let mut args: Vec<String> = args.map(Into::into).to_vec();
        args.push("-S".into());
        args.extend(about.pid.iter().flat_map(|pid| ["-pidfile".into(), pid.display().to_string()]));
        if let Some(kernel) = kernel {
            let (image, initramfs) = (kernel.image.display().to_string(), kernel.initramfs.display().to_string());
            let append = "console=ttyS0 quiet loglevel=0 panic=-1";
            let boot = ["-kernel", &image, "-initrd", &initramfs, "-append", append, "-m", "128"];
            args.extend(boot.map(String::from));
        }
        let log = about.said.join(format!("{name}.log"));
        let process = Process::start(cellar, name, "qemu-system-x86_64", &args, &log)?;
        // Their sockets are there before anybody listens on them.
        let (mut line, mut control) = (None, None);
        process.until("its serial line and monitor", START, || {
            line = line.take().or_else(|| UnixStream::connect(&serial).ok());
            control = control.take().or_else(|| Qmp::connect(name, &monitor).ok());
            line.is_some() && control.is_some()
        })?;
        let what = || format!("the serial line of {name}");
        let (Some(line), Some(mut control)) = (line, control) else {
            return Err(LabError::Timeout { what: what(), ms: 0 });
        };
        let reader = line.try_clone().map_err(LabError::io(what()))?;
        listen(&about.said.join(format!("{name}.said")), reader, beat)?;
        control.execute("cont", &json!({}))?;
        Ok(Self { process, serial: line, monitor })
    }

    /// Whether its process is there.
    pub(crate) fn runs(&self) -> bool {
        self.process.runs()
    }

    /// Ends it: the guest is asked if there is time for it, then QEMU, then nobody.
    pub(crate) fn end(mut self, grace: Option<Duration>) {
        if let Some(grace) = grace {
            let asked = self.serial.write_all(b"h").is_ok();
            if asked && self.process.wait(grace) {
                return;
            }
            let quit = Qmp::connect("a VM", &self.monitor).and_then(|mut qmp| qmp.execute("quit", &json!({})));
            if quit.is_ok() && self.process.wait(QUIT) {
                return;
            }
        }
        // A hanging disk hangs everything but this.
        self.process.kill();
    }
}

/// Writes down what a guest says, with the time, and passes its heartbeat on.
fn listen(said: &Path, line: UnixStream, beat: impl Fn() + Send + 'static) -> Result<(), LabError> {
    let log = File::options().create(true).append(true).open(said);
    let mut log = log.map_err(LabError::io(format!("writing {}", said.display())))?;
    std::thread::spawn(move || {
        for said in BufReader::new(line).lines().map_while(Result::ok) {
            let _ = writeln!(log, "{} {said}", clock::now().0);
            if said.starts_with("ACK ") {
                beat();
            }
        }
    });
    Ok(())
}
