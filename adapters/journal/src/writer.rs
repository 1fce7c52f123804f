//! The thread that saves.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use farshore_core::Fact;
use farshore_core::effect::SaveId;
use farshore_core::ports::Journal;
use farshore_core::record::Record;

use crate::Store;

/// Saves batches in order on a thread of its own, and answers each with [`Fact::Saved`] or [`Fact::SaveFailed`].
#[derive(Debug)]
pub struct Writer {
    batches: Option<Sender<(SaveId, Vec<Record>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts saving to an open journal. `answer` is called from the thread. After a failed save every further one fails
    /// without being tried: what is durable is unknown (J7).
    pub fn start(store: Store, mut answer: impl FnMut(Fact) + Send + 'static) -> Self {
        let (batches, todo) = channel::<(SaveId, Vec<Record>)>();
        let thread = std::thread::spawn(move || {
            let mut failed = false;
            for (id, batch) in todo {
                failed = failed || store.save(&batch).inspect_err(|e| eprintln!("farshore: {e}")).is_err();
                answer(if failed { Fact::SaveFailed(id) } else { Fact::Saved(id) });
            }
        });
        Self { batches: Some(batches), thread: Some(thread) }
    }
}

impl Journal for Writer {
    fn save(&mut self, id: SaveId, batch: Vec<Record>) {
        if let Some(batches) = &self.batches {
            // The thread ends only when this sender does.
            let _ = batches.send((id, batch));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
