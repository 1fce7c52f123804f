//! A site's manager: a thread that owns the pump and gives it facts, commands and the time.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use farshore_core::error::Rejected;
use farshore_core::message::Standing;
use farshore_core::ports::{Agent, Arrays, Hosts, Journal, Link, Pump, Watch};
use farshore_core::record::{GroupRecord, Protection, Work};
use farshore_core::{Command, Fact};
use farshore_qemu::clock;

use crate::recording::{Told, Track};

/// What a manager is given.
pub(crate) enum Input {
    Fact(Fact),
    Command(Command, Sender<Result<(), Rejected>>),
    Look(Sender<View>),
    Stop,
}

/// What can be seen of the lab's groups: what is true of all of them, and whether any needs an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) active: bool,
    pub(crate) protected: bool,
    pub(crate) idle: bool,
    pub(crate) needs_operator: bool,
}

/// A running manager. Dropping it stops it.
pub(crate) struct Manager {
    inputs: Sender<Input>,
    thread: Option<JoinHandle<()>>,
}

impl Manager {
    /// Runs a pump until told to stop.
    pub(crate) fn start<H, A, J, L, G, W>(
        (inputs, facts): (Sender<Input>, Receiver<Input>),
        make: impl FnOnce() -> Pump<H, A, J, L, G, W> + Send + 'static,
        track: Track,
    ) -> Self
    where
        H: Hosts + 'static,
        A: Arrays + 'static,
        J: Journal + 'static,
        L: Link + 'static,
        G: Agent + 'static,
        W: Watch + 'static,
    {
        let thread = std::thread::spawn(move || drive(&mut make(), &facts, &track));
        Self { inputs, thread: Some(thread) }
    }

    pub(crate) fn command(&self, command: Command) -> Option<Result<(), Rejected>> {
        let (answer, answered) = channel();
        self.inputs.send(Input::Command(command, answer)).ok()?;
        answered.recv_timeout(Duration::from_secs(5)).ok()
    }

    pub(crate) fn look(&self) -> Option<View> {
        let (answer, answered) = channel();
        self.inputs.send(Input::Look(answer)).ok()?;
        answered.recv_timeout(Duration::from_secs(5)).ok()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = self.inputs.send(Input::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn drive<H: Hosts, A: Arrays, J: Journal, L: Link, G: Agent, W: Watch>(
    pump: &mut Pump<H, A, J, L, G, W>,
    inputs: &Receiver<Input>,
    track: &Track,
) {
    let fact = |pump: &mut Pump<H, A, J, L, G, W>, fact: Fact| {
        let now = clock::now();
        track.told(now, || Told::Fact(fact.clone()));
        pump.fact(now, fact);
        track.done();
    };
    loop {
        let wait = pump.deadline().map_or(60_000, |(at, _)| (at - clock::now()).0);
        match inputs.recv_timeout(Duration::from_millis(wait)) {
            Ok(Input::Fact(told)) => fact(pump, told),
            Ok(Input::Command(command, answer)) => {
                let now = clock::now();
                track.told(now, || Told::Command { command: command.clone(), rejected: None });
                let done = pump.command(now, command);
                if let Err(why) = &done {
                    track.rejected(why);
                }
                track.done();
                let _ = answer.send(done);
            }
            Ok(Input::Look(answer)) => drop(answer.send(view(pump))),
            Ok(Input::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => fact(pump, Fact::Wake),
        }
    }
}

fn view<H: Hosts, A: Arrays, J: Journal, L: Link, G: Agent, W: Watch>(pump: &Pump<H, A, J, L, G, W>) -> View {
    let status = pump.machine().status(pump.site());
    let all = |holds: fn(&GroupRecord) -> bool| status.groups.iter().all(|group| holds(group.record));
    View {
        active: all(|r| r.authority.standing() == Standing::Active),
        protected: all(|r| r.protection == Protection::Protected),
        idle: all(|r| r.work == Work::Idle),
        needs_operator: !all(|r| r.latch.is_none()),
    }
}
