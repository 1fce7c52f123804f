//! J1, J6, J7: what is saved is there again, whole, and nothing passes for a first start that is none.

use std::sync::mpsc::channel;

use farshore_core::effect::SaveId;
use farshore_core::event::Alert;
use farshore_core::ids::LunKey;
use farshore_core::ports::Journal;
use farshore_core::record::{Record, SiteRecord};
use farshore_core::{Fact, Records};
use farshore_journal::{JournalError, Store, Writer};

fn site_record(incident: u32) -> Record {
    let alerts = [Alert::Loss { lun: LunKey(u64::MAX), lag: None }].into();
    Record::Site(SiteRecord { incident, alerts, ..SiteRecord::default() })
}

#[test]
fn what_is_saved_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alder.journal");
    let store = Store::create(&path, "alder").unwrap();
    assert_eq!(store.records().unwrap(), Records::first_start());
    assert_eq!(store.next_boot().unwrap(), 1);
    store.save(&[site_record(7)]).unwrap();
    drop(store);
    let store = Store::open(&path, "alder").unwrap();
    assert_eq!(store.next_boot().unwrap(), 2);
    assert_eq!(Record::Site(store.records().unwrap().site), site_record(7));
}

#[test]
fn a_lost_journal_cannot_pass_for_a_first_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alder.journal");
    assert!(matches!(Store::open(&path, "alder"), Err(JournalError::Presence { .. })));
    drop(Store::create(&path, "alder").unwrap());
    assert!(matches!(Store::create(&path, "alder"), Err(JournalError::Presence { .. })));
    assert!(matches!(Store::open(&path, "birch"), Err(JournalError::Owner { .. })));
}

#[test]
fn damage_is_an_error_not_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alder.journal");
    drop(Store::create(&path, "alder").unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    for byte in bytes.iter_mut().take(4096) {
        *byte ^= 0x5a;
    }
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(Store::open(&path, "alder"), Err(JournalError::Database { .. })));
}

#[test]
fn the_writer_answers_each_batch_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(&dir.path().join("alder.journal"), "alder").unwrap();
    let (answers, facts) = channel();
    let mut writer = Writer::start(store, move |fact| answers.send(fact).unwrap());
    let ids = [SaveId { boot: 1, bit: true }, SaveId { boot: 1, bit: false }];
    for id in ids {
        writer.save(id, vec![site_record(1)]);
    }
    drop(writer);
    assert_eq!(facts.iter().collect::<Vec<_>>(), ids.map(Fact::Saved));
}
