//! What a run is to be like, and what it says while it goes on.

use std::path::PathBuf;
use std::time::Duration;

use farshore_core::event::Event;
use farshore_core::ids::Side;
use farshore_qemu::array::Mode;

use crate::Scenario;
use crate::recording::Header;

/// What a run is to be like.
#[derive(Clone, Debug)]
pub struct Options {
    /// How LUNs are replicated.
    pub mode: Mode,
    /// Limit of the replication link per LUN, bytes per second.
    pub rate: Option<u64>,
    /// Where its files go; `None`: a temporary directory that is removed after a run that went well.
    pub dir: Option<PathBuf>,
    /// How long the VMs run protected before the loss.
    pub calm: Duration,
    /// QEMU's accelerator.
    pub accelerator: String,
    /// What runs in the VMs.
    pub guest: Guest,
    /// What goes wrong.
    pub scenario: Scenario,
    /// Where what the managers are told and want is written down.
    pub record: Option<PathBuf>,
    /// This program, of which the arbiter, agents and guards are further processes.
    pub exe: PathBuf,
}

/// What runs in the VMs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guest {
    /// 512 bytes in the boot sector of the VM's LUN.
    #[default]
    Mini,
    /// A kernel of Debian's with an initramfs of its own.
    Linux,
}

impl Default for Options {
    fn default() -> Self {
        let calm = Duration::from_millis(1500);
        Self {
            mode: Mode::Synchronous,
            rate: None,
            dir: None,
            calm,
            accelerator: "tcg".into(),
            guest: Guest::Mini,
            scenario: Scenario::Lun,
            record: None,
            exe: std::env::current_exe().unwrap_or_default(),
        }
    }
}

impl Options {
    /// What is recorded of it.
    pub(crate) fn header(&self) -> Header {
        let mode = match self.mode {
            Mode::Synchronous => "synchronous",
            Mode::Asynchronous => "asynchronous",
        };
        let title = format!("{}, {mode}", self.scenario.name());
        Header { title, deployment: self.scenario.deployment(self.mode) }
    }
}

/// What a run is doing, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A step of the lab itself.
    Step(&'static str),
    /// A manager told something: site, milliseconds since the beginning (`None`: before it), what.
    Event(Side, Option<u64>, Event),
    /// Something happened at the first site, so many milliseconds after the beginning.
    Happened(u64, &'static str),
    /// A VM's newest acknowledged record at each site.
    Vm(&'static str, [Option<u32>; 2]),
}

/// Who is told what a run is doing.
pub type Progress<'a> = &'a (dyn Fn(Notice) + Send + Sync);

/// Whether the run is to be given up.
pub type Interrupted<'a> = &'a (dyn Fn() -> bool + Sync);
